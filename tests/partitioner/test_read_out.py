"""Initial read-out: the best of several, in the original scale of the features; and that of k-means."""

from __future__ import annotations

from dataclasses import replace

import torch

from everymode.partitioner.consistency import partition_loss
from everymode.partitioner.neighbors import nearest_neighbors
from everymode.partitioner.read_out import best_read_out, kmeans_read_out
from everymode.partitioner.settings import DIGITS

SETTINGS = replace(DIGITS, k=3, starts=6, start_steps=150)


def blobs() -> tuple[torch.Tensor, torch.Tensor]:
    """Return three groups of 40 features, far from the origin and in different units."""
    torch.manual_seed(0)
    means = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    groups = torch.arange(3).repeat_interleave(40)
    return (means[groups] + torch.randn(120, 2)) * torch.tensor([1.0, 1000.0]) + 50, groups


def test_it_finds_groups_and_reports_how_well_each_start_did():
    features, groups = blobs()
    scaled = features / torch.tensor([1.0, 1000.0])
    neighbors = nearest_neighbors(scaled - scaled.mean(0), 5)
    (weight, bias), losses = best_read_out(features[None], neighbors, SETTINGS, seed=0)
    parts = (features @ weight.T + bias).argmax(1)
    table = torch.zeros(3, 3).index_put_((groups, parts), torch.ones(120), accumulate=True)
    assert table.amax(1).sum() >= 115
    assert losses.shape == (6,)
    # The loss of the selected read-out, computed by `partition_loss` from all images and each of their neighbors.
    logits = features @ weight.T + bias
    every = partition_loss(
        logits.repeat(5, 1),
        logits[neighbors.T.flatten()],
        sample_entropy_weight=SETTINGS.sample_entropy_weight,
        mean_entropy_weight=SETTINGS.mean_entropy_weight,
    )
    torch.testing.assert_close(every, losses.min(), rtol=1e-3, atol=1e-4)


def test_several_views_and_the_seed():
    features, _ = blobs()
    neighbors = nearest_neighbors(features - features.mean(0), 5)
    views = torch.stack((features, features + 0.1))
    first, second, other = (
        best_read_out(views, neighbors, replace(SETTINGS, start_steps=3), seed=seed)[1] for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_largest_logit_is_the_nearest_center():
    centers, features = torch.randn(4, 3), torch.randn(50, 3)
    weight, bias = kmeans_read_out(centers)
    assert torch.equal((features @ weight.T + bias).argmax(1), torch.cdist(features, centers).argmin(1))
