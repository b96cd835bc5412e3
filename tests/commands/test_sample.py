"""`everymode sample`, with small generators in place of trained ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from everymode.cli import main
from everymode.commands import waiting
from everymode.commands.drawing import Drawing, Wanted
from everymode.commands.sample import chosen_labels, samples_folder
from everymode.commands.seeds import parse_seeds
from everymode.data.opening import open_images
from everymode.labels.given import GivenLabels, NoLabels
from everymode.pictures import to_uint8
from everymode.sampling.generator import Generator

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
    monkeypatch.setattr("everymode.sampling.generator.find_generator", lambda path: path)
    monkeypatch.setattr(
        "everymode.sampling.generator.load", lambda path, recipe=None, device="cpu": generator.to(device)
    )
    monkeypatch.chdir(tmp_path)
    return generator


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def test_seeds_are_ranges_and_lists_that_are_never_listed():
    assert parse_seeds("0-3,8") == [range(4), range(8, 9)]
    assert parse_seeds("1, 5,7") == [range(1, 2), range(5, 6), range(7, 8)]
    assert parse_seeds("0-100000000") == [range(100_000_001)]
    for wrong in ("", "3-1", "-2", "a", "1-2-3", "1.5", "0-99999999999999999999"):
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


def test_names_of_files_may_have_spaces(painter, tmp_path, capsys):
    for flag, name in (("--out", "my folder/x y.npz"), ("--grid", "my folder/x y.png"), ("--out", "a b/c d")):
        assert main(["sample", "run", "--seeds", "0", flag, name]) == 0
        assert capsys.readouterr().out.startswith(name) and (tmp_path / name).exists()


def test_a_grid_has_the_number_of_a_class_whose_letters_the_font_lacks(painter, capsys):
    painter.classes = ("cat", "東京", "b")
    words = ["sample", "run", "--label", "cat", "--label", "東京", "--seeds", "0-1", "--grid", "g.png"]
    assert main(words) == 0
    path, message = capsys.readouterr().out.splitlines()
    assert path == "g.png" and message.startswith("the font DejaVu Sans lacks letters of 東京")
    assert main([*words, "--font", "missing.ttf"]) == 2
    assert "missing.ttf can't be read as a font" in capsys.readouterr().err
    assert main(["sample", "run", "--font", "missing.ttf"]) == 2
    assert "--font is for the names in the image of --grid FILE.png" in capsys.readouterr().err


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


@pytest.fixture
def drawn(painter, monkeypatch):
    """The (labels, seeds, size) of every pass."""
    passes = []
    sample = painter.sample

    def counted(n, **options):
        label = options["label"]
        passes.append((None if label is None else label.tolist(), options["seed"], options["size"]))
        return sample(n, **options)

    monkeypatch.setattr(painter, "sample", counted)
    return passes


def test_each_image_is_drawn_once_and_the_first_one_before_the_others(drawn):
    assert main(["sample", "run", "--label", "cat,2", "--seeds", "7,3", "--size", "3x2", "--out", "o"]) == 0
    assert drawn == [([0], [7], (3, 2)), ([0, 2, 2], [3, 7, 3], (3, 2))]


def test_passes_hold_64_images_or_as_many_as_asked(drawn):
    assert main(["sample", "run", "--seeds", "0-99", "--grid", "g.png"]) == 0
    assert [len(seeds) for _, seeds, _ in drawn] == [1, 64, 35]
    assert [seed for _, seeds, _ in drawn for seed in seeds] == list(range(100))
    drawn.clear()
    assert main(["sample", "run", "--seeds", "0-4", "--grid", "g.png", "--batch-size", "1"]) == 0
    assert drawn == [(None, [seed], None) for seed in range(5)]


def test_large_images_are_few_in_a_pass(painter, monkeypatch):
    monkeypatch.setattr("everymode.sampling.generator.MOST_PIXELS", 40)
    drawing = Drawing(painter, [None], size=(3, 4))
    wanted = [Wanted(None, seed) for seed in range(5)]
    assert [len(each.wanted) for each in drawing.passes(wanted)] == [3, 2]


def test_a_long_range_begins_at_once(painter):
    wanted = (Wanted(None, seed) for seed in parse_seeds("5-999999999")[0])
    first = next(Drawing(painter, [None]).passes(wanted))
    assert [each.seed for each in first.wanted] == list(range(5, 69))
    assert torch.equal(first.samples, painter.sample(64, seed=5))


def test_the_device_is_the_cpu_unless_another_is_named(painter, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("everymode.machine.device.find_device", lambda name: asked.append(name) or "cpu")
    assert main(["sample", "run", "--seeds", "0"]) == 0
    assert main(["sample", "run", "--seeds", "0", "--device", "cuda:1"]) == 0
    assert asked == ["cpu", "cuda:1"]
    monkeypatch.undo()
    assert main(["sample", "run", "--device", "gpu"]) == 2
    assert 'device is "cpu", "cuda" or "cuda:1"' in capsys.readouterr().err


def test_what_takes_long_says_how_long(painter, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "SECONDS_TO_LINE", 0)
    assert main(["sample", "run", "--seeds", "0-129", "--grid", "g.png"]) == 0
    said = capsys.readouterr()
    assert said.out == "g.png\n"
    lines = said.err.splitlines()
    assert [line.split(" samples")[0] for line in lines] == ["1 of 130", "65 of 130", "129 of 130"]
    assert all(line.endswith("left") for line in lines)


# ---- what is not finite


def _nan_from(network, first):
    """From the pass with this number on, pixels are not finite."""
    forward, passes = network.forward, []

    def spoilt(z, condition, *size):
        passes.append(0)
        drawn = forward(z, condition, *size)
        return (
            torch.where(torch.arange(len(drawn)).view(-1, 1, 1, 1) == len(drawn) - 1, torch.inf, drawn)
            * (torch.nan if len(passes) > first + 1 else 1)
            if len(passes) > first
            else drawn
        )

    network.forward = spoilt


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("flags", [["--out", "o"], ["--out", "o.npz"], ["--grid", "o.png"], []])
def test_samples_that_are_not_finite_end_with_4_and_leave_nothing(painter, tmp_path, capsys, flags, first):
    _nan_from(painter.network, first)
    assert main(["sample", "run", "--seeds", "0-9", *flags]) == 4
    said = capsys.readouterr().err
    assert "have NaN or infinite values" in said and "earlier checkpoint" in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_points_that_are_not_finite_are_not_plotted(pointer, tmp_path):
    pointer.network.scale.data.fill_(torch.nan)
    assert main(["sample", "run", "--seeds", "0-9"]) == 4
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# ---- one array of all


def test_an_archive_holds_the_images_and_their_labels(painter, capsys):
    words = ["sample", "run", "--label", "2,cat", "--seeds", "0-69", "--size", "5x6", "--out", "made/s.npz"]
    assert main(words) == 0
    assert capsys.readouterr().out == "made/s.npz\n"
    with np.load("made/s.npz") as found:
        assert sorted(found) == ["classes", "images", "labels"]
        images, labels = found["images"], found["labels"]
        assert found["classes"].tolist() == list(CLASSES)
    assert images.dtype == np.uint8 and images.shape == (140, 3, 5, 6)
    assert labels.dtype == np.int64 and labels.tolist() == [2] * 70 + [0] * 70
    expected = [to_uint8(painter.sample(70, label=label, size=(5, 6))) for label in (2, 0)]
    assert np.array_equal(images, torch.cat(expected))
    opened = open_images("made/s.npz", progress=False)
    assert opened.classes == ("cat", "a,b")  # by name, so that an evaluation finds the same classes
    assert opened.image_shape == (3, 5, 6) and opened.class_counts == (70, 70)


def test_labels_that_were_drawn_are_in_the_archive_too(painter):
    assert main(["sample", "run", "--seeds", "3-40", "--out", "s.npz"]) == 0
    with np.load("s.npz") as found:
        images, labels = found["images"], found["labels"]
    assert len(set(labels.tolist())) == 3
    for row in (0, 37):
        again = painter.sample(1, label=int(labels[row]), seed=3 + row)
        assert np.array_equal(images[row], to_uint8(again)[0])


def test_without_labels_the_archive_has_none_and_with_several_an_array_for_each(
    painter, monkeypatch, tmp_path
):
    monkeypatch.setattr(painter, "labels", NoLabels())
    monkeypatch.setattr(
        painter.network, "forward", lambda z, condition: z[:, :, None, None].expand(-1, 3, 4, 4)
    )
    assert main(["sample", "run", "--seeds", "0-1", "--out", "s.npz"]) == 0
    with np.load("s.npz") as found:
        assert list(found) == ["images"]
    monkeypatch.setattr(painter, "labels", GivenLabels((2, 3)))
    assert main(["sample", "run", "--label", "1,2", "--seeds", "0-1", "--out", "s.npz"]) == 0
    with np.load("s.npz") as found:
        assert sorted(found) == ["images", "labels_0", "labels_1"]
        assert found["labels_0"].tolist() == [1, 1] and found["labels_1"].tolist() == [2, 2]
    monkeypatch.setattr(painter, "classes", ("round", "square", "red", "green", "blue"))
    assert main(["sample", "run", "--label", "square,red", "--seeds", "0-1", "--out", "s.npz"]) == 0
    with np.load("s.npz") as found:
        assert found["labels_0"].tolist() == [1, 1] and found["labels_1"].tolist() == [0, 0]
        assert found["classes_0"].tolist() == ["round", "square"]
        assert found["classes_1"].tolist() == ["red", "green", "blue"]


def test_an_archive_that_is_not_finished_leaves_the_old_one(painter, monkeypatch, tmp_path, capsys):
    (tmp_path / "s.npz").write_text("old")
    sample = painter.sample

    def failing(n, **options):
        if n > 1:
            raise ValueError("no more")
        return sample(n, **options)

    monkeypatch.setattr(painter, "sample", failing)
    assert main(["sample", "run", "--out", "s.npz"]) == 2
    assert "no more" in capsys.readouterr().err
    assert (tmp_path / "s.npz").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "s.npz"]


def test_points_are_no_array_of_images(pointer, capsys, tmp_path):
    assert main(["sample", "run", "--out", "s.npz"]) == 2
    assert "written as points.npy: set --out to a folder, not s.npz" in capsys.readouterr().err
    assert not (tmp_path / "s.npz").exists()


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
        (["--grid", "g.png", "--seeds", "0-99999"], "at most 10,000 samples into one image, not 100,000"),
        (["--out", "s.npy"], "or a .npz file for one array, such as samples.npz, not s.npy"),
        (["--out", "s.png"], "use --grid FILE.png"),
        (["--out", "run.npz"], "run.npz is a folder, not a file"),
        (["--batch-size", "0"], "--batch-size is the number of samples per pass, 1 or more, not 0"),
        (["--label", "cat,wolf"], "there is no label 'wolf'"),
        (["--size", "4x"], "HEIGHTxWIDTH"),
        (["--size", "0x4"], "an image of 0x4 can't be drawn"),
        (["--size", "100000"], "at most 67,108,864 (8192x8192)"),
    ],
)
def test_mistakes_are_one_line_and_code_2(painter, words, expected, capsys, tmp_path):
    (tmp_path / "run.npz").mkdir()
    assert main(["sample", "run", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]


def test_a_path_without_a_generator_ends_with_2(tmp_path, capsys):
    assert main(["sample", str(tmp_path)]) == 2
    assert "holds no generator" in capsys.readouterr().err


def test_the_code_of_a_recipe_of_ones_own_must_be_named(tmp_path, capsys):
    config = {"format": 2, "recipe": {"own": "Mine", "numbers": {}, "parts": {}}}
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
    assert "file is a file, not a folder to write images to" in capsys.readouterr().err
    assert main(["sample", "run", "--out", "file/s.npz"]) == 2
    assert "file is a file, not a folder" in capsys.readouterr().err
    assert main(["sample", "run", "--grid", "file/grid.png"]) == 2
    assert "file is a file, not a folder" in capsys.readouterr().err
