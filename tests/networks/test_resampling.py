"""Fused resampling equals the two steps it stands for, in values and in gradients, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.resampling import (
    CircularDownsampleConv2d,
    DownsampleConv2d,
    UpsampleConv2d,
    four_shifts,
)
from everymode.norms import normalize_weights, spectral_norm


def both(layer: nn.Module, x: Tensor) -> list[tuple[Tensor, ...]]:
    results = []
    for fused in (True, False):
        layer.fused = fused
        leaf = x.clone().requires_grad_()
        out = layer(leaf)
        pull = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
        results.append((out, *torch.autograd.grad((out * pull).sum(), (leaf, *layer.parameters()))))
    return results


@pytest.mark.parametrize("kind", [UpsampleConv2d, DownsampleConv2d])
@pytest.mark.parametrize("size", [(4, 6), (2, 2), (5, 3)])
def test_fused_equals_direct(kind: type[nn.Module], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 4).double()
    fused, direct = both(layer, torch.randn(2, 3, *size, dtype=torch.float64))
    for ours, theirs in zip(fused, direct, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_the_direct_forms_are_doubling_then_convolution_and_convolution_then_means() -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    up, down = UpsampleConv2d(3, 4).double(), DownsampleConv2d(3, 4).double()
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(up(x), F.conv2d(doubled, up.weight, up.bias, padding=1))
    convolved = F.conv2d(x, down.weight, down.bias, padding=1)
    torch.testing.assert_close(down(x), convolved.view(2, 4, 2, 2, 3, 2).mean((3, 5)))


@pytest.mark.parametrize("fused", [True, False])
def test_circular_padding_wraps_around(fused: bool) -> None:
    torch.manual_seed(4)
    layer = CircularDownsampleConv2d(2, 3, fused=fused).double()
    x = torch.randn(2, 2, 4, 6, dtype=torch.float64)
    wrapped = F.pad(x, (1, 1, 1, 1), mode="circular")
    expected = F.avg_pool2d(F.conv2d(wrapped, layer.weight, layer.bias), 2)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)
    assert layer.padding_mode == "circular"


def test_four_shifts_by_hand() -> None:
    kernel = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    # Entry (1, 1) sums rows 0..1 and columns 0..1; the corners keep the kernel's corners.
    wide = four_shifts(kernel, divisor=1)[0, 0]
    assert wide[1, 1] == 1 + 2 + 4 + 5 and wide[0, 0] == 1 and wide[3, 3] == 9 and wide[0, 3] == 3
    assert wide.sum() == 4 * kernel.sum()
    assert torch.equal(four_shifts(kernel, divisor=4)[0, 0], wide / 4)


@pytest.mark.parametrize("kind", [UpsampleConv2d, DownsampleConv2d])
def test_weight_rules_act_on_the_3x3_kernel(kind: type[nn.Module]) -> None:
    torch.manual_seed(2)
    layer = kind(3, 4).double()
    raw = layer.weight.detach().clone()
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    normalize_weights(layer, spectral_norm(), x).eval()
    ratio = raw / layer.weight.detach()
    torch.testing.assert_close(ratio, ratio.flatten()[0].expand_as(ratio))
    fused, direct = both(layer, x)
    for ours, theirs in zip(fused, direct, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_works_under_autocast_and_channels_last() -> None:
    torch.manual_seed(3)
    for kind in (UpsampleConv2d, DownsampleConv2d):
        layer = kind(8, 8)
        x = torch.randn(2, 8, 4, 4)
        expected = layer(x)
        layer.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            out = layer(x.to(memory_format=torch.channels_last))
            out.sum().backward()
        assert out.dtype == torch.bfloat16 and layer.weight.grad is not None
        torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.05)
