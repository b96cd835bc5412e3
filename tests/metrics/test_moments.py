"""Streaming moments against those of all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.metrics import StreamingMoments

ROWS = np.random.default_rng(0).standard_normal((503, 7)) @ np.diag([1e-3, 1, 2, 3, 50, 0, 1]) + 3.0


def streamed(rows: np.ndarray, edges: list[int]) -> StreamingMoments:
    moments = StreamingMoments()
    for part in np.split(rows, edges):
        moments.update(part)
    return moments


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 503), max_size=8).map(sorted))
def test_equal_to_all_rows_at_once_for_any_batches(edges: list[int]) -> None:
    moments = streamed(ROWS, edges)
    assert moments.count == 503
    np.testing.assert_allclose(moments.mean, ROWS.mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(ROWS.T), rtol=1e-10, atol=1e-13)
    assert moments.mean.dtype == moments.covariance.dtype == np.float64


def test_one_row_at_a_time() -> None:
    moments = streamed(ROWS[:100], list(range(1, 100)))
    np.testing.assert_allclose(moments.covariance, np.cov(ROWS[:100].T), rtol=1e-10, atol=1e-13)


def test_a_mean_far_above_the_spread_costs_nothing() -> None:
    # Multiples of 2^-10 around 2^30 are exact in float64. Raw second moments would lose every digit.
    spread = np.random.default_rng(1).integers(-1024, 1024, (400, 3)) / 1024.0
    moments = streamed(spread + 2.0**30, [13, 100, 350])
    np.testing.assert_allclose(moments.covariance, np.cov(spread.T), rtol=1e-10)
    np.testing.assert_allclose(moments.mean - 2.0**30, spread.mean(0), atol=3e-7)


def test_float32_batches_are_added_up_in_float64() -> None:
    rows = (ROWS + 1000).astype(np.float32)
    np.testing.assert_allclose(
        streamed(rows, [50, 60]).covariance, np.cov(rows.astype(float).T), rtol=1e-10, atol=1e-13
    )


def test_merging_two_gives_the_moments_of_all_rows_and_leaves_the_other_unchanged() -> None:
    left, right, none = streamed(ROWS[:200], [90]), streamed(ROWS[200:], []), StreamingMoments()
    before = right.covariance
    left.merge(right)
    left.merge(none)
    none.merge(left)
    for merged in (left, none):
        assert merged.count == 503
        np.testing.assert_allclose(merged.covariance, np.cov(ROWS.T), rtol=1e-10, atol=1e-13)
    left.update(ROWS)
    np.testing.assert_array_equal(right.covariance, before)
    assert none.count == 503
    np.testing.assert_allclose(none.mean, ROWS.mean(0), rtol=1e-12)


def test_moments_can_be_stored_and_continued() -> None:
    half = streamed(ROWS[:250], [])
    again = StreamingMoments.from_moments(half.count, half.mean, torch.from_numpy(half.covariance))
    again.update(torch.from_numpy(ROWS[250:]))
    np.testing.assert_allclose(again.covariance, np.cov(ROWS.T), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(half.covariance, np.cov(ROWS[:250].T), rtol=1e-10, atol=1e-13)


def test_results_are_copies() -> None:
    moments = streamed(ROWS, [])
    moments.mean[:] = 0
    np.testing.assert_allclose(moments.mean, ROWS.mean(0), rtol=1e-12)


def test_mistakes_raise_and_add_nothing() -> None:
    moments = StreamingMoments()
    with pytest.raises(ValueError, match="0 rows were added; at least 1"):
        _ = moments.mean
    moments.update(ROWS[:1])
    with pytest.raises(ValueError, match="at least 2 are needed"):
        _ = moments.covariance
    with pytest.raises(ValueError, match="rows have 6 features, earlier ones had 7"):
        moments.update(ROWS[:, :6])
    with pytest.raises(ValueError, match="rows have 2 features"):
        moments.merge(streamed(ROWS[:, :2], []))
    with pytest.raises(ValueError, match="NaN"):
        moments.update(np.full((3, 7), np.nan))
    assert moments.count == 1
    with pytest.raises(ValueError, match="needed"):
        StreamingMoments.from_moments(3, np.zeros(2), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="at least 2 rows"):
        StreamingMoments.from_moments(1, np.zeros(2), np.zeros((2, 2)))
