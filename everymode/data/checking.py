"""`check`: a report on a dataset before training on it, which lists damaged files instead of raising errors."""

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
from everymode.data.layout import Layout, require_layout
from everymode.data.opening import COMPOSED, image_size, open_images, open_source, pairs_at, require_limit
from everymode.data.parallel import in_order
from everymode.data.row_decoding import LARGE_ENLARGEMENT, bombs_are_errors, reason_of
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
"""Readable names of Pillow's modes; other modes, such as RGB and CMYK, are printed as they are."""


@dataclass(frozen=True)
class CheckReport:
    """Result of `check`.

    Attributes:
        name: short name of the source.
        num_images: number of images in the source, readable or not.
        classes: class names, blocks in order; () without labels.
        class_counts: images per class, including unreadable ones.
        num_unlabeled: images without a label (with several blocks: without at least one of them).
        sizes: ((H, W), number of images), most frequent first; () for points.
        modes: (Pillow's mode, number of images), most frequent first.
        unreadable: images that can't be read, with the reason.
        duplicates: groups of names of images whose pixels are identical.
        conflicting: the groups of `duplicates` whose labels differ.
        enlarged: number of images that `resolution` would enlarge by more than a factor of 2; None if unset.
        notes: remarks about the source.
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
        """Whether the data are points in the plane, not images."""
        return any(mode == POINT for mode, _ in self.modes)

    @property
    def smallest_class(self) -> tuple[str, int] | None:
        """Name and size of the class with the fewest images; None without classes."""
        if not self.classes:
            return None
        return min(zip(self.classes, self.class_counts, strict=True), key=lambda pair: pair[1])


class _ImageSummary(NamedTuple):
    """Header of one readable image, a digest of its pixels, and their largest value (`brightest_of`)."""

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
    layout: Layout | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> CheckReport:
    """Decode every image once, at its native size, and return a report.

    Args:
        path: path or name that `open_images` accepts; of pictures with label maps, the pictures are checked.
        resolution, fit: as in `open_images`, to count the images that would be enlarged by more than a factor of 2.
        label_column, limit, value_range, layout, progress, workers: as in `open_images`.

    Returns:
        The report; `format_report` renders it as text.

    Raises:
        FileNotFoundError: if there is no such path or built-in dataset.
        TypeError: if `path` is neither a path nor a name, or `limit` is not an integer.
        ValueError: if an argument is out of range, labels can't be parsed, or there are no images.
    """
    target = image_size(resolution)
    if fit not in FITS:
        raise ValueError(f'fit is "{fit}"; choose one of {", ".join(FITS)}')
    require_limit(limit)
    require_range(value_range)
    require_layout(layout)
    if str(path).startswith(COMPOSED):
        opened: Source | Dataset = open_images(
            path,
            resolution=target,
            label_column=label_column,
            value_range=value_range,
            layout=layout,
            progress=progress,
            workers=workers,
        )
    else:
        pairs = pairs_at(path)
        opened = open_source(
            path if pairs is None else pairs.images,
            resolution=None,
            label_column=label_column,
            value_range=value_range,
            layout=layout,
        )
    if isinstance(opened, Dataset):
        if limit is not None and limit < len(opened):
            opened = opened.subset(limited_rows(len(opened), limit))
        opened = with_images_alone(opened)
        names: Sequence[str] = [f"image {i}" for i in range(len(opened))]
        summaries: Iterable[_ImageSummary | Unreadable] = _summarize_rows(opened)
    else:
        opened = with_images_alone(opened if limit is None else limited(opened, limit))
        names = opened.items
        summaries = _summarize_images(opened, progress=progress, workers=workers)
    return _report(opened, names, summaries, target=target, fit=fit)


def _summarize_images(
    source: Source, *, progress: bool, workers: int | None
) -> Iterable[_ImageSummary | Unreadable]:
    def summarize(images: range) -> list[_ImageSummary | Unreadable]:
        return [_summarize(source, i) for i in images]

    with bombs_are_errors():
        chunks = in_order(
            summarize,
            len(source),
            chunk=CHUNK,
            workers=workers,
            progress=progress,
            message=f"checking {source.name}",
        )
        for chunk in chunks:
            yield from chunk


def _summarize(source: Source, i: int) -> _ImageSummary | Unreadable:
    try:
        with source.open_image(i) as image:
            deep = is_deep(image)
            require_range_known(image, source.value_range)
            header = read_header(image)
            turn = turn_of(image)
            with room_for(image):
                pixels = flattened(image, 4, WHITE, source.value_range)
                pixels = pixels if turn is None else pixels.transpose(turn)
                digest = hashlib.blake2b(
                    repr(pixels.size).encode() + pixels.tobytes(), digest_size=16
                ).digest()
                values = np.asarray(pixels).transpose(2, 0, 1)
                return _ImageSummary(header, digest, (brightest_of(image, values, deep=deep), deep))
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        return Unreadable(source.items[i], reason_of(error, source.items[i]))


def _summarize_rows(dataset: Dataset) -> Iterable[_ImageSummary]:
    mode = POINT if dataset.is_points else {1: "L", 3: "RGB", 4: "RGBA"}[dataset.image_shape[0]]
    height, width = (0, 0) if dataset.is_points else dataset.image_shape[1:]
    header = Header(height, width, mode, mode == "L")
    for i in range(len(dataset)):
        row = np.ascontiguousarray(dataset.images[i])
        yield _ImageSummary(header, hashlib.blake2b(row.tobytes(), digest_size=16).digest())


def _report(
    opened: Source | Dataset,
    names: Sequence[str],
    summaries: Iterable[_ImageSummary | Unreadable],
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
    for i, summary in enumerate(summaries):
        if isinstance(summary, Unreadable):
            unreadable.append(summary)
            continue
        header = summary.header
        modes[header.mode] += 1
        brightest.update(summary.brightest[0], deep=summary.brightest[1])
        if header.height:
            sizes[header.height, header.width] += 1
            enlarged += target is not None and enlargement(header, target, fit) > LARGE_ENLARGEMENT
        first = first_with.setdefault(summary.digest, i)
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
    """Return the notes on nearly black image files; arrays have theirs in `opened.notes`."""
    if isinstance(opened, Dataset) or opened.pixels is not None or opened.value_range is not None:
        return ()
    return brightest.notes(opened.name)


def format_report(report: CheckReport, *, most: int = 10) -> str:
    """Return the report as text for a terminal; long lists are cut after `most` entries."""
    examples = counted(report.num_images, "point" if report.is_points else "image")
    lines = [f"{report.name}: {examples}, {counted(len(report.classes), 'class', 'classes')}"]
    if report.classes:
        pairs = sorted(zip(report.classes, report.class_counts, strict=True), key=lambda pair: -pair[1])
        lines.append("classes: " + listed([f"{name} {count:,}" for name, count in pairs], most))
        smallest, count = min(pairs, key=lambda pair: pair[1])
        if len(pairs) > 1 and count == pairs[0][1]:
            lines.append(f"each class has {count:,}")
        else:
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
    lines += _entries([_group(names) for names in report.duplicates], most)
    if report.conflicting:
        lines.append(f"duplicates with different labels: {len(report.conflicting):,}")
        lines += _entries([_group(names) for names in report.conflicting], most)
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def _group(names: Sequence[str]) -> str:
    """Return the names of equal images, truncated with '...' after four."""
    return " = ".join(names[:4]) + (" ..." if len(names) > 4 else "")


def _entries(entries: Sequence[str], most: int) -> list[str]:
    return [f"  {entry}" for entry in entries[:most]] + (["  ..."] if len(entries) > most else [])
