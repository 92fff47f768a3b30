"""The student: a RoFormer sentence encoder with softmax and linear attention from one set of weights.

Module names are the tensor names of the model folder, so a state dict is the file. The arithmetic is that of the server
(model/encoder), and tests/train holds the two equal:

    softmax   q and k rotated (pairs 2i, 2i+1; base 10000), scores / sqrt(d)
    linear    per head phi(q) = softmax([qA, -qA]), psi(k) = softmax([kB, -kB]) on q and k as projected;
              numerator with rotated features, denominator phi(q)' sum psi(k) + 1e-6 without rotation
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

LINEAR_EPSILON = 1e-6
ROPE_BASE = 10000.0


@dataclass(frozen=True)
class Shape:
    """The sizes of a model, from its config.json."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    ffn: int
    types: int
    epsilon: float

    @classmethod
    def read(cls, folder: Path) -> Shape:
        c = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(c["vocab_size"], c["hidden_size"], c["num_hidden_layers"], c["num_attention_heads"],
                   c["intermediate_size"], c["type_vocab_size"], c["layer_norm_eps"])


def rotation(length: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin [length][width / 2] of the rotary embedding, computed in double."""
    rate = ROPE_BASE ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width)
    angle = torch.arange(length, dtype=torch.float64, device=device)[:, None] * rate
    return angle.cos(), angle.sin()


def evens_first(width: int, device: torch.device) -> Tensor:
    """The order 0, 2, 4 ... 1, 3, 5 ...: partners of a rotation then stand in two contiguous halves. A product of two
    vectors in the same order is what it was, so only what is rotated is reordered, through its weights."""
    return torch.cat([torch.arange(0, width, 2, device=device), torch.arange(1, width, 2, device=device)])


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turns the pairs of the last dimension, evens first, by their position's angle."""
    cos, sin = (t.to(x.dtype) for t in table)
    even, odd = x.chunk(2, -1)
    return torch.cat([even * cos - odd * sin, odd * cos + even * sin], -1)


def hedgehog(x: Tensor, maps: Tensor) -> Tensor:
    """softmax over [x A, -x A] per head, evens first: x [B][H][n][d], maps [H][d][d] -> [B][H][n][2d]."""
    y = torch.matmul(x, maps[..., evens_first(maps.shape[-1], maps.device)].to(x.dtype))
    even, odd = y.chunk(2, -1)
    return torch.cat([even, -even, odd, -odd], -1).softmax(-1).to(x.dtype)


class SelfAttention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.width)
        self.value = nn.Linear(shape.width, shape.width)
        head = shape.width // shape.heads
        start = 1.5 * torch.eye(head).repeat(shape.heads, 1, 1)
        self.linear_query_map = nn.Parameter(start.clone())
        self.linear_key_map = nn.Parameter(start.clone())

    def forward(self, x: Tensor, mask: Tensor, linear: bool) -> Tensor:
        v = self._heads(self.value(x))
        out = self._linear(x, v, mask) if linear else self._softmax(x, v, mask)
        return out.transpose(1, 2).flatten(-2)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def _softmax(self, x: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        width = self.query.out_features // self.heads
        order = evens_first(width, x.device)
        order = (order + width * torch.arange(self.heads, device=x.device)[:, None]).flatten()
        table = rotation(x.shape[1], width, x.device)
        q, k = (rotate(self._heads(F.linear(x, part.weight[order], part.bias[order])), table)
                for part in (self.query, self.key))
        score = torch.matmul(q, k.transpose(-1, -2)) * width ** -0.5
        weight = score.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1)
        return torch.matmul(weight.to(v.dtype), v)

    def _linear(self, x: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        phi = hedgehog(self._heads(self.query(x)), self.linear_query_map)
        psi = hedgehog(self._heads(self.key(x)), self.linear_key_map) * mask[:, None, :, None]
        table = rotation(x.shape[1], phi.shape[3], x.device)
        below = torch.matmul(phi, psi.sum(2).unsqueeze(-1)) + LINEAR_EPSILON
        state = torch.matmul(rotate(psi, table).transpose(-1, -2), v)
        return torch.matmul(rotate(phi, table), state) / below


class Residual(nn.Module):
    """A dense layer, the residual and the norm behind it."""

    def __init__(self, inner: int, shape: Shape) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, shape.epsilon)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        out: Tensor = self.LayerNorm(self.dense(x) + residual)
        return out


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(shape), "output": Residual(shape.width, shape)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(shape.width, shape.ffn)})
        self.output = Residual(shape.ffn, shape)

    def forward(self, x: Tensor, mask: Tensor, linear: bool) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, mask, linear), x)
        out: Tensor = self.output(F.gelu(self.intermediate["dense"](x)), x)
        return out


class Encoder(nn.Module):
    """Token ids [B][n] and mask to L2-normalised sentence vectors [B][width]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embeddings = nn.ModuleDict({
            "word_embeddings": nn.Embedding(shape.vocabulary, shape.width),
            "token_type_embeddings": nn.Embedding(shape.types, shape.width),
            "LayerNorm": nn.LayerNorm(shape.width, shape.epsilon)})
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(shape) for _ in range(shape.layers))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(shape.width, shape.width)})

    @property
    def words(self) -> Tensor:
        """The word embeddings [vocabulary][width]."""
        return self.get_parameter("embeddings.word_embeddings.weight")

    def forward(self, ids: Tensor, mask: Tensor, linear: bool, table: Tensor | None = None) -> Tensor:
        """With a table (some rows of the word embeddings) the ids are rows of the table."""
        x = F.embedding(ids, self.words if table is None else table)
        x = self.embeddings["LayerNorm"](x + self.get_parameter("embeddings.token_type_embeddings.weight")[0])
        for layer in self.encoder["layer"].children():
            x = layer(x, mask, linear)
        weight = mask.unsqueeze(-1).to(x.dtype if x.dtype == torch.float64 else torch.float32)
        pooled = (x.to(weight.dtype) * weight).sum(1) / weight.sum(1)
        pooled = self.pooler["dense"](pooled)
        return F.normalize(pooled if pooled.dtype == torch.float64 else pooled.float(), dim=-1)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of a model folder in fp32; int8 matrices are multiplied by the scales of their rows."""
    raw = load_file(folder / "model.safetensors")
    out: dict[str, Tensor] = {}
    for name, tensor in raw.items():
        if name.endswith("_scale") and name.removesuffix("_scale") in raw:
            continue
        scale = raw.get(name + "_scale")
        out[name] = tensor.float() if scale is None else tensor.float() * scale[:, None]
    return out


def load(folder: Path) -> Encoder:
    """The encoder of a model folder (V1, layer norm, mean pooling with a linear pooler)."""
    model = Encoder(Shape.read(folder))
    model.load_state_dict(read_tensors(folder))
    return model
