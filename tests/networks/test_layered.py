"""Layer groups, activations and block features of every networks part, and of layouts that no part's defaults have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from everymode.networks.attention import SelfAttention
from everymode.networks.biggan import BigGANDiscriminator, BigGANGenerator
from everymode.networks.dcgan import DCGANGenerator, DeepDiscriminator
from everymode.networks.heads import ScalarHead
from everymode.networks.implicit import ImplicitHead
from everymode.networks.layered import LayeredDiscriminator, LayeredGenerator
from everymode.networks.mlp import PointDiscriminator, PointGenerator
from everymode.networks.packing import PackedDiscriminator
from everymode.networks.patch import PatchDiscriminator
from everymode.networks.per_generator import PerGeneratorLinear
from everymode.networks.restorer import SRDiscriminator, SRGenerator
from everymode.networks.rrdb import RRDBGenerator
from everymode.networks.spade import SpadeGenerator
from everymode.networks.translator import StarDiscriminator, StarGenerator
from everymode.networks.vgg_discriminator import VGGDiscriminator
from everymode.norms.spectral import SpectralNorm, spectral_norm
from everymode.norms.weight import normalize_weights, prepared_weights
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.catalog import PARTS, part_called

IMAGE_PARTS = [
    name
    for name in PARTS["networks"]
    if name != "points" and part_called("networks", name).conditioned_on == "labels"
]
BIGGAN = {"size": (16, 8), "widths": (8, 16, 8), "latent_dim": 7, "num_classes": 3}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "hierarchical": lambda: BigGANGenerator(**BIGGAN, shared_dim=4, hierarchical=True, attention=(4, 8)),
    "hierarchical without classes": lambda: BigGANGenerator(
        **{**BIGGAN, "num_classes": None}, hierarchical=True
    ),
    "implicit": lambda: BigGANGenerator(**BIGGAN, output=ImplicitHead, shared_dim=4),
    "label blocks": lambda: BigGANGenerator(**{**BIGGAN, "num_classes": (3, 2)}, shared_dim=4),
    "several generators": lambda: DCGANGenerator(
        (8, 8), base=4, num_classes=3, first=partial(PerGeneratorLinear, num_generators=3)
    ),
}


@cache
def pair(name: str) -> tuple[LayeredGenerator, LayeredDiscriminator]:
    """The networks of a part, small, with labels, as a recipe builds them."""
    torch.manual_seed(0)
    base: Recipe = find("omni-gan-cifar10")
    networks = part_called("networks", name)
    small = networks.shrunk(replace(base, networks=networks))
    game = replace(small, num_classes=3, resolution=32, channels=3).build()
    assert isinstance(game.generator, LayeredGenerator) and isinstance(
        game.discriminator, LayeredDiscriminator
    )
    return warmed(game.generator), game.discriminator.eval()


def warmed(generator: LayeredGenerator) -> LayeredGenerator:
    """The generator in eval mode, with statistics of batch normalization that are not those of its constructor."""
    generator(*inputs(generator))
    for module in generator.modules():
        if isinstance(module, SelfAttention):
            nn.init.constant_(module.gamma, 0.5)
    return generator.eval()


def inputs(generator: LayeredGenerator) -> tuple[Tensor, Tensor]:
    sizes = generator.num_classes
    z = torch.randn(3, generator.latent_dim, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 2, 1])
    return z, torch.stack([labels.clamp_max(size - 1) for size in sizes], 1) if isinstance(
        sizes, tuple
    ) else labels


def check_generator(generator: LayeredGenerator) -> None:
    z, labels = inputs(generator)
    images = generator(z, labels)
    activations = generator.activations(z, labels)
    groups = generator.layer_groups()
    assert [name for name, _ in groups] == [
        "linear",
        *(f"block {i}" for i in range(1, len(activations))),
        "head",
    ]
    for i, activation in enumerate(activations):
        assert torch.equal(generator.from_activation(i, activation, labels), images), i
        assert not torch.allclose(generator.from_activation(i, activation * 1.5, labels, z=z), images), i
    grouped = [p for _, parameters in groups for p in parameters] + generator.embedding_parameters()
    assert len(grouped) == len({id(p) for p in grouped})
    assert {id(p) for p in grouped} == {id(p) for p in generator.parameters()}
    # The groups are in the order of the layers: what follows an activation depends on the later groups only.
    middle = len(activations) // 2
    loss = generator.from_activation(middle, activations[middle].detach(), labels, z=z).square().sum()
    used = torch.autograd.grad(loss, grouped, allow_unused=True)
    # (A weight rule computes layers together, so some gradients are zero instead of absent.)
    reached = {
        id(p) for p, gradient in zip(grouped, used, strict=True) if gradient is not None and gradient.any()
    }
    assert not reached & {id(p) for _, group in groups[: middle + 1] for p in group}
    assert {id(p) for _, group in groups[middle + 1 :] for p in group} <= reached


@pytest.mark.parametrize("name", IMAGE_PARTS)
def test_every_part_can_be_entered_at_every_layer(name: str) -> None:
    check_generator(pair(name)[0])


@pytest.mark.parametrize("name", OTHERS)
def test_other_generators_can_too(name: str) -> None:
    torch.manual_seed(0)
    check_generator(warmed(OTHERS[name]()))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", IMAGE_PARTS)
def test_block_features_of_every_part(name: str) -> None:
    _, discriminator = pair(name)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    *blocks, pooled = discriminator.block_features(images)
    with prepared_weights(discriminator):
        assert torch.equal(pooled, discriminator.features(images)) and pooled.dim() == 2
    assert all(block.dim() == 4 for block in blocks)
    assert blocks[-1].shape[2] == 32 // discriminator.stride
    assert blocks[0].shape[2] in (32, 16) and len(blocks) >= 3
    if discriminator.takes_any_size:
        assert discriminator.block_features(images[:, :, :16])[-2].shape[2] == 16 // discriminator.stride


def test_block_features_count_attention_and_are_taken_before_the_activation() -> None:
    torch.manual_seed(0)
    network = BigGANDiscriminator((16, 16), head=ScalarHead, widths=(8, 16), halvings=2, attention=(8,))
    attention = network.attention["0"]
    assert isinstance(attention, SelfAttention)
    nn.init.ones_(attention.gamma)
    x = torch.rand(2, 3, 16, 16)
    first = network.blocks[0](x)
    attended = attention(first)
    second = network.blocks[1](attended)
    expected = (first, attended, second, second.relu().sum((2, 3)))
    for got, wanted in zip(network.block_features(x), expected, strict=True):
        assert torch.equal(got, wanted)
    assert not network.takes_any_size and network.stride == 4


def test_a_weight_rule_computes_once_for_all_layers_and_only_there() -> None:
    torch.manual_seed(0)
    network = normalize_weights(
        DeepDiscriminator((8, 8), head=ScalarHead, base=4), spectral_norm(), torch.zeros(1, 3, 8, 8)
    ).train()
    stored = {name: value.clone() for name, value in network.named_buffers()}
    assert isinstance(network, DeepDiscriminator)
    network.block_features(torch.rand(1, 3, 8, 8))
    after = dict(network.named_buffers())
    assert stored and not any(torch.equal(stored[name], after[name]) for name in stored)
    assert all(module.prepared is None for module in network.modules() if hasattr(module, "prepared"))


def test_layers_of_one_shape_are_normalized_together(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, _ = pair("biggan")
    z, labels = inputs(generator)
    members: list[int] = []
    original = SpectralNorm.normalize_together

    def counted(self: SpectralNorm, group: Any, weights: Any) -> Any:
        members.append(len(group))
        return original(self, group, weights)

    monkeypatch.setattr(SpectralNorm, "normalize_together", counted)
    generator(z, labels)
    expected = members.copy()
    members.clear()
    h = generator.activations(z, labels)[0]
    assert members == expected and max(members) > 1
    members.clear()
    generator.from_activation(0, h, labels)
    assert members == expected


def test_generators_with_an_implicit_head_continue_at_any_size() -> None:
    generator, _ = pair("biggan-implicit")
    z, labels = inputs(generator)
    assert generator.takes_any_size
    h = generator.activations(z, labels)[1]
    assert torch.equal(generator.from_activation(1, h, labels, (20, 13)), generator(z, labels, (20, 13)))


def test_what_has_no_layers_says_so() -> None:
    with pytest.raises(ValueError, match="generator of points"):
        PointGenerator().layer_groups()
    with pytest.raises(ValueError, match="generator of points"):
        PointGenerator().activations(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="generator of points"):
        PointGenerator().from_activation(0, torch.zeros(1, 2))
    with pytest.raises(ValueError, match="discriminator of points"):
        PointDiscriminator(head=ScalarHead).block_features(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="packs of 2 images"):
        PackedDiscriminator(DeepDiscriminator((8, 8), head=ScalarHead, channels=6, base=4), 2).block_features(
            torch.zeros(2, 3, 8, 8)
        )


@pytest.mark.parametrize(
    "generator",
    [
        lambda: SpadeGenerator(3, (16, 16), width=4, doublings=2, hidden=4),
        lambda: StarGenerator(2, width=4, blocks=1),
        lambda: SRGenerator(2, width=4, blocks=1),
        lambda: RRDBGenerator(4, width=4, growth=4, blocks=1),
    ],
)
def test_generators_of_pictures_from_pictures_say_so(generator: Callable[[], nn.Module]) -> None:
    with pytest.raises(ValueError, match="from pictures or label maps"):
        generator().layer_groups()  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: PatchDiscriminator(5, width=4, layers=2, num_classes=2), 5),
        (lambda: PatchDiscriminator(3, width=4, layers=2, scales=1), 3),
        (lambda: StarDiscriminator(2, 16, width=4, layers=2), 3),
        (lambda: SRDiscriminator(16, width=4, halvings=2, hidden=5), 5),
        (lambda: VGGDiscriminator(16, width=4, halvings=2, hidden=5, batch_norm=False), 5),
    ],
)
def test_block_features_of_picture_critics(make: Callable[[], Any], count: int) -> None:
    torch.manual_seed(0)
    critic = make().eval()
    x = torch.rand(2, 3, 16, 16)
    *activations, pooled = critic.block_features(x)
    assert len(activations) + 1 == count
    assert all(each.dim() == 4 for each in activations) and torch.equal(pooled, critic.features(x))


def test_wrong_activations_are_rejected() -> None:
    generator = DCGANGenerator((8, 8), base=4, latent_dim=3)
    with pytest.raises(ValueError, match=r"layers 0 .* to 1"):
        generator.from_activation(2, torch.zeros(1, 4, 8, 8))
    with pytest.raises(ValueError, match=r"pass \[B, 8, H, W\]"):
        generator.from_activation(0, torch.zeros(1, 4, 4, 4))
    with pytest.raises(ValueError, match=r"makes \(8, 8\) only"):
        generator.from_activation(0, torch.zeros(1, 8, 4, 4), size=(9, 9))
    hierarchical = OTHERS["hierarchical"]()
    assert isinstance(hierarchical, BigGANGenerator)
    z, labels = torch.zeros(1, hierarchical.latent_dim), torch.zeros(1, dtype=torch.int64)
    h = hierarchical.activations(z, labels)[1]
    with pytest.raises(ValueError, match="pass z="):
        hierarchical.from_activation(1, h * 2, labels)
