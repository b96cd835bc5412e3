"""Accepted image formats: those that Pillow always reads, AVIF if it can, and HEIC if pillow-heif is installed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath

from PIL import features

from everymode.data.words import listed

__all__ = ["EXTENSIONS", "FORMATS", "formats", "is_image_name", "is_undecodable", "remedy"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""Pillow's names of the formats that are always accepted."""
EXTENSIONS = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif")
)
AVIF_EXTENSIONS = (".avif",)
HEIC_EXTENSIONS = (".heic", ".heif", ".hif")


@cache
def formats() -> tuple[str, ...]:
    """Return Pillow's names of the formats that can be read here, after registering pillow-heif if it is installed."""
    avif = ("AVIF",) if features.check("avif") else ()
    return (*FORMATS, *avif, *(("HEIF",) if _registers_heif() else ()))


def _registers_heif() -> bool:
    try:
        import pillow_heif  # pyright: ignore[reportMissingImports]  an extra
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


@cache
def _extensions() -> frozenset[str]:
    avif = AVIF_EXTENSIONS if "AVIF" in formats() else ()
    return EXTENSIONS.union(avif, HEIC_EXTENSIONS if "HEIF" in formats() else ())


def is_image_name(name: str) -> bool:
    """Return whether a file name has the extension of an image format that can be read here."""
    return _extension(name) in _extensions()


def is_undecodable(name: str) -> bool:
    """Return whether a file name has the extension of an image format that could be read with other packages."""
    return _extension(name) in (*AVIF_EXTENSIONS, *HEIC_EXTENSIONS) and not is_image_name(name)


def remedy(names: Sequence[str]) -> str:
    """Return advice for undecodable files: to convert them, or to install a package."""
    extensions = sorted({PurePosixPath(name).suffix.lower() for name in names})
    packages = [
        package
        for package, known in (
            ("pillow-heif", HEIC_EXTENSIONS),
            ("--upgrade pillow (11.3 or newer)", AVIF_EXTENSIONS),
        )
        if set(known) & set(extensions)
    ]
    installs = " and ".join(f"pip install {package}" for package in packages)
    return f"convert the {listed(extensions)} files to PNG or JPEG, or {installs}"


def _extension(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot >= 0 else ""
