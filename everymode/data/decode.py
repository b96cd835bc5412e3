"""Decoding of one image file into uint8 pixels: rules for modes, alpha, 16 bits, rotation and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from everymode.data.large_images import room_for
from everymode.data.value_range import in_bytes

__all__ = [
    "FITS",
    "MAX_PIXELS",
    "Decoding",
    "Header",
    "brightest_of",
    "crop",
    "decoded",
    "enlargement",
    "flattened",
    "is_deep",
    "pad",
    "read_header",
    "require_range_known",
    "stretch",
    "turn_of",
]

MAX_PIXELS = 89_000_000
"""Largest accepted image, just below where Pillow warns: a larger file is far more likely an attack than a picture."""
ORIENTATION_TAG = 0x0112
TURNS: Mapping[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> transposition that turns the image upright; 1 is upright. Damaged EXIF may hold any value."""
SIDEWAYS = tuple(TURNS[number] for number in (5, 6, 7, 8))
GRAY_MODES = frozenset(("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"))
INTEGER_MODES = frozenset(("I", "I;16", "I;16L", "I;16B", "I;16N"))
SCALABLE_MODES = ("L", "LA", "RGB", "RGBA")
"""Modes of 8-bit images whose values are intensities, so that a range can be applied to them."""

Fit = Callable[[Image.Image, tuple[int, int], tuple[int, int, int]], Image.Image]


@dataclass(frozen=True)
class Decoding:
    """Settings of the conversion from images to arrays.

    Attributes:
        resolution: (H, W) of the result.
        channels: 1 (gray), 3 (color) or 4 (color and alpha).
        fit: "crop", "pad" or "stretch", a key of FITS.
        background: color behind transparent pixels and around padded images.
        value_range: key of RANGES, the values of black and white in gray and color images; None = by bit depth.
    """

    resolution: tuple[int, int]
    channels: int
    fit: str
    background: tuple[int, int, int]
    value_range: str | None = None


class Header(NamedTuple):
    """Properties read from a file's header: size after rotation, Pillow's mode, and whether the image is gray."""

    height: int
    width: int
    mode: str
    gray: bool


def read_header(image: Image.Image) -> Header:
    """Return the header of an opened, not yet decoded image.

    Raises:
        ValueError: if the image has more than MAX_PIXELS pixels, or none.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels, more than the {MAX_PIXELS:,} that are accepted")
    if width * height == 0:
        raise ValueError(f"{width}x{height} pixels: the image is empty")
    # Pillow opens 16-bit gray with alpha as RGBA
    mode = "LA" if any(args.startswith("LA;16") for args in _raw_modes(image)) else image.mode
    if turn_of(image) in SIDEWAYS:
        width, height = height, width
    return Header(height, width, mode, mode in GRAY_MODES)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """Return the transposition that turns an image upright by its EXIF orientation; None if none is needed.

    Nothing is decoded. Unreadable EXIF is ignored, and so is EXIF after the pixels of a PNG, which `opened_picture`
    moves before them.
    """
    try:
        # the method of Pillow's PNG images would decode the image
        exif = Image.Image.getexif(image) if image.format == "PNG" else image.getexif()
        return TURNS.get(exif.get(ORIENTATION_TAG))
    except Exception:  # damaged EXIF makes Pillow raise nearly anything, and leaves the pixels intact
        return None


def is_deep(image: Image.Image) -> bool:
    """Return whether an opened, not yet decoded image has more than 8 bits per value."""
    return image.mode in INTEGER_MODES or any("16" in args for args in _raw_modes(image))


def require_range_known(image: Image.Image, value_range: str | None) -> None:
    """Reject a range that can't be applied to an opened, not yet decoded image.

    Only gray and RGB have values that 0..1 and -1..1 can refer to. 1-bit images hold 0 and 1, so 0..1 fits them.

    Raises:
        ValueError: if the image is 16-bit color and the range is not 0..65535, or the range is 0..1 or -1..1 and the
            image has a palette, 1 bit (unless the range is 0..1), CMYK or another kind of color.
    """
    if value_range not in (None, "0..65535") and image.mode not in INTEGER_MODES and is_deep(image):
        raise ValueError(
            f"16-bit color, of which only the upper 8 bits are read, so value_range {value_range} doesn't apply; "
            "save it with 8 bits, or omit value_range"
        )
    scalable = (*SCALABLE_MODES, *INTEGER_MODES, "F", *(("1",) if value_range == "0..1" else ()))
    if value_range in ("0..1", "-1..1") and image.mode not in scalable:
        kind = {"1": "1-bit image", "P": "palette image", "PA": "palette image"}.get(
            image.mode, f"{image.mode} image"
        )
        raise ValueError(
            f"{kind}, which value_range {value_range} doesn't apply to; save it as gray or RGB, or omit value_range"
        )


def brightest_of(image: Image.Image, pixels: np.ndarray, *, deep: bool) -> int:
    """Return the largest value of a decoded image, accurately enough to recognize nearly black images.

    Args:
        image: opened image, decoded by now.
        pixels: uint8 [C, H, W] decoded from it.
        deep: result of `is_deep` before it was decoded.
    """
    if image.mode in INTEGER_MODES:
        return int(np.asarray(image).max())
    largest = int(pixels[:3].max())
    return 257 * largest + 255 if deep else largest


def _raw_modes(image: Image.Image) -> list[str]:
    """Return the raw modes of the file, as Pillow's decoders name them; [] once the image is decoded."""
    tiles = getattr(image, "tile", None) or ()
    arguments = [tile[3] if isinstance(tile[3], tuple) else (tile[3],) for tile in tiles[:1]]
    return [mode for args in arguments for mode in args if isinstance(mode, str)]


def decoded(image: Image.Image, decoding: Decoding) -> tuple[np.ndarray, float]:
    """Decode an opened image.

    Returns:
        Pixels uint8 [C, H, W], and the factor of enlargement (1 = native size, below 1 = shrunk).

    Raises:
        ValueError: if there are too many pixels, or values can't be scaled to 8 bits.
        OSError: if the file is damaged (Pillow may raise other errors, too).
    """
    require_range_known(image, decoding.value_range)
    header = read_header(image)
    # a JPEG can be decoded at 1/2, 1/4 or 1/8 of its size; at least twice the target, so the loss is invisible
    longest = 2 * max(decoding.resolution)
    image.draft(None, (longest, longest))
    turn = turn_of(image)
    with room_for(image):
        image = flattened(image, decoding.channels, decoding.background, decoding.value_range)
        image = image if turn is None else image.transpose(turn)
        if image.size != decoding.resolution[::-1]:
            image = FITS[decoding.fit](image, decoding.resolution, decoding.background)
        pixels = np.asarray(image)
        pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels), enlargement(header, decoding.resolution, decoding.fit)


def flattened(
    image: Image.Image, channels: int, background: tuple[int, int, int], value_range: str | None = None
) -> Image.Image:
    """Convert an image to 8-bit gray (1 channel), RGB (3 channels) or RGBA (4 channels).

    Args:
        background: color that transparent pixels are composited over, for 1 or 3 channels.
        value_range: as in `Decoding`.

    Raises:
        ValueError: if pixels are floating-point and `value_range` is None, or values lie outside the range.
    """
    if image.mode in INTEGER_MODES or (image.mode == "F" and value_range is not None):
        image = _from_numbers(image, value_range)
    elif image.mode == "F":
        raise ValueError(
            "floating-point pixels, whose range is unknown; save it with 8 or 16 bits, or set the range, as in "
            'value_range="0..1" (--value-range 0..1)'
        )
    elif value_range in ("0..1", "-1..1") and image.mode in SCALABLE_MODES:
        image = _from_bytes(image, value_range)
    transparent = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if channels == 4:
        return image.convert("RGBA")
    if transparent:
        canvas = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB")
    # modes such as CMYK, LAB and palettes are converted to gray via RGB
    if channels == 3 or image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return image if channels == 3 else image.convert("L")


def _from_numbers(image: Image.Image, value_range: str | None) -> Image.Image:
    """Scale 16-bit, 32-bit or floating-point gray to 8 bits (Pillow's own conversion saturates at 255 instead).

    Alpha is 0 where the image has the value that its metadata declare transparent.
    """
    values = np.asarray(image)
    gray = Image.fromarray(in_bytes(values, value_range, "gray image"))
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return gray
    alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (gray, alpha))


def _from_bytes(image: Image.Image, value_range: str) -> Image.Image:
    """Scale 8-bit gray or color from the range that the user set; alpha is unchanged."""
    if "transparency" in image.info:  # a color, which scaling would change
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    values = np.asarray(image).copy()
    colors = values[..., : 1 if image.mode == "LA" else 3] if values.ndim == 3 else values
    colors[...] = in_bytes(colors, value_range, "8-bit image")
    return Image.fromarray(values)


def crop(image: Image.Image, resolution: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """Resize the largest centered region with the aspect ratio of `resolution`; `background` is unused."""
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
    """Resize the whole image to fit inside `resolution`, centered on opaque `background`."""
    height, width = resolution
    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (width, height), background).convert(image.mode)
    resized = image.resize(inner, Image.Resampling.LANCZOS)
    canvas.paste(resized, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def stretch(image: Image.Image, resolution: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """Resize the whole image to `resolution`, changing its aspect ratio; `background` is unused."""
    height, width = resolution
    return image.resize((width, height), Image.Resampling.LANCZOS)


FITS: dict[str, Fit] = {"crop": crop, "pad": pad, "stretch": stretch}


def enlargement(header: Header, resolution: tuple[int, int], fit: str) -> float:
    """Return the factor by which an image of this header is enlarged: 1 = native size, below 1 = shrunk."""
    ratios = (resolution[0] / header.height, resolution[1] / header.width)
    return min(ratios) if fit == "pad" else max(ratios)
