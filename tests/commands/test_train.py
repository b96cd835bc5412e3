"""`everymode train`: what reaches the core, how runs end, and a real run from start to samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from everymode.cli import main
from everymode.commands.train import named_recipe
from everymode.machine.stopping import Stopped
from everymode.recipes import find
from everymode.training.tally import BadStep
from everymode.training.trainer import Diverged

OWN = """
from dataclasses import dataclass, replace
from everymode.recipe import Recipe
from everymode.recipes.omni_gan import DIGITS

@dataclass(frozen=True, kw_only=True)
class Mine(Recipe):
    patience: int = 3
    \"\"\"How long to wait.\"\"\"

RECIPE = Mine(**vars(DIGITS)).with_numbers(name="mine", width=4, batch_size=16, steps=2)
"""


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What everymode.runs.run.train was called with; it trains nothing."""
    made = []

    def note(recipe, data, out, **options):
        made.append((recipe, data, str(out), options))
        made_from = find(recipe) if isinstance(recipe, str) else recipe
        return SimpleNamespace(folder=tmp_path, recipe=made_from, steps=7)

    monkeypatch.setattr("everymode.runs.run.train", note)
    return made


@pytest.fixture
def ends_with(monkeypatch):
    def patch(error):
        def end(*arguments, **options):
            raise error

        monkeypatch.setattr("everymode.runs.run.train", end)

    return patch


def write_run(folder: Path, state: str, time: float, **own: str) -> None:
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps({"state": state, "time": time}))
    (folder / "config.json").write_text(
        json.dumps({"format": 2, "recipe": {**own, "numbers": {}, "parts": {}}})
    )


def test_only_the_numbers_that_were_given_reach_the_core(calls):
    assert main(["train", "omni-gan-32", "--data", "photos"]) == 0
    general = {
        "resume": None,
        "init_from": None,
        "device": None,
        "on_nonfinite": "stop",
        "on_collapse": "warn",
        "font": None,
        "track": None,
        "quiet": False,
    }
    assert calls == [("omni-gan-32", "photos", "runs", general)]


def test_flags_are_written_with_hyphens_or_underscores_and_have_their_fields_types(calls):
    words = "--batch-size 16 --generator_lr=1e-3 --no-mirror --resolution 64x48 --fit pad --reuse-fakes"
    assert main(["train", *words.split(), "omni-gan-32", "--discriminator-weight-decay", "0.5"]) == 0
    numbers = {name: value for name, value in calls[0][3].items() if name not in _GENERAL}
    assert numbers == {
        "batch_size": 16,
        "generator_lr": 1e-3,
        "mirror": False,
        "resolution": "64x48",
        "fit": "pad",
        "reuse_fakes": True,
        "discriminator_weight_decay": 0.5,
    }


_GENERAL = ("resume", "init_from", "device", "on_nonfinite", "on_collapse", "font", "track", "quiet")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("omni-gan-32 --data x", "omni-gan-32"),
        ("--data x omni-gan-32", "omni-gan-32"),
        ("--data=x omni-gan-23", "omni-gan-23"),
        ("--mirror omni-gan-32", "omni-gan-32"),
        ("--steps 3 mine.py", "mine.py"),
        ("--data omni-gan-32", None),
        ("--init_from mine.py --steps 3", None),
        ("--resume runs/3", None),
        ("", None),
    ],
)
def test_the_recipe_is_found_wherever_it_stands(words, name):
    assert named_recipe(words.split()) == name


def test_help_shows_the_recipes_own_numbers_and_values(capsys):
    assert main(["train", "omni-gan-digits", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--batch-size INT Real images per discriminator update" in shown
    assert "Generator steps. [default: 1000]" in shown
    assert "[default: digits:train]" in shown
    assert "--one-sided --no-one-sided" in shown
    assert "--num-classes" not in shown
    assert "handwritten digits" in shown


def test_help_without_a_recipe_shows_what_every_recipe_has(capsys):
    assert main(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--resume auto|RUN" in shown
    assert "--discriminator-steps INT" in shown
    assert "--one-sided" not in shown


def test_a_recipe_of_ones_own_has_its_flags(calls, tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    assert main(["train", str(file), "--help"]) == 0
    assert "How long to wait. [default: 3]" in capsys.readouterr().out
    assert main(["train", str(file), "--patience", "5"]) == 0
    assert calls[0][0] == str(file)
    assert calls[0][3]["patience"] == 5


def test_a_finished_run_says_where_its_results_are(calls, tmp_path, capsys):
    for name in ("step-0000250", "step-0000700"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "samples").mkdir(exist_ok=True)
        (tmp_path / "samples" / f"{name}.png").touch()
    assert main(["train", "omni-gan-digits"]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "samples" / "step-0000700.png") in said
    assert str(tmp_path / "checkpoints" / "step-0000700") in said
    assert "step-0000250" not in said
    assert f"everymode sample {tmp_path}" in said
    assert main(["train", "omni-gan-digits", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_a_stopped_run_says_how_to_go_on_and_ends_with_75(ends_with, tmp_path, capsys):
    write_run(tmp_path / "00002-b", "stopped", 20.0)
    ends_with(Stopped("stopped at step 3 of 9", tmp_path / "00002-b"))
    assert (
        main(
            [
                "train",
                "omni-gan-digits",
                "--out",
                str(tmp_path),
                "--on-nonfinite",
                "rollback",
                "--font",
                "a b.ttf",
            ]
        )
        == 75
    )
    lines = capsys.readouterr().out.splitlines()
    line = f"everymode train --resume {tmp_path / '00002-b'} --on-nonfinite rollback --font 'a b.ttf'"
    assert lines == ["stopped at step 3 of 9", f"resume with: {line}"]


def test_a_stopped_run_of_several_processes_names_torchrun(ends_with, tmp_path, capsys, monkeypatch):
    run = tmp_path / "a run"
    write_run(run, "stopped", 1.0, own="Mine")
    (run / "recipe.py").touch()
    ends_with(Stopped("stopped at step 3 of 9", run))
    for name, value in {"WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "GROUP_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert main(["train", "omni-gan-digits", "--resume", str(run)]) == 75
    expected = f"torchrun --nnodes 2 --nproc-per-node 4 -m everymode train '{run}/recipe.py' --resume '{run}'"
    assert expected in capsys.readouterr().out
    monkeypatch.setenv("RANK", "3")
    assert main(["train", "omni-gan-digits", "--resume", str(run)]) == 75
    assert capsys.readouterr().out == ""


def test_a_run_that_diverged_ends_with_4(ends_with, capsys):
    ends_with(Diverged(BadStep(name="generator/adversarial", step=5), "Lower the learning rates."))
    assert main(["train", "omni-gan-digits"]) == 4
    error = capsys.readouterr().err
    assert error == "error: generator/adversarial was not finite at step 5. Lower the learning rates.\n"


def test_a_run_of_ones_own_recipe_goes_on_only_if_its_file_is_named(tmp_path, capsys):
    write_run(tmp_path / "run", "stopped", 1.0, own="Mine")
    (tmp_path / "run" / "recipe.py").write_text("raise SystemExit('run without being asked')")
    assert main(["train", "--resume", str(tmp_path / "run")]) == 2
    named = f"everymode train {tmp_path / 'run' / 'recipe.py'} --resume {tmp_path / 'run'}"
    assert named in capsys.readouterr().err


def test_a_folder_that_is_no_run_can_not_be_resumed(tmp_path, capsys):
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert main(["train", "omni-gan-digits", "--resume", str(tmp_path)]) == 2


def test_train_resume_and_sample_for_real(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = "--steps 4 --tick 4 --snapshot 4 --width 4 --batch-size 16 --precision float32"
    command = [sys.executable, "-m", "everymode", "train", "omni-gan-digits", *small.split()]
    first = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert first.returncode == 0, first.stderr
    run = "runs/00000-omni-gan-digits-digits-train"
    assert f"draw samples with: everymode sample {run}" in first.stdout
    assert f"{run}/samples/step-0000004.png" in first.stdout

    assert main(["train", "--resume", run, "--steps", "6"]) == 0
    said = capsys.readouterr().out
    assert "resuming at step 4 of 6" in said
    assert f"{run}/checkpoints/step-0000006" in said

    again = ["train", "omni-gan-digits", *small.split()[2:], "--resume", "auto", "--steps", "7", "--quiet"]
    assert main(again) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(Path(run, "status.json").read_text())["step"] == 7
    assert main(["sample", run, "--label", "7", "--seeds", "0-1"]) == 0
    assert capsys.readouterr().out.split() == [f"{run}/samples/label-7-seed000{seed}.png" for seed in (0, 1)]


def test_parts_are_chosen_by_name_and_bring_their_numbers(calls, capsys):
    words = ["train", "omni-gan-64", "--labels", "clusters", "--norm", "sparsity-aware", "--data", "photos"]
    assert main([*words, "--clusters", "50", "--gain", "0.7", "--spectral-epsilon", "1e-6"]) == 0
    _, _, _, options = calls[0]
    assert {
        "labels": "clusters",
        "norm": "sparsity-aware",
        "clusters": 50,
        "gain": 0.7,
    }.items() <= options.items()
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Labels: clusters" in shown and "--cluster-starts" in shown and "--fake-labels" not in shown
    assert main([*words[:2], "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Labels: given" in shown and "--cluster-starts" not in shown


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--clusters", "50"], "clusters is a hyper-parameter of labels clusters"),
        (["--no-in-place"], "in_place is a hyper-parameter of norm sparsity-aware"),
        (["--gain=0.7"], "Choose --norm sparsity-aware to set it"),
        (["--conditional"], "use --labels given or --labels none"),
        (["--labels", "none"], "omni-loss needs a label for each image, and there are none"),
        (["--labels", "klusters"], "labels is one of none, given, clusters"),
        (["--labels", "clusters", "--clusters", "0"], "for automatic, set it to auto (None in Python)"),
        (["--labels", "generators"], "several generators need a loss without labels"),
        (["--norm", "layer"], "--norm layer normalizes features, which this discriminator does not support"),
    ],
)
def test_parts_that_do_not_fit_and_numbers_of_others_get_a_sentence(calls, capsys, flags, said):
    assert main(["train", "omni-gan-64", "--data", "photos", *flags]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
    assert calls == []


def test_auto_is_taken_where_a_number_may_be_chosen_automatically(calls):
    words = ["--clusters", "auto", "--discriminator-weight-decay", "auto", "--head", "auto"]
    assert main(["train", "self-conditioned-32", "--data", "photos", *words]) == 0
    options = calls[0][3]
    assert {options[name] for name in ("clusters", "discriminator_weight_decay", "head")} == {"auto"}
    assert main(["train", "self-conditioned-32", "--data", "photos", "--clusters", "many"]) == 2


def test_augmentation_and_held_out_images_are_handed_on_as_typed(calls):
    for augmentation, held_out in (("auto", "0.1"), ("none", "photos2")):
        words = ["--augmentation", augmentation, "--held-out", held_out]
        assert main(["train", "omni-gan-32", "--data", "photos", *words]) == 0
        options = calls[-1][3]
        assert (options["augmentation"], options["held_out"]) == (augmentation, held_out)
    assert main(["train", "omni-gan-32", "--data", "photos", "--held-out", "1.5"]) == 2
    assert len(calls) == 2
