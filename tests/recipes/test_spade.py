"""SPADE's recipes: the initial weights, of which small networks need others than the published ones."""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.recipes import find


def first_weights(initialization: str) -> tuple[Tensor, Tensor]:
    """Weights of the generator's output layer and the critic's first one."""
    recipe = find("spade-textures").with_numbers(
        map_classes=4, critic_spectral=False, initialization=initialization
    )
    torch.manual_seed(0)
    game = recipe.build()
    return game.generator.get_parameter("output.weight"), next(game.discriminator.parameters())


def test_the_initial_weights_are_glorots_unless_the_recipe_says_otherwise() -> None:
    assert find("spade-cityscapes").flat_numbers()["initialization"] == "glorot"
    for weight in first_weights("glorot"):
        outputs, inputs, *kernel = weight.shape
        fans = (inputs + outputs) * kernel[0] * kernel[1]
        assert abs(weight.std() / (0.02 * (2 / fans) ** 0.5) - 1) < 0.15
    for weight in first_weights("orthogonal"):
        rows = weight.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)
    for weight in first_weights("torch"):
        bound = weight[0].numel() ** -0.5  # uniform within it
        assert 0.9 * bound < weight.abs().max() <= bound
