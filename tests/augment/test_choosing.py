"""Augmentations by name: what the recipe's field takes, and what it makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from toy_games import ToyRecipe, toy_trainer

from everymode.augment import choosing
from everymode.augment.adaptive import AdaptiveAugmentation
from everymode.augment.choosing import find_augmentation
from everymode.augment.diffaug import cutout, translation
from everymode.augmentation_names import ADAPTIVE, ADAPTIVE_FURTHER, AUGMENTATIONS, parse_augmentation
from everymode.draws import Draws, Rows
from everymode.recipes import find


def test_the_names_that_recipes_take_are_those_that_there_are() -> None:
    assert tuple(choosing.DIFFERENTIABLE) == AUGMENTATIONS


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("  ", ()),
        ("translation,cutout", ("translation", "cutout")),
        (" cutout , color", ("cutout", "color")),
        ("ada", ("ada",)),
        ("ada,luma-flip,flip", ("ada", "luma-flip", "flip")),
    ],
)
def test_names_are_read(text: str, names: tuple[str, ...]) -> None:
    assert parse_augmentation(text) == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cutot", "any of color, translation, cutout joined by commas, .* not 'cutot'. Did you mean cutout?"),
        ("zzz", "not 'zzz'. For no augmentation, set it to none."),
        ("color,,cutout", "not ''"),
        ("color,color", "contains color twice"),
        ("ada,cutout", "mixes two kinds: .* and color, translation, cutout can't be combined"),
        ("flip", r"flip, .* need ada \(such as ada,flip\)"),
    ],
)
def test_other_names_are_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find("omni-gan-digits").with_numbers(augmentation=text)


@pytest.mark.parametrize(
    ("number", "value", "words"),
    [
        ("augmentation_target", 1.5, "augmentation_target must be a mean sign between 0 and 1, not 1.5"),
        ("augmentation_target", float("nan"), "augmentation_target must be a mean sign"),
        ("augmentation_images", 0, "augmentation_images must be at least 1, not 0"),
    ],
)
def test_impossible_numbers_are_refused(number: str, value: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find("omni-gan-digits").with_numbers(**{number: value})


def test_points_are_not_augmented() -> None:
    with pytest.raises(
        ValueError, match="'color' changes pixels, but gan-grid generates points: set augmentation to none"
    ):
        find("gan-grid").with_numbers(augmentation="color")


def test_a_recipe_that_forgets_its_augmentation_is_refused() -> None:
    with pytest.raises(ValueError, match="toy builds its game without the augmentation 'color'"):
        toy_trainer(ToyRecipe(augmentation="color"))


def test_names_make_an_augmentation() -> None:
    assert find_augmentation((), batch_size=8) is None
    x = torch.rand(4, 1, 16, 16)
    random = Draws(3, "moment", Rows.all(4))
    augment = find_augmentation(("translation", "cutout"), batch_size=8)
    assert torch.equal(augment(x, random), cutout(translation(x, random), random))
    with pytest.raises(
        ValueError, match=r"no augmentation \['flip'\] here: choose from color, translation, cutout"
    ):
        find_augmentation(("flip",), batch_size=8)


def test_adaptive_augmentation_leaves_out_what_it_is_not_asked_for() -> None:
    plain = find_augmentation((ADAPTIVE,), batch_size=8, target=0.5, images_to_one=1000)
    assert isinstance(plain, AdaptiveAugmentation)
    assert [each.name for each in plain.movements] == ["shift", "scale", "stretch", "slide"]
    assert [each.name for each in plain.colorings] == ["brightness", "contrast", "saturation"]
    assert (plain.target, plain.adjustment) == (0.5, 0.032)
    whole = find_augmentation((ADAPTIVE, *ADAPTIVE_FURTHER), batch_size=8)
    assert [each.name for each in whole.movements] == [
        "flip",
        "quarter turn",
        "shift",
        "scale",
        "rotation before stretch",
        "stretch",
        "rotation after stretch",
        "slide",
    ]
    assert [each.name for each in whole.colorings] == [
        "brightness",
        "contrast",
        "luma flip",
        "hue",
        "saturation",
    ]


@pytest.mark.parametrize("augmentation", ["", "color,cutout", "ada,rotation"])
def test_recipes_on_biggans_networks_pass_it_to_their_game(augmentation: str) -> None:
    recipe = replace(
        find("omni-gan-digits").shrunk(),
        augmentation=augmentation,
        augmentation_target=0.3,
        augmentation_images=320,
    )
    augment = recipe.build().augment
    assert (augment is None) == (augmentation == "")
    if augmentation.startswith(ADAPTIVE):
        assert (augment.target, augment.adjustment) == (0.3, recipe.batch_size * 4 / 320)
