"""Circular padding: torch's own, in values, gradients of both orders, layouts and precisions."""

from __future__ import annotations

import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d, circular_pad

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


def test_none_is_none_and_too_much_is_refused() -> None:
    x = torch.randn(1, 1, 2, 3)
    assert circular_pad(x, (0, 0, 0, 0)) is x
    with pytest.raises(ValueError, match=r"2 x 3 can't be continued by 3 \+ 0 rows"):
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
]


def pair(options: dict) -> tuple[CircularConv2d, nn.Conv2d, Tensor]:
    torch.manual_seed(1)
    ours = CircularConv2d(3, 4, **options).double()
    theirs = nn.Conv2d(3, 4, padding_mode="circular", **options).double()
    theirs.load_state_dict(ours.state_dict())
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
        results.append((out, slope, leaf.grad, layer.weight.grad))
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
def test_compiled_it_gives_the_same() -> None:
    ours, theirs, x = pair(LAYERS[1])
    ours.compile(backend="aot_eager")
    for layer in (ours, theirs):
        layer(x).square().sum().backward()
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
