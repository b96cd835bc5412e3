"""Frechet Segmentation Distance of generated images: areas of classes, by a segmenter, against those of real ones.

Bau et al. 2019; scores of Self-Conditioned GAN (Liu et al. 2020). The number depends on the segmenter more than most
methods do, so its name and hash are part of the score, and the distance between two halves of the real images, the
smallest that can be expected, is reported beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.cards import environment, protocol_without_features, subject_of, times_of
from everymode.evaluation.image_scores import (
    cached_reference,
    chosen_extractor,
    evaluate_images,
    progress_bar,
)
from everymode.evaluation.labeled_segmenters import SegmentedData, labeled_segmenter
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.reservoir import random_rows
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import FSD, Measured
from everymode.evaluation.segmenter_judges import SegmenterJudge, segmented
from everymode.evaluation.sides import Opened, Sides, open_data
from everymode.evaluation.statistics import Images
from everymode.metrics.areas import relative_area_change, segment_areas, segmentation_distance

__all__ = ["AreaTally", "segment_distance", "segment_distance_card"]

SCALE = 100.0
HALVES_SEED = 0
"""Seed of the division of the real images into two halves."""
GOOD_ACCURACY = 0.9


class AreaTally:
    """Areas of the classes of a stream of images.

    Args:
        judge: the segmenter, with the names of its labels.
        device: device of the segmenter.
    """

    def __init__(self, judge: SegmenterJudge, *, device: torch.device | str = "cpu") -> None:
        self.judge, self.device = judge, device
        self._areas: list[Tensor] = []

    @property
    def areas(self) -> Tensor:
        """Shares of the pixels of each image that each class has, float64 [N, K]."""
        return torch.cat(self._areas)

    def add(self, images: Tensor) -> None:
        """Segment the next images, uint8 [n, C, H, W].

        Raises:
            ValueError: if the segmenter returns anything but its labels.
        """
        maps = segmented(self.judge, images, self.device)
        try:
            self._areas.append(torch.as_tensor(segment_areas(maps, len(self.judge.labels))))
        except ValueError as error:
            raise ValueError(f"the segmenter {self.judge.name}: {error}") from error

    def watching(self, images: Images) -> Images:
        """Return the same stream of images, which fills this tally."""

        def batches() -> Iterator[Tensor]:
            self._areas = []
            for batch in images.batches():
                self.add(batch)
                yield batch

        return replace(images, batches=batches)

    def read(self, images: Images, *, verbose: bool = False, text: str = "images") -> None:
        """Read a complete stream of images."""
        self._areas = []
        with progress_bar(f"{text}, segmenter {self.judge.name}", images.count, verbose) as progress:
            done = 0
            for batch in images.batches():
                self.add(batch)
                done += len(batch)
                progress(done)


def segment_distance(
    real_areas: Tensor, fake_areas: Tensor, judge: SegmenterJudge, size: tuple[int, int]
) -> dict[str, Measured]:
    """Return the distance by its full name, such as "fsd-palette".

    Its details have the distance between two random halves of the real images ("real_halves"), and for each class
    the mean areas and the relative change (fake - real) / real.

    Args:
        real_areas, fake_areas: shares [N, K] and [M, K].
        judge: the segmenter.
        size: (height, width) of the images.
    """
    half = len(real_areas) // 2
    floor = None
    if half >= 2:
        first = torch.zeros(len(real_areas), dtype=torch.bool)
        first[random_rows(half, len(real_areas), HALVES_SEED)] = True
        floor = float(segmentation_distance(real_areas[first], real_areas[~first], SCALE))
    change = torch.as_tensor(relative_area_change(real_areas, fake_areas)).tolist()
    means = zip(change, real_areas.mean(0).tolist(), fake_areas.mean(0).tolist(), strict=True)
    parts = {
        name: {
            "value": None if np.isnan(relative) else relative,
            "real_area": of_real,
            "generated_area": of_fake,
        }
        for name, (relative, of_real, of_fake) in zip(judge.labels, means, strict=True)
    }
    settings = {
        **judge.settings,
        "classes": len(judge.labels),
        "map_size": f"{size[0]}x{size[1]}",
        "resize": "none",
        "scale": SCALE,
    }
    details: dict[str, Any] = {"real_halves": floor, "half": half, "judge": judge.facts, "parts": parts}
    value = float(segmentation_distance(real_areas, fake_areas, SCALE))
    measured = Measured(FSD, value, "lower", len(real_areas), len(fake_areas), settings, details)
    return {f"{FSD}-{judge.name}": measured}


def segment_distance_card(
    sides: Sides,
    protocol: Protocol,
    *,
    device: torch.device,
    cache_dir: str | Path | None = None,
    verbose: bool = False,
) -> ScoreCard:
    """Evaluate generated images by the Frechet Segmentation Distance, and by other metrics of the protocol.

    Without other metrics, no features are extracted.

    Args:
        sides: both sides; the segmenters "palette" and "fitted" come from the real side, or from the data that the
            evaluated generator was trained on.
        protocol: settings of the evaluation, with a segmenter.
        device: device of the extractor and the segmenter.
        cache_dir: folder of cached real statistics and segmenters. Default: $EVERYMODE_CACHE.
        verbose: whether to show progress bars on a terminal.

    Raises:
        ValueError: if there is no segmenter, or none fits the data, or as `evaluate`.
    """
    if protocol.segmenter is None:
        raise ValueError(
            "fsd needs a segmenter: choose --segmenter palette (for runs on shapes), fitted (for data with label "
            "maps), or a .safetensors or .py file"
        )
    begin = time.perf_counter()
    others = tuple(name for name in protocol.metric_names() or () if name != FSD)
    real = sides.real_images(protocol.num_real, fast=protocol.fast)
    fake = sides.fake_images(protocol.num, real, most=protocol.most_images, fast=protocol.fast)
    size = _size(fake)
    judge = _judge(sides, protocol, size, device=device, cache_dir=cache_dir, verbose=verbose)
    of_real, of_fake = (AreaTally(judge, device=device) for _ in range(2))
    of_real.read(real, verbose=verbose, text="real images")
    if others:
        reference = cached_reference(
            real,
            chosen_extractor(protocol.extractor, sides.real_source, fast=protocol.fast, device=device),
            layer=protocol.layer,
            max_features=protocol.max_features,
            device=device,
            cache_dir=cache_dir,
            verbose=verbose,
        )
        card = evaluate_images(
            of_fake.watching(fake),
            reference,
            metrics=others,
            device=device,
            source=sides.fake_source,
            real_source=sides.real_source,
            verbose=verbose,
        )
    else:
        of_fake.read(fake, verbose=verbose, text="generated images")
        card = ScoreCard(
            metrics={},
            protocol=protocol_without_features(fake, real),
            subject=subject_of(fake, sides.fake_source, real, sides.real_source),
            environment=environment(device),
            warnings=list(dict.fromkeys([*real.warnings, *fake.warnings])),
            times=times_of({"all": time.perf_counter() - begin}),
        )
    measured = segment_distance(of_real.areas, of_fake.areas, judge, size)
    return replace(
        card,
        metrics={**card.metrics, **measured},
        protocol={**card.protocol, "segmenter": {"name": judge.name, "hash": judge.digest}},
        warnings=[*card.warnings, *_warnings(judge)],
    )


def _size(images: Images) -> tuple[int, int]:
    shape = images.take(np.asarray([0])).shape
    return int(shape[2]), int(shape[3])


def _judge(
    sides: Sides,
    protocol: Protocol,
    size: tuple[int, int],
    *,
    device: torch.device,
    cache_dir: str | Path | None,
    verbose: bool,
) -> SegmenterJudge:
    assert protocol.segmenter is not None
    candidates = []
    real, fake = sides.real, sides.fake
    if isinstance(real, Dataset):
        candidates.append(SegmentedData(sides.real_source or real.name, lambda: real))
    trained = fake.generator.config.get("data", {}).get("source") if isinstance(fake, Opened) else None
    if trained and trained not in [each.source for each in candidates]:
        options: dict[str, Any] = {
            "fit": sides.fit,
            "value_range": sides.value_range,
            "layout": sides.layout,
        }
        candidates.append(
            SegmentedData(str(trained), lambda: open_data(str(trained), resolution=size, **options))
        )
    with progress_bar("steps of the segmenter's fit", 600, verbose, unit="step") as progress:
        return labeled_segmenter(
            protocol.segmenter,
            candidates,
            size,
            device=device,
            cache_dir=cache_dir,
            progress=lambda done, _: progress(done),
        )


def _warnings(judge: SegmenterJudge) -> list[str]:
    """Return a warning if the segmenter is inaccurate."""
    accuracy = judge.facts.get("held_out_accuracy")
    if accuracy is None or accuracy >= GOOD_ACCURACY:
        return []
    return [
        f"the segmenter {judge.name} finds the class of {accuracy:.1%} of the pixels of held-out images: fsd compares "
        "what it finds, right or wrong; name a better one with --segmenter FILE"
    ]
