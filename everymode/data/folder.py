"""Folders of images: class sub-folders, a flat folder, or either with `labels.csv` or `dataset.json`."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from everymode.data.attribute_list import (
    LIST_NAMES,
    find_attribute_list,
    labels_from_attributes,
    unused_list_note,
)
from everymode.data.class_folders import is_hidden, is_of_the_system
from everymode.data.errors import DataError, NoImagesError
from everymode.data.formats import is_image_name, is_undecodable, remedy
from everymode.data.label_columns import Labeling, label_columns
from everymode.data.labeling import has_columns, is_table, label_images, others_note
from everymode.data.picture_files import opened_picture
from everymode.data.source import Source, digest_of
from everymode.data.words import listed

__all__ = ["ImageFile", "folder_source", "walk"]


class ImageFile(NamedTuple):
    """Path of one image relative to the root, with forward slashes, its size in bytes and modification time in ns."""

    name: str
    size: int
    changed: int

    @property
    def key(self) -> str:
        """Text in the keys of cache entries; another text would invalidate all existing entries."""
        return f"_Found(name={self.name!r}, size={self.size!r}, changed={self.changed!r})"


def folder_source(root: Path, *, label_column: str | None = None) -> Source:
    """Return the images under `root`, in the order of their names.

    Hidden files, system folders, links that lead out of `root` and links to folders are ignored.

    Raises:
        DataError: if there are no images, or labels can't be parsed.
    """
    where = root.name or str(root)
    images, ignored, others = walk(root)
    undecodable = [name for name in others if is_undecodable(name)]
    if not images:
        only = f" (only {listed([f'{n} {kind}' for kind, n in ignored.most_common()])})" if ignored else ""
        advice = (
            remedy(undecodable)
            if undecodable
            else "put PNG, JPEG, WebP, BMP, TIFF or GIF files there, or check the path"
        )
        raise NoImagesError(f"{root} holds no images{only}; {advice}")
    images.sort()
    names = [image.name for image in images]
    labeling = _labeling(root, where, names, label_column, undecodable)
    notes = (*labeling.notes, *others_note(others, where, str(root)))
    if ignored:
        notes += (f"{where}: ignored {listed([f'{n} {kind}' for kind, n in ignored.most_common()])}",)
    return Source(
        name=where,
        items=names,
        open_image=lambda i: opened_picture(root / names[i]),
        labels=labeling.labels,
        classes=labeling.classes,
        label_blocks=labeling.label_blocks,
        key=digest_of("folder", root.resolve(), *(image.key for image in images)),
        notes=notes,
    )


def _labeling(
    root: Path, where: str, names: list[str], label_column: str | None, undecodable: list[str]
) -> Labeling:
    csv_bytes = _bytes_of(root / "labels.csv")
    tables = {name: data for name in _tables_in(root) if (data := _bytes_of(root / name)) is not None}
    attributes = find_attribute_list(root) if csv_bytes is None else None
    columns = label_columns(label_column)
    if attributes is not None and columns and not any(has_columns(data, columns) for data in tables.values()):
        return labels_from_attributes(attributes, names, where, label_column=str(label_column))
    labeling = label_images(
        where,
        names,
        csv_bytes=csv_bytes,
        json_bytes=_bytes_of(root / "dataset.json"),
        label_column=label_column,
        tables=tables,
        root=str(root),
        undecodable=undecodable,
    )
    if attributes is None or columns:
        return labeling
    return labeling._replace(notes=(*labeling.notes, unused_list_note(attributes, where)))


def _bytes_of(path: Path) -> bytes | None:
    """Return the content of a label file; None if there is none.

    Raises:
        DataError: if it is a broken link, or can't be read.
    """
    try:
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path} is a broken link; repair or remove it")
        return path.read_bytes() if path.is_file() else None
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path} can't be read ({error}); repair or remove it") from None


def _tables_in(root: Path) -> list[str]:
    """Return the names of tables other than labels.csv that may hold labels, at the top level of the folder."""
    return [path.name for path in root.iterdir() if is_table(path.name) and path.is_file()]


def walk(root: Path) -> tuple[list[ImageFile], Counter[str], list[str]]:
    """Return all images under `root`, the number of ignored files of each kind, and the paths of those files."""
    inside = root.resolve()
    images: list[ImageFile] = []
    ignored: Counter[str] = Counter()
    others: list[str] = []
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                name = f"{folder}{entry.name}"
                # label files are read also through links that lead out of the root
                if _is_label_file(name) and entry.is_file():
                    continue
                if is_of_the_system(entry.name) and entry.is_dir(follow_symlinks=False):
                    ignored["system folders"] += 1
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                elif entry.is_symlink() and not _leads_to_file_inside(Path(entry.path), inside):
                    ignored["links that are not followed"] += 1
                elif is_image_name(entry.name):
                    status = entry.stat()
                    images.append(ImageFile(name, status.st_size, status.st_mtime_ns))
                else:
                    ignored[f"{Path(entry.name).suffix.lower() or 'unnamed'} files"] += 1
                    others.append(name)
    return images, ignored, others


def _is_label_file(name: str) -> bool:
    """Return whether a path relative to the root is that of a file that may be read as labels."""
    return name in ("labels.csv", "dataset.json", *LIST_NAMES) or ("/" not in name and is_table(name))


def _leads_to_file_inside(link: Path, inside: Path) -> bool:
    try:
        target = link.resolve()
        return target.is_file() and target.is_relative_to(inside)
    except (OSError, RuntimeError):  # a link to itself, or too long a path
        return False
