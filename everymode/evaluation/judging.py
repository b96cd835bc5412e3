"""Evaluation of a generator, or a set of generated images, against real images: from names to a score card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from everymode.data.dataset import Dataset
from everymode.data.layout import Layout
from everymode.data.opening import image_size
from everymode.evaluation.area_distances import segment_distance_card
from everymode.evaluation.cards import environment
from everymode.evaluation.image_scores import (
    cached_reference,
    chosen_extractor,
    default_extractor,
    evaluate_images,
)
from everymode.evaluation.picture_games import picture_card
from everymode.evaluation.point_scores import points_card
from everymode.evaluation.protocol import FAST_IMAGES, MAX_FEATURES, REPORT_IMAGES, Protocol
from everymode.evaluation.reference import Reference
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import FSD, QUICK_METRICS
from everymode.evaluation.sides import (
    Opened,
    Side,
    Sides,
    open_data,
    open_sides,
    require_sides,
    with_generator,
)
from everymode.evaluation.streams import images_of_dataset, images_of_generator
from everymode.extractors.extractor import Extractor
from everymode.machine.device import checked_device, find_device
from everymode.old_names import renamed_keywords
from everymode.recipe import Recipe
from everymode.sampling.generator import Generator

__all__ = ["default_extractor", "evaluate", "evaluate_generator", "evaluate_images", "prepare_reference"]


@renamed_keywords(talk="verbose")
def evaluate(
    fake: Side,
    real: Side | None = None,
    *,
    protocol: Protocol | None = None,
    recipe: Recipe | None = None,
    device: str | None = None,
    cache_dir: str | Path | None = None,
    verbose: bool = False,
    maps: str | Path | None = None,
    instances: str | Path | None = None,
    **choices: Any,
) -> ScoreCard:
    """Evaluate `fake` against `real`. The memory used is independent of the numbers of images.

    A generator that needs pictures or label maps has other scores: see `picture_card`. The metric fsd needs a
    segmenter: see `segment_distance_card`.

    Args:
        fake: a run, checkpoint, saved generator or `Generator`, or images: a path or name for `open_images`, a
            `Dataset`, a map-style dataset of (image, label) pairs, or arrays (images, labels).
        real: the same kinds. Default: the data that the run was trained on, without the images that it held out.
        protocol: settings of the evaluation. Default: `Protocol()`.
        recipe: recipe of the generator; needed for custom recipes.
        device: "cpu", "cuda" or "cuda:1"; None uses a GPU if there is one.
        cache_dir: folder where real statistics are cached. Default: $EVERYMODE_CACHE.
        verbose: whether to show progress bars on a terminal.
        maps, instances: folders of the label maps and instance maps of `real`, for generators from label maps only.
        choices: fields of the protocol to change, as in metrics="fd,kd".

    Returns:
        The score card.
    Raises:
        ValueError: if a side is empty, features or pixels are not finite, a name is unknown, or a number is out of
            range.
        TypeError: if a field of `choices` is unknown.
        FileNotFoundError: if a path does not exist.
        everymode.data.DataError: if images can't be used.
    """
    # Invalid arguments are reported before images are read and features extracted.
    protocol = replace(protocol or Protocol(), **choices)
    names = protocol.metric_names()
    protocol.check_counts()
    torch_device = find_device(device)
    require_sides(fake, real)
    subject = with_generator(fake, ema=protocol.ema, recipe=recipe, device=torch_device)
    from_pictures = isinstance(subject, Opened) and subject.generator.labels.needs_examples
    _require_fitting(
        from_pictures,
        FSD in (names or ()),
        has_maps=maps is not None or instances is not None,
        protocol=protocol,
    )
    if isinstance(subject, Opened) and from_pictures:
        return picture_card(
            subject,
            real,
            protocol=protocol,
            recipe=recipe,
            maps=maps,
            instances=instances,
            device=torch_device,
            cache_dir=cache_dir,
            verbose=verbose,
        )
    sides = open_sides(subject, real, protocol, recipe=recipe, device=torch_device)
    if isinstance(sides.real, Dataset) and sides.real.is_points:
        return _points_card(sides, sides.real, protocol, torch_device)
    if FSD in (names or ()):
        return segment_distance_card(
            sides, protocol, device=torch_device, cache_dir=cache_dir, verbose=verbose
        )
    reference = reference_of(sides, protocol, device=torch_device, cache_dir=cache_dir, verbose=verbose)
    return evaluate_images(
        sides.fake_images(protocol.num, reference.images, most=protocol.most_images, fast=protocol.fast),
        reference,
        metrics=names,
        device=torch_device,
        source=sides.fake_source,
        real_source=sides.real_source,
        verbose=verbose,
    )


def _points_card(sides: Sides, real: Dataset, protocol: Protocol, device: torch.device) -> ScoreCard:
    """Evaluate a generator of points; raise ValueError for fsd, which needs images."""
    if FSD in (protocol.metric_names() or ()):
        raise ValueError("points have no fsd, which needs images: omit --metrics fsd")
    return points_card(
        sides.require_generator(),
        real,
        num=REPORT_IMAGES if protocol.num is None else protocol.num,
        sampling=sides.sampling,
        environment=environment(device),
        step=sides.step,
        ema=protocol.ema,
    )


def _require_fitting(from_pictures: bool, fsd: bool, *, has_maps: bool, protocol: Protocol) -> None:
    """Raise ValueError for a metric, maps or a segmenter that a generator of this kind has no use for."""
    if from_pictures and fsd:
        raise ValueError(
            "fsd is a metric of generators that draw images from labels or from none; this one draws them from label "
            "maps or pictures, and has other scores: omit --metrics fsd"
        )
    if from_pictures:
        return
    if has_maps:
        raise ValueError(
            "label maps belong to generators that draw images from label maps, which this is not: omit --maps and "
            "--instances"
        )
    if protocol.lpips is not None:
        raise ValueError(
            "LPIPS compares pairs of images, which the evaluation of super-resolution has, and this one has not: omit "
            "--lpips-backbone and --lpips-linear (everymode invert and restore take them too)"
        )
    if protocol.segmenter is not None and not fsd:
        raise ValueError(
            "the images of this generator are not drawn from label maps, so a segmenter only serves fsd: add --metrics "
            "fsd, or omit --segmenter"
        )


@renamed_keywords(talk="verbose")
def prepare_reference(
    real: str | Path | Dataset,
    *,
    extractor: str | Extractor | None = None,
    num: int | None = None,
    layer: str | None = None,
    max_features: int = MAX_FEATURES,
    fast: bool = False,
    resolution: int | str | Sequence[int] | None = None,
    fit: str = "crop",
    value_range: str | None = None,
    layout: Layout | None = None,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    verbose: bool = False,
) -> Reference:
    """Compute the real side for many calls of `evaluate_generator`, or read it from the cache.

    Args:
        real: a path or name for `open_images`, or a `Dataset`.
        num: number of real images, a random subset with a fixed seed. Default: all (fast: 10,000).
        fit, value_range, layout: as for `open_images`.
        device: device of the extractor.
        extractor, layer, max_features, fast, resolution: as in `Protocol`.
        cache_dir, verbose: as in `evaluate`.

    Returns:
        The reference.
    Raises:
        ValueError: as `evaluate`.
        everymode.data.DataError: if images can't be used.
    """
    torch_device = checked_device(device)
    size = image_size(resolution)
    dataset = open_data(real, resolution=size, fit=fit, value_range=value_range, layout=layout)
    if num is None and fast:
        num = min(REPORT_IMAGES, len(dataset))
    images = images_of_dataset(dataset, num=num)
    return cached_reference(
        images,
        chosen_extractor(extractor, dataset.name, fast=fast, device=torch_device),
        layer=layer,
        max_features=max_features,
        device=torch_device,
        cache_dir=cache_dir,
        verbose=verbose,
    )


@renamed_keywords(talk="verbose")
def evaluate_generator(
    generator: Generator,
    reference: Reference,
    *,
    num: int = FAST_IMAGES,
    sampling: Sampling | None = None,
    metrics: str | Iterable[str] | None = QUICK_METRICS,
    ema: bool = True,
    step: int | None = None,
    verbose: bool = False,
) -> ScoreCard:
    """Evaluate a generator in memory against a prepared reference, as during training.

    The extractor runs on the generator's device. The generator's network is in eval mode afterward.

    Args:
        generator: a generator of images.
        reference: made by `prepare_reference`.
        num: number of generated images.
        sampling, metrics, ema: as in `Protocol`.
        step: training step, recorded on the card.
        verbose: as in `evaluate`.

    Returns:
        The score card.
    Raises:
        ValueError: as `evaluate`.
    """
    images = images_of_generator(
        generator,
        num=num,
        sampling=sampling or Sampling(),
        class_counts=reference.images.class_counts,
        classes=reference.images.classes,
        ema=ema,
        step=step,
    )
    return evaluate_images(images, reference, metrics=metrics, device=generator.device, verbose=verbose)


def reference_of(
    sides: Sides, protocol: Protocol, *, device: torch.device, cache_dir: str | Path | None, verbose: bool
) -> Reference:
    """Return the real side of `sides`, computed or read from the cache."""
    return cached_reference(
        sides.real_images(protocol.num_real, fast=protocol.fast),
        chosen_extractor(protocol.extractor, sides.real_source, fast=protocol.fast, device=device),
        layer=protocol.layer,
        max_features=protocol.max_features,
        device=device,
        cache_dir=cache_dir,
        verbose=verbose,
    )
