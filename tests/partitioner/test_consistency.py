"""Partition loss: reference values, its terms, extreme logits."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.partitioner.consistency import partition_loss, partition_terms

VECTORS = np.load(Path(__file__).parents[1] / "vectors_unlabelled_partitioner.npz")
WEIGHTS = {"sample_entropy_weight": 0.0, "mean_entropy_weight": 5.0}


@pytest.fixture
def logits():
    return [
        torch.from_numpy(VECTORS[f"scan_{side}_logits"]).requires_grad_(True)
        for side in ("anchor", "neighbor")
    ]


def test_reference_values_and_gradients(logits):
    terms = partition_terms(*logits)
    for name in ("consistency", "sample_entropy", "mean_entropy"):
        np.testing.assert_allclose(getattr(terms, name).item(), VECTORS[f"scan_{name}"], rtol=1e-9)
    loss = partition_loss(*logits, **WEIGHTS)
    np.testing.assert_allclose(loss.item(), VECTORS["scan_total_w5"], rtol=1e-9)
    for gradient, side in zip(torch.autograd.grad(loss, logits), ("anchor", "neighbor"), strict=True):
        np.testing.assert_allclose(gradient, VECTORS[f"scan_grad_{side}_w5"], rtol=1e-9, atol=1e-12)


def test_both_weights_have_their_sign(logits):
    terms = partition_terms(*logits)
    loss = partition_loss(*logits, sample_entropy_weight=0.3, mean_entropy_weight=2.0)
    expected = terms.consistency + 0.3 * terms.sample_entropy - 2 * terms.mean_entropy
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_a_perfect_partition_into_two_equal_parts():
    sure = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]], dtype=torch.float64, requires_grad=True)
    terms = partition_terms(sure, sure)
    assert terms.consistency.item() == 0
    assert terms.sample_entropy.item() == pytest.approx(0, abs=1e-12)
    assert terms.mean_entropy.item() == pytest.approx(math.log(2), rel=1e-12)
    (gradient,) = torch.autograd.grad(terms.total(sample_entropy_weight=1, mean_entropy_weight=1), sure)
    assert bool(gradient.isfinite().all())


def test_contradicting_neighbors_and_an_unused_part_stay_finite():
    sure = torch.tensor([[1000.0, 0.0, -1000.0]] * 3, requires_grad=True)
    other = sure.detach().flip(1).requires_grad_(True)
    terms = partition_terms(sure, other)
    # each of the three products is exp(-2000)
    assert terms.consistency.item() == pytest.approx(2000 - math.log(3), rel=1e-5)
    loss = terms.total(sample_entropy_weight=1e-3, mean_entropy_weight=5)
    gradients = torch.autograd.grad(loss, [sure, other])
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("second", [[0.5, -torch.inf], [0.5, 0.0]])
def test_a_logit_of_minus_infinity_is_a_part_of_no_probability(second):
    anchors = torch.tensor([[1.0, -torch.inf], second], dtype=torch.float64, requires_grad=True)
    loss = partition_loss(anchors, torch.zeros(2, 2), sample_entropy_weight=1, mean_entropy_weight=1)
    # Equal to a logit so low that its probability is 0 in this precision.
    low = anchors.detach().clamp_min(-1e4).requires_grad_(True)
    same = partition_loss(low, torch.zeros(2, 2), sample_entropy_weight=1, mean_entropy_weight=1)
    assert loss.item() == pytest.approx(same.item())
    loss.backward()
    same.backward()
    torch.testing.assert_close(anchors.grad, low.grad)


def test_gradients():
    logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    weights = {"sample_entropy_weight": 0.2, "mean_entropy_weight": 3.0}
    assert torch.autograd.gradcheck(lambda both: partition_loss(both[0], both[1], **weights), logits)


def test_errors():
    with pytest.raises(ValueError, match=r"\[3, 4\] and \[2, 4\]"):
        partition_terms(torch.randn(3, 4), torch.randn(2, 4))
    with pytest.raises(ValueError, match="at least two parts"):
        partition_terms(torch.randn(3, 1), torch.randn(3, 1))
