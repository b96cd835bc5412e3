"""Hidden labels: number per class, dependence on the seed only, and rejected arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.data.dataset import Dataset
from everymode.data.hiding import hide_labels, kept_labels, with_few_labels
from everymode.data.synthetic import in_memory


def labeled(labels: np.ndarray, blocks: tuple[int, ...] = ()) -> Dataset:
    images = np.zeros((len(labels), 1, 2, 2), np.uint8)
    sizes = blocks or (int(labels.max()) + 1,)
    names = [tuple(f"{block}:{number}" for number in range(size)) for block, size in enumerate(sizes)]
    flat = [name for block in names for name in block]
    return in_memory("made", images, labels, flat, label_blocks=names if blocks else ())


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(any),
    unlabeled=st.integers(0, 10),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
)
def test_every_class_keeps_its_share_and_at_least_one(
    counts: list[int], unlabeled: int, fraction: float, seed: int
) -> None:
    labels = np.concatenate([np.repeat(np.arange(len(counts)), counts), np.full(unlabeled, -1)])
    labels = labels[np.random.default_rng(seed % 1000).permutation(len(labels))]
    data = labeled(labels) if labels.max() + 1 == len(counts) else None
    kept = kept_labels(labels, fraction, seed)
    for number, count in enumerate(counts):
        wanted = min(count, max(1, int(fraction * count + 0.5)))
        assert kept[labels == number].sum() == wanted
    np.testing.assert_array_equal(kept, kept_labels(labels, fraction, seed))
    more = kept_labels(labels, min(1.0, fraction + 0.2), seed)
    assert (more | ~kept).all(), "what a smaller share keeps is part of what a larger one keeps"
    if data is not None:
        hidden = hide_labels(data, fraction, seed)
        np.testing.assert_array_equal(hidden.labels, np.where(kept, labels, -1))


def test_counts_by_hand() -> None:
    data = labeled(np.repeat([0, 1, 2], [10, 25, 3]))
    hidden = hide_labels(data, 0.1, seed=3)
    assert hidden.class_counts == (1, 3, 1)  # 1, 2.5 rounded up, 0.3 but at least one
    assert hidden.num_unlabeled == 33
    assert hidden.facts().class_counts == (1, 3, 1)
    assert hidden.images is data.images
    assert hidden.notes[-1] == (
        "5 of 38 images of made keep their labels; those of 33 are hidden (labeled_fraction 0.1, seed 3)"
    )
    assert data.num_unlabeled == 0


def test_the_choice_and_the_fingerprint_follow_seed_and_fraction() -> None:
    data = labeled(np.repeat([0, 1], 50))
    same = [hide_labels(data, 0.2, 1), hide_labels(data, 0.2, 1)]
    assert same[0].fingerprint == same[1].fingerprint
    others = {hide_labels(data, fraction, seed).fingerprint for fraction, seed in ((0.2, 2), (0.3, 1))}
    assert len(others | {same[0].fingerprint, data.fingerprint}) == 4


def test_nothing_is_hidden_where_all_are_kept() -> None:
    data = labeled(np.repeat([0, 1], 2))
    assert hide_labels(data, 1.0) is data
    assert hide_labels(data, 0.9) is data


def test_the_choice_never_changes() -> None:
    assert np.flatnonzero(kept_labels(np.repeat([0, 1], 10), 0.2, 7)).tolist() == [1, 3, 13, 18]


def test_images_lose_or_keep_the_labels_of_all_blocks() -> None:
    blocks = np.stack([np.repeat([0, 1, -1], [20, 10, 10]), np.tile([0, 1], 20)], axis=1)
    hidden = hide_labels(labeled(blocks, (2, 2)), 0.5, 0)
    kept = (hidden.labels >= 0).any(axis=1)
    np.testing.assert_array_equal(hidden.labels[kept], blocks[kept])
    assert (hidden.labels[~kept] == -1).all()
    assert [int(kept[blocks[:, 0] == number].sum()) for number in (0, 1, -1)] == [10, 5, 5]


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.5, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        hide_labels(labeled(np.array([0, 1])), fraction)


def test_data_without_labels_have_none_to_hide() -> None:
    bare = in_memory("bare", np.zeros((4, 1, 2, 2), np.uint8), np.full(4, -1), ())
    with pytest.raises(ValueError, match="bare has no labels to hide"):
        hide_labels(bare, 0.5)
    assert hide_labels(bare, 1.0) is bare


def test_labels_that_a_user_gave_are_never_hidden_where_there_are_gaps() -> None:
    whole = labeled(np.repeat(np.arange(3), 8))
    gaps = hide_labels(whole, 0.5)
    kept = with_few_labels(gaps, 0.1)
    assert np.array_equal(kept.labels, gaps.labels) and kept.fingerprint == gaps.fingerprint
    assert "have no label; the labels of the others" in kept.notes[-1]
    assert np.array_equal(with_few_labels(whole, 0.5).labels, gaps.labels)
    assert with_few_labels(gaps, 1.0) is gaps


def test_the_fraction_is_checked_even_if_images_are_unlabeled() -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        with_few_labels(labeled(np.array([0, 1, -1, -1])), 7.0)
