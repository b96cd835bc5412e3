"""Weight rules: which layers they reach, the grids they see, and that the dry forward leaves no trace."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.networks.resampling import DownsampleConv2d, UpsampleConv2d
from everymode.norms import (
    BatchNorm,
    normalize_weights,
    remove_normalization,
    spectral_norm,
    without_embeddings,
)


class Halved(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = UpsampleConv2d(2, 4)
        self.norm = BatchNorm(4)
        self.plain = nn.Conv2d(4, 4, 3, padding=1)
        self.down = DownsampleConv2d(4, 4)
        self.transposed = nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        x = self.down(self.plain(self.norm(self.up(x))))
        return self.linear(self.transposed(x).mean((2, 3)) + self.table(labels))


def example() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 2, 3, 5), torch.tensor([4, 0])


def test_each_layer_is_offered_with_the_grid_it_acts_on() -> None:
    network = Small()
    grids = {}

    def rule(layer: nn.Module, grid: tuple[int, int]) -> None:
        grids[next(name for name, module in network.named_modules() if module is layer)] = grid

    normalize_weights(network, rule, *example())
    # Fused resampling names the grid of the 3x3 convolution it stands for: 6x10 once 3x5 is doubled.
    assert grids == {
        "up": (6, 10),
        "plain": (6, 10),
        "down": (6, 10),
        "transposed": (3, 5),
        "table": (1, 1),
        "linear": (1, 1),
    }
    assert not any(parametrize.is_parametrized(module) for module in network.modules())


def test_dry_forward_changes_no_buffer_no_mode_and_keeps_no_hook() -> None:
    network = Small()
    network.norm.eval()
    before = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    normalize_weights(network, lambda layer, grid: None, *example())
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in network.modules())


def test_registration_does_not_move_a_normalizations_buffers() -> None:
    torch.manual_seed(1)
    network = Small()
    made = []

    def rule(layer: nn.Module, grid: tuple[int, int]) -> nn.Module:
        parametrization = spectral_norm()(layer, grid)
        made.append((parametrization, parametrization.u.clone()))
        return parametrization

    normalize_weights(network, rule, *example())
    assert all(torch.equal(parametrization.u, u) for parametrization, u in made)
    assert all(parametrization.training for parametrization, _ in made)


def test_include_and_a_rule_that_returns_none_leave_layers_alone() -> None:
    network = Small()
    rule = lambda layer, grid: Halved() if isinstance(layer, nn.Linear | nn.Embedding) else None  # noqa: E731
    weight = network.linear.weight.detach().clone()
    normalize_weights(network, rule, include=lambda name, layer: name == "linear")
    assert torch.equal(network.linear.weight, weight / 2)
    assert not parametrize.is_parametrized(network.table)
    assert without_embeddings("linear", network.linear) and not without_embeddings("table", network.table)


def test_remove_normalization_keeps_evaluation_outputs_or_gives_the_raw_weights() -> None:
    torch.manual_seed(2)
    network = normalize_weights(Small(), spectral_norm(), *example()).eval()
    raw = network.plain.parametrizations.weight.original.detach().clone()
    x, labels = example()
    expected = network(x, labels)
    other = copy.deepcopy(network)
    remove_normalization(network)
    assert torch.equal(network(x, labels), expected)
    assert sorted(network.state_dict()) == sorted(Small().state_dict())
    assert not network._forward_pre_hooks and not network._forward_hooks
    remove_normalization(other, keep_normalized=False)
    assert torch.equal(other.plain.weight, raw)
    normalize_weights(network, spectral_norm(), x, labels)  # may be normalized again
    network(x, labels)


def test_removal_from_a_copy_leaves_the_original_alone() -> None:
    # A copy shares the class that torch makes for a parametrized layer.
    torch.manual_seed(3)
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    parametrize.register_parametrization(network[0], "bias", Halved())
    for _ in range(2):
        parametrize.register_parametrization(network[1], "weight", Halved())
    nn.utils.parametrizations.weight_norm(network[2])
    normalize_weights(network, spectral_norm(), include=lambda name, layer: name == "0").eval()
    x = torch.randn(2, 3)
    expected = network(x)
    plain = remove_normalization(copy.deepcopy(network))
    assert torch.equal(plain(x), expected) and torch.equal(network(x), expected)
    assert not [each for each in plain if parametrize.is_parametrized(each, "weight")]
    assert parametrize.is_parametrized(plain[0], "bias") and plain[0].bias.shape == (3,)
    assert torch.equal(remove_normalization(copy.deepcopy(network))(x), expected)  # of a second copy, too
    assert torch.equal(copy.deepcopy(plain)(x), expected)
    assert sorted(name for name, _ in plain.named_parameters())[:2] == [
        "0.parametrizations.bias.original",
        "0.weight",
    ]
    plain[0].weight.data.zero_()
    assert torch.equal(network(x), expected)
    remove_normalization(network)
    assert torch.equal(network(x), expected)


def test_a_weight_of_several_stored_tensors_has_no_unnormalized_one() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="stored as several tensors"):
        remove_normalization(layer, keep_normalized=False)


def test_misuse_is_refused_with_a_sentence() -> None:
    network = normalize_weights(Small(), spectral_norm(), *example())
    with pytest.raises(ValueError, match="'up' is normalized already"):
        normalize_weights(network, spectral_norm(), *example())
    with pytest.raises(ValueError, match="no convolution"):
        normalize_weights(nn.Sequential(nn.ReLU()), spectral_norm(), torch.zeros(1))

    class Idle(Small):
        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return self.plain(self.up(x))

    with pytest.raises(ValueError, match=r"does not reach.*\['down', 'transposed'\]"):
        normalize_weights(Idle(), spectral_norm(), *example())


def test_a_network_that_is_itself_a_layer() -> None:
    layer = normalize_weights(nn.Linear(4, 3), spectral_norm())
    x = torch.randn(2, 4)
    for _ in range(30):
        layer(x)
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1.0, abs=1e-3)
