"""Evaluation of attribute transfer: Frechet distances by source and target domain, and accuracy of the attributes.

A domain is a combination of attribute values. Each test picture is translated to every domain that differs from its own
in one attribute, and the pictures translated from one domain to another are compared with the training images of the
latter (Choi et al., StarGAN, CVPR 2018; Kligvasser and Michaeli, AAAI 2021, Table 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.attribute_judges import AttributeTally, train_attribute_judges
from everymode.evaluation.cards import environment, protocol_of, subject_of, times_of
from everymode.evaluation.image_scores import cached_reference, chosen_extractor, progress_bar
from everymode.evaluation.picture_sides import PictureSides, first_rows
from everymode.evaluation.protocol import FAST_IMAGES, Protocol
from everymode.evaluation.reference import Reference
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Measured
from everymode.evaluation.statistics import Images
from everymode.evaluation.streams import generator_facts, images_of_dataset
from everymode.extractors.classifier_training import ClassifierSettings
from everymode.extractors.extraction import extract
from everymode.extractors.pixels import quantized
from everymode.labels.targets import changed_one_at_a_time, exclusive_blocks
from everymode.metrics.frechet_domains import frechet_distance_by_domain

__all__ = ["Attributes", "Changes", "attribute_card", "changes_of"]

ROWS_AT_ONCE = 64


class Attributes(NamedTuple):
    """Label blocks of a dataset.

    Attributes:
        titles: name of each block.
        values: names of the values of each block.
        exclusive: indices of two-valued blocks that exclude one another.
    """

    titles: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    exclusive: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each block."""
        return tuple(map(len, self.values))

    def named(self, combination: Sequence[int]) -> str:
        """Return the name of a combination of values."""
        return ", ".join(names[value] for names, value in zip(self.values, combination, strict=True))


class Changes(NamedTuple):
    """Pictures to translate, one row for each (picture, target) whose target differs from the picture's own labels.

    Attributes:
        rows: int64 [M], row of the picture.
        blocks: int64 [M], the changed block.
        targets: int64 [M, blocks], target labels.
    """

    rows: Tensor
    blocks: Tensor
    targets: Tensor


def changes_of(labels: Tensor, sizes: Sequence[int], *, exclusive: Sequence[int] = ()) -> Changes:
    """Return every change of one attribute of every picture, the pictures of one target after the other.

    Args:
        labels: own labels [B, blocks], none missing.
        sizes: number of values of each block.
        exclusive: indices of two-valued blocks that exclude one another.
    """
    targets = changed_one_at_a_time(labels, sizes, exclusive=exclusive)
    block_of_target = [block for block, size in enumerate(sizes) for _ in range(size if size > 2 else 1)]
    rows, blocks, wanted = [], [], []
    for block, target in zip(block_of_target, targets, strict=True):
        differing = (target != labels).any(1).nonzero()[:, 0]
        rows.append(differing)
        blocks.append(torch.full_like(differing, block))
        wanted.append(target[differing])
    return Changes(torch.cat(rows), torch.cat(blocks), torch.cat(wanted))


def attribute_card(
    sides: PictureSides,
    protocol: Protocol,
    *,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    settings: ClassifierSettings | None = None,
    verbose: bool = False,
) -> ScoreCard:
    """Evaluate a generator that changes attributes of pictures.

    Args:
        sides: the generator, and the names of the data.
        protocol: `extractor`, `layer`, `num` (test pictures; default: at most 2,000), `num_real` (training images),
            `max_features` and `fast`.
        device: device of the extractor and the classifiers.
        cache_dir: folder of cached real statistics and classifiers. Default: $EVERYMODE_CACHE.
        settings: hyper-parameters of the classifiers.
        verbose: whether to show progress bars on a terminal.

    Returns:
        The score card: the mean Frechet distance over pairs of domains, with each pair's in the details, and the
        accuracies of target and kept attributes.
    Raises:
        ValueError: if the data have no labels or other ones than those that the generator was trained with.
    """
    training, test = sides.training(), sides.test()
    attributes = attributes_of(training, sides.recipe.label_column or "")
    own = aligned_labels(test, attributes)
    complete = np.flatnonzero((own >= 0).all(1))
    if len(complete) < 2:
        raise ValueError(
            f"{test.name} has fewer than 2 pictures with all of their labels: name other test data"
        )
    if len(complete) < len(test):
        test, own = test.subset(complete, name=test.name), own[complete]
    test = first_rows(test, protocol.num, FAST_IMAGES)
    own = aligned_labels(test, attributes)
    known = aligned_labels(training, attributes)
    settings = settings or ClassifierSettings()
    total = settings.steps * len(attributes.titles)
    with progress_bar("steps of the classifiers", total, verbose, unit="step") as progress:
        judges = train_attribute_judges(
            training,
            known,
            attributes.values,
            attributes.titles,
            settings=settings,
            device=device,
            cache_dir=cache_dir,
            progress=progress,
        )
    tally = AttributeTally(judges, attributes.exclusive, device=device)
    reals = first_rows(training, protocol.num_real, protocol.max_features)
    reference = cached_reference(
        images_of_dataset(reals, source=sides.training_source),
        chosen_extractor(protocol.extractor, sides.training_source, fast=protocol.fast, device=device),
        layer=protocol.layer,
        max_features=protocol.max_features,
        device=device,
        cache_dir=cache_dir,
        verbose=verbose,
    )
    changes = changes_of(torch.from_numpy(own), attributes.sizes, exclusive=attributes.exclusive)
    stream = _translated(sides, test, changes, tally)
    with progress_bar("translated pictures", len(changes.rows), verbose) as progress:
        extracted = extract(
            reference.extractor, stream, device=device, layers=[reference.layer], progress=progress
        )
    features = extracted.features[reference.layer]
    domains = _measured_domains(
        reference, aligned_labels(reals, attributes), features, torch.from_numpy(own), changes, attributes
    )
    accuracies = tally.measured(test, own)
    warnings = [*sides.warnings, *test.notes, *_few(domains, reference), *tally.warnings(accuracies)]
    name = reference.extractor.metric_name("fd-by-domain", reference.layer)
    return _card(sides, test, reference, {name: domains, **accuracies}, warnings, len(changes.rows), device)


def attributes_of(data: Dataset, columns: str) -> Attributes:
    """Return the label blocks of a dataset.

    Args:
        data: images with labels.
        columns: names of their columns, separated by commas; "" if they have none.

    Raises:
        ValueError: if the images have no labels.
    """
    values = data.label_blocks or ((data.classes,) if data.classes else ())
    if not values:
        raise ValueError(f"{data.name} has no labels, which attribute transfer needs: name their columns")
    named = [each.strip() for each in columns.split(",") if each.strip()]
    titles = tuple(named) if len(named) == len(values) else tuple("/".join(each) for each in values)
    exclusive = exclusive_blocks(titles, [len(each) for each in values])
    return Attributes(titles, tuple(map(tuple, values)), exclusive)


def aligned_labels(data: Dataset, attributes: Attributes) -> np.ndarray:
    """Return the labels of a dataset as numbers of these attributes' values, int64 [N, blocks]; -1 = missing.

    Raises:
        ValueError: if the dataset has other blocks, or a value that these attributes don't have.
    """
    blocks = data.label_blocks or ((data.classes,) if data.classes else ())
    if len(blocks) != len(attributes.values):
        raise ValueError(
            f"{data.name} has {len(blocks)} labels per image, and the generator was trained with "
            f"{len(attributes.values)} ({', '.join(attributes.titles)}): evaluate it on data with the same columns"
        )
    columns = data.labels.reshape(len(data.labels), -1)
    aligned = np.full(columns.shape, -1, np.int64)
    for block, (names, known) in enumerate(zip(blocks, attributes.values, strict=True)):
        for number, name in enumerate(names):
            rows = columns[:, block] == number
            if name not in known and rows.any():
                raise ValueError(
                    f'{data.name} has the value "{name}" of {attributes.titles[block]}, which the training data don\'t '
                    f"have; they have {', '.join(known)}"
                )
            if name in known:
                aligned[rows, block] = known.index(name)
    return aligned


def _translated(
    sides: PictureSides, test: Dataset, changes: Changes, tally: AttributeTally
) -> Iterator[Tensor]:
    """Yield the translated pictures, uint8 [n, C, H, W], and fill the tally."""
    tally.start()
    for block in changes.blocks.unique_consecutive().tolist():
        (members,) = (changes.blocks == block).nonzero(as_tuple=True)
        for part in members.split(ROWS_AT_ONCE):
            pictures = test.gather(changes.rows[part].numpy())
            images = quantized(sides.translated((pictures, changes.targets[part]), int(part[0])))
            tally.add(images, block, changes.targets[part])
            yield images


def _measured_domains(
    reference: Reference,
    labels_of_reals: np.ndarray,
    features: Tensor,
    own: Tensor,
    changes: Changes,
    attributes: Attributes,
) -> Measured:
    """Return the Frechet distances of all pairs of domains; their mean is the value."""
    statistics = reference.statistics
    reals = torch.from_numpy(labels_of_reals)[statistics.rows]
    combinations = torch.cat((own, changes.targets)).unique(dim=0)

    def numbers(labels: Tensor) -> Tensor:
        matches = (labels[:, None] == combinations[None]).all(2)
        return torch.where(matches.any(1), matches.int().argmax(1), -1)

    real, source, target = numbers(reals), numbers(own[changes.rows]), numbers(changes.targets)
    count = len(combinations)
    distances = torch.as_tensor(
        frechet_distance_by_domain(
            statistics.features, real, features, source, target, num_sources=count, num_targets=count
        )
    )
    names = [attributes.named(row) for row in combinations.tolist()]
    parts: dict[str, dict[str, Any]] = {}
    for first, second in torch.stack((source, target), 1).unique(dim=0).tolist():
        value = float(distances[first, second])
        parts[f"{names[first]} -> {names[second]}"] = {
            "value": None if np.isnan(value) else value,
            "real": int((real == second).sum()),
            "fake": int(((source == first) & (target == second)).sum()),
        }
    values = [part["value"] for part in parts.values() if part["value"] is not None]
    settings = {
        "reals": "training images of the target domain",
        "changes": "one attribute of each test picture",
        "exclusive": list(attributes.exclusive),
        "classes": "+".join(map(str, attributes.sizes)),
        "pairs": len(values),
    }
    mean = sum(values) / len(values) if values else None
    details = {"parts": parts, "features": statistics.width}
    return Measured("fd-by-domain", mean, "lower", len(statistics.rows), len(features), settings, details)


def _few(domains: Measured, reference: Reference) -> list[str]:
    """Return warnings on pairs of domains without a distance or with few images."""
    parts, width = domains.details["parts"].values(), reference.statistics.width
    missing = sum(part["value"] is None for part in parts)
    few = sum(min(part["real"], part["fake"]) <= width for part in parts) - missing
    warnings = []
    if missing:
        warnings.append(
            f"{missing} of {len(parts)} pairs of domains have fewer than 2 images on a side, and no distance; the mean "
            "is over the others"
        )
    if few:
        warnings.append(
            f"{few} of {len(parts)} pairs of domains have at most {width} images on a side, for {width} features: "
            "their distances are far above their values at large N; compare them at equal numbers only"
        )
    return warnings


def _card(
    sides: PictureSides,
    test: Dataset,
    reference: Reference,
    metrics: dict[str, Measured],
    warnings: Sequence[str],
    num: int,
    device: torch.device | str,
) -> ScoreCard:
    opened = sides.opened
    fake = Images(
        name=str(sides.recipe.name or "generator"),
        count=num,
        batches=lambda: iter(()),
        labels=np.full(num, -1, np.int64),
        classes=(),
        facts={
            **generator_facts(opened.generator, num=num, seed=sides.seed, ema=opened.ema, step=opened.step),
            "test_data": sides.real_source,
        },
        take=lambda rows: torch.empty(0),
    )
    return ScoreCard(
        metrics=metrics,
        protocol={
            **protocol_of(fake, reference),
            "game": "attribute transfer",
            "conditions": test.fingerprint,
            "test_images": len(test),
        },
        subject=subject_of(fake, opened.source, reference.images, sides.training_source),
        environment=environment(torch.device(device)),
        warnings=list(dict.fromkeys(warnings)),
        times={**times_of({}), "real_statistics": "cached" if reference.was_kept else "computed"},
    )
