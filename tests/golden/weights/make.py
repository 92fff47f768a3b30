"""Writes python.safetensors with the reference package: one tensor of each common type, value i holds (i - 3) / 2.

Run with weights/convert/requirements-torch.txt: python tests/golden/weights/make.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

TYPES = {
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i8": torch.int8,
    "u8": torch.uint8,
    "bool": torch.bool,
}


def main() -> None:
    values = (torch.arange(12, dtype=torch.float64) - 3) / 2
    tensors = {f"a.{name}": values.abs().to(kind).reshape(3, 4) for name, kind in TYPES.items()}
    tensors |= {f"a.{name}": values.to(TYPES[name]).reshape(3, 4) for name in ("f64", "f32", "f16", "bf16")}
    tensors["scalar"] = torch.tensor(2.5)
    tensors["字"] = torch.ones(1)
    save_file(tensors, Path(__file__).parent / "python.safetensors", metadata={"format": "pt", "note": "é\n\"x\""})


if __name__ == "__main__":
    main()
