"""Zip archives of images, laid out like a folder and read directly, without extracting any file."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from everymode.data.class_folders import folder_around, is_hidden, is_of_the_system, levels_of
from everymode.data.errors import DataError
from everymode.data.formats import is_image_name, is_undecodable, remedy
from everymode.data.labeling import is_table, is_unrelated_json, label_images, others_note
from everymode.data.picture_files import opened_picture
from everymode.data.source import Source, digest_of
from everymode.data.words import listed

__all__ = ["zip_source"]

MAX_MEMBERS = 10_000_000
MAX_MEMBER_BYTES = 2**28
LABEL_FILES = ("labels.csv", "dataset.json")


def zip_source(path: Path, *, label_column: str | None = None) -> Source:
    """Return the images in a zip archive, in the order of their names.

    Folders that hold all images are skipped to find the root.

    Raises:
        DataError: if it is not a zip archive, the name of a member leads out of it, there are too many or too large
            members, or no images, or labels can't be parsed.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not a readable zip archive ({error}); pack it again") from None
    files, ignored = _files(archive.infolist(), path)
    pictures = [name for name in sorted(files) if is_image_name(name)]
    undecodable = [name for name in sorted(files) if is_undecodable(name)]
    if not pictures:
        advice = (
            remedy(undecodable) if undecodable else "pack PNG, JPEG, WebP, BMP, TIFF or GIF files into it"
        )
        raise DataError(f"{path} holds no images; {advice}")
    common_folder = folder_around([*pictures, *undecodable])
    unrelated = _unrelated_json_files(archive, files, common_folder, path)
    label_sources = {name: info for name, info in files.items() if name not in unrelated}
    prefix = _root(label_sources, common_folder, by_column=label_column is not None)
    names, infos = [name.removeprefix(prefix) for name in pictures], [files[name] for name in pictures]
    by_name = {name.removeprefix(prefix): info for name, info in files.items() if name.startswith(prefix)}
    others = _others(files, prefix)
    ignored += Counter(f"{Path(name).suffix.lower() or 'unnamed'} files" for name in others)
    label_files = {
        name: _label_file(archive, info, path) for name, info in by_name.items() if _is_label_file(name)
    }
    csv_bytes, json_bytes = (label_files.pop(name, None) for name in LABEL_FILES)
    labeling = label_images(
        path.name,
        names,
        csv_bytes=csv_bytes,
        json_bytes=json_bytes,
        label_column=label_column,
        tables=label_files,
        root=str(path),
        packed=True,
        by_folders=prefix == common_folder,
        undecodable=[name.removeprefix(prefix) for name in undecodable],
    )
    notes = (*labeling.notes, *others_note(others, path.name))
    has_label_file = csv_bytes is not None or (
        json_bytes is not None and f"{prefix}dataset.json" not in unrelated
    )
    if common_folder and not labeling.classes and not has_label_file:
        notes += (
            f"{path.name}: all images are in {common_folder}, which is used as the root, so they are unlabeled; if it "
            "is a class, add a labels.csv to it",
        )
    if ignored:
        notes += (f"{path.name}: ignored {listed([f'{n} {kind}' for kind, n in ignored.most_common()])}",)
    return Source(
        name=path.name,
        items=names,
        open_image=lambda i: opened_picture(_member_bytes(archive, infos[i])),
        labels=labeling.labels,
        classes=labeling.classes,
        label_blocks=labeling.label_blocks,
        key=digest_of("zip", *((info.filename, info.file_size, info.CRC) for info in infos)),
        notes=notes,
    )


def _files(members: list[zipfile.ZipInfo], path: Path) -> tuple[dict[str, zipfile.ZipInfo], Counter[str]]:
    """Return the members that are visible files, by name, and the number of ignored files of each other kind.

    Raises:
        DataError: if there are too many members, or a name leads out of the archive or occurs twice.
    """
    if len(members) > MAX_MEMBERS:
        raise DataError(
            f"{path} has {len(members):,} members; at most {MAX_MEMBERS:,} are accepted, so divide it"
        )
    files: dict[str, zipfile.ZipInfo] = {}
    ignored: Counter[str] = Counter()
    for info in members:
        # orig_filename is the name in the archive; in filename, zipfile has already replaced or cut characters
        name, parts = info.filename.replace("\\", "/"), info.orig_filename.replace("\\", "/").split("/")
        if name.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in info.orig_filename:
            raise DataError(
                f"{path} has a member named {info.orig_filename!r}, which leads out of it; pack it again"
            )
        if name.endswith("/") or any(map(is_hidden, parts)):
            continue
        if any(map(is_of_the_system, parts[:-1])):
            ignored["files of system folders"] += 1
        elif stat.S_ISLNK(info.external_attr >> 16):
            ignored["links that are not followed"] += 1
        elif name in files:
            raise DataError(f"{path} has two members named {name!r}; pack it again")
        else:
            files[name] = info
    return files, ignored


def _others(files: Mapping[str, object], prefix: str) -> list[str]:
    """Return the files that are neither images nor label files."""
    label_files = {
        name for name in files if name.startswith(prefix) and _is_label_file(name.removeprefix(prefix))
    }
    return [name for name in files if not is_image_name(name) and name not in label_files]


def _is_label_file(name: str) -> bool:
    return name in LABEL_FILES or is_table(name)


def _root(files: Mapping[str, object], common_folder: str, *, by_column: bool) -> str:
    """Return the root that images are named from: `common_folder`, or a folder above it that holds a label file.

    Args:
        files: members by name.
        common_folder: innermost folder that holds all images.
        by_column: whether the user set a label column, so that other tables take precedence over folders.
    """
    levels = levels_of(common_folder)
    for level in levels:
        if any(level + name in files for name in LABEL_FILES):
            return level
    flat = not any(is_image_name(name) and "/" in name.removeprefix(common_folder) for name in files)
    if flat or by_column:
        tables = {name for name in files if is_table(name.rsplit("/", 1)[-1])}
        for level in reversed(levels):
            if any(
                name.rsplit("/", 1)[0] + "/" == level or (level == "" and "/" not in name) for name in tables
            ):
                return level
    return common_folder


def _unrelated_json_files(
    archive: zipfile.ZipFile, files: Mapping[str, zipfile.ZipInfo], common_folder: str, path: Path
) -> set[str]:
    """Return the files named dataset.json, at a level that may be the root, that are not label files."""
    names = [f"{level}dataset.json" for level in levels_of(common_folder)]
    return {
        name for name in names if name in files and is_unrelated_json(_label_file(archive, files[name], path))
    }


def _label_file(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    """Return the content of a label file.

    Raises:
        DataError: if it is damaged, encrypted or compressed with an unknown method.
    """
    try:
        return _member_bytes(archive, info)
    except DataError:
        raise
    except Exception as error:  # zipfile and its decompressors raise many kinds of errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: {info.filename} can't be read ({reason}); pack the archive again") from None


def _member_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's content, without trusting the size that it declares.

    Raises:
        DataError: if it is larger than MAX_MEMBER_BYTES.
    """
    if info.file_size > MAX_MEMBER_BYTES:
        raise DataError(
            f"{info.filename} declares {info.file_size:,} bytes; at most {MAX_MEMBER_BYTES:,} are accepted per file"
        )
    with archive.open(info) as member:
        data = member.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise DataError(
            f"{info.filename} holds more than the {MAX_MEMBER_BYTES:,} bytes that are accepted per file"
        )
    return data
