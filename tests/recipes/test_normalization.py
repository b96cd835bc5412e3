"""Recipes that compare normalizations: the paper's numbers, what each class puts on the critic, steps on toy data."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from toy_games import toy_data, toy_trainer

from everymode.data.facts import DataFacts
from everymode.game import Game
from everymode.labels.given import NoLabels
from everymode.networks.circular import CircularConv2d
from everymode.norms.conditional import BatchNorm
from everymode.norms.constraints import InPlaceSparsityAware, WeightClipping
from everymode.norms.layer import LayerNorm
from everymode.norms.operator import operator_norm
from everymode.norms.sparsity_aware import SparsityAware, sparsity_aware_sigma
from everymode.norms.spectral import SpectralNorm
from everymode.recipe import Recipe
from everymode.recipes import find, rival_norms, unconditional
from everymode.recipes.san_gan import SparsityAwareBigGAN, SparsityAwareGAN
from everymode.recipes.tables.normalization import NORMALIZATION
from everymode.recipes.unconditional import UnconditionalGAN, numbers_of


def built(recipe: Recipe) -> Game:
    with torch.device("meta"):
        return recipe.build()


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def kinds(network: nn.Module) -> dict[str, type]:
    """Layer -> the parametrization of its weight."""
    return {
        name: type(layer.parametrizations.weight[0])
        for name, layer in network.named_modules()
        if parametrize.is_parametrized(layer, "weight")
    }


def test_numbers_of_the_paper() -> None:
    for name in (
        "san-gan-cnn-cifar10",
        "san-gan-resnet-cifar10",
        "sn-gan-cnn-cifar10",
        "wgan-gp-cnn-cifar10",
    ):
        recipe = find(name)
        assert recipe.steps * recipe.batch_size * recipe.discriminator_steps == 200 * 50_000
        assert (recipe.batch_size, recipe.latent_dim, recipe.discriminator_steps) == (64, 128, 1)
        assert recipe.generator_lr == recipe.discriminator_lr == 2e-4
        assert (recipe.beta1, recipe.beta2, recipe.ema_decay) == (0.5, 0.9, 0.0)
    assert find("san-gan-cnn-stl10").steps * 64 == 200 * 100_000
    sparse, plain = find("san-biggan-cifar10"), find("biggan-cifar10")
    assert isinstance(sparse, SparsityAwareBigGAN) and sparse.circular_padding
    assert replace(sparse, beta1=plain.beta1, name=plain.name, circular_padding=False).as_json() == (
        plain.as_json() | {"gain": 1.0}
    )


def test_parameter_counts_of_the_residual_critics_at_48_pixels() -> None:
    # The paper prints 19.5M and, shortened, 4.8M.
    assert count(built(replace(unconditional.RESNET_STL10)).discriminator) == 19_542_721
    assert count(built(replace(unconditional.RESNET_STL10, shortened=True)).discriminator) == 4_859_073
    recipe = find("san-gan-resnet-stl10")
    assert isinstance(recipe, SparsityAwareGAN) and recipe.shortened
    assert not find("sn-gan-resnet-stl10").shortened


@pytest.mark.parametrize("name", NORMALIZATION)
def test_the_table_names_its_recipes(name: str) -> None:
    recipe = find(name)
    assert recipe.name == name
    if isinstance(recipe, UnconditionalGAN):
        assert recipe.residual == ("resnet" in name) and not recipe.needs_labels()
        game = built(recipe)
        assert isinstance(game.labels, NoLabels)
        layers = [each for each in game.discriminator.modules() if isinstance(each, nn.Conv2d)]
        # What reads a convolution's padding from its attributes (its true norm, say) must see the circle.
        assert all(each.padding_mode == "circular" for each in layers if each.kernel_size == (3, 3))
        assert any(isinstance(each, CircularConv2d) for each in layers)


def test_what_each_class_puts_on_the_critic() -> None:
    def game(kind: type[UnconditionalGAN], **numbers: object) -> Game:
        return kind(**numbers_of(unconditional.CNN_DIGITS.shrunk(), width=2) | numbers).build()

    vanilla = game(UnconditionalGAN)
    assert not kinds(vanilla.discriminator) and vanilla.constraint is None
    assert not vanilla.objective.discriminator_terms
    sparse = kinds(game(SparsityAwareGAN).discriminator)
    assert set(sparse.values()) == {SparsityAware, SpectralNorm}
    assert [name for name, kind in sparse.items() if kind is SpectralNorm] == ["head.linear"]
    assert set(kinds(game(rival_norms.SpectralGAN).discriminator).values()) == {SpectralNorm}
    for kind in (rival_norms.ConvolutionSpectralGAN, rival_norms.ExactSpectralGAN, rival_norms.WeightNormGAN):
        assert len(kinds(game(kind).discriminator)) == 6
    assert isinstance(game(rival_norms.WeightClippingGAN, clip=0.1).constraint, WeightClipping)
    assert isinstance(game(SparsityAwareGAN, in_place=True).constraint, InPlaceSparsityAware)
    penalized = game(rival_norms.GradientPenaltyGAN)
    assert [(term.name, term.weight) for term in penalized.objective.discriminator_terms] == [
        ("gradient_penalty", 10.0)
    ]
    for kind, norm in ((rival_norms.LayerNormGAN, LayerNorm), (rival_norms.BatchNormGAN, BatchNorm)):
        assert sum(isinstance(each, norm) for each in game(kind).discriminator.modules()) == 4


def test_layers_are_divided_by_what_the_recipe_says() -> None:
    torch.manual_seed(0)
    small = unconditional.CNN_DIGITS.shrunk()
    exact = rival_norms.ExactSpectralGAN(**numbers_of(small)).build().discriminator.eval()
    sparse = SparsityAwareGAN(**numbers_of(small), gain=1.1).build().discriminator.eval()
    for grid, first, second in zip((16, 16, 8, 8, 4), exact.convolutions, sparse.convolutions, strict=True):
        assert float(operator_norm(first.weight, (grid, grid))) == pytest.approx(1, rel=1e-4)
        assert float(sparsity_aware_sigma(second.weight.detach(), (grid, grid))) == pytest.approx(
            1 / 1.1, rel=1e-5
        )


def test_san_biggan_keeps_spectral_normalization_outside_the_blocks() -> None:
    critic = find("san-biggan-digits").shrunk().build().discriminator
    found = kinds(critic)
    assert {name.split(".")[0] for name, kind in found.items() if kind is SparsityAware} == {"blocks"}
    assert {name for name, kind in found.items() if kind is SpectralNorm} == {"head.linear", "head.embedding"}
    assert any(isinstance(each, CircularConv2d) for each in critic.modules())
    plain = find("biggan-digits").shrunk().build().discriminator
    assert set(kinds(plain).values()) == {SpectralNorm}
    assert not any(isinstance(each, CircularConv2d) for each in plain.modules())


STEPPING = (
    ("in place", SparsityAwareGAN, {"in_place": True, "interval": 2}),
    ("a subset", SparsityAwareGAN, {"fraction": 0.25, "interval": 2, "momentum": 0.5}),
    ("exact", rival_norms.ExactSpectralGAN, {}),
    ("convolution", rival_norms.ConvolutionSpectralGAN, {}),
    ("weight norm", rival_norms.WeightNormGAN, {}),
    ("orthonormal", rival_norms.OrthonormalGAN, {}),
    ("layer norm", rival_norms.LayerNormGAN, {}),
    ("batch norm", rival_norms.BatchNormGAN, {}),
    ("clipping", rival_norms.WeightClippingGAN, {}),
    ("WGAN-GP", rival_norms.GradientPenaltyGAN, {}),
    ("residual", SparsityAwareGAN, {"residual": True}),
    ("augmented", SparsityAwareGAN, {"augmentation": "translation"}),
)


@pytest.mark.parametrize(("kind", "numbers"), [row[1:] for row in STEPPING], ids=[row[0] for row in STEPPING])
def test_three_steps(kind: type[UnconditionalGAN], numbers: dict[str, object]) -> None:
    small = unconditional.CNN_DIGITS.shrunk()
    data = toy_data(size=16)
    trainer = toy_trainer(kind(**numbers_of(small, width=4) | numbers).for_data(data.facts()), data)
    before = [parameter.detach().clone() for parameter in trainer.game.discriminator.parameters()]
    for _ in range(3):
        trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None and all(math.isfinite(value) for value in means.values())
    after = list(trainer.game.discriminator.parameters())
    assert all(not torch.equal(*pair) for pair in zip(before, after, strict=True) if pair[0].dim() > 1)
    if kind is rival_norms.WeightClippingGAN:
        assert max(float(each.detach().abs().max()) for each in after) <= 0.0100001


def test_numbers_that_make_no_sense() -> None:
    digits = unconditional.CNN_DIGITS
    for name, value, said in (
        ("fraction", 0.0, "fraction is a share"),
        ("gain", 0.0, "gain must be above 0"),
        ("interval", 0, "interval must be at least 1"),
        ("momentum", 1.0, "momentum must be at least 0 and below 1"),
    ):
        with pytest.raises(ValueError, match=said):
            SparsityAwareGAN(**numbers_of(digits), **{name: value})
    with pytest.raises(ValueError, match=r"set momentum to 0, not 0\.5, or in_place to False"):
        SparsityAwareGAN(**numbers_of(digits), momentum=0.5, in_place=True)
    with pytest.raises(ValueError, match="which the residual critic has no place for"):
        rival_norms.BatchNormGAN(**numbers_of(unconditional.RESNET_DIGITS))
    with pytest.raises(ValueError, match="clip must be above 0"):
        rival_norms.WeightClippingGAN(**numbers_of(digits), clip=0.0)
    with pytest.raises(ValueError, match="orthonormal_weight must be 0"):
        rival_norms.OrthonormalGAN(**numbers_of(digits), orthonormal_weight=-1.0)
    with pytest.raises(ValueError, match="penalty_weight must be 0"):
        rival_norms.GradientPenaltyGAN(**numbers_of(digits), penalty_weight=-1.0)
    with pytest.raises(ValueError, match="the Wasserstein loss has no zero of its own"):
        rival_norms.GradientPenaltyGAN(**numbers_of(digits, augmentation="ada"))
    points = DataFacts("ring", 100, (2,), 8, (12,) * 8, 0, "f", ())
    with pytest.raises(ValueError, match="ring holds points"):
        find("san-gan-cnn-digits").for_data(points)
