"""What may be named as a side of an evaluation, and what is said of the rest."""

from __future__ import annotations

import pytest

from everymode.evaluation.naming import require_there


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "00000-omni-gan-digits-digits-train").mkdir(parents=True)
    (tmp_path / "photos").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "photos",
        "./photos",
        "digits",
        "digits:held-out",
        "ring:modes=4",
        "stacked:photos",
        "joined:photos|digits",
        "runs/00000-omni-gan-digits-digits-train",
    ],
)
def test_paths_and_names_that_are_there_are_passed_over(name):
    require_there(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("digts", "Did you mean digits?"),
        ("photoz", "Did you mean photos?"),
        ("omni-gan-digits", "Did you mean runs/00000-omni-gan-digits-digits-train?"),
    ],
)
def test_a_name_that_is_nothing_is_refused_with_the_nearest(name, near, elsewhere):
    with pytest.raises(FileNotFoundError, match="neither a file or folder here") as caught:
        require_there(name)
    said = str(caught.value)
    assert str(elsewhere) in said and said.endswith(near)
    assert "a run, a checkpoint, a saved generator, a file or folder of images" in said
    assert "digits, grid, ring" in said


def test_a_path_that_is_nothing_is_a_file_not_found():
    with pytest.raises(FileNotFoundError, match="no file or folder runs/00000") as caught:
        require_there("runs/00000")
    assert "Did you mean runs/00000-omni-gan-digits-digits-train?" in str(caught.value)
    with pytest.raises(FileNotFoundError) as caught:
        require_there("gone/away.zip")
    assert "Did you mean" not in str(caught.value)


def test_nothing_like_it():
    with pytest.raises(FileNotFoundError, match="stacked:PATH") as caught:
        require_there("qqqqqqq")
    assert "Did you mean" not in str(caught.value)
