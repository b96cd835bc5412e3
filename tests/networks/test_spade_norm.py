"""Spatially-adaptive normalization against the stored values of the released layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from plain_networks import spade_layer, standard

from everymode.networks.map_planes import MapPlanes
from everymode.networks.spade_norm import SpatiallyAdaptiveNorm
from everymode.norms import synchronize_batch_norm

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")
PARTS = {"shared_0": "shared", "gamma": "gamma", "beta": "beta"}


def stored(name: str) -> torch.Tensor:
    return torch.from_numpy(STORED[f"spade_inst_{name}"]).double()


def test_layer_and_gradients_are_the_stored_ones() -> None:
    layer = SpatiallyAdaptiveNorm(6, 4, kernel=int(STORED["spade_inst_cfg"][0]), norm="instance").double()
    with torch.no_grad():
        for theirs, ours in PARTS.items():
            for leaf in ("weight", "bias"):
                getattr(getattr(layer, ours), leaf).copy_(stored(f"{theirs}_{leaf}"))
    x = stored("x").requires_grad_()
    label = stored("label").long()
    maps = MapPlanes(4)
    y = layer(x, maps.planes(label, None, tuple(label.shape[1:]), torch.float64))
    torch.testing.assert_close(y, stored("y"), rtol=1e-9, atol=1e-9)
    again = layer(x, maps.planes(label, None, tuple(x.shape[2:]), torch.float64))
    assert torch.equal(y, again)  # the planes are resized alike before and after they are made
    (y * stored("upstream")).sum().backward()
    torch.testing.assert_close(x.grad, stored("grad_x"), rtol=1e-9, atol=1e-9)
    for theirs, ours in PARTS.items():
        for leaf in ("weight", "bias"):
            gradient, expected = getattr(getattr(layer, ours), leaf).grad, stored(f"grad_{theirs}_{leaf}")
            torch.testing.assert_close(gradient[: len(expected)], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_batch_statistics_in_training_and_their_averages_in_eval_mode(kernel: int) -> None:
    torch.manual_seed(0)
    layer = SpatiallyAdaptiveNorm(5, 4, hidden=7, kernel=kernel).double()
    weights = {
        name.replace("shared", "n.mlp_shared.0")
        .replace("gamma", "n.mlp_gamma")
        .replace("beta", "n.mlp_beta"): v
        for name, v in layer.named_parameters()
    }
    assert not [name for name, _ in layer.named_parameters() if name.startswith("norm.")]
    x, planes = torch.randn(3, 5, 4, 5).double() * 2 + 1, torch.rand(3, 4, 4, 5).double()
    torch.testing.assert_close(
        layer(x, planes), spade_layer(weights, "n", x, planes, (0, 2, 3)), rtol=1e-12, atol=1e-12
    )
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=1)
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * mean)
    torch.testing.assert_close(layer.norm.running_var, 0.9 + 0.1 * variance)
    expected = (x - 0.1 * mean[:, None, None]) / (0.9 + 0.1 * variance + 1e-5).sqrt()[:, None, None]
    # What stands in for x is normalized by the averages, so compare the quotient of two inputs' results.
    slope = (layer.eval()(x, planes) - layer(torch.zeros_like(x), planes)) / (
        expected - (0 - 0.1 * mean[:, None, None]) / (0.9 + 0.1 * variance + 1e-5).sqrt()[:, None, None]
    )
    hidden = layer.shared(planes).relu()
    torch.testing.assert_close(slope, 1 + layer.gamma(hidden), rtol=1e-9, atol=1e-9)


def test_a_small_variance_is_raised_by_epsilon_not_clamped() -> None:
    layer = SpatiallyAdaptiveNorm(1, 1, hidden=1).double()
    torch.nn.init.zeros_(layer.gamma.weight)
    torch.nn.init.zeros_(layer.gamma.bias)
    torch.nn.init.zeros_(layer.beta.weight)
    torch.nn.init.zeros_(layer.beta.bias)
    x = torch.tensor([1.0, -1.0]).double().reshape(1, 1, 1, 2) * 2e-3  # variance 4e-6
    torch.testing.assert_close(layer(x, torch.zeros(1, 1, 1, 2).double()), standard(x, (0, 2, 3)))
    assert synchronize_batch_norm(layer).norm.synchronize


def test_other_kernels_and_norms_are_rejected() -> None:
    with pytest.raises(ValueError, match="kernel is 4"):
        SpatiallyAdaptiveNorm(2, 2, kernel=4)
    with pytest.raises(ValueError, match="norm is 'layer'"):
        SpatiallyAdaptiveNorm(2, 2, norm="layer")
