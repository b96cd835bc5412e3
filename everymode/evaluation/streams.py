"""Datasets and generators as streams of 8-bit images, with the facts that identify the images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.reservoir import random_rows
from everymode.evaluation.sampling import IMAGES_PER_SEED, Drawer, Sampling
from everymode.evaluation.statistics import Images
from everymode.extractors.hashing import tensors_hash
from everymode.sampling.generator import Generator

__all__ = ["generator_facts", "images_of_dataset", "images_of_generator", "recipe_numbers"]

ROWS_AT_ONCE = 256


def images_of_dataset(
    dataset: Dataset, *, num: int | None = None, seed: int = 0, source: str | Path | None = None
) -> Images:
    """Return a dataset, or a fixed random subset of it, as a stream.

    Args:
        dataset: a dataset of images.
        num: number of images in the subset; None means all.
        seed: seed of the subset.
        source: user-provided name of the dataset.

    Raises:
        ValueError: if the dataset holds points, or fewer than `num` images.
    """
    if dataset.is_points:
        raise ValueError(
            f"{dataset.name} holds points in the plane, but image metrics need images: for points, evaluate a "
            "generator of points against a mixture such as ring"
        )
    total = len(dataset)
    if num is not None and not 2 <= num <= total:
        raise ValueError(f"{dataset.name} has {total} images; choose 2 to {total} of them, not {num}")
    complete = num is None or num == total
    rows = np.arange(total) if complete else random_rows(int(num or 0), total, seed).numpy()

    def take(indices: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(dataset.images[rows[np.asarray(indices)]]))

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield take(np.arange(start, min(start + ROWS_AT_ONCE, len(rows))))

    labels = dataset.labels if dataset.labels.ndim == 1 else np.full(total, -1, np.int64)
    facts = {
        "kind": "data",
        "fingerprint": dataset.fingerprint,
        "images": len(rows),
        "of": total,
        "choice_seed": None if complete else seed,
        "image_shape": list(dataset.image_shape),
    }
    warnings = []
    if dataset.jpegs:
        warnings.append(
            f"{dataset.name} holds JPEG files ({dataset.jpegs}): their compression changes the metrics; compare only "
            "scores against the same files, and store generated images as PNG"
        )
    # The notes of opened data include skipped files; those of datasets made in memory don't.
    warnings += [note if dataset.name in note else f"{dataset.name}: {note}" for note in dataset.notes]
    if dataset.num_skipped and not any(dataset.unreadable[0].name in note for note in dataset.notes):
        warnings.append(f"{dataset.num_skipped} files of {dataset.name} could not be read and are skipped")
    return Images(
        name=dataset.name,
        count=len(rows),
        batches=batches,
        labels=labels[rows],
        classes=dataset.classes if dataset.labels.ndim == 1 else (),
        facts=facts,
        take=take,
        warnings=tuple(warnings),
    )


def images_of_generator(
    generator: Generator,
    *,
    num: int,
    sampling: Sampling,
    class_counts: Sequence[int] = (),
    classes: Sequence[str] = (),
    ema: bool = True,
    step: int | None = None,
) -> Images:
    """Return the first `num` images of a generator as a stream.

    Args:
        generator: a generator of images.
        num: number of images.
        sampling: sampling of the generator.
        class_counts: number of images per class of its data, used if its config has none.
        classes: class names, used if it has none.
        ema: whether the weights are averaged ones.
        step: training step of the weights.

    Raises:
        ValueError: if there are fewer than 2 or too many images, or if the generator does not support the sampling.
    """
    if not 2 <= num <= IMAGES_PER_SEED:
        raise ValueError(f"the number of generated images must be 2 to {IMAGES_PER_SEED:,}, not {num}")
    numbers = recipe_numbers(generator)
    counts = numbers.get("class_counts") or class_counts
    combination_counts = numbers.get("combination_counts") or ()
    drawer = Drawer(
        generator,
        sampling,
        class_counts=[int(count) for count in counts],
        combination_counts=combination_counts,
    )
    label_counts = combination_counts if isinstance(generator.num_labels, tuple) else counts
    names = generator.classes or tuple(classes)
    facts = {
        **generator_facts(generator, num=num, seed=sampling.seed, ema=ema, step=step),
        **drawer.sampling.protocol(),
        "class_counts": list(label_counts) if drawer.sampling.label_prior == "data" else None,
    }
    return Images(
        name=str(numbers.get("name") or "generator"),
        count=num,
        batches=lambda: drawer.batches(num),
        labels=drawer.labels(num),
        classes=tuple(names) if drawer.has_classes and len(names) == generator.num_labels else (),
        facts=facts,
        take=drawer.take,
        found=drawer.found,
    )


def generator_facts(
    generator: Generator, *, num: int, seed: int, ema: bool, step: int | None
) -> dict[str, Any]:
    """Return the facts that identify `num` images of a generator, except how they are sampled."""
    numbers = recipe_numbers(generator)
    return {
        "kind": "generator",
        "weights": tensors_hash(generator.network.state_dict()),
        "images": num,
        "seed": seed,
        "ema": ema,
        "recipe": _digest_without_seed(generator),
        "recipe_name": numbers.get("name") or None,
        "data": generator.config.get("data", {}).get("fingerprint"),
        "step": step,
        "training_seed": numbers.get("seed"),
    }


def recipe_numbers(generator: Generator) -> dict[str, Any]:
    """Return the hyper-parameters of the recipe that trained a generator; {} if they are unknown."""
    return generator.config.get("recipe", {}).get("numbers", {})


def _digest_without_seed(generator: Generator) -> str | None:
    """Return a hash of the recipe without its seed: runs that differ only in their seeds share it. None if unknown."""
    record = generator.config.get("recipe")
    if not record:
        return None
    numbers = {name: value for name, value in record["numbers"].items() if name != "seed"}
    text = json.dumps([record.get("own"), record.get("parts"), numbers], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
