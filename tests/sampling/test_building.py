"""Generators that are built for sampling: what every recipe's short cut builds is what the complete game has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from everymode.game import LabelSource
from everymode.labels.given import GivenLabels
from everymode.numbers import nearest_of
from everymode.part import NetworkNeeds
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.biggan_networks import BigGAN
from everymode.recipes.self_conditioned import Clusters

NAMES = (
    *("omni-gan-digits", "self-conditioned-digits", "mgan-ring", "stargan-shapes", "san-sr-photos"),
    *("esrgan-photos", "san-gan-cnn-digits", "san-gan-resnet-digits"),
)


def shapes(state: dict[str, torch.Tensor]) -> dict[str, tuple[object, ...]]:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_and_the_labels_are_those_of_the_game(name: str) -> None:
    recipe = find(name)
    if getattr(recipe.terms, "perceptual", "none") is None:
        recipe = recipe.with_numbers(perceptual="none")
    recipe = recipe.shrunk()
    with torch.device("meta"):
        game = recipe.build()
        generator, labels = recipe.build_for_sampling()
    assert shapes(generator.state_dict()) == shapes(game.generator.state_dict())
    assert type(generator) is type(game.generator)
    assert shapes(labels.sampling_state()) == shapes(game.labels.sampling_state())
    for fact in ("num_labels", "names_classes", "needs_examples"):
        assert getattr(labels, fact) == getattr(game.labels, fact)


@dataclass(frozen=True, kw_only=True)
class Deeper(BigGAN):
    """Networks of a user that change the pair of their base class."""

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        generator, discriminator = super().pair(needs)
        generator.register_parameter("more", nn.Parameter(torch.zeros(3)))
        return generator, discriminator


@dataclass(frozen=True, kw_only=True)
class OtherSource(Clusters):
    """Labels of a user that change the source of their base class."""

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        return GivenLabels(3)


def test_a_subclass_that_changes_only_the_pair_or_the_source_gets_its_own() -> None:
    recipe = find("omni-gan-digits").shrunk()
    numbers = {name: getattr(recipe.networks, name) for name in ("width", "latent_dim")}
    generator, _ = replace(recipe, networks=Deeper(**numbers)).build_for_sampling()
    assert "more" in generator.state_dict()
    recipe = find("self-conditioned-digits").shrunk()
    _, labels = replace(recipe, labels=OtherSource(clusters=3)).build_for_sampling()
    assert isinstance(labels, GivenLabels)


def test_the_nearest_method_counts() -> None:
    assert nearest_of(BigGAN, "generator", "pair") == "generator"
    assert nearest_of(Deeper, "generator", "pair") == "pair"
    assert nearest_of(type("Deepest", (Deeper,), {}), "generator", "pair") == "pair"
