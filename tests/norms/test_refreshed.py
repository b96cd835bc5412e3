"""Times of measurements of sigma: per change of the weights, every n-th one, exactly resumed, never in eval mode."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from everymode.norms import (
    convolution_spectral_norm,
    exact_spectral_norm,
    filter_sigmas,
    normalize_weights,
    sparsity_aware_norm,
)
from everymode.norms.refreshed import RefreshedNorm, checksum

RULES: dict[str, Callable] = {
    "sparsity-aware": sparsity_aware_norm,
    "subset": lambda **options: sparsity_aware_norm(fraction=0.4, momentum=0.3, **options),
    "differentiated": lambda **options: sparsity_aware_norm(differentiate=True, **options),
    "convolution": convolution_spectral_norm,
    "exact": exact_spectral_norm,
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 5, 3, padding=1)
        self.second = nn.Conv2d(5, 4, 4, stride=2, padding=1)
        self.linear = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.second(torch.tanh(self.first(x))).mean((2, 3)))


def normalized(rule: object, seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return normalize_weights(Net(), rule, torch.zeros(1, 2, 6, 8))


def images(step: int, side: int = 6) -> Tensor:
    return torch.randn(3, 2, side, 8, generator=torch.Generator().manual_seed(step))


def train(network: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        (network(images(step)).square().sum() - network(images(-step - 1)).sum()).backward()
        optimizer.step()


def part_of(network: nn.Module, name: str = "first") -> RefreshedNorm:
    return network.get_submodule(name).parametrizations.weight[0]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("saved_after_a_step", [True, False])
def test_a_resumed_run_goes_on_as_if_nothing_had_happened(rule: str, saved_after_a_step: bool) -> None:
    whole = normalized(RULES[rule](interval=2))
    whole_optimizer = torch.optim.Adam(whole.parameters(), lr=0.1)
    train(whole, whole_optimizer, range(3))
    if not saved_after_a_step:
        whole(images(7))  # as a generator's update does: sigma is that of the current weights
    resumed = normalized(RULES[rule](interval=2), seed=5)
    resumed.load_state_dict(load(save(whole.state_dict())))
    optimizer = torch.optim.Adam(resumed.parameters(), lr=0.1)
    optimizer.load_state_dict(copy.deepcopy(whole_optimizer.state_dict()))
    copied = copy.deepcopy(whole)
    copied_optimizer = torch.optim.Adam(copied.parameters(), lr=0.1)
    copied_optimizer.load_state_dict(copy.deepcopy(whole_optimizer.state_dict()))
    pairs = ((whole, whole_optimizer), (resumed, optimizer), (copied, copied_optimizer))
    for network, its_optimizer in pairs:
        train(network, its_optimizer, range(3, 6))
    for other in (resumed, copied):
        state = other.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in whole.state_dict().items())
    assert int(part_of(whole).changes) == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: torch.optim.Adam(parameters, lr=0.1),
        lambda parameters: torch.optim.Adam(parameters, lr=0.1, fused=True),
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, foreach=False),
    ],
)
def test_every_optimizers_steps_are_counted(make: Callable) -> None:
    network = normalized(sparsity_aware_norm(interval=3))
    optimizer, part = make(network.parameters()), part_of(network)
    raw = network.first.parametrizations.weight.original
    for steps in range(1, 8):
        train(network, optimizer, range(steps, steps + 1))
        before = part.sigma.clone()
        network(images(0))
        network(images(1))
        assert int(part.changes) == steps
        if steps % 3 == 0:
            assert part.sigma.item() == pytest.approx(filter_sigmas(raw.detach(), (6, 8)).amax().item())
        else:
            assert torch.equal(part.sigma, before)


@pytest.mark.parametrize("rule", RULES)
def test_evaluation_mode_changes_nothing(rule: str) -> None:
    network = normalized(RULES[rule]())
    train(network, torch.optim.Adam(network.parameters(), lr=0.1), range(2))
    network.eval()
    before = copy.deepcopy(network.state_dict())
    first = network(images(0))
    network(images(0, side=12))
    assert torch.equal(network(images(0)), first)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_momentum_mixes_measurements_from_the_first_on() -> None:
    network = normalized(sparsity_aware_norm(momentum=0.75))
    part, raw = part_of(network), network.first.parametrizations.weight.original
    first = filter_sigmas(raw.detach(), (6, 8)).amax()
    assert part.sigma.item() == pytest.approx(first.item())
    with torch.no_grad():
        raw *= 3
    network(images(0))
    assert part.sigma.item() == pytest.approx((0.75 * first + 0.25 * 3 * first).item())


def test_a_number_that_is_not_finite_does_not_stay_once_the_weights_are_well_again() -> None:
    network = normalized(sparsity_aware_norm())
    raw = network.first.parametrizations.weight.original
    good = raw.detach().clone()
    for weight, finite in ((good * torch.nan, False), (good, True)):
        with torch.no_grad():
            raw.copy_(weight)
        assert bool(network(images(0)).isfinite().all()) is finite


@pytest.mark.parametrize("rule", ["sparsity-aware", "convolution", "exact"])
@pytest.mark.parametrize("direct", [True, False])
def test_another_size_of_input_has_the_sigma_of_its_own_grid_at_once(rule: str, direct: bool) -> None:
    network = normalized(RULES[rule]())
    call = network.forward if direct else network
    seen = call(images(0, side=10))
    torch.manual_seed(0)
    built = normalize_weights(Net(), RULES[rule](), torch.zeros(1, 2, 10, 8))
    torch.testing.assert_close(seen, (built.forward if direct else built)(images(0, side=10)))
    assert part_of(network).grid.tolist() == [10, 8]
    # The layer keeps the last grid it has seen, and a resumed network knows it.
    resumed = normalized(RULES[rule](), seed=3)
    resumed.load_state_dict(network.state_dict())
    assert part_of(resumed).grid.tolist() == [10, 8]
    torch.testing.assert_close(resumed.eval()(images(0)), network.eval()(images(0)))
    before = part_of(network).sigma.clone()
    network.train()(images(0))
    assert part_of(network).grid.tolist() == [6, 8] and not torch.equal(part_of(network).sigma, before)


def test_a_layer_that_is_used_on_several_grids_keeps_the_largest() -> None:
    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.shared(x).mean() + self.shared(x[:, :, ::2, ::2]).mean()

    network = normalize_weights(Pyramid(), sparsity_aware_norm(), torch.zeros(1, 2, 8, 8))
    network(torch.randn(1, 2, 8, 8))
    network(torch.randn(1, 2, 16, 16))
    assert part_of(network, "shared").grid.tolist() == [8, 8]


def test_bf16_weights_and_autocast() -> None:
    for rule in RULES.values():
        network = normalized(rule())
        with torch.autocast("cpu", torch.bfloat16):
            out = network(images(0))
        out.float().sum().backward()
        assert out.dtype == torch.bfloat16
        assert network.first.weight.dtype == torch.float32
        assert part_of(network).sigma.dtype == torch.float32
        assert network.first.parametrizations.weight.original.grad.isfinite().all()
        half = normalized(rule()).bfloat16()
        half(images(0).bfloat16()).sum().backward()
        assert half.first.weight.dtype == torch.bfloat16


def test_sigma_does_not_depend_on_autocast() -> None:
    sigmas = []
    for enabled in (True, False):
        network = normalized(convolution_spectral_norm())
        train(network, torch.optim.SGD(network.parameters(), lr=0.0), range(1))
        with torch.no_grad():
            network.first.parametrizations.weight.original += 0.1
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            network(images(0))
        sigmas.append(part_of(network).sigma)
    assert torch.equal(*sigmas)


def test_a_pass_may_be_followed_by_a_step_and_another_pass_before_its_gradient_is_taken() -> None:
    for rule in RULES.values():
        network = normalized(rule())
        kept = images(0).requires_grad_()
        cost = network(kept).sum()
        part_of(network).start(network.first.parametrizations.weight.original * 2)
        cost.backward()
        assert kept.grad is not None


@pytest.mark.parametrize("rule", ["differentiated", "convolution"])
def test_an_old_measurement_never_makes_the_divisor_small(rule: str) -> None:
    network = normalized(RULES[rule](interval=100))
    raw, sigma = network.first.parametrizations.weight.original, part_of(network).sigma.clone()
    with torch.no_grad():
        raw.neg_()
    network(images(0)).sum().backward()
    torch.testing.assert_close(network.first.weight, raw / sigma)
    assert raw.grad.abs().max() < 10


def test_the_checksum_tells_weights_apart_whatever_their_layout() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        weight = torch.randn(3, 4, 2, 2).to(dtype)
        last = weight.to(memory_format=torch.channels_last)
        assert torch.equal(checksum(weight), checksum(last))
        other = weight.clone()
        other[0, 0, 0, 0] += 0.5
        assert not torch.equal(checksum(weight), checksum(other))


def test_a_rule_without_a_measure_says_so() -> None:
    with pytest.raises(NotImplementedError, match="RefreshedNorm does not implement measure"):
        RefreshedNorm(nn.Conv2d(2, 2, 3), (4, 4)).start(torch.randn(2, 2, 3, 3))


@pytest.mark.parametrize("rule", RULES)
def test_a_network_of_shapes_alone_takes_its_numbers_later(rule: str) -> None:
    with torch.device("meta"):
        empty = normalize_weights(Net(), RULES[rule](), torch.zeros(1, 2, 6, 8))
        assert empty(torch.zeros(3, 2, 10, 8)).shape == (3, 1)
    filled = empty.to_empty(device="cpu")
    source = normalized(RULES[rule]())
    train(source, torch.optim.SGD(source.parameters(), lr=0.1), range(2))
    filled.load_state_dict(source.state_dict())
    assert torch.equal(filled.eval()(images(0)), source.eval()(images(0)))
