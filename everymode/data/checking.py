"""`check`: look a data set over before training on it. Damaged files are listed, never raised."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from everymode.data.classes import with_images_alone
from everymode.data.dataset import Dataset, Unreadable
from everymode.data.decode import (
    FITS,
    Header,
    brightest_of,
    enlargement,
    flattened,
    is_deep,
    read_header,
    require_range_known,
    turn_of,
)
from everymode.data.large_images import room_for
from everymode.data.opening import STACKED, image_size, open_images, open_source, require_limit
from everymode.data.parallel import in_order
from everymode.data.prepare import LARGE_ENLARGEMENT, bombs_are_errors, reason_of
from everymode.data.source import Source, limited, limited_rows
from everymode.data.value_range import Brightest, require_range
from everymode.data.words import counted, listed
from everymode.resolution import AskedResolution

__all__ = ["CheckReport", "check", "format_report"]

CHUNK = 32
WHITE = (255, 255, 255)
POINT = "point"
KINDS_OF_PIXELS = {
    "1": "black and white",
    "L": "gray",
    "LA": "gray with alpha",
    "La": "gray with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGBA": "RGB with alpha",
    "RGBa": "RGB with alpha",
    "I;16": "16-bit gray",
    "I;16L": "16-bit gray",
    "I;16B": "16-bit gray",
    "I;16N": "16-bit gray",
    "I": "32-bit gray",
    "F": "floating-point gray",
}
"""Pillow's modes as people say them; others, such as RGB and CMYK, speak for themselves."""


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes:
        name: what was opened, in short.
        num_images: images in the source, readable or not.
        classes: class names, blocks in order; () without labels.
        class_counts: images per class, unreadable ones included.
        num_unlabeled: images without a label (with several blocks: without at least one of them).
        sizes: ((H, W), images), most frequent first; () for points.
        modes: (Pillow's mode, images), most frequent first.
        unreadable: images that can't be read, with the reason.
        duplicates: names of images with exactly the same pixels, a group each.
        conflicting: those of the groups whose labels differ.
        enlarged: images that `resolution` would enlarge more than twice; None where no resolution was given.
        notes: sentences about the source.
    """

    name: str
    num_images: int
    classes: tuple[str, ...]
    class_counts: tuple[int, ...]
    num_unlabeled: int
    sizes: tuple[tuple[tuple[int, int], int], ...]
    modes: tuple[tuple[str, int], ...]
    unreadable: tuple[Unreadable, ...]
    duplicates: tuple[tuple[str, ...], ...]
    conflicting: tuple[tuple[str, ...], ...]
    enlarged: int | None
    notes: tuple[str, ...]

    @property
    def is_points(self) -> bool:
        """Whether these are points in the plane, not images."""
        return any(mode == POINT for mode, _ in self.modes)

    @property
    def smallest_class(self) -> tuple[str, int] | None:
        """Name and size of the class with the fewest images."""
        if not self.classes:
            return None
        return min(zip(self.classes, self.class_counts, strict=True), key=lambda pair: pair[1])


class _Seen(NamedTuple):
    """One readable image: what its header says, a digest of its pixels, and their largest value (`brightest_of`)."""

    header: Header
    digest: bytes
    brightest: tuple[int, bool] = (255, False)


def check(
    path: str | Path,
    *,
    resolution: AskedResolution | None = None,
    label_column: str | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    limit: int | None = None,
    value_range: str | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> CheckReport:
    """Decode every image once, at its own size, and report.

    Args:
        path: whatever `open_images` opens.
        resolution, fit: as for `open_images`, to count the images that would be enlarged more than twice.
        label_column, limit, value_range, progress, workers: as for `open_images`.

    Raises:
        FileNotFoundError: nothing at this path or of this name.
        TypeError: something else than a path or a name, or a limit that is no whole number.
        ValueError: an unknown argument; labels that can't be understood; no images at all.
    """
    target = image_size(resolution)
    if fit not in FITS:
        raise ValueError(f'fit is "{fit}"; choose one of {", ".join(FITS)}')
    require_limit(limit)
    require_range(value_range)
    if str(path).startswith(STACKED):
        opened: Source | Dataset = open_images(
            path, resolution=target, value_range=value_range, progress=progress, workers=workers
        )
    else:
        opened = open_source(path, resolution=None, label_column=label_column, value_range=value_range)
    if isinstance(opened, Dataset):
        if limit is not None and limit < len(opened):
            opened = opened.subset(limited_rows(len(opened), limit))
        opened = with_images_alone(opened)
        names: Sequence[str] = [f"image {i}" for i in range(len(opened))]
        seen: Iterable[_Seen | Unreadable] = _rows_seen(opened)
    else:
        opened = with_images_alone(opened if limit is None else limited(opened, limit))
        names = opened.items
        seen = _images_seen(opened, progress=progress, workers=workers)
    return _report(opened, names, seen, target=target, fit=fit)


def _images_seen(source: Source, *, progress: bool, workers: int | None) -> Iterable[_Seen | Unreadable]:
    def look(images: range) -> list[_Seen | Unreadable]:
        return [_look(source, i) for i in images]

    with bombs_are_errors():
        parts = in_order(
            look,
            len(source),
            chunk=CHUNK,
            workers=workers,
            progress=progress,
            message=f"checking {source.name}",
        )
        for part in parts:
            yield from part


def _look(source: Source, i: int) -> _Seen | Unreadable:
    try:
        with source.open_image(i) as image:
            deep = is_deep(image)
            require_range_known(image, source.value_range)
            header = read_header(image)
            turned = turn_of(image)
            with room_for(image):
                pixels = flattened(image, 4, WHITE, source.value_range)
                pixels = pixels if turned is None else pixels.transpose(turned)
                digest = hashlib.blake2b(
                    repr(pixels.size).encode() + pixels.tobytes(), digest_size=16
                ).digest()
                values = np.asarray(pixels).transpose(2, 0, 1)
                return _Seen(header, digest, (brightest_of(image, values, deep=deep), deep))
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        return Unreadable(source.items[i], reason_of(error, source.items[i]))


def _rows_seen(dataset: Dataset) -> Iterable[_Seen]:
    mode = POINT if dataset.is_points else {1: "L", 3: "RGB", 4: "RGBA"}[dataset.image_shape[0]]
    height, width = (0, 0) if dataset.is_points else dataset.image_shape[1:]
    header = Header(height, width, mode, mode == "L")
    for i in range(len(dataset)):
        row = np.ascontiguousarray(dataset.images[i])
        yield _Seen(header, hashlib.blake2b(row.tobytes(), digest_size=16).digest())


def _report(
    opened: Source | Dataset,
    names: Sequence[str],
    seen: Iterable[_Seen | Unreadable],
    *,
    target: tuple[int, int] | None,
    fit: str,
) -> CheckReport:
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    unreadable: list[Unreadable] = []
    first_with: dict[bytes, int] = {}
    groups: dict[int, list[int]] = {}
    enlarged = 0
    brightest = Brightest()
    for i, look in enumerate(seen):
        if isinstance(look, Unreadable):
            unreadable.append(look)
            continue
        header = look.header
        modes[header.mode] += 1
        brightest.see(look.brightest[0], deep=look.brightest[1])
        if header.height:
            sizes[header.height, header.width] += 1
            enlarged += target is not None and enlargement(header, target, fit) > LARGE_ENLARGEMENT
        first = first_with.setdefault(look.digest, i)
        if first != i:
            groups.setdefault(first, [first]).append(i)
    labels = opened.labels.reshape(len(names), -1)
    blocks = opened.label_blocks or (opened.classes,)
    counts = [
        int(count)
        for block, block_names in enumerate(blocks)
        for count in np.bincount(labels[labels[:, block] >= 0, block], minlength=len(block_names))
    ]
    return CheckReport(
        name=opened.name,
        num_images=len(names),
        classes=opened.classes,
        class_counts=tuple(counts),
        num_unlabeled=int((labels < 0).any(axis=1).sum()),
        sizes=tuple(sizes.most_common()),
        modes=tuple(modes.most_common()),
        unreadable=tuple(unreadable),
        duplicates=tuple(tuple(names[i] for i in group) for group in groups.values()),
        conflicting=tuple(
            tuple(names[i] for i in group)
            for group in groups.values()
            if len({tuple(labels[i]) for i in group}) > 1
        ),
        enlarged=None if target is None else enlarged,
        notes=opened.notes + _dark_notes(opened, brightest),
    )


def _dark_notes(opened: Source | Dataset, brightest: Brightest) -> tuple[str, ...]:
    """Of pictures; an array has said it itself."""
    if isinstance(opened, Dataset) or opened.pixels is not None or opened.value_range is not None:
        return ()
    return brightest.notes(opened.name)


def format_report(report: CheckReport, *, most: int = 10) -> str:
    """The report as text for a terminal; long lists are cut after `most` entries."""
    things = counted(report.num_images, "point" if report.is_points else "image")
    lines = [f"{report.name}: {things}, {counted(len(report.classes), 'class', 'classes')}"]
    if report.classes:
        pairs = sorted(zip(report.classes, report.class_counts, strict=True), key=lambda pair: -pair[1])
        lines.append("classes: " + listed([f"{name} {count:,}" for name, count in pairs], most))
        smallest, count = min(pairs, key=lambda pair: pair[1])
        lines.append(f'smallest class: "{smallest}" with {count:,}')
    lines.append(f"unlabeled: {report.num_unlabeled:,}")
    if report.sizes:
        lines.append(
            "sizes (height x width): " + listed([f"{h}x{w} {n:,}" for (h, w), n in report.sizes], most)
        )
    pixels: Counter[str] = Counter()
    for mode, count in report.modes:
        pixels[KINDS_OF_PIXELS.get(mode, mode)] += count
    if not report.is_points:
        shown = listed([f"{kind} {n:,}" for kind, n in pixels.most_common()], most)
        lines.append(f"pixels: {shown or 'none'}")
    if report.enlarged is not None:
        lines.append(f"enlarged more than {LARGE_ENLARGEMENT:g}x: {report.enlarged:,}")
    lines.append(f"unreadable: {len(report.unreadable):,}")
    lines += _entries([f"{lost.name}: {lost.reason}" for lost in report.unreadable], most)
    lines.append(f"groups of exact duplicates: {len(report.duplicates):,}")
    lines += _entries(
        [" = ".join(group[:4]) + (" ..." if len(group) > 4 else "") for group in report.duplicates], most
    )
    if report.conflicting:
        lines.append(f"duplicates with different labels: {len(report.conflicting):,}")
        lines += _entries([" = ".join(group[:4]) for group in report.conflicting], most)
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def _entries(entries: Sequence[str], most: int) -> list[str]:
    return [f"  {entry}" for entry in entries[:most]] + (["  ..."] if len(entries) > most else [])
