"""Labeled images for a classifier: what is refused, left out, and held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from everymode.extractors.labeled_arrays import labeled_arrays

IMAGES = np.arange(10 * 64, dtype=np.uint32).astype(np.uint8).reshape(10, 1, 8, 8)
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1, -1])


def test_unlabeled_rows_are_left_out() -> None:
    found = labeled_arrays(torch.from_numpy(IMAGES), torch.from_numpy(LABELS)[torch.arange(9, -1, -1)], "x")
    assert found.rows.tolist() == list(range(2, 10)) and found.labels.tolist() == [1] * 4 + [0] * 4
    assert torch.equal(found.rows_at(np.array([1, 0])), torch.from_numpy(IMAGES[[3, 2]]))
    assert [part.tolist() for part in found.batches(5)] == [[0, 1, 2, 3, 4], [5, 6, 7]]


def test_a_share_of_every_class_is_held_out() -> None:
    labels = np.repeat(np.arange(3), (40, 8, 3))
    data = labeled_arrays(np.zeros((51, 1, 8, 8), np.uint8), labels, "x")
    training, held = data.split(0.25, 0)
    assert np.bincount(held.labels).tolist() == [10, 2]  # 3 * 0.25 rounds down to none
    assert sorted([*training.rows, *held.rows]) == list(range(51))
    assert data.split(0.25, 0)[1].rows.tolist() == held.rows.tolist()
    assert data.split(0.25, 1)[1].rows.tolist() != held.rows.tolist()
    for share, words in ((0.0, "above 0"), (1.5, "above 0"), (0.01, "rounds down")):
        with pytest.raises(ValueError, match=words):
            data.split(share, 0)


def test_the_fingerprint_sees_pixels_labels_and_rows() -> None:
    one = labeled_arrays(IMAGES, LABELS, "x").fingerprint()
    assert one == labeled_arrays(IMAGES.copy(), LABELS.astype(np.int32), "x").fingerprint()
    other = IMAGES.copy()
    other[3, 0, 2, 2] ^= 1
    assert one != labeled_arrays(other, LABELS, "x").fingerprint()
    assert one != labeled_arrays(IMAGES, np.where(LABELS == 1, 2, LABELS), "x").fingerprint()


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (IMAGES.astype(np.float32), LABELS, "uint8"),
        (IMAGES[:, 0], LABELS, "uint8"),
        (IMAGES.repeat(2, 1), LABELS, "channels"),
        (IMAGES[..., :4], LABELS, "needs 8"),
        (IMAGES, LABELS[:9], r"\[10\]"),
        (IMAGES, np.stack([LABELS, LABELS], 1), "label blocks"),
        (IMAGES, LABELS.astype(float), "integer"),
        (IMAGES, np.full(10, -1), "none of the 10"),
    ],
)
def test_wrong_input_is_refused(images: Any, labels: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        labeled_arrays(images, labels, "things")
