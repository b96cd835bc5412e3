"""SPADE's generator: blocks against stored values, the complete network against plain operations."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_networks import formula_weights, spade_block, spade_generator
from torch import Tensor, nn

from everymode.exchange import load_released, save_released
from everymode.networks.map_planes import MapPlanes
from everymode.networks.spade import (
    SpadeBlock,
    SpadeGenerator,
    spade_doublings,
    spade_spectral_layers,
    spade_widths,
)
from everymode.networks.spade_norm import SpatiallyAdaptiveNorm
from everymode.norms import normalize_weights, spectral_norm

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")
OURS = {
    "conv_0": "conv1",
    "conv_1": "conv2",
    "conv_s": "shortcut",
    "norm_0": "norm1",
    "norm_1": "norm2",
    "norm_s": "norm_shortcut",
    "mlp_shared.0": "shared",
    "mlp_gamma": "gamma",
    "mlp_beta": "beta",
}
NORMAL = "head_0 x2 G_middle_0 G_middle_1 x2 up_0 x2 up_1 x2 up_2 x2 up_3"
MORE = "head_0 x2 G_middle_0 x2 G_middle_1 x2 up_0 x2 up_1 x2 up_2 x2 up_3"


def renamed(name: str) -> str:
    for theirs, ours in OURS.items():
        name = name.replace(theirs, ours)
    return name


def block_of(ins: int, outs: int, hidden: int = 128) -> SpadeBlock:
    layer = partial(SpatiallyAdaptiveNorm, planes=3, hidden=hidden, norm="instance")
    return SpadeBlock(ins, outs, layer).double()


def test_block_and_gradients_are_the_stored_ones() -> None:
    arrays = {
        k.removeprefix("spadeblock_short_"): STORED[k] for k in STORED.files if "spadeblock_short_" in k
    }
    shapes = [tuple(map(int, s.strip("()").rstrip(",").split(","))) for s in arrays["param_shapes"]]
    weights = formula_weights(arrays["param_names"].tolist(), shapes)
    block = block_of(6, 4)
    block.load_state_dict({renamed(name): value for name, value in weights.items()})
    x = torch.from_numpy(arrays["x"]).double().requires_grad_()
    planes = MapPlanes(3).planes(torch.from_numpy(arrays["label"]), None, tuple(x.shape[2:]), torch.float64)
    y = block(x, planes)
    torch.testing.assert_close(y, torch.from_numpy(arrays["y"]), rtol=1e-9, atol=1e-9)
    (y * torch.from_numpy(arrays["upstream"])).sum().backward()
    for gradient, name in (
        (x.grad, "x"),
        (block.conv1.weight.grad, "conv_0_weight"),
        (block.norm2.gamma.bias.grad, "norm_1_gamma_bias"),
    ):
        torch.testing.assert_close(gradient, torch.from_numpy(arrays[f"grad_{name}"]), rtol=1e-9, atol=1e-9)


def test_a_block_of_equal_widths_has_no_layer_on_its_skip() -> None:
    torch.manual_seed(1)
    block = block_of(4, 4, hidden=6)
    weights = dict(block.state_dict())
    inverse = {ours: theirs for theirs, ours in OURS.items()}
    named = {".".join(inverse.get(part, part) for part in name.split(".")): v for name, v in weights.items()}
    x, planes = torch.randn(2, 4, 5, 3).double(), torch.rand(2, 3, 5, 3).double()
    assert not any("shortcut" in name for name in weights)
    torch.testing.assert_close(block(x, planes), spade_block(named, "", x, planes), rtol=1e-12, atol=1e-12)


def filled(generator: SpadeGenerator) -> dict[str, Tensor]:
    """Give the generator the formula's values and return them under the released names."""
    state = {name: v for name, v in save_released(generator, "spade").items() if "running" not in name}
    weights = formula_weights(list(state), [tuple(value.shape) for value in state.values()])
    statistics = {
        name: value.double() for name, value in save_released(generator, "spade").items() if "running" in name
    }
    load_released(generator, weights | statistics, "spade")
    return weights


@pytest.mark.parametrize(
    ("options", "plan", "grid"),
    [
        ({"size": (32, 64), "doublings": 5, "norm": "instance", "hidden": 128}, NORMAL, (1, 2)),
        ({"size": (64, 128), "doublings": 6}, MORE, (1, 2)),
        (
            {"size": (16, 24), "doublings": 3, "kernel": 5},
            "head_0 x2 G_middle_0 x2 G_middle_1 x2 up_0",
            (2, 3),
        ),
    ],
)
def test_generator_agrees_with_plain_operations(options: dict, plan: str, grid: tuple[int, int]) -> None:
    batch = options.get("norm") != "instance"
    generator = SpadeGenerator(3, width=1, **{"hidden": 5, **options}).double()
    weights = filled(generator)
    label = torch.randint(0, 3, (2, 19, 33), generator=torch.Generator().manual_seed(2))
    label[0, :4, :5] = 255
    with torch.no_grad():
        y = generator(None, label)
    axes = (0, 2, 3) if batch else (2, 3)
    expected = spade_generator(weights, label, grid, plan, classes=3, axes=axes)
    assert y.shape == (2, 3, *options["size"]) and y.std() > 0.02
    torch.testing.assert_close(y, expected, rtol=1e-8, atol=1e-8)


def test_edges_void_planes_and_latent_codes_reach_the_pictures() -> None:
    generator = SpadeGenerator(
        2,
        (16, 8),
        width=2,
        doublings=1,
        hidden=4,
        norm="instance",
        encoder=True,
        latent_dim=5,
        extra_channels=1,
        dont_care=True,
    ).double()
    weights = filled(generator)
    random = torch.Generator().manual_seed(3)
    label = torch.randint(0, 2, (2, 16, 8), generator=random)
    label[:, 3:6, 2:5] = 255
    edges = torch.rand(2, 16, 8, generator=random) < 0.3
    z = torch.randn(2, 5, generator=random).double()
    further = torch.stack(((label == 255).double(), edges.double()), 1)
    expected = spade_generator(
        weights, label, (8, 4), "head_0 x2 G_middle_0", classes=2, z=z, further=further
    )
    torch.testing.assert_close(generator(z, (label, edges)), expected, rtol=1e-9, atol=1e-9)
    mean, log_variance = generator.encode(torch.zeros(2, 3, 16, 8).double())
    assert mean.shape == log_variance.shape == (2, 5) and generator.latent_dim == 5
    with pytest.raises(ValueError, match="was given None"):
        generator(None, (label, edges))
    with pytest.raises(ValueError, match="makes"):
        generator(z, (label, edges), (32, 16))


def test_parameter_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        networks = {
            "cityscapes_512x256": SpadeGenerator(35, (256, 512), extra_channels=1),
            "coco_256": SpadeGenerator(182, 256, extra_channels=1, dont_care=True),
            "ade20k_256": SpadeGenerator(150, (256, 256), dont_care=True),
        }
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        assert count == STORED[f"nparams_spade_G_{name}"], name
    assert networks["cityscapes_512x256"].grid == (4, 8) and networks["coco_256"].grid == (8, 8)
    assert networks["coco_256"].latent_dim == 0


def test_depths_and_widths() -> None:
    assert [spade_doublings(size) for size in ((256, 256), (256, 512), (32, 32), (8, 8))] == [5, 6, 2, 1]
    assert spade_widths(64, 6) == spade_widths(64, 5) == (1024, 1024, 1024, 1024, 512, 256, 128, 64)
    assert spade_widths(64, 7)[-2:] == (64, 32) and len(spade_widths(64, 7)) == 9
    assert spade_widths(3, 3) == (24, 24, 12, 6, 3)
    small = SpadeGenerator(4, 32, doublings=3, widths=(6, 6, 5, 4, 3), hidden=3)
    assert small.grid == (4, 4) and small(None, torch.zeros(1, 32, 32).long()).shape == (1, 3, 32, 32)
    assert small(None, torch.zeros(1, 32, 32).long(), (40, 24)).shape == (1, 3, 40, 24)
    with pytest.raises(ValueError, match="pass at least 5 widths"):
        SpadeGenerator(4, 32, doublings=3, widths=(6, 6, 5, 4))
    with pytest.raises(ValueError, match="multiples of 8"):
        SpadeGenerator(4, 36, doublings=3)
    with pytest.raises(ValueError, match="default widths for 8"):
        spade_widths(4, 8)
    with pytest.raises(ValueError, match="no noise"):
        small(torch.zeros(1, 2), torch.zeros(1, 32, 32).long())
    with pytest.raises(ValueError, match="no encoder"):
        small.encode(torch.zeros(1, 3, 32, 32))


def test_spectral_norm_goes_on_the_blocks_convolutions_only() -> None:
    generator = SpadeGenerator(2, 8, doublings=1, widths=(3, 3, 2), hidden=2, encoder=True, latent_dim=4)
    names = {
        name
        for name, layer in generator.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and spade_spectral_layers(name, layer)
    }
    assert names == {
        *("blocks.0.conv1", "blocks.0.conv2", "blocks.1.conv1", "blocks.1.conv2", "blocks.1.shortcut"),
    }
    example = (torch.zeros(1, 4), torch.zeros(1, 8, 8).long())
    normalize_weights(generator, spectral_norm(), *example, include=spade_spectral_layers)
    encoder = generator.encoder
    assert encoder is not None
    normalize_weights(encoder, spectral_norm(), torch.zeros(1, 3, 8, 8), include=spade_spectral_layers)
    ruled = [n for n, m in generator.named_modules() if n.endswith(".parametrizations.weight.0")]
    assert len(ruled) == 5 + len(encoder.convolutions)
