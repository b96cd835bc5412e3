"""Kernel distances: stored values, the formula written out with loops, negative values, constant fakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everymode.metrics import cmmd, kernel_distance, kernel_distance_subsets

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")
REAL, FAKE = VECTORS["metrics.a_real"], VECTORS["metrics.a_fake"]


def test_stored_values() -> None:
    np.testing.assert_allclose(kernel_distance(REAL, FAKE), VECTORS["metrics.a_kid_full"], rtol=1e-12)
    size = int(VECTORS["metrics.a_kid_subset_size"])
    result = kernel_distance_subsets(REAL, FAKE, subset_size=size)
    np.testing.assert_allclose(
        result, (VECTORS["metrics.a_kid_mean"], VECTORS["metrics.a_kid_std"]), rtol=1e-11
    )
    np.testing.assert_allclose(cmmd(REAL, FAKE), VECTORS["metrics.a_cmmd_unit"], rtol=1e-10)
    np.testing.assert_allclose(cmmd(REAL, FAKE, normalize=False), VECTORS["metrics.a_cmmd_raw"], rtol=1e-10)


def test_a_value_by_hand() -> None:
    # F = 2. Within real: (0 / 2 + 1)^3 = 1. Within fake: (2 / 2 + 1)^3 = 8.
    # Across: x1.y1 = 2, x1.y2 = 1, x2.y1 = 0, x2.y2 = 0 -> (8 + 27 / 8 + 1 + 1) / 4.
    real, fake = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [1.0, 5.0]])
    np.testing.assert_allclose(kernel_distance(real, fake), 1 + 8 - 2 * (8 + 27 / 8 + 2) / 4, rtol=1e-14)


def test_the_unbiased_formula_pair_by_pair() -> None:
    real, fake = REAL[:9].astype(float), FAKE[:7].astype(float)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 16 + 1) ** 3

    within_real = np.mean([kernel(x, y) for i, x in enumerate(real) for j, y in enumerate(real) if i != j])
    within_fake = np.mean([kernel(x, y) for i, x in enumerate(fake) for j, y in enumerate(fake) if i != j])
    across = np.mean([kernel(x, y) for x in real for y in fake])
    np.testing.assert_allclose(
        kernel_distance(real, fake), within_real + within_fake - 2 * across, rtol=1e-12
    )


def test_negative_values_are_kept() -> None:
    rows = np.random.default_rng(0).standard_normal((60, 5))
    assert kernel_distance(rows, rows) < -0.01
    halves = [
        kernel_distance(*np.split(np.random.default_rng(s).standard_normal((80, 5)), 2)) for s in range(20)
    ]
    assert min(halves) < 0 < max(halves)
    mean, spread = kernel_distance_subsets(rows, rows, subsets=20, subset_size=30)
    assert mean < 0 < spread


def test_subsets_draw_fakes_first_and_depend_on_the_seed() -> None:
    random = np.random.RandomState(7)
    fake_rows, real_rows = random.choice(1500, 30, replace=False), random.choice(2000, 30, replace=False)
    result = kernel_distance_subsets(REAL, FAKE, subsets=1, subset_size=30, seed=7)
    np.testing.assert_allclose(result[0], kernel_distance(REAL[real_rows], FAKE[fake_rows]), rtol=1e-13)
    assert result[1] == 0
    assert result != kernel_distance_subsets(REAL, FAKE, subsets=1, subset_size=30)


def test_cmmd_of_identical_sets_is_zero_and_constant_fakes_are_fine() -> None:
    assert cmmd(REAL[:50], REAL[:50]) == pytest.approx(0, abs=1e-11)
    constant = np.tile(FAKE[:1], (20, 1))
    assert cmmd(constant, constant) == pytest.approx(0, abs=1e-12)
    assert cmmd(REAL[:50], constant) > 0
    assert np.isfinite(kernel_distance(REAL, constant))
    scaled = FAKE[:50] * np.linspace(0.5, 9, 50)[:, None]
    np.testing.assert_allclose(cmmd(REAL[:50], scaled), cmmd(REAL[:50], FAKE[:50]), rtol=1e-9)


def test_cmmd_of_two_points_by_hand() -> None:
    # Unit vectors at a right angle: |x - y|^2 = 2; the biased estimate is 2 - 2 exp(-2 / 200), times 1000.
    result = cmmd([[3.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 1.0]])
    np.testing.assert_allclose(result, 2000 * (1 - np.exp(-0.01)), rtol=1e-12)
    wider = cmmd([[3.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 1.0]], sigma=1, scale=1)
    np.testing.assert_allclose(wider, 2 - 2 * np.exp(-1), rtol=1e-12)


def test_mistakes_raise() -> None:
    for subsets, size in ((0, 10), (5, 1), (5, 1501)):
        with pytest.raises(ValueError, match="at least 1 subset of 2 to 1500 rows"):
            kernel_distance_subsets(REAL, FAKE, subsets=subsets, subset_size=size)
    with pytest.raises(ValueError, match="sigma is 0"):
        cmmd(REAL, FAKE, sigma=0)
    with pytest.raises(ValueError, match="fake holds a row of length 0"):
        cmmd(REAL[:3], np.zeros((3, 16)))
