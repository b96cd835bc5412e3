"""The published mixtures: means, spread, and shares of the modes."""

from __future__ import annotations

import numpy as np
import pytest

from everymode.data.mixtures import grid_mixture, ring_mixture, sample_mixture


def test_ring_means_by_hand() -> None:
    means = ring_mixture().means
    half = np.sqrt(0.5)
    np.testing.assert_allclose(means[:3], [[1, 0], [half, half], [0, 1]], atol=1e-7)
    assert means.shape == (8, 2)
    assert ring_mixture().std == 0.01
    np.testing.assert_allclose(np.hypot(*ring_mixture(modes=5, radius=2).means.T), 2, rtol=1e-6)


def test_grid_means_by_hand() -> None:
    mixture = grid_mixture()
    assert mixture.std == 0.05
    assert {tuple(mean) for mean in mixture.means.tolist()} == {
        (float(x), float(y)) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    }
    np.testing.assert_allclose(grid_mixture(side=2, spacing=3).means[0], [-1.5, -1.5])


def test_samples_have_the_std_and_even_shares() -> None:
    mixture = grid_mixture(std=0.3)
    points, modes = sample_mixture(mixture, 50_000, seed=3)
    assert points.dtype == np.float32
    noise = points - mixture.means[modes]
    np.testing.assert_allclose(noise.std(axis=0), 0.3, rtol=0.02)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.01)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.02
    assert abs((np.abs(noise) > 0.6).mean() - 0.0455) < 0.005  # a normal's share beyond two std
    np.testing.assert_allclose(np.bincount(modes) / 50_000, 1 / 25, atol=0.005)


def test_samples_depend_on_the_seed_alone() -> None:
    first, again = (sample_mixture(ring_mixture(), 10, seed=1)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, sample_mixture(ring_mixture(), 10, seed=2)[0])


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match="modes=0"):
        ring_mixture(modes=0)
    with pytest.raises(ValueError, match="spacing=0"):
        grid_mixture(spacing=0)
    with pytest.raises(ValueError, match="samples is 0"):
        sample_mixture(ring_mixture(), 0)
