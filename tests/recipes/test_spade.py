"""SPADE's recipes: the initial weights that the small ones need."""

from __future__ import annotations

import pytest
import torch

from everymode.recipes import find


def test_the_initial_gain_scales_the_weights_of_both_networks() -> None:
    recipe = find("spade-textures").with_numbers(map_classes=4, critic_spectral=False)
    built = []
    for gain in (0.02, 0.2):
        torch.manual_seed(0)
        game = recipe.with_numbers(initial_gain=gain).build()
        built.append((game.generator.get_parameter("output.weight"), next(game.discriminator.parameters())))
    for small, large in zip(*built, strict=True):
        torch.testing.assert_close(10 * small, large)
    assert find("spade-cityscapes").flat_numbers()["initial_gain"] == 0.02
    with pytest.raises(ValueError, match="initial_gain must be above 0 and finite, not 0"):
        recipe.with_numbers(initial_gain=0.0).build()
