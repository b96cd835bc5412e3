"""A folder of images: class sub-folders, a flat folder, or either with `labels.csv` or `dataset.json`."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from everymode.data.class_folders import is_hidden, is_of_the_system
from everymode.data.decode import is_image_name
from everymode.data.errors import DataError, NoImagesError
from everymode.data.labeling import is_table, label_images, others_note
from everymode.data.picture_files import opened_picture
from everymode.data.source import Source, digest_of
from everymode.data.words import listed

__all__ = ["folder_source"]


class _Found(NamedTuple):
    """One image: path relative to the root with forward slashes, size in bytes, time of the last change."""

    name: str
    size: int
    changed: int


def folder_source(root: Path, *, label_column: str | None = None) -> Source:
    """The images under `root`, in the order of their names.

    Hidden files and system folders are passed over; so are links that lead out of `root` and links to folders.

    Raises:
        DataError: no images, or labels that can't be understood.
    """
    where = root.name or str(root)
    found, ignored, beside = _walk(root)
    if not found:
        others = f" (only {listed([f'{n} {kind}' for kind, n in ignored.most_common()])})" if ignored else ""
        raise NoImagesError(
            f"{root} holds no images{others}; put PNG, JPEG, WebP, BMP, TIFF or GIF files there, or "
            "check the path"
        )
    found.sort()
    names = [image.name for image in found]
    labeling = label_images(
        where,
        names,
        csv_bytes=_bytes_of(root / "labels.csv"),
        json_bytes=_bytes_of(root / "dataset.json"),
        label_column=label_column,
        tables={name: data for name in _tables_in(root) if (data := _bytes_of(root / name)) is not None},
        place=str(root),
    )
    notes = (*labeling.notes, *others_note(beside, where, str(root)))
    if ignored:
        notes += (f"{where}: passed over {listed([f'{n} {kind}' for kind, n in ignored.most_common()])}",)
    return Source(
        name=where,
        items=names,
        open_image=lambda i: opened_picture(root / names[i]),
        labels=labeling.labels,
        classes=labeling.classes,
        label_blocks=labeling.label_blocks,
        key=digest_of("folder", root.resolve(), *found),
        notes=notes,
    )


def _bytes_of(path: Path) -> bytes | None:
    """The content of a label file; None where there is none.

    Raises:
        DataError: a link that leads nowhere, or a file that can't be read.
    """
    try:
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path} is a link that leads nowhere; mend it, or remove it")
        return path.read_bytes() if path.is_file() else None
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path} can't be read ({error}); mend it, or remove it") from None


def _tables_in(root: Path) -> list[str]:
    """Tables at the top of the folder that may hold labels, beside labels.csv."""
    return [path.name for path in root.iterdir() if is_table(path.name) and path.is_file()]


def _walk(root: Path) -> tuple[list[_Found], Counter[str], list[str]]:
    """All images under `root`, how many files of each other kind were passed over, and what those are called."""
    inside = root.resolve()
    found: list[_Found] = []
    ignored: Counter[str] = Counter()
    beside: list[str] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                name = f"{folder}{entry.name}"
                if is_of_the_system(entry.name) and entry.is_dir(follow_symlinks=False):
                    ignored["system folders"] += 1
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                elif entry.is_symlink() and not _leads_to_file_inside(Path(entry.path), inside):
                    ignored["links that are not followed"] += 1
                elif is_image_name(entry.name):
                    facts = entry.stat()
                    found.append(_Found(name, facts.st_size, facts.st_mtime_ns))
                elif name not in ("labels.csv", "dataset.json") and not ("/" not in name and is_table(name)):
                    ignored[f"{Path(entry.name).suffix.lower() or 'unnamed'} files"] += 1
                    beside.append(name)
    return found, ignored, beside


def _leads_to_file_inside(link: Path, inside: Path) -> bool:
    try:
        target = link.resolve()
        return target.is_file() and target.is_relative_to(inside)
    except (OSError, RuntimeError):  # a link that leads to itself, or is too long
        return False
