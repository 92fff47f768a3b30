"""Writes the pair heads of this folder and what torch makes of a pair of vectors with them.

    python3 -m pip install -r ../encoder/requirements.txt && python3 make_golden.py

article.safetensors   five outputs without a bias or a name, as in Su's "Enhancing RoFormer-Sim" (kexue 8541); its
                      other group is masked by -1e12 as in the training there
named.safetensors     an nn.Linear inside a module, bfloat16, three labels in the metadata
expected.safetensors  u, v and the probabilities: article, named (vectors as they are), unit (of length 1)
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

HERE = Path(__file__).parent
WIDTH = 32


def features(u: Tensor, v: Tensor) -> Tensor:
    return torch.cat([u, v, (u - v).abs()], -1)


def masked(logits: Tensor, first: int, last: int) -> Tensor:
    """The softmax over a group alone."""
    mask = torch.full_like(logits, -1e12)
    mask[first:last] = 0
    return torch.softmax(logits + mask, -1)[first:last]


def main() -> None:
    torch.manual_seed(11)
    u, v = torch.randn(2, WIDTH)
    five = nn.Linear(3 * WIDTH, 5, bias=False)
    three = nn.Linear(3 * WIDTH, 3).bfloat16()
    save_file({"weight": five.weight.detach()}, HERE / "article.safetensors")
    about = {"labels": json.dumps(["contradiction", "entailment", "中立"]), "unit_vectors": "false"}
    save_file({f"head.{k}": p.detach() for k, p in three.named_parameters()}, HERE / "named.safetensors", about)
    with torch.no_grad():
        logits = five.double()(features(u, v).double())
        named = three.double()
        length = nn.functional.normalize
        out = {
            "u": u, "v": v,
            "article": torch.cat([masked(logits, 0, 2), masked(logits, 2, 5)]).float(),
            "named": torch.softmax(named(features(u, v).double()), -1).float(),
            "unit": torch.softmax(named(features(length(u, dim=0), length(v, dim=0)).double()), -1).float(),
        }
    save_file({k: t.contiguous() for k, t in out.items()}, HERE / "expected.safetensors")
    for path in HERE.glob("*.safetensors"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
