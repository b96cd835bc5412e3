"""The size at which a photo is restored: its aspect ratio is kept where both networks allow it.

A generator with an implicit head and a discriminator without attention and flattened features take rectangles (Zhou et
al., Omni-GAN, ICCV 2021, appendix I); for others, the center of the photo is cropped, as deep generative prior does.
"""

from __future__ import annotations

import warnings
from typing import Literal

from torch import Tensor, nn

from everymode.restoration.players import Critic
from everymode.restoration.resampling import Size, resize


def fitting_size(
    generator: nn.Module, discriminator: Critic, photo: Size, native: Size | None = None
) -> Size:
    """Return the size at which a photo is restored.

    Where both networks take any size (`takes_any_size`), the shorter side is that of the native size, and the longer
    one is the multiple of the discriminator's stride that comes nearest to the photo's aspect ratio. Elsewhere it is
    the native size.

    Args:
        generator: a generator with the attribute `size`, unless `native` is passed.
        discriminator: as in `restore`.
        photo: (height, width) of the photo.
        native: the generator's native size; default: its attribute `size`.
    Returns:
        (height, width).
    Raises:
        ValueError: if the native size is unknown.
    """
    native = native_size(generator) if native is None else native
    if not takes_rectangles(generator, discriminator):
        return native
    if photo[0] * native[1] == photo[1] * native[0]:
        return native
    stride = int(getattr(discriminator, "stride", 1))
    short = min(native)
    longer = max(photo) * short / min(photo)
    longer = max(stride * max(round(longer / stride), 1), short)
    return (longer, short) if photo[0] > photo[1] else (short, longer)


def prepare(
    photo: Tensor,
    generator: nn.Module,
    discriminator: Critic,
    *,
    size: Size | None = None,
    filter: Literal["lanczos3", "bicubic", "area"] = "lanczos3",
) -> Tensor:
    """Return a photo, or a mask, at the size at which it is restored; a center crop is reported by a warning.

    Args:
        photo: [B, C, H, W].
        generator: as in `restore`.
        discriminator: as in `restore`.
        size: (height, width); default: `fitting_size`.
        filter: filter of Pillow; use "area" for a mask, and compare the result with a threshold.
    Returns:
        [B, C, height, width].
    """
    size = fitting_size(generator, discriminator, (photo.shape[2], photo.shape[3])) if size is None else size
    if not takes_rectangles(generator, discriminator):
        photo = center_crop(photo, size)
    return resize(photo, size, filter)


def center_crop(photo: Tensor, aspect: Size) -> Tensor:
    """Return the largest central part of a photo with the given aspect ratio; a warning reports that something is cut.

    Args:
        photo: [B, C, H, W].
        aspect: (height, width), of which only the ratio counts.
    """
    height, width = photo.shape[2:]
    new_height = min(height, max(round(width * aspect[0] / aspect[1]), 1))
    new_width = min(width, max(round(height * aspect[1] / aspect[0]), 1))
    if (new_height, new_width) == (height, width):
        return photo
    warnings.warn(
        f"the networks restore images of one aspect ratio only, so the photo of {height}x{width} is cropped to its "
        f"center, {new_height}x{new_width}; a generator with an implicit head and a discriminator without attention "
        "and flattened features take rectangles",
        stacklevel=4,
    )
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return photo[:, :, top : top + new_height, left : left + new_width]


def takes_rectangles(generator: nn.Module, discriminator: Critic) -> bool:
    """Return whether both networks accept images of other sizes than the native one."""
    return all(bool(getattr(network, "takes_any_size", False)) for network in (generator, discriminator))


def native_size(generator: nn.Module) -> Size:
    """Return the generator's attribute `size`.

    Raises:
        ValueError: if it has none.
    """
    size: Size | None = getattr(generator, "size", None)
    if size is None:
        raise ValueError(
            f"{type(generator).__name__} has no attribute size, so its native size is unknown; pass "
            "size=(height, width)"
        )
    return size[0], size[1]
