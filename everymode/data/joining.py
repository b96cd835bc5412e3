"""Union of datasets, with a domain for each image and classes that stay separate or are merged by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.paired import joined
from everymode.data.rows import join_rows
from everymode.data.source import digest_of

__all__ = ["union"]


def union(datasets: Sequence[Dataset], *, offset_classes: bool = True, name: str | None = None) -> Dataset:
    """Concatenate datasets.

    Args:
        datasets: datasets of one image shape, with one label block each. Images without labels stay unlabeled.
        offset_classes: whether classes of different datasets stay separate, as "dataset/class"; if False, classes of
            the same name are merged.
        name: name of the result (default: the names of the datasets joined by " + ").

    Returns:
        A dataset with the images in the order of `datasets`, whose `domains` [N] are indices into `domain_names`. Its
        `class_counts` show how unbalanced the datasets are.

    Raises:
        ValueError: if there are no datasets, image shapes differ, a dataset has several label blocks, or images are
            paired with maps or pictures in some datasets only.
    """
    if not datasets:
        raise ValueError("datasets is empty; a union needs at least one dataset")
    shapes = {dataset.image_shape for dataset in datasets}
    if len(shapes) > 1:
        raise ValueError(
            f"a union needs images of one shape, but these have {sorted(shapes)}; "
            f"open all of them with the same resolution and channels"
        )
    if any(dataset.label_blocks for dataset in datasets):
        raise ValueError(
            "a union needs one label per image, but some datasets have several label blocks; open them with one "
            "label column"
        )
    domain_names = _distinct([dataset.name for dataset in datasets])
    class_names = [
        [f"{domain}/{label}" if offset_classes else label for label in dataset.classes]
        for domain, dataset in zip(domain_names, datasets, strict=True)
    ]
    classes = tuple(dict.fromkeys(label for names in class_names for label in names))
    number_of = {label: number for number, label in enumerate(classes)}
    labels = []
    for dataset, names in zip(datasets, class_names, strict=True):
        # the last element is for the label -1, so that unlabeled images stay unlabeled
        numbers = np.array([*(number_of[label] for label in names), -1], dtype=np.int64)
        labels.append(numbers[dataset.labels])
    paired = joined([dataset.paired for dataset in datasets], " + ".join(domain_names))
    return Dataset(
        name=name or " + ".join(domain_names),
        images=join_rows([dataset.images for dataset in datasets]),
        labels=np.concatenate(labels),
        classes=classes,
        fingerprint=digest_of("union", *classes, *(dataset.fingerprint for dataset in datasets)),
        unreadable=tuple(lost for dataset in datasets for lost in dataset.unreadable),
        domains=np.repeat(np.arange(len(datasets)), [len(dataset) for dataset in datasets]),
        domain_names=domain_names,
        notes=tuple(note for dataset in datasets for note in dataset.notes),
        jpegs=sum(dataset.jpegs for dataset in datasets),
        paired=paired,
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, with a number appended to those that occur more than once."""
    return tuple(
        f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    )
