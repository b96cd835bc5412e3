"""Differentiable augmentation (DiffAug) of the discriminator's inputs.

Paper: Zhao, Liu, Lin, Zhu, Han: Differentiable Augmentation for Data-Efficient GAN Training, NeurIPS 2020; ranges and
rounding as `mit-han-lab/data-efficient-gans:DiffAugment_pytorch.py` (the sides' eighth and half are rounded down).

Each operation is a pure function of images [B, C, H, W] in [-1, 1] and parameters [B]; a policy draws the parameters
and applies it. Empty pixels are 0, which is mid-gray. Nothing is clamped: brightness may leave [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.condition import VOID
from everymode.draws import Draws

Policy = Callable[[Tensor, Draws], Tensor]
"""(images [B, C, H, W], draws of their rows) -> images of the same shape and dtype."""


class DiffAugment:
    """Composition of policies, applied to every image one after the other.

    Args:
        policies: any of `color`, `translation` and `cutout`, in the order of application, or custom functions.
    """

    def __init__(self, *policies: Policy) -> None:
        self.policies = policies

    def __call__(self, images: Tensor, random: Draws) -> Tensor:
        """Augment images.

        Raises:
            ValueError: for anything but floating-point images [B, C, H, W].
        """
        require_images(images)
        for policy in self.policies:
            images = policy(images, random)
        return images

    def move_maps(self, maps: Tensor, random: Draws) -> Tensor:
        """Move label maps [B, H, W] as images with the same draws are moved.

        Pixels that enter the map are 255 (void) in maps of integers and 0 in others. Colors and holes leave maps
        unchanged.

        Raises:
            ValueError: for a custom policy, which may move pixels.
        """
        for policy in self.policies:
            if policy is translation:
                maps = moved_alike(maps, lambda planes: translation(planes, random))
            elif policy not in (color, cutout):
                raise ValueError(
                    f"the augmentation {getattr(policy, '__name__', policy)!r} may move pixels, and label maps can't "
                    "follow it: choose from color, translation and cutout"
                )
        return maps


def diff_augment(*policies: Policy) -> DiffAugment:
    """Return the composition of policies (`DiffAugment`)."""
    return DiffAugment(*policies)


def moved_alike(maps: Tensor, move: Callable[[Tensor], Tensor]) -> Tensor:
    """Move label maps [B, H, W] by a function of planes [B, 1, H, W] that copies pixels or fills with 0.

    Pixels that enter the map are 255 (void) in maps of integers and 0 in others.
    """
    if maps.is_floating_point():
        return move(maps.unsqueeze(1)).squeeze(1)
    if maps.dtype == torch.bool:
        return move(maps.float().unsqueeze(1)).squeeze(1) > 0.5
    # Shifted by two, so that the 0 of pixels that enter is void, and -1 (unlabeled) stays. Small integers are exact.
    planes = torch.where(maps == VOID, 0, maps.long() + 2).float()
    moved = move(planes.unsqueeze(1)).squeeze(1).round().long()
    return torch.where(moved == 0, VOID, moved - 2).to(maps.dtype)


def color(images: Tensor, random: Draws) -> Tensor:
    """Apply brightness + U(-0.5, 0.5), then saturation x U(0, 2), then contrast x U(0.5, 1.5).

    Draws the streams "brightness", "saturation" and "contrast" [B], uniform in [0, 1).
    """
    images = brighten(images, random.uniform("brightness") - 0.5)
    images = saturate(images, 2 * random.uniform("saturation"))
    return change_contrast(images, random.uniform("contrast") + 0.5)


def translation(images: Tensor, random: Draws) -> Tensor:
    """Shift by up to an eighth of the height and of the width, in whole pixels; all shifts are equally likely.

    Draws the streams "translation down" and "translation right" [B], integers in 0 .. 2 * most.
    """
    most_down, most_right = (side // 8 for side in images.shape[2:])
    down = random.integers("translation down", 2 * most_down + 1) - most_down
    right = random.integers("translation right", 2 * most_right + 1) - most_right
    return translate(images, down, right, most=(most_down, most_right))


def cutout(images: Tensor, random: Draws) -> Tensor:
    """Cut a hole of half the height and half the width, centered anywhere, clipped at the borders.

    Draws the streams "cutout row" and "cutout column" [B]: the integer centers, in 0 .. side - 1, or 0 .. side if
    the hole's side is even, so that its center lies between two pixels.
    """
    centers = [
        random.integers(f"cutout {name}", side + 1 - (side // 2) % 2)
        for name, side in zip(("row", "column"), images.shape[2:], strict=True)
    ]
    return cut_out(images, *centers, hole=(images.shape[2] // 2, images.shape[3] // 2))


def brighten(images: Tensor, shift: Tensor) -> Tensor:
    """Add `shift` [B] to every pixel."""
    return images + _per_image(shift, images)


def saturate(images: Tensor, factor: Tensor) -> Tensor:
    """Scale each pixel's distance from the mean of its channels by `factor` [B]. Gray images are unchanged."""
    mean = images.mean(1, keepdim=True)
    return (images - mean) * _per_image(factor, images) + mean


def change_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Scale each pixel's distance from the mean of its image (over channels, too) by `factor` [B]."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * _per_image(factor, images) + mean


def translate(images: Tensor, down: Tensor, right: Tensor, *, most: tuple[int, int]) -> Tensor:
    """Shift images by whole pixels and fill with 0.

    Args:
        down: [B] int64 in -most[0] .. most[0].
        right: [B] int64 in -most[1] .. most[1].
        most: maximum shift down and right, in pixels. It fixes the padding; larger shifts are clamped.
    """
    _require_one_each(down, images)
    _require_one_each(right, images)
    batch, channels, height, width = images.shape
    tall, wide = most
    padded = F.pad(images, (wide, wide, tall, tall))
    # Every output pixel reads one pixel of the padded image, and no two read the same: the gradient needs no sums.
    rows = torch.arange(height, device=images.device) + (tall - down.clamp(-tall, tall)).view(-1, 1)
    columns = torch.arange(width, device=images.device) + (wide - right.clamp(-wide, wide)).view(-1, 1)
    positions = rows.view(batch, 1, height, 1) * (width + 2 * wide) + columns.view(batch, 1, 1, width)
    positions = positions.view(batch, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, positions).view(batch, channels, height, width)


def cut_out(images: Tensor, row: Tensor, column: Tensor, *, hole: tuple[int, int]) -> Tensor:
    """Set a rectangle to 0.

    Args:
        row: [B] int64; the hole covers hole[0] rows from row - hole[0] // 2 on, as far as they exist.
        column: [B] int64, the same for columns.
        hole: height and width of the hole, in pixels.
    """
    inside = _covered(row, hole[0], images, 2).unsqueeze(3) & _covered(column, hole[1], images, 3).unsqueeze(
        2
    )
    return images.masked_fill(inside, 0)


def require_images(images: Tensor) -> None:
    """Check the type and shape of images.

    Raises:
        ValueError: for anything but floating-point images [B, C, H, W].
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(
            f"augmentation moves the pixels of images [B, C, H, W] of floats in [-1, 1], and was given "
            f"{tuple(images.shape)} of {images.dtype}: leave it out for anything else, such as points"
        )


def _covered(center: Tensor, length: int, images: Tensor, dimension: int) -> Tensor:
    """Return a mask [B, 1, side] of the rows or columns that a hole around `center` covers."""
    _require_one_each(center, images)
    positions = torch.arange(images.shape[dimension], device=images.device)
    first = (center - length // 2).view(-1, 1, 1)
    return (positions >= first) & (positions < first + length)


def _per_image(values: Tensor, images: Tensor) -> Tensor:
    """Reshape [B] to [B, 1, 1, 1], in the images' precision."""
    _require_one_each(values, images)
    return values.to(images.dtype).view(-1, 1, 1, 1)


def _require_one_each(values: Tensor, images: Tensor) -> None:
    if values.shape != (len(images),):
        raise ValueError(
            f"{len(images)} images need as many numbers, one each, not a tensor of shape {tuple(values.shape)}"
        )
