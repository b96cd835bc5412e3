"""Latent codes and classes of a generator, as functions of seed and row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from everymode.draws import Draws

__all__ = ["DrawCodes", "uniform_draw"]

DrawCodes = Callable[[Draws], tuple[Tensor, Any]]
"""Random numbers of one batch -> latent codes [B, Z] and their condition."""


def uniform_draw(generator: Any) -> DrawCodes:
    """Return a function that draws standard normal codes, and every class equally often.

    Raises:
        ValueError: if the generator does not state the length of z and its classes.
    """
    if not hasattr(generator, "latent_dim") or not hasattr(generator, "num_classes"):
        raise ValueError(
            f"{type(generator).__name__} has no latent_dim and num_classes; pass draw=, or describe it by "
            "ForeignGenerator"
        )
    classes = generator.num_classes

    def draw(draws: Draws) -> tuple[Tensor, Any]:
        z = draws.normal("z", generator.latent_dim)
        if classes is None:
            return z, None
        if isinstance(classes, tuple):
            labels = [draws.integers(f"label-{i}", size) for i, size in enumerate(classes)]
            return z, torch.stack(labels, dim=1)
        return z, draws.integers("label", classes)

    return draw
