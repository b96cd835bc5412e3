"""`everymode partition`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from everymode.cli import main
from everymode.commands.partition import settings_of
from everymode.partitioner.settings import DIGITS, IMAGES, PAPER

SMALL = ["--blocks", "0,1", "--width", "4", "--full-blocks", "1", "--full-width", "8", "--k", "4"]
SMALL += ["--pretext-steps", "2", "--pretext-batch", "8", "--partition-steps", "2", "--partition-batch", "8"]
SMALL += ["--starts", "2", "--start-steps", "2", "--neighbors", "4"]


def test_digits_get_a_report_and_a_picture(tmp_path, capsys):
    out = tmp_path / "my parts"
    assert main(["partition", "--data", "digits", "--limit", "50", "--out", str(out), *SMALL]) == 0
    said = capsys.readouterr()
    assert "50 images in 4 parts" in said.out
    assert "nmi" in said.out and "purity" in said.out
    assert "stretch every distance by at least" in said.out
    assert str(out / "parts.png") in said.out
    assert (out / "parts.png").is_file()
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["blocks"] == [0, 1]
    assert config["settings"]["mirror"] is False
    # The same command finds it finished; another one does not overwrite it.
    assert main(["partition", "--data", "digits", "--limit", "50", "--out", str(out), *SMALL, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert (
        main(["partition", "--data", "digits", "--limit", "50", "--out", str(out), *SMALL, "--seed", "1"])
        == 2
    )
    assert "another partition" in capsys.readouterr().err


def test_a_folder_without_labels(tmp_path, capsys):
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(12):
        pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    words = [
        "partition",
        "--data",
        str(tmp_path / "photos"),
        "--resolution",
        "8",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*words, *SMALL, "--pooled"]) == 0
    said = capsys.readouterr().out
    assert "12 images in 4 parts" in said
    assert "nmi" not in said
    assert "no guarantee for the guide: PooledHead" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--data", "digits", "--k", "2000"], 2, "1797 images can't make 2000 parts"),
        (["--data", "digits", "--k", "1"], 2, "at least 2 parts"),
        (["--data", "digits", "--k", "3.5"], 2, "not a whole number"),
        (["--data", "digits", "--blocks", "2,b"], 2, "list of whole numbers such as 2,2,2"),
        (["--data", "digits", "--neighbor", "5"], 2, "Did you mean --neighbors"),
        (["--data", "nowhere/at/all"], 3, "no file or folder"),
        ([], 2, "--data"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, code, said):
    assert main(["partition", *words, "--out", str(tmp_path / "out")]) == code
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_unreadable_data_ends_with_3(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"torn")
    assert main(["partition", "--data", str(tmp_path / "photos"), "--out", str(tmp_path / "out")]) == 3


def test_numbers_begin_from_those_of_the_data(capsys):
    assert settings_of("digits:train") is DIGITS
    assert settings_of("photos") is IMAGES
    assert settings_of("photos", paper=True) is PAPER
    assert main(["partition", "--help", "--data", "digits"]) == 0
    shown = capsys.readouterr().out
    assert "Number of parts. [default: 10]" in " ".join(shown.split())
