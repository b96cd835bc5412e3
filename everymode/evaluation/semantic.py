"""Evaluation of images generated from label maps: Frechet distance, and agreement of the maps that a segmenter finds.

Papers measure mIoU with one confusion matrix over the set; the segmenter, the size of the maps and the classes change
it more than most methods do, so all of them are part of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.data.paired import VOID
from everymode.evaluation.image_scores import (
    cached_reference,
    chosen_extractor,
    evaluate_images,
    progress_bar,
)
from everymode.evaluation.picture_sides import PictureSides, first_rows, uint8_rows
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import QUICK_METRICS, Measured
from everymode.evaluation.segmenter_judges import FITTED, SegmenterJudge, find_segmenter, segmented
from everymode.evaluation.statistics import Images
from everymode.evaluation.streams import generator_facts, images_of_dataset
from everymode.extractors.pixels import quantized
from everymode.metrics.segmentation import confusion_matrix, iou_per_class, mean_iou, pixel_accuracy

__all__ = ["SegmentationTally", "semantic_card"]

ROWS_AT_ONCE = 64


class SegmentationTally:
    """Confusion matrices of a segmenter on generated images, on real images, and on other images' maps.

    Real images show how well the segmenter segments at all. The maps of other images (image i with the map of image
    i + 1) show what a generator that ignores its map would score.

    Args:
        data: real images with label maps.
        judge: the segmenter.
        num_classes: number of classes of the maps.
        device: device of the segmenter.

    Raises:
        ValueError: if the data have no maps, or a map holds a class that isn't one of `num_classes`.
    """

    def __init__(
        self, data: Dataset, judge: SegmenterJudge, num_classes: int, *, device: torch.device | str = "cpu"
    ) -> None:
        _require_maps(data, num_classes)
        self.data, self.judge, self.num_classes, self.device = data, judge, num_classes, device
        self.start()

    def start(self) -> None:
        """Forget all images."""
        self.seen = 0
        empty = torch.zeros(self.num_classes, self.num_classes, dtype=torch.int64)
        self.fake, self.real, self.other = empty, empty.clone(), empty.clone()

    def add(self, fakes: Tensor) -> None:
        """Count the next images, uint8 [n, C, H, W], generated from the next maps of the data."""
        rows = np.arange(self.seen, self.seen + len(fakes))
        truth, others = self._maps(rows), self._maps((rows + 1) % len(self.data))
        of_fakes = segmented(self.judge, fakes, self.device)
        of_reals = segmented(
            self.judge, uint8_rows(self.data, self.seen, self.seen + len(fakes)), self.device
        )
        self.fake = self.fake + self._counts(of_fakes, truth)
        self.real = self.real + self._counts(of_reals, truth)
        self.other = self.other + self._counts(of_reals, others)
        self.seen += len(fakes)

    def measured(self) -> dict[str, Measured]:
        """Return mean IoU, with the IoU of each class, and pixel accuracy, by full name.

        Each has details "real_pictures" and "other_maps": the same score of real images with their maps, and with those
        of other images.
        """
        height, width = self.data.image_shape[1:]
        settings = {
            **self.judge.settings,
            "classes": self.num_classes,
            "map_size": f"{height}x{width}",
            "resize": "none",
            "ignored_label": VOID,
        }
        measured = {}
        for name, score in (("miou", mean_iou), ("pixel-accuracy", pixel_accuracy)):
            details: dict[str, Any] = {
                "real_pictures": _number(score(self.real)),
                "other_maps": _number(score(self.other)),
                "judge": self.judge.facts,
            }
            if name == "miou":
                details["parts"] = self._classes()
            measured[f"{name}-{self.judge.name}"] = Measured(
                name, _number(score(self.fake)), "higher", 0, self.seen, settings, details
            )
        return measured

    def warnings(self) -> list[str]:
        """Return a warning if the segmenter is no good judge of these images."""
        real = _number(mean_iou(self.real))
        if real is None or real >= 0.9:
            return []
        return [
            f"the segmenter {self.judge.name} has a mIoU of {real:.3f} on real pictures, so it also misses what is "
            "right in generated ones: name a better one with --segmenter FILE"
        ]

    def _classes(self) -> dict[str, dict[str, Any]]:
        assert self.data.paired is not None
        given = self.data.paired.class_names
        names = [given[k] if k < len(given) else f"class {k}" for k in range(self.num_classes)]
        fake, real = (np.asarray(iou_per_class(matrix)) for matrix in (self.fake, self.real))
        return {
            name: {"value": _number(value), "real_pictures": _number(of_real)}
            for name, value, of_real in zip(names, fake.tolist(), real.tolist(), strict=True)
        }

    def _maps(self, rows: np.ndarray) -> Tensor:
        assert self.data.paired is not None
        gathered = self.data.paired.gather(rows)
        return gathered[0] if isinstance(gathered, tuple) else gathered

    def _counts(self, maps: Tensor, truth: Tensor) -> Tensor:
        return torch.as_tensor(confusion_matrix(maps, truth, self.num_classes, VOID))


def semantic_card(
    sides: PictureSides,
    protocol: Protocol,
    *,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    verbose: bool = False,
) -> ScoreCard:
    """Evaluate a generator of images from label maps on test maps and the images that belong to them.

    Args:
        sides: the generator, and the names of the data.
        protocol: `metrics` (default: fd and kd), `extractor`, `layer`, `num`, `max_features`, `fast` and `segmenter`.
        device: device of the extractor and the segmenter.
        cache_dir: folder of cached real statistics and segmenters. Default: $EVERYMODE_CACHE.
        verbose: whether to show progress bars on a terminal.

    Returns:
        The score card, with the Frechet distance of generated and real test images, mIoU and pixel accuracy.
    Raises:
        ValueError: if the test data don't fit the generator, or as `evaluate`.
    """
    labels: Any = sides.recipe.labels
    num_classes, edges = int(labels.map_classes or 0), bool(labels.map_edges)
    test = sides.test()
    _require_maps(test, num_classes)
    test = first_rows(test, protocol.num, protocol.most_images)
    with progress_bar("steps of the segmenter's fit", 600, verbose, unit="step") as progress:
        judge = find_segmenter(
            protocol.segmenter or FITTED,
            sides.training,
            num_classes,
            device=device,
            cache_dir=cache_dir,
            progress=lambda done, _: progress(done),
        )
    tally = SegmentationTally(test, judge, num_classes, device=device)
    reference = cached_reference(
        images_of_dataset(test, source=sides.real_source),
        chosen_extractor(protocol.extractor, sides.real_source, fast=protocol.fast, device=device),
        layer=protocol.layer,
        max_features=protocol.max_features,
        device=device,
        cache_dir=cache_dir,
        verbose=verbose,
    )
    card = evaluate_images(
        _generated(sides, test, tally, edges=edges),
        reference,
        metrics=protocol.metric_names() or QUICK_METRICS,
        device=device,
        source=sides.opened.source,
        real_source=sides.real_source,
        verbose=verbose,
    )
    return replace(
        card,
        metrics={**card.metrics, **tally.measured()},
        protocol={**card.protocol, "game": "images from label maps", "conditions": test.fingerprint},
        warnings=list(dict.fromkeys([*sides.warnings, *card.warnings, *tally.warnings()])),
    )


def _generated(sides: PictureSides, test: Dataset, tally: SegmentationTally, *, edges: bool) -> Images:
    """Return the images generated from the maps of a dataset as a stream, which also fills the tally."""
    opened = sides.opened

    def take(rows: np.ndarray) -> Tensor:
        images = [
            sides.translated(_condition(test, np.asarray([row]), edges=edges), int(row)) for row in rows
        ]
        return quantized(torch.cat(images))

    def batches() -> Iterator[Tensor]:
        tally.start()
        for start in range(0, len(test), ROWS_AT_ONCE):
            rows = np.arange(start, min(start + ROWS_AT_ONCE, len(test)))
            images = quantized(sides.translated(_condition(test, rows, edges=edges), start))
            tally.add(images)
            yield images

    facts = generator_facts(
        opened.generator, num=len(test), seed=sides.seed, ema=opened.ema, step=opened.step
    )
    return Images(
        name=str(sides.recipe.name or "generator"),
        count=len(test),
        batches=batches,
        labels=np.full(len(test), -1, np.int64),
        classes=(),
        facts=facts,
        take=take,
    )


def _condition(data: Dataset, rows: np.ndarray, *, edges: bool) -> Tensor | tuple[Tensor, ...]:
    assert data.paired is not None
    gathered = data.paired.gather(rows)
    if isinstance(gathered, tuple):
        return gathered if edges else gathered[0]
    if edges:
        raise ValueError(
            f"{data.name} has no instance maps, and the generator needs the edges of instances: name their folder with "
            "--maps and --instances, or use a folder with images/, maps/ and instances/"
        )
    return gathered


def _require_maps(data: Dataset, num_classes: int) -> None:
    if data.paired is None or data.paired.maps is None:
        raise ValueError(
            f"{data.name} has no label maps, from which the generator draws: use a folder with images/ and maps/, or "
            "name the folder of the maps with --maps"
        )
    if data.paired.num_classes > num_classes:
        raise ValueError(
            f"{data.name} has label maps of {data.paired.num_classes} classes, and the generator was trained with "
            f"{num_classes}: evaluate it on maps of the same classes"
        )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
