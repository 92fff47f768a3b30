"""Step 4 of `make train`: writes a model folder from a checkpoint (or from another folder).

Storage: f32; f16 (matrices fp16, vectors fp32); int8 (matrices int8 with one fp32 scale a row, the rest fp32; the scale
of a row is the one of a few that loses least). golden.json holds texts, ids and both vectors, computed in double from
the weights as stored. config.json, vocab.txt and tokenizer_config.json come from the folder that training started from.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

import model
import pool
import settings

COPIED = ("vocab.txt", "tokenizer_config.json")
CLIPS = (1.0, 0.98, 0.96, 0.94, 0.92, 0.90, 0.87, 0.84)      # of a row's greatest magnitude
GOLDEN_TEXTS = (
    "今天天气不错", "今天天气很好", "今天天气不好", "The weather is nice today.", "一个男人正在吹一支大笛子。",
    "A man is playing a large flute.", "如何更换花呗绑定银行卡？花呗更改绑定银行卡", "我喜欢北京", "我不喜欢北京", "a",
    "HELLO, World! 你好，世界。123 ½ é")


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 rows and their scales: per row the clip whose squared error is least."""
    top = weight.abs().amax(1).clamp_min(1e-12)
    best = torch.full_like(top, torch.inf)
    scale = top / 127
    for clip in CLIPS:
        tried = top * clip / 127
        back = (weight / tried[:, None]).round().clamp(-127, 127) * tried[:, None]
        error = (back - weight).square().sum(1)
        scale = torch.where(error < best, tried, scale)
        best = torch.minimum(error, best)
    return (weight / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def stored(tensors: dict[str, Tensor], storage: str) -> dict[str, Tensor]:
    """The tensors of the file."""
    out: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if storage == "int8" and tensor.dim() == 2:
            out[name], out[name + "_scale"] = quantize_rows(tensor)
        elif storage == "f16" and tensor.dim() > 1:
            out[name] = tensor.half()
        else:
            out[name] = tensor
    return {name: out[name].contiguous() for name in sorted(out)}


@torch.no_grad()
def golden(folder: Path, texts: tuple[str, ...]) -> list[dict[str, object]]:
    """Both vectors of each text, in double, from the weights in the folder."""
    encoder = model.load(folder).double().eval()
    tokenizer = pool.StudentTokenizer(folder)
    out: list[dict[str, object]] = []
    for text, ids in zip(texts, tokenizer.ids(list(texts), pool.LONG_TOKENS)):
        tokens, mask = torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool)
        found = {kind: [round(float(x), 7) for x in encoder(tokens, mask, kind == "linear")[0]]
                 for kind in ("softmax", "linear")}
        out.append({"text": text, "ids": ids, **found})
    return out


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Of a model folder or of a checkpoint."""
    if path.is_dir():
        return model.read_tensors(path)
    state: dict[str, Tensor] = torch.load(path, weights_only=False, map_location="cpu")["model"]
    return {name: tensor.float() for name, tensor in state.items()}


def write_folder(tensors: dict[str, Tensor], like: Path, out: Path, storage: str) -> None:
    """A whole model folder; what else stands there (README.md, NOTICE) is left alone."""
    out.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(like / name, out / name)
    config = json.loads((like / "config.json").read_text(encoding="utf-8"))
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    file = out / "model.safetensors"
    save_file(stored(tensors, storage), file, metadata={"format": "pt"})
    file.chmod(0o644)
    entries = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in golden(out, GOLDEN_TEXTS))
    (out / "golden.json").write_text(f"[{entries}]\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="model folder to write")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "default.toml")
    parser.add_argument("--checkpoint", type=Path, help="default: the configuration's; a model folder is fine too")
    parser.add_argument("--storage", choices=("f32", "f16", "int8"), default="int8")
    args = parser.parse_args()
    config = settings.load(args.config)
    path = args.checkpoint or config.cache / "checkpoint.pt"
    tensors = tensors_of(path)
    write_folder(tensors, config.start, args.out, args.storage)
    size = (args.out / "model.safetensors").stat().st_size
    print(f"{args.out}: {size / 1e6:.1f} MB, {args.storage}", file=sys.stderr)


if __name__ == "__main__":
    main()
