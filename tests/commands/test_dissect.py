"""`everymode dissect`: pages, conditions, changed units, and what is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from paired_games import saved_generator
from PIL import Image
from saved_runs import saved_as_a_run
from torch import Tensor

from everymode.cli import main
from everymode.commands.dissecting import drawing
from everymode.data.opening import open_images
from everymode.draws import Draws, Rows
from everymode.recipes import find
from everymode.sampling.generator import Generator, load
from everymode.sampling.record import FORMAT, record_of

QUICK = ("--num", 12, "--strongest", 1)


def saved_shapes(folder: Path, labels: str) -> Path:
    """An untrained generator of shapes at toy size."""
    source = f"shapes:labels={labels},samples=24"
    recipe = find("omni-gan-shapes").shrunk()
    data = open_images(source, resolution=recipe.size)
    recipe = recipe.for_data(data.facts())
    torch.manual_seed(0)
    game = recipe.build()
    config = {
        "format": FORMAT,
        "recipe": {"file": None, **record_of(recipe)},
        "data": {"source": source, "classes": list(data.classes)},
    }
    generator = Generator(game.generator, game.labels, classes=data.classes, config=config)
    return saved_as_a_run(generator, folder)


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_shapes(tmp_path_factory.mktemp("colors") / "run", "color")


@pytest.fixture(autouse=True)
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots are pictures of one pixel: tests/dissection/test_pages.py looks at a real one."""

    def plot(dissection: object, path: Path) -> Path:
        Image.new("L", (1, 1)).save(path)
        return path

    monkeypatch.setattr("everymode.dissection.pages.plot_curves", plot)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command; returns its exit code and all that it printed."""

    def run(*words: object) -> tuple[int, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, " ".join((captured.out + captured.err).split())

    return run


def test_pages_curve_and_record(colors: Path, tmp_path: Path, said: Callable[..., tuple[int, str]]) -> None:
    out = tmp_path / "deep" / "pages"
    words = ("dissect", colors, "--segmenter", "palette", "--out", out, *QUICK, "--layers", "0,1")
    code, text = said(*words, "--label", "red")
    assert code == 0, text
    assert "condition red" in text
    assert "0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2" in text
    assert f"wrote {out / 'index.html'}" in text
    files = sorted(file.name for file in out.iterdir())
    assert files == ["curve.png", "dissection.json", "index.html", "layer-0.html", "layer-1.html"]
    record = json.loads((out / "dissection.json").read_text())
    assert record["protocol"]["images"] == 12
    assert record["facts"]["condition"] == "red"
    assert len(record["protocol"]["segmenter_hash"]) == 64
    assert record["labels"][:2] == ["background", "red"]
    (out / "layer-7.html").write_text("an older layer")
    code, text = said(*words)
    assert code == 0, text
    assert not (out / "layer-7.html").exists()
    assert "condition" not in text


def test_conditions(colors: Path, tmp_path: Path, said: Callable[..., tuple[int, str]]) -> None:
    file = tmp_path / "mine.py"
    file.write_text("num_classes = 2\ndef segment(images):\n    return (images[:, 0] > 0).long()\n")
    words = ("dissect", colors, "--segmenter", file, "--out", tmp_path / "out", *QUICK, "--layers", "1")
    code, text = said(*words, "--conditions", "red,blue", "--tail", "0.2")
    assert code == 0, text
    assert "different labels under 2 conditions: block 1:" in text
    record = json.loads((tmp_path / "out" / "dissection.json").read_text())
    assert record["conditions"] == ["red", "blue"]
    assert set(record["changed_units"]) == {"block 1"}
    for number in range(2):
        assert (tmp_path / "out" / f"condition-{number}" / "layer-1.html").is_file()
    assert "condition-1/index.html" in (tmp_path / "out" / "index.html").read_text()


def test_a_fitted_segmenter_comes_from_the_data(
    colors: Path, tmp_path: Path, said: Callable[..., tuple[int, str]]
) -> None:
    code, text = said(
        "dissect", colors, "--segmenter", "fitted", "--out", tmp_path / "out", *QUICK, "--data", "digits"
    )
    assert code == 2
    assert "needs images with label maps, and the data is digits" in text
    assert not (tmp_path / "out").exists()


def test_requested_labels_are_drawn_and_others_stay_random(tmp_path: Path) -> None:
    generator = load(saved_shapes(tmp_path / "run", "shape+color"))
    draws = Draws(0, "dissect", Rows.all(30))
    free = drawing(generator, None)(draws)
    fixed = drawing(generator, ",green")(draws)
    assert isinstance(free[1], Tensor)
    assert isinstance(fixed[1], Tensor)
    assert torch.equal(free[0], fixed[0])
    assert torch.equal(free[1][:, 0], fixed[1][:, 0])
    assert (fixed[1][:, 1] == 1).all()
    assert len(free[1][:, 1].unique()) > 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--label", "pink"), "there is no label 'pink'"),
        (("--label", "red,blue"), "use --conditions a,b,c to compare several"),
        (("--conditions", "red"), "--conditions compares at least two"),
        (("--conditions", "red,red"), "named twice"),
        (("--conditions", "red,blue", "--label", "red"), "--conditions excludes --label"),
        (("--cluster", "1"), "--cluster is for generators whose labels are clusters"),
        (("--tail", "2"), "tail is 2.0"),
        (("--layers", "9"), "layers is (9,)"),
        (("--strongest", "0"), "--strongest is 0"),
    ],
)
def test_what_does_not_fit_is_rejected(
    colors: Path,
    tmp_path: Path,
    said: Callable[..., tuple[int, str]],
    words: tuple[str, ...],
    text: str,
) -> None:
    code, printed = said(
        "dissect", colors, "--segmenter", "palette", "--out", tmp_path / "out", "--num", 4, *words
    )
    assert code == 2
    assert text in printed
    assert not (tmp_path / "out").exists()


def test_folders_with_other_files_and_other_games_are_rejected(
    colors: Path, tmp_path: Path, said: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "photo.png").write_bytes(b"a picture")
    words = ("--segmenter", "palette", "--num", 4)
    code, text = said("dissect", colors, "--out", tmp_path, *words)
    assert code == 2
    assert "holds other files than an earlier dissection" in text
    code, text = said("dissect", colors, "--out", tmp_path / "photo.png", *words)
    assert code == 2
    assert "is a file" in text
    saved_generator("stargan-shapes", tmp_path / "stargan")
    code, text = said("dissect", tmp_path / "stargan", "--out", tmp_path / "out", *words)
    assert code == 2
    assert "from label maps or pictures, not from seeds alone" in text
