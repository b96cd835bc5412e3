"""Heads: the formulas by hand, all classes against one at a time, and which outputs get a gradient."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from everymode.networks.heads import (
    ClassifierHead,
    ProjectionClassifierHead,
    ProjectionHead,
    ScalarHead,
    SelectHead,
    SharedProjectionHead,
    judge,
)


def test_projection_by_hand() -> None:
    head = ProjectionHead(2, 3)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, -1.0]]))
        head.linear.bias.copy_(torch.tensor([0.5]))
        head.embedding.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 2.0], [-1.0, 0.0]]))
    features = torch.tensor([[3.0, 1.0], [3.0, 1.0]])
    # 3 - 1 + 0.5 = 2.5, plus <(1, 2), (3, 1)> = 5 or <(-1, 0), (3, 1)> = -3
    assert head(features, torch.tensor([1, 2])).tolist() == [[7.5], [-0.5]]
    assert head.class_scores(features[:1]).tolist() == [[2.5, 7.5, -0.5]]


@pytest.mark.parametrize(
    "make",
    [ProjectionHead, partial(ProjectionHead, class_bias=True), SelectHead],
    ids=["plain", "bias", "select"],
)
def test_class_scores_are_the_scores_under_each_class(make: partial[nn.Module]) -> None:
    torch.manual_seed(0)
    head = make(4, 3)
    if isinstance(head, ProjectionHead) and head.class_bias is not None:
        nn.init.normal_(head.class_bias)
    features = torch.randn(5, 4)
    each = torch.stack([head(features, torch.full((5,), k)).flatten() for k in range(3)], dim=1)
    torch.testing.assert_close(head.class_scores(features), each)


def test_shapes() -> None:
    features, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    assert ScalarHead(4)(features, None).shape == (5, 1)
    assert ProjectionHead(4, 3)(features, labels).shape == (5, 1)
    assert ClassifierHead(4, 3 + 2)(features, labels).shape == (5, 5)
    assert SelectHead(4, 3)(features, labels).shape == (5,)


def test_select_gives_no_gradient_to_the_other_outputs() -> None:
    head = SelectHead(2, 3)
    head(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([2, 2])).sum().backward()
    assert head.linear.weight.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [4.0, 6.0]]
    assert head.linear.bias.grad.tolist() == [0.0, 0.0, 2.0]


def test_class_head_fills_the_verdicts_classes() -> None:
    features = torch.randn(2, 4)
    verdict = judge(features, None, ScalarHead(4), ClassifierHead(4, 3))
    assert verdict.classes.shape == (2, 3) and verdict.features[-1] is features
    assert judge(features, None, ScalarHead(4)).classes is None


@pytest.mark.parametrize("head", [ProjectionHead(2, 3), SelectHead(2, 3)])
def test_a_missing_label_is_refused(head: nn.Module) -> None:
    with pytest.raises(ValueError, match="was given None as condition; pass int64 labels"):
        head(torch.zeros(1, 2), None)
    with pytest.raises(ValueError, match=r"torch\.float32 tensor"):
        head(torch.zeros(1, 2), torch.zeros(1))


def test_a_row_without_a_label_is_judged_at_its_likeliest_class() -> None:
    torch.manual_seed(1)
    head = ProjectionClassifierHead(4, 3)
    features = torch.randn(6, 4, requires_grad=True)
    likeliest = head.classes(features).argmax(1)
    assert len(likeliest.unique()) > 1
    unlabeled = head(features, torch.full((6,), -1))
    torch.testing.assert_close(unlabeled.scores[0], head(features, likeliest).scores[0])
    torch.testing.assert_close(unlabeled.classes, head.classes(features))
    unlabeled.scores[0].sum().backward()
    assert head.classes.weight.grad is None  # the choice of a class carries no gradient
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    plain = ProjectionHead(4, 3)
    plain.linear, plain.embedding = head.linear, head.embedding
    torch.testing.assert_close(head(features, labels).scores[0], plain(features, labels))


def test_shared_class_scores_are_the_projection_without_its_common_part() -> None:
    torch.manual_seed(2)
    shared, plain = SharedProjectionHead(4, 3), ProjectionHead(4, 3)
    plain.linear, plain.embedding = shared.linear, shared.embedding
    features, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 2, 0])
    verdict = judge(features, labels, shared)
    torch.testing.assert_close(verdict.scores[0], plain(features, labels))
    torch.testing.assert_close(verdict.classes + plain.linear(features), plain.class_scores(features))
    assert verdict.features[-1] is features


def test_projection_of_the_reference() -> None:
    with np.load(Path(__file__).parents[1] / "vectors_conditional.npz") as arrays:
        given = {
            name.removeprefix("conditional.proj."): torch.from_numpy(arrays[name])
            for name in arrays.files
            if ".proj." in name
        }
    head = ProjectionHead(16, 5).double()
    with torch.no_grad():
        head.linear.weight.copy_(given["plain.linear_w"])
        head.linear.bias.copy_(given["plain.linear_b"])
        head.embedding.weight.copy_(given["plain.embed"])
    pooled = given["feat"].double().relu().sum((2, 3))
    torch.testing.assert_close(pooled, given["pooled"].double(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(
        head(pooled, given["y"].long()), given["plain.out"].double(), rtol=1e-9, atol=1e-12
    )
    torch.testing.assert_close(
        head.class_scores(pooled), given["plain.class_scores"].double(), rtol=1e-9, atol=1e-12
    )
