"""Generators of every network family at toy size, with statistics and gains as after training, to export as graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from everymode.exchange.graph_inputs import inputs_of
from everymode.networks.attention import SelfAttention
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.given_labels import NoLabels
from everymode.recipes.parts.imported_networks import ImportedBigGAN
from everymode.recipes.parts.plain_losses import Hinge
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "BigGAN, tables of gains": ("omni-gan-digits", {}),
    "BigGAN, shared embedding, chunks of z, attention": ("biggan-imagenet128", {}),
    "BigGAN, plain upsampling": ("omni-gan-digits", {"fused_resampling": False}),
    "BigGAN, chunks of z without labels": (
        "biggan-64",
        {"labels": NoLabels(), "loss": Hinge(), "shared_dim": 0, "hierarchical": True},
    ),
    "BigGAN, several label blocks": ("omni-gan-shapes", {}),
    "BigGAN, label combinations": ("omni-gan-shapes", {"fake_labels": "data"}),
    "BigGAN, partition": ("partition-guided-digits", {}),
    "BigGAN, parts of classes": ("partition-guided-classes-digits", {}),
    "BigGAN, imported": ("omni-gan-digits", {"networks": ImportedBigGAN(width=4, latent_dim=8)}),
    "SAGAN, tapered": ("sagan-cifar10", {}),
    "implicit head": ("omni-inr-gan-32", {}),
    "implicit head, shared embedding, attention": ("omni-inr-gan-imagenet128", {}),
    "implicit head, fading borders": ("omni-inr-gan-32", {"border_padding": False}),
    "DCGAN, clusters": ("self-conditioned-digits", {}),
    "DCGAN, packs": ("pac-gan2-stacked-digits", {}),
    "DCGAN, several generators": ("mgan-stacked-digits", {}),
    "DCGAN, random labels": ("random-labels-gan-cifar10", {}),
    "DCGAN, seven convolutions in D": ("conditional-gan-cifar10", {}),
    "residual, unnormalized": ("gan-imagenet128", {}),
    "residual, unnormalized, several generators": ("mgan-imagenet128", {}),
    "standard": ("san-gan-cnn-32", {}),
    "standard, residual": ("san-gan-resnet-32", {}),
    "points": ("gan-grid", {}),
    "points, clusters": ("self-conditioned-grid", {}),
    "points, several generators": ("mgan-grid", {}),
    "SPADE": ("spade-textures", {}),
    "SPADE, edges, void plane, instance statistics": (
        "spade-256",
        {"map_edges": True, "map_classes": 5, "dont_care": True, "statistics": "instance"},
    ),
    "SPADE with encoder": ("spade-256", {"latent_dim": 8, "map_classes": 3}),
    "StarGAN": ("stargan-128", {}),
    "StarGAN, no downsampling": ("stargan-shapes", {}),
    "super-resolution": ("san-sr-photos", {}),
    "super-resolution by 2": ("san-sr-photos", {"scale": 2}),
    "ESRGAN": ("esrgan-photos", {}),
}
"""Name -> (recipe, its changed hyper-parameters)."""
POOLED_COMBINATIONS = ((0, 0, 0, 5), (1, 2, 1, 1), (2, 1, 2, 4))


def case(name: str) -> Recipe:
    """Return the recipe of a case at toy size."""
    recipe, numbers = CASES[name]
    small = find(recipe).with_numbers(**numbers).shrunk()
    if numbers.get("fake_labels") == "data":
        small = replace(small, combination_counts=POOLED_COMBINATIONS)
    return small


def as_trained(recipe: Recipe, *, seed: int = 0, classes: tuple[str, ...] = ()) -> Generator:
    """Return a recipe's generator, whose gains, statistics and attention are not the initial ones."""
    torch.manual_seed(seed)
    game = recipe.build()
    config = {
        "format": FORMAT,
        "step": 3,
        "recipe": {"file": None, **record_of(recipe)},
        "data": {"classes": list(classes), "block_names": []},
    }
    generator = Generator(game.generator, game.labels, classes=classes, config=config)
    norms = [module for module in game.generator.modules() if hasattr(module, "running_var")]
    with torch.no_grad():
        for parameter in game.generator.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for module in game.generator.modules():
            if isinstance(module, SelfAttention):
                module.gamma.fill_(0.7)
        inputs = inputs_of(generator, recipe)
        sizes = {"batch": 16, **{name: 4 * step for name, step in inputs.steps.items()}}
        generator.network.train()
        for norm in norms:
            vars(norm)["momentum"] = 1.0
        inputs.call(generator.network, inputs.example(sizes, seed), sizes)
        generator.network.eval()
    return generator
