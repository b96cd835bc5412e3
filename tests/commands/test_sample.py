"""`everymode sample`, with small generators in place of trained ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from everymode.cli import main
from everymode.commands.sample import chosen_labels, parse_seeds, samples_folder
from everymode.generator import Generator
from everymode.labels.given import GivenLabels
from everymode.pictures import to_uint8

CLASSES = ("cat", "red fox", "a,b")


class Painter(nn.Module):
    """One flat color per z and class; at any size."""

    latent_dim = 3

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor([0.0, 0.3, -0.3]))

    def forward(self, z, condition, size=(4, 4)):
        color = torch.tanh(z + self.shift[condition][:, None])
        return color[:, :, None, None].expand(-1, -1, *size)


class Pointer(nn.Module):
    """z itself, as points."""

    latent_dim = 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z, condition):
        return z * self.scale + condition[:, None]


@pytest.fixture
def painter(monkeypatch, tmp_path):
    """A generator of images, in tmp_path/run, which is also the current folder."""
    return _stand_in(Painter(), monkeypatch, tmp_path)


@pytest.fixture
def pointer(monkeypatch, tmp_path):
    return _stand_in(Pointer(), monkeypatch, tmp_path)


def _stand_in(network, monkeypatch, tmp_path):
    generator = Generator(network, GivenLabels(3), classes=CLASSES)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    monkeypatch.setattr("everymode.generator.find_generator", lambda path: path)
    monkeypatch.setattr("everymode.generator.load", lambda path, recipe=None: generator)
    monkeypatch.chdir(tmp_path)
    return generator


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def test_seeds_are_ranges_and_lists():
    assert parse_seeds("0-3,8") == [0, 1, 2, 3, 8]
    assert parse_seeds("1, 5,7") == [1, 5, 7]
    for wrong in ("", "3-1", "-2", "a", "1-2-3", "1.5"):
        with pytest.raises(ValueError, match="--seeds"):
            parse_seeds(wrong)


def test_labels_are_repeated_or_listed_and_a_comma_may_be_part_of_a_name():
    assert chosen_labels(["cat,1", "2"], CLASSES) == ["cat", "1", "2"]
    assert chosen_labels(["a,b", "cat"], CLASSES) == ["a,b", "cat"]


def test_samples_go_beside_the_run_that_a_path_lies_in(tmp_path, monkeypatch):
    checkpoint = tmp_path / "run" / "checkpoints" / "step-0000002"
    checkpoint.mkdir(parents=True)
    (tmp_path / "saved").mkdir()
    assert samples_folder(tmp_path / "run") == tmp_path / "run" / "samples"
    assert samples_folder(checkpoint) == (tmp_path / "run" / "samples").resolve()
    assert str(samples_folder(tmp_path / "saved")) == "samples"


def test_each_png_is_exactly_the_sample_of_its_seed(painter, tmp_path, capsys):
    assert main(["sample", "run", "--seeds", "3,11", "--truncation", "0.5"]) == 0
    written = capsys.readouterr().out.split()
    assert written == ["run/samples/seed0003.png", "run/samples/seed0011.png"]
    for path, seed in zip(written, (3, 11), strict=True):
        assert torch.equal(pixels(path), to_uint8(painter.sample(1, seed=seed, truncation=0.5)[0]))


def test_labels_by_name_and_number_name_the_files(painter, capsys):
    assert (
        main(["sample", "run", "--label", "cat,2", "--label", "red fox", "--seeds", "7", "--out", "o"]) == 0
    )
    names = ["label-cat-seed0007.png", "label-2-seed0007.png", "label-1-seed0007.png"]
    assert capsys.readouterr().out.split() == [f"o/{name}" for name in names]
    for name, label in zip(names, (0, 2, 1), strict=True):
        assert torch.equal(pixels(f"o/{name}"), to_uint8(painter.sample(1, label=label, seed=7)[0]))


def test_a_grid_has_a_row_for_each_label(painter, capsys):
    words = ["sample", "run", "--label", "cat", "--label", "2", "--seeds", "0-4", "--grid", "made/g.png"]
    assert main(words) == 0
    assert capsys.readouterr().out.split() == ["made/g.png"]
    width, height = Image.open("made/g.png").size
    assert width > 2 * height
    assert main(["sample", "run", "--seeds", "0-5", "--columns", "1", "--grid", "made/g.png"]) == 0
    width, height = Image.open("made/g.png").size
    assert height > 5 * width


def test_a_size_is_height_by_width(painter):
    assert main(["sample", "run", "--seeds", "0", "--size", "6x5", "--out", "o"]) == 0
    assert pixels("o/seed0000.png").shape == (3, 6, 5)


def test_each_image_is_drawn_once(painter, monkeypatch):
    drawn = []
    sample = painter.sample

    def counted(n, **options):
        drawn.append((options["label"], options["seed"], options["size"]))
        return sample(n, **options)

    monkeypatch.setattr(painter, "sample", counted)
    assert main(["sample", "run", "--label", "cat,2", "--seeds", "7,3", "--size", "3x2", "--out", "o"]) == 0
    assert drawn == [(label, seed, (3, 2)) for label in ("cat", "2") for seed in (7, 3)]


def test_a_size_that_can_not_be_drawn_leaves_nothing_behind(painter, monkeypatch, capsys, tmp_path):
    def fixed(z, condition, size=None):
        raise ValueError("this generator makes (4, 4) only")

    monkeypatch.setattr(painter.network, "forward", fixed)
    assert main(["sample", "run", "--size", "64x40", "--out", "o"]) == 2
    assert "makes (4, 4) only" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_points_are_plotted_and_saved(pointer, capsys):
    assert main(["sample", "run", "--label", "0,2", "--seeds", "0-9", "--out", "o"]) == 0
    assert capsys.readouterr().out.split() == ["o/points.png", "o/points.npy"]
    points = np.load("o/points.npy")
    assert points.shape == (20, 2)
    assert np.allclose(points[10:], points[:10] + 2)
    assert np.allclose(points[4], pointer.sample(1, label=0, seed=4)[0])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--label", "wolf"], "there is no label 'wolf'"),
        (["--seeds", "9-1"], "--seeds"),
        (["--columns", "3"], "--grid"),
        (["--columns", "0", "--grid", "g.png"], "--columns"),
        (["--grid", "g.png", "--out", "o"], "one of the two"),
        (["--grid", "g"], "grid.png"),
        (["--size", "4x"], "HEIGHTxWIDTH"),
        (["--size", "0x4"], "an image of 0x4 can't be drawn"),
        (["--size", "100000"], "at most 67,108,864 (8192x8192)"),
    ],
)
def test_mistakes_are_one_line_and_code_2(painter, words, expected, capsys):
    assert main(["sample", "run", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]


def test_a_path_without_a_generator_ends_with_2(tmp_path, capsys):
    assert main(["sample", str(tmp_path)]) == 2
    assert "holds no generator" in capsys.readouterr().err


def test_the_code_of_a_recipe_of_ones_own_must_be_named(tmp_path, capsys):
    config = {"recipe": {"module": "user_recipe_mine", "class": "Mine"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "generator.safetensors").touch()
    (tmp_path / "recipe.py").write_text("raise SystemExit('run without being asked')")
    for command in ("sample", "evaluate", "clusters"):
        assert main([command, str(tmp_path)]) == 2
        assert f"--recipe {tmp_path / 'recipe.py'}" in capsys.readouterr().err


def test_a_config_without_a_recipe_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "generator.safetensors").touch()
    for command in ("sample", "clusters"):
        assert main([command, str(tmp_path)]) == 2
        assert "names no recipe" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_refused_in_a_sentence(painter, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["sample", "run", "--out", "file"]) == 2
    assert "file is a file, not a folder to write pictures to" in capsys.readouterr().err
    assert main(["sample", "run", "--grid", "file/grid.png"]) == 2
    assert "file is a file, not a folder" in capsys.readouterr().err
