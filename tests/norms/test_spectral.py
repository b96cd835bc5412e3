"""Spectral normalization: released BigGAN's semantics, the closed-form gradient, and one computation per
group.
"""

from __future__ import annotations

import copy
import shutil
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from everymode.norms import normalize_weights, singular_values, spectral_norm
from everymode.norms import spectral as module
from everymode.norms.spectral import SpectralNorm, power_iteration


class Net(nn.Module):
    """Three convolutions of one shape, one of another, a transposed one, a linear layer and an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
        self.up = nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1)
        self.linear = nn.Linear(6, 1)
        self.table = nn.Embedding(5, 6)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = self.features(x)
        return self.linear(h) + (self.table(labels) * h).sum(1, keepdim=True)

    def features(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        for layer in self.middle:
            x = torch.tanh(layer(x))
        return torch.tanh(self.up(x)).mean((2, 3))


class Plain(nn.Module):
    """The released code's computation, layer by layer, with ordinary autograd operations."""

    def __init__(self, u: Tensor, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        self.register_buffer("u", u.clone())

    def forward(self, weight: Tensor) -> Tensor:
        matrix = (weight.transpose(0, 1) if self.transposed else weight).flatten(1)
        with torch.no_grad():
            v = F.normalize(self.u @ matrix, eps=1e-8)
            u = F.normalize(v @ matrix.T, eps=1e-8)
        if self.training:
            with torch.no_grad():
                self.u.copy_(u)
        return weight / (v @ matrix.T @ u.T).squeeze()


def example(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(5)
    return torch.randn(3, 2, 4, 6, generator=random).to(dtype), torch.tensor([1, 4, 1])


def pair(dtype: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module]:
    """The same network under `spectral_norm`, and under the plain formulation."""
    torch.manual_seed(11)
    ours = Net().to(dtype)
    plain = copy.deepcopy(ours)
    normalize_weights(ours, spectral_norm(), *example(dtype))
    layers = dict(plain.named_modules())
    by_layer = {id(layers[name]): layer for name, layer in ours.named_modules() if name in layers}

    def rule(layer: nn.Module, grid: tuple[int, int]) -> nn.Module:
        u = by_layer[id(layer)].parametrizations.weight[0].u
        return Plain(u, isinstance(layer, nn.ConvTranspose2d))

    return ours, normalize_weights(plain, rule, *example(dtype))


def assert_same(ours: nn.Module, plain: nn.Module, tolerance: float = 1e-11) -> None:
    """Gradients and buffers agree, name by name."""
    theirs = dict(plain.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=tolerance, atol=tolerance)
    buffers = dict(plain.named_buffers())
    for name, buffer in ours.named_buffers():
        torch.testing.assert_close(buffer, buffers[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("training", [True, False])
def test_values_gradients_and_vectors_equal_the_plain_formulation(training: bool) -> None:
    ours, plain = (network.train(training) for network in pair())
    x, labels = example()
    for _ in range(3):
        for network in (ours, plain):
            network.zero_grad()
            network(x, labels).square().sum().backward()
        assert torch.allclose(ours(x, labels), plain(x, labels), rtol=1e-12)
        assert_same(ours, plain)


def test_sigma_is_the_largest_singular_value_after_some_forwards() -> None:
    ours, _ = pair()
    for _ in range(200):
        ours(*example())
    for layer in (ours.first, *ours.middle, ours.up, ours.linear, ours.table):
        weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1.0, abs=1e-4)


def test_singular_values_are_reported_by_name_and_nothing_moves() -> None:
    ours, _ = pair()
    for _ in range(200):
        ours(*example())
    before = {name: value.clone() for name, value in ours.named_buffers()}
    values = singular_values(ours)
    assert sorted(values) == ["first", "linear", "middle.0", "middle.1", "middle.2", "table", "up"]
    for name, value in values.items():
        layer = ours.get_submodule(name)
        raw = layer.parametrizations.weight.original.detach()
        matrix = (raw.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else raw).flatten(1)
        assert value.item() == pytest.approx(torch.linalg.matrix_norm(matrix, 2).item(), rel=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in ours.named_buffers())


def test_one_power_iteration_per_forward_and_none_is_stored_in_evaluation_mode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, _ = pair()
    calls: list[int] = []

    def counted(
        matrices: Tensor, u: Tensor, *, iterations: int, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        calls.append(len(matrices) * iterations)
        return power_iteration(matrices, u, iterations=iterations, epsilon=epsilon)

    monkeypatch.setattr(module, "power_iteration", counted)
    stored = ours.first.parametrizations.weight[0].u.clone()
    ours(*example())
    # Seven layers, one iteration each, in five computations: the three middle convolutions share one.
    assert sum(calls) == 7 and sorted(calls) == [1, 1, 1, 1, 3]
    matrix = ours.first.parametrizations.weight.original.detach().flatten(1)
    once = F.normalize(F.normalize(stored @ matrix) @ matrix.T)
    torch.testing.assert_close(ours.first.parametrizations.weight[0].u, once, rtol=1e-12, atol=1e-12)
    trained = ours.first.parametrizations.weight[0].u.clone()
    ours.eval()
    ours(*example())
    assert torch.equal(ours.first.parametrizations.weight[0].u, trained)
    # The eval-mode weight is divided with the newly iterated vector, not with the stored one.
    fresh = F.normalize(F.normalize(once @ matrix) @ matrix.T)
    v = F.normalize(once @ matrix)
    sigma = (fresh @ matrix @ v.T).squeeze()
    torch.testing.assert_close(ours.first.weight.detach().flatten(1), matrix / sigma, rtol=1e-12, atol=1e-12)


def test_a_layer_used_outside_the_networks_forward_computes_its_own_weight() -> None:
    ours, plain = pair()
    x, labels = example()
    torch.testing.assert_close(ours.features(x), plain.features(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.forward(x, labels), plain.forward(x, labels), rtol=1e-12, atol=1e-12)
    assert all(part.prepared is None for part in ours.modules() if isinstance(part, SpectralNorm))


def test_nothing_prepared_is_left_behind_by_a_forward_that_fails() -> None:
    ours, _ = pair()
    with pytest.raises(RuntimeError):
        ours(torch.zeros(1, 9, 4, 4, dtype=torch.float64), torch.tensor([0]))
    assert all(part.prepared is None for part in ours.modules() if isinstance(part, SpectralNorm))


def test_gradient_penalty_reaches_the_weights_as_in_the_plain_formulation() -> None:
    ours, plain = pair()
    _, labels = example()
    for network in (ours, plain):
        for call in (network, network.forward):
            x = example()[0].requires_grad_()
            (slope,) = torch.autograd.grad(call(x, labels).sum(), x, create_graph=True)
            slope.square().sum().backward()
    assert_same(ours, plain, 1e-10)


def test_gradients_are_right_to_second_order() -> None:
    torch.manual_seed(3)
    matrices = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    u = torch.randn(2, 1, 3, dtype=torch.float64)
    # Near the fixed point the vectors hardly move: holding them constant is the true first derivative.
    u = power_iteration(matrices.detach(), u, iterations=2000, epsilon=1e-8)[0]

    def both(weights: Tensor) -> tuple[Tensor, Tensor]:
        return module._SpectralDivide.apply(weights, u, 1, 1e-8)[:2]

    assert torch.autograd.gradcheck(both, (matrices,), atol=1e-6)

    def plain(weights: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            left, right, _ = power_iteration(weights, u, iterations=1, epsilon=1e-8)
        sigma = torch.einsum("nij,noi,noj->n", weights, left, right)[:, None, None]
        return weights / sigma, sigma

    def second(function: object, weights: Tensor) -> Tensor:
        normalized, sigma = function(weights)
        (slope,) = torch.autograd.grad((normalized**3).sum() + (sigma**2).sum(), weights, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), weights)[0]

    torch.testing.assert_close(second(both, matrices), second(plain, matrices), rtol=1e-10, atol=1e-10)


def test_copies_and_saved_states_stand_on_their_own() -> None:
    ours, _ = pair(torch.float32)
    x, labels = example(torch.float32)
    twin = copy.deepcopy(ours)
    ours(x, labels)
    assert not torch.equal(twin.first.parametrizations.weight[0].u, ours.first.parametrizations.weight[0].u)
    twin.load_state_dict(load(save({name: value.contiguous() for name, value in ours.state_dict().items()})))
    for network in (ours, twin):
        network.eval()
    assert torch.equal(twin(x, labels), ours(x, labels))


def test_frozen_networks_pass_gradients_to_their_input_only() -> None:
    ours, plain = (network.requires_grad_(False) for network in pair())
    slopes = []
    for network in (ours, plain):
        x, labels = example()
        x.requires_grad_()
        slopes.append(torch.autograd.grad(network(x, labels).sum(), x)[0])
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


def test_autocast_does_not_lower_the_precision_of_sigma() -> None:
    ours, plain = (network.eval() for network in pair(torch.float32))
    with torch.autocast("cpu", torch.bfloat16):
        weight = ours.middle[0].weight
        ours(*example(torch.float32))
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, plain.middle[0].weight, rtol=1e-6, atol=1e-6)


def test_channels_last_weights_stay_channels_last_and_equal() -> None:
    ours, _ = (network.eval() for network in pair())
    x, labels = example()
    expected = ours(x, labels)
    ours.to(memory_format=torch.channels_last)
    torch.testing.assert_close(ours(x, labels), expected, rtol=1e-12, atol=1e-12)
    assert ours.middle[0].weight.is_contiguous(memory_format=torch.channels_last)
    ours(x, labels).sum().backward()
    assert ours.middle[0].parametrizations.weight.original.grad is not None


def test_a_zero_weight_stays_zero() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    normalize_weights(layer, spectral_norm())
    assert torch.equal(layer.weight, torch.zeros(2, 3))
    assert not layer(torch.ones(1, 3)).isnan().any()


def test_groups_share_operators() -> None:
    class Count(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.operators: Counter[str] = Counter()

        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            self.operators[function.overloadpacket.__name__] += 1
            return function(*arguments, **(keywords or {}))

    ours, _ = pair()
    with Count() as counted:
        ours(*example())
    assert (
        counted.operators["bmm"] == 2 * 5
    )  # two products for each of five groups, not for each of seven layers
    with pytest.raises(ValueError, match="at least one power iteration"):
        spectral_norm(iterations=0)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on CPU")
def test_compiled_in_place_it_gives_the_same_and_leaves_nothing_behind() -> None:
    torch.manual_seed(4)
    network = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    normalize_weights(network, spectral_norm())
    twin = copy.deepcopy(network)
    network.compile(backend="aot_eager")
    x = torch.randn(2, 3)
    for _ in range(2):
        outputs = [each(x) for each in (network, twin)]
        torch.testing.assert_close(*outputs)
        for output in outputs:
            output.sum().backward()
    assert_same(network, twin, 1e-5)
    assert network[0].parametrizations.weight[0].prepared is None
