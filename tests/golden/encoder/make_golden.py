"""Writes the tiny models of this folder and what they must compute.

    python3 -m pip install -r requirements.txt && python3 make_golden.py

Each case is a model folder as the server reads it, and `expected.safetensors` with, for text number t:
    t.ids                         token ids
    t.hidden.L                    hidden states after layer L (0: embeddings), texts of up to 33 tokens
    t.POOLING                     the vector of every pooling that the model can do, not normalised
    t.linear.MAP                  the token mean under linear attention with that map (case roformer_linear)

What computes them, in float64:
    roformer*, bert*    the classes of Hugging Face transformers as they are
    sentence_dense      the classes of sentence-transformers as they are, which also wrote the folder
    roformer_v2         OURS: RoFormerModel with each LayerNorm replaced by RMS norm and every bias removed
    roformer_log512,
    roformer_unscaled   OURS: RoFormerModel with its query weights multiplied by the factor between the two scales
    poolers             OURS: torch.nn.functional on the hidden states (RoFormerModel has no pooler)
    roformer_linear     OURS: RoFormerModel with attention replaced by the explicit n x n form of each kernel
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizer, RoFormerConfig, RoFormerModel
from transformers.models.roformer.modeling_roformer import RoFormerSelfAttention

HERE = Path(__file__).parent
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY += [chr(c) for c in range(ord("a"), ord("z") + 1)]
VOCABULARY += ["##" + chr(c) for c in range(ord("a"), ord("z") + 1)]
VOCABULARY += [chr(c) for c in range(0x4E00, 0x4E00 + 99 - len(VOCABULARY))]
LENGTHS = (1, 2, 7, 33, 300)
HIDDEN_UP_TO = 33
MAPS = ("elu1", "relu", "efficient", "cosformer", "hedgehog")
ROFORMER: dict[str, Any] = dict(
    vocab_size=99, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=37,
    max_position_embeddings=304, type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu")
BERT: dict[str, Any] = dict(
    vocab_size=99, hidden_size=36, num_hidden_layers=2, num_attention_heads=3, intermediate_size=52,
    max_position_embeddings=304, type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu")


@dataclass
class Case:
    """One model folder: its config.json, its network, and the tensors that transformers does not know."""

    name: str
    config: dict[str, Any]
    prefix: str = ""
    pooler: bool = False
    prepare: Callable[[nn.Module], None] = lambda model: None
    query_factor: Callable[[int, int], float] = lambda n, d: 1.0
    linear: bool = False
    extra: dict[str, Tensor] = field(default_factory=dict)


class RmsNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps), without parameters (RoFormerV2)."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps)


def make_v2(model: nn.Module) -> None:
    """RMS norm for every LayerNorm, no biases."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LayerNorm):
                setattr(module, name, RmsNorm(child.eps))
            elif isinstance(child, nn.Linear):
                child.register_parameter("bias", None)


def randomize(model: nn.Module, generator: torch.Generator) -> None:
    """Weights that make every part count: attention far from uniform, norms and biases away from 1 and 0."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if not parameter.requires_grad:
            continue    # RoFormer's table of sines
        with torch.no_grad():
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(0.1 * noise)
            elif "embeddings." in name:
                parameter.copy_(0.5 * noise)
            else:
                gain = 1.5 if "query" in name or "key" in name else 1.0
                parameter.copy_(gain * noise / math.sqrt(parameter.shape[1]))


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Pairs (2i, 2i+1) of the last axis turned by m * 10000^(-2i/F)."""
    features = x.shape[-1]
    angles = positions[:, None] * 10000.0 ** (-torch.arange(0, features, 2, dtype=x.dtype) / features)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2)


def linear_attention(kind: str, q: Tensor, k: Tensor, v: Tensor, maps: tuple[Tensor, Tensor]) -> Tensor:
    """One layer's attention [heads, n, d] as a full n x n matrix of weights."""
    n = q.shape[1]
    positions = torch.arange(n, dtype=q.dtype)
    if kind == "cosformer":
        kernel = torch.relu(q) @ torch.relu(k).transpose(1, 2)
        weights = kernel * torch.cos(math.pi / 2 * (positions[:, None] - positions[None, :]) / n)
        return weights @ v / weights.sum(-1, keepdim=True).clamp_min(1e-6)
    if kind == "efficient":
        return torch.softmax(q, -1) @ torch.softmax(k, 1).transpose(1, 2) @ v
    if kind == "hedgehog":
        q, k = q @ maps[0], k @ maps[1]
        q, k = torch.softmax(torch.cat([q, -q], -1), -1), torch.softmax(torch.cat([k, -k], -1), -1)
    elif kind == "elu1":
        q, k = nn.functional.elu(q) + 1, nn.functional.elu(k) + 1
    else:
        q, k = torch.relu(q) + 1e-3, torch.relu(k) + 1e-3
    weights = rotate(q, positions) @ rotate(k, positions).transpose(1, 2)
    return weights @ v / ((q @ k.transpose(1, 2)).sum(-1, keepdim=True) + 1e-6)


def make_linear(attention: RoFormerSelfAttention, kind: str, maps: tuple[Tensor, Tensor]) -> None:
    """Replaces the forward of one attention module (batch of one)."""

    def forward(hidden: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
        def split(dense: nn.Linear) -> Tensor:
            return dense(hidden)[0].unflatten(-1, (attention.num_attention_heads, -1)).transpose(0, 1)
        q, k, v = split(attention.query), split(attention.key), split(attention.value)
        if attention.rotary_value:
            v = rotate(v, torch.arange(v.shape[1], dtype=v.dtype))
        return linear_attention(kind, q, k, v, maps).transpose(0, 1).flatten(1)[None], None

    attention.forward = forward  # type: ignore[method-assign]


def build(case: Case) -> nn.Module:
    """The network with random weights, in float32 values held as float64."""
    generator = torch.Generator().manual_seed(sum(case.name.encode()))
    settings = {k: v for k, v in case.config.items() if k not in ("model_type", "rosim")}
    if case.config["model_type"] == "bert":
        model: nn.Module = BertModel(BertConfig(**settings, attn_implementation="eager"))
    else:
        model = RoFormerModel(RoFormerConfig(**settings, attn_implementation="eager"))
    case.prepare(model)
    randomize(model, generator)
    width = case.config["hidden_size"]
    if case.pooler:
        case.extra["pooler.dense.weight"] = torch.randn(width, width, generator=generator) / math.sqrt(width)
        case.extra["pooler.dense.bias"] = 0.1 * torch.randn(width, generator=generator)
    if case.linear:
        heads = case.config["num_attention_heads"]
        for i in range(case.config["num_hidden_layers"]):
            for side in ("query", "key"):
                name = f"encoder.layer.{i}.attention.self.linear_{side}_map"
                case.extra[name] = torch.randn(heads, width // heads, width // heads, generator=generator)
    return model.eval().double()


def texts() -> Iterator[tuple[int, Tensor]]:
    generator = np.random.default_rng(5)
    for number, length in enumerate(LENGTHS):
        ids = generator.integers(5, len(VOCABULARY), length)
        ids[0] = 2
        if length > 1:
            ids[-1] = 3
        yield number, torch.tensor(ids)


def poolings(states: list[Tensor], pooler: tuple[Tensor, Tensor] | None) -> dict[str, Tensor]:
    first, last = states[1], states[-1]
    out = {"cls": last[0], "mean": last.mean(0), "first_last_mean": ((first + last) / 2).mean(0)}
    if pooler:
        out["pooler_linear"] = nn.functional.linear(last[0], *pooler)
        out["pooler_tanh"] = torch.tanh(out["pooler_linear"])
        out["mean_pooler_linear"] = nn.functional.linear(out["mean"], *pooler)
    return out


def run_linear(case: Case, model: nn.Module, ids: Tensor) -> dict[str, Tensor]:
    out = {}
    layers = model.encoder.layer
    for kind in MAPS:
        for i, layer in enumerate(layers):
            attention = layer.attention.self
            stem = f"encoder.layer.{i}.attention.self.linear_"
            make_linear(attention, kind, (case.extra[stem + "query_map"].double(), case.extra[stem + "key_map"].double()))
        out["linear." + kind] = model(ids[None]).last_hidden_state[0].mean(0)
    for layer in layers:
        del layer.attention.self.forward
    return out


def run_softmax(case: Case, model: nn.Module, ids: Tensor) -> list[Tensor]:
    """Hidden states per layer, with the query weights scaled for this length (and back)."""
    heads = case.config["num_attention_heads"]
    factor = case.query_factor(len(ids), case.config["hidden_size"] // heads)
    queries = [p for name, p in model.named_parameters() if ".query." in name]
    saved = [p.clone() for p in queries]
    for p in queries:
        p.mul_(factor)
    states = [h[0] for h in model(ids[None], output_hidden_states=True).hidden_states]
    for p, old in zip(queries, saved, strict=True):
        p.copy_(old)
    return states


def expectations(case: Case, model: nn.Module) -> dict[str, Tensor]:
    own = [case.extra[k].double() for k in ("pooler.dense.weight", "pooler.dense.bias") if k in case.extra]
    if case.config["model_type"] == "bert":
        own = [model.pooler.dense.weight, model.pooler.dense.bias]
    out: dict[str, Tensor] = {}
    for number, ids in texts():
        states = run_softmax(case, model, ids)
        results = poolings(states, (own[0], own[1]) if own else None)
        if case.linear:
            results |= run_linear(case, model, ids)
        if case.config["model_type"] == "bert":    # the reference's own pooler, not ours
            results["pooler_tanh"] = model(ids[None]).pooler_output[0]
        if len(ids) <= HIDDEN_UP_TO:
            results |= {f"hidden.{i}": h for i, h in enumerate(states)}
        out |= {f"{number}.{name}": value.float().contiguous() for name, value in results.items()}
        out[f"{number}.ids"] = ids.int()
    return out


def write(case: Case) -> None:
    folder = HERE / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    model = build(case)
    tensors = {k: v for k, v in model.state_dict().items() if "embed_positions" not in k and "position_ids" not in k}
    tensors |= case.extra
    save_file({case.prefix + k: v.float().contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(case.config, indent=1) + "\n")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    save_file(expectations(case, model), folder / "expected.safetensors")


def write_sentence_dense() -> None:
    """A folder that sentence-transformers itself wrote: Transformer, mean Pooling, Dense, Normalize."""
    folder, source = HERE / "sentence_dense", HERE / "bert_source"
    for old in (folder, source):
        shutil.rmtree(old, ignore_errors=True)
    case = Case("sentence_dense", {"model_type": "bert", **BERT})
    model = build(case).float()
    model.save_pretrained(source)
    (source / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    BertTokenizer.from_pretrained(source).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=302)
    dense = Dense(BERT["hidden_size"], 24, activation_function=nn.Identity())
    sentence = SentenceTransformer(modules=[transformer, Pooling(BERT["hidden_size"], "mean"), dense, Normalize()])
    randomize(dense, torch.Generator().manual_seed(3))
    sentence.save(str(folder), create_model_card=False)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    sentence.double()
    out: dict[str, Tensor] = {}
    for number, ids in texts():
        features = {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}
        out[f"{number}.normalized"] = sentence(features)["sentence_embedding"][0].float().contiguous()
        out[f"{number}.ids"] = ids.int()
    save_file(out, folder / "expected.safetensors")
    shutil.rmtree(source)


CASES = (
    Case("roformer", {"model_type": "roformer", **ROFORMER, "rosim": {"pooling": "mean"}}),
    Case("roformer_projection", {"model_type": "roformer", **ROFORMER, "embedding_size": 20, "rotary_value": True},
         prefix="roformer."),
    Case("roformer_sim", {"model_type": "roformer", **ROFORMER, "pooler_activation": "linear"}, prefix="roformer.",
         pooler=True),
    Case("roformer_v2", {"model_type": "roformer", **ROFORMER, "hidden_act": "relu", "norm_type": "rms_norm",
                         "use_bias": False, "rosim": {"pooling": "cls"}}, prepare=make_v2),
    Case("roformer_log512", {"model_type": "roformer", **ROFORMER, "num_hidden_layers": 1,
                             "rosim": {"pooling": "cls", "attn_scale": "log512"}},
         query_factor=lambda n, d: math.log(n) / math.log(512)),
    Case("roformer_unscaled", {"model_type": "roformer", **ROFORMER, "num_hidden_layers": 1,
                               "rosim": {"pooling": "cls", "attn_scale": "none"}},
         query_factor=lambda n, d: math.sqrt(d)),
    Case("roformer_linear", {"model_type": "roformer", **ROFORMER, "rotary_value": True, "rosim": {
        "pooling": "mean", "attention_trained": ["linear", "softmax"], "linear_feature_map": "hedgehog"}}, linear=True),
    Case("bert", {"model_type": "bert", **BERT}, prefix="bert."),
    Case("bert_tanh_gelu", {"model_type": "bert", **BERT, "num_hidden_layers": 1, "hidden_act": "gelu_new",
                            "layer_norm_eps": 1e-5}),
)


def main() -> None:
    torch.set_num_threads(1)
    with torch.no_grad():
        for case in CASES:
            write(case)
        write_sentence_dense()
    for path in HERE.rglob("*.safetensors"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
