"""Degradations of images that keep their size: gray instead of color, and holes; shrinking is in `resampling`.

All are differentiable and pure. A restoration applies the same function to the generated image and to the original (if
there is one), as in deep generative prior (Pan et al., ECCV 2020; XingangPan/deep-generative-prior).
"""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.restoration.resampling import Size

GRAY = (0.2989, 0.5870, 0.1140)
"""Weights of red, green and blue as released; they sum to 0.9999."""


def grayscale(x: Tensor) -> Tensor:
    """Replace the colors by their gray value: 0.2989 R + 0.5870 G + 0.1140 B, on all three channels.

    Args:
        x: [B, 3, H, W], in any range (in [-1, 1], white becomes 0.9999).
    Returns:
        [B, 3, H, W].
    Raises:
        ValueError: if x does not have three channels.
    """
    if x.dim() != 4 or x.shape[1] != 3:
        raise ValueError(
            f"grayscale takes colored images [B, 3, H, W], not {list(x.shape)}; an image with one channel is gray "
            "already (x.expand(-1, 3, -1, -1) repeats it)"
        )
    weights = torch.tensor(GRAY, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
    return (x * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1)


def mask(x: Tensor, keep: Tensor) -> Tensor:
    """Set the pixels of a hole to 0 (mid-gray, if images are in [-1, 1]).

    Args:
        x: [B, C, H, W].
        keep: [H, W], [C, H, W] or [B, C, H, W] (B and C may be 1), bool, or numbers 1 = keep and 0 = hole; numbers
            between them blend.
    Returns:
        [B, C, H, W].
    Raises:
        ValueError: if the mask's shape does not fit, or it has values outside of [0, 1] (checked on the CPU only).
    """
    fits = x.dim() == 4 and 2 <= keep.dim() <= 4 and keep.shape[-2:] == x.shape[-2:]
    leading = keep.shape[:-2]
    if not fits or any(
        side not in (1, whole) for side, whole in zip(leading, x.shape[2 - len(leading) : 2], strict=True)
    ):
        raise ValueError(
            f"the mask has shape {list(keep.shape)} and the images {list(x.shape)}; pass images [B, C, H, W] and a "
            "mask [H, W], [C, H, W] or [B, C, H, W] of the same height and width"
        )
    if keep.device.type == "cpu" and keep.dtype != torch.bool and not ((keep >= 0) & (keep <= 1)).all():
        raise ValueError(
            f"the mask has values from {keep.min().item()} to {keep.max().item()}; 1 keeps a pixel, 0 is a hole: "
            "divide an 8-bit mask by 255, or compare it with a threshold"
        )
    return x * keep.to(x)


def central_hole(size: Size) -> Tensor:
    """Return a mask whose central third, on each axis by itself, is a hole.

    The hole has n // 3 pixels, from (n - n // 3) // 2 on. (The released code uses the same bounds, from the height, on
    both axes, and makes the hole one pixel wider if n - n // 3 is odd.)

    Args:
        size: (height, width).
    Returns:
        [height, width] bool, False in the hole, for `mask`.
    Raises:
        ValueError: if a side is below 1.
    """
    if min(size) < 1:
        raise ValueError(f"size {tuple(size)} has no pixels; pass a height and a width of at least 1")
    rows, columns = (
        (torch.arange(side) >= (side - side // 3) // 2)
        & (torch.arange(side) < (side - side // 3) // 2 + side // 3)
        for side in size
    )
    return ~(rows[:, None] & columns[None, :])
