"""Arithmetic of at least single precision, whatever precision the networks run in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision as float32; every other tensor as it is. The gradient passes through."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """A context in which autocast leaves operations on the tensor's device alone."""
    device = tensor.device.type
    # Tensors without values ("meta") have no autocast, and torch refuses to turn off what is not there.
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)
