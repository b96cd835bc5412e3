"""Mode coverage of mixtures and of predicted classes: stored values, points set by hand, perfect samplers."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.metrics import class_counts, class_coverage, mode_coverage, modes_hit, reverse_kl

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")
POINTS, MEANS = VECTORS["unlabelled.mog_ring_r1_x"], VECTORS["unlabelled.mog_ring_r1_means"]
STD = float(VECTORS["unlabelled.mog_ring_r1_std"])


def sampled(count: int, *, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return MEANS[random.integers(0, 8, count)] + scale * STD * random.standard_normal((count, 2))


@pytest.mark.parametrize(("rule", "name"), [("euclidean", "euclid"), ("box", "box")])
def test_stored_values(rule: str, name: str) -> None:
    result = mode_coverage(POINTS, torch.from_numpy(MEANS), STD, rule)
    expected = VECTORS[f"unlabelled.mog_ring_r1_{name}"]
    np.testing.assert_allclose(
        (result.high_quality, result.modes, result.reverse_kl), expected, rtol=1e-12, atol=0
    )


def test_points_placed_by_hand() -> None:
    means = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    # (2.5, 2.5) is in the square of 3 but not in the disc; (4, 0) is in none; nothing is near the third mean.
    points = np.array([[0.0, 1.0], [0.0, -1.0], [2.5, 2.5], [4.0, 0.0], [10.0, 2.0], [10.0, 0.0]])
    disc, box = mode_coverage(points, means, 1.0), mode_coverage(points, means, 1.0, rule="box")
    assert (disc.modes, disc.high_quality) == (2, 4 / 6)
    assert (box.modes, box.high_quality) == (2, 5 / 6)
    expected = 4 / 6 * math.log(3 * 4 / 6) + 2 / 6 * math.log(3 * 2 / 6)
    np.testing.assert_allclose((disc.reverse_kl, box.reverse_kl), expected, rtol=1e-14)
    # In each of the two modes the squares sum to 2 over one coordinate: 4 over 2 + 2 - 2 points and 2 coordinates.
    np.testing.assert_allclose(disc.spread, math.sqrt(4 / (2 * 2)), rtol=1e-14)


def test_the_border_does_not_belong_and_the_limit_can_be_set() -> None:
    assert mode_coverage([[3.0, 0.0]], [[0.0, 0.0]], 1.0).high_quality == 0
    assert mode_coverage([[3.0, 0.0]], [[0.0, 0.0]], 1.0, within=4).high_quality == 1


def test_a_perfect_sampler_scores_what_theory_says() -> None:
    points = sampled(200_000)
    disc, box = mode_coverage(points, MEANS, STD), mode_coverage(points, MEANS, STD, "box")
    np.testing.assert_allclose(
        (disc.high_quality, box.high_quality), VECTORS["unlabelled.mog_perfect_hq"], atol=1e-3
    )
    assert (disc.modes, box.modes) == (8, 8)
    assert disc.reverse_kl < 1e-4
    np.testing.assert_allclose((disc.spread, box.spread), (0.974, 0.987), atol=3e-3)


def test_spread_follows_the_width_within_modes_and_ignores_stray_points() -> None:
    narrow = sampled(5000, scale=0.3)
    np.testing.assert_allclose(mode_coverage(narrow, MEANS, STD).spread, 0.3, rtol=0.03)
    stray = np.concatenate([narrow, np.random.default_rng(1).uniform(-1, 1, (500, 2))])
    np.testing.assert_allclose(mode_coverage(stray, MEANS, STD).spread, 0.3, rtol=0.1)
    # One point per mode, off its mean: no spread within modes.
    repeated = np.repeat(MEANS + 0.01, 50, axis=0)
    assert mode_coverage(repeated, MEANS, STD).spread == pytest.approx(0, abs=1e-12)
    assert math.isnan(mode_coverage(MEANS, MEANS, STD).spread)
    assert math.isnan(mode_coverage(MEANS + 5, MEANS, STD).spread)


def test_a_collapsed_generator() -> None:
    result = mode_coverage(np.tile(MEANS[:1], (30, 1)), MEANS, STD)
    assert (result.modes, result.high_quality) == (1, 1.0)
    np.testing.assert_allclose(result.reverse_kl, math.log(8), rtol=1e-14)


def test_tiles_change_nothing_and_three_coordinates_work(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mode_coverage(POINTS, MEANS, STD)
    monkeypatch.setattr("everymode.metrics.modes._TILE_PAIRS", 11 * 8)
    assert mode_coverage(POINTS, MEANS, STD) == whole
    result = mode_coverage(np.zeros((4, 3)), np.eye(3) * 0.5, 1.0)
    assert (result.modes, result.high_quality) == (3, 1.0)


def test_fifty_thousand_points_take_milliseconds() -> None:
    points = sampled(50_000).astype(np.float32)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        mode_coverage(points, MEANS, STD)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def test_reverse_kl_by_hand_and_its_bases() -> None:
    np.testing.assert_allclose(reverse_kl([3, 1]), 0.75 * math.log(1.5) + 0.25 * math.log(0.5), rtol=1e-14)
    np.testing.assert_allclose(reverse_kl([1, 0, 0, 0]), math.log(4), rtol=1e-14)
    np.testing.assert_allclose(reverse_kl(torch.tensor([1, 0, 0, 0]), base="10"), math.log10(4), rtol=1e-14)
    assert reverse_kl([7, 7, 7]) == 0
    assert reverse_kl(np.full(1000, 0.001)) >= 0
    assert reverse_kl([0.3, 0.1]) == pytest.approx(reverse_kl([3, 1]))


def test_numbers_may_come_as_tensors() -> None:
    points, means = torch.zeros(4, 2), torch.tensor([[0.0, 0], [1, 0]])
    assert mode_coverage(points, means, torch.tensor(0.05)) == mode_coverage(points, means, 0.05)
    assert type(mode_coverage(points, means, np.float32(0.05)).spread) is float
    assert reverse_kl([3, 1], base=10) == reverse_kl([3, 1], base="10")


def test_predicted_classes() -> None:
    labels = torch.tensor([0, 2, 2, 5])
    assert modes_hit(labels, 10) == 3
    assert class_counts(labels, 6).tolist() == [1, 0, 2, 0, 0, 1]
    result = class_coverage(labels, 6, base="10")
    assert result == (3, reverse_kl([1, 0, 2, 0, 0, 1], "10"))
    # 26,000 uniform draws from the 1000 classes of stacked digits hit all, with a divergence of about K / (2 N).
    even = class_coverage(np.random.default_rng(0).integers(0, 1000, 26_000), 1000)
    assert even.modes == 1000
    np.testing.assert_allclose(even.reverse_kl, 1000 / 52_000, rtol=0.2)


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="rule is 'disc'; choose one of 'euclidean', 'box'"):
        mode_coverage(POINTS, MEANS, STD, "disc")
    with pytest.raises(ValueError, match="columns must agree"):
        mode_coverage(POINTS, np.zeros((8, 3)), STD)
    for std in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="must both be positive"):
            mode_coverage(POINTS, MEANS, std)
    with pytest.raises(ValueError, match="points holds NaN or infinite values"):
        mode_coverage([[0.0, np.nan]], MEANS, STD)
    with pytest.raises(ValueError, match="points has 0 rows"):
        mode_coverage(np.zeros((0, 2)), MEANS, STD)
    with pytest.raises(ValueError, match="choose 'e'"):
        reverse_kl([1, 1], base="2")
    for counts in ([0, 0], [2, -1]):
        with pytest.raises(ValueError, match="at least 0 with one above 0"):
            reverse_kl(counts)
    for shape in ((0,), (2, 2)):
        with pytest.raises(ValueError, match="one number per mode"):
            reverse_kl(np.ones(shape))
    with pytest.raises(ValueError, match="counts holds NaN"):
        reverse_kl([1.0, np.nan])
    for labels in ([], [3], [-1]):
        with pytest.raises(ValueError, match="from 0 to 2"):
            modes_hit(np.array(labels, dtype=int), 3)
