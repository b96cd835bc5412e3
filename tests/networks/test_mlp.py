"""Networks for points: the reference's parameter counts, the maxout by hand, unit embeddings, gradients."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from everymode.networks import PointDiscriminator, PointGenerator, ScalarHead, SelectHead
from everymode.networks.embedding import UnitEmbeddingConcat


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def reached(parameter: nn.Parameter) -> bool:
    """Whether it has a gradient, and no zero one; vectors may, as a bias before batch norm cancels."""
    return parameter.grad is not None and (parameter.dim() < 2 or bool(parameter.grad.any()))


def test_parameter_counts_of_the_reference() -> None:
    assert count(PointGenerator(num_classes=50)) == 500_802
    assert count(PointGenerator()) == 486_402
    assert count(PointDiscriminator(head=partial(SelectHead, num_classes=50))) == 415_050
    assert count(PointDiscriminator(head=ScalarHead)) == 405_201


def test_shapes_features_and_gradients() -> None:
    torch.manual_seed(0)
    generator = PointGenerator(num_classes=3, width=8)
    discriminator = PointDiscriminator(head=partial(SelectHead, num_classes=3), width=6, pieces=3)
    labels = torch.tensor([0, 2, 1, 1])
    points = generator(torch.randn(4, 2), labels)
    verdict = discriminator(points, labels)
    assert points.shape == (4, 2) and verdict.scores[0].shape == (4,)
    assert torch.equal(discriminator.features(points), verdict.features[-1])
    verdict.scores[0].square().sum().backward()
    parameters = [*generator.parameters(), *discriminator.head.parameters()]
    assert all(map(reached, parameters))


def test_maxout_takes_the_largest_of_neighboring_pieces() -> None:
    discriminator = PointDiscriminator(head=ScalarHead, width=2, pieces=2, depth=1)
    with torch.no_grad():
        discriminator.layers[0].weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]))
        discriminator.layers[0].bias.zero_()
    assert discriminator.features(torch.tensor([[-3.0, 0.5]])).tolist() == [[3.0, 1.0]]


def test_unit_embedding_by_hand_and_its_gradient() -> None:
    concat = UnitEmbeddingConcat(2, 2).double()
    with torch.no_grad():
        concat.table.weight.copy_(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    z = torch.tensor([[5.0]], dtype=torch.float64)
    out = concat(z, torch.tensor([1]))
    assert out.tolist() == [[5.0, 0.6, 0.8]]
    out[0, 1].backward()
    # d(e1 / |e|) = (e2^2, -e1 e2) / |e|^3 = (16, -12) / 125: the gradient flows through the norm.
    torch.testing.assert_close(
        concat.table.weight.grad[1], torch.tensor([0.128, -0.096], dtype=torch.float64)
    )


def test_mistakes_are_refused() -> None:
    generator = PointGenerator(num_classes=3, width=4)
    with pytest.raises(ValueError, match="points have no size"):
        generator(torch.randn(2, 2), torch.tensor([0, 1]), size=(2, 2))
    with pytest.raises(ValueError, match=r"takes \[B, 2\]"):
        generator(torch.randn(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="pass int64 labels"):
        generator(torch.randn(2, 2))
