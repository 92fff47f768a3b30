"""Writes a model folder as rosim reads it: config.json, model.safetensors with Hugging Face names, tokenizer files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Mapping

import numpy as np
from safetensors.numpy import save_file

TEXT_FILES = (
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_tensors(folder: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Stores the tensors; the same tensors give the same bytes. Refuses what no encoder can use."""
    for name, array in tensors.items():
        if array.size == 0:
            raise SystemExit(f"tensor {name} is empty")
        if not np.isfinite(array).all():
            raise SystemExit(f"tensor {name} holds a value that is not finite")
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    path = folder / "model.safetensors"
    save_file(plain, path, metadata={"format": "pt"})
    path.chmod(0o644)  # the package writes 0600, which a server of another user could not read


def copy_text_files(source: Path, target: Path) -> list[str]:
    """Copies the small files that describe model and tokenizer; returns the names that were there."""
    copied = [name for name in TEXT_FILES if (source / name).is_file()]
    for name in copied:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    return copied


def write_sentence_files(folder: Path, width: int, pooling: str, max_length: int) -> None:
    """The files of sentence-transformers: pooling "cls" or "mean", then normalisation."""
    kind = "sentence_transformers.models."
    steps = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": kind + name} for i, (path, name) in enumerate(steps)
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )


def write_tokenizer_files(folder: Path, tokenizer_json: Path, max_length: int) -> None:
    """Copies tokenizer.json and spells it out as vocab.txt and tokenizer_config.json (WordPiece only)."""
    tokenizer = json.loads(tokenizer_json.read_text(encoding="utf-8"))
    model, normalizer = tokenizer["model"], tokenizer.get("normalizer") or {}
    if model.get("type", "WordPiece") != "WordPiece":
        raise SystemExit(f"{tokenizer_json}: a {model['type']} tokenizer, only WordPiece is supported")
    pieces = sorted(model["vocab"].items(), key=lambda item: item[1])
    if [number for _, number in pieces] != list(range(len(pieces))):
        raise SystemExit(f"{tokenizer_json}: the ids of the vocabulary are not 0 to {len(pieces) - 1}")
    shutil.copyfile(tokenizer_json, folder / "tokenizer.json")
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece, _ in pieces), encoding="utf-8", newline="\n")
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": bool(normalizer.get("lowercase", True)),
            "strip_accents": normalizer.get("strip_accents"),
            "tokenize_chinese_chars": bool(normalizer.get("handle_chinese_chars", True)),
            "model_max_length": max_length,
            "unk_token": "[UNK]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "mask_token": "[MASK]",
        },
    )
