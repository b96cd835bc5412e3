"""From one image file to uint8 pixels: modes, alpha, 16 bits, rotation and size, each by a stated rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

__all__ = [
    "EXTENSIONS",
    "FITS",
    "FORMATS",
    "MAX_PIXELS",
    "Decoding",
    "Header",
    "crop",
    "decoded",
    "enlargement",
    "flattened",
    "is_image_name",
    "pad",
    "read_header",
    "stretch",
]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
EXTENSIONS = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif")
)
# Just below where Pillow starts to warn: such a file is far likelier an attack than a picture.
MAX_PIXELS = 89_000_000
ORIENTATION_TAG = 0x0112
GREY_MODES = frozenset(("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"))
INTEGER_MODES = frozenset(("I", "I;16", "I;16L", "I;16B", "I;16N"))

Fit = Callable[[Image.Image, tuple[int, int], tuple[int, int, int]], Image.Image]


@dataclass(frozen=True)
class Decoding:
    """How images become arrays.

    Attributes:
        resolution: (H, W) of the result.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        fit: "crop", "pad" or "stretch", a key of FITS.
        background: colour behind transparent pixels and around padded images.
    """

    resolution: tuple[int, int]
    channels: int
    fit: str
    background: tuple[int, int, int]


class Header(NamedTuple):
    """What a file says of itself: size after rotation, Pillow's mode, and whether it has no colour."""

    height: int
    width: int
    mode: str
    grey: bool


def is_image_name(name: str) -> bool:
    """Whether the name ends like an image of an allowed format."""
    dot = name.rfind(".")
    return dot >= 0 and name[dot:].lower() in EXTENSIONS


def read_header(image: Image.Image) -> Header:
    """Size and mode of an opened, not yet decoded image.

    Raises:
        ValueError: more than MAX_PIXELS pixels, or none.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels, more than the {MAX_PIXELS:,} that are accepted")
    if width * height == 0:
        raise ValueError(f"{width}x{height} pixels: nothing to see")
    if image.getexif().get(ORIENTATION_TAG) in (5, 6, 7, 8):
        width, height = height, width
    return Header(height, width, image.mode, image.mode in GREY_MODES)


def decoded(image: Image.Image, decoding: Decoding) -> tuple[np.ndarray, float]:
    """Pixels of an opened image, and how much it was enlarged for them.

    Returns:
        uint8 [C, H, W], and the enlargement (1 = native size, below 1 = shrunk).

    Raises:
        ValueError: too many pixels, or values that can't be scaled to 8 bits.
        OSError: a damaged file (and, from Pillow's readers, other errors).
    """
    header = read_header(image)
    # a JPEG can be decoded at 1/2, 1/4 or 1/8 of its size; never below twice the target, so nothing shows
    longest = 2 * max(decoding.resolution)
    image.draft(None, (longest, longest))
    image = flattened(ImageOps.exif_transpose(image), decoding.channels, decoding.background)
    if image.size != decoding.resolution[::-1]:
        image = FITS[decoding.fit](image, decoding.resolution, decoding.background)
    pixels = np.asarray(image)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels), enlargement(header, decoding.resolution, decoding.fit)


def flattened(image: Image.Image, channels: int, background: tuple[int, int, int]) -> Image.Image:
    """The image as 8-bit grey (1 channel), RGB (3, alpha laid over `background`) or RGBA (4)."""
    if image.mode in INTEGER_MODES:
        image = _from_integers(image)
    elif image.mode == "F":
        raise ValueError("floating-point pixels, whose range is not known; save it with 8 or 16 bits")
    see_through = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if channels == 4:
        return image.convert("RGBA")
    if see_through:
        paper = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    # modes such as CMYK, LAB and palettes become grey by way of RGB
    if channels == 3 or image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return image if channels == 3 else image.convert("L")


def _from_integers(image: Image.Image) -> Image.Image:
    """16-bit grey -> 8 bits, 65,535 -> 255. (Pillow's own conversion saturates at 255 instead.)"""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"grey values from {values.min()} to {values.max()}; 0 .. 65535 is accepted")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def crop(image: Image.Image, resolution: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """The largest centred part with the target's aspect, resized. (`background` is not seen.)"""
    height, width = resolution
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    box = (
        max(left, 0.0),
        max(top, 0.0),
        min(image.width - left, image.width),
        min(image.height - top, image.height),
    )
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


def pad(image: Image.Image, resolution: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """The whole image as large as it fits, centred on `background` (opaque)."""
    height, width = resolution
    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    paper = Image.new("RGB", (width, height), background).convert(image.mode)
    resized = image.resize(inner, Image.Resampling.LANCZOS)
    paper.paste(resized, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return paper


def stretch(image: Image.Image, resolution: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """The whole image, its aspect changed to the target's. (`background` is not seen.)"""
    height, width = resolution
    return image.resize((width, height), Image.Resampling.LANCZOS)


FITS: dict[str, Fit] = {"crop": crop, "pad": pad, "stretch": stretch}


def enlargement(header: Header, resolution: tuple[int, int], fit: str) -> float:
    """By how much an image of this header is enlarged: 1 = native size, below 1 = shrunk."""
    ratios = (resolution[0] / header.height, resolution[1] / header.width)
    return min(ratios) if fit == "pad" else max(ratios)
