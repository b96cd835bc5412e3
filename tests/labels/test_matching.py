"""Induced means, matching, and a complete re-clustering, against reference vectors and all permutations."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.kmeans import kmeans
from everymode.labels.matching import induced_means, match_clusters

VECTORS = {
    name: array
    for topic in ("matching", "reclustering")
    for name, array in np.load(Path(__file__).parents[1] / f"vectors_unlabelled_{topic}.npz").items()
}


def vector(name: str) -> Tensor:
    return torch.from_numpy(VECTORS[name])


@pytest.mark.parametrize("case", ["match_a", "match_b"])
def test_matching_agrees_with_the_reference(case: str) -> None:
    old, new, k = vector(f"{case}_old"), vector(f"{case}_new"), int(vector(f"{case}_k"))
    new_to_old, cost = match_clusters(old, new, k)
    assert cost == int(vector(f"{case}_cost"))
    assert new_to_old.dtype == torch.long and sorted(new_to_old.tolist()) == list(range(k))
    assert int((new_to_old[new.long()] != old).sum()) == cost
    if vector(f"{case}_unique"):
        assert torch.equal(new_to_old, vector(f"{case}_new_to_old"))


def test_matching_is_the_best_of_all_permutations() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        old, new = torch.randint(0, 4, (2, 30), generator=generator)
        costs = [int((torch.tensor(order)[new] != old).sum()) for order in itertools.permutations(range(4))]
        new_to_old, cost = match_clusters(old, new, 4)
        assert cost == min(costs) == int((new_to_old[new] != old).sum())


def test_a_renumbering_is_undone_at_no_cost() -> None:
    order = torch.tensor([2, 0, 3, 1])
    old = torch.tensor([0, 0, 1, 2, 2, 2, 3])
    new_to_old, cost = match_clusters(old, order[old], 4)
    assert cost == 0 and torch.equal(new_to_old[order[old]], old)
    assert torch.equal(new_to_old[order], torch.arange(4))


def test_ties_and_empty_clusters_still_give_a_permutation() -> None:
    old, new = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])  # any matching overlaps by two
    new_to_old, cost = match_clusters(old, new, 2)
    assert cost == 2 and sorted(new_to_old.tolist()) == [0, 1]
    assert torch.equal(match_clusters(old, new, 2)[0], new_to_old)
    new_to_old, cost = match_clusters(torch.tensor([4, 4, 4]), torch.tensor([1, 1, 3]), 5)
    assert cost == 1 and new_to_old[1] == 4 and sorted(new_to_old.tolist()) == list(range(5))
    new_to_old, cost = match_clusters(torch.zeros(0), torch.zeros(0), 3)
    assert cost == 0 and sorted(new_to_old.tolist()) == [0, 1, 2]


def test_unlabeled_examples_are_ignored_in_a_matching() -> None:
    old, new = torch.tensor([0, 1, -1, -1, 1]), torch.tensor([1, 0, 0, 0, -1])
    new_to_old, cost = match_clusters(old, new, 2)
    assert new_to_old.tolist() == [1, 0] and cost == 0


def test_matchings_of_impossible_arguments_raise() -> None:
    with pytest.raises(ValueError, match=r"same examples, shape \[N\] each, not \[3\] and \[2\]"):
        match_clusters(torch.zeros(3), torch.zeros(2), 2)
    with pytest.raises(ValueError, match=r"numbered 0\.\.1, and one is 2"):
        match_clusters(torch.tensor([0, 1]), torch.tensor([0, 2]), 2)


def test_induced_means_agree_with_the_reference() -> None:
    features = vector("means_feat")
    means, empty = induced_means(features, vector("means_lab"), 5)
    assert torch.allclose(means, vector("means_mu"), rtol=1e-9, atol=0)
    assert not empty.any()
    means, empty = induced_means(features, vector("means_lab_empty"), 5)
    assert empty.tolist() == [False, False, False, True, False]
    assert torch.allclose(means[~empty], vector("means_mu_empty_nan")[~empty], rtol=1e-9, atol=0)
    assert (features == means[3]).all(1).any()  # a data point


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_unlabeled_examples_are_left_out_of_the_means(dtype: torch.dtype) -> None:
    features = torch.tensor([[1.0, 0.0], [3.0, 2.0], [100.0, 100.0], [7.0, 7.0]], dtype=dtype)
    means, empty = induced_means(features, torch.tensor([1, 1, -1, 0]), 2)
    assert means.dtype == dtype
    assert torch.allclose(means, torch.tensor([[7.0, 7.0], [2.0, 1.0]], dtype=dtype)) and not empty.any()


def test_labels_that_do_not_fit_raise() -> None:
    features = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"shape \[N\], one for each row of features \[3, 2\]"):
        induced_means(features, torch.zeros(2, dtype=torch.long), 2)
    with pytest.raises(ValueError, match="below 2, the number of clusters, and one is 2"):
        induced_means(features, torch.tensor([0, 1, 2]), 2)
    with pytest.raises(ValueError, match="there are no points"):
        induced_means(features, torch.tensor([-1, -1, -1]), 2)


def test_a_whole_re_clustering_agrees_with_the_reference() -> None:
    k = 7
    features, old = vector("recl_x") @ vector("recl_A1").T, vector("recl_labels0")
    initial, _ = induced_means(features, old, k)
    assert torch.allclose(initial, vector("recl_init1"), rtol=1e-9, atol=1e-12)
    result = kmeans(features, k, initial=initial, tolerance=0)
    assert torch.allclose(result.centers, vector("recl_kmeans_centers1"), rtol=1e-9, atol=1e-12)
    assert torch.equal(result.labels, vector("recl_kmeans_labels1").long())
    new_to_old, cost = match_clusters(old, result.labels, k)
    assert cost == int(vector("recl_match_cost"))
    assert torch.equal(new_to_old, vector("recl_new_to_old"))
    labels = new_to_old[result.labels]
    assert torch.equal(labels, vector("recl_labels1").long())
    counts = torch.bincount(labels, minlength=k)
    assert torch.equal(counts, vector("recl_counts1"))
    assert torch.allclose(counts / counts.sum(), vector("recl_probs1").float())
