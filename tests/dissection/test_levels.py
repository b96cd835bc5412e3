"""Levels of units: the midpoint rule, and the sample of positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.dissection import LevelSample, unit_levels

VECTORS = np.load(Path(__file__).parents[1] / "vectors_inversion.npz")


def test_levels_agree_with_the_reference() -> None:
    levels = unit_levels(VECTORS["dissect.top005.act"], float(VECTORS["dissect.top005.tail"]))
    assert levels.dtype == torch.float64
    np.testing.assert_allclose(levels, VECTORS["dissect.top005.levels_float64"], rtol=0, atol=1e-12)


def test_the_midpoint_rule_by_hand() -> None:
    activations = torch.tensor([[4.0], [1.0], [3.0], [2.0]])
    # 1, 2, 3, 4 are at 1/8, 3/8, 5/8, 7/8.
    levels = unit_levels(activations, [0.875, 0.5, 0.25, 0.125, 0.0, 1.0])
    assert levels[:, 0].tolist() == [1, 2.5, 3.5, 4, 4, 1]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 99), st.sampled_from(["float32", "float64"]))
def test_levels_are_hazen_quantiles(count: int, tail: float, seed: int, dtype: str) -> None:
    values = np.random.default_rng(seed).normal(size=(count, 3, 2)).astype(dtype)
    flat = values.transpose(1, 0, 2).reshape(3, -1).astype(np.float64)
    expected = np.quantile(flat, 1 - tail, axis=1, method="hazen")
    np.testing.assert_allclose(unit_levels(values, tail), expected, rtol=0, atol=1e-12)


def test_the_sample_is_exact_below_its_size_and_near_above() -> None:
    values = torch.randn(40, 3, 10, 10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(unit_levels(values, 0.1, positions=4000), unit_levels(values, 0.1))
    near = unit_levels(values, 0.1, positions=2000)
    assert not torch.equal(near, unit_levels(values, 0.1))
    torch.testing.assert_close(near, unit_levels(values, 0.1), rtol=0, atol=0.12)
    assert not torch.equal(near, unit_levels(values, 0.1, positions=2000, seed=1))


def test_the_sample_does_not_depend_on_the_batches() -> None:
    values = torch.randn(30, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    results = []
    for size in (1, 7, 30):
        sample = LevelSample(positions=50)
        for part in values.split(size):
            sample.add(part)
        assert not sample.exact
        results.append(sample.levels([0.5, 0.1]))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_sample_takes_every_position_equally_often() -> None:
    index = torch.arange(400.0).view(4, 1, 10, 10)
    means = [unit_levels(index, 0.5, positions=40, seed=seed).item() for seed in range(60)]
    assert np.mean(means) == pytest.approx(199.5, abs=15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3),), r"\[N, U, ...\]"),
        ((torch.zeros(0, 2),), "at least"),
        ((torch.zeros(2, 2, dtype=torch.int64),), "floats"),
        ((torch.tensor([[torch.nan]]),), "NaN"),
        ((torch.zeros(2, 2), 1.5), r"0 \.\. 1"),
        ((torch.zeros(2, 2), -0.1), r"0 \.\. 1"),
        ((torch.zeros(2, 2), []), r"0 \.\. 1"),
    ],
)
def test_bad_input_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unit_levels(*arguments)
    with pytest.raises(ValueError, match="positions is 0"):
        LevelSample(0)
    with pytest.raises(ValueError, match="no activations"):
        LevelSample().levels(0.1)
