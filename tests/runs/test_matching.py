"""`--resume auto`: which run it resumes, and what it says of one that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from toy_games import ToyRecipe, toy_data

import everymode
from everymode.runs.differences import Difference, differences, plain_record, same_source
from everymode.runs.run import Run, train
from everymode.sampling.record import record_of

TRY = ToyRecipe(steps=2, tick=1, snapshot=2, watch_samples=0)


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Run]:
    """Trains the toy in tmp_path with `--resume auto`, on the CPU."""

    def run(recipe: ToyRecipe = TRY, **options: object) -> Run:
        given = {"data": toy_data(), "out": tmp_path / "runs", "device": "cpu", "resume": "auto"}
        return train(recipe, **(given | options))

    return run


def test_a_full_run_after_a_try_is_a_run_of_its_own(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    first = toy(width=4)
    config = (first.folder / "config.json").read_bytes()
    capsys.readouterr()
    full = toy(width=8, discriminator_lr=5e-4)
    assert full.folder != first.folder and full.steps == 2
    said = capsys.readouterr().out
    different = "width (4, now 8)"
    assert f"{first.folder} differs in discriminator_lr (0.002, now 0.0005), {different}: starting" in said
    assert (first.folder / "config.json").read_bytes() == config
    assert (
        json.loads((full.folder / "config.json").read_text())["recipe"]["numbers"]["discriminator_lr"] == 5e-4
    )
    assert toy(width=4).folder == first.folder
    assert toy(width=4, steps=3).folder == first.folder
    capsys.readouterr()
    assert toy(width=4, steps=2).folder not in (first.folder, full.folder)
    assert f"{full.folder} differs in" in capsys.readouterr().out, "the newest other run is named"


def test_a_run_from_other_networks_is_another_run(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = toy().folder
    tuned = toy(init_from=first).folder
    assert tuned != first
    assert f"{first} differs in init_from (none, now {first}): starting" in capsys.readouterr().out
    monkeypatch.chdir(first.parent)
    assert toy(init_from=first.name, steps=3).folder == tuned
    assert toy(steps=3).folder == first
    config = json.loads((tuned / "config.json").read_text())
    assert config.pop("init_from") == str(first)
    (tuned / "config.json").write_text(json.dumps(config))  # of a version that did not record it
    assert toy(steps=3).folder == tuned


def test_other_data_are_named_and_moved_data_are_the_same(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    first = toy()
    moved = replace(toy_data(), name="moved")
    assert toy(data=moved, steps=3).folder == first.folder
    other = replace(toy_data(), name="other", fingerprint="other")
    capsys.readouterr()
    assert toy(data=other).folder != first.folder
    assert (
        "differs in data (moved, now other), steps (3, now 2): starting a new run" in capsys.readouterr().out
    )


@pytest.mark.parametrize("again", ["photos/", "./photos", "{here}/photos"])
def test_a_path_that_is_written_otherwise_is_the_same(again: str) -> None:
    assert same_source("photos", again.format(here=Path.cwd()))
    assert not same_source("photos", "photo")


def test_auto_with_a_folder_written_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for level in range(4):
            Image.new("L", (16, 16), 30 * level).save(tmp_path / "photos" / name / f"{level}.png")
    small = {"steps": 1, "width": 4, "batch_size": 4, "watch_samples": 0, "quiet": True, "device": "cpu"}
    first, again = (
        everymode.train("omni-gan-digits", data, resume="auto", **small) for data in ("photos", "./photos/")
    )
    assert first.folder == again.folder


def test_a_run_whose_recipe_can_not_be_read_is_no_hindrance(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    first = toy()
    config = json.loads((first.folder / "config.json").read_text())
    config["recipe"]["numbers"]["of_tomorrow"] = 1
    (first.folder / "config.json").write_text(json.dumps(config))
    assert toy().folder != first.folder
    assert "its recipe, which can't be read" in capsys.readouterr().out


def test_differences_of_parts_and_of_their_numbers() -> None:
    digits = everymode.recipes.find("omni-gan-digits")
    with_clusters = everymode.recipes.choosing.with_choices(digits, labels="clusters", beta2=0.5)
    before, now = map(plain_record, (digits, with_clusters))
    assert differences(before, now) == [
        Difference("labels", "given", "clusters"),
        Difference("beta2", 0.999, 0.5),
    ]
    fitted = plain_record(replace(digits, num_images=7))
    assert differences(before, fitted) == [], "facts of the data are no hyper-parameters"
    assert before == json.loads(json.dumps(record_of(digits)))


def test_a_damaged_run_of_another_recipe_is_passed_by_and_one_of_this_recipe_is_an_error(
    toy: Callable[..., Run], tmp_path: Path
) -> None:
    for folder in ("00000-other-data", "00001-toy-data"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
    (tmp_path / "runs" / "00000-other-data" / "config.json").write_text("{")
    first = toy()
    assert toy(steps=3).folder == first.folder
    (tmp_path / "runs" / "00001-toy-data" / "config.json").write_text("{")
    with pytest.raises(ValueError, match="00001-toy-data"):
        toy(steps=4, width=8)


def test_values_that_are_written_differently_are_the_same() -> None:
    recipe = everymode.recipes.find("omni-gan-32")
    for first, second, same in (
        ({"resolution": 32}, {"resolution": (32, 32)}, True),
        ({"resolution": 32}, {"resolution": (32, 48)}, False),
        ({"augmentation": ""}, {"augmentation": "none"}, True),
        ({"augmentation": ""}, {"augmentation": None}, False),
        ({"held_out": "photos"}, {"held_out": "./photos/"}, True),
        ({"held_out": "."}, {"held_out": ""}, False),
        ({"held_out": 0.1}, {"held_out": "photos"}, False),
    ):
        both = [plain_record(recipe.with_numbers(**numbers)) for numbers in (first, second)]
        assert (differences(*both) == []) == same


def test_the_command_of_the_note_can_be_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "my runs"
    for width in (4, 5):
        train(TRY, toy_data(), out, device="cpu", resume="auto", width=width)
    assert f"(--resume '{out / '00000-toy-toy'}' continues that one)" in capsys.readouterr().out
