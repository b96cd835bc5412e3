"""A union of data sets, with a domain for each image and classes that are kept apart or merged by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.rows import join_rows
from everymode.data.source import digest_of

__all__ = ["union"]


def union(datasets: Sequence[Dataset], *, offset_classes: bool = True, name: str | None = None) -> Dataset:
    """All images of `datasets`, one set after the other; how unevenly they share shows in `class_counts`.

    Args:
        datasets: of one image shape, with one label block each. Those without labels stay unlabeled.
        offset_classes: keep the classes of different data sets apart, as "data set/class"; otherwise
            classes of the same name are one class.
        name: of the result; by default the names joined by " + ".

    Returns:
        A data set whose `domains` [N] say which of `domain_names` each image comes from.

    Raises:
        ValueError: no data sets, different image shapes, or several label blocks.
    """
    if not datasets:
        raise ValueError("a union needs at least one data set")
    shapes = {dataset.image_shape for dataset in datasets}
    if len(shapes) > 1:
        raise ValueError(
            f"a union needs images of one shape, these are {sorted(shapes)}; "
            f"open all of them with the same resolution and channels"
        )
    if any(dataset.label_blocks for dataset in datasets):
        raise ValueError(
            "a union needs one label an image; open the data sets with several label blocks without them"
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
        # one more place at the end, where the label -1 points: unlabeled stays unlabeled
        numbers = np.array([*(number_of[label] for label in names), -1], dtype=np.int64)
        labels.append(numbers[dataset.labels])
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
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that are there more than once."""
    return tuple(
        f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    )
