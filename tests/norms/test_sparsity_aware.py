"""Sparsity-Aware Normalization: sigma against reference vectors and dense matrices, and the rule on networks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from everymode.networks.resampling import DownsampleConv2d, UpsampleConv2d
from everymode.norms import (
    SpectralNorm,
    compensation,
    filter_sigmas,
    normalize_weights,
    released_sigma,
    remove_normalization,
    sparsity_aware_norm,
    sparsity_aware_sigma,
)
from everymode.norms import sparsity_aware as module
from everymode.norms.sparsity_aware import SparsityAware
from everymode.norms.subsets import random_subset, subset_size

VECTORS = np.load(Path(__file__).parents[1] / "vectors_unlabelled_norms.npz")


def reference(case: str) -> tuple[Tensor, tuple[int, int]]:
    height, width = VECTORS[f"san_{case}_hw"].tolist()
    return torch.from_numpy(VECTORS[f"san_{case}_w"]), (height, width)


def dense(kernel: Tensor, grid: tuple[int, int], *, stride: int = 1, padding: int = 1) -> Tensor:
    """The matrix of one circular convolution [1, 1, kh, kw], column by column; the padding wraps as often as needed."""
    height, width = grid
    images = torch.eye(height * width, dtype=kernel.dtype).view(-1, 1, height, width)
    rows = torch.arange(-padding, height + padding) % height
    columns = torch.arange(-padding, width + padding) % width
    padded = images[:, :, rows][:, :, :, columns]
    return F.conv2d(padded, kernel, stride=stride).flatten(1)


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_reference_vectors(case: str) -> None:
    weight, grid = reference(case)
    assert sparsity_aware_sigma(weight, grid).item() == pytest.approx(VECTORS[f"san_{case}_sigma"], rel=1e-9)
    peaks = torch.from_numpy(VECTORS[f"san_{case}_filter_sigma"])
    torch.testing.assert_close(filter_sigmas(weight, grid), peaks, rtol=1e-9, atol=0)
    single = sparsity_aware_sigma(weight.float(), grid)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(VECTORS[f"san_{case}_sigma"], rel=1e-6)
    assert sparsity_aware_sigma(weight.bfloat16(), grid).dtype == torch.float32


def test_reference_compensations() -> None:
    for (m, n, fraction), count, factor in zip(
        VECTORS["comp_mnr"], VECTORS["comp_k"], VECTORS["comp_g"], strict=True
    ):
        assert subset_size(int(m * n), float(fraction)) == count
        assert compensation(int(m * n), float(fraction)) == pytest.approx(factor, rel=1e-12)
    assert compensation(7, 1.0) == 1
    assert compensation(2, 0.5) == 1.5
    # The exact product: 0.07 * 100 is slightly above 7 in floating point.
    assert subset_size(100, 0.07) == 7 and subset_size(3, 0.01) == 1


@pytest.mark.parametrize("grid", [(4, 4), (5, 3), (2, 6), (1, 1)])
@pytest.mark.parametrize("size", [3, 4])
def test_each_filters_peak_is_the_norm_of_its_dense_matrix(grid: tuple[int, int], size: int) -> None:
    torch.manual_seed(size)
    weight = torch.randn(2, 3, size, size, dtype=torch.float64)
    peaks = filter_sigmas(weight, grid)
    padding = (size - 1) // 2
    for out, inside in np.ndindex(2, 3):
        kernel = weight[out, inside][None, None]
        # Padding by the same on both sides drops rows of an even kernel's matrix, so pad it fully for stride 1.
        matrix = dense(F.pad(kernel, (0, 1 - size % 2, 0, 1 - size % 2)), grid, padding=size // 2)
        norm = torch.linalg.matrix_norm(matrix, 2)
        assert peaks[out, inside].item() == pytest.approx(norm.item(), rel=1e-9)
        if min(grid) >= 2:
            strided = torch.linalg.matrix_norm(dense(kernel, grid, stride=2, padding=padding), 2)
            assert strided.item() <= peaks[out, inside].item() * (1 + 1e-12)
    assert sparsity_aware_sigma(weight, grid).item() == peaks.amax().item()


def test_dilation_is_that_of_the_kernel_with_holes() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    wide = torch.zeros(4, 3, 5, 5, dtype=torch.float64)
    wide[:, :, ::2, ::2] = weight
    for grid in ((8, 8), (3, 7)):
        expected = filter_sigmas(wide, grid)
        torch.testing.assert_close(filter_sigmas(weight, grid, dilation=(2, 2)), expected)
        assert sparsity_aware_sigma(weight, grid, dilation=(2, 2)).item() == pytest.approx(
            expected.amax().item()
        )


def test_pairs_look_at_those_kernels_only() -> None:
    weight, grid = reference("b")
    pairs = torch.tensor([[3, 1], [15, 7], [0, 0]])
    expected = filter_sigmas(weight, grid)[pairs[:, 0], pairs[:, 1]].amax()
    assert sparsity_aware_sigma(weight, grid, pairs=pairs).item() == pytest.approx(expected.item(), rel=1e-12)


def test_memory_format_changes_nothing() -> None:
    weight, grid = reference("b")
    last = weight.to(memory_format=torch.channels_last)
    assert sparsity_aware_sigma(last, grid).item() == sparsity_aware_sigma(weight, grid).item()
    torch.testing.assert_close(filter_sigmas(last, grid), filter_sigmas(weight, grid))


def test_sigma_has_the_gradient_of_the_largest_modulus() -> None:
    weight, grid = reference("c")
    ours = weight.clone().requires_grad_()
    sparsity_aware_sigma(ours, grid).backward()
    theirs = weight.clone().requires_grad_()
    torch.fft.fft2(theirs, s=grid).abs().amax().backward()
    # Frequencies come in mirrored pairs of one modulus, between which amax shares its gradient.
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)
    assert torch.autograd.gradcheck(lambda w: sparsity_aware_sigma(w, grid), (ours,))


@pytest.mark.parametrize("case", ["a", "b"])
def test_released_sigma_is_a_norm_over_the_last_frequency_axis(case: str) -> None:
    weight, grid = reference(case)
    expected = torch.fft.fft2(weight, s=grid).norm(dim=-1).amax()
    assert released_sigma(weight, grid).item() == pytest.approx(expected.item(), rel=1e-9)
    # The old layout's released layer computed the paper's sigma (plus 1e-8).
    sigma = sparsity_aware_sigma(weight, grid).item()
    assert VECTORS[f"san_{case}_refcode_s_rfft"] == pytest.approx(sigma, rel=1e-7)


def test_misuse_is_refused_with_a_sentence() -> None:
    weight = torch.randn(2, 2, 3, 3)
    with pytest.raises(ValueError, match=r"shape \[2, 2\].*spectral_norm"):
        sparsity_aware_sigma(torch.randn(2, 2), (4, 4))
    with pytest.raises(ValueError, match=r"grid is \(0, 4\)"):
        filter_sigmas(weight, (0, 4))
    with pytest.raises(ValueError, match=r"pairs has shape \[2\]"):
        sparsity_aware_sigma(weight, (4, 4), pairs=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="fraction of filters is 0"):
        sparsity_aware_norm(fraction=0)
    with pytest.raises(ValueError, match="at least 1 filter"):
        compensation(0, 1.0)
    with pytest.raises(ValueError, match="without momentum"):
        sparsity_aware_norm(differentiate=True, momentum=0.5)
    for options in ({"gain": 0.0}, {"interval": 0}, {"momentum": 1.0}):
        with pytest.raises(ValueError, match=f"the {next(iter(options))} is"):
            normalize_weights(nn.Conv2d(2, 2, 3), sparsity_aware_norm(**options), torch.randn(1, 2, 4, 4))


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, padding=1)
        self.strided = nn.Conv2d(6, 4, 4, stride=2, padding=1)
        self.up = UpsampleConv2d(4, 4)
        self.down = DownsampleConv2d(4, 6)
        self.transposed = nn.ConvTranspose2d(6, 3, 4, stride=2, padding=1)
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.strided(torch.relu(self.first(x))))
        return self.linear(self.transposed(self.down(self.up(x))).mean((2, 3)))


def small(**options: object) -> tuple[Small, Tensor]:
    torch.manual_seed(1)
    x = torch.randn(2, 2, 8, 12, dtype=torch.float64)
    return normalize_weights(Small().double(), sparsity_aware_norm(**options), x[:1]), x


def test_every_layer_is_divided_by_sigma_on_its_own_grid() -> None:
    network, x = small(gain=1.25)
    network(x)
    grids = {
        "first": (8, 12),
        "strided": (8, 12),
        "up": (8, 12),
        "down": (8, 12),
        "transposed": (8, 12),  # 4x6, on which it acts, times its stride
    }
    for name, grid in grids.items():
        layer = network.get_submodule(name)
        raw = layer.parametrizations.weight.original.detach()
        sigma = filter_sigmas(raw, grid).amax()
        torch.testing.assert_close(layer.weight, raw / (1.25 * sigma), rtol=1e-12, atol=0)
        assert filter_sigmas(layer.weight, grid).amax().item() == pytest.approx(1 / 1.25)
    assert isinstance(network.linear.parametrizations.weight[0], SpectralNorm)


def test_sigma_is_a_constant_for_the_gradient_or_differentiated_by_option() -> None:
    for differentiate in (False, True):
        network, x = small(differentiate=differentiate)
        plain = Small().double()
        originals = {
            name: network.get_submodule(name).parametrizations.weight.original
            for name in ("first", "strided", "up", "down", "transposed")
        }
        network(x).square().sum().backward()
        weights = {}
        for name, original in originals.items():
            raw = original.detach().clone().requires_grad_()
            sigma = sparsity_aware_sigma(raw, (8, 12))
            weights[name] = (raw, raw / (sigma if differentiate else sigma.detach()))
        values = {f"{name}.weight": used for name, (_, used) in weights.items()}
        values |= {name: p for name, p in network.named_parameters() if "bias" in name}
        values["linear.weight"] = network.linear.weight
        network.eval()
        torch.func.functional_call(plain, values, (x,)).square().sum().backward()
        for name, (raw, _) in weights.items():
            torch.testing.assert_close(originals[name].grad, raw.grad, rtol=1e-8, atol=1e-12)


def test_gain_may_be_a_function_of_the_layer_and_the_measure_may_be_ones_own() -> None:
    network, x = small(gain=lambda layer: float(layer.in_channels), measure=released_sigma)
    network(x)
    for name in ("first", "down"):
        layer = network.get_submodule(name)
        raw = layer.parametrizations.weight.original.detach()
        expected = raw / (layer.in_channels * released_sigma(raw, (8, 12)))
        torch.testing.assert_close(layer.weight, expected, rtol=1e-12, atol=0)


def test_a_fraction_looks_at_new_random_kernels_each_time_and_compensates() -> None:
    network, x = small(fraction=0.3)
    part = network.first.parametrizations.weight[0]
    raw = network.first.parametrizations.weight.original
    seen = []
    for change in range(3):
        network(x)
        rows = random_subset(int(part.seed) + change, 12, 0.3)
        assert len(set(rows.tolist())) == 4 == math.ceil(12 * 0.3)
        peak = filter_sigmas(raw.detach(), (8, 12)).flatten()[rows].amax()
        assert part.sigma.item() == pytest.approx(peak.item() * compensation(12, 0.3), rel=1e-12)
        assert int(part.row) in rows.tolist()
        seen.append(tuple(rows.tolist()))
        with torch.no_grad():
            raw += 0.01
    assert len(set(seen)) == 3


def test_one_measurement_a_layer_however_many_passes_a_step_has(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = small()
    calls: list[int] = []
    monkeypatch.setattr(module, "search", lambda *a, f=module.search: calls.append(1) or f(*a))
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    for steps in range(1, 4):
        leaf = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(network.forward(leaf).sum(), leaf, create_graph=True)
        cost = network(x).sum() + network(-x).sum() + slope.square().sum()
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        network.requires_grad_(False)
        network(x)  # as in the generator's update: the weights are new, so sigma is
        network(x)
        network.requires_grad_(True)
        assert len(calls) == 5 * steps


def test_a_measurement_that_must_not_wait_reads_nothing_and_corrects_itself_later() -> None:
    layer = nn.Conv2d(40, 48, 3, padding=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1, -1], [1, -1, 1], [-1, 1, 1]]).mul(0.1).expand(48, 40, 3, 3))
        layer.weight.add_(1e-3 * torch.rand(48, 40, 3, 3))
        layer.weight[3, 2] = torch.zeros(3, 3)
        layer.weight[3, 2, 0, 0] = 0.85
    x = torch.randn(1, 40, 8, 8)
    normalize_weights(layer, sparsity_aware_norm(), x)
    part, raw = layer.parametrizations.weight[0], layer.parametrizations.weight.original
    part.never_wait = True

    class NoReading(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            assert function.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero")
            return function(*arguments, **(keywords or {}))

    layer(x)  # values that are read once, after construction
    sigmas = []
    for _ in range(3):
        with torch.no_grad():
            raw.mul_(1.0)
        with NoReading() if not sigmas else torch.no_grad():
            layer(x)
        sigmas.append(part.sigma.item())
    # The first was too small and set the flag; from the next one on, all kernels are transformed.
    assert sigmas[0] < 0.7 and bool(part.unsure)
    assert sigmas[1:] == [pytest.approx(0.85, rel=1e-6)] * 2


def test_it_can_be_removed() -> None:
    network, x = small()
    network.eval()
    expected = network(x)
    remove_normalization(network)
    assert torch.equal(network(x), expected)
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in network.modules())
    assert not any(isinstance(m, SparsityAware) for m in network.modules())


def test_a_zero_weight_stays_zero() -> None:
    layer = nn.Conv2d(2, 2, 3)
    nn.init.zeros_(layer.weight)
    normalize_weights(layer, sparsity_aware_norm(differentiate=True), torch.randn(1, 2, 4, 4))
    layer(torch.randn(1, 2, 4, 4)).sum().backward()
    assert torch.equal(layer.weight, torch.zeros(2, 2, 3, 3))
    assert layer.parametrizations.weight.original.grad.isfinite().all()
