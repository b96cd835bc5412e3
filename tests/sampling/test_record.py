"""Recipes as JSON: every one survives, classes of the user's own are asked for, other formats are refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from everymode.part import Part
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.omni_gan import DIGITS, Omni
from everymode.recipes.parts.norms import Spectral
from everymode.recipes.parts.terms import Weights
from everymode.sampling.record import FORMAT, own_classes, recipe_from, recipe_of, record_of, require_format
from everymode.version import __version__


@dataclass(frozen=True, kw_only=True)
class Own(Recipe):
    """A recipe of the user's own."""

    depth: int = 2
    """A number of its own."""


@dataclass(frozen=True, kw_only=True)
class Louder(Omni):
    """A part of the user's own."""

    volume: float = 11.0
    """A number of its own."""


MINE = replace(DIGITS, name="mine", loss=Louder(volume=3.0))


def through_json(recipe: Recipe) -> dict[str, Any]:
    return json.loads(json.dumps(record_of(recipe)))


def config(recipe: Recipe, **numbers: Any) -> dict[str, Any]:
    """What config.json says of a run of this recipe, as far as a recipe is concerned."""
    record = {"file": None, **through_json(recipe)}
    return {"format": FORMAT, "everymode": __version__, "recipe": record} | numbers


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json(name: str) -> None:
    recipe = find(name)
    assert recipe_from(through_json(recipe)) == recipe
    # RotNet's images are turned by quarter turns, and crops of super-resolution are square: each has a test of its own.
    square = name.startswith("rotnet-") or recipe.networks.conditioned_on == "pictures"
    size = (64, 64) if square else (64, 48)
    changed = replace(
        recipe, resolution=size, class_counts=(1, 2), num_images=3, combination_counts=((0, 1, 2),)
    )
    again = recipe_from(through_json(changed))
    assert again == changed and again.size == size
    assert [type(part) for part in again.parts()] == [type(part) for part in recipe.parts()]


def test_a_record_names_parts_by_kind_and_catalog_not_by_module() -> None:
    record = through_json(find("self-conditioned-omni-digits"))
    names = {kind: part["name"] for kind, part in record["parts"].items()}
    assert names == {
        "networks": "biggan",
        "loss": "omni",
        "labels": "clusters",
        "norm": "spectral",
        "terms": "weights",
    }
    assert record["parts"]["labels"]["numbers"]["clusters"] == 25
    assert record["numbers"]["name"] == "self-conditioned-omni-digits"
    assert "own" not in record and "everymode." not in json.dumps(record)


def test_numbers_of_several_labels_come_back_as_tuples() -> None:
    recipe = find("omni-gan-two-domains")
    again = recipe_from(through_json(recipe))
    assert again == recipe and isinstance(again.num_classes, tuple)


# ---- of the user's own


def test_a_part_of_ones_own_is_asked_for() -> None:
    record = through_json(MINE)
    assert record["parts"]["loss"] == {"own": "Louder", "numbers": {"one_sided": False, "volume": 3.0}}
    assert own_classes(record) == ["Louder"]
    with pytest.raises(
        ValueError, match="its loss is a custom part, Louder: pass a recipe with it as `recipe`"
    ):
        recipe_from(record)
    with pytest.raises(ValueError, match="a custom part, Louder"):
        recipe_from(record, DIGITS)
    given = replace(DIGITS, loss=Louder(volume=99.0))
    assert recipe_from(record, given) == MINE, "the record's numbers count, not the given ones"


def test_a_recipe_class_of_ones_own_is_asked_for() -> None:
    recipe = Own(name="mine", depth=5, num_classes=3)
    record = through_json(recipe)
    assert record["own"] == "Own" and record["parts"] == {} and record["numbers"]["depth"] == 5
    with pytest.raises(
        ValueError,
        match="Own is a custom recipe class: pass a recipe of that class as `recipe`, not a NoneType",
    ):
        recipe_from(record)
    with pytest.raises(ValueError, match="as `recipe`, not a Recipe"):
        recipe_from(record, DIGITS)
    again = recipe_from(record, Own())
    assert again == recipe and type(again) is Own
    both = Own(name="both", norm=Spectral(), loss=Louder())
    assert own_classes(through_json(both)) == ["Own", "Louder"]
    assert recipe_from(through_json(both), Own(loss=Louder())) == both


def test_a_file_names_what_must_be_passed() -> None:
    shipped = config(DIGITS)
    assert recipe_of(shipped) == DIGITS == recipe_of(shipped, MINE)
    theirs = config(MINE)
    theirs["recipe"]["file"] = "mine.py"
    with pytest.raises(
        ValueError,
        match=r"runs/3 was trained with a custom recipe \(Louder from mine\.py\): pass it, as in "
        r"everymode\.load\(path, recipe=RECIPE\)",
    ):
        recipe_of(theirs, path="runs/3")
    theirs["recipe"]["file"] = None
    with pytest.raises(ValueError, match=r"a custom recipe \(Louder from your code\)"):
        recipe_of(theirs)
    assert recipe_of(theirs, MINE) == MINE


# ---- of other versions


@pytest.mark.parametrize(("format_", "called"), [(None, 1), (1, 1), (3, 3)])
def test_another_format_is_refused_naming_the_version(format_: int | None, called: int) -> None:
    theirs = config(DIGITS, everymode="0.1.0", format=format_)
    if format_ is None:
        del theirs["format"]
    with pytest.raises(
        ValueError,
        match=rf"runs/3 was written by everymode 0\.1\.0, in format {called}; this is everymode .*, which reads format "
        rf"{FORMAT}: read it with everymode 0\.1\.0, or train again",
    ):
        recipe_of(theirs, path="runs/3")
    require_format(config(DIGITS), "runs/3")


def test_a_config_without_a_recipe_is_not_ours() -> None:
    for theirs in ({}, {"recipe": None}, {"recipe": "omni"}, {"format": FORMAT, "recipe": {"parts": {}}}):
        with pytest.raises(ValueError, match=r"x\.json names no recipe: everymode did not write it"):
            recipe_of(theirs, path="x.json")


def test_what_there_is_not_is_of_another_version() -> None:
    for place, kind in (("numbers", "Recipe"), ("parts", "Spectral")):
        record = through_json(DIGITS)
        numbers = record["numbers"] if place == "numbers" else record["parts"]["norm"]["numbers"]
        numbers["flux"] = 1
        with pytest.raises(ValueError, match=rf"{kind} has no hyper-parameters \['flux'\]: another version"):
            recipe_from(record)
    record = through_json(DIGITS)
    record["parts"]["norm"]["name"] = "hyperbolic"
    with pytest.raises(ValueError, match=r"no part for norm is called 'hyperbolic': another version"):
        recipe_from(record)


def test_numbers_that_are_missing_take_their_defaults_and_wrong_ones_are_refused() -> None:
    record = through_json(DIGITS)
    del record["parts"]["terms"]["numbers"]["r2_weight"]
    del record["numbers"]["settling"]
    assert recipe_from(record) == DIGITS
    record["parts"]["networks"]["numbers"]["width"] = "wide"
    with pytest.raises(ValueError, match="width must be of type int, not 'wide'"):
        recipe_from(record)


def test_parts_that_are_left_out_stay_out() -> None:
    bare = Recipe(name="bare", terms=Weights(r1_weight=1.0))
    record = through_json(bare)
    assert record["parts"].keys() == {"terms"}
    again = recipe_from(record)
    assert again == bare and all(isinstance(part, Part) for part in again.parts())
