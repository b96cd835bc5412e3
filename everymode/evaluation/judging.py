"""Evaluation of a generator, or a set of generated images, against real images: from names to a score card."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from everymode.data.dataset import Dataset
from everymode.data.layout import Layout
from everymode.data.opening import image_size, open_images
from everymode.evaluation.cards import environment, protocol_of, subject_of, times_of
from everymode.evaluation.point_scores import points_card
from everymode.evaluation.protocol import FAST_IMAGES, MAX_FEATURES, REPORT_IMAGES, Protocol
from everymode.evaluation.reference import Reference, reference_for
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import QUICK_METRICS, Pair, chosen_metrics, score
from everymode.evaluation.shared_classes import require_same_classes
from everymode.evaluation.sides import Side, Sides, open_data, open_sides
from everymode.evaluation.statistics import Images, collect
from everymode.evaluation.streams import images_of_dataset, images_of_generator
from everymode.extractors.extractor import Extractor
from everymode.extractors.finding import find_extractor
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
    **choices: Any,
) -> ScoreCard:
    """Evaluate `fake` against `real`. The memory used is independent of the numbers of images.

    Args:
        fake: a run, checkpoint, saved generator or `Generator`, or images: a path or name for `open_images`, a
            `Dataset`, a map-style dataset of (image, label) pairs, or arrays (images, labels).
        real: the same kinds. Default: the data that the run was trained on, without the images that it held out.
        protocol: settings of the evaluation. Default: `Protocol()`.
        recipe: recipe of the generator; needed for custom recipes.
        device: "cpu", "cuda" or "cuda:1"; None uses a GPU if there is one.
        cache_dir: folder where real statistics are cached. Default: $EVERYMODE_CACHE.
        verbose: whether to show progress bars on a terminal.
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
    sides = open_sides(fake, real, protocol, recipe=recipe, device=torch_device)
    if isinstance(sides.real, Dataset) and sides.real.is_points:
        return points_card(
            sides.require_generator(),
            sides.real,
            num=REPORT_IMAGES if protocol.num is None else protocol.num,
            sampling=sides.sampling,
            environment=environment(torch_device),
            step=sides.step,
            ema=protocol.ema,
        )
    reference = reference_of(sides, protocol, device=torch_device, cache_dir=cache_dir, verbose=verbose)
    return evaluate_images(
        sides.fake_images(protocol.num, reference, most=protocol.most_images, fast=protocol.fast),
        reference,
        metrics=names,
        device=torch_device,
        source=sides.fake_source,
        real_source=sides.real_source,
        verbose=verbose,
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
        _extractor(extractor, dataset.name, fast=fast, device=torch_device),
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


@renamed_keywords(talk="verbose")
def evaluate_images(
    fake: Images,
    reference: Reference,
    *,
    metrics: str | Iterable[str] | None = None,
    device: torch.device | str = "cpu",
    source: str | None = None,
    real_source: str | None = None,
    verbose: bool = False,
) -> ScoreCard:
    """Extract the features of the generated images in one pass and compute the metrics.

    Args:
        fake: the generated images.
        reference: the real side.
        metrics: short names; None means the default ones that can be computed.
        device: device of the extractor.
        source, real_source: user-provided names of the sides.
        verbose: whether to show a progress bar on a terminal.

    Returns:
        The score card.
    Raises:
        ValueError: as `evaluate`.
    """
    names = (
        None if metrics is None else chosen_metrics(metrics)
    )  # rejects unknown names before the expensive pass
    begin = time.perf_counter()
    real, extractor = reference.images, reference.extractor
    if "per-class" in (names or ()):
        require_same_classes(real.labels, real.classes, fake.labels, fake.classes or real.classes)
    with _bar(f"generated images, {extractor.name}", fake.count, verbose) as progress:
        statistics = collect(
            fake,
            extractor,
            layer=reference.layer,
            max_features=reference.max_features,
            device=device,
            progress=progress,
        )
    elapsed = time.perf_counter() - begin
    pair = Pair(
        reference.statistics,
        statistics,
        extractor,
        reference.layer,
        real.classes,
        fake.classes or real.classes,
    )
    scores = score(pair, names)
    seconds = {"real images": reference.seconds, "generated images": elapsed, **scores.seconds}
    return ScoreCard(
        metrics=scores.metrics,
        protocol=protocol_of(fake, reference),
        subject=subject_of(fake, source, real, real_source),
        environment=environment(torch.device(device)),
        warnings=list(dict.fromkeys([*real.warnings, *fake.warnings, *scores.warnings])),
        times={
            **times_of(seconds),
            "real_statistics": "cached" if reference.was_kept else "computed",
        },
    )


def default_extractor(real: str, *, fast: bool = False, device: torch.device | str = "cpu") -> str:
    """Return the default extractor for a real side's name: "digits" for the bundled digits, otherwise lite0.

    The resolution of lite0 is 64 if `fast`, otherwise 128 on a CPU and 224 on a GPU.
    """
    if re.match(r"digits\b(?!-)", real):
        return "digits"
    if fast:
        return "lite0:64"
    return "lite0:224" if torch.device(device).type == "cuda" else "lite0:128"


def reference_of(
    sides: Sides, protocol: Protocol, *, device: torch.device, cache_dir: str | Path | None, verbose: bool
) -> Reference:
    """Return the real side of `sides`, computed or read from the cache."""
    num_real = protocol.num_real
    if protocol.fast and num_real is None:
        num_real = min(REPORT_IMAGES, len(sides.real)) if isinstance(sides.real, Dataset) else REPORT_IMAGES
    return cached_reference(
        sides.real_images(num_real),
        _extractor(protocol.extractor, sides.real_source, fast=protocol.fast, device=device),
        layer=protocol.layer,
        max_features=protocol.max_features,
        device=device,
        cache_dir=cache_dir,
        verbose=verbose,
    )


def cached_reference(
    images: Images,
    extractor: Extractor,
    *,
    layer: str | None,
    max_features: int,
    device: torch.device,
    cache_dir: str | Path | None,
    verbose: bool,
) -> Reference:
    """Return the reference of real images, computed with a progress bar or read from the cache."""
    with _bar(f"real images, {extractor.name}", images.count, verbose) as progress:
        return reference_for(
            images,
            extractor,
            layer=layer,
            max_features=max_features,
            device=device,
            cache_dir=cache_dir,
            progress=progress,
        )


def _extractor(
    requested: str | Extractor | None, real: str | None, *, fast: bool, device: torch.device
) -> Extractor:
    if isinstance(requested, Extractor):
        return requested
    name = requested or default_extractor(real or "", fast=fast, device=device)
    return find_extractor(name, open_data=lambda data: open_images(data, progress=False))


@contextmanager
def _bar(text: str, total: int, verbose: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the number of processed images in a progress bar on a terminal."""
    with tqdm(
        total=total, desc=text, unit="image", disable=not (verbose and sys.stderr.isatty()), leave=False
    ) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show
