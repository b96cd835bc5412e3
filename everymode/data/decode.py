"""From one image file to uint8 pixels: modes, alpha, 16 bits, rotation and size, each by a stated rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from everymode.data.large_images import room_for
from everymode.data.picture_files import FORMATS
from everymode.data.value_range import in_bytes

__all__ = [
    "EXTENSIONS",
    "FITS",
    "FORMATS",
    "MAX_PIXELS",
    "Decoding",
    "Header",
    "brightest_of",
    "crop",
    "decoded",
    "enlargement",
    "flattened",
    "is_deep",
    "is_image_name",
    "pad",
    "read_header",
    "require_range_known",
    "stretch",
    "turn_of",
]

EXTENSIONS = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif")
)
# Just below where Pillow starts to warn: such a file is far likelier an attack than a picture.
MAX_PIXELS = 89_000_000
ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what brings the image upright; 1 is upright."""
SIDEWAYS = tuple(TURNS[number] for number in (5, 6, 7, 8))
GRAY_MODES = frozenset(("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"))
INTEGER_MODES = frozenset(("I", "I;16", "I;16L", "I;16B", "I;16N"))

Fit = Callable[[Image.Image, tuple[int, int], tuple[int, int, int]], Image.Image]


@dataclass(frozen=True)
class Decoding:
    """How images become arrays.

    Attributes:
        resolution: (H, W) of the result.
        channels: 1 (gray), 3 (color) or 4 (color and alpha).
        fit: "crop", "pad" or "stretch", a key of FITS.
        background: color behind transparent pixels and around padded images.
        value_range: a key of RANGES: the numbers of black and white in gray and color images; None = by their bits.
    """

    resolution: tuple[int, int]
    channels: int
    fit: str
    background: tuple[int, int, int]
    value_range: str | None = None


class Header(NamedTuple):
    """What a file says of itself: size after rotation, Pillow's mode, and whether it has no color."""

    height: int
    width: int
    mode: str
    gray: bool


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
    # Pillow opens 16-bit gray with alpha as RGBA; the EXIF of a PNG may stand last, so that it is decoded for it
    mode = "LA" if any(args.startswith("LA;16") for args in _raw_modes(image)) else image.mode
    if turn_of(image) in SIDEWAYS:
        width, height = height, width
    return Header(height, width, mode, mode in GRAY_MODES)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What brings an image upright, by its EXIF orientation. EXIF that can't be read turns nothing.

    Raises whatever Pillow's reader raises for a PNG whose pixels are damaged: its EXIF may stand behind them.
    """
    if image.format == "PNG" and "exif" not in image.info:
        image.load()
    try:
        return TURNS.get(image.getexif().get(ORIENTATION_TAG))
    except (
        Exception
    ):  # whatever is wrong with EXIF costs no pixels, and Pillow's reader raises nearly anything
        return None


def is_deep(image: Image.Image) -> bool:
    """Whether an opened, not yet decoded image has more than 8 bits for each value."""
    return image.mode in INTEGER_MODES or any("16" in args for args in _raw_modes(image))


def require_range_known(image: Image.Image, value_range: str | None) -> None:
    """Raise ValueError for 16-bit color, opened but not yet decoded, where a range other than 0..65535 is said."""
    if value_range not in (None, "0..65535") and image.mode not in INTEGER_MODES and is_deep(image):
        raise ValueError(
            f"16-bit color, of which only the upper 8 bits are read, so that it can't have the range {value_range}; "
            "save it with 8 bits"
        )


def brightest_of(image: Image.Image, pixels: np.ndarray, *, deep: bool) -> int:
    """The largest value of a decoded image, as far as it matters to tell black images.

    Args:
        image: as opened, since decoded.
        pixels: uint8 [C, H, W], what became of it.
        deep: `is_deep`, before it was decoded.
    """
    if image.mode in INTEGER_MODES:
        return int(np.asarray(image).max())
    largest = int(pixels[:3].max())
    return 257 * largest + 255 if deep else largest


def _raw_modes(image: Image.Image) -> list[str]:
    """How the file stores its pixels, in the words of Pillow's decoders; only before they are decoded."""
    tiles = getattr(image, "tile", None) or ()
    found = [tile[3] if isinstance(tile[3], tuple) else (tile[3],) for tile in tiles[:1]]
    return [piece for args in found for piece in args if isinstance(piece, str)]


def decoded(image: Image.Image, decoding: Decoding) -> tuple[np.ndarray, float]:
    """Pixels of an opened image, and how much it was enlarged for them.

    Returns:
        uint8 [C, H, W], and the enlargement (1 = native size, below 1 = shrunk).

    Raises:
        ValueError: too many pixels, or values that can't be scaled to 8 bits.
        OSError: a damaged file (and, from Pillow's readers, other errors).
    """
    require_range_known(image, decoding.value_range)
    header = read_header(image)
    # a JPEG can be decoded at 1/2, 1/4 or 1/8 of its size; never below twice the target, so nothing shows
    longest = 2 * max(decoding.resolution)
    image.draft(None, (longest, longest))
    turned = turn_of(image)
    with room_for(image):
        image = flattened(image, decoding.channels, decoding.background, decoding.value_range)
        image = image if turned is None else image.transpose(turned)
        if image.size != decoding.resolution[::-1]:
            image = FITS[decoding.fit](image, decoding.resolution, decoding.background)
        pixels = np.asarray(image)
        pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels), enlargement(header, decoding.resolution, decoding.fit)


def flattened(
    image: Image.Image, channels: int, background: tuple[int, int, int], value_range: str | None = None
) -> Image.Image:
    """The image as 8-bit gray (1 channel), RGB (3, alpha laid over `background`) or RGBA (4).

    Args:
        value_range: as in `Decoding`.
    """
    if image.mode in INTEGER_MODES or (image.mode == "F" and value_range is not None):
        image = _from_numbers(image, value_range)
    elif image.mode == "F":
        raise ValueError(
            "floating-point pixels, whose range is not known; save it with 8 or 16 bits, or say the range, as in "
            'value_range="0..1" (--value-range 0..1)'
        )
    elif value_range in ("0..1", "-1..1") and image.mode in ("L", "LA", "RGB", "RGBA"):
        image = _from_bytes(image, value_range)
    see_through = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if channels == 4:
        return image.convert("RGBA")
    if see_through:
        paper = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    # modes such as CMYK, LAB and palettes become gray by way of RGB
    if channels == 3 or image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return image if channels == 3 else image.convert("L")


def _from_numbers(image: Image.Image, value_range: str | None) -> Image.Image:
    """Gray of 16 or 32 bits, or fractions -> 8 bits (Pillow's own conversion saturates at 255 instead), with alpha 0
    where the image has the value that it calls transparent.
    """
    values = np.asarray(image)
    gray = Image.fromarray(in_bytes(values, value_range, "gray"))
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return gray
    alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (gray, alpha))


def _from_bytes(image: Image.Image, value_range: str) -> Image.Image:
    """8-bit gray or color brought from the range that the user said; alpha stays."""
    if "transparency" in image.info:  # a color, which would be another one afterward
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    values = np.asarray(image).copy()
    colors = values[..., : 1 if image.mode == "LA" else 3] if values.ndim == 3 else values
    colors[...] = in_bytes(colors, value_range, "8 bits")
    return Image.fromarray(values)


def crop(image: Image.Image, resolution: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """The largest centered part with the target's aspect, resized. (`background` is not seen.)"""
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
    """The whole image as large as it fits, centered on `background` (opaque)."""
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
