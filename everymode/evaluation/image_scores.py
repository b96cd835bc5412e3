"""Scores of a stream of generated images against a reference, in one pass over the images."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tqdm import tqdm

from everymode.data.opening import open_images
from everymode.evaluation.cards import environment, protocol_of, subject_of, times_of
from everymode.evaluation.reference import Reference, reference_for
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Pair, chosen_metrics, score
from everymode.evaluation.shared_classes import require_same_classes
from everymode.evaluation.statistics import Images, collect
from everymode.extractors.extractor import Extractor
from everymode.extractors.finding import find_extractor
from everymode.old_names import renamed_keywords

__all__ = ["cached_reference", "chosen_extractor", "default_extractor", "evaluate_images", "progress_bar"]


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
    with progress_bar(f"generated images, {extractor.name}", fake.count, verbose) as progress:
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


def cached_reference(
    images: Images,
    extractor: Extractor,
    *,
    layer: str | None,
    max_features: int,
    device: torch.device | str,
    cache_dir: str | Path | None,
    verbose: bool,
) -> Reference:
    """Return the reference of real images, computed with a progress bar or read from the cache."""
    with progress_bar(f"real images, {extractor.name}", images.count, verbose) as progress:
        return reference_for(
            images,
            extractor,
            layer=layer,
            max_features=max_features,
            device=device,
            cache_dir=cache_dir,
            progress=progress,
        )


def chosen_extractor(
    requested: str | Extractor | None, real: str | None, *, fast: bool, device: torch.device | str
) -> Extractor:
    """Return the requested extractor, an object or a name; None means the default one for the real side `real`."""
    if isinstance(requested, Extractor):
        return requested
    name = requested or default_extractor(real or "", fast=fast, device=device)
    return find_extractor(name, open_data=lambda data: open_images(data, progress=False))


@contextmanager
def progress_bar(
    text: str, total: int, verbose: bool, *, unit: str = "image"
) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the number of processed images (or other units) in a progress bar on a terminal."""
    with tqdm(
        total=total, desc=text, unit=unit, disable=not (verbose and sys.stderr.isatty()), leave=False
    ) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show
