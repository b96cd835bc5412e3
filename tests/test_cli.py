"""The command line as a whole: exit codes, one-line errors, and help that needs no torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from everymode.cli import main
from everymode.commands.ending import fail
from everymode.data.errors import DataError


@pytest.fixture
def train_raises(monkeypatch):
    """Makes everymode.runs.run.train raise what it is given."""

    def patch(error):
        def refuse(*arguments, **options):
            raise error

        monkeypatch.setattr("everymode.runs.run.train", refuse)

    return patch


def error_of(capsys) -> str:
    """The one line of the last error."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_help_lists_and_mistakes_need_neither_torch_nor_numpy():
    commands = [
        [],
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["train", "omni-gan-32", "--help"],
        ["train", "omni-gan-32", "--stpes", "3"],
        ["train", "omni-gan-32", "--steps", "0"],
        ["train", "omni-gan-23"],
        ["recipes"],
        ["recipes", "show", "omni-gan-32", "--json"],
        ["sample", "--help"],
        ["sample"],
        ["data", "check", "--help"],
    ]
    script = (
        "import json, sys; from everymode.cli import main\n"
        f"codes = [main(words) for words in {commands!r}]\n"
        "print(json.dumps([codes, sorted({'torch', 'numpy', 'PIL'} & set(sys.modules))]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    codes, loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
    assert codes == [0, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0, 2, 0]


def test_without_a_command_everymode_lists_its_commands(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("train", "sample", "recipes", "data", "doctor"))


def test_the_version(capsys):
    from everymode import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "train"),
        (["train", "omni-gan-digit"], "omni-gan-digits"),
        (["train", "omni-gan-digits", "--genrator-lr", "1"], "--generator-lr"),
        (["train", "--data", "x", "--batch_sze", "1", "omni-gan-digits"], "--batch-size"),
        (["recipes", "show", "biggan-cifar"], "biggan-cifar10"),
        (["sample", "x", "--trunc", "1"], "--truncation"),
    ],
)
def test_a_misspelled_word_gets_the_nearest_one_and_code_2(words, expected, capsys):
    assert main(words) == 2
    error = error_of(capsys)
    assert error.startswith("error: ")
    assert "Did you mean" in error
    assert expected in error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train"], "everymode recipes"),
        (["train", "--resume", "auto"], "--resume auto"),
        (["train", "omni-gan-digits", "--kimg", "1"], "`everymode train omni-gan-digits --help` lists all"),
        (["train", "omni-gan-digits", "stray"], "unexpected argument: stray"),
        (["train", "omni-gan-digits", "--steps", "many"], "--steps"),
        (["train", "omni-gan-digits", "--fit", "squash"], '"crop", "pad", "stretch"'),
        (["train", "omni-gan-digits", "--steps", "0"], "steps must be at least 1"),
        (["train", "omni-gan-digits", "--resolution", "3x3x3"], "HEIGHTxWIDTH"),
        (["train", "omni-gan-digits", "--on-nonfinite", "hope"], '"stop", "rollback"'),
        (["train", "nowhere.py"], "nowhere.py"),
    ],
)
def test_other_mistakes_are_one_line_and_code_2(words, expected, capsys):
    assert main(words) == 2
    assert expected in error_of(capsys)


@pytest.mark.parametrize("data", ["nothere", "./nothere", "nothere.zip"])
@pytest.mark.parametrize(
    "words",
    [
        ["train", "omni-gan-digits", "--data"],
        ["partition", "--out", "parts", "--data"],
        ["data", "check"],
        ["evaluate", "--real", "digits", "--fake"],
        ["evaluate", "digits", "--real"],
    ],
)
def test_data_that_are_not_there_end_with_3_however_they_are_named(
    words, data, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([*words, data]) == 3
    assert "nothere" in error_of(capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipe", ["omni-gan-32", "self-conditioned-32", "san-gan-cnn-digits", "gan-digits"])
def test_points_for_a_recipe_of_images_are_refused_from_the_users_view(recipe, tmp_path, capsys):
    assert main(["train", recipe, "--data", "ring", "--out", str(tmp_path)]) == 2
    said = error_of(capsys)
    assert f"ring holds points in the plane, and {recipe} draws images" in said
    assert "gan-ring" in said and "`everymode recipes points`" in said
    assert not list(tmp_path.iterdir())


def test_the_help_of_evaluate_names_its_argument_as_its_usage_does(capsys):
    assert main(["evaluate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert (
        "Usage: everymode evaluate RUN" in shown
        and "RUN  Run, checkpoint or saved generator to evaluate" in shown
    )
    assert "FAKE" not in shown.replace("--fake", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("a number is wrong\nhere"), 2),
        (DataError("no image can be read"), 3),
        (FileNotFoundError("photos is not there"), 3),
        (FileNotFoundError("runs/7 is no checkpoint with a discriminator"), 2),
        (PermissionError("runs can't be written"), 2),
        (ImportError("opening tables needs pyarrow: pip install everymode[parquet]"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_training_raises_becomes_one_line_and_a_code(error, code, train_raises, capsys):
    train_raises(error)
    assert main(["train", "omni-gan-digits", "--init-from", "runs/7"]) == code
    said = error_of(capsys)
    assert said == f"error: {' '.join(str(error).split()) or 'interrupted'}"


def test_an_error_that_is_no_mistake_of_the_users_is_raised(train_raises):
    train_raises(ImportError("cannot import name x"))
    with pytest.raises(ImportError, match="name x"):
        main(["train", "omni-gan-digits"])
    train_raises(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        main(["train", "omni-gan-digits"])


def test_a_traceback_is_shown_on_request_only(train_raises, capsys, monkeypatch):
    train_raises(ValueError("a number is wrong"))
    monkeypatch.setenv("EVERYMODE_TRACEBACK", "1")
    assert main(["train", "omni-gan-digits"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("error: a number is wrong\n")
    monkeypatch.setenv("EVERYMODE_TRACEBACK", "0")
    assert main(["train", "omni-gan-digits"]) == 2
    assert error_of(capsys) == "error: a number is wrong"


def test_of_several_processes_one_of_each_machine_speaks(capsys, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert fail("lost", 3) == 3
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("RANK", "8")
    fail("lost", 3)
    assert error_of(capsys) == "error: lost"


def test_the_reader_of_our_output_may_leave(tmp_path: Path):
    piped = subprocess.run(
        f'"{sys.executable}" -m everymode recipes show omni-gan-32 | head -1; echo "${{PIPESTATUS[0]}}"',
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert piped.stdout.splitlines() == ["Omni-GAN on your own labeled images, 32 pixels", "141"]
    assert piped.stderr == ""


@pytest.mark.parametrize(
    ("command", "code"), [("sample", 2), ("evaluate", 3), ("compare", 2), ("clusters", 2)]
)
def test_a_run_that_does_not_exist_is_answered_with_the_nearest(command, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my runs" / "00001-pac-gan-digits").mkdir(parents=True)
    (tmp_path / "my runs" / "00001-pac-gan-digits" / "config.json").write_text("{}")
    assert main([command, "my runs/0001-pac-gan-digits"]) == code
    message = error_of(capsys)
    assert "my runs/0001-pac-gan-digits" in message
    assert re.search("[Dd]id you mean my runs/00001-pac-gan-digits?", message)
    assert main([command, "runs/zebra"]) == code
    assert "id you mean" not in error_of(capsys)
