"""Datasets: counts, facts, label blocks, subsets, and rejected arguments."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import numpy as np
import pytest
import torch

import everymode.data
from everymode.data.dataset import Dataset
from everymode.data.synthetic import in_memory

IMAGES = np.arange(6 * 4, dtype=np.uint8).reshape(6, 1, 2, 2)


def test_counts_and_facts() -> None:
    dataset = in_memory("six", IMAGES, np.array([0, 2, -1, 2, 2, -1]), ["a", "b", "c"])
    facts = dataset.facts()
    assert len(dataset) == facts.num_images == 6
    assert facts.image_shape == (1, 2, 2)
    assert facts.num_classes == 3
    assert facts.class_counts == (1, 0, 3)
    assert facts.num_unlabeled == 2
    assert facts.classes == ("a", "b", "c")
    assert facts.fingerprint == dataset.fingerprint
    assert not dataset.is_points
    assert dataset.num_skipped == 0


def test_label_blocks() -> None:
    labels = np.array([[0, 1], [1, 1], [1, -1], [-1, -1], [0, 0], [0, 1]])
    blocks = [("cat", "dog"), ("day", "night", "dusk")]
    names = ["cat", "dog", "day", "night", "dusk"]
    dataset = in_memory("blocks", IMAGES, labels, names, label_blocks=blocks)
    assert dataset.num_classes == (2, 3)
    assert dataset.class_counts == (3, 2, 1, 3, 0)
    assert dataset.num_unlabeled == 2
    assert dataset.gather_labels(np.array([1, 4])).tolist() == [[1, 1], [0, 0]]


def test_labels_travel_as_int64() -> None:
    dataset = in_memory("six", IMAGES, np.array([0, 1, -1, 1, 0, 1]), ["a", "b"])
    labels = dataset.gather_labels(np.array([2, 1]))
    assert labels.dtype == torch.int64
    assert labels.tolist() == [-1, 1]


def test_subset_keeps_names_and_changes_the_fingerprint() -> None:
    dataset = in_memory("six", IMAGES, np.array([0, 1, 0, 1, 0, 1]), ["a", "b"])
    part = dataset.subset([5, 0])
    np.testing.assert_array_equal(part.images, IMAGES[[5, 0]])
    assert part.labels.tolist() == [1, 0]
    assert part.classes == ("a", "b")
    assert part.fingerprint not in (dataset.fingerprint, dataset.subset([0, 5]).fingerprint)
    assert part.fingerprint == dataset.subset([5, 0]).fingerprint
    with pytest.raises(IndexError, match=r"0 \.\. 5"):
        dataset.subset([6])


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (IMAGES.astype(np.float64), np.zeros(6, np.int64), ("a",), r"give uint8 \[N, C, H, W\]"),
        (IMAGES, np.zeros(5, np.int64), ("a",), "6 images but 5 labels"),
        (IMAGES, np.full(6, 1, np.int64), ("a",), "labels run from 1 to 1, but there are 1 classes"),
        (IMAGES, np.full(6, -2, np.int64), ("a",), "labels run from -2"),
        (IMAGES, np.zeros(6, np.int64), (), "there are 0 classes"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Dataset("x", images, labels, classes, "0")


def test_facts_and_errors_need_no_torch() -> None:
    code = (
        "import sys; from everymode.data import DataError, DataFacts, DataOrder, ring_mixture; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_survive_the_import_of_their_modules() -> None:
    # importing a module puts it into its package under its own name, where it would hide a function
    modules = {module.name for module in pkgutil.iter_modules(everymode.data.__path__)}
    assert not modules & set(everymode.data.__all__)
    for name in everymode.data.__all__:
        assert getattr(everymode.data, name).__name__ == name


def test_unknown_names_of_the_package() -> None:
    with pytest.raises(AttributeError, match="open_picture"):
        _ = everymode.data.open_picture


@pytest.mark.parametrize("rows", [[-1], [6], [0, 6]])
def test_rows_outside_are_an_index_error_for_images_and_labels_alike(rows: list[int]) -> None:
    dataset = in_memory("six", IMAGES, np.arange(6), "abcdef")
    for read in (dataset.gather, dataset.gather_labels, dataset.subset):
        with pytest.raises(IndexError, match=r"six has rows 0 \.\. 5; requested"):
            read(rows)
    assert dataset.gather_labels([]).tolist() == []


@pytest.mark.parametrize(
    ("labels", "blocks", "message"),
    [
        (
            np.zeros(6, np.int64),
            [("a",), ("b", "c")],
            r"labels are int64 \[6\]; give integers \[6, 2\], one column",
        ),
        (np.zeros((6, 3), np.int64), [("a",), ("b", "c")], r"give integers \[6, 2\]"),
        (np.zeros((6, 2), np.int64), [], r"labels are int64 \[6, 2\]; give integers \[6\]"),
        (np.zeros(6), [], r"labels are float64 \[6\]; give integers \[6\]"),
        (np.full(6, 0.5), [], "labels are float64"),
    ],
)
def test_labels_of_another_type_or_shape_are_rejected(
    labels: np.ndarray, blocks: list[tuple[str, ...]], message: str
) -> None:
    classes = [name for names in blocks for name in names] or ["a", "b"]
    with pytest.raises(ValueError, match=message):
        in_memory("six", IMAGES, labels, classes, label_blocks=blocks)
    with pytest.raises(ValueError, match=message):
        Dataset("six", IMAGES, labels, tuple(classes), "00", label_blocks=tuple(blocks))
