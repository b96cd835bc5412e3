"""Constraints in place: clipping, and Algorithm 1 with its interval, its subset and its state."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from everymode.norms import (
    InPlaceSparsityAware,
    WeightClipping,
    compensation,
    filter_sigmas,
    normalize_weights,
    sparsity_aware_norm,
)
from everymode.norms.subsets import random_subset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList(
            [nn.Conv2d(2, 5, 3, padding=1), nn.ConvTranspose2d(5, 4, 4, stride=2, padding=1)]
        )
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.body:
            x = torch.relu(layer(x))
        return self.linear(x.mean((2, 3)))


def network() -> Net:
    torch.manual_seed(0)
    return Net().double()


X = torch.zeros(1, 2, 6, 8, dtype=torch.float64)


def test_clipping() -> None:
    net = network()
    before = copy.deepcopy(net.state_dict())
    WeightClipping(0.1)(net)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name].clamp(-0.1, 0.1), rtol=0, atol=0)
    assert WeightClipping().bound == 0.01
    with pytest.raises(ValueError, match="bound is 0"):
        WeightClipping(0)


def test_algorithm_1_divides_the_weights_themselves_and_no_biases() -> None:
    net = network()
    before = copy.deepcopy(net)
    constraint = InPlaceSparsityAware(net, X, gain=lambda layer: 2.0 if layer.weight.dim() == 4 else 1.0)
    assert all(torch.equal(value, before.state_dict()[name]) for name, value in net.state_dict().items())
    constraint(net)
    for index, grid in ((0, (6, 8)), (1, (12, 16))):
        raw = before.body[index].weight
        torch.testing.assert_close(net.body[index].weight, raw / (2 * filter_sigmas(raw, grid).amax()))
        assert torch.equal(net.body[index].bias, before.body[index].bias)
    for _ in range(100):
        constraint(net)
    assert torch.linalg.matrix_norm(net.linear.weight, 2).item() == pytest.approx(1, rel=1e-6)
    assert filter_sigmas(net.body[0].weight, (6, 8)).amax().item() == pytest.approx(0.5)


def test_it_acts_on_the_first_call_and_on_every_nth_from_there() -> None:
    net = network()
    constraint = InPlaceSparsityAware(net, X, interval=3)
    acted = []
    for _ in range(7):
        with torch.no_grad():
            net.body[0].weight.mul_(1.5)
        before = net.body[0].weight.detach().clone()
        constraint(net)
        acted.append(not torch.equal(before, net.body[0].weight))
    assert acted == [True, False, False, True, False, False, True]
    assert int(constraint.calls) == 7


def test_a_random_subset_is_a_function_of_state_so_resuming_is_exact() -> None:
    net = network()
    constraint = InPlaceSparsityAware(net, X, fraction=0.5, interval=2)
    raw = net.body[0].weight.detach().clone()
    rows = random_subset(int(constraint.seed), 10, 0.5)
    sigma = filter_sigmas(raw, (6, 8)).flatten()[rows].amax() * compensation(10, 0.5)
    for _ in range(3):
        constraint(net)
        if int(constraint.calls) == 1:
            torch.testing.assert_close(net.body[0].weight.detach(), raw / sigma)
    twin = copy.deepcopy(net)
    torch.manual_seed(9)
    resumed = InPlaceSparsityAware(twin, X, fraction=0.5, interval=2)
    resumed.load_state_dict(load(save(constraint.state_dict())))
    for each, own in ((net, constraint), (twin, resumed)):
        for _ in range(4):
            with torch.no_grad():
                for parameter in each.parameters():
                    parameter.add_(0.1)
            own(each)
    assert all(torch.equal(value, twin.state_dict()[name]) for name, value in net.state_dict().items())


def test_include_and_misuse() -> None:
    net = network()
    constraint = InPlaceSparsityAware(net, X, include=lambda name, layer: name == "body.0")
    before = copy.deepcopy(net.state_dict())
    constraint(net)
    changed = [name for name, value in net.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["body.0.weight"]
    with pytest.raises(ValueError, match="interval is 0"):
        InPlaceSparsityAware(net, X, interval=0)
    with pytest.raises(ValueError, match="fraction of filters is 2"):
        InPlaceSparsityAware(net, X, fraction=2)
    with pytest.raises(ValueError, match=r"'body.0' is under a weight rule already"):
        InPlaceSparsityAware(normalize_weights(net, sparsity_aware_norm(), X), X)
