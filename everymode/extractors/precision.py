"""Full float32 precision for extractors, independent of the precision of the training around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Protocol, cast

import torch

__all__ = ["full_float32"]


class _Setting(Protocol):
    """Precision of one kind of operation in a backend."""

    fp32_precision: str


_settings = attrgetter("cuda.matmul", "cudnn.conv", "mkldnn.matmul", "mkldnn.conv")
"""Precision settings of torch.backends; torch's annotations lack three of them."""


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Disable autocast, TF32, bfloat16 products and gradients in the block, and restore all settings afterward."""
    settings = cast("tuple[_Setting, ...]", _settings(torch.backends))  # as documented by torch
    before = [setting.fp32_precision for setting in settings]
    for setting in settings:
        setting.fp32_precision = "ieee"
    try:
        with torch.autocast(device.type, enabled=False), torch.no_grad():
            yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value
