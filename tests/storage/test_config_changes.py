"""Changes of a config.json: which numbers count, and what is said of damaged ones."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from everymode.recipes import find
from everymode.recipes.choosing import with_choices
from everymode.runs.differences import plain_record
from everymode.runs.record import change_of
from everymode.sampling.record import recipe_of
from everymode.storage.config_changes import with_changes
from everymode.storage.run_folder import read_config

DIGITS = find("omni-gan-digits")


def config(**more: Any) -> dict[str, Any]:
    return {"format": 2, "recipe": plain_record(DIGITS), "data": {"source": "digits"}, **more}


def test_the_last_change_counts_and_the_file_stays_as_it_was() -> None:
    changes = [
        {"step": 3, "numbers": {"discriminator_lr": [8e-4, 1e-4], "width": [8, 16]}},
        {"step": 5, "numbers": {"discriminator_lr": [1e-4, 2e-4]}, "data": {"source": ["digits", "mine"]}},
    ]
    written = config(changes=changes)
    before = copy.deepcopy(written)
    current = with_changes(written)
    assert written == before
    recipe = recipe_of(current)
    assert (recipe.discriminator_lr, recipe.flat_numbers()["width"]) == (2e-4, 16)
    assert current["data"]["source"] == "mine" and with_changes(current) == current


@pytest.mark.parametrize(
    "changed",
    [
        with_choices(DIGITS, steps=7, width=4, beta2=0.5),
        with_choices(DIGITS, labels="clusters", clusters=4, loss="projection"),
        replace(DIGITS, terms=None),
        replace(DIGITS, discriminator_weight_decay=None, automatic_decay=True),
    ],
)
def test_what_is_recorded_gives_the_recipe_again(changed: Any) -> None:
    change = change_of(DIGITS, changed, sources=("photos", "./photos/"), step=9)
    assert change is not None and change["step"] == 9 and "data" not in change
    assert recipe_of(with_changes(json.loads(json.dumps(config(changes=[change]))))) == changed


def test_two_parts_may_have_a_number_of_the_same_name() -> None:
    norm, networks = (
        replace(DIGITS.norm, spectral_epsilon=0.5),
        replace(DIGITS.networks, spectral_epsilon=0.25),
    )
    for changed in (
        replace(DIGITS, norm=norm),
        replace(DIGITS, networks=networks),
        replace(DIGITS, norm=norm, networks=networks),
        DIGITS.with_numbers(spectral_epsilon=0.5),
    ):
        change = change_of(DIGITS, changed, sources=("a", "a"), step=9)
        written = {**config(), "recipe": plain_record(DIGITS), "changes": [change]}
        assert recipe_of(with_changes(json.loads(json.dumps(written)))) == changed


def test_numbers_that_the_version_which_wrote_the_file_did_not_have() -> None:
    written = config()
    del written["recipe"]["parts"]["networks"]["numbers"]["width"]  # as if it were new
    del written["recipe"]["numbers"]["layout"]
    before = recipe_of(written)
    changed = before.with_numbers(width=20, layout="NHWC", beta2=0.5)
    change = change_of(before, changed, sources=("a", "a"), step=9, stored=written["recipe"])
    assert recipe_of(with_changes(json.loads(json.dumps({**written, "changes": [change]})))) == changed
    again = changed.with_numbers(width=24)
    current = with_changes({**written, "changes": [change]})
    second = change_of(changed, again, sources=("a", "a"), step=12, stored=current["recipe"])
    assert recipe_of(with_changes({**written, "changes": [change, second]})) == again
    assert second["numbers"] == {"width": [20, 24]} and "parts" not in second


def test_numbers_under_their_old_spelling() -> None:
    written = config()
    numbers = written["recipe"]["numbers"]
    numbers["labelled_fraction"] = numbers.pop("labeled_fraction")
    before = recipe_of(written)
    changed = replace(before, labeled_fraction=0.5)
    change = change_of(before, changed, sources=("a", "a"), step=9, stored=written["recipe"])
    assert change["numbers"] == {"labeled_fraction": [1.0, 0.5]}
    assert recipe_of(with_changes({**written, "changes": [change]})) == changed


def test_nothing_changed_is_nothing_recorded() -> None:
    assert change_of(DIGITS, replace(DIGITS), sources=("a", "a"), step=1) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"changes": {}}, "changes is an object, not a list"),
        ({"changes": [{"step": "x"}]}, r"changes\[\].step is"),
        ({"changes": [{"numbers": {"width": 3}}]}, r"changes\[0\].numbers.width is 3, not a list"),
        (
            {"changes": [{"numbers": {}}], "recipe": {"numbers": {}}},
            "changes recipe.parts, which is not an object",
        ),
    ],
)
def test_damaged_changes_are_named(tmp_path: Path, wrong: dict[str, Any], words: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config(**wrong)))
    with pytest.raises(ValueError, match=f"config.json is damaged.*{words}"):
        read_config(tmp_path / "config.json")
