"""Writes dropout.safetensors: what the models of this folder compute with dropout on, after make_golden.py.

    python3 -m pip install -r requirements.txt && python3 make_dropout.py

The classes of Hugging Face transformers run in training mode in float64, so that they, and not this file, decide where
dropout stands; only its masks come from here, made by a Philox of our own (Salmon et al. 2011), keyed as
model/encoder/dropout.h says. Dropout of attention's probabilities is off, as in the server. Tensors are
MODEL.TEXT.COPY, the vector as the folder pools it, p = 0.1 for copy 1 and 0.5 for copy 2, seed 7.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, RoFormerConfig, RoFormerModel

HERE = Path(__file__).parent
SEED = 7
RATES = {1: 0.1, 2: 0.5}
EMBEDDINGS, ATTENTION, FEED_FORWARD = range(3)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32 of ten rounds."""
    c, k, low = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & low, (a >> 32) ^ c[3] ^ k[1], a & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return c


def text_key(copy: int, ids: list[int]) -> list[int]:
    state = [0, 0, 0, 0]
    for token in ids:
        state[0] ^= token
        state = philox(state, [SEED, copy])
    return state[:2]


class Masked(nn.Module):
    """Stands where a dropout stood."""

    def __init__(self, layer: int, site: int) -> None:
        super().__init__()
        self.layer, self.site = layer, site
        self.key, self.p = [0, 0], 0.0

    def forward(self, x: Tensor) -> Tensor:
        blocks = [philox([i, 0, self.layer, self.site], self.key) for i in range((x.numel() + 3) // 4)]
        words = np.array(blocks, dtype=np.uint64).ravel()[: x.numel()]
        kept = torch.from_numpy(words >= int(self.p * 2**32)).reshape(x.shape)
        return torch.where(kept, x / (1 - self.p), torch.zeros_like(x))


def replace_dropouts(model: nn.Module) -> list[Masked]:
    """By their names: embeddings.dropout, ...layer.3.attention.output.dropout, ...layer.3.output.dropout."""
    masks = []
    for name, module in list(model.named_modules()):
        if not isinstance(module, nn.Dropout):
            continue
        parts = name.split(".")
        parent = model.get_submodule(".".join(parts[:-1]))
        if parts[0] == "embeddings":
            masks.append(Masked(0, EMBEDDINGS))
        elif parts[-2] == "output":
            masks.append(Masked(int(parts[2]) + 1, ATTENTION if parts[-3] == "attention" else FEED_FORWARD))
        else:
            module.p = 0.0
            continue
        setattr(parent, parts[-1], masks[-1])
    return masks


def load(name: str) -> nn.Module:
    folder = HERE / name
    weights = {k.removeprefix("roformer.").removeprefix("bert."): v
               for k, v in load_file(folder / "model.safetensors").items()}
    if name.startswith("bert"):
        config = BertConfig.from_json_file(folder / "config.json")
        config._attn_implementation = "eager"
        model: nn.Module = BertModel(config)
    else:
        config = RoFormerConfig.from_json_file(folder / "config.json")
        config._attn_implementation = "eager"
        model = RoFormerModel(config)
    lost = model.load_state_dict(weights, strict=False)
    assert not lost.unexpected_keys and all("embed_positions" in k or "position_ids" in k for k in lost.missing_keys)
    return model.train().double()


def main() -> None:
    torch.set_num_threads(1)
    out: dict[str, Tensor] = {}
    for name, mean in (("roformer", True), ("roformer_projection", False), ("bert", False)):
        model = load(name)
        masks = replace_dropouts(model)
        assert len(masks) == 1 + 2 * model.config.num_hidden_layers
        texts = load_file(HERE / name / "expected.safetensors")
        for text in range(1, 4):
            ids = texts[f"{text}.ids"].long()
            for copy, p in RATES.items():
                for mask in masks:
                    mask.key, mask.p = text_key(copy, ids.tolist()), p
                with torch.no_grad():
                    last = model(ids[None]).last_hidden_state[0]
                vector = last.mean(0) if mean else last[0]
                out[f"{name}.{text}.{copy}"] = vector.float().contiguous()
    save_file(out, HERE / "dropout.safetensors")
    (HERE / "dropout.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
