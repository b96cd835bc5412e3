"""Nearest neighbors and the memorization gap on points with known results."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.metrics import inputs
from everymode.metrics.memorization import memorization_gap, nearest_rows


def test_neighbors_are_those_of_all_distances(monkeypatch):
    reference = np.random.default_rng(0).normal(5, 1, (120, 6)).astype(np.float32)
    samples = np.random.default_rng(1).normal(5, 1, (40, 6)).astype(np.float32)
    distances = np.linalg.norm(samples[:, None].astype(float) - reference, axis=2)
    for tile in (1 << 22, 300):
        monkeypatch.setattr(inputs, "TILE_NUMBERS", tile)
        result = nearest_rows(reference, samples, k=3)
        np.testing.assert_array_equal(result.row, np.argsort(distances, axis=1)[:, :3])
        np.testing.assert_allclose(result.distance, np.sort(distances, axis=1)[:, :3], rtol=1e-12)


def test_a_copy_lies_at_distance_zero_exactly():
    reference = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) * 1e3 + 1e4
    result = nearest_rows(reference, reference[[7, 3]])
    assert result.row[:, 0].tolist() == [7, 3]
    assert result.distance[:, 0].tolist() == [0.0, 0.0]


def test_repeating_training_images_shows_and_fresh_samples_do_not():
    rows = torch.randn(900, 4, generator=torch.Generator().manual_seed(0))
    training, held_out, fresh = rows.split(300)
    copied = memorization_gap(training, held_out, training[:100])
    assert copied.training == 0
    assert copied.gap == 1
    assert copied.nearer == 1
    honest = memorization_gap(training, held_out, fresh)
    assert abs(honest.gap) < 0.1
    assert 0.4 < honest.nearer < 0.6
    assert honest.count == 300


def test_unequal_sides_raise():
    with pytest.raises(ValueError, match="the same number of both"):
        memorization_gap(torch.randn(5, 2), torch.randn(6, 2), torch.randn(4, 2))
    with pytest.raises(ValueError, match="from 1"):
        nearest_rows(torch.randn(5, 2), torch.randn(4, 2), k=6)
