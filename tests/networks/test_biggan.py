"""BigGAN networks: released parameter counts, every size and kind of conditioning, exactness of the fused
form.
"""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from everymode.networks import (
    BigGANDiscriminator,
    BigGANGenerator,
    ClassifierHead,
    ProjectionHead,
    ScalarHead,
    discriminator_layout,
    generator_widths,
    normal_initialization,
    orthogonal_initialization,
)
from everymode.networks.residual import GeneratorBlock
from everymode.norms import normalize_weights, spectral_norm, without_embeddings


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def reached(parameter: nn.Parameter) -> bool:
    """Whether it has a gradient, and no zero one; vectors may, as a bias before batch norm cancels."""
    return parameter.grad is not None and (parameter.dim() < 2 or bool(parameter.grad.any()))


def discriminator_at(
    size: tuple[int, int], base: int, head: object, doublings: int | None = None
) -> nn.Module:
    widths, halvings = discriminator_layout(size, base, doublings=doublings)
    return BigGANDiscriminator(size, head=head, widths=widths, halvings=halvings)


def test_parameter_counts_of_the_released_networks() -> None:
    imagenet = {
        "num_classes": 1000,
        "latent_dim": 120,
        "shared_dim": 128,
        "hierarchical": True,
        "attention": (64,),
    }
    with torch.device("meta"):
        for side, millions in ((128, 70.43), (256, 82.10)):
            widths = generator_widths((side, side), 96)
            generator = BigGANGenerator((side, side), widths=widths, **imagenet)
            assert count(generator) // 10_000 / 100 == millions
        assert generator.latent_dim == 119 and generator.linear.in_features == 17
        small = partial(BigGANGenerator, (32, 32), widths=generator_widths((32, 32)))
        assert count(small(num_classes=10)) == 4_304_387
        assert count(small(num_classes=200)) == 4_888_067
        widths = generator_widths((48, 48), doublings=4)
        assert count(BigGANGenerator((48, 48), widths=widths, num_classes=200)) == 32_993_539
        assert count(discriminator_at((32, 32), 64, partial(ProjectionHead, num_classes=10))) == 4_207_361
        partitions = partial(ProjectionHead, num_classes=200, class_bias=True)
        assert count(discriminator_at((32, 32), 64, partitions)) == 4_256_201
        assert count(discriminator_at((48, 48), 64, partitions, doublings=4)) == 19_747_721


KINDS = {
    "unconditional": {"num_classes": None},
    "tables": {"num_classes": 5},
    "shared": {"num_classes": 5, "shared_dim": 6},
    "hierarchical": {"num_classes": 5, "shared_dim": 6, "hierarchical": True, "attention": (16,)},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(16, 16), (24, 40)])
def test_shapes_ranges_and_gradients(kind: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    options = dict(KINDS[kind])
    if size != (16, 16):
        options.pop("attention", None)
    generator = BigGANGenerator(size, widths=(16, 16, 8), latent_dim=12, channels=1, **options)
    for module in generator.modules():
        if getattr(module, "gamma", None) is not None:
            nn.init.ones_(module.gamma)
    z, labels = torch.randn(5, 12), torch.arange(5)
    images = generator(z, labels)
    assert images.shape == (5, 1, *size) and images.abs().max() <= 1
    images.square().sum().backward()
    assert all(map(reached, generator.parameters()))
    assert generator(z[:1], labels[:1], size=size).shape == (1, 1, *size)
    assert (generator.eval()(z[:1], labels[:1]) - generator(z[:1], labels[1:2])).any() == (
        kind != "unconditional"
    )


def test_discriminator_verdict_features_and_gradients() -> None:
    torch.manual_seed(1)
    discriminator = BigGANDiscriminator(
        (16, 24),
        head=partial(ProjectionHead, num_classes=5),
        class_head=partial(ClassifierHead, num_outputs=5),
        widths=(8, 16, 16),
        halvings=2,
        channels=4,
        attention=(8,),
    )
    nn.init.ones_(discriminator.attention["0"].gamma)
    images, labels = torch.randn(5, 4, 16, 24), torch.arange(5)
    verdict = discriminator(images, labels)
    assert verdict.scores[0].shape == (5, 1) and verdict.classes.shape == (5, 5)
    assert torch.equal(discriminator.features(images), verdict.features[-1])
    placed = discriminator.unpooled_features(images)
    assert placed.shape == (5, 16 * 4 * 6)
    torch.testing.assert_close(placed.unflatten(1, (16, -1)).sum(2), discriminator.features(images))
    (verdict.scores[0].sum() + verdict.classes.square().sum()).backward()
    assert all(map(reached, discriminator.parameters()))
    # One row at a time gives the same: nothing in it mixes the batch.
    torch.testing.assert_close(discriminator(images[:1], labels[:1]).scores[0], verdict.scores[0][:1])


def fused_and_direct() -> list[tuple[nn.Module, nn.Module]]:
    torch.manual_seed(2)
    generator = BigGANGenerator((16, 8), widths=(8, 8, 4), num_classes=3, latent_dim=6).double()
    discriminator = BigGANDiscriminator(
        (16, 8), head=partial(ProjectionHead, num_classes=3), widths=(8, 8, 8), halvings=2
    ).double()
    pairs = []
    for network in (generator, discriminator):
        direct = copy.deepcopy(network)
        for module in direct.modules():
            if hasattr(module, "fused"):
                module.fused = False
            if hasattr(module, "pool_first"):
                module.pool_first = not module.activate_first
        pairs.append((network, direct))
    return pairs


def test_fused_networks_equal_direct_ones() -> None:
    (generator, plain_generator), (discriminator, plain_discriminator) = fused_and_direct()
    z, labels = torch.randn(3, 6, dtype=torch.float64), torch.tensor([0, 2, 1])
    results = []
    for make, judge in ((generator, discriminator), (plain_generator, plain_discriminator)):
        scores = judge(make(z, labels), labels).scores[0]
        scores.square().sum().backward()
        results.append([scores, *(parameter.grad for net in (make, judge) for parameter in net.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_gradient_penalty_through_attention_resampling_and_spectral_norm() -> None:
    torch.manual_seed(6)
    results = []
    made = BigGANDiscriminator((8, 8), head=ScalarHead, widths=(8, 8), halvings=2, attention=(4,)).double()
    nn.init.ones_(made.attention["0"].gamma)
    normalize_weights(made, spectral_norm(), torch.zeros(1, 3, 8, 8, dtype=torch.float64))
    plain = copy.deepcopy(made)
    plain.blocks[0].conv2.fused = plain.blocks[1].conv2.fused = plain.blocks[1].pool_first = False
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    for discriminator in (made, plain):
        (slope,) = torch.autograd.grad(discriminator(x).scores[0].sum(), x, create_graph=True)
        slope.square().sum().backward()
        results.append([p.grad for p in discriminator.parameters() if p.grad is not None])
    assert len(results[0]) > 10
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_fused_argument_reaches_every_block() -> None:
    generator = BigGANGenerator((8, 8), widths=(8, 8), num_classes=None, fused=False)
    assert not generator.blocks[0].fused and not generator.blocks[0].conv1.fused
    discriminator = BigGANDiscriminator((8, 8), head=ScalarHead, widths=(8, 8), halvings=2, fused=False)
    assert discriminator.blocks[0].pool_first and not discriminator.blocks[1].pool_first
    assert not discriminator.blocks[1].conv2.fused


def test_bfloat16_autocast_with_channels_last_and_spectral_norm() -> None:
    torch.manual_seed(3)
    generator = BigGANGenerator((8, 8), widths=(16, 16), num_classes=3, latent_dim=6)
    discriminator = BigGANDiscriminator(
        (8, 8), head=partial(ProjectionHead, num_classes=3), widths=(16, 16), halvings=1
    )
    z, labels = torch.randn(4, 6), torch.tensor([0, 2, 1, 1])
    normalize_weights(generator, spectral_norm(), z, labels, include=without_embeddings)
    normalize_weights(discriminator, spectral_norm(), torch.zeros(1, 3, 8, 8), labels[:1])
    exact = discriminator.eval()(generator(z, labels), labels).scores[0]
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)
    generator.blocks[0].norm1.running_mean.zero_()
    with torch.autocast("cpu", torch.bfloat16):
        images = generator(z, labels)
        scores = discriminator(images, labels).scores[0]
    scores.float().sum().backward()
    torch.testing.assert_close(scores.float(), exact, rtol=0.1, atol=0.1)
    parameters = [*generator.parameters(), *discriminator.parameters()]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in parameters)
    assert all(parameter.grad.dtype == torch.float32 for parameter in parameters)


def test_a_float_condition_is_the_shared_embedding() -> None:
    generator = BigGANGenerator((8, 8), widths=(8, 8), num_classes=3, latent_dim=6, shared_dim=4).eval()
    z, labels = torch.randn(2, 6), torch.tensor([2, 0])
    torch.testing.assert_close(generator(z, generator.shared(labels)), generator(z, labels))


def test_latent_chunks_feed_their_own_block() -> None:
    torch.manual_seed(4)
    generator = BigGANGenerator(
        (16, 16), widths=(8, 8, 8), num_classes=3, latent_dim=8, shared_dim=4, hierarchical=True
    )
    assert generator.latent_dim == 6
    seen: list[Tensor] = []
    for block in generator.blocks:
        assert isinstance(block, GeneratorBlock)
        block.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    z = torch.arange(12.0).view(2, 6)
    generator(z, torch.tensor([0, 1]))
    assert torch.equal(seen[0][:, 4:], z[:, 2:4]) and torch.equal(seen[1][:, 4:], z[:, 4:6])


def test_mistakes_are_refused_with_the_next_step() -> None:
    make = partial(BigGANGenerator, widths=(16, 16, 8), num_classes=5)
    with pytest.raises(
        ValueError, match=r"multiples of 4; the nearest sizes that work: \(16, 28\) and \(20, 28\)"
    ):
        make((18, 28))
    with pytest.raises(ValueError, match=r"attention is requested at \[32\].*choose among \[8, 16\]"):
        make((16, 16), attention=(32,))
    with pytest.raises(ValueError, match="give shared_dim too"):
        make((16, 16), hierarchical=True)
    with pytest.raises(ValueError, match="needs classes"):
        BigGANGenerator((16, 16), widths=(8, 8), num_classes=None, shared_dim=4)
    with pytest.raises(ValueError, match="multiple of 8"):
        BigGANGenerator((16, 16), widths=(8, 12, 4), num_classes=None, attention=(8,))
    generator = make((16, 16))
    z, labels = torch.randn(2, 128), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"makes \(16, 16\) only"):
        generator(z, labels, size=(32, 32))
    with pytest.raises(ValueError, match="pass int64 labels"):
        generator(z, None)
    with pytest.raises(ValueError, match=r"takes \[B, 128\]"):
        generator(z[:, :5], labels)
    with pytest.raises(ValueError, match="at most 7"):
        generator_widths((1024, 1024), doublings=8)


def test_layouts_of_sizes_between_the_released_ones() -> None:
    assert generator_widths((32, 64), 64) == (256,) * 4
    assert generator_widths((28, 28), 8) == (32,) * 3
    assert generator_widths((96, 128), 32) == (512, 512, 256, 128, 64)
    assert discriminator_layout((28, 28), 8) == ((32,) * 4, 2)
    assert discriminator_layout((256, 256), 1) == ((1, 2, 4, 8, 8, 16, 16), 6)


@pytest.mark.parametrize("initialize", [normal_initialization, orthogonal_initialization])
def test_initialized_networks_start_finite(initialize: object) -> None:
    torch.manual_seed(5)
    generator = initialize(BigGANGenerator((16, 16), widths=(16, 16, 16), num_classes=3))
    discriminator = initialize(
        BigGANDiscriminator(
            (16, 16), head=partial(ProjectionHead, num_classes=3), widths=(16, 16), halvings=2
        )
    )
    labels = torch.tensor([0, 1])
    assert discriminator(generator(torch.randn(2, 128), labels), labels).scores[0].isfinite().all()


def test_attention_may_follow_several_blocks_of_one_size() -> None:
    build = partial(BigGANDiscriminator, (32, 32), head=ScalarHead, widths=(8, 8, 16, 16), halvings=2)
    first, both = build(attention=(8,)), build(attention=(8, 16, 8))
    assert list(first.attention) == ["1"] and sorted(both.attention) == ["0", "1", "2"]
    assert both(torch.zeros(2, 3, 32, 32)).scores[0].isfinite().all()
    assert sorted(build(attention=(16, 8, 8, 8)).attention) == ["0", "1", "2", "3"], "after every block"
    with pytest.raises(ValueError, match="after 4 blocks whose output has side 8, and there are 3"):
        build(attention=(8, 8, 8, 8))
