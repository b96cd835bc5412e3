"""Recognition of a folder that holds pictures and label maps, by the names of its sub-folders."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["PairFolders", "pair_folders"]


class PairFolders(NamedTuple):
    """Folders of images, of label maps and of instance maps (None if there are none)."""

    images: Path
    maps: Path
    instances: Path | None


def pair_folders(path: str | Path) -> PairFolders | None:
    """Return the folders to give to `open_pairs`, or None if a folder does not hold pictures with label maps.

    These are `images`, `maps` and, if there is one, `instances`. Of Cityscapes, they are leftImg8bit/train and twice
    gtFine/train for the folder that holds both, and the parts of the same split for a folder such as leftImg8bit/val.

    Args:
        path: any path; a file, or a path that doesn't exist, gives None.
    """
    root = Path(path).expanduser()
    images, maps, instances = root / "images", root / "maps", root / "instances"
    if images.is_dir() and maps.is_dir():
        return PairFolders(images, maps, instances if instances.is_dir() else None)
    images = root / "leftImg8bit" / "train"
    if not images.is_dir() and root.absolute().parent.name == "leftImg8bit":
        images = root.absolute()
    maps = images.parents[1] / "gtFine" / images.name if images.is_dir() else root
    if maps == root or not maps.is_dir():
        return None
    has_instances = next(maps.rglob("*_gtFine_instanceIds.*"), None) is not None
    return PairFolders(images, maps, maps if has_instances else None)
