"""Held-out images: number per class, dependence on the seed only, and rejected fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.data.dataset import Dataset
from everymode.data.holding_out import held_out_rows, hold_out
from everymode.data.synthetic import in_memory


def numbered(labels: np.ndarray) -> Dataset:
    """A dataset whose images are all different."""
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    return in_memory("made", images, labels, [str(number) for number in range(labels.max() + 1)])


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
)
def test_every_class_has_its_share_and_keeps_an_image(counts: list[int], fraction: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)) - 1, counts)  # the first class is that of unlabeled images
    labels = labels[np.random.default_rng(seed % 1000).permutation(len(labels))]
    rows = held_out_rows(labels, fraction, seed)
    for number, count in enumerate(counts):
        share = rows[labels == number - 1].sum()
        assert share < count
        assert int(fraction * count) - 1 <= share <= int(fraction * count) + 1
    total = max(1, int(fraction * len(labels) + 0.5))
    assert min(1, len(labels) - len(counts)) <= rows.sum() <= total
    if min(counts) > 2 and fraction <= 0.5:
        assert rows.sum() == total
    np.testing.assert_array_equal(rows, held_out_rows(labels, fraction, seed))


def test_a_split_by_hand() -> None:
    data = numbered(np.repeat([0, 1, 2], [20, 10, 1]))
    training, unseen = hold_out(data, 0.1, seed=3)
    assert unseen is not None
    assert (training.class_counts, unseen.class_counts) == ((18, 9, 1), (2, 1, 0))
    assert training.name == "made" and unseen.name == "made (held out)"
    assert training.notes == ("3 of 31 images of made are held out from training (held_out 0.1, seed 3)",)
    assert sorted([*training.images[:, 0, 0, 0], *unseen.images[:, 0, 0, 0]]) == list(range(31))
    fingerprints = {
        hold_out(data, *choice)[0].fingerprint for choice in ((0.1, 3), ("0.1", 3), (0.1, 4), (0.2, 3))
    }
    assert training.fingerprint in fingerprints and len(fingerprints) == 3
    assert hold_out(data, "", 3) == hold_out(data, 0.0, 3) == hold_out(data, "./0.1", 3) == (data, None)


def test_with_several_labels_an_image_the_last_of_each_class_remains() -> None:
    labels = np.stack([np.zeros(20, np.int64), np.repeat([0, 1, -1], [9, 2, 9])], axis=1)
    for seed in range(20):
        remaining = labels[~held_out_rows(labels, 0.8, seed), 1]
        assert {0, 1} <= set(remaining.tolist())


def test_rejected_fractions() -> None:
    with pytest.raises(ValueError, match="made has too few images to hold out"):
        hold_out(numbered(np.array([0, 1])), 0.1)
    with pytest.raises(ValueError, match=r"at least 0 and below 1.* not 2020: for a folder .* write ./2020"):
        hold_out(numbered(np.array([0, 0])), "2020")
