"""Agreement of clusters with classes, against scikit-learn and tables computed by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from everymode.metrics import adjusted_rand, matched_accuracy, nmi, purity

# Contingency table: cluster 0 -> 3 a, 1 b; cluster 1 -> 2 b; cluster 2 -> 2 a, 2 b.
CLUSTERS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
CLASSES = np.array([0, 0, 0, 1, 1, 1, 0, 0, 1, 1])

PAIRS = st.integers(1, 60).flatmap(
    lambda count: st.tuples(
        *(st.lists(st.integers(0, 4), min_size=count, max_size=count).map(np.array) for _ in range(2))
    )
)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_scikit_learn_agrees(pair: tuple[np.ndarray, np.ndarray]) -> None:
    clusters, classes = pair
    assert nmi(clusters, classes) == pytest.approx(
        sklearn_metrics.normalized_mutual_info_score(classes, clusters), abs=1e-12
    )
    assert adjusted_rand(clusters, classes) == pytest.approx(
        sklearn_metrics.adjusted_rand_score(classes, clusters), abs=1e-12
    )


@settings(max_examples=30, deadline=None)
@given(PAIRS)
def test_the_matching_is_the_best_of_all(pair: tuple[np.ndarray, np.ndarray]) -> None:
    clusters, classes = pair
    best = max(
        np.mean(np.array(mapping)[clusters] == classes) for mapping in itertools.permutations(range(5))
    )
    assert matched_accuracy(clusters, classes) == pytest.approx(best)


def test_by_hand() -> None:
    assert purity(CLUSTERS, CLASSES) == (3 + 2 + 2) / 10
    assert purity(CLUSTERS, CLASSES, inverse=True) == (3 + 2) / 10
    assert purity(CLASSES, CLUSTERS) == purity(CLUSTERS, CLASSES, inverse=True)
    assert matched_accuracy(CLUSTERS, CLASSES) == (3 + 2) / 10
    # Clusters [0, 0, 1, 1] against classes [0, 1, 1, 1]: I = H(clusters) - H(clusters | classes).
    information = np.log(2) - 0.75 * -(1 / 3 * np.log(1 / 3) + 2 / 3 * np.log(2 / 3))
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    expected = 2 * information / (np.log(2) + entropy)
    np.testing.assert_allclose(nmi([0, 0, 1, 1], [0, 1, 1, 1]), expected, rtol=1e-13)


def test_purity_of_random_labels_shows_which_formula_a_table_used() -> None:
    # 100 classes of 500, 100 random clusters: the inverse formula differs only if sizes do, as in skewed clusters.
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(100), 500)
    clusters = np.minimum(random.geometric(0.05, len(classes)), 100) - 1
    assert purity(clusters, classes) < 0.03
    assert purity(clusters, classes, inverse=True) > 0.05


def test_numbers_of_the_groups_do_not_matter() -> None:
    for metric in (nmi, purity, adjusted_rand, matched_accuracy):
        other = metric(torch.from_numpy(CLUSTERS * 1000 + 7), torch.from_numpy(1 - CLASSES).to(torch.uint8))
        assert other == pytest.approx(metric(CLUSTERS, CLASSES), abs=1e-14)
        assert metric(CLASSES + 3, CLASSES) == 1.0


def test_groups_of_one_kind() -> None:
    one, many = np.zeros(6, int), np.arange(6)
    for metric in (nmi, purity, adjusted_rand, matched_accuracy):
        assert metric(one, one) == 1.0
        assert metric(many, many) == 1.0
    assert nmi(one, [0, 0, 0, 1, 1, 1]) == 0.0
    assert adjusted_rand(one, many) == 0.0
    assert purity(many, one) == 1.0
    assert matched_accuracy(many, one) == 1 / 6


def test_many_samples_do_not_overflow() -> None:
    random = np.random.default_rng(0)
    clusters, classes = random.integers(0, 3, 400_000), random.integers(0, 2, 400_000)
    assert adjusted_rand(classes, classes) == 1.0
    assert abs(adjusted_rand(clusters, classes)) < 1e-4
    assert nmi(clusters, classes) < 1e-4


@pytest.mark.parametrize("metric", [nmi, purity, adjusted_rand, matched_accuracy])
def test_mistakes_raise(metric) -> None:
    with pytest.raises(ValueError, match="classes has 2 labels for 3 rows"):
        metric([0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match="empty"):
        metric(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(ValueError, match="classes holds -1: remove unlabeled rows"):
        metric([0, 1], [0, -1])
    with pytest.raises(ValueError, match="one integer per row"):
        metric([0.5, 1.0], [0, 1])
