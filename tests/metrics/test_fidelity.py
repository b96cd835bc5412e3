"""Precision, recall, density and coverage: stored values, small sets computed by hand, collapsed generators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everymode.metrics import density_coverage, precision_recall

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")
REAL, FAKE = VECTORS["metrics.a_real"], VECTORS["metrics.a_fake"]


@pytest.mark.parametrize("k", [3, 5])
def test_stored_precision_and_recall(k: int) -> None:
    result = precision_recall(REAL, FAKE, k)
    expected = VECTORS[f"metrics.a_precision_k{k}"], VECTORS[f"metrics.a_recall_k{k}"]
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_stored_density_and_coverage() -> None:
    result = density_coverage(REAL, FAKE)
    np.testing.assert_allclose(
        result, (VECTORS["metrics.a_density_k5"], VECTORS["metrics.a_coverage_k5"]), rtol=1e-12
    )


def test_sets_on_a_line_by_hand() -> None:
    # k = 1. Real balls: 0 +- 1, 1 +- 1, 3 +- 2, 9 +- 6. Fake balls: 2 +- 0.5, 2.5 +- 0.5, 20 +- 17.5.
    real, fake = np.array([[0.0], [1], [3], [9]]), np.array([[2.0], [2.5], [20]])
    result = precision_recall(real, fake, k=1)
    assert result.precision == 2 / 3  # 2 lies on the surface of the ball of 1
    assert (
        result.recall == 2 / 4
    )  # 3 lies on the surface of the ball of 2.5; 9 is in that of 20; 0 and 1 are in none
    # Balls around 2: those of 1 and 3. Around 2.5: that of 3. Around 20: none. The ball of 9 ends at 3.
    density = density_coverage(real, fake, k=1)
    assert density.density == 3 / 3
    assert density.coverage == 2 / 4


def test_identical_sets_reach_each_other_and_their_ties_count() -> None:
    for rows in (REAL[:300], np.random.default_rng(0).integers(0, 9, (100, 2)).astype(float)):
        assert precision_recall(rows, rows) == (1.0, 1.0)
        assert density_coverage(rows, rows).coverage == 1.0
    # Without other ties each ball holds its center and k neighbors, the k-th on its surface.
    np.testing.assert_allclose(density_coverage(REAL[:300], REAL[:300]).density, 6 / 5, rtol=1e-12)


def test_sets_far_apart_reach_nothing() -> None:
    assert precision_recall(REAL[:100], REAL[:100] + 1000) == (0.0, 0.0)
    assert density_coverage(REAL[:100], REAL[:100] + 1000) == (0.0, 0.0)


def test_constant_fakes_have_the_stated_answer() -> None:
    real = REAL[:200].astype(float)
    middle = np.tile(np.median(real, axis=0), (50, 1))
    radii = np.sort(np.linalg.norm(real[:, None] - real[None], axis=-1), axis=1)[:, 5]
    around = int((np.linalg.norm(real - middle[0], axis=1) <= radii).sum())
    assert around > 0
    assert precision_recall(real, middle, k=5) == (1.0, 0.0)
    assert density_coverage(real, middle) == (around / 5, around / 200)
    away = np.full((50, 16), 77.7)
    assert precision_recall(real, away) == (0.0, 0.0)
    # A generator that repeats a training image reaches that image, even in many dimensions, where products round.
    copied = np.tile(real[:1], (50, 1))
    assert precision_recall(real, copied) == (1.0, 1 / 200)
    assert precision_recall(copied, copied) == (1.0, 1.0)
    assert density_coverage(copied, copied, k=5) == (10.0, 1.0)


def test_copies_in_wide_features_are_found_exactly() -> None:
    random = np.random.default_rng(0)
    real = (random.standard_normal((60, 700)) * 3 + 5).astype(np.float32)
    fake = np.repeat(real[:4], 6, axis=0)
    assert precision_recall(real, fake) == (1.0, 4 / 60)


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="k is 0 and real has 20 rows; k must be at least 1"):
        precision_recall(REAL[:20], FAKE[:10], 0)
    for k in (10, 11):
        with pytest.raises(ValueError, match=f"k is {k} and fake has 10 rows"):
            precision_recall(REAL[:20], FAKE[:10], k)
        with pytest.raises(ValueError, match=f"k is {k} and real has 10 rows"):
            density_coverage(REAL[:10], FAKE[:20], k)
    density_coverage(REAL[:20], FAKE[:3], 10)
