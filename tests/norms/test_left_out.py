"""Layers that no rule takes are named, an error changes nothing, and shared weights are rejected."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms import (
    convolution_spectral_norm,
    normalize_weights,
    operator_norm,
    remove_normalization,
    sparsity_aware_norm,
    spectral_norm,
)


class Mixed(nn.Module):
    """Layers of many kinds, of which only some are two-dimensional."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = nn.Conv3d(2, 2, 3)
        self.back = nn.ConvTranspose1d(2, 2, 3)
        self.pair = nn.Bilinear(3, 3, 2)
        self.bag = nn.EmbeddingBag(4, 3)
        self.memory = nn.GRU(3, 3)
        self.step = nn.LSTMCell(3, 3)
        self.keys = nn.MultiheadAttention(4, 2, kdim=3, vdim=3)
        self.scale = nn.LayerNorm([2, 3])
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


def test_layers_that_no_rule_takes_are_named_once() -> None:
    with pytest.warns(UserWarning, match="normalize_weights leaves layers of Mixed") as warned:
        network = normalize_weights(Mixed(), spectral_norm(), torch.zeros(1, 3))
    assert len(warned) == 1 and warned[0].filename == __file__
    text = str(warned[0].message)
    for word in ("'sound' (Conv3d)", "'back' (ConvTranspose1d)", "'pair' (Bilinear)", "'bag' (EmbeddingBag)"):
        assert word in text
    for word in (
        "'memory' (GRU: weight_ih_l0, weight_hh_l0)",
        "'step' (LSTMCell: weight_ih",
        "'keys'",
        "q_proj_weight",
    ):
        assert word in text
    assert "'scale'" not in text and "'linear'" not in text
    done = [name for name, layer in network.named_modules() if parametrize.is_parametrized(layer)]
    assert done == ["keys.out_proj", "linear"]


def test_include_leaves_them_out_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        normalize_weights(Mixed(), spectral_norm(), include=lambda name, layer: name == "linear")
        normalize_weights(
            nn.Sequential(nn.Linear(2, 2), nn.LayerNorm([2, 2]), nn.BatchNorm1d(2)), spectral_norm()
        )


def is_untouched(network: nn.Module, before: dict[str, Tensor]) -> bool:
    state = network.state_dict()
    return (
        state.keys() == before.keys()
        and all(torch.equal(state[name], before[name]) for name in before)
        and not any(parametrize.is_parametrized(module) for module in network.modules())
        and not hasattr(network, "_normalization_groups")
        and not network._forward_pre_hooks
    )


def test_all_or_nothing() -> None:
    groups = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ConvTranspose2d(4, 4, 3, groups=2))
    before = copy.deepcopy(groups.state_dict())
    with pytest.raises(ValueError, match="does not take transposed convolutions with groups"):
        normalize_weights(groups, spectral_norm(), torch.zeros(1, 2, 6, 6))
    assert is_untouched(groups, before)

    class Wrong(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight.sum(0)

    layers = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    before = copy.deepcopy(layers.state_dict())
    with pytest.raises(ValueError, match="shape"):
        normalize_weights(
            layers, lambda layer, grid: Wrong() if layer is layers[1] else spectral_norm()(layer, grid)
        )
    assert is_untouched(layers, before)
    normalize_weights(layers, spectral_norm())


@pytest.mark.parametrize("old", [torch.nn.utils.spectral_norm, torch.nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_layer_under_torchs_own_normalization_is_named(old) -> None:
    network = nn.Sequential(nn.Linear(3, 3), old(nn.Linear(3, 3)))
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=r"layer '1' computes its weight from others.*remove_spectral_norm"):
        normalize_weights(network, spectral_norm())
    assert is_untouched(network, before)
    normalize_weights(network, spectral_norm(), include=lambda name, layer: name == "0")


def test_shared_weights_are_refused_and_one_layer_used_twice_is_not() -> None:
    tied = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 3), nn.Linear(3, 5))
    tied[2].weight = tied[0].weight
    with pytest.raises(ValueError, match=r"'0\.weight' and '2\.weight' are one weight"):
        normalize_weights(tied, spectral_norm())
    with pytest.raises(ValueError, match="are one weight"):
        normalize_weights(tied, spectral_norm(), include=lambda name, layer: name == "2")
    normalize_weights(tied, spectral_norm(), include=lambda name, layer: name == "1")

    layer = nn.Linear(3, 3)
    twice = normalize_weights(nn.Sequential(layer, nn.ReLU(), layer), spectral_norm()).eval()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    expected = twice(x)
    assert torch.equal(remove_normalization(twice)(x), expected)


class Named(nn.Module):
    """Calls its convolutions by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(input=F.relu(self.first(input=x)))


def test_convolutions_may_be_called_by_keyword() -> None:
    grids = {}

    def rule(layer: nn.Module, grid: tuple[int, int]) -> None:
        grids[layer] = grid

    network = Named()
    normalize_weights(network, rule, torch.zeros(1, 2, 7, 5))
    assert [grids[layer] for layer in (network.first, network.second)] == [(7, 5), (7, 5)]
    # A rule that follows the grid is notified of other grids, too.
    normalize_weights(network, sparsity_aware_norm(), torch.zeros(1, 2, 7, 5))
    assert network(torch.randn(2, 2, 9, 9)).isfinite().all()
    assert remove_normalization(network)(torch.randn(2, 2, 4, 4)).isfinite().all()
    assert not any(module._forward_pre_hooks_with_kwargs for module in network.modules())


@pytest.mark.parametrize("iterations", [1, 20, 300])
def test_the_first_estimate_takes_as_many_iterations_as_are_asked_for(iterations: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular").double()
    parametrization = convolution_spectral_norm(iterations=iterations)(layer, (8, 8))
    applied = []
    convolve = parametrization.convolve
    parametrization.convolve = lambda *given: applied.append(1) or convolve(*given)
    parametrization.right = parametrization.right.new_empty(0)
    sigma = parametrization.measure(layer.weight.detach())
    assert len(applied) == max(20, iterations)
    if iterations == 300:
        assert float(sigma) == pytest.approx(float(operator_norm(layer.weight.detach(), (8, 8))), rel=1e-4)
