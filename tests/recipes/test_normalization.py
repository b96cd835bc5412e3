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
from everymode.norms import compensation
from everymode.norms.conditional import BatchNorm
from everymode.norms.constraints import InPlaceSparsityAware, WeightClipping
from everymode.norms.layer import LayerNorm
from everymode.norms.operator import operator_norm
from everymode.norms.sparsity_aware import SparsityAware as SparsityAwareRule
from everymode.norms.sparsity_aware import sparsity_aware_sigma
from everymode.norms.spectral import SpectralNorm
from everymode.part import Norm
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find, unconditional
from everymode.recipes.parts import norms
from everymode.recipes.parts.plain_losses import Wasserstein
from everymode.recipes.parts.standard_networks import Standard
from everymode.recipes.san_gan import SparsityAware

MODULES = [f"everymode.recipes.{name}" for name in ("unconditional", "rival_norms", "san_gan")]
NORMALIZATION = [name for name, (module, _, _) in RECIPES.items() if module in MODULES]


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
    assert len(NORMALIZATION) == 35
    for name in (
        "san-gan-cnn-cifar10",
        "san-gan-resnet-cifar10",
        "sn-gan-cnn-cifar10",
        "wgan-gp-cnn-cifar10",
    ):
        recipe = find(name)
        assert recipe.steps * recipe.batch_size * recipe.discriminator_steps == 200 * 50_000
        assert (recipe.batch_size, recipe.networks.latent_dim, recipe.discriminator_steps) == (64, 128, 1)
        assert recipe.generator_lr == recipe.discriminator_lr == 2e-4
        assert (recipe.beta1, recipe.beta2, recipe.ema_decay) == (0.5, 0.9, 0.0)
    assert find("san-gan-cnn-stl10").steps * 64 == 200 * 100_000
    sparse, plain = find("san-biggan-cifar10"), find("biggan-cifar10")
    assert sparse.norm == SparsityAware(where="blocks") and sparse.networks.circular_padding
    assert (sparse.norm.gain, sparse.norm.spectral_epsilon) == (1.0, plain.norm.spectral_epsilon)
    back = {"beta1": plain.beta1, "name": plain.name, "circular_padding": False, "norm": plain.norm}
    assert sparse.with_numbers(**back) == plain


@pytest.mark.parametrize("in_place", [False, True])
def test_a_stated_compensation_replaces_that_of_the_formula(in_place: bool) -> None:
    """The paper multiplies the largest value of the drawn kernels by g, and nothing else."""
    small = unconditional.CNN_DIGITS.with_numbers(width=4)
    networks = {}
    for value in (None, 1.3):
        norm = SparsityAware(fraction=0.25, compensation=value, gain=1.1, in_place=in_place)
        networks[value] = replace(small, norm=norm).build()
    formula, stated = (_factors(networks[value], in_place) for value in (None, 1.3))
    assert len(formula) > 3
    for name, (count, factor) in stated.items():
        assert factor * (compensation(count, 0.25) if count else 1.0) == pytest.approx(
            1.1 * (1.3 if count else 1.0)
        )
        assert formula[name][1] == pytest.approx(1.1)
    assert find("san-spade-textures").norm == SparsityAware(fraction=0.25, compensation=1.3)
    with pytest.raises(ValueError, match="compensation must be above 0"):
        SparsityAware(compensation=0.0)


def _factors(game: Game, in_place: bool) -> dict[str, tuple[int, float]]:
    """Layer -> (kernels, factor of the divisor beside the formula's); linear layers have no kernels."""
    found = {}
    for name, layer in game.discriminator.named_modules():
        if in_place and name in game.constraint.gains:
            weight, factor = layer.weight, game.constraint.gains[name]
        elif not in_place and isinstance(layer, nn.Conv2d):
            weight, factor = layer.weight, layer.parametrizations.weight[0].gain
        else:
            continue
        found[name] = (weight.shape[0] * weight.shape[1] if weight.dim() == 4 else 0, factor)
    return found


def test_parameter_counts_of_the_residual_critics_at_48_pixels() -> None:
    # The paper prints 19.5M and, shortened, 4.8M.
    whole = unconditional.RESNET_STL10
    assert count(built(whole).discriminator) == 19_542_721
    assert count(built(whole.with_numbers(shortened=True)).discriminator) == 4_859_073
    recipe = find("san-gan-resnet-stl10")
    assert isinstance(recipe.norm, SparsityAware) and recipe.networks.shortened
    assert not find("sn-gan-resnet-stl10").networks.shortened


@pytest.mark.parametrize("name", NORMALIZATION)
def test_the_table_names_its_recipes(name: str) -> None:
    recipe = find(name)
    assert recipe.name == name
    if isinstance(recipe.networks, Standard):
        assert recipe.networks.residual == ("resnet" in name) and not recipe.needs_labels()
        game = built(recipe)
        assert isinstance(game.labels, NoLabels)
        layers = [each for each in game.discriminator.modules() if isinstance(each, nn.Conv2d)]
        # What reads a convolution's padding from its attributes (its true norm, say) must see the circle.
        assert all(each.padding_mode == "circular" for each in layers if each.kernel_size == (3, 3))
        assert any(isinstance(each, CircularConv2d) for each in layers)


def test_what_each_norm_puts_on_the_critic() -> None:
    def game(norm: Norm, **numbers: object) -> Game:
        small = unconditional.CNN_DIGITS.shrunk()
        return small.with_numbers(norm=norm, width=2, **numbers).build()

    vanilla = game(norms.NoNorm())
    assert not kinds(vanilla.discriminator) and vanilla.constraint is None
    assert not vanilla.objective.discriminator_terms
    sparse = kinds(game(SparsityAware()).discriminator)
    assert set(sparse.values()) == {SparsityAwareRule, SpectralNorm}
    assert [name for name, kind in sparse.items() if kind is SpectralNorm] == ["head.linear"]
    assert set(kinds(game(norms.Spectral()).discriminator).values()) == {SpectralNorm}
    for norm in (
        norms.Spectral(estimate="convolution"),
        norms.Spectral(estimate="exact"),
        norms.WeightNorm(),
    ):
        assert len(kinds(game(norm).discriminator)) == 6
    assert isinstance(game(norms.WeightClipping(clip=0.1)).constraint, WeightClipping)
    assert isinstance(game(SparsityAware(in_place=True)).constraint, InPlaceSparsityAware)
    penalized = game(norms.NoNorm(), loss=Wasserstein(), penalty_weight=10.0)
    assert [(term.name, term.weight) for term in penalized.objective.discriminator_terms] == [
        ("gradient_penalty", 10.0)
    ]
    for norm, layer in ((norms.LayerNorm(), LayerNorm), (norms.BatchNorm(), BatchNorm)):
        assert sum(isinstance(each, layer) for each in game(norm).discriminator.modules()) == 4


def test_layers_are_divided_by_what_the_recipe_says() -> None:
    torch.manual_seed(0)
    small = unconditional.CNN_DIGITS.shrunk()
    exact = replace(small, norm=norms.Spectral(estimate="exact")).build().discriminator.eval()
    sparse = replace(small, norm=SparsityAware(gain=1.1)).build().discriminator.eval()
    for grid, first, second in zip((16, 16, 8, 8, 4), exact.convolutions, sparse.convolutions, strict=True):
        assert float(operator_norm(first.weight, (grid, grid))) == pytest.approx(1, rel=1e-4)
        assert float(sparsity_aware_sigma(second.weight.detach(), (grid, grid))) == pytest.approx(
            1 / 1.1, rel=1e-5
        )


def test_san_biggan_keeps_spectral_normalization_outside_the_blocks() -> None:
    critic = find("san-biggan-digits").shrunk().build().discriminator
    found = kinds(critic)
    assert {name.split(".")[0] for name, kind in found.items() if kind is SparsityAwareRule} == {"blocks"}
    assert {name for name, kind in found.items() if kind is SpectralNorm} == {"head.linear", "head.embedding"}
    assert any(isinstance(each, CircularConv2d) for each in critic.modules())
    plain = find("biggan-digits").shrunk().build().discriminator
    assert set(kinds(plain).values()) == {SpectralNorm}
    assert not any(isinstance(each, CircularConv2d) for each in plain.modules())


STEPPING: tuple[tuple[str, Norm, dict[str, object]], ...] = (
    ("in place", SparsityAware(in_place=True, interval=2), {}),
    ("a subset", SparsityAware(fraction=0.25, interval=2, momentum=0.5), {}),
    ("exact", norms.Spectral(estimate="exact"), {}),
    ("convolution", norms.Spectral(estimate="convolution"), {}),
    ("weight norm", norms.WeightNorm(), {}),
    ("orthonormal", norms.Orthonormal(), {}),
    ("layer norm", norms.LayerNorm(), {}),
    ("batch norm", norms.BatchNorm(), {}),
    ("clipping", norms.WeightClipping(), {}),
    ("WGAN-GP", norms.NoNorm(), {"loss": Wasserstein(), "penalty_weight": 10.0}),
    ("residual", SparsityAware(), {"residual": True}),
    ("augmented", SparsityAware(), {"augmentation": "translation"}),
)


@pytest.mark.parametrize(("norm", "numbers"), [row[1:] for row in STEPPING], ids=[row[0] for row in STEPPING])
def test_three_steps(norm: Norm, numbers: dict[str, object]) -> None:
    recipe = unconditional.CNN_DIGITS.shrunk().with_numbers(norm=norm, width=4, **numbers)
    data = toy_data(size=16)
    trainer = toy_trainer(recipe.for_data(data.facts()), data)
    before = [parameter.detach().clone() for parameter in trainer.game.discriminator.parameters()]
    for _ in range(3):
        trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None and all(math.isfinite(value) for value in means.values())
    after = list(trainer.game.discriminator.parameters())
    assert all(not torch.equal(*pair) for pair in zip(before, after, strict=True) if pair[0].dim() > 1)
    if isinstance(norm, norms.WeightClipping):
        assert max(float(each.detach().abs().max()) for each in after) <= 0.0100001


def test_numbers_that_make_no_sense() -> None:
    digits = unconditional.CNN_DIGITS
    for name, value, said in (
        ("fraction", 0.0, "fraction must be above 0"),
        ("gain", 0.0, "gain must be above 0"),
        ("interval", 0, "interval must be at least 1"),
        ("momentum", 1.0, "momentum must be at least 0 and below 1"),
    ):
        with pytest.raises(ValueError, match=said):
            SparsityAware(**{name: value})
    with pytest.raises(ValueError, match=r"momentum 0\.5 averages .* set momentum to 0, or in_place to off"):
        SparsityAware(momentum=0.5, in_place=True)
    with pytest.raises(ValueError, match=r"--norm batch normalizes features, which .* does not support"):
        replace(unconditional.RESNET_DIGITS, norm=norms.BatchNorm())
    with pytest.raises(ValueError, match="clip must be above 0"):
        norms.WeightClipping(clip=0.0)
    with pytest.raises(ValueError, match="orthonormal_weight must be 0"):
        norms.Orthonormal(orthonormal_weight=-1.0)
    with pytest.raises(ValueError, match="penalty_weight must be 0"):
        find("wgan-gp-cnn-digits").with_numbers(penalty_weight=-1.0)
    with pytest.raises(ValueError, match="those of the Wasserstein loss have no such zero"):
        replace(digits, loss=Wasserstein(), augmentation="ada")
    points = DataFacts("ring", 100, (2,), 8, (12,) * 8, 0, "f", ())
    with pytest.raises(ValueError, match="ring contains points"):
        find("san-gan-cnn-digits").for_data(points)
