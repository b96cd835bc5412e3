"""The problem that a restoration solves: a degraded image that a generated one is to match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.restoration.distance import feature_distance, feature_distances
from everymode.restoration.photo_size import center_crop, fitting_size, takes_rectangles
from everymode.restoration.players import Critic, features_of, frozen, generate
from everymode.restoration.resampling import Size, enlarge, resize

Degrade = Callable[[Tensor], Tensor]
"""Images [B, C, H, W] -> degraded images, of the same or a smaller size; differentiable."""


class Problem:
    """A target, and the distances of generated images from it after degradation.

    Args:
        discriminator: as in `restore`.
        target: [1, C, h, w], the degraded image.
        degrade: the degradation.
        size: (height, width) of the generated images.
    Raises:
        ValueError: if degraded images of that size don't have the size of the target.
    """

    def __init__(self, discriminator: Critic, target: Tensor, degrade: Degrade, size: Size) -> None:
        self.discriminator = discriminator
        self.degrade = degrade
        self.size = size
        self.small = _size_of(target)
        self.target = enlarge(target, size)
        with torch.no_grad():
            self.real: Sequence[Tensor] = features_of(discriminator, self.target)

    def seen(self, images: Tensor) -> Tensor:
        """Degrade generated images and enlarge the result to their size, as the target is."""
        degraded = self.degrade(images)
        if _size_of(degraded) != self.small:
            raise ValueError(_mismatch(_size_of(degraded), self.small, self.size))
        return enlarge(degraded, self.size)

    def losses(self, image: Tensor, features: int | None) -> tuple[Tensor, Tensor]:
        """Return the distance in the last features, and the mean squared error, of an image [1, C, H, W]."""
        seen = self.seen(image)
        fake = features_of(self.discriminator, seen)
        if image.requires_grad and not (seen.requires_grad and any(each.requires_grad for each in fake)):
            raise ValueError(
                f"the {'discriminator' if seen.requires_grad else 'degradation'} passes no gradient on to the "
                "generated image, so that nothing could be fitted; compute it from the images by differentiable "
                "operations, without no_grad, detach or a rounding of values"
            )
        return feature_distance(self.real, fake, features), F.mse_loss(seen, self.target)

    def distances(self, images: Tensor, features: int | None) -> Tensor:
        """Return the distance in the last features of each image: [B]."""
        return feature_distances(self.real, features_of(self.discriminator, self.seen(images)), features)


class Pose(NamedTuple):
    """Images to compare, and their size."""

    target: Tensor
    """[1, C, h, w], the degraded image as it is compared."""
    photo: Tensor
    """[1, C, h, w], the degraded image as it was passed, after a center crop."""
    size: Size
    """(height, width) of the generated images."""
    query: Size | None
    """The size that the generator is called with; None = without one."""


def posed(
    generator: nn.Module,
    discriminator: Critic,
    target: Tensor,
    degrade: Degrade,
    size: Size | None,
    example: tuple[Tensor, Tensor | None],
) -> Pose:
    """Return the target as it is compared, and the size of the generated images.

    If the degradation keeps the size, the target may have any size: it is resized to that of the generated images.

    Args:
        generator: as in `restore`.
        discriminator: as in `restore`.
        target: [1, C, h, w].
        degrade: the degradation.
        size: (height, width) of the generated images, or None for `fitting_size`.
        example: z and label of an image, from which the native size follows if the generator does not state it.
    Raises:
        ValueError: if the target is no single image of finite values, degraded images don't have its size or number of
            channels, or its aspect ratio is not that of the generated images.
    """
    if target.dim() != 4 or len(target) != 1 or not target.is_floating_point() or not target.numel():
        raise ValueError(
            f"the target has shape {list(target.shape)} and type {target.dtype}; pass one image, floats [1, C, H, W] "
            "in [-1, 1] (each image is restored by itself)"
        )
    if not bool(target.isfinite().all()):
        raise ValueError("the target has values that are not finite; pass an image in [-1, 1]")
    native = getattr(generator, "size", None) if size is not None else _native_size(generator, example)
    rectangles = takes_rectangles(generator, discriminator)
    fitted = _pair(fitting_size(generator, discriminator, _size_of(target), native) if size is None else size)
    query = None if native is not None and fitted == _pair(native) else fitted
    draft = _draft(generator, example, query)
    if draft.shape[1] != target.shape[1] or _size_of(draft) != fitted:
        raise ValueError(
            f"the generator makes images of {draft.shape[1]} channels and {draft.shape[2]}x{draft.shape[3]}; the "
            f"target has {target.shape[1]} channels, and {fitted[0]}x{fitted[1]} is requested: pass a target with its "
            "number of channels (x.expand(-1, 3, -1, -1) repeats a gray one), and a size that it supports"
        )
    degraded_draft = degrade(draft)
    if not isinstance(degraded_draft, Tensor) or degraded_draft.shape[:2] != draft.shape[:2]:
        found = list(degraded_draft.shape) if isinstance(degraded_draft, Tensor) else degraded_draft
        raise ValueError(
            f"the degradation turns images {list(draft.shape)} into {found}; return degraded images [B, C, h, w]"
        )
    degraded = _size_of(degraded_draft)
    photo = target
    if degraded != _size_of(target) and not rectangles:
        photo = center_crop(target, degraded)
    if degraded == _size_of(photo):
        if size is None and not rectangles and not _one_factor_fits(fitted, degraded):
            raise ValueError(
                f"the target, {degraded[0]}x{degraded[1]}, does not have the aspect ratio of the generated images, "
                f"{fitted[0]}x{fitted[1]}; crop it, or use a generator with an implicit head and a discriminator "
                "without attention and flattened features"
            )
        return Pose(photo, photo, fitted, query)
    if degraded == fitted:
        return Pose(resize(photo, fitted), photo, fitted, query)
    raise ValueError(_mismatch(degraded, _size_of(photo), fitted))


def _native_size(generator: nn.Module, example: tuple[Tensor, Tensor | None]) -> Size:
    """Return the generator's attribute `size`, or the size of an image."""
    native: Size | None = getattr(generator, "size", None)
    if native is not None:
        return native
    return _size_of(_draft(generator, example, None))


def _draft(generator: nn.Module, example: tuple[Tensor, Tensor | None], query: Size | None) -> Tensor:
    """Return one image of the generator in eval mode."""
    z, label = example
    with torch.no_grad(), frozen(generator):
        return generate(generator, z[:1], None if label is None else label[:1], query)


def _one_factor_fits(large: Size, small: Size) -> bool:
    """Return whether some factor turns both sides of `large`, rounded down, into those of `small`."""
    most = min(side / shrunk for side, shrunk in zip(large, small, strict=True))
    return all(side / (shrunk + 1) < most for side, shrunk in zip(large, small, strict=True))


def _size_of(images: Tensor) -> Size:
    return images.shape[2], images.shape[3]


def _pair(size: Size) -> Size:
    return size[0], size[1]


def _mismatch(degraded: Size, target: Size, size: Size) -> str:
    return (
        f"the degradation turns images of {size[0]}x{size[1]} into {degraded[0]}x{degraded[1]}, but the target has "
        f"{target[0]}x{target[1]}; degrade to the target's size, as in downsample(x, {target}), or pass a target of "
        "the other size"
    )
