"""model/score as a shared library, called from Python: the C that the server runs, without the server.

Struct layouts follow model/score/*.h; nothing is computed here.
"""

from __future__ import annotations

import ctypes as c
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Error(c.Structure):
    """errinfo of weights/base.h."""

    _fields_ = [("code", c.c_int), ("text", c.c_char * 384)]


class Bin(c.Structure):
    _fields_ = [("count", c.c_size_t), ("probability", c.c_double), ("matches", c.c_double)]


class Quality(c.Structure):
    _fields_ = [(n, c.c_double) for n in ("log_loss", "brier", "ece", "ece_floor")] + [("bins", Bin * 10)]


class Calibration(c.Structure):
    _fields_ = [
        ("kind", c.c_int),
        ("weights", c.c_double * 3),
        ("bias", c.c_double),
        ("shape", c.c_double * 4),
        ("prior", c.c_double),
        ("matches", c.c_size_t),
        ("others", c.c_size_t),
        ("unlabelled", c.c_size_t),
        ("in_sample", Quality),
        ("leave_one_out", Quality),
    ]


class CalibrationOptions(c.Structure):
    _fields_ = [
        ("prior", c.c_double),
        ("shrink", c.c_double),
        ("usual_pairs", c.c_double),
        ("plain", c.c_bool),
        ("unlabelled", c.c_void_p),
        ("unlabelled_count", c.c_size_t),
    ]


class Classifier(c.Structure):
    _fields_ = [
        ("classes", c.c_size_t),
        ("width", c.c_size_t),
        ("samples", c.c_size_t),
        ("shrink", c.c_double),
        ("weights", c.POINTER(c.c_double)),
        ("bias", c.POINTER(c.c_double)),
    ]


class PairHead(c.Structure):
    _fields_ = [
        ("linear", c.POINTER(Classifier)),
        ("unit", c.c_bool),
        ("group_count", c.c_size_t),
        ("groups", c.c_size_t * 8),
    ]


class DriftReport(c.Structure):
    _fields_ = [
        ("texts", c.c_size_t),
        ("total", c.c_size_t),
        ("values", c.c_double * 9),
        ("percentiles", c.c_double * 9),
        ("drifted", c.c_bool),
    ]


def build() -> c.CDLL:
    """Compiles model/score into a temporary shared library."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "openblas"], capture_output=True, text=True, check=True)
    target = Path(tempfile.mkdtemp()) / "score.so"
    sources = [str(p) for p in sorted((ROOT / "model/score").glob("*.c"))]
    sources += [str(ROOT / "weights" / name) for name in ("base.c", "random.c")]
    command = ["cc", "-shared", "-fPIC", "-std=c17", "-D_POSIX_C_SOURCE=200809L", "-O2", "-ffp-contract=off"]
    subprocess.run(
        [*command, f"-I{ROOT}", "-o", str(target), *sources, *flags.stdout.split(), "-lm"], check=True
    )
    library = c.CDLL(str(target))
    library.calibration_logit.restype = c.c_double
    return library


LIBRARY = build()


def address(x: NDArray[np.generic]) -> c.c_void_p:
    """Of the first element; x must stay alive."""
    return c.c_void_p(x.ctypes.data)


def check(status: int, error: Error) -> None:
    """Raises what C said."""
    if status:
        raise ValueError(error.text.decode())


def fit_calibration(
    x: Doubles,
    labels: NDArray[np.bool_],
    unlabelled: Doubles | None = None,
    prior: float = 0,
    plain: bool = False,
    usual_pairs: float = 50,
) -> Calibration:
    """calibration_fit on the cosine's feature."""
    made, error = Calibration(), Error()
    x, labels = np.ascontiguousarray(x), np.ascontiguousarray(labels, dtype=np.bool_)
    extra = np.zeros(0) if unlabelled is None else np.ascontiguousarray(unlabelled)
    options = CalibrationOptions(prior, 0.1, usual_pairs, plain, extra.ctypes.data, extra.size)
    check(
        LIBRARY.calibration_fit(
            c.byref(made), 0, address(x), address(labels), c.c_size_t(x.size), c.byref(options), None, c.byref(error)
        ),
        error,
    )
    return made


def probabilities(made: Calibration, x: Doubles) -> Doubles:
    """calibration_logit of each, through a sigmoid."""
    logits = [LIBRARY.calibration_logit(c.byref(made), c.byref(c.c_double(v))) for v in x]
    return 1 / (1 + np.exp(-np.array(logits)))


def fit_classifier(x: Floats, labels: NDArray[np.int64], classes: int) -> tuple[Doubles, Doubles, float]:
    """classifier_fit with shrinkage chosen by leave-one-out: weights [k][D], bias [k], shrinkage."""
    made, error = c.POINTER(Classifier)(), Error()
    x, wide = np.ascontiguousarray(x, dtype=np.float32), np.ascontiguousarray(labels, dtype=np.uintp)
    status = LIBRARY.classifier_fit(
        c.byref(made), c.c_size_t(classes), address(x), address(wide), c.c_size_t(len(x)), c.c_size_t(x.shape[1]),
        c.c_double(-1), c.byref(error),
    )
    check(status, error)
    weights = np.ctypeslib.as_array(made.contents.weights, (classes, x.shape[1])).copy()
    bias = np.ctypeslib.as_array(made.contents.bias, (classes,)).copy()
    shrink = made.contents.shrink
    LIBRARY.classifier_close(made)
    return weights, bias, shrink


def fit_pair_head(u: Floats, v: Floats, labels: NDArray[np.int64], classes: int) -> tuple[Doubles, Doubles]:
    """pair_head_fit on unit vectors: weights [k][3D], bias [k]."""
    head, error = PairHead(), Error()
    x = np.ascontiguousarray(np.concatenate([u, v, np.abs(u - v)], 1), dtype=np.float32)
    wide = np.ascontiguousarray(labels, dtype=np.uintp)
    status = LIBRARY.pair_head_fit(
        c.byref(head), c.c_size_t(classes), address(x), c.c_bool(True), address(wide), c.c_size_t(len(x)),
        c.c_size_t(u.shape[1]), c.c_double(-1), c.byref(error),
    )
    check(status, error)
    weights = np.ctypeslib.as_array(head.linear.contents.weights, (classes, x.shape[1])).copy()
    bias = np.ctypeslib.as_array(head.linear.contents.bias, (classes,)).copy()
    LIBRARY.pair_head_clear(c.byref(head))
    return weights, bias


class Drift:
    """A baseline and a window on it."""

    def __init__(self, vectors: Floats, seed: int) -> None:
        self.baseline, self.window, error = c.c_void_p(), c.c_void_p(), Error()
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        n, d = vectors.shape
        status = LIBRARY.drift_baseline_fit(
            c.byref(self.baseline), address(vectors), c.c_size_t(n), c.c_size_t(d), c.c_uint32(seed), c.byref(error)
        )
        check(status, error)
        check(LIBRARY.drift_window_open(c.byref(self.window), self.baseline, c.byref(error)), error)

    def close(self) -> None:
        """Frees both."""
        LIBRARY.drift_window_close(self.window)
        LIBRARY.drift_baseline_close(self.baseline)

    def reset(self) -> None:
        """Empties the window."""
        LIBRARY.drift_window_reset(self.window)

    def feed(self, vectors: Floats) -> None:
        """Shows vectors to the window."""
        for row in np.ascontiguousarray(vectors, dtype=np.float32):
            LIBRARY.drift_window_add(self.window, address(row))

    def report(self) -> DriftReport:
        """drift_window_report."""
        made, error = DriftReport(), Error()
        check(LIBRARY.drift_window_report(c.byref(made), self.window, c.byref(error)), error)
        return made
