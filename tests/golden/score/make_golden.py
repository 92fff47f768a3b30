"""Golden values for model/score, by scikit-learn, SciPy and torch: nothing here is rosim's own arithmetic.

Run in this folder with the packages of requirements.txt; writes golden.txt, lines `name count value...`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.special import expit, logsumexp
from scipy.stats import spearmanr
from sklearn.calibration import calibration_curve
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, precision_recall_curve
from sklearn.model_selection import LeaveOneOut, cross_val_predict

Array = NDArray[np.float64]
lines: list[str] = []


def put(name: str, values: object) -> None:
    """Appends one named list of numbers."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    lines.append(f"{name} {flat.size} " + " ".join(repr(float(v)) for v in flat))


def as_float32(x: Array) -> Array:
    """Values that a C float holds exactly."""
    return x.astype(np.float32).astype(np.float64)


def calibration(rng: np.random.Generator) -> None:
    """Three features, and one; the Gaussians of scikit-learn's discriminant analysis with fixed shrinkage."""
    n = 60
    labels = np.arange(n) % 5 < 2
    mix = np.array([[1.0, 0.3, -0.2], [0.0, 0.8, 0.4], [0.0, 0.0, 0.5]])
    x = rng.normal(size=(n, 3)) @ mix + labels[:, None] * np.array([1.2, 0.7, 0.4]) + 2
    put("cal_x", x)
    put("cal_labels", labels)
    for name, columns in (("cal3", [0, 1, 2]), ("cal1", [0])):
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
        rows = x[:, columns]
        lda.fit(rows, labels)
        put(f"{name}_weights", lda.coef_[0])
        put(f"{name}_bias", lda.intercept_)
        out = cross_val_predict(lda, rows, labels, cv=LeaveOneOut(), method="decision_function")
        put(f"{name}_leave_one_out", out)
    logits = lda.decision_function(x[:, [0]])
    p = expit(logits)
    put("judge_logits", logits)
    put("judge_log_loss", log_loss(labels, p))
    put("judge_brier", brier_score_loss(labels, p))
    shares, means = calibration_curve(labels, p, n_bins=10)
    counts = np.histogram(p, bins=np.linspace(0, 1, 11))[0]
    put("judge_ece", np.sum(counts[counts > 0] * np.abs(shares - means)) / n)
    precision, recall, thresholds = precision_recall_curve(labels, p)
    good = np.flatnonzero(precision[:-1] >= 0.75)[0]
    put("threshold_75", [thresholds[good], precision[good], recall[good]])


def classifier(rng: np.random.Generator) -> None:
    """Three classes in eight dimensions."""
    n, d, k = 45, 8, 3
    labels = np.arange(n) % k
    x = as_float32(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / 2 + rng.normal(size=(k, d))[labels])
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2)
    put("class_x", x)
    put("class_labels", labels)
    put("class_probabilities", lda.fit(x, labels).predict_proba(x))
    out = cross_val_predict(lda, x, labels, cv=LeaveOneOut(), method="predict_proba")
    put("class_loo_log_loss", log_loss(labels, out))
    put("class_loo_accuracy", accuracy_score(labels, out.argmax(1)))


def margins(rng: np.random.Generator) -> None:
    """Logits of a softmax, by log-sum-exp over the others."""
    cosines = as_float32(np.concatenate([rng.uniform(-0.2, 0.9, size=9), [0.99, 0.985]]))
    s = 20 * cosines
    put("margin_cosines", cosines)
    put("margin_values", [s[i] - logsumexp(np.delete(s, i)) for i in range(s.size)])


def gaussians(rng: np.random.Generator) -> None:
    """Distances of two laws: KL by torch.distributions, W2 by SciPy's matrix square root."""
    n, d = 40, 5
    a = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    b = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    put("gauss_a", a)
    put("gauss_b", b)
    put("gauss_a_mean", a.mean(0))
    put("gauss_a_covariance", np.cov(a.T, bias=True))
    for name, diagonal in (("full", False), ("diagonal", True)):
        laws = []
        for rows in (a, b):
            s = np.cov(rows.T, bias=True)
            s = np.diag(np.diag(s)) if diagonal else s
            s = 0.9 * s + 0.1 * np.trace(s) / d * np.eye(d)
            laws.append((rows.mean(0), s))
        (ma, sa), (mb, sb) = laws
        p, q = (torch.distributions.MultivariateNormal(torch.tensor(m), torch.tensor(s)) for m, s in laws)
        kl = [float(torch.distributions.kl_divergence(p, q)), float(torch.distributions.kl_divergence(q, p))]
        middle = (sa + sb) / 2
        dets = [np.linalg.slogdet(s)[1] for s in (sa, sb, middle)]
        bd = (dets[2] - (dets[0] + dets[1]) / 2) / 2 + (ma - mb) @ np.linalg.inv(middle) @ (ma - mb) / 8
        root = sqrtm(sa)
        w2 = (ma - mb) @ (ma - mb) + np.trace(sa + sb - 2 * np.real(sqrtm(root @ sb @ root)))
        put(f"gauss_{name}", [*kl, bd, np.sqrt(w2)])


def uncertainty(rng: np.random.Generator) -> None:
    """Symmetric KL of Bernoulli laws by torch."""
    logits = rng.normal(size=4) * 2
    laws = [torch.distributions.Bernoulli(logits=torch.tensor(v)) for v in logits]
    kls = [
        float(torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)) / 2
        for i, p in enumerate(laws)
        for q in laws[:i]
    ]
    put("uncertain_logits", logits)
    put("uncertain_divergence", np.mean(kls))
    put("uncertain_summary", [logits.mean(), logits.std(ddof=1)])


def flat_nce(rng: np.random.Generator) -> None:
    """Loss and gradient of one batch by torch's autograd, for a full map and one of rank two."""
    n, d, r = 6, 5, 2
    a, b = as_float32(rng.normal(size=(n, d))), as_float32(rng.normal(size=(n, d)))
    b[:4] = as_float32(a[:4] + 0.7 * rng.normal(size=(4, d)))
    labels = np.array([1, 1, 1, 1, 0, 0], dtype=bool)
    put("nce_a", a)
    put("nce_b", b)
    put("nce_labels", labels)
    for name, shapes in (("full", [(d, d)]), ("low", [(r, d), (d, r)])):
        weights = [torch.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]

        def mapped(x: Array) -> torch.Tensor:
            unit = torch.nn.functional.normalize(torch.tensor(x), dim=1)
            y = unit @ weights[0].T if len(weights) == 1 else unit + unit @ weights[0].T @ weights[1].T
            return torch.nn.functional.normalize(y, dim=1)

        s = 20 * mapped(a) @ mapped(b).T
        losses = []
        for i in np.flatnonzero(labels):
            negatives = [s[i, j] for j in range(n) if j != i] + [s[j, i] for j in range(n) if j != i]
            negatives += [s[k, k] for k in np.flatnonzero(~labels)]
            losses.append(torch.logsumexp(torch.stack(negatives), 0) - s[i, i])
        loss = torch.stack(losses).mean()
        loss.backward()
        put(f"nce_{name}_weights", np.concatenate([w.detach().numpy().ravel() for w in weights]))
        put(f"nce_{name}_loss", loss.item())
        put(f"nce_{name}_gradient", np.concatenate([w.grad.numpy().ravel() for w in weights]))


def ranks(rng: np.random.Generator) -> None:
    """Spearman with and without ties."""
    for name, digits in (("plain", 9), ("tied", 0)):
        a = as_float32(rng.normal(size=60).round(digits))
        b = as_float32((a + rng.normal(size=60)).round(digits))
        put(f"spearman_{name}_a", a)
        put(f"spearman_{name}_b", b)
        put(f"spearman_{name}", spearmanr(a, b).statistic)


def main() -> None:
    """Writes golden.txt beside this file."""
    rng = np.random.default_rng(20261124)
    for part in (calibration, classifier, margins, gaussians, uncertainty, flat_nce):
        part(rng)
    ranks(np.random.default_rng(20261125))
    Path(__file__).with_name("golden.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
