"""The perceptual distance of score cards: pd-lite0-128, or LPIPS if the user has its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from everymode.extractors.learned_perceptual import lpips
from everymode.extractors.lite0_stages import Lite0Stages

__all__ = ["PerceptualNetwork", "perceptual_network"]


class PerceptualNetwork(Protocol):
    """A perceptual distance with its name and protocol: `Lite0Stages` or `Lpips`.

    Attributes:
        smallest: smallest side of an image in pixels.
    """

    smallest: int

    @property
    def distance_name(self) -> str:
        """Name of the distance, such as "pd-lite0-128" or "lpips-vgg"."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return the facts that are stored with every distance, as JSON values."""
        ...

    def distances(self, first: Tensor, second: Tensor, *, device: torch.device | str | None = None) -> Tensor:
        """Return the distance of each pair of images, float32 [B] on the CPU."""
        ...


def perceptual_network(
    backbone: str | Path | None = None, linear: str | Path | None = None
) -> PerceptualNetwork:
    """Return the perceptual distance pd-lite0-128, or LPIPS if the files of its weights are given.

    Args:
        backbone, linear: files for `lpips`, both or neither.

    Raises:
        ValueError: if only one is given, or as `lpips`.
        FileNotFoundError: if there is no such file.
        ModuleNotFoundError: if neither is given, and the package with the weights of lite0 is missing.
    """
    if backbone is None and linear is None:
        return Lite0Stages()
    if backbone is None or linear is None:
        missing = "its backbone" if backbone is None else "its linear weights"
        raise ValueError(f"LPIPS needs two files, and {missing} is not given: give both, or neither")
    return lpips(backbone, linear)
