"""`everymode invert`: the encoder is fitted once, the report is complete, and what is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from saved_runs import saved_run
from torch import Tensor

from everymode.cli import main
from everymode.evaluation.reconstructions import Reconstructions

Said = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_run(tmp_path_factory.mktemp("invert") / "run")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        path = tmp_path / "photos" / ("red", "blue")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 90 * number, np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def without_perceptual(monkeypatch: pytest.MonkeyPatch) -> None:
    """The perceptual distance has tests of its own, and takes seconds to load."""

    def missing(backbone: Path | None, linear: Path | None) -> None:
        raise ModuleNotFoundError("no lite0")

    monkeypatch.setattr("everymode.extractors.perceptual_distances.perceptual_network", missing)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*words: object) -> tuple[int, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, " ".join((captured.out + captured.err).split())

    return call


def test_the_report_of_a_run_and_the_encoder_that_is_fitted_once(
    run: Path, photos: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("invert", run, "--data", photos, "--steps", 1)
    code, text = said(*words, "--encoder-steps", 1)
    assert code == 0, text
    assert "the data has 3 images" in text and "fitted now" in text
    encoder = run / "encoders" / "step-0000007.safetensors"
    assert encoder.is_file() and encoder.with_suffix(".json").is_file()
    folder = run / "inversion"
    assert {path.name for path in folder.iterdir()} == {
        *("inversion.json", "worst-1.png", "histograms.png"),
        *("histograms-by-class.png", "histograms-by-predicted-class.png"),
    }
    report = json.loads((folder / "inversion.json").read_text())
    assert {each["class"] for each in report["images"]} == {"red", "blue"}
    assert {each["predicted-class"] for each in report["images"]} <= {"circle", "square", "triangle"}
    assert report["conventions"].keys() == {"L1", "order", "class", "predicted-class"}
    values = [each["L1"] for each in report["images"]]
    assert values == sorted(values, reverse=True) and len(values) == 3
    before = encoder.read_bytes()
    code, text = said(*words, "--num", 2, "--method", "adam", "--out", photos.parent / "out")
    assert code == 0 and "fitted now" not in text and encoder.read_bytes() == before
    assert json.loads((photos.parent / "out" / "inversion.json").read_text())["num"] == 2
    monkeypatch.setattr(Reconstructions, "histograms", lambda self, folder: [])
    encoder.write_bytes(b"cut")
    code, text = said(*words, "--encoder", encoder)
    assert code == 2 and "don't belong together" in text
    encoder.with_suffix(".json").unlink()
    (folder / "histograms-by-cluster.png").write_bytes(b"of an earlier report")
    code, text = said(*words, "--num", 2, "--encoder-steps", 1)
    assert code == 0 and "it is fitted again" in text and "fitted now" in text
    assert not (folder / "histograms-by-cluster.png").exists()
    other = saved_run(photos.parent / "other", width=6)
    code, text = said("invert", other, "--data", photos, "--encoder", encoder)
    assert code == 2 and "is the encoder of another generator" in text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--num 0", "at least 1, 1, 0 and 0"),
        ("--encoder e.pt", "names a .safetensors file"),
        ("--method newton", "newton"),
        ("--lpips-backbone net.pth", "set --lpips-backbone and --lpips-linear"),
    ],
)
def test_rejected(words: str, problem: str, run: Path, photos: Path, said: Said) -> None:
    code, text = said("invert", run, "--data", photos, *words.split())
    assert code == 2 and problem in text


def test_lpips_of_the_users_files_is_the_first_distance(
    run: Path, photos: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Brightness:
        distance_name, smallest = "lpips-vgg", 16

        def facts(self) -> dict[str, str]:
            return {"name": self.distance_name}

        def distances(self, first: Tensor, second: Tensor) -> Tensor:
            return first.float().mean((1, 2, 3))

    monkeypatch.setattr(Reconstructions, "histograms", lambda self, folder: [])
    network = Brightness()
    files: list[Path | None] = []

    def make(*named: Path | None) -> Brightness:
        files.extend(named)
        return network

    monkeypatch.setattr("everymode.extractors.perceptual_distances.perceptual_network", make)
    words = (
        "invert",
        run,
        "--data",
        photos,
        "--steps",
        0,
        "--encoder-steps",
        1,
        "--out",
        photos.parent / "out",
    )
    words += ("--lpips-backbone", "vgg16.pth", "--lpips-linear", "vgg.pth")
    code, text = said(*words)
    assert code == 0 and files == [Path("vgg16.pth"), Path("vgg.pth")] and "lpips-vgg: mean 90.0" in text
    report = json.loads((photos.parent / "out" / "inversion.json").read_text())
    assert [each["lpips-vgg"] for each in report["images"]] == [180, 90, 0]
    assert report["perceptual"] == {"name": "lpips-vgg"}
    network.smallest = 31
    code, text = said(*words)
    assert code == 2 and "needs images of at least 31 pixels" in text


def test_a_file_is_no_folder_for_the_report(run: Path, photos: Path, said: Said) -> None:
    (photos.parent / "file").write_text("")
    code, text = said("invert", run, "--data", photos, "--out", photos.parent / "file")
    assert code == 2 and "is a file: choose another --out" in text


def test_the_report_is_not_written_among_the_images(run: Path, photos: Path, said: Said) -> None:
    code, text = said("invert", run, "--data", photos, "--out", photos / "report")
    assert code == 2 and "choose another --out" in text
