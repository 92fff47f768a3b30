"""AdamW with a rate for the body and one for the feature maps, and the rate's schedule."""

from __future__ import annotations

import torch

import model


def build_optimizer(encoder: model.Encoder, config: dict[str, float]) -> torch.optim.AdamW:
    """AdamW; the feature maps learn faster, vectors (biases, norms) do not decay."""
    maps = [p for n, p in encoder.named_parameters() if n.endswith("_map")]
    matrices = [p for n, p in encoder.named_parameters() if not n.endswith("_map") and p.dim() > 1]
    vectors = [p for p in encoder.parameters() if p.dim() == 1]
    rate, decay = config["rate"], config["weight_decay"]
    groups = [{"params": matrices, "weight_decay": decay, "peak": rate},
              {"params": vectors, "weight_decay": 0.0, "peak": rate},
              {"params": maps, "weight_decay": 0.0, "peak": rate * config["maps_rate_factor"]}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def set_rate(optimizer: torch.optim.AdamW, step: int, progress: float, warmup_steps: int) -> None:
    """Warm-up by steps, then linear to (almost) zero at progress 1."""
    factor = min(1.0, (step + 1) / warmup_steps) * max(1 - progress, 0.005)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
