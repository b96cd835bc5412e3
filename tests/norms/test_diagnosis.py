"""The diagnosis of a network: its numbers, its table, its plot, and its advice."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d
from everymode.norms import (
    diagnose,
    normalize_weights,
    operator_norm,
    released_sigma,
    sparsity_aware_norm,
    sparsity_aware_sigma,
)


class Critic(nn.Module):
    """A critic in which the bias of the first convolution determines the active channels of the second one's input."""

    def __init__(self, alive: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 6, 4, stride=2, padding=1)
        self.linear = nn.Linear(6, 1)
        self.unused = nn.Linear(3, 1)
        with torch.no_grad():
            self.first.bias.copy_(torch.where(torch.arange(8) < alive, 5.0, -50.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.second(torch.relu(self.first(x))).mean((2, 3)))


def critic(alive: int) -> tuple[Critic, Tensor]:
    torch.manual_seed(0)
    return Critic(alive), torch.randn(5, 2, 6, 8)


def test_a_layer_that_activates_its_input_is_judged_by_what_its_convolution_sees() -> None:
    torch.manual_seed(0)
    fused = nn.Sequential(
        CircularConv2d(2, 4, 3, padding=1), CircularConv2d(4, 3, 3, padding=1, negative_slope=0.0)
    )
    apart = nn.Sequential(fused[0], nn.ReLU(), CircularConv2d(4, 3, 3, padding=1))
    apart[2].load_state_dict(fused[1].state_dict())
    x = torch.randn(5, 2, 6, 8)
    ours, theirs = (diagnose(each, x).layers[1] for each in (fused, apart))
    torch.testing.assert_close(ours.channel_norms, theirs.channel_norms)
    assert ours.sparsity_aware == theirs.sparsity_aware and ours.grid == theirs.grid


def test_numbers_are_those_of_each_definition() -> None:
    network, x = critic(2)
    found = {layer.name: layer for layer in diagnose(network, x).layers}
    assert list(found) == ["first", "second", "linear"]
    second = found["second"]
    assert second.grid == (6, 8) and second.shape == (6, 8, 4, 4)
    weight = network.second.weight.detach()
    assert second.sparsity_aware == pytest.approx(sparsity_aware_sigma(weight, (6, 8)).item())
    assert second.released == pytest.approx(released_sigma(weight, (6, 8)).item())
    assert second.operator == pytest.approx(operator_norm(weight, (6, 8)).item())
    assert second.reshaped == pytest.approx(torch.linalg.matrix_norm(weight.flatten(1), 2).item(), rel=1e-5)
    above = weight.abs().sum((2, 3)) > second.sparsity_aware
    assert second.bound_left == pytest.approx(above.double().mean().item()) and 0 < second.bound_left < 1
    norms = torch.relu(network.first(x)).flatten(2).norm(dim=2)
    torch.testing.assert_close(second.channel_norms, norms / norms.amax(1, keepdim=True))
    # Two of eight channels are alive, with nearly equal norms.
    assert second.dead == second.quiet == 0.75
    assert second.active == pytest.approx(0.25, rel=0.1)
    linear = found["linear"]
    assert linear.sparsity_aware == pytest.approx(network.linear.weight.abs().max().item())
    assert linear.operator == pytest.approx(network.linear.weight.norm().item(), rel=1e-5)
    assert linear.released is None and linear.bound_left is None


def test_it_takes_weights_as_they_are_used_and_changes_nothing() -> None:
    network, x = critic(2)
    normalize_weights(network, sparsity_aware_norm(gain=2.0), x, include=lambda name, layer: name != "unused")
    network.first.eval()
    before = copy.deepcopy(network.state_dict())
    found = diagnose(network, x, exact=False).layers[1]
    assert found.sparsity_aware == pytest.approx(0.5)
    assert found.operator is None
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training and not network.first.training
    assert not any(
        hook.__name__ == "record" for m in network.modules() for hook in m._forward_pre_hooks.values()
    )


def test_table_plot_and_advice(tmp_path: Path) -> None:
    network, x = critic(2)
    found = diagnose(network, x)
    lines = found.table().splitlines()
    assert len(lines) == 5 and len({line.count("|") for line in lines}) == 1
    assert "| second | 6x8x4x4 | 6x8 |" in lines[3] and "| 75% |" in lines[3]
    assert "1 of 1 inner convolutions see channel-sparse features: sparsity-aware" in found.advice()
    assert str(found).endswith(found.advice())
    picture = Image.open(found.plot(tmp_path / "new" / "sparsity.png"))
    assert picture.width > 300
    dense = diagnose(*critic(8))
    assert dense.layers[1].active > 0.9
    assert "0 of 1" in dense.advice() and '"second" do not. Expect little' in dense.advice()
    assert "has no effect here" in diagnose(nn.Linear(2, 1), torch.randn(3, 2)).advice()


def test_layers_too_narrow_for_it_are_named() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 3, padding=1))
    nn.init.ones_(network[1].weight)  # one channel to another: gain 9; the reshaped kernel: length sqrt(18)
    x = torch.randn(2, 1, 8, 8)
    assert (
        '"1": too few channels, so that sparsity-aware normalization divides by more than spectral_norm'
        in diagnose(network, x).advice()
    )
    wide = nn.Sequential(nn.Conv2d(1, 40, 3, padding=1), nn.Conv2d(40, 40, 3, padding=1))
    nn.init.ones_(wide[1].weight)
    assert "too few" not in diagnose(wide, x).advice()


def test_layers_may_be_chosen_and_transposed_ones_count_on_their_output() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1))
    found = diagnose(network, torch.randn(2, 1, 4, 4), include=lambda name, layer: name == "1")
    assert [layer.grid for layer in found.layers] == [(8, 8)]
