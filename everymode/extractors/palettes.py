"""Segmentation by color: each pixel gets the label of the nearest color of a palette."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from everymode.extractors.hashing import tensors_hash
from everymode.extractors.segmenters import images_in_unit_range

__all__ = ["Palette", "palette"]

PIXELS_PER_PASS = 1 << 18


class Palette:
    """Segmenter that gives each pixel the label of the nearest palette color; made by `palette`.

    Attributes:
        name: "palette".
        weights_hash: SHA-256 of colors and labels.
        num_classes: largest label plus 1.
        colors: float64 [P, C], 0 .. 255.
        labels: int64 [P], label of each color.
        ground: label of gray pixels; None if no gray levels were added.
    """

    name = "palette"

    def __init__(self, colors: Tensor, labels: Tensor, ground: int | None = None) -> None:
        self.colors, self.labels, self.ground = colors, labels, ground
        self.num_classes = int(labels.max()) + 1
        self.weights_hash = tensors_hash({"colors": colors, "labels": labels})

    def __call__(self, images: Tensor) -> Tensor:
        """Return the label of the color at the smallest squared distance, the first one if several are equally near.

        Args:
            images: [B, C, H, W], float in [-1, 1] (-1 is 0, 1 is 255) or uint8.

        Returns:
            int64 [B, H, W].
        Raises:
            ValueError: if the images have another shape or type.
        """
        unit = images_in_unit_range(images, self.colors.shape[1])
        pixels = images.double() if images.dtype == torch.uint8 else (unit.double() + 1) * 127.5
        flat = pixels.movedim(1, -1).reshape(-1, pixels.shape[1])
        colors, labels = self.colors.to(flat.device), self.labels.to(flat.device)
        offset = (colors * colors).sum(1)
        nearest = [(offset - 2 * part @ colors.T).argmin(1) for part in flat.split(PIXELS_PER_PASS)]
        return labels[torch.cat(nearest)].view(len(images), *images.shape[2:])


def palette(
    colors: Sequence[Sequence[float]] | Tensor,
    labels: Sequence[int] | Tensor | None = None,
    *,
    ground: int | None = None,
    grays: int = 18,
) -> Palette:
    """Return the segmenter that gives each pixel the label of the nearest of these colors.

    Args:
        colors: [P, C], 0 .. 255; several of them may have the same label.
        labels: label of each color, 0 or more. Default: 0 .. P - 1.
        ground: label of gray pixels, for which `grays` gray levels are added to the palette; None adds none.
        grays: number of gray levels, evenly spaced from 0 to 255.

    Raises:
        ValueError: if a color or label is out of range, or their numbers differ.
    """
    entries = torch.as_tensor(colors).double().cpu()
    if entries.ndim != 2 or entries.numel() == 0:
        raise ValueError(f"the colors have shape {list(entries.shape)}; one row per color, [P, C], is needed")
    if not ((entries >= 0) & (entries <= 255)).all():
        raise ValueError("a color is outside 0 .. 255; give colors in 8-bit units, such as (220, 40, 40)")
    numbers = torch.arange(len(entries)) if labels is None else torch.as_tensor(labels).cpu()
    if numbers.shape != (len(entries),) or numbers.is_floating_point() or bool((numbers < 0).any()):
        raise ValueError(
            f"labels has shape {list(numbers.shape)} and type {numbers.dtype}; one integer of 0 or more for each "
            f"of the {len(entries)} colors is needed"
        )
    if ground is not None:
        if ground < 0 or grays < 2:
            raise ValueError(
                f"ground is {ground} and grays {grays}; a label of 0 or more and at least 2 levels are needed"
            )
        levels = torch.linspace(0, 255, grays, dtype=torch.float64)[:, None].expand(-1, entries.shape[1])
        entries = torch.cat((entries, levels))
        numbers = torch.cat((numbers, torch.full((grays,), ground)))
    return Palette(entries.contiguous(), numbers.long(), ground)
