"""The catalog of parts: each can be imported and chosen by name, and is called by that name again."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, fields, replace

import pytest

import everymode.recipes
from everymode import part as contracts
from everymode.numbers import names_of, types_of
from everymode.part import Part
from everymode.recipe import KINDS
from everymode.recipes import RECIPES, find
from everymode.recipes.omni_gan import Omni
from everymode.recipes.parts.catalog import PARTS, Entry, holders_of, name_of, part_called
from everymode.recipes.parts.plain_losses import Hinge

EVERY = [(kind, name) for kind, entries in PARTS.items() for name in entries]


def test_every_kind_has_its_names() -> None:
    assert tuple(PARTS) == KINDS
    assert len(EVERY) == 58 and len(set(EVERY)) == 58


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_part_of_every_name_is_called_by_it(kind: str, name: str) -> None:
    entry, part = PARTS[kind][name], part_called(kind, name)
    assert type(part) is entry.part_class and part.kind == kind
    assert isinstance(part, getattr(contracts, kind.capitalize()))
    assert name_of(part) == name
    assert part == entry.part() and hash(part) == hash(entry.part()), "a part is a value"
    assert entry.line and not entry.line.endswith(".")
    assert entry.numbers.keys() <= set(names_of(part))
    assert type(part).__doc__ and "Part(" not in type(part).__doc__


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_numbers_beside_those_of_the_name_do_not_change_it(kind: str, name: str) -> None:
    entry, part = PARTS[kind][name], part_called(kind, name)
    told = {
        each
        for other in PARTS[kind].values()
        if other.part_class is entry.part_class
        for each in other.numbers
    }
    for each in fields(part):
        value = getattr(part, each.name)
        if each.name not in told and type(value) is int and types_of(type(part))[each.name] is int and value:
            assert name_of(replace(part, **{each.name: value + 1})) == name, each.name


def test_the_most_particular_of_several_names() -> None:
    assert name_of(Hinge()) == "hinge" and name_of(Hinge(head="projection")) == "projection"
    assert name_of(Hinge(head="projection", class_bias=True)) == "projection"
    assert name_of(Hinge(head="per-label")) == "hinge"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipes_parts_have_names(name: str) -> None:
    recipe = find(name)
    assert {part.kind: bool(name_of(part)) for part in recipe.parts()} == dict.fromkeys(KINDS, True)


def test_a_part_of_ones_own_has_no_name() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Louder(Omni):
        """A user's own."""

    assert name_of(Louder()) is None
    namesake = dataclass(frozen=True, kw_only=True)(type("Omni", (Omni,), {"__doc__": "Another one."}))
    assert name_of(namesake()) is None, "it is the class that counts, not what it is called"


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(
        ValueError, match=r"loss is one of projection, hinge, .*, not 'hing'\. Did you mean hinge\b"
    ):
        part_called("loss", "hing")
    with pytest.raises(ValueError, match=r"not 'zzz'\.$"):
        part_called("terms", "zzz")


def test_who_has_a_number() -> None:
    assert holders_of("generators") == {"labels": ["generators"]}
    assert holders_of("r1_weight") == {"terms": ["weights", "picture-weights"]}
    assert holders_of("class_weight")["loss"] == [
        *("multi-hinge", "multi-hinge-shared", "multi-hinge-k1", "ac", "imac", "2c", "d2d-ce")
    ]
    assert holders_of("width") == {"networks": list(PARTS["networks"])}
    assert holders_of("spectral_epsilon").keys() == {"networks", "norm"}
    assert holders_of("steps") == holders_of("zzz") == {}


def test_every_part_that_ships_is_in_the_catalog() -> None:
    """But for those that others derive from, which build nothing themselves."""
    shipped: set[type] = set()
    for module in pkgutil.walk_packages(everymode.recipes.__path__, "everymode.recipes."):
        for _, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(each, Part) and each.__module__ == module.name:
                shipped.add(each)
    listed = {entry.part_class for entries in PARTS.values() for entry in entries.values()}
    bases = {base for each in listed for base in each.__mro__[1:]}
    assert listed <= shipped
    assert shipped - listed <= bases, {each.__name__ for each in shipped - listed - bases}


def test_an_entry_is_imported_when_it_is_used() -> None:
    entry = Entry("nothing_of_the_kind", "Nothing", "nothing")
    with pytest.raises(ModuleNotFoundError):
        entry.part()
    assert not entry.fits(Hinge())
