"""Circular padding: torch's own, in values, gradients of both orders, layouts and precisions."""

from __future__ import annotations

import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d, circular_pad, leaky_relu_circular_pad

AROUND = [(1, 1, 1, 1), (0, 2, 1, 0), (3, 1, 0, 2), (0, 0, 1, 1), (2, 0, 0, 0), (5, 5, 4, 4)]


@pytest.mark.parametrize("around", AROUND)
def test_padding_is_that_of_torch_to_second_order(around: tuple[int, int, int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    ours, theirs = circular_pad(x, around), F.pad(x, around, mode="circular")
    assert torch.equal(ours, theirs)
    pull = torch.randn_like(ours)
    torch.testing.assert_close(*(torch.autograd.grad(out, x, pull)[0] for out in (ours, theirs)))
    small = torch.randn(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: circular_pad(x, around), (small,))
    assert torch.autograd.gradgradcheck(lambda x: circular_pad(x, around), (small,))


@pytest.mark.parametrize("negative_slope", [0.1, 0.0])
@pytest.mark.parametrize("around", [*AROUND, (0, 0, 0, 0)])
def test_activation_in_the_same_pass_is_torchs_to_second_order(
    around: tuple[int, int, int, int], negative_slope: float
) -> None:
    torch.manual_seed(0)

    def ours(x: Tensor) -> Tensor:
        return leaky_relu_circular_pad(x, around, negative_slope=negative_slope)

    def theirs(x: Tensor) -> Tensor:
        return F.pad(F.leaky_relu(x, negative_slope), around, mode="circular")

    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    before = x.detach().clone()
    assert torch.equal(ours(x), theirs(x)) and torch.equal(x, before)
    pull = torch.randn_like(ours(x), requires_grad=True)
    kept = pull.detach().clone()
    for twice in (False, True):
        slopes = [torch.autograd.grad(f(x), x, pull, create_graph=twice)[0] for f in (ours, theirs)]
        torch.testing.assert_close(*slopes)
    assert torch.equal(pull, kept)  # another's gradient is not written to
    torch.testing.assert_close(*(torch.autograd.grad(slope.square().sum(), pull)[0] for slope in slopes))
    small = torch.randn(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ours, (small,))
    assert torch.autograd.gradgradcheck(ours, (small,))


def test_none_is_none_and_too_much_is_refused() -> None:
    x = torch.randn(1, 1, 2, 3)
    assert circular_pad(x, (0, 0, 0, 0)) is x
    with pytest.raises(ValueError, match=r"2 x 3 can't be padded by 3 \+ 0 rows"):
        circular_pad(x, (0, 0, 3, 0))


def test_memory_format_is_kept() -> None:
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    padded = circular_pad(x, (1, 1, 1, 1))
    assert padded.is_contiguous(memory_format=torch.channels_last)
    padded.square().sum().backward()
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(padded, F.pad(x, (1, 1, 1, 1), mode="circular"))
    assert circular_pad(torch.randn(2, 3, 4, 5), (1, 1, 1, 1)).is_contiguous()


LAYERS = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 4, "padding": 1, "stride": 2, "bias": False},
    {"kernel_size": (1, 5), "padding": (0, 2)},
    {"kernel_size": 3, "padding": "same", "dilation": 2},
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1, "stride": 2, "negative_slope": 0.1},
    {"kernel_size": 3, "negative_slope": 0.1},
]


def pair(options: dict) -> tuple[CircularConv2d, nn.Module, Tensor]:
    torch.manual_seed(1)
    ours = CircularConv2d(3, 4, **options).double()
    plain = {name: value for name, value in options.items() if name != "negative_slope"}
    theirs = nn.Conv2d(3, 4, padding_mode="circular", **plain).double()
    theirs.load_state_dict(ours.state_dict())
    if "negative_slope" in options:
        theirs = nn.Sequential(nn.LeakyReLU(options["negative_slope"]), theirs)
    return ours, theirs, torch.randn(2, 3, 6, 8, dtype=torch.float64)


@pytest.mark.parametrize("options", LAYERS)
def test_the_layer_is_torchs_to_second_order(options: dict) -> None:
    ours, theirs, x = pair(options)
    results = []
    for layer in (ours, theirs):
        leaf = x.clone().requires_grad_()
        out = layer(leaf)
        (slope,) = torch.autograd.grad(torch.tanh(out).sum(), leaf, create_graph=True)
        slope.square().sum().backward()
        (weight, *_) = layer.parameters()
        results.append((out, slope, leaf.grad, weight.grad))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-11)


def test_what_a_stride_skips_is_not_padded() -> None:
    layer = CircularConv2d(1, 1, 3, stride=2, padding=1)
    assert layer.around(6, 7) == (1, 1, 1, 0)
    assert CircularConv2d(1, 1, 3, stride=(1, 4), padding=1).around(6, 8) == (1, 0, 1, 1)
    x = torch.randn(1, 1, 6, 7)
    theirs = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), layer.weight, layer.bias, 2)
    torch.testing.assert_close(layer(x), theirs)


def test_autocast_and_channels_last() -> None:
    ours, theirs, x = (each.float() for each in pair(LAYERS[0]))
    ours.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = ours(x)
    assert out.dtype == torch.bfloat16 and out.is_contiguous(memory_format=torch.channels_last)
    out.float().sum().backward()
    assert x.grad.dtype == torch.float32 and ours.weight.grad.dtype == torch.float32
    torch.testing.assert_close(out.float(), theirs(x), rtol=0.05, atol=0.05)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on CPU")
@pytest.mark.parametrize("options", [LAYERS[1], LAYERS[-2]])
def test_compiled_it_gives_the_same(options: dict) -> None:
    ours, theirs, x = pair(options)
    ours.compile(backend="aot_eager")
    results = []
    for layer in (ours, theirs):
        leaf = x.clone().requires_grad_()
        out = layer(leaf)
        out.square().sum().backward()
        (weight, *_) = layer.parameters()
        results.append((out, leaf.grad, weight.grad))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_negative_slope_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="negative_slope is -1"):
        CircularConv2d(1, 1, 3, negative_slope=-1)
