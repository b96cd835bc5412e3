"""Arithmetic of at least single precision, independent of the precision of the networks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Convert float16 and bfloat16 to float32; return other tensors unchanged. Gradients pass through."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """Return a context that disables autocast on the tensor's device."""
    device = tensor.device.type
    # There is no autocast for tensors on the device "meta", and torch raises an error when it is disabled there.
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)
