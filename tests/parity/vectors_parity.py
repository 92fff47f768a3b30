"""Compares rosim's vectors with the reference implementations, on every text of the development sets.

A model's reference is the program that its makers use: sentence-transformers for MiniLM, onnxruntime on the original
ONNX file for bge, transformers' RoFormer for the softmax attention of the default model, which also has its golden
vectors for both attentions. One row a model and set: the smallest and the mean cosine of the two vectors of a text, and
Spearman's correlation (x 100) of either side with the human scores. With --precisions the same rows hold rosim's bf16
and int8 against its own fp32, to the bound that `--precision auto` promises.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.stats import spearmanr



@dataclass(frozen=True)
class Bound:
    min_cosine: float
    mean_cosine: float
    spearman_difference: float  # of 100


PARITY = Bound(0.99999, 0.99999, 0.01)
PRECISION = Bound(0.99, 0.998, 0.3)

Encoder = Callable[[list[str]], np.ndarray]


def read_set(path: Path) -> tuple[np.ndarray, list[str], list[str]]:
    """A development set: scores and the two sides."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return (
        np.array([float(row[0]) for row in rows]),
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


def rosim_encoder(binary: str, folder: Path, attention: str = "auto", precision: str = "f32") -> Encoder:
    """Vectors as the command line writes them."""

    def encode(texts: list[str]) -> np.ndarray:
        with tempfile.TemporaryDirectory() as scratch:
            output = os.path.join(scratch, "vectors.npy")
            command = [
                binary,
                "embed",
                "--model",
                str(folder),
                "--attention",
                attention,
                "--precision",
                precision,
                "-o",
                output,
            ]
            lines = "".join(text + "\n" for text in texts)
            subprocess.run(command, input=lines.encode(), check=True)
            vectors = np.load(output)
        if vectors.shape[0] != len(texts):
            raise SystemExit(f"{folder}: {len(texts)} texts gave {vectors.shape[0]} vectors")
        return vectors

    return encode


def sentence_transformers_encoder(folder: Path) -> Encoder:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(
        texts, batch_size=64, show_progress_bar=False, convert_to_numpy=True
    )


def onnx_cls_encoder(folder: Path) -> Encoder:
    """The original ONNX file with its own tokenizer: the vector of [CLS]."""
    import onnxruntime
    from tokenizers import Tokenizer

    session = onnxruntime.InferenceSession(
        str(next(folder.rglob("*.onnx"))), providers=["CPUExecutionProvider"]
    )
    names = {entry.name for entry in session.get_inputs()}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(512)
    tokenizer.enable_padding()

    def encode_batch(texts: list[str]) -> np.ndarray:
        encodings = tokenizer.encode_batch(texts)
        inputs = {
            "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
            "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
            "token_type_ids": np.array([e.type_ids for e in encodings], dtype=np.int64),
        }
        hidden = session.run(
            None, {name: value for name, value in inputs.items() if name in names}
        )[0]
        return hidden[:, 0]

    return lambda texts: in_batches(encode_batch, texts)


def dequantised(path: Path) -> dict[str, torch.Tensor]:
    """The tensors as fp32: an int8 matrix times the scale of each of its rows."""
    stored = load_file(path)
    tensors = {}
    for name, tensor in stored.items():
        if tensor.dtype == torch.int8:
            tensors[name] = tensor.float() * stored[name + "_scale"][:, None]
        elif not name.endswith("_scale"):
            tensors[name] = tensor.float()
    return tensors


def roformer_encoder(folder: Path) -> Encoder:
    """transformers' own RoFormer and tokenizer; the mean over tokens, then the pooler's matrix without activation."""
    from transformers import BertTokenizer, RoFormerConfig, RoFormerModel

    tensors = dequantised(folder / "model.safetensors")
    model = RoFormerModel(RoFormerConfig.from_pretrained(folder)).eval()
    left_out = model.load_state_dict(tensors, strict=False).missing_keys
    if any("embed_positions" not in name for name in left_out):
        raise SystemExit(f"{folder}: the reference lacks {left_out}")
    tokenizer = BertTokenizer.from_pretrained(folder)
    weight, bias = tensors["pooler.dense.weight"], tensors["pooler.dense.bias"]

    def encode_batch(texts: list[str]) -> np.ndarray:
        inputs = tokenizer(
            texts, padding=True, truncation=True, max_length=512, return_tensors="pt"
        )
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state
            mask = inputs["attention_mask"][:, :, None].float()
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            return (mean @ weight.T + bias).numpy()

    return lambda texts: in_batches(encode_batch, texts)


def in_batches(encode_batch: Encoder, texts: list[str]) -> np.ndarray:
    """Batches of texts of like length, for a reference that pads."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors: list[np.ndarray | None] = [None] * len(texts)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        for index, vector in zip(chosen, encode_batch([texts[i] for i in chosen])):
            vectors[index] = vector
    return np.array(vectors)


def unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def spearman(cosines: np.ndarray, scores: np.ndarray) -> float:
    """Of the cosines as rosim prints them, six decimals: texts that a vocabulary cannot tell apart (Chinese in
    MiniLM's) must tie, and a reference whose vectors depend on the batch breaks such ties by its rounding."""
    return float(100 * spearmanr(cosines.round(6), scores).statistic)


def compare_on_sets(
    name: str, ours: Encoder, reference: Encoder, sets: list[Path], limit: int, bound: Bound = PARITY
) -> bool:
    """Prints a row a set; every text is encoded once."""
    loaded = {path: read_set(path) for path in sets}
    if limit:
        loaded = {path: (s[:limit], a[:limit], b[:limit]) for path, (s, a, b) in loaded.items()}
    texts = sorted({text for _, a, b in loaded.values() for text in a + b})
    row_of = {text: row for row, text in enumerate(texts)}
    x, y = unit(ours(texts)), unit(reference(texts))
    cosines = (x * y).sum(axis=1)
    good = True
    for path, (scores, a, b) in loaded.items():
        left, right = [row_of[text] for text in a], [row_of[text] for text in b]
        here = cosines[sorted(set(left + right))]
        rank = [spearman((v[left] * v[right]).sum(axis=1), scores) for v in (x, y)]
        close = here.min() >= bound.min_cosine and here.mean() >= bound.mean_cosine
        row_good = close and abs(rank[0] - rank[1]) <= bound.spearman_difference
        good = good and bool(row_good)
        print(
            f"| {name} | {path.name.split('.')[0]} | {len(here)} | {here.min():.7f} | {here.mean():.7f} "
            f"| {rank[0]:.4f} | {rank[1]:.4f} | {abs(rank[0] - rank[1]):.4f} | {'ok' if row_good else 'FAILED'} |",
            flush=True,
        )
    return good


def compare_with_golden(name: str, binary: str, folder: Path) -> bool:
    """The vectors that the model's folder brings along."""
    entries = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    good = True
    for attention in ("softmax", "linear"):
        chosen = [entry for entry in entries if attention in entry]
        if not chosen:
            continue
        ours = unit(rosim_encoder(binary, folder, attention)([entry["text"] for entry in chosen]))
        wanted = unit(np.array([entry[attention] for entry in chosen]))
        cosines, largest = (ours * wanted).sum(axis=1), np.abs(ours - wanted).max()
        row_good = cosines.min() >= PARITY.min_cosine and largest <= 1e-4
        good = good and bool(row_good)
        print(
            f"| {name} | golden, {attention} | {len(chosen)} | {cosines.min():.7f} | {cosines.mean():.7f} "
            f"| | | largest difference {largest:.1e} | {'ok' if row_good else 'FAILED'} |",
            flush=True,
        )
    return good


def compare_precisions(
    name: str, binary: str, folder: Path, attentions: list[str], sets: list[Path], limit: int
) -> bool:
    good = True
    for attention in attentions:
        exact = rosim_encoder(binary, folder, attention)
        for precision in ("bf16", "int8"):
            title = f"{name}, {precision}" + (f", {attention}" if len(attentions) > 1 else "")
            coarse = rosim_encoder(binary, folder, attention, precision)
            good = compare_on_sets(title, coarse, exact, sets, limit, PRECISION) and good
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rosim", help="the binary")
    parser.add_argument(
        "--sts", type=Path, help="folder of the development sets (score, text, text; tabs)"
    )
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    parser.add_argument("--only", help="one model's name")
    parser.add_argument("--limit", type=int, default=0, help="first pairs of each set only")
    parser.add_argument("--precisions", action="store_true", help="bf16 and int8 against fp32 instead")
    arguments = parser.parse_args()
    sets = sorted(arguments.sts.glob("*.tsv")) if arguments.sts else []
    references: dict[str, Callable[[Path], Encoder]] = {
        "default": roformer_encoder,
        "all-MiniLM-L6-v2": sentence_transformers_encoder,
        "bge-small-zh-v1.5": onnx_cls_encoder,
    }

    print(
        "| model | set | texts | min cosine | mean cosine | Spearman rosim | Spearman reference | difference | |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    good = True
    if arguments.only in (None, "default") and not arguments.precisions:
        good = compare_with_golden("default", arguments.rosim, arguments.weights / "default")
    for name, reference in references.items():
        folder = arguments.weights / ("default" if name == "default" else f"cache/{name}")
        if arguments.only not in (None, name):
            continue
        if not folder.is_dir() or not sets:
            reason = "no --sts folder" if folder.is_dir() else "run make models first"
            print(f"vectors_parity: {name} left out: {reason}", file=sys.stderr)
            good = False
            continue
        attention = "softmax" if name == "default" else "auto"
        if arguments.precisions:
            attentions = ["softmax", "linear"] if name == "default" else ["auto"]
            good = compare_precisions(name, arguments.rosim, folder, attentions, sets, arguments.limit) and good
            continue
        ours = rosim_encoder(arguments.rosim, folder, attention)
        good = compare_on_sets(name, ours, reference(folder), sets, arguments.limit) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
