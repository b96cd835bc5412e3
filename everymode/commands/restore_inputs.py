"""Photos, masks and originals that `everymode restore` reads, and the names of its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.commands.ending import say
from everymode.commands.picture_inputs import picture_paths, read_picture, result_paths
from everymode.commands.restore_flags import CENTER, RestoreFlags

if TYPE_CHECKING:
    from torch import Tensor

STAGES = "stages"
"""Folder of the strips inside the folder of results."""
SCORES = "scores.json"
"""Name of the score card."""
LONGEST = 16
"""Largest ratio of a photo's sides."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo to restore."""

    path: Path
    """Its file."""
    pixels: Tensor
    """[1, C, h, w] in [-1, 1]; after --shrink, the small one."""
    keep: Tensor | None = None
    """[1, 1, h, w], 1 = kept and 0 = hole; None without a mask."""
    original: Tensor | None = None
    """[1, C, H, W] in [-1, 1]; None if it is unknown."""

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]


def photo_files(photos: Sequence[Path], out: Path, flags: RestoreFlags) -> dict[Path, Path]:
    """Return each photo's file with the path of its result.

    Raises:
        ValueError: if there is no photo, or a result would replace an input or another result.
        FileNotFoundError: if a path does not exist.
    """
    if not photos:
        raise ValueError(
            "name the photos after the run: `everymode restore RUN PHOTO`; RUN is none for methods without a generator"
        )
    targets: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for photo in photos:
        files = picture_paths(photo, out)
        for file, target in result_paths(files, photo, out).items():
            if target.resolve() in owners and owners[target.resolve()] != file.resolve():
                raise ValueError(
                    f"{owners[target.resolve()]} and {file} would have the same result {target}: rename one"
                )
            owners[target.resolve()] = file.resolve()
            targets[file] = target
    _require_no_input(targets, out, flags)
    return targets


def strip_path(target: Path, out: Path) -> Path:
    """Return the path of the strip of stages that belongs to a result."""
    return out.expanduser() / STAGES / target.relative_to(out.expanduser())


def _require_no_input(targets: dict[Path, Path], out: Path, flags: RestoreFlags) -> None:
    """Raise ValueError if something that is written would replace something that is read."""
    written = [path for target in targets.values() for path in (target, strip_path(target, out))]
    inputs = {file.resolve() for file in targets}
    mask = None if flags.mask in (None, CENTER) else Path(flags.mask or "")
    data = None if flags.data is None else Path(flags.data)
    folders: list[Path] = []
    for path in (mask, flags.original, data, flags.weights):
        if path is not None:
            resolved = path.expanduser().resolve()
            if resolved.is_dir():
                folders.append(resolved)
            else:
                inputs.add(resolved)
    for path in written:
        resolved = path.resolve()
        in_folder = resolved.exists() and any(folder in resolved.parents for folder in folders)
        if resolved in inputs or in_folder:
            raise ValueError(f"a result would replace {path}, which is read: choose another --out")


def read_photo(path: Path, roots: Sequence[Path], channels: int, flags: RestoreFlags) -> Photo:
    """Read a photo with its mask and its original.

    Args:
        path: its file.
        roots: the photos and folders that the user named.
        channels: channels of the generator's images.
        flags: the flags.

    Raises:
        ValueError: if a file can't be used, or the files don't fit together.
        OSError: if a file is damaged.
    """
    pixels = read_picture(path, channels)[None]
    height, width = pixels.shape[2:]
    if max(height, width) > LONGEST * min(height, width):
        raise ValueError(
            f"it has {height}x{width} pixels; a side is at most {LONGEST} times as long as the other"
        )
    if _has_transparency(path):
        say(f"{path}: transparent pixels are shown on white")
    name = _relative(path, roots)
    keep = None if flags.mask is None else _mask(flags.mask, name, (height, width))
    original = None
    if flags.original is not None:
        original = read_picture(_named(flags.original, name), channels)[None]
    elif _is_complete(pixels, flags):
        original = pixels
    if flags.shrink is not None:
        pixels = _shrunk(pixels, flags)
    return Photo(path, pixels, keep, original)


def _shrunk(pixels: Tensor, flags: RestoreFlags) -> Tensor:
    from everymode.restoration import downsample

    assert flags.shrink is not None
    return downsample(pixels, flags.shrink, flags.filter or "lanczos2").clamp(-1, 1)


def _is_complete(pixels: Tensor, flags: RestoreFlags) -> bool:
    """Return whether the photo is its own original."""
    if flags.task == "colorize":
        return bool((pixels - pixels[:, :1]).abs().max() > 0)
    return flags.task == "reconstruct" or flags.mask == CENTER or flags.shrink is not None


def _mask(mask: str, name: Path, size: tuple[int, int]) -> Tensor:
    """Return the mask of a photo, [1, 1, h, w] of 0 and 1."""
    from everymode.restoration import central_hole

    if mask == CENTER:
        keep = central_hole(size).float()[None, None]
        where = "the central hole"
    else:
        file = _named(Path(mask), name)
        picture = read_picture(file, 1)
        if tuple(picture.shape[1:]) != size:
            raise ValueError(
                f"its mask {file} has {picture.shape[1]}x{picture.shape[2]} pixels, and the photo {size[0]}x{size[1]}: "
                "make the mask of the photo's size"
            )
        keep = (picture > 0).float()[None]
        where = str(file)
    share = 1 - float(keep.mean())
    if not 0 < share < 1:
        raise ValueError(
            f"{where} {'has no hole' if share == 0 else 'keeps nothing'} in {size[0]}x{size[1]} pixels; white keeps a "
            "pixel, black is the hole"
        )
    say(f"{name}: the hole has {share:.1%} of the pixels")
    return keep


def _named(path: Path, name: Path) -> Path:
    """Return the file itself, or that of this name, with any extension, in the folder."""
    path = path.expanduser()
    if not path.is_dir():
        return path
    from everymode.data.formats import is_image_name

    exact = path / name
    if exact.is_file():
        return exact
    similar = [each for each in exact.parent.glob("*") if each.stem == name.stem and is_image_name(each.name)]
    if len(similar) != 1:
        raise ValueError(
            f"{path} has {len(similar)} pictures with the name {name.with_suffix('')}; it needs one"
        )
    return similar[0]


def _relative(path: Path, roots: Sequence[Path]) -> Path:
    for root in roots:
        root = root.expanduser()
        if root.is_dir() and path.is_relative_to(root):
            return path.relative_to(root)
    return Path(path.name)


def _has_transparency(path: Path) -> bool:
    from everymode.data.picture_files import opened_picture

    with opened_picture(path) as image:
        if "transparency" in image.info:
            return True
        return (
            image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
            and image.getchannel(image.getbands()[-1]).getextrema()[0] != 255
        )
