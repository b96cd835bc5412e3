"""`everymode data check`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from everymode.cli import main
from everymode.commands.advice import SMALL
from everymode.recipes import RECIPES, find


@pytest.fixture
def photos(tmp_path):
    """150 images in two classes."""
    random = np.random.default_rng(0)
    for index in range(150):
        folder = tmp_path / "photos" / ("cat" if index % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03d}.png")
    return tmp_path / "photos"


def test_a_usable_folder_is_reported_and_ends_with_0(photos, capsys):
    (photos / "cat" / "001.png").write_bytes(b"torn")
    assert main(["data", "check", str(photos), "--resolution", "32"]) == 0
    said = capsys.readouterr()
    assert "150" in said.out
    assert "cat" in said.out
    assert "001.png" in said.out
    assert "error" not in said.err


def test_more_than_one_percent_unreadable_ends_with_3(photos, capsys):
    for name in ("001", "003"):
        (photos / "cat" / f"{name}.png").write_bytes(b"torn")
    assert main(["data", "check", str(photos)]) == 3
    said = capsys.readouterr()
    assert "003.png" in said.out
    assert "2 of 150" in said.err


def test_nothing_readable_ends_with_3(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"torn")
    assert main(["data", "check", str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert "has 1 image, and none that can be read" in said.err
    assert "everymode train" not in said.out


def test_no_such_path_ends_with_3_and_a_wrong_resolution_with_2(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 3
    assert "nowhere" in capsys.readouterr().err
    assert main(["data", "check", "digits", "--resolution", "big"]) == 2
    assert "HEIGHTxWIDTH" in capsys.readouterr().err


# ---- what to do next


def make(folder, names, size=(8, 8)):
    """Images by name, each of its own pixels."""
    random = np.random.default_rng(1)
    for name in names:
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """As on a machine with a GPU, unless a test sets "there" to False."""
    there = {"there": True}
    monkeypatch.setattr("torch.cuda.is_available", lambda: there["there"])
    return there


def advised(capsys, *words):
    """What follows the report, and the recipes that it names, all of which there are."""
    assert main(["data", "check", *map(str, words)]) == 0
    text = capsys.readouterr().out.rstrip().split("\n\n")[-1]
    commands = [line.split() for line in text.splitlines() if line.startswith("  everymode train ")]
    names = [command[2] for command in commands]
    assert names and set(names) <= set(RECIPES)
    assert all(command[3:5] == ["--data", str(words[0])] for command in commands)
    return text, names


def test_labeled_images_are_for_omni_gan(photos, capsys):
    text, names = advised(capsys, photos)
    assert names == ["omni-gan-32"]
    assert text == (
        f"there are labels, so train with:\n  everymode train omni-gan-32 --data {photos}\n"
        "augmentation: translation,cutout, because there are 75 images per class (automatic; --augmentation none turns "
        "it off)"
    )
    text, _ = advised(capsys, photos, "--limit", "100")
    assert text == f"there are labels, so train with:\n  everymode train omni-gan-32 --data {photos}"


@pytest.mark.parametrize(
    ("source", "recipe"),
    [("digits", "omni-gan-digits"), ("two-domain-digits", "omni-gan-two-domains")],
)
def test_data_that_come_with_everymode_have_recipes_of_their_own(source, recipe, capsys):
    assert advised(capsys, source)[1] == [recipe]


def test_unlabeled_images_are_for_recipes_that_find_classes(tmp_path, capsys):
    folder = make(tmp_path / "flat", "abc", (90, 70))
    text, names = advised(capsys, folder)
    assert names == ["self-conditioned-64", "partition-guided-64"]
    assert text.startswith("there are no labels, so train with one of:\n")
    assert advised(capsys, folder, "--resolution", "48")[1] == ["self-conditioned-32", "partition-guided-32"]
    assert advised(capsys, folder, "--resolution", "128x256")[1][0] == "self-conditioned-128"
    one = make(tmp_path / "one", ["cat/a", "cat/b"])
    text, names = advised(capsys, one)
    assert "there is only one class" in text and names[0] == "self-conditioned-32"


def test_a_few_labels_are_for_recipes_that_guess_the_others(tmp_path, capsys):
    folder = make(tmp_path / "few", ["cat/a", "dog/b", "c", "d", "e"], (300, 200))
    assert advised(capsys, folder)[1] == ["multi-hinge-ssl-64", "omni-gan-64"]
    assert advised(capsys, folder, "--resolution", "128")[1] == ["multi-hinge-ssl-64", "omni-gan-128"]


def test_built_in_data_have_recipes_of_their_own(capsys):
    assert advised(capsys, "digits:train")[1] == ["omni-gan-digits"]
    assert advised(capsys, "shapes:samples=20")[1] == ["omni-gan-shapes"]
    assert advised(capsys, "ring:samples=50")[1] == ["self-conditioned-ring", "gan-ring"]
    assert advised(capsys, "grid:samples=50")[1] == ["self-conditioned-grid", "gan-grid"]


def test_the_users_own_options_are_handed_on(tmp_path, capsys):
    folder = make(tmp_path / "my photos", "ab")
    (folder / "labels.csv").write_text("file,kind,color\na.png,1,2\nb.png,2,1\n")
    words = ["data", "check", str(folder), "--label-column", "kind,color", "--fit", "pad"]
    assert main(words) == 0
    options = f"--data '{folder}' --label-column kind,color --fit pad --batch-size 2"
    expected = f"  everymode train omni-gan-32 {options}"
    assert capsys.readouterr().out.rstrip().splitlines()[-1] == expected


def test_sizes_that_differ_ask_for_a_resolution(photos, capsys):
    assert "sizes differ" not in advised(capsys, photos)[0]
    make(photos, ["cat/large"], (50, 40))
    assert advised(capsys, photos)[0].startswith("sizes differ: --resolution 32 counts ")
    assert "sizes differ" not in advised(capsys, photos, "--resolution", "64")[0]


def test_images_are_held_out_where_there_are_enough(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (500, 1, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "many.npz", images=images, labels=np.arange(500) % 2)
    np.savez(tmp_path / "few.npz", images=images[:499])
    text, _ = advised(capsys, tmp_path / "many.npz")
    assert text.splitlines()[1].endswith("many.npz --held-out 0.1")
    assert "--held-out 0.1 keeps a tenth" in text and "there are 225 images per class" in text
    text, _ = advised(capsys, tmp_path / "few.npz")
    assert "held-out" not in text and "translation,cutout, because there are 499 images (automatic" in text


def test_without_a_gpu_a_small_model_is_advised_too(tmp_path, capsys, gpu):
    gpu["there"] = False
    folder = make(tmp_path / "flat", "abcdefghi", (90, 70))
    text, names = advised(capsys, folder, "--resolution", "128")
    assert names == ["self-conditioned-128", "partition-guided-128", "self-conditioned-64"]
    lines = text.splitlines()
    assert (
        lines[3]
        == "there is no GPU here: a small model takes about 40 minutes on one CPU core, less on several:"
    )
    assert lines[4].endswith(f"self-conditioned-64 --data {folder} --width 16 --steps 4000 --batch-size 8")
    assert "no GPU" not in advised(capsys, "digits:train")[0]


def test_every_small_model_is_one_of_a_recipe():
    for name, (width, _) in SMALL.items():
        assert (
            find(name).with_numbers(width=width).flat_numbers()["width"] < find(name).flat_numbers()["width"]
        )
