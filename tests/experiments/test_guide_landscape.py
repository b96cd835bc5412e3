"""The guide's landscape: false valleys where they are planted, gradients, the least gradient of a linear read-out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.labels.partition import guide_distance
from everymode.partitioner import linear_partitioner, plane_partitioner
from everymode.recipes.partition_guided import GRID
from experiments import guide_valleys
from experiments.guide_landscape import PARTS, Landscape, guided, table, worst_mode
from experiments.guide_valleys import (
    descend,
    false_valleys,
    gradient_norms,
    jacobians,
    least_gradient_in_features,
    mesh,
)


class Bowls(nn.Module):
    """Two logits whose difference is a potential with a valley at (3, 0), floor 1, and the part behind (-3, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        far = ((x - torch.tensor([3.0, 0.0])).square().sum(1) + 1).sqrt()
        near = (x - torch.tensor([-3.0, 0.0])).square().sum(1).sqrt() - 0.5
        return torch.stack((torch.zeros(len(x), dtype=x.dtype), torch.minimum(far, near)), 1)


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guide_valleys, "MESH", 61)


def random_linear(parts: int = 4) -> nn.Module:
    torch.manual_seed(3)
    return linear_partitioner(parts).double().eval().requires_grad_(False)


def test_a_planted_valley_is_found_and_no_other() -> None:
    network, nodes = Bowls(), mesh()
    valleys = false_valleys(network, 0, nodes, network(nodes))
    assert len(valleys) == 1
    torch.testing.assert_close(valleys[0], torch.tensor([3.0, 0.0], dtype=torch.float64), atol=0.02, rtol=0)
    ends = descend(network, 0, torch.tensor([[2.5, 0.5], [-3.0, 2.0]], dtype=torch.float64))
    assert len(ends) == 1  # the other one walked into the part


@pytest.mark.parametrize("kind", [linear_partitioner, plane_partitioner])
def test_convex_and_bent_guides_have_no_false_valley(kind) -> None:
    torch.manual_seed(0)
    network = kind(3).double().eval().requires_grad_(False)
    nodes = mesh()
    logits = network(nodes)
    for part in range(3):
        if (logits.argmax(1) == part).any():
            assert len(false_valleys(network, part, nodes, logits)) == 0


def test_gradients_are_autograds() -> None:
    network = random_linear()
    nodes = mesh()[::37].requires_grad_()
    logits = network(nodes)
    norms = gradient_norms(logits, jacobians(network, nodes.detach()), 1)
    (gradient,) = torch.autograd.grad(
        guide_distance(logits, torch.ones(len(nodes), dtype=torch.long)).sum(), nodes
    )
    positive = guide_distance(logits, torch.ones(len(nodes), dtype=torch.long)) > 0
    torch.testing.assert_close(norms, gradient.norm(dim=1)[positive])


def test_least_gradient_by_hand_and_by_sampling() -> None:
    network = random_linear()
    read_out = network.read_out
    far = torch.randn(200_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 20
    for part in range(4):
        sampled = gradient_norms(network(far), jacobians(network, far), part).min()
        assert least_gradient_in_features(read_out, part) == pytest.approx(float(sampled), rel=1e-6)
    square = nn.Linear(2, 3)
    with torch.no_grad():
        square.weight.copy_(torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]))
        square.bias.copy_(torch.tensor([0.0, -1.0, -1.0]))
    assert least_gradient_in_features(square, 0) == pytest.approx(2.0)  # of 2, 3 and the root of 13


def test_the_gans_recipe_takes_each_network() -> None:
    for kind, parameters in (("linear", 75), ("plain", 775)):
        with torch.device("meta"):
            labels = guided(GRID, network=kind).build().labels
        assert sum(parameter.numel() for parameter in labels.parameters()) == parameters


def test_table_by_hand() -> None:
    rows = [Landscape(1.0, 0, 0, 0.5, 0.25), Landscape(0.5, 3, 2, 0.1, 0.2)]
    lines = table({"constrained": rows, "plain": [rows[1]._replace(certified=0.0)]}).splitlines()
    assert lines[2] == "| constrained | 75.00% | 3 | 2 of 50 | 0.1 | 0.2 |"
    assert lines[3] == "| plain | 50.00% | 3 | 2 of 25 | 0.1 | - |"


def test_the_part_with_most_valleys_is_shown() -> None:
    network = random_linear()
    points = torch.tensor([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0], [5.0, 0.5]])
    parts = network(points.double()).argmax(1)
    part = int(parts[0])
    valleys = tuple(3 if one == part else 1 for one in range(PARTS))
    mode = worst_mode(network, Landscape(1.0, 0, 0, 0.0, 0.0, valleys), points)
    torch.testing.assert_close(mode, points[parts == part].double().mean(0, keepdim=True))
