"""Turns a Hugging Face folder with pytorch_model.bin (one file or shards) into a model folder with model.safetensors.

A .bin file is a pickle, and loading a pickle can run code: this script loads with weights_only=True, and should still
only see files whose source you trust. The server itself never reads one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from model_folder import copy_text_files

FLOATS = (torch.float32, torch.float16, torch.bfloat16)


def read_tensors(source: Path) -> dict[str, torch.Tensor]:
    """The float tensors of all shards. Integer buffers such as position_ids are rebuilt by whoever needs them."""
    files = sorted(source.glob("pytorch_model*.bin"))
    if not files:
        raise SystemExit(f"{source}: no pytorch_model.bin")
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        state = torch.load(file, map_location="cpu", weights_only=True)
        for name, value in state.items():
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                continue
            if name in tensors:
                raise SystemExit(f"{file}: tensor {name} is in another shard, too")
            if value.dtype not in FLOATS:
                value = value.to(torch.float32)
            if value.numel() == 0 or not torch.isfinite(value).all():
                raise SystemExit(f"{file}: tensor {name} is empty or holds a value that is not finite")
            tensors[name] = value.clone().contiguous()  # tied tensors share memory, which the format forbids
    return tensors


def convert(source: Path, target: Path) -> int:
    tensors = read_tensors(source)
    target.mkdir(parents=True, exist_ok=True)
    if "config.json" not in copy_text_files(source, target):
        raise SystemExit(f"{source}: no config.json")
    path = target / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)  # the package writes 0600, which a server of another user could not read
    return len(tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with pytorch_model.bin and config.json")
    parser.add_argument("folder", type=Path, help="the folder to write")
    options = parser.parse_args()
    print(f"{options.folder}: {convert(options.source, options.folder)} tensors")


if __name__ == "__main__":
    main()
