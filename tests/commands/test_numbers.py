"""A recipe's fields as flags."""

from __future__ import annotations

import sys
import typing
from dataclasses import dataclass, field, fields

import pytest
from cyclopts import Token

from everymode.cli import application, main
from everymode.commands.numbers import documentation, field_help, fractions, number_flags, shown, whole_number
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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("30", 30),
        ("-1", -1),
        ("30.0", 30),
        ("1e3", 1000),
        ("1_000", 1000),
        ("0x1e", 30),
        ("9" * 30, int("9" * 30)),
    ],
)
def test_whole_numbers_as_people_write_them(text, number):
    assert whole_number(int, [Token(value=text)]) == number


@pytest.mark.parametrize("text", ["1.5", "many", "", "nan", "inf", "1e-3"])
def test_nothing_is_rounded_to_a_whole_number(text):
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(int, [Token(value=text)])


@pytest.mark.parametrize("flag", ["--steps", "--seed", "--tick", "--keep-best"])
def test_a_share_is_refused_where_a_whole_number_is_wanted(flag, capsys):
    assert main(["train", "omni-gan-digits", flag, "1.5"]) == 2
    assert capsys.readouterr().err == f"error: Invalid value for {flag}: '1.5' is not a whole number\n"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0.125,0.25", (0.125, 0.25)), (" 0.5 ", (0.5,)), ("none", ()), ("", ()), ("1e-1,.2", (0.1, 0.2))],
)
def test_lists_of_fractions_as_people_write_them(text, numbers):
    assert fractions(tuple, [Token(value=text)]) == numbers


@pytest.mark.parametrize("text", ["0.5,", "half", "0.5;0.6", "0.1,x"])
def test_what_is_no_list_of_fractions_is_refused(text, capsys):
    assert main(["train", "omni-gan-digits", "--lr-halvings", text]) == 2
    assert capsys.readouterr().err == (
        f"error: Invalid value for --lr-halvings: {text!r} is neither a list of numbers such as 0.25,0.5 nor none\n"
    )


def test_lists_of_fractions_are_shown_as_they_are_written():
    assert shown((0.125, 0.25)) == "0.125,0.25" and shown(()) == "none" and shown((64, 48)) == "64x48"
    recipe = find("omni-gan-digits").with_numbers(lr_halvings=[0.5, 0.75])
    assert recipe.lr_halvings == (0.5, 0.75)


# Words that let each command with flags for whole numbers get as far as reading them.
NEEDED = {
    ("train",): ["omni-gan-digits"],
    ("partition",): ["--data", "photos", "--out", "parts"],
    ("sample",): ["run"],
    ("evaluate",): ["run"],
    ("clusters",): ["run"],
    ("data", "check"): ["photos"],
    ("translate",): ["run", "maps", "--out", "images"],
    ("upscale",): ["run", "small", "--out", "large"],
    ("restore",): ["run", "photo.png", "--task", "colorize", "--out", "restored"],
    ("invert",): ["run"],
    ("dissect",): ["run", "--segmenter", "palette", "--out", "pages"],
    ("explore",): ["run"],
}


LISTS = ("--layers",)
"""Flags that take a list of whole numbers."""


def commands(app, words=()):
    """Every command of the command line by its words."""
    for name in app:
        if not name.startswith("-"):
            if app[name].default_command is not None:
                yield (*words, name), app[name]
            yield from commands(app[name], (*words, name))


def wants_whole_numbers(kind):
    return kind is int or any(wants_whole_numbers(each) for each in typing.get_args(kind))


def flags_for_whole_numbers():
    return [
        (words, argument.name)
        for words, app in commands(application(["train", "omni-gan-digits"]))
        for argument in app.assemble_argument_collection()
        if wants_whole_numbers(argument.hint)
    ]


def test_the_walk_over_commands_sees_what_is_there():
    found = flags_for_whole_numbers()
    assert {words for words, _ in found} == set(NEEDED)
    expected = (
        (("sample",), "--cluster"),
        (("sample",), "--columns"),
        (("data", "check"), "--limit"),
        (("evaluate",), "--num"),
        (("partition",), "--k"),
        (("train",), "--steps"),
    )
    assert set(expected) <= set(found)


@pytest.mark.parametrize(("words", "flag"), flags_for_whole_numbers())
def test_every_flag_for_whole_numbers_of_every_command_refuses_others(words, flag, capsys):
    for wrong in ("1.5", "10.4"):
        assert main([*words, *NEEDED[words], flag, wrong]) == 2
        expected = f"error: Invalid value for {flag}: '{wrong}' is not a"
        if flag in LISTS:
            assert capsys.readouterr().err == f"{expected} list of whole numbers such as 2,2,2\n"
        else:
            assert capsys.readouterr().err == f"{expected} whole number\n"


@pytest.mark.parametrize("name", RECIPES)
def test_every_whole_number_of_every_recipe_is_read_as_one(name):
    for flag in number_flags(find(name), reserved=()):
        kind, parameter = typing.get_args(flag.annotation)
        assert parameter.converter is not None or not wants_whole_numbers(kind), flag.name


def test_a_subclass_adds_its_own_help_and_keeps_its_parents():
    sentences = field_help(Patient)
    assert sentences["patience"] == "How long to wait."
    assert sentences["steps"] == field_help(Recipe)["steps"] == "Generator steps."
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
    assert documentation(Recipe).startswith("Hyper-parameters that all experiments have, and the parts.")
