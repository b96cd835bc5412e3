"""Inception score: stored values, the textbook formula, bounds, sorted rows, the remainder of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.special
import torch

from everymode.metrics import inception_score, inception_score_from_logits

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")
LOGITS = VECTORS["metrics.logits"]
PROBABILITIES = scipy.special.softmax(LOGITS.astype(float), axis=1)


@pytest.mark.parametrize("splits", [1, 10])
@pytest.mark.parametrize(("shuffle", "name"), [(False, "noshuf"), (True, "shuf")])
def test_stored_values_of_class_sorted_logits(splits: int, shuffle: bool, name: str) -> None:
    expected = VECTORS[f"metrics.is_splits{splits}_{name}"]
    result = inception_score(PROBABILITIES, splits=splits, shuffle=shuffle)
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-13)
    result = inception_score_from_logits(torch.from_numpy(LOGITS), splits=splits, shuffle=shuffle)
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-13)


def test_the_default_is_ten_shuffled_splits() -> None:
    np.testing.assert_allclose(
        inception_score(PROBABILITIES), VECTORS["metrics.is_splits10_shuf"], rtol=1e-11
    )
    assert inception_score(PROBABILITIES) != inception_score(PROBABILITIES, seed=1)


def test_the_textbook_formula_with_a_remainder() -> None:
    rows = PROBABILITIES[::100]
    assert len(rows) == 11
    scores = []
    for part in (rows[0:3], rows[3:7], rows[7:11]):  # 11 rows in 3 splits: 0, 11 // 3, 22 // 3, 11
        divergence = scipy.special.rel_entr(part, part.mean(0)).sum(1)
        scores.append(np.exp(divergence.mean()))
    result = inception_score(rows, splits=3, shuffle=False)
    np.testing.assert_allclose(result, (np.mean(scores), np.std(scores)), rtol=1e-12)


def test_the_bounds() -> None:
    np.testing.assert_allclose(inception_score(np.tile(np.eye(5), (20, 1)), splits=1), (5, 0), rtol=1e-12)
    same = np.tile([0.2, 0.3, 0.5], (30, 1))
    np.testing.assert_allclose(inception_score(same, splits=3), (1, 0), atol=1e-12)
    assert inception_score(same, splits=3)[0] >= 1
    # A class that never occurs, and one row a split.
    np.testing.assert_allclose(inception_score([[1.0, 0.0], [1.0, 0.0]], splits=2), (1, 0), atol=0)


def test_extreme_logits_stay_finite() -> None:
    logits = np.array([[1e6, -1e6, 0], [-1e30, 1e30, 0]])
    np.testing.assert_allclose(inception_score_from_logits(logits, splits=1), (2, 0), rtol=1e-12)


def test_half_precision_probabilities_are_taken() -> None:
    half = torch.from_numpy(PROBABILITIES).half()
    np.testing.assert_allclose(
        inception_score(half, splits=1)[0], VECTORS["metrics.is_splits1_shuf"][0], rtol=2e-3
    )


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="call inception_score_from_logits"):
        inception_score(LOGITS)
    with pytest.raises(ValueError, match="at least 0"):
        inception_score([[1.2, -0.2]])
    with pytest.raises(ValueError, match="add up to 1"):
        inception_score([[0.5, 0.5], [0.5, 0.6]])
    for splits in (0, 4):
        with pytest.raises(ValueError, match=f"splits is {splits} for 3 rows"):
            inception_score(PROBABILITIES[:3], splits=splits)
    with pytest.raises(ValueError, match="NaN"):
        inception_score_from_logits([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="0 rows"):
        inception_score(np.zeros((0, 4)))
