"""The engines under comparison, each behind the same three calls: time ids, time texts, give vectors.

An engine's precision is what it computes in. Times of ids leave out the tokenizer and, for the peers, the pooling;
times of texts have both, with the texts sorted by length and in batches of the size asked for.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Setting:
    """What every engine is made from."""

    rosim: str
    folder: Path  # the model as rosim serves it
    prepared: Path  # the peers' forms of it
    threads: int


@dataclass(frozen=True)
class Times:
    """Milliseconds of one call, or of one pass over all texts."""

    best_ms: float
    median_ms: float


def timed(call: Callable[[], object], budget_ms: float) -> Times:
    """One call to warm up, then at least three, until the time is spent."""
    call()
    samples: list[float] = []
    end = time.perf_counter() + budget_ms / 1000
    while len(samples) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        samples.append(1000 * (time.perf_counter() - start))
    return Times(min(samples), float(np.median(samples)))


class Engine(ABC):
    """One way to turn texts into vectors."""

    batches: tuple[int, ...] = (1, 8, 32)

    @abstractmethod
    def time_ids(self, ids: list[int], budget_ms: float) -> Times:
        """One text, given as ids."""

    @abstractmethod
    def time_texts(self, texts: list[str], batch: int, budget_ms: float) -> Times:
        """All texts, tokenizer included."""

    @abstractmethod
    def vectors(self, texts: list[str]) -> Array:
        """[texts][dimensions], of length 1."""


class PythonEngine(Engine):
    """A library called from here; a subclass says how it computes the hidden states of a padded batch."""

    def __init__(self, setting: Setting) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(setting.folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(512)
        self.tokenizer.enable_padding()
        pooling = json.loads((setting.folder / "1_Pooling" / "config.json").read_text())
        self.mean = bool(pooling["pooling_mode_mean_tokens"])

    @abstractmethod
    def hidden(self, ids: Array, mask: Array) -> Array:
        """[batch][tokens][width] of ids [batch][tokens]."""

    def pooled(self, hidden: Array, mask: Array) -> Array:
        """As the model's own pooling says, of length 1."""
        if self.mean:
            weights = mask[:, :, None].astype(np.float32)
            vectors: Array = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        else:
            vectors = hidden[:, 0]
        lengths: Array = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Array = vectors / lengths
        return unit

    def encode(self, texts: list[str], batch: int) -> Array:
        """Sorted by length, so that little is padded."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out: list[Array] = [np.empty(0)] * len(texts)
        for first in range(0, len(texts), batch):
            chosen = order[first : first + batch]
            encodings = self.tokenizer.encode_batch([texts[i] for i in chosen])
            ids = np.array([e.ids for e in encodings], dtype=np.int64)
            mask = np.array([e.attention_mask for e in encodings], dtype=np.int64)
            for i, vector in zip(chosen, self.pooled(self.hidden(ids, mask), mask), strict=True):
                out[i] = vector
        return np.stack(out)

    def time_ids(self, ids: list[int], budget_ms: float) -> Times:
        one = np.array([ids], dtype=np.int64)
        mask = np.ones_like(one)
        return timed(lambda: self.hidden(one, mask), budget_ms)

    def time_texts(self, texts: list[str], batch: int, budget_ms: float) -> Times:
        return timed(lambda: self.encode(texts, batch), budget_ms)

    def vectors(self, texts: list[str]) -> Array:
        return self.encode(texts, 1)


class OnnxRuntime(PythonEngine):
    """onnxruntime's processor provider."""

    def __init__(self, setting: Setting, file: str) -> None:
        import onnxruntime

        super().__init__(setting)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setting.threads
        self.session = onnxruntime.InferenceSession(
            str(setting.prepared / file), options, providers=["CPUExecutionProvider"]
        )

    def hidden(self, ids: Array, mask: Array) -> Array:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: Array = self.session.run(None, feed)[0]
        return hidden


class OpenVino(PythonEngine):
    """OpenVINO's processor plug-in, tuned for latency, in the precision asked for."""

    def __init__(self, setting: Setting, file: str, hint: str) -> None:
        import openvino

        super().__init__(setting)
        core = openvino.Core()
        if hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("this processor has no bf16")
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": setting.threads,
            "INFERENCE_PRECISION_HINT": hint,
        }
        self.request = core.compile_model(
            str(setting.prepared / file), "CPU", config
        ).create_infer_request()

    def hidden(self, ids: Array, mask: Array) -> Array:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        result = self.request.infer(feed, share_inputs=True, share_outputs=True)
        hidden: Array = result[0]
        return hidden


class CTranslate2(PythonEngine):
    """CTranslate2's encoder, which leaves padding out of its dense layers."""

    def __init__(self, setting: Setting, compute: str) -> None:
        import ctranslate2

        super().__init__(setting)
        self.storage = ctranslate2.StorageView
        self.encoder = ctranslate2.Encoder(
            str(setting.prepared / "ctranslate2"),
            compute_type=compute,
            intra_threads=setting.threads,
        )

    def hidden(self, ids: Array, mask: Array) -> Array:
        lengths = mask.sum(axis=1).astype(np.int32)
        output = self.encoder.forward_batch(
            self.storage.from_array(ids.astype(np.int32)), self.storage.from_array(lengths)
        )
        return np.asarray(output.last_hidden_state)


class SentenceTransformers(PythonEngine):
    """sentence-transformers on torch, through its own encode; ids go to its first module."""

    def __init__(self, setting: Setting) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        super().__init__(setting)
        torch.set_num_threads(setting.threads)
        self.torch = torch
        self.model = SentenceTransformer(str(setting.folder), device="cpu")
        self.model.max_seq_length = 512

    def hidden(self, ids: Array, mask: Array) -> Array:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        with self.torch.inference_mode():
            result = self.model[0](
                {key: self.torch.from_numpy(value) for key, value in feed.items()}
            )
        hidden: Array = result["token_embeddings"].numpy()
        return hidden

    def encode(self, texts: list[str], batch: int) -> Array:
        vectors: Array = self.model.encode(
            texts,
            batch_size=batch,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return vectors


class Rosim(Engine):
    """The program itself: `rosim bench` measures within its process, `rosim embed` gives the vectors."""

    batches = (0,)  # it packs texts as it likes

    def __init__(self, setting: Setting, precision: str) -> None:
        self.setting = setting
        common = [
            "--model",
            str(setting.folder),
            "--precision",
            precision,
            "--threads",
            str(setting.threads),
        ]
        self.options = [*common, "--max-length", "512"]

    def run(self, command: list[str]) -> str:
        """Standard output of a sub-command."""
        done = subprocess.run(
            [self.setting.rosim, *command, *self.options],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def bench(self, option: str, lines: list[str], budget_ms: float) -> dict[str, Any]:
        """The only row of a bench of these lines."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            report = json.loads(
                self.run(
                    [
                        "bench",
                        "--json",
                        f"--{option}",
                        file.name,
                        "--measure-ms",
                        str(max(1, round(budget_ms))),
                    ]
                )
            )
        row: dict[str, Any] = report[option][0]
        return row

    def time_ids(self, ids: list[int], budget_ms: float) -> Times:
        row = self.bench("ids", [" ".join(map(str, ids))], budget_ms)
        return Times(row["min_ms"], row["median_ms"])

    def time_texts(self, texts: list[str], batch: int, budget_ms: float) -> Times:
        row = self.bench("texts", texts, budget_ms)
        return Times(
            1000 * row["texts"] / row["best_texts_per_s"],
            1000 * row["texts"] / row["median_texts_per_s"],
        )

    def vectors(self, texts: list[str]) -> Array:
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "vectors.npy"
            command = [self.setting.rosim, "embed", *self.options, "-o", str(output)]
            subprocess.run(
                command, input="".join(text + "\n" for text in texts).encode(), check=True
            )
            vectors: Array = np.load(output)
        return vectors


@dataclass(frozen=True)
class Entry:
    """A row of the comparison: what it is called, which precision it stands for, how it is made."""

    name: str
    precision: str
    package: str
    make: Callable[[Setting], Engine]


ENTRIES = (
    Entry("rosim", "f32", "", lambda s: Rosim(s, "f32")),
    Entry("rosim", "bf16", "", lambda s: Rosim(s, "bf16")),
    Entry("rosim", "int8", "", lambda s: Rosim(s, "int8")),
    Entry("onnxruntime", "f32", "onnxruntime", lambda s: OnnxRuntime(s, "fused.onnx")),
    Entry("onnxruntime", "int8", "onnxruntime", lambda s: OnnxRuntime(s, "int8.onnx")),
    Entry("openvino", "f32", "openvino", lambda s: OpenVino(s, "plain.onnx", "f32")),
    Entry("openvino", "bf16", "openvino", lambda s: OpenVino(s, "plain.onnx", "bf16")),
    Entry("openvino", "int8", "openvino", lambda s: OpenVino(s, "openvino-int8.xml", "f32")),
    Entry("ctranslate2", "int8", "ctranslate2", lambda s: CTranslate2(s, "int8")),
    Entry("sentence-transformers", "f32", "sentence-transformers", SentenceTransformers),
)
