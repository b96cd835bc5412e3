"""Nearest-neighbor balls against distances computed in integers, where ties are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.metrics.neighbors import inside_balls, point_pair, squared_radii


def exact_squares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute squared distances of points with integer coordinates, without rounding."""
    return np.square(first[:, None].astype(np.int64) - second[None].astype(np.int64)).sum(-1)


def exact_radii(points: np.ndarray, k: int) -> np.ndarray:
    distances = exact_squares(points, points).astype(float)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, k - 1]


def checked(real: np.ndarray, fake: np.ndarray, k: int, scale: float, shift: float) -> None:
    sides = [torch.from_numpy(side * scale + shift) for side in (real, fake)]
    real_points, fake_points = point_pair(*sides)
    radii = squared_radii(real_points, k)
    np.testing.assert_allclose(radii.numpy(), exact_radii(real, k) * scale**2, rtol=1e-14, atol=0)
    inside = np.concatenate(
        [part.numpy() for _, part in inside_balls(real_points, radii, fake_points)], axis=0
    )
    np.testing.assert_array_equal(inside, exact_squares(real, fake) <= exact_radii(real, k)[:, None])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    reals=st.integers(4, 40),
    fakes=st.integers(1, 40),
    width=st.sampled_from([1, 2, 3, 17]),
    side=st.sampled_from([1, 2, 4, 30]),
    k=st.integers(1, 3),
)
def test_ties_and_copies_are_decided_exactly(
    seed: int, reals: int, fakes: int, width: int, side: int, k: int
) -> None:
    random = np.random.default_rng(seed)
    real, fake = random.integers(0, side, (reals, width)), random.integers(0, side, (fakes, width))
    # A power of two keeps the points exact; the origin, their mean, is not an integer and makes products round.
    checked(real, fake, k, scale=2.0**-3, shift=0.0)
    checked(real, fake, k, scale=1.0, shift=1024.0)


def test_ties_far_from_the_origin_and_in_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.metrics.inputs.TILE_NUMBERS", 97)
    random = np.random.default_rng(0)
    real, fake = random.integers(0, 3, (60, 5)), random.integers(0, 3, (50, 5))
    fake[0] += 10**4  # an outlier increases the rounding of its own distances only
    checked(real, fake, 2, scale=1.0, shift=4096.0)


def test_continuous_points_agree_with_a_plain_computation() -> None:
    random = np.random.default_rng(1)
    real, fake = random.standard_normal((200, 9)), random.standard_normal((150, 9))
    real_points, fake_points = point_pair(torch.from_numpy(real), torch.from_numpy(fake))
    within = np.linalg.norm(real[:, None] - real[None], axis=-1)
    np.testing.assert_allclose(
        squared_radii(real_points, 4).sqrt().numpy(), np.sort(within, axis=1)[:, 4], rtol=1e-13
    )
    radii = squared_radii(real_points, 4)
    inside = torch.cat([part for _, part in inside_balls(real_points, radii, fake_points)]).numpy()
    across = np.linalg.norm(real[:, None] - fake[None], axis=-1)
    np.testing.assert_array_equal(inside, across <= np.sort(within, axis=1)[:, 4:5])
