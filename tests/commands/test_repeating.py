"""`everymode train --config`: a run again from its config.json, and what flags change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import everymode
from everymode.cli import main
from everymode.commands.repeating import repetition_of
from everymode.recipes import find
from everymode.runs.differences import plain_record

SMALL = {"steps": 1, "width": 4, "batch_size": 8, "watch_samples": 0, "quiet": True, "device": "cpu"}

MINE = """
from dataclasses import dataclass
from everymode.recipe import Recipe
from everymode.recipes.omni_gan import DIGITS

@dataclass(frozen=True, kw_only=True)
class Mine(Recipe):
    patience: int = 3

RECIPE = Mine(**vars(DIGITS)).with_numbers(name="mine", width=4)
"""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Calls of everymode.runs.run.train, which trains nothing."""
    made: list[Any] = []

    def note(recipe: Any, data: Any, out: Any, **options: Any) -> Any:
        made.append(
            (recipe, data, {k: v for k, v in options.items() if k not in SMALL or k in ("width", "steps")})
        )
        made_from = find(recipe) if isinstance(recipe, str) else recipe
        return SimpleNamespace(folder=tmp_path, recipe=made_from, steps=7)

    monkeypatch.setattr("everymode.runs.run.train", note)
    return made


def write_config(folder: Path, recipe: Any, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    data = {"source": "digits:held-out", "fingerprint": "x"}
    (folder / "config.json").write_text(
        json.dumps({"format": 2, "recipe": plain_record(recipe), "data": data, **more})
    )
    return folder / "config.json"


def test_a_run_is_repeated_with_its_recipe_and_data(tmp_path: Path) -> None:
    first = everymode.train("omni-gan-digits", "digits:held-out", tmp_path, norm="none", **SMALL)
    words = ["train", "--config", str(first.folder / "config.json"), "--out", str(tmp_path), "--quiet"]
    assert main([*words, "--device", "cpu"]) == 0
    again = tmp_path / "00001-omni-gan-digits-digits-held-out"
    one, other = (json.loads((run / "config.json").read_text()) for run in (first.folder, again))
    assert one["recipe"] == other["recipe"] and one["data"] == other["data"]
    weights = [
        (run / "checkpoints/step-0000001/generator.safetensors").read_bytes() for run in (first.folder, again)
    ]
    assert weights[0] == weights[1]


def test_what_was_automatic_is_automatic_again(tmp_path: Path) -> None:
    recipe = find("omni-gan-32")
    assert recipe.augmentation is None and recipe.discriminator_weight_decay is None
    facts = everymode.open_images("digits:train", resolution=32, channels=3).facts()
    fitted = recipe.for_data(facts)
    assert fitted.augmentation is not None
    assert repetition_of(write_config(tmp_path / "run", fitted)).recipe == recipe
    other = fitted.with_numbers(augmentation="color")
    assert repetition_of(write_config(tmp_path / "other", other)).recipe.augmentation == "color"


def test_networks_that_a_run_started_from_are_those_of_its_repetition(
    calls: list[Any], tmp_path: Path, capsys: Any
) -> None:
    config = write_config(tmp_path / "run", find("omni-gan-digits"), init_from="runs/an old one")
    for words, expected in (([], "runs/an old one"), (["--init-from", "another"], "another")):
        assert main(["train", "--config", str(config), *words]) == 0
        assert calls[-1][2]["init_from"] == Path(expected)
    assert capsys.readouterr().out.count("the networks start from runs/an old one") == 1


def test_data_that_moved_are_no_changed_hyper_parameters(
    calls: list[Any], tmp_path: Path, capsys: Any
) -> None:
    changes = [{"step": 3, "command": [], "data": {"source": ["digits", "digits:held-out"]}}]
    config = write_config(tmp_path / "run", find("omni-gan-digits"), changes=changes)
    assert main(["train", "--config", str(config)]) == 0
    assert calls[0][1] == "digits:held-out" and "changed" not in capsys.readouterr().out


def test_flags_and_data_change_what_is_repeated(calls: list[Any], tmp_path: Path, capsys: Any) -> None:
    recipe = find("omni-gan-digits").with_numbers(width=4, held_out="digits:train")
    changes = [{"step": 3, "command": [], "numbers": {"beta2": [0.999, 0.9]}}]
    config = write_config(tmp_path / "run", recipe, changes=changes)
    assert main(["train", "--config", str(config), "--steps", "9"]) == 0
    used, data, options = calls[0]
    assert data == "digits:held-out" and options["steps"] == 9 and options["held_out"] == "digits:train"
    assert used.beta2 == 0.9 and used.flat_numbers()["width"] == 4
    assert "changed at step 3: this run has the last ones from the start" in capsys.readouterr().out
    assert main(["train", "--config", str(config.parent), "--data", "digits:train"]) == 0
    assert calls[1][1] == "digits:train" and "held_out" not in calls[1][2]
    assert main(["train", "--config", str(config), "--resume", str(tmp_path)]) == 2
    assert main(["train", "gan-ring", "--config", str(config)]) == 2
    assert "is of the recipe omni-gan-digits, not" in capsys.readouterr().err


def test_what_only_the_data_say_is_found_again(tmp_path: Path) -> None:
    from everymode.data.opening import open_images

    recipe = find("omni-gan-digits").with_numbers(discriminator_weight_decay=None)
    fitted = recipe.for_data(open_images("digits:train").facts())
    assert fitted.discriminator_weight_decay is not None
    repeated = repetition_of(write_config(tmp_path / "run", fitted)).recipe
    assert (repeated.discriminator_weight_decay, repeated.num_images) == (None, 0)
    by_hand = fitted.with_numbers(discriminator_weight_decay=0.25)
    assert repetition_of(write_config(tmp_path / "run", by_hand)).recipe.discriminator_weight_decay == 0.25


def test_a_custom_recipe_is_repeated_only_if_its_file_is_named(
    calls: list[Any], tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    config = write_config(tmp_path / "run", find(str(file)).with_numbers(patience=5, width=6))
    shutil.copy(file, config.parent / "recipe.py")
    assert main(["train", "--config", str(config)]) == 2
    assert f"everymode train {config.parent / 'recipe.py'} --config {config}" in capsys.readouterr().err
    assert main(["train", str(file), "--config", str(config), "--steps", "2"]) == 0
    recipe, _, options = calls[0]
    assert recipe == str(file) and options["patience"] == 5 and options["steps"] == 2
    assert options["networks"].width == 6


def test_runs_that_do_not_exist_and_extractors_that_are_code(tmp_path: Path, capsys: Any) -> None:
    config = write_config(tmp_path / "00002-omni-gan-digits", find("omni-gan-digits"))
    near = f"there is no {tmp_path / '00002-omni'}; did you mean {config.parent}?"
    for flag in ("--config", "--resume"):
        assert main(["train", flag, str(tmp_path / "00002-omni")]) == 2
        assert near in capsys.readouterr().err
    assert (
        main(["train", "omni-gan-digits", "--init-from", "x", "--resume", str(tmp_path / "00002-omni")]) == 2
    )
    assert near in capsys.readouterr().err
    write_config(config.parent, find("omni-gan-digits").with_numbers(metrics="fd", metric_extractor="a.py:b"))
    assert main(["train", "--config", str(config)]) == 2
    assert "used only if you name it" in capsys.readouterr().err


def test_moved_data_are_asked_for(tmp_path: Path, capsys: Any) -> None:
    config = write_config(tmp_path / "run", find("omni-gan-digits"))
    text = config.read_text().replace("digits:held-out", str(tmp_path / "gone"))
    config.write_text(text)
    assert main(["train", "--resume", str(config.parent)]) == 3
    assert "name it with --data" in capsys.readouterr().err
