"""Evaluate a generator, or a set of generated images, against real ones: from names to a score card."""

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
from everymode.machine.device import find_device
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
    """Judge `fake` against `real`, in memory that their sizes do not change.

    Args:
        fake: a run, checkpoint, saved generator or `Generator`, or images: a path or name as `open_images` takes them,
            or a `Dataset`, a map-style dataset of (image, label) pairs, or arrays (images, labels).
        real: likewise; left out, the data that the run was trained on.
        protocol: how; left out, `Protocol()`.
        recipe: for generators of your own recipes.
        device: "cpu", "cuda" or "cuda:1"; None takes a GPU if there is one.
        cache_dir: where real statistics are kept; left out, $EVERYMODE_CACHE.
        verbose: show bars on a terminal.
        choices: fields of the protocol to change, as in metrics="fd,kd".

    Raises:
        ValueError: an empty side, features or pixels that are not finite, names that don't exist, numbers out of range.
        TypeError: a choice that no protocol has.
        FileNotFoundError: nothing at a path.
        everymode.data.DataError: images that can't be used.
    """
    # Whatever can be seen to be wrong is said before images are read and features taken.
    protocol = replace(protocol or Protocol(), **choices)
    names = protocol.metric_names()
    protocol.check_counts()
    place = find_device(device)
    sides = open_sides(fake, real, protocol, recipe=recipe, device=place)
    if isinstance(sides.real, Dataset) and sides.real.is_points:
        return points_card(
            sides.require_generator(),
            sides.real,
            num=REPORT_IMAGES if protocol.num is None else protocol.num,
            sampling=sides.sampling,
            environment=environment(place),
            step=sides.step,
            ema=protocol.ema,
        )
    reference = reference_of(sides, protocol, device=place, cache_dir=cache_dir, verbose=verbose)
    return evaluate_images(
        sides.fake_images(protocol.num, reference, most=protocol.most_images, fast=protocol.fast),
        reference,
        metrics=names,
        device=place,
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
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    verbose: bool = False,
) -> Reference:
    """The real side, ready for many calls of `evaluate_generator`; kept on disk between processes.

    Args: as `evaluate`.
    """
    size = image_size(resolution)
    dataset = open_data(real, resolution=size, fit=fit, value_range=value_range)
    if num is None and fast:
        num = min(REPORT_IMAGES, len(dataset))
    images = images_of_dataset(dataset, num=num)
    place = torch.device(device)
    return cached_reference(
        images,
        _extractor(extractor, dataset.name, fast=fast, device=place),
        layer=layer,
        max_features=max_features,
        device=place,
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
    """Judge a generator in memory against a prepared reference, as during training.

    The extractor runs where the generator lies. The generator's network is in eval mode afterward.

    Args: as `evaluate`; step: of training, for the card.
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
    """One pass over the generated side, then the metrics."""
    names = None if metrics is None else chosen_metrics(metrics)  # before the expensive pass
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
    passed = time.perf_counter() - begin
    pair = Pair(
        reference.statistics,
        statistics,
        extractor,
        reference.layer,
        real.classes,
        fake.classes or real.classes,
    )
    scores = score(pair, names)
    seconds = {"real images": reference.seconds, "generated images": passed, **scores.seconds}
    return ScoreCard(
        metrics=scores.metrics,
        protocol=protocol_of(fake, reference),
        subject=subject_of(fake, source, real, real_source),
        environment=environment(torch.device(device)),
        warnings=list(dict.fromkeys([*real.warnings, *fake.warnings, *scores.warnings])),
        times={
            **times_of(seconds),
            "real_statistics": "kept from before" if reference.was_kept else "computed",
        },
    )


def default_extractor(real: str, *, fast: bool = False, device: torch.device | str = "cpu") -> str:
    """By the real side's name: "digits" for the bundled digits; else lite0, at 64 pixels if fast, at 128 on a CPU, at
    224 on a GPU.
    """
    if re.match(r"digits\b(?!-)", real):
        return "digits"
    if fast:
        return "lite0:64"
    return "lite0:224" if torch.device(device).type == "cuda" else "lite0:128"


def reference_of(
    sides: Sides, protocol: Protocol, *, device: torch.device, cache_dir: str | Path | None, verbose: bool
) -> Reference:
    """The real side of `sides`, computed or kept from before. Args: as `evaluate`."""
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
    """The reference of these images, computed with a bar or kept from before. Args: as `evaluate`."""
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
    wanted: str | Extractor | None, real: str | None, *, fast: bool, device: torch.device
) -> Extractor:
    if isinstance(wanted, Extractor):
        return wanted
    name = wanted or default_extractor(real or "", fast=fast, device=device)
    return find_extractor(name, open_data=lambda data: open_images(data, progress=False))


@contextmanager
def _bar(what: str, total: int, verbose: bool) -> Iterator[Callable[[int], None]]:
    """A function that is told how many images are done, and shows it on a terminal."""
    with tqdm(
        total=total, desc=what, unit="image", disable=not (verbose and sys.stderr.isatty()), leave=False
    ) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show
