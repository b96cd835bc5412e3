"""The part for imported weights: its numbers reach the network and config.json."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everymode.recipe import Recipe
from everymode.recipes.parts.given_labels import Given
from everymode.recipes.parts.imported_networks import ImportedBigGAN
from everymode.recipes.parts.plain_losses import Hinge
from everymode.sampling.record import recipe_from, record_of


def test_widths_and_epsilon_reach_the_network_and_the_record() -> None:
    part = ImportedBigGAN(
        widths=(8, 16, 4), width=2, attention_sizes=(8,), norm_epsilon=1e-4, shared_dim=3, latent_dim=5
    )
    recipe = Recipe(
        resolution=16, num_classes=3, networks=part, loss=Hinge(head="projection"), labels=Given()
    )
    network, _ = recipe.build_for_sampling()
    assert network.widths == (8, 16, 4) and list(network.attention) == ["0"]
    epsilons = {module.epsilon for module in network.modules() if hasattr(module, "epsilon")}
    assert epsilons == {1e-4}
    assert not any("parametrizations" in name for name in network.state_dict())
    assert recipe_from(record_of(recipe)) == recipe


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"widths": (8,)}, "at least two"),
        ({"widths": (8, 0)}, "each at least 1"),
        ({"widths": (8, 8), "doublings": 2}, "omit doublings"),
        ({"generator_attention": 8}, "set attention_sizes"),
        ({"norm_epsilon": 0.0}, "above 0"),
    ],
)
def test_impossible_numbers(numbers: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ImportedBigGAN(), **numbers)  # pyright: ignore[reportArgumentType]  one type per case
