"""In which numbers matrices are multiplied: bf16 where the device computes in it, fp32 elsewhere.

A processor without bf16 emulates it, several times slower than its own fp32.
"""

from __future__ import annotations

import torch


def computes_in_bf16(device: torch.device) -> bool:
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()


def autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_in_bf16(device))
