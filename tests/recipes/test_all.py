"""All recipes: found by name or file, built at full size without memory, three shrunk steps."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from paired_games import shrunk_pair
from toy_games import toy_data, toy_trainer

from everymode.data.dataset import Dataset
from everymode.data.hiding import hide_labels
from everymode.data.opening import open_images
from everymode.game import Game
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.multi_hinge_gan import SharedMultiHinge
from everymode.sampling.record import record_of

ONE_OF_EACH = (
    "partition-guided-digits",
    "sagan-digits",
    "ac-gan-digits",
    "imac-gan-digits",
    "multi-hinge-gan-digits",
    "multi-hinge-shared-gan-digits",
    "multi-hinge-k1-gan-digits",
    "multi-hinge-ssl-digits",
    "ac-gan-ssl-digits",
    "reacgan-digits",
    "contragan-digits",
    "r3gan-digits",
    "omni-gan-digits",
    "one-sided-omni-gan-digits",
    "biggan-cifar10",
    "omni-gan-64",
    "omni-inr-gan-digits",
    "san-gan-cnn-digits",
    "san-biggan-digits",
    "sn-gan-resnet-digits",
    "gan-grid",
    "conditional-gan-digits",
    "pac-gan3-digits",
    "random-labels-gan-stacked-digits",
    "mgan-grid",
    "logo-gan-ae-digits",
    "logo-gan-rc-digits",
    "rotnet-gan-digits",
    "online-self-conditioned-digits",
    "self-conditioned-imagenet128",
    "self-conditioned-biggan-digits",
    "self-conditioned-omni-digits",
    "self-conditioned-multi-hinge-digits",
    "spade-cityscapes",
    "omni-spade-textures",
    "san-spade-256",
    "stargan-shapes",
    "san-stargan-celeba",
    "sr-pixel-photos",
    "san-sr-photos",
    "esrgan-div2k",
)


def test_a_misspelled_name_gets_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"no recipe called 'omnigan-cifar10'. Did you mean omni-gan-cifar10"
    ):
        find("omnigan-cifar10")
    with pytest.raises(ValueError, match="`everymode recipes` lists them all"):
        find("qqqq")


def test_a_recipe_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my recipe.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass, replace\n"
        "from everymode.recipes import omni_gan\n\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(omni_gan.Omni):\n"
        "    extra: float = 0.5\n\n"
        "RECIPE = replace(omni_gan.CIFAR10, name='mine', loss=Mine())\n"
    )
    recipe = find(str(path))
    assert recipe.name == "mine"
    assert recipe.with_numbers(extra=1).loss.extra == 1.0
    again = find(str(path))
    assert record_of(again) == record_of(recipe)


def test_files_without_a_recipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing.py"):
        find(str(tmp_path / "nothing.py"))
    empty = tmp_path / "empty.py"
    empty.write_text("RECIPE = 3\n")
    with pytest.raises(ValueError, match="must define RECIPE"):
        find(str(empty))


def built_on_meta(recipe: Recipe) -> Game:
    """The recipe's game without memory for its weights."""
    labeled = recipe
    if recipe.networks is not None and recipe.networks.conditioned_on == "attributes":
        labeled = replace(recipe, num_classes=(2,) * 5)
    elif not recipe.num_classes:
        labeled = replace(recipe, num_classes=10, num_images=1000)
    with torch.device("meta"):
        return labeled.build()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_at_full_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.partitioner.constrained.FIRST_ITERATIONS", 1)  # there are no values
    game = built_on_meta(find(name))
    for player in (game.generator, game.discriminator):
        assert {parameter.device.type for parameter in player.parameters()} == {"meta"}
    assert isinstance(game.generator.latent_dim, int)
    assert callable(game.discriminator.features)


@pytest.mark.parametrize(
    ("name", "parameters"), [("omni-gan-imagenet128", 70_433_988), ("omni-gan-imagenet256", 82_108_548)]
)
def test_generators_are_of_the_published_size(name: str, parameters: int) -> None:
    # The paper prints 70.43 and 82.10 million (cut, not rounded).
    generator = built_on_meta(find(name)).generator
    assert sum(parameter.numel() for parameter in generator.parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("spade-cityscapes", 93_048_003, 5_601_410),
        ("stargan-celeba", 8_430_528, 44_762_048),
        ("san-stargan-celeba", 8_430_528, 25_206_400),
        ("san-sr-div2k", 1_517_571, 7_962_377),
        ("esrgan-div2k", 16_697_987, 14_499_401),
    ],
)
def test_networks_of_pictures_have_as_many_parameters_as_published(
    name: str, generator: int, discriminator: int
) -> None:
    recipe = find(name)
    # Cityscapes has instance maps; CelebA's five attributes are what `built_on_meta` takes.
    game = built_on_meta(recipe.with_numbers(map_edges=True) if name == "spade-cityscapes" else recipe)
    counts = [
        sum(parameter.numel() for parameter in player.parameters())
        for player in (game.generator, game.discriminator)
    ]
    assert counts == [generator, discriminator]


def shrunk(name: str) -> tuple[Recipe, Dataset]:
    """A recipe at toy size on random images of its shape."""
    if find(name).networks.conditioned_on != "labels":
        return shrunk_pair(name)
    recipe = replace(find(name).shrunk(), channels=1)
    if isinstance(recipe.loss, SharedMultiHinge):
        recipe = recipe.with_numbers(hinge_start=1)  # else all three steps would be of projection alone
    data = open_images("ring:modes=3") if recipe.takes_points else toy_data(size=recipe.size[0])
    if recipe.labeled_share or "-ssl-" in name:
        data = hide_labels(data, 0.5)
    return recipe.for_data(data.facts()), data


def take_three_steps(name: str) -> None:
    recipe, data = shrunk(name)
    trainer = toy_trainer(recipe, data)
    before = [parameter.detach().clone() for parameter in trainer.game.generator.parameters()]
    for _ in range(3):
        trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None
    if trainer.game.objective.adversarial is None:
        assert {"generator/pixel"} == {name for name in means if name.startswith(("disc", "gen", "judg"))}
    else:
        assert {"discriminator/adversarial", "generator/adversarial", "judgment/real"} <= means.keys()
    assert all(math.isfinite(value) for value in means.values())
    after = list(trainer.game.generator.parameters())
    # A gate that starts at 0 keeps what lies behind it from moving in the first step, not in the third.
    assert all(not torch.equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_one_recipe_of_each_kind_takes_three_shrunk_steps(name: str) -> None:
    take_three_steps(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_three_shrunk_steps(name: str) -> None:
    take_three_steps(name)


def test_recipes_on_labels_refuse_data_without() -> None:
    for name in RECIPES:
        recipe = find(name)
        if recipe.needs_labels():
            with pytest.raises(ValueError, match="needs labels, and the data has none"):
                replace(recipe, num_classes=0).build()
