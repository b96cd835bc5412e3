"""Flags that choose the perceptual distance, and what they choose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from everymode.commands.ending import say

if TYPE_CHECKING:
    from everymode.extractors.perceptual_distances import PerceptualNetwork

Backbone = Annotated[
    Path | None,
    Parameter(
        help="Weights of torchvision's AlexNet or VGG-16 (safetensors or a state dict), for LPIPS instead of "
        "pd-lite0-128; with --lpips-linear.",
        metavar="FILE",
    ),
]
Linear = Annotated[
    Path | None,
    Parameter(
        help="Linear weights of LPIPS for that backbone, such as the released alex.pth or vgg.pth.",
        metavar="FILE",
    ),
]


def require_both(backbone: Path | None, linear: Path | None) -> None:
    """Raise ValueError if only one of the two flags is set."""
    if (backbone is None) != (linear is None):
        raise ValueError(
            "LPIPS needs its backbone and its linear weights: set --lpips-backbone and --lpips-linear"
        )


def perceptual_or_none(backbone: Path | None, linear: Path | None) -> PerceptualNetwork | None:
    """Return the perceptual distance of the flags; None, with a message, without any weights.

    Raises:
        ValueError: if only one flag is set, or a file holds other weights.
        FileNotFoundError: if there is no such file.
    """
    from everymode.extractors.perceptual_distances import perceptual_network

    require_both(backbone, linear)
    try:
        return perceptual_network(backbone, linear)
    except ModuleNotFoundError as error:
        say(f"without the perceptual distance: {error}")
        return None
