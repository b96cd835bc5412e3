"""Dissection of a generator: which label each unit of a layer shows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everymode.dissection.counting import PixelCounts
from everymode.dissection.generated import GeneratedImages
from everymode.dissection.levels import LevelSample
from everymode.dissection.quality import QUALITY_TAILS, information_quality, selected_levels
from everymode.draws import Draws, Rows
from everymode.extractors.segmenters import segmenter_facts
from everymode.inversion.drawing import DrawCodes, uniform_draw
from everymode.inversion.layers import GeneratorLayers, device_and_dtype, frozen_in_eval_mode

__all__ = ["CURVE_TAILS", "Dissection", "LayerDissection", "dissect"]

CURVE_TAILS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Tails for which interpretable units are counted: their number depends on the tail at least as much as on training."""


@dataclass(frozen=True)
class LayerDissection:
    """Units of one layer.

    Attributes:
        index: index of the layer.
        name: name of the layer, such as "block 2".
        levels: float64 [U], or [L, U] with the information-quality rule (NaN where no level qualifies).
        exact_levels: whether the levels come from all positions, not from a random sample.
        iou: float64 [L, U].
        quality: information-quality ratios [L, U]; None with the IoU rule.
        best_label: int64 [U], label with the largest IoU; 0 where all are 0.
        best_iou: float64 [U].
        interpretable: bool [U].
        curve: tail -> number of units whose largest IoU is above the threshold at that tail.
    """

    index: int
    name: str
    levels: Tensor
    exact_levels: bool
    iou: Tensor
    quality: Tensor | None
    best_label: Tensor
    best_iou: Tensor
    interpretable: Tensor
    curve: Mapping[float, int]

    @property
    def best_levels(self) -> Tensor:
        """Level at which each unit's largest IoU was measured, float64 [U]."""
        return self.levels if self.levels.ndim == 1 else self.levels.gather(0, self.best_label[None])[0]


@dataclass(frozen=True)
class Dissection:
    """Result of `dissect`, with its protocol.

    Attributes:
        layers: results of the layers.
        segmenter: name of the segmenter.
        segmenter_hash: its hash; "" if it has none.
        num: number of images.
        num_labels: number of labels L.
        label: condition of all images; None if classes were drawn, or the generator has none.
        tail: share of activations above the level.
        threshold: IoU above which a unit is interpretable.
        rule: "iou" or "iqr".
        seed: seed of the images.
    """

    layers: tuple[LayerDissection, ...]
    segmenter: str
    segmenter_hash: str
    num: int
    num_labels: int
    label: int | tuple[int, ...] | None
    tail: float
    threshold: float
    rule: str
    seed: int

    def layer(self, index: int) -> LayerDissection:
        """Return the result of the layer with this index.

        Raises:
            ValueError: if it was not dissected.
        """
        for each in self.layers:
            if each.index == index:
                return each
        raise ValueError(
            f"layer {index} was not dissected; choose from {[each.index for each in self.layers]}"
        )


class _Options(NamedTuple):
    """Numbers of the analysis."""

    num: int
    num_labels: int
    none: int | None
    tail: float
    tails: tuple[float, ...]
    iou: float
    quality: float
    rule: str


@torch.no_grad()
def dissect(
    generator: Any,
    segmenter: Callable[[Tensor], Tensor],
    *,
    layers: Sequence[int] | None = None,
    num: int = 1000,
    label: int | Sequence[int] | None = None,
    tail: float = 0.005,
    iou: float = 0.04,
    rule: str = "iou",
    quality: float = 0.01,
    num_labels: int | None = None,
    none: int | None = None,
    tails: Sequence[float] = CURVE_TAILS,
    positions: int | None = 50_000,
    draw: DrawCodes | None = None,
    batch: int = 64,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Dissection:
    """Find out which units of a generator's layers show which label (Bau et al. 2019, network dissection).

    A unit is on where its activation, enlarged to the image, exceeds its level, which a share `tail` of its
    activations exceeds. It is interpretable if the intersection over union of "on" with some label is above `iou`.
    Defaults: tail 0.005 as for classifiers, 0.04 as in Self-Conditioned GAN, which does not state its tail; the curve
    of the count against the tail is part of the result.

    With rule="iqr", as gandissect does for generators, the level is selected for each label and unit among 100 tails
    by the largest information-quality ratio on a second sample of `num` images; interpretable units also need a ratio
    above `quality`. Counts are exact, over all images and labels.

    Args:
        generator: an image generator of this project, or a `ForeignGenerator` with layers; in eval mode meanwhile.
        segmenter: images [B, C, H, W] in [-1, 1] -> label maps, integers [B, H, W] (255 = void), or [B, C, H, W] for
            several labels per pixel.
        layers: indices of `generator.activations(...)`. Default: all.
        num: number of images.
        label: the class of all images, or one per label block. Default: every class equally often.
        tail: share of activations above a unit's level.
        iou: IoU above which a unit is interpretable.
        rule: "iou" or "iqr".
        quality: with "iqr", the ratio above which a unit is interpretable.
        num_labels: number of labels. Default: the segmenter's `num_classes`.
        none: index that is no label, such as the ground. Default: the segmenter's `ground` if it has one.
        tails: tails of the curve.
        positions: largest number of positions that levels come from; if a layer has more over all images, a random
            sample of this size is taken. None: always all.
        draw: latent codes and conditions of a batch. Default: standard normal codes, all classes equally often.
        batch: images per pass; it does not change the result.
        seed: seed of the images and of the sample of positions.
        progress: called after every pass with the number of finished images and their total.

    Returns:
        IoU, best label and curve of every layer, with the protocol.
    Raises:
        ValueError: if an argument is out of range, or the generator has no access to its layers.
    """
    _check_numbers(num, batch, tail, iou, rule, tails)
    device, dtype = device_and_dtype(generator)
    num_labels = getattr(segmenter, "num_classes", None) if num_labels is None else num_labels
    if not isinstance(num_labels, int):
        raise ValueError("the segmenter has no num_classes; pass num_labels=")
    none = getattr(segmenter, "ground", None) if none is None else none
    label = _checked_label(generator, label)
    draw = draw or uniform_draw(generator)
    source = GeneratedImages(GeneratorLayers(generator), draw, (), label, seed, batch, device, dtype)
    options = _Options(num, num_labels, none, tail, tuple(tails), iou, quality, rule)
    with frozen_in_eval_mode(generator, segmenter):
        indices = _checked_layers(source, layers)
        source = replace(source, layers=indices)
        results = _layers(source, segmenter, options, positions, progress)
    names = _names(generator, indices)
    parts = [replace(each, name=name, index=i) for each, name, i in zip(results, names, indices, strict=True)]
    name, digest = segmenter_facts(segmenter)
    return Dissection(tuple(parts), name, digest, num, num_labels, label, tail, iou, rule, seed)


def _layers(
    source: GeneratedImages,
    segmenter: Callable[[Tensor], Tensor],
    options: _Options,
    positions: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[LayerDissection]:
    """Return the results of all layers, without their names."""
    num, by_quality = options.num, options.rule == "iqr"
    passes = 3 if by_quality else 2
    samples = [LevelSample(positions, source.seed) for _ in source.layers]
    maps: list[Tensor] = []
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, passes * num)

    for activations, images in source.batches(0, num):
        for sample, each in zip(samples, activations, strict=True):
            sample.add(each)
        maps.append(segmenter(images()))
        report(len(maps[-1]))
    tails = QUALITY_TAILS if by_quality else ()
    levels = [sample.levels([options.tail, *options.tails, *tails]) for sample in samples]
    first = [PixelCounts(each, options.num_labels, none=options.none) for each in levels]
    for (activations, _), each in zip(source.batches(0, num), maps, strict=True):
        for counts, activation in zip(first, activations, strict=True):
            counts.add(activation, each)
        report(len(each))
    second = first
    if by_quality:
        second = [PixelCounts(each, options.num_labels, none=options.none) for each in levels]
        for activations, images in source.batches(num, 2 * num):
            shown = segmenter(images())
            for counts, activation in zip(second, activations, strict=True):
                counts.add(activation, shown)
            report(len(shown))
    return [
        _result(one, other, each, sample.exact, options)
        for one, other, each, sample in zip(first, second, levels, samples, strict=True)
    ]


def _result(
    counts: PixelCounts, selecting: PixelCounts, levels: Tensor, exact: bool, options: _Options
) -> LayerDissection:
    """Return the result of one layer.

    Args:
        counts: counts of the images.
        selecting: counts of the sample that selects levels, with the information-quality rule.
        levels: [T, U], for `tail`, the curve's tails and the rule's tails.
        exact: whether the levels come from all positions.
        options: numbers of the analysis.
    """
    all_iou = counts.iou()
    best = all_iou.max(1).values
    curve = {tail: int((best[1 + i] > options.iou).sum()) for i, tail in enumerate(options.tails)}
    iou, quality, level = all_iou[0], None, levels[0]
    if options.rule == "iqr":
        candidates = levels.clone()
        candidates[
            : 1 + len(options.tails)
        ] = -1.0  # these serve the IoU rule and the curve; only levels above 0 qualify
        selected = selected_levels(selecting, candidates)
        index = selected.number.clamp(min=0)[None]
        none = selected.number < 0
        iou = all_iou.gather(0, index)[0].masked_fill(none, 0.0)
        quality = information_quality(counts).gather(0, index)[0].masked_fill(none, 0.0)
        level = selected.level
    best_iou, best_label = iou.max(0)
    best_label = best_label.masked_fill(best_iou == 0, 0)
    interpretable = best_iou > options.iou
    if quality is not None:
        interpretable &= quality.gather(0, best_label[None])[0] > options.quality
    return LayerDissection(0, "", level, exact, iou, quality, best_label, best_iou, interpretable, curve)


def _checked_layers(source: GeneratedImages, layers: Sequence[int] | None) -> tuple[int, ...]:
    """Return the indices of layers with maps that are dissected."""
    z, condition = source.draw(Draws(source.seed, "dissect", Rows.all(1), source.device, source.dtype))
    outputs = source.access.outputs(z, condition)
    known = [i for i, output in enumerate(outputs) if output.ndim == 4]
    indices = tuple(known if layers is None else layers)
    if not indices or not set(indices) <= set(known) or len(set(indices)) < len(indices):
        raise ValueError(f"layers is {indices}; give different ones of {known}, which have maps [B, C, h, w]")
    return indices


def _checked_label(generator: Any, label: int | Sequence[int] | None) -> int | tuple[int, ...] | None:
    """Return the class of all images, as an int or one int per label block."""
    if label is None:
        return None
    classes = getattr(generator, "num_classes", None)
    try:
        labels: tuple[int, ...] = (operator.index(label),)  # pyright: ignore[reportArgumentType]  of NumPy and torch too
    except TypeError:
        labels = tuple(operator.index(one) for one in label)  # pyright: ignore[reportGeneralTypeIssues]
    sizes = (classes,) if isinstance(classes, int) else classes or ()
    if len(labels) != len(sizes) or not all(0 <= one < size for one, size in zip(labels, sizes, strict=True)):
        raise ValueError(
            f"label is {label}, but the generator's classes are {classes}; give one of each block, or omit it"
        )
    return labels[0] if isinstance(classes, int) else labels


def _names(generator: Any, indices: Sequence[int]) -> list[str]:
    """Return the names of layers: those of `layer_groups` if there are any, otherwise "layer 0", ..."""
    groups = generator.layer_groups() if hasattr(generator, "layer_groups") else ()
    return [groups[i][0] if i < len(groups) else f"layer {i}" for i in indices]


def _check_numbers(num: int, batch: int, tail: float, iou: float, rule: str, tails: Sequence[float]) -> None:
    if num < 1 or batch < 1:
        raise ValueError(f"num is {num} and batch {batch}; at least 1 is needed")
    if rule not in ("iou", "iqr"):
        raise ValueError(f'rule is "{rule}"; choose "iou" or "iqr"')
    if not 0 <= iou < 1:
        raise ValueError(f"iou is {iou}; it must be at least 0 and below 1, such as 0.04")
    if not all(0 < each < 1 for each in (tail, *tails)):
        raise ValueError(f"tail is {tail} and tails {tuple(tails)}; each must be above 0 and below 1")
