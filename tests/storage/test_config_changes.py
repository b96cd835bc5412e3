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
