"""Pictures with label maps: `open_pairs` opens two (or three) folders of files with the same names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from everymode.data.arguments import request_of, require_limit
from everymode.data.cache import CacheEntry, cache_folder, entry_folder, preferred_folder, read_entry
from everymode.data.channel_rows import channel_rows
from everymode.data.dataset import Dataset
from everymode.data.decode import Decoding, brightest_of, flattened, is_deep, read_header, turn_of
from everymode.data.errors import DataError, MissingDataError, NoImagesError, PairError
from everymode.data.folder import ImageFile, walk
from everymode.data.label_maps import Placement, edges_of, placed_nearest, placement, read_instances, read_map
from everymode.data.large_images import room_for
from everymode.data.pair_names import files_by_key, match_pairs
from everymode.data.paired import VOID, Paired, count_map_classes
from everymode.data.picture_files import is_jpeg, opened_picture
from everymode.data.prepare import Request, assembled, choose_decoding
from everymode.data.row_decoding import DecodedRow, decode_all
from everymode.data.source import Source, digest_of, limited_rows
from everymode.data.words import counted
from everymode.resolution import AskedResolution

__all__ = ["open_pairs"]


class _Folder(NamedTuple):
    """Root and the files in it, in the order of the images."""

    root: Path
    files: list[ImageFile]

    @property
    def key(self) -> str:
        return digest_of("folder", self.root.resolve(), *(file.key for file in self.files))


@dataclass(frozen=True)
class _Files:
    """Files of all pairs.

    Attributes:
        images, maps: folders.
        instances: folder of the instance maps; None without edges.
        zero_is_void: as in `open_pairs`.
    """

    images: _Folder
    maps: _Folder
    instances: _Folder | None
    zero_is_void: bool

    @property
    def name(self) -> str:
        root = self.images.root
        return root.parent.name if root.name == "images" and root.parent.name else root.name or str(root)

    @property
    def key(self) -> str:
        instances = "none" if self.instances is None else self.instances.key
        return digest_of("pairs 1", self.images.key, self.maps.key, instances, self.zero_is_void)

    def source(self) -> Source:
        """Return the images alone as a source."""
        names = [file.name for file in self.images.files]
        return Source(
            name=self.name,
            items=names,
            open_image=lambda i: opened_picture(self.images.root / names[i]),
            labels=np.full(len(names), -1, np.int64),
            classes=(),
            key=self.key,
        )


def open_pairs(
    images: str | Path,
    maps: str | Path,
    *,
    instances: str | Path | None = None,
    strip: Sequence[str] = (),
    resolution: AskedResolution | None = None,
    channels: int | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    background: tuple[int, int, int] = (255, 255, 255),
    limit: int | None = None,
    num_classes: int | None = None,
    zero_is_void: bool = False,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> Dataset:
    """Open a folder of images and a folder of label maps; files are decoded once, into a memory-mapped cache.

    An image and its map have the same relative path, without the extension and without the endings of Cityscapes
    (`_leftImg8bit`, `_gtFine_labelIds`, `_gtFine_instanceIds`) or those in `strip`. Cityscapes opens as distributed,
    with leftImg8bit/train, gtFine/train and again gtFine/train as instances. Maps are gray or palette PNG whose
    values are class numbers; 255 is void. A map must be of the size of its image. Images are resized bicubically
    (antialiased) and maps by nearest neighbor, in the same region; what `fit="pad"` adds to a map is void.

    Args:
        images: folder of images.
        maps: folder of label maps.
        instances: folder of instance maps (pixels of one instance have the same value or color), from which the edges
            between instances are computed, after resizing.
        strip: further endings of names (before the extension) that are not a part of the name of a pair.
        resolution, channels, fit, background, limit, cache_dir, progress, workers: as in `open_images`.
        num_classes: number of classes (default: the largest number in the maps but 255, plus 1).
        zero_is_void: whether 0 in a map is void, 1 is class 0 and so on, as in ADE20K.

    Returns:
        The dataset, unlabeled, whose `paired` holds maps uint8 [N, H, W] and, with instances, edges.

    Raises:
        FileNotFoundError: if a folder does not exist.
        ValueError: if an argument is out of range.
        TypeError: if `strip` is a single text, or `limit` or `num_classes` is not an integer.
        everymode.data.DataError: if names don't match, a map holds colors or is of another size than its image, or
            images can't be used (see `open_images`).
    """
    request = request_of(resolution, channels, fit, background)
    require_limit(limit)
    if isinstance(strip, str):
        raise TypeError(f'strip is "{strip}"; give a tuple of endings, such as ("{strip}",)')
    if not all(strip):
        raise ValueError("strip holds an empty ending; remove it")
    if num_classes is not None and not 1 <= operator.index(num_classes) <= VOID:
        raise ValueError(f"num_classes is {num_classes}; give 1 to {VOID}, or omit it")
    files = _limited(_matched(images, maps, instances, tuple(strip), zero_is_void), limit)
    stack, entry = _read_or_decode(files, request, cache_dir=cache_dir, workers=workers, progress=progress)
    return _dataset(files, stack, entry, num_classes)


def _matched(
    images: str | Path,
    maps: str | Path,
    instances: str | Path | None,
    strip: tuple[str, ...],
    zero_is_void: bool,
) -> _Files:
    roots: dict[str, Path] = {"image": _existing(images), "map": _existing(maps)}
    if instances is not None:
        roots["instance map"] = _existing(instances)
    files: dict[str, dict[str, ImageFile]] = {}
    by_key: dict[str, dict[str, str]] = {}
    for kind, root in roots.items():
        found = sorted(walk(root)[0])
        files[kind] = {file.name: file for file in found}
        by_key[kind] = files_by_key(files[kind], kind, str(root), strip=strip)
        if not by_key[kind]:
            passed = f" (only {counted(len(found), 'file')} of other kinds)" if found else ""
            raise NoImagesError(f"{root} holds no {kind}s{passed}; check the path")
    names = {"image": list(by_key["image"].values())}
    for kind in list(roots)[1:]:
        where = f"{roots['image']} and {roots[kind]}"
        names[kind] = match_pairs(by_key["image"], by_key[kind], kind, where)
    folders = {
        kind: _Folder(root, [files[kind][name] for name in names[kind]]) for kind, root in roots.items()
    }
    return _Files(folders["image"], folders["map"], folders.get("instance map"), zero_is_void)


def _existing(path: str | Path) -> Path:
    folder = Path(path).expanduser()
    if not folder.exists():
        raise MissingDataError(
            f"there is no folder {folder} (absolute path {folder.absolute()}); check the spelling and that the disk "
            "is mounted"
        )
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the folders of images and of maps (unpack archives)")
    return folder


def _limited(files: _Files, limit: int | None) -> _Files:
    if limit is None or limit >= len(files.images.files):
        return files
    rows = limited_rows(len(files.images.files), limit)

    def some(folder: _Folder) -> _Folder:
        return _Folder(folder.root, [folder.files[row] for row in rows])

    instances = None if files.instances is None else some(files.instances)
    return replace(files, images=some(files.images), maps=some(files.maps), instances=instances)


def _read_or_decode(
    files: _Files, request: Request, *, cache_dir: str | Path | None, workers: int | None, progress: bool
) -> tuple[np.ndarray, CacheEntry]:
    """Return the channels of images, maps and edges as one array uint8 [N, C + 1 or C + 2, H, W]."""
    source = files.source()
    key = digest_of(files.key, request.key)
    cached = read_entry(entry_folder(preferred_folder(cache_dir), source.name, key))
    if cached is not None:
        return cached
    folder = entry_folder(cache_folder(cache_dir), source.name, key)
    cached = read_entry(folder)  # of a temporary folder, if the other one can't be written
    if cached is not None:
        return cached
    decoding = choose_decoding(source, request, workers=workers, progress=progress)
    return decode_all(
        source,
        (decoding.channels + (1 if files.instances is None else 2), *decoding.resolution),
        lambda i: _decode_pair(files, decoding, i),
        folder,
        workers=workers,
        progress=progress,
    )


def _decode_pair(files: _Files, decoding: Decoding, i: int) -> DecodedRow:
    with opened_picture(files.images.root / files.images.files[i].name) as image:
        header, deep, jpeg = read_header(image), is_deep(image), is_jpeg(image)
        size = (header.height, header.width)
        region = placement(size, decoding.resolution, decoding.fit)
        pixels = _placed_bicubic(image, region, decoding)
        brightest = brightest_of(image, pixels, deep=deep)
    planes = [*pixels]
    classes = _read_other(files.maps, i, "map", size, zero_is_void=files.zero_is_void)
    planes.append(_on_canvas(placed_nearest(classes, region), region, decoding.resolution, VOID))
    if files.instances is not None:
        numbers = _read_other(files.instances, i, "instance map", size)
        edges = edges_of(placed_nearest(numbers, region))
        planes.append(_on_canvas(edges, region, decoding.resolution, 0))
    box_height, box_width = region.box[3] - region.box[1], region.box[2] - region.box[0]
    enlargement = max(region.size[0] / box_height, region.size[1] / box_width)
    return DecodedRow(np.stack(planes), enlargement, brightest, deep, jpeg)


def _read_other(
    folder: _Folder, i: int, kind: str, size: tuple[int, int], *, zero_is_void: bool = False
) -> np.ndarray:
    """Return the numbers of a label map or an instance map, after checking its size."""
    name = folder.files[i].name
    try:
        with opened_picture(folder.root / name) as image:
            if kind == "map":
                values = read_map(image, str(folder.root / name), zero_is_void=zero_is_void)
            else:
                values = read_instances(image)
    except PairError:
        raise
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        raise ValueError(f"its {kind} {name} can't be read: {error}") from error
    if values.shape != size:
        raise PairError(
            f"{folder.root / name} is {values.shape[0]}x{values.shape[1]} pixels and its image {size[0]}x{size[1]} "
            "(height by width); save both at the same size"
        )
    return values


def _placed_bicubic(image: Image.Image, region: Placement, decoding: Decoding) -> np.ndarray:
    """Return the decoded image in its region, uint8 [C, H, W]."""
    turn = turn_of(image)
    with room_for(image):
        image = flattened(image, decoding.channels, decoding.background)
        image = image if turn is None else image.transpose(turn)
        height, width = region.size
        whole = (0.0, 0.0, float(image.width), float(image.height))
        if region.box != whole or image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BICUBIC, box=region.box)
        if region.size != decoding.resolution:
            (rows, columns), (y, x) = decoding.resolution, region.offset
            canvas = Image.new("RGB", (columns, rows), decoding.background).convert(image.mode)
            canvas.paste(image, (x, y))
            image = canvas
        pixels = np.asarray(image)
        return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def _on_canvas(values: np.ndarray, region: Placement, resolution: tuple[int, int], around: int) -> np.ndarray:
    if region.size == resolution:
        return values
    canvas = np.full(resolution, around, values.dtype)
    (y, x), (height, width) = region.offset, region.size
    canvas[y : y + height, x : x + width] = values
    return canvas


def _dataset(files: _Files, stack: np.ndarray, entry: CacheEntry, num_classes: int | None) -> Dataset:
    planes = 1 if files.instances is None else 2
    channels = stack.shape[1] - planes
    maps = channel_rows(stack, channels)
    used = count_map_classes(maps)
    if not used:
        raise PairError(f"{files.maps.root}: every pixel of every map is {VOID} (void); check the maps")
    if num_classes is not None and used > num_classes:
        raise PairError(
            f"{files.maps.root}: a map holds class {used - 1}, but num_classes is {num_classes}; give at least "
            f"{used}, or check the maps"
        )
    dataset = assembled(files.source(), channel_rows(stack, slice(0, channels)), entry)
    paired = Paired(
        maps=maps,
        edges=None if planes == 1 else channel_rows(stack, channels + 1),
        num_classes=num_classes or used,
    )
    note = (
        f"{files.name}: label maps have {paired.num_classes} classes"
        + ("" if num_classes else f" (the largest number in the maps is {used - 1})")
        + ("" if planes == 1 else ", and edges from instance maps")
    )
    return replace(
        dataset.with_paired(paired, digest=digest_of("maps", planes, paired.num_classes)),
        notes=(*dataset.notes, note),
    )
