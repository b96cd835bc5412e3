"""Segmenters with named labels for generators that draw images from labels or without any, by name.

The images of such a generator have no maps, so a segmenter comes from the data: a palette for `shapes`, a small network
fitted to the maps that the data has, or a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from everymode.data.builtin import BuiltinName, build_named, parse_name
from everymode.data.dataset import Dataset
from everymode.data.shapes import COLORS
from everymode.evaluation.segmenter_judges import (
    FITTED,
    Segmenter,
    SegmenterJudge,
    find_segmenter,
    segmented,
)
from everymode.extractors.palettes import palette

__all__ = ["PALETTE", "SegmentedData", "labeled_segmenter", "palette_of_shapes"]

PALETTE = "palette"
BACKGROUND = "background"
CHECKED = 256
"""Number of images on which the accuracy of a palette is measured."""


class SegmentedData(NamedTuple):
    """Data from which a segmenter may come.

    Attributes:
        source: name or path of the data; None if it is in memory.
        open: opens the data at the size of the generator's images.
    """

    source: str | None
    open: Callable[[], Dataset]


def labeled_segmenter(
    segmenter: str | Path | Segmenter,
    candidates: Sequence[SegmentedData],
    size: tuple[int, int],
    *,
    steps: int = 600,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SegmenterJudge:
    """Return a segmenter by name, with the names of its labels.

    Args:
        segmenter: "palette" (the colors of the built-in `shapes`), "fitted" (a small network, fitted to the maps of
            `shapes` or of the first candidate that has maps), or a file or function as for `find_segmenter`. A function
            must state the number of its labels: by its attribute `num_classes`, or, in a Python file, by the names
            `num_classes` or `class_names`. `ground` is the label that is no object.
        candidates: data of the evaluation, in order of preference.
        size: (height, width) of the images.
        steps, device, cache_dir, progress: as for `find_segmenter`.

    Raises:
        ValueError: if the name is unknown, no candidate fits, or the number of labels is unknown.
        FileNotFoundError: if there is no such file.
    """
    if segmenter == PALETTE:
        return _palette(candidates, size)
    if segmenter == FITTED:
        data = _with_maps(candidates, size)
        judge = find_segmenter(
            FITTED, lambda: data, None, steps=steps, device=device, cache_dir=cache_dir, progress=progress
        )
        return judge._replace(none=0 if judge.labels[0] == BACKGROUND else None)
    if isinstance(segmenter, str) and ".py" not in segmenter and not segmenter.endswith(".safetensors"):
        raise ValueError(
            f'there is no segmenter "{segmenter}": choose palette (for runs on shapes), fitted (for data with label '
            "maps), a .safetensors file with the weights of a fitted segmenter, or a .py file with a function "
            "segment(images) -> label maps"
        )
    judge = find_segmenter(segmenter, _never, None)
    if judge.labels:
        return judge
    count = getattr(judge.segment, "num_classes", None)
    if not isinstance(count, int) or count < 1:
        raise ValueError(
            f"the segmenter {judge.name} doesn't state how many labels it has: set num_classes = 7, or class_names = "
            '("sky", ...), in the file that defines it, or as an attribute of the function'
        )
    names = tuple(f"label {label}" for label in range(count))
    return judge._replace(labels=names, none=getattr(judge.segment, "ground", None))


def palette_of_shapes(source: str) -> SegmenterJudge | None:
    """Return the palette of a built-in dataset `shapes`: its colors, and gray levels for the background.

    Args:
        source: name of the dataset, such as "shapes:colors=red+blue".

    Returns:
        None if it is another dataset.
    """
    options = _shapes_options(source)
    if options is None:
        return None
    names = str(options.get("colors") or "").split("+") if options.get("colors") else list(COLORS)
    segment = palette([COLORS[name] for name in names], range(1, len(names) + 1), ground=0)
    return SegmenterJudge(segment, PALETTE, segment.weights_hash, {}, (BACKGROUND, *names), 0)


def _palette(candidates: Sequence[SegmentedData], size: tuple[int, int]) -> SegmenterJudge:
    for candidate in candidates:
        judge = None if candidate.source is None else palette_of_shapes(candidate.source)
        if judge is not None:
            return judge._replace(facts=_accuracy(judge, str(candidate.source), size))
    raise ValueError(
        f"the segmenter palette knows the colors of the built-in shapes, and the data is {_named(candidates)}: choose "
        "fitted (for data with label maps), or a .safetensors or .py file"
    )


def _accuracy(judge: SegmenterJudge, source: str, size: tuple[int, int]) -> dict[str, float | int]:
    """Return the share of pixels with the right color on images whose maps of colors are known.

    Only antialiased edges, which are mixtures of two colors, and grays near a color can be wrong.
    """
    options = {**(_shapes_options(source) or {}), "labels": "color", "maps": True, "samples": CHECKED}
    data = build_named(BuiltinName("shapes", options), size)
    assert data.paired is not None
    found = segmented(judge, torch.from_numpy(np.ascontiguousarray(data.images[np.arange(CHECKED)])), "cpu")
    maps = data.paired.gather(np.arange(CHECKED))
    assert isinstance(maps, torch.Tensor)  # there are no edges
    right = torch.eq(found, maps).double().mean()
    return {"held_out_accuracy": float(right), "held_out_count": CHECKED}


def _with_maps(candidates: Sequence[SegmentedData], size: tuple[int, int]) -> Dataset:
    """Return the first candidate with label maps; `shapes` gets the maps of its first attribute."""
    for candidate in candidates:
        options = None if candidate.source is None else _shapes_options(candidate.source)
        data = (
            candidate.open()
            if options is None
            else build_named(BuiltinName("shapes", {**options, "maps": True}), size)
        )
        if data.paired is not None and data.paired.maps is not None:
            return data
    raise ValueError(
        f"a fitted segmenter needs images with label maps, and the data is {_named(candidates)}, which has none: add "
        "maps (a folder with images/ and maps/), or choose a .safetensors file with the weights of a fitted segmenter, "
        "or a .py file with a function segment(images) -> label maps"
    )


def _shapes_options(source: str) -> dict[str, object] | None:
    """Return the options of a built-in dataset `shapes`; None if this is another dataset."""
    try:
        parsed = parse_name(source)
    except ValueError:
        return None
    return dict(parsed.options) if parsed is not None and parsed.name == "shapes" else None


def _named(candidates: Sequence[SegmentedData]) -> str:
    return " or ".join(dict.fromkeys(each.source or "in memory" for each in candidates)) or "not known"


def _never() -> Dataset:
    raise AssertionError("the segmenter comes from a file")
