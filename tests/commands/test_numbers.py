"""A recipe's fields as flags."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields

import pytest

from everymode.commands.numbers import documentation, field_help, number_flags, shown
from everymode.recipe import FROM_DATA, Recipe
from everymode.recipes import RECIPES, find


@dataclass(frozen=True, kw_only=True)
class Patient(Recipe):
    patience: int = 3
    """How long to wait."""
    width: int = 5
    undocumented: float = 0.5
    derived: int = field(default=1, metadata=FROM_DATA)


@pytest.mark.parametrize("name", RECIPES)
def test_every_number_of_every_recipe_has_help(name):
    recipe = find(name)
    sentences = field_help(type(recipe))
    asked = [each.name for each in fields(recipe) if not each.metadata.get("from_data")]
    assert [number for number in asked if not sentences.get(number)] == []


def test_a_subclass_adds_its_own_help_and_keeps_its_parents():
    sentences = field_help(Patient)
    assert sentences["patience"] == "How long to wait."
    assert sentences["width"] == field_help(Recipe)["width"] == "Base number of channels of the networks."
    assert "undocumented" not in sentences


def test_a_class_whose_source_is_gone_has_its_parents_help(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, None)
    assert field_help(Patient) == field_help(Recipe)


def test_flags_have_the_recipes_values_and_leave_out_what_only_data_knows():
    flags = {flag.name: flag for flag in number_flags(Patient(name="p", seed=9), reserved=["patience"])}
    assert flags["seed"].default == 9
    assert flags["width"].default == 5
    assert not {"patience", "derived", "channels", "num_classes", "class_counts"} & set(flags)


def test_numbers_are_shown_as_they_are_written():
    assert [shown(value) for value in (True, False, (64, 48), 3, 1e-4, "")] == [
        "on",
        "off",
        "64x48",
        "3",
        "0.0001",
        "",
    ]


def test_the_docstring_that_dataclasses_make_up_is_no_documentation():
    assert documentation(Patient) == ""
    assert documentation(Recipe).startswith("The numbers that every experiment has.")
