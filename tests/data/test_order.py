"""Batches are a pure function of (seed, move), and follow the sampling rule."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.data.order import DataOrder, MixedOrder, random_permutation, random_uniform


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 200), data=st.data(), seed=st.integers(0, 2**70))
def test_an_epoch_has_no_row_twice(count: int, data: st.DataObject, seed: int) -> None:
    batch = data.draw(st.integers(1, count))
    order = DataOrder(count, batch, seed)
    for epoch in (0, 3):
        first = epoch * order.moves_per_epoch
        rows = np.concatenate([order.indices(first + move) for move in range(order.moves_per_epoch)])
        assert len(rows) == count // batch * batch
        assert len(np.unique(rows)) == len(rows)
        assert rows.min() >= 0
        assert rows.max() < count


@pytest.mark.parametrize("sampling", ["natural", "balanced", "sqrt"])
def test_indices_do_not_depend_on_earlier_calls(sampling: str) -> None:
    labels = np.arange(40) % 3
    one = DataOrder(labels, 7, 5, sampling=sampling)
    forward = [one.indices(move) for move in range(20)]
    other = DataOrder(labels, 7, 5, sampling=sampling)
    for move in (19, 3, 12, 0):
        np.testing.assert_array_equal(other.indices(move), forward[move])
        assert other.indices(move).dtype == np.int64


def test_seeds_epochs_and_moves_differ() -> None:
    order = DataOrder(1000, 100, 0)
    assert not np.array_equal(order.indices(0), DataOrder(1000, 100, 1).indices(0))
    assert not np.array_equal(order.indices(0), order.indices(10))
    drawn = DataOrder(np.zeros(1000, np.int64), 100, 0, sampling="balanced")
    assert not np.array_equal(drawn.indices(0), drawn.indices(1))


def test_draws_are_the_same_in_every_process_and_release() -> None:
    assert random_permutation(7, "stream", 2, 8).tolist() == [7, 2, 5, 6, 1, 3, 0, 4]
    code = "from everymode.data.order import DataOrder; print(DataOrder(50, 10, 3).indices(8).tolist())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{DataOrder(50, 10, 3).indices(8).tolist()}\n"}


def test_changing_a_batch_does_not_change_the_order() -> None:
    order = DataOrder(10, 5, 0)
    before = order.indices(0).copy()
    order.indices(0)[:] = -1
    np.testing.assert_array_equal(order.indices(0), before)


def _shares(labels: np.ndarray, sampling: str) -> np.ndarray:
    order = DataOrder(labels, 100, 0, sampling=sampling)
    drawn = np.concatenate([labels[order.indices(move)] for move in range(200)])
    return np.bincount(drawn + 1, minlength=4) / len(drawn)


def test_balanced_and_sqrt_shares() -> None:
    labels = np.repeat([0, 1, -1, 2], [900, 100, 0, 0])
    np.testing.assert_allclose(_shares(labels, "balanced"), [0, 0.5, 0.5, 0], atol=0.02)
    np.testing.assert_allclose(_shares(labels, "sqrt"), [0, 0.75, 0.25, 0], atol=0.02)


def test_unlabeled_rows_are_one_more_class() -> None:
    labels = np.repeat([-1, 0, 2], [600, 100, 300])
    np.testing.assert_allclose(_shares(labels, "balanced"), [1 / 3, 1 / 3, 0, 1 / 3], atol=0.02)


def test_every_row_of_a_class_is_drawn() -> None:
    labels = np.repeat([0, 1], [5, 20])
    order = DataOrder(labels, 25, 0, sampling="balanced")
    counts = np.bincount(np.concatenate([order.indices(move) for move in range(400)]), minlength=25) / 10_000
    np.testing.assert_allclose(counts, np.where(labels == 0, 0.1, 0.025), atol=0.01)


def test_the_first_of_several_label_blocks_counts() -> None:
    blocks = np.stack([np.repeat([0, 1], [90, 10]), np.zeros(100, np.int64)], axis=1)
    one = DataOrder(blocks, 10, 0, sampling="balanced")
    np.testing.assert_array_equal(
        one.indices(4), DataOrder(blocks[:, 0], 10, 0, sampling="balanced").indices(4)
    )


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match="5 images, fewer than a batch of 8; choose a batch of at most 5"):
        DataOrder(5, 8, 0)
    with pytest.raises(ValueError, match="needs labels"):
        DataOrder(5, 2, 0, sampling="sqrt")
    with pytest.raises(ValueError, match="natural, balanced, sqrt"):
        DataOrder(5, 2, 0, sampling="uniform")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        DataOrder(5, 0, 0)
    with pytest.raises(ValueError, match="counted from 0"):
        DataOrder(5, 2, 0).indices(-1)


def test_uniform_draws_fill_the_unit_interval() -> None:
    draws = random_uniform(0, "x", 0, 20_000)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.01
    assert abs(draws.var() - 1 / 12) < 0.003


# ---- labeled and unlabeled rows in one batch


def half_labeled(labeled: int, unlabeled: int) -> np.ndarray:
    labels = np.full(labeled + unlabeled, -1)
    labels[np.random.default_rng(0).permutation(len(labels))[:labeled]] = np.arange(labeled) % 3
    return labels


@settings(max_examples=40, deadline=None)
@given(
    labeled=st.integers(1, 40),
    unlabeled=st.integers(1, 60),
    batch=st.integers(2, 24),
    data=st.data(),
    seed=st.integers(0, 2**70),
)
def test_mixed_batches_hold_their_share_and_pass_through_both_kinds(
    labeled: int, unlabeled: int, batch: int, data: st.DataObject, seed: int
) -> None:
    labels = half_labeled(labeled, unlabeled)
    count = data.draw(st.integers(1, batch - 1))
    order = MixedOrder(labels, batch, seed, labeled_share=count / batch)
    moves = [order.indices(move) for move in range(12)]
    for rows in moves:
        assert rows.dtype == np.int64 and len(rows) == batch
        assert (labels[rows] >= 0).sum() == count
    for kind, size, per_move in ((True, labeled, count), (False, unlabeled, batch - count)):
        seen = np.concatenate([rows[(labels[rows] >= 0) == kind] for rows in moves])
        # Consecutive shuffled passes: no image is more than one pass ahead of another.
        shown = np.bincount(seen, minlength=len(labels))[(labels >= 0) == kind]
        assert shown.max() - shown.min() <= 1
        for start in range(0, 12 * per_move - size + 1, size):
            assert len(set(seen[start : start + size].tolist())) == size
    again = MixedOrder(labels, batch, seed, labeled_share=count / batch)
    for move in (11, 0, 5):
        np.testing.assert_array_equal(again.indices(move), moves[move])


@settings(max_examples=40, deadline=None)
@given(parts=st.integers(1, 6), size=st.integers(1, 8), data=st.data())
def test_every_part_of_a_mixed_batch_holds_the_same_share(parts: int, size: int, data: st.DataObject) -> None:
    batch = parts * size
    count = data.draw(st.integers(1, batch))
    labels = half_labeled(5, 5)
    rows = MixedOrder(labels, batch, 0, labeled_share=count / batch).indices(3)
    held = (labels[rows] >= 0).reshape(parts, size).sum(axis=1)
    assert held.sum() == count
    assert held.max() - held.min() <= (0 if count % parts == 0 else 1)


def test_the_labeled_rows_of_a_mixed_batch_can_be_balanced() -> None:
    labels = np.concatenate([np.repeat([0, 1], [90, 10]), np.full(50, -1)])
    order = MixedOrder(labels, 20, 0, labeled_share=0.5, sampling="balanced")
    drawn = labels[np.concatenate([order.indices(move) for move in range(400)])]
    assert (drawn == -1).sum() == 4000
    np.testing.assert_allclose((drawn == 1).sum() / 4000, 0.5, atol=0.03)
    # More labeled rows than there are labeled images: with replacement there is no such limit.
    few = MixedOrder(np.array([0, -1, -1]), 8, 0, labeled_share=0.5, sampling="sqrt")
    assert sorted((few.indices(0) == 0).tolist()) == [False] * 4 + [True] * 4


def test_a_batch_of_labeled_rows_alone_needs_no_others() -> None:
    rows = MixedOrder(np.array([0, 1, 0]), 6, 0, labeled_share=1.0).indices(0)
    assert sorted(rows.tolist()) == [0, 0, 1, 1, 2, 2]


def test_one_label_of_several_blocks_makes_a_row_labeled() -> None:
    blocks = np.array([[-1, -1], [-1, 1], [0, -1], [0, 1]])
    rows = MixedOrder(blocks, 4, 0, labeled_share=0.75).indices(0)
    assert sorted(rows.tolist()) == [0, 1, 2, 3]


def test_mistakes_about_shares_are_explained() -> None:
    labels = np.array([0, 1, -1])
    with pytest.raises(ValueError, match="none of the 3 images has a label"):
        MixedOrder(np.full(3, -1), 2, 0, labeled_share=0.5)
    with pytest.raises(ValueError, match=r"all 3 images have a label; .*labeled_fraction"):
        MixedOrder(np.zeros(3, np.int64), 2, 0, labeled_share=0.5)
    with pytest.raises(ValueError, match=r"less than one row of a batch of 10; give at least 0\.1"):
        MixedOrder(labels, 10, 0, labeled_share=0.04)
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            MixedOrder(labels, 2, 0, labeled_share=share)
    with pytest.raises(ValueError, match="natural, balanced, sqrt"):
        MixedOrder(labels, 2, 0, labeled_share=0.5, sampling="uniform")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="counted from 0"):
        MixedOrder(labels, 2, 0, labeled_share=0.5).indices(-1)


def test_mixed_batches_never_change() -> None:
    order = MixedOrder(np.array([0, 1, 2, -1, -1, -1, -1]), 6, 3, labeled_share=0.34)
    assert [order.indices(move).tolist() for move in (0, 5)] == [[5, 3, 0, 4, 6, 1], [6, 3, 0, 5, 4, 2]]
