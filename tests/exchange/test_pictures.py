"""Released weights of networks on pictures and label maps: names, spectral norm, dropped buffers, round trips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from plain_networks import Weights, patch_scores, spade_generator
from torch import Tensor, nn

from everymode.exchange import load_released, save_released
from everymode.networks.patch import PatchDiscriminator, patch_spectral_layers
from everymode.networks.restorer import SRDiscriminator, SRGenerator
from everymode.networks.rrdb import RRDBGenerator
from everymode.networks.spade import SpadeGenerator, spade_spectral_layers
from everymode.networks.spade_encoder import SpadeEncoder
from everymode.networks.translator import StarDiscriminator, StarGenerator
from everymode.networks.vgg_discriminator import VGGDiscriminator
from everymode.norms import normalize_weights, sparsity_aware_norm, spectral_norm

NETWORKS: dict[str, tuple[str, Callable[[], nn.Module], set[str]]] = {
    "spade generator": (
        "spade",
        partial(SpadeGenerator, 3, (16, 8), width=2, doublings=1, hidden=4),
        {
            *("fc.weight", "conv_img.bias", "head_0.conv_0.weight", "head_0.norm_1.mlp_shared.0.bias"),
            *("G_middle_0.conv_s.weight", "G_middle_0.norm_s.mlp_gamma.weight"),
            "G_middle_0.norm_0.param_free_norm.running_mean",
        },
    ),
    "spade encoder": (
        "spade",
        partial(SpadeEncoder, 3, width=2, resolution=16),
        {"layer1.0.weight", "layer2.0.weight", "fc_mu.weight", "fc_mu.bias", "fc_var.weight", "fc_var.bias"},
    ),
    "patch critic": (
        "spade",
        partial(PatchDiscriminator, 5, width=2, layers=2, num_classes=2, instance_norm=True),
        {
            *("discriminator_0.model0.0.weight", "discriminator_0.model0.0.bias"),
            *("discriminator_1.model1.0.0.weight", "discriminator_1.model2.0.bias"),
        },
    ),
    "star generator": (
        "stargan",
        partial(StarGenerator, 3, width=2, blocks=2, downsamplings=1),
        {
            "main.0.weight",
            "main.1.bias",
            "main.4.weight",
            "main.7.main.4.bias",
            "main.8.weight",
            "main.11.weight",
        },
    ),
    "star critic": (
        "stargan",
        partial(StarDiscriminator, 3, 16, width=2, layers=2),
        {"main.0.weight", "main.0.bias", "main.2.weight", "main.2.bias", "conv1.weight", "conv2.weight"},
    ),
    "srresnet": (
        "srresnet",
        partial(SRGenerator, 4, width=2, blocks=2),
        {"conv_first.weight", "body.1.conv2.bias", "upconv2.weight", "conv_hr.bias", "conv_last.weight"},
    ),
    "rrdb": (
        "esrgan",
        partial(RRDBGenerator, 4, width=2, growth=1, blocks=2),
        {
            "conv_first.bias",
            "body.1.rdb3.conv5.weight",
            "conv_body.bias",
            "conv_up2.weight",
            "conv_last.bias",
        },
    ),
    "vgg critic": (
        "esrgan",
        partial(VGGDiscriminator, 8, width=2, halvings=2, hidden=3),
        {
            "conv0_0.bias",
            "conv1_1.weight",
            "bn0_1.weight",
            "bn1_1.running_var",
            "linear1.bias",
            "linear2.weight",
        },
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_round_trip_keeps_every_tensor_and_its_released_name(kind: str) -> None:
    layout, build, names = NETWORKS[kind]
    network = build().double()
    saved = save_released(network, layout)
    assert names <= saved.keys(), names - saved.keys()
    assert len(saved) == len(network.state_dict())
    again = load_released(build(), {f"module.{name}": value for name, value in saved.items()}, layout)
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float64 and torch.equal(again.state_dict()[name], value), name
    missing = dict(saved)
    missing.pop(min(names))
    before = {name: value.clone() for name, value in again.state_dict().items()}
    with pytest.raises(ValueError, match="missing"):
        load_released(again, missing, layout)
    with pytest.raises(ValueError, match=r"unknown.*surprise"):
        load_released(again, {**saved, "surprise": torch.zeros(1)}, layout)
    assert all(torch.equal(value, before[name]) for name, value in again.state_dict().items())


def with_spectral_norm(state: Weights, names: list[str]) -> tuple[Weights, Weights]:
    """Return a released state in which these weights are stored with vectors, and the weights of eval mode."""
    random = torch.Generator().manual_seed(5)
    state, effective = dict(state), dict(state)
    for name in names:
        weight = state.pop(name)
        u, v = (torch.randn(n, generator=random).double() for n in (len(weight), weight[0].numel()))
        u, v = u / u.norm(), v / v.norm()
        state |= {f"{name}_orig": weight, f"{name}_u": u, f"{name}_v": v}
        effective[name] = weight / (u @ weight.flatten(1) @ v)
    return state, effective


def test_weights_under_torchs_spectral_norm_act_as_in_the_released_eval_mode() -> None:
    torch.manual_seed(0)
    build = NETWORKS["spade generator"][1]
    state = save_released(build().double(), "spade")
    normalized = [n for n in state if n.endswith(("conv_0.weight", "conv_1.weight", "conv_s.weight"))]
    assert len(normalized) == 5
    state, effective = with_spectral_norm(state, normalized)
    label = torch.randint(0, 3, (1, 16, 8))
    generator = load_released(build(), state, "spade").eval()
    ours = generator(None, label)
    reference = load_released(build(), effective, "spade").eval()
    torch.testing.assert_close(ours, reference(None, label), rtol=1e-9, atol=1e-9)
    train = spade_generator(effective, label, (8, 4), "head_0 x2 G_middle_0", classes=3, axes=(0, 2, 3))
    torch.testing.assert_close(generator.train()(None, label), train, rtol=1e-9, atol=1e-9)


def test_the_critics_weights_under_spectral_norm() -> None:
    torch.manual_seed(0)
    build = NETWORKS["patch critic"][1]
    plain = save_released(build().double(), "spade")
    state, effective = with_spectral_norm(plain, [n for n in plain if ".model1.0.0." in n])
    critic = load_released(build(), state, "spade")
    x, label = torch.randn(1, 3, 12, 12).double(), torch.zeros(1, 12, 12).long()
    planes = torch.tensor([1.0, 0]).double()[:, None, None].expand(1, 2, 12, 12)
    expected = patch_scores(effective, torch.cat((planes, x), 1), layers=2)
    torch.testing.assert_close(critic(x, label).scores[1], expected[1][-1], rtol=1e-9, atol=1e-9)

    ruled = normalize_weights(build().double(), spectral_norm(), x, label, include=patch_spectral_layers)
    load_released(ruled, state, "spade").eval()
    saved = save_released(ruled, "spade")
    assert saved.keys() == state.keys()
    for name, value in state.items():
        if name.endswith("_v"):
            base = name.removesuffix("_v")
            v = state[f"{base}_u"] @ state[f"{base}_orig"].flatten(1)
            torch.testing.assert_close(saved[name], v / v.norm())
        else:
            assert torch.equal(saved[name], value), name
    with pytest.raises(ValueError, match="hold no weight_orig and weight_u"):
        load_released(ruled, plain, "spade")


def test_a_generator_under_spectral_norm_and_its_encoder() -> None:
    torch.manual_seed(0)
    build = partial(SpadeGenerator, 3, 8, width=2, doublings=1, hidden=4, encoder=True, latent_dim=3)
    generator = build()
    example = (torch.zeros(1, 3), torch.zeros(1, 8, 8).long())
    normalize_weights(generator, spectral_norm(), *example, include=spade_spectral_layers)
    assert generator.encoder is not None
    normalize_weights(
        generator.encoder, spectral_norm(), torch.zeros(1, 3, 8, 8), include=spade_spectral_layers
    )
    saved, of_encoder = save_released(generator, "spade"), save_released(generator.encoder, "spade")
    assert "head_0.conv_0.weight_orig" in saved and "layer1.0.weight_u" in of_encoder
    assert not any("layer" in name or "encoder" in name for name in saved)
    other = build()
    before = [parameter.clone() for parameter in other.encoder.parameters()]
    load_released(other, saved, "spade")
    assert all(map(torch.equal, before, other.encoder.parameters()))
    load_released(other.encoder, of_encoder, "spade")
    assert torch.equal(other.encoder.mean.weight, generator.encoder.mean.weight)


def test_running_statistics_and_counters_are_dropped() -> None:
    generator = StarGenerator(2, width=2, blocks=1)
    state = save_released(generator, "stargan")
    extra: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith("bias"):
            norm = name.removesuffix(".bias")
            extra |= {f"{norm}.running_mean": value + 3, f"{norm}.running_var": value + 9}
            extra[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    assert len(extra) == 3 * 7
    x, attributes = torch.randn(1, 3, 8, 8), torch.ones(1, 2)
    expected = generator.eval()(None, (x, attributes))
    other = load_released(StarGenerator(2, width=2, blocks=1), state | extra, "stargan").eval()
    assert torch.equal(other(None, (x, attributes)), expected)
    assert save_released(other, "stargan").keys() == state.keys()
    critic = NETWORKS["vgg critic"][1]()
    state = save_released(critic, "esrgan")
    load_released(critic, {**state, "bn0_1.num_batches_tracked": torch.tensor(4)}, "esrgan")


def test_names_of_the_first_esrgan_release_load_too() -> None:
    generator = RRDBGenerator(4, width=2, growth=1, blocks=1)
    state = save_released(generator, "esrgan")
    older = {}
    for name, value in state.items():
        for new, old in (
            ("body.", "RRDB_trunk."),
            ("rdb", "RDB"),
            ("conv_body", "trunk_conv"),
            ("conv_up", "upconv"),
            ("conv_hr", "HRconv"),
        ):
            name = name.replace(new, old) if not name.startswith("conv_body") or old == "trunk_conv" else name
        older[name] = value
    assert "RRDB_trunk.0.RDB1.conv1.weight" in older and "HRconv.bias" in older and "trunk_conv.bias" in older
    other = load_released(RRDBGenerator(4, width=2, growth=1, blocks=1), older, "esrgan")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in generator.state_dict().items())


def test_networks_and_layouts_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="is a SRDiscriminator"):
        save_released(SRDiscriminator(16, width=2), "srresnet")
    with pytest.raises(ValueError, match="has weights of StarGenerator, StarDiscriminator"):
        load_released(SRGenerator(2, width=2, blocks=1), {}, "stargan")
    with pytest.raises(ValueError, match="has weights of BigGANs"):
        load_released(SRGenerator(2, width=2, blocks=1), {})
    with pytest.raises(ValueError, match="'esrgan'"):
        load_released(SRGenerator(2, width=2, blocks=1), {}, "other")
    critic = PatchDiscriminator(3, width=2, layers=2)
    normalize_weights(critic, sparsity_aware_norm(), torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match="a weight normalization that the released code"):
        save_released(critic, "spade")
