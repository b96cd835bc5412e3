"""A zip archive of images, laid out like a folder and read in place: nothing is ever extracted."""

from __future__ import annotations

import io
import stat
import zipfile
from collections import Counter
from pathlib import Path

from PIL import Image

from everymode.data.decode import FORMATS, is_image_name
from everymode.data.errors import DataError
from everymode.data.labelling import label_images
from everymode.data.source import Source, digest_of
from everymode.data.words import listed

__all__ = ["zip_source"]

MAX_MEMBERS = 10_000_000
MAX_MEMBER_BYTES = 2**28
LABEL_FILES = ("labels.csv", "dataset.json")


def zip_source(path: Path, *, label_column: str | None = None) -> Source:
    """The images in a zip archive, in the order of their names; one folder around all is looked through.

    Raises:
        DataError: not a zip archive, a member named so as to escape a folder, too many or too large
            members, no images.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not a zip archive that can be read ({error}); pack it again") from None
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{path} has {len(members):,} members; at most {MAX_MEMBERS:,} are accepted")
    files, ignored = _files(members, path)
    prefix = _common_folder(list(files))
    images = {name.removeprefix(prefix): info for name, info in sorted(files.items()) if is_image_name(name)}
    if not images:
        raise DataError(f"{path} holds no images; pack PNG, JPEG, WebP, BMP, TIFF or GIF files into it")
    for name in files:
        if not is_image_name(name) and name.removeprefix(prefix) not in LABEL_FILES:
            ignored[f"{Path(name).suffix.lower() or 'unnamed'} files"] += 1
    names, infos = list(images), list(images.values())
    label_bytes = [
        _member_bytes(archive, files[prefix + name]) if prefix + name in files else None
        for name in LABEL_FILES
    ]
    labelling = label_images(
        path.name, names, csv_bytes=label_bytes[0], json_bytes=label_bytes[1], label_column=label_column
    )
    notes = labelling.notes
    if ignored:
        notes += (f"{path.name}: passed over {listed([f'{n} {kind}' for kind, n in ignored.most_common()])}",)
    return Source(
        name=path.name,
        items=names,
        open_image=lambda i: Image.open(io.BytesIO(_member_bytes(archive, infos[i])), formats=FORMATS),
        labels=labelling.labels,
        classes=labelling.classes,
        label_blocks=labelling.label_blocks,
        key=digest_of("zip", *((info.filename, info.file_size, info.CRC) for info in infos)),
        notes=notes,
    )


def _files(members: list[zipfile.ZipInfo], path: Path) -> tuple[dict[str, zipfile.ZipInfo], Counter[str]]:
    """Members that are visible files, by name, and how many of each other kind were passed over."""
    files: dict[str, zipfile.ZipInfo] = {}
    ignored: Counter[str] = Counter()
    for info in members:
        # orig_filename is what the archive says; zipfile has already replaced or cut some characters of
        # filename
        name, parts = info.filename, info.orig_filename.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in info.orig_filename:
            raise DataError(
                f"{path} has a member named {info.orig_filename!r}, which leads out of it; pack it again"
            )
        if info.is_dir() or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            ignored["links that are not followed"] += 1
        elif name in files:
            raise DataError(f"{path} has two members named {name!r}; pack it again")
        else:
            files[name] = info
    return files, ignored


def _common_folder(names: list[str]) -> str:
    """'photos/' where that folder holds everything and is not itself a class; else ''."""
    folders = {name.split("/", 1)[0] for name in names}
    if len(folders) != 1 or any("/" not in name for name in names):
        return ""
    prefix = folders.pop() + "/"
    inner = [name.removeprefix(prefix) for name in names]
    layered = all("/" in name for name in inner if is_image_name(name))
    return prefix if layered or any(name in LABEL_FILES for name in inner) else ""


def _member_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's content; the size that it declares is not trusted."""
    if info.file_size > MAX_MEMBER_BYTES:
        raise DataError(
            f"{info.filename} declares {info.file_size:,} bytes; at most {MAX_MEMBER_BYTES:,} are accepted"
        )
    with archive.open(info) as member:
        data = member.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise DataError(f"{info.filename} holds more than {MAX_MEMBER_BYTES:,} bytes")
    return data
