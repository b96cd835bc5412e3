"""Frechet distances, by class and extrapolated."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.metrics import (
    frechet_by_class,
    frechet_distance,
    frechet_distance_extrapolated,
    frechet_distance_per_class,
)

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")
REAL, FAKE = VECTORS["metrics.a_real"], VECTORS["metrics.a_fake"]


def test_each_class_is_the_distance_of_its_rows() -> None:
    random = np.random.default_rng(0)
    real_labels, fake_labels = random.integers(0, 3, len(REAL)), random.integers(0, 3, len(FAKE))
    result = frechet_distance_per_class(REAL, real_labels, FAKE, fake_labels)
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.float64
    expected = [frechet_distance(REAL[real_labels == c], FAKE[fake_labels == c]) for c in range(3)]
    np.testing.assert_allclose(result, expected, rtol=1e-13)
    as_tensor = frechet_distance_per_class(torch.from_numpy(REAL), real_labels, FAKE, fake_labels)
    assert isinstance(as_tensor, torch.Tensor)
    assert as_tensor.tolist() == result.tolist()
    details = frechet_by_class(REAL, real_labels, FAKE, fake_labels)
    assert details.real_count.tolist() == np.bincount(real_labels).tolist()
    assert details.fake_count.tolist() == np.bincount(fake_labels).tolist()
    assert not details.flagged.any()
    np.testing.assert_allclose(details.mean, np.mean(expected), rtol=1e-13)


def test_missing_and_small_classes_are_nan_or_flagged() -> None:
    # 16 features: class 0 has 17 rows and more, class 1 has 16 fakes, class 2 one fake, class 3 none, class 4 no reals.
    real_labels = np.repeat([0, 1, 2, 3], [100, 50, 30, 20])
    fake_labels = np.repeat([0, 1, 2, 4, -1], [17, 16, 1, 5, 3])
    details = frechet_by_class(REAL[:200], real_labels, FAKE[:42], fake_labels, num_classes=6)
    assert details.distance.isnan().tolist() == [False, False, True, True, True, True]
    assert details.flagged.tolist() == [False, True, True, True, True, True]
    assert details.fake_count.tolist() == [17, 16, 1, 0, 5, 0]
    assert details.real_count.tolist() == [100, 50, 30, 20, 0, 0]
    np.testing.assert_allclose(details.mean, details.distance[:2].mean(), rtol=1e-13)
    nothing = frechet_by_class(REAL[:4], [0, 0, 1, 1], FAKE[:2], [2, 2])
    assert math.isnan(nothing.mean)


def test_wrong_labels_raise() -> None:
    good = np.zeros(len(REAL), int), np.zeros(len(FAKE), int)
    with pytest.raises(ValueError, match="fake_labels has 3 labels for 1500 rows"):
        frechet_by_class(REAL, good[0], FAKE, [0, 1, 2])
    with pytest.raises(ValueError, match="labels run from 0 to 5 with num_classes=5"):
        frechet_by_class(REAL, good[0], FAKE, good[1] + 5, num_classes=5)
    with pytest.raises(ValueError, match="labels run from -2"):
        frechet_by_class(REAL, good[0], FAKE, good[1] - 2)
    with pytest.raises(ValueError, match="labels run from -1 to -1"):
        frechet_by_class(REAL, good[0] - 1, FAKE, good[1] - 1)


def test_the_stored_extrapolation_over_first_rows() -> None:
    sizes, values = VECTORS["metrics.a_fidinf_ns"], VECTORS["metrics.a_fidinf_vals"]
    result = frechet_distance_extrapolated(REAL, FAKE, points=len(sizes), seed=None)
    np.testing.assert_allclose(result.value, VECTORS["metrics.a_fidinf"], rtol=1e-9)
    slope, level = np.polyfit(1 / sizes, values, 1)
    np.testing.assert_allclose(level, result.value, rtol=1e-9)
    np.testing.assert_allclose(
        result.residual, np.sqrt(np.mean((level + slope / sizes - values) ** 2)), rtol=1e-6
    )


def test_random_subsets_repeat_with_their_seed() -> None:
    first = frechet_distance_extrapolated(REAL, FAKE, points=4, seed=1)
    assert first == frechet_distance_extrapolated(REAL, FAKE, points=4, seed=1)
    assert first != frechet_distance_extrapolated(REAL, FAKE, points=4, seed=2)
    assert abs(first.value - float(VECTORS["metrics.a_fidinf"])) < 0.15


def test_the_bias_of_few_samples_is_taken_off() -> None:
    # Both sides have the same distribution: the plain distance is only bias, mostly due to the small number of fakes.
    random = np.random.default_rng(0)
    real, fake = random.standard_normal((20000, 8)), random.standard_normal((600, 8))
    plain = frechet_distance(real, fake)
    assert abs(frechet_distance_extrapolated(real, fake, points=8, seed=0).value) < plain / 2


def test_too_few_rows_or_points_raise() -> None:
    with pytest.raises(ValueError, match="points is 1"):
        frechet_distance_extrapolated(REAL, FAKE, points=1)
    with pytest.raises(ValueError, match="the smallest subset 1 of 8 fake rows"):
        frechet_distance_extrapolated(REAL, FAKE[:8], points=3)
    with pytest.raises(ValueError, match="fewer points"):
        frechet_distance_extrapolated(REAL, FAKE[:20], points=18)
    frechet_distance_extrapolated(REAL, FAKE[:20], points=17)
