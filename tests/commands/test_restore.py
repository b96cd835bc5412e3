"""`everymode restore`: tasks, methods, sizes, kinds of photos, scores, and what is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from saved_runs import saved_run

from everymode.cli import main
from everymode.commands import restore as command
from everymode.commands.restore_flags import RestoreFlags
from everymode.commands.restore_inputs import Photo
from everymode.commands.restoring import degradation, with_known
from everymode.sampling.discriminator import load_discriminator
from everymode.storage.checkpoint import read_state

Said = Callable[..., tuple[int, str]]
QUICK = ("--steps", 3, "--num", 2)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_run(tmp_path_factory.mktemp("restore") / "run")


@pytest.fixture(autouse=True)
def without_perceptual(monkeypatch: pytest.MonkeyPatch) -> None:
    """The perceptual distance has tests of its own, and takes seconds to load."""
    monkeypatch.setattr(command, "perceptual_or_none", lambda backbone, linear: None)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*words: object) -> tuple[int, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, " ".join((captured.out + captured.err).split())

    return call


def a_photo(path: Path, height: int = 20, width: int = 33, mode: str = "RGB") -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    colors = np.stack([x * 7, y * 12, (x + y) * 4], -1).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colors).convert(mode).save(path)
    return colors


def scores(out: Path) -> dict[str, Any]:
    return json.loads((out / "scores.json").read_text())


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path)).astype(int)


def test_discriminator_of_a_run_is_the_stored_one(run: Path) -> None:
    stored = read_state(run / "checkpoints" / "step-0000007")["modules"]["discriminator"]
    loaded = load_discriminator(run).state_dict()
    assert loaded.keys() == stored.keys() and all(torch.equal(loaded[name], stored[name]) for name in stored)


def test_a_generator_without_its_discriminator_is_rejected(run: Path, tmp_path: Path, said: Said) -> None:
    from everymode.sampling.generator import load

    load(run).save(tmp_path / "alone")
    a_photo(tmp_path / "a.png")
    code, text = said(
        "restore", tmp_path / "alone", tmp_path / "a.png", "--task", "colorize", "--out", tmp_path / "out"
    )
    assert code == 2 and "has a generator but no discriminator" in text


def test_colors_of_a_rectangle_at_twice_its_size_keep_its_luminance(
    run: Path, tmp_path: Path, said: Said
) -> None:
    a_photo(tmp_path / "a.png")
    out = tmp_path / "out"
    code, text = said(
        "restore", run, tmp_path / "a.png", "--task", "colorize", "--scale", 2, *QUICK, "--out", out
    )
    assert code == 0 and f"{out / 'a.png'} (40x66)" in text
    assert pixels(out / "a.png").shape == (40, 66, 3)
    (entry,) = scores(out)["photos"]
    assert entry["fitted_at"] == [16, 28], "the short side is native, the long one a multiple of the stride 4"
    assert entry["stop"]["why"] == "all stages are done" and entry["class"] in (
        "circle",
        "square",
        "triangle",
    )
    assert {"prior", "gray"} <= set(text.replace(",", " ").split()) and entry["baselines"]["gray"]["psnr"] > 5
    assert Image.open(out / "stages" / "a.png").width > 6 * 28, "photo, three stages, result, original"


@pytest.mark.parametrize("method", ["prior", "bicubic", "lanczos", "dip"])
def test_shrunk_photos_come_back_at_their_size(method: str, run: Path, tmp_path: Path, said: Said) -> None:
    a_photo(tmp_path / "a.png")
    quick: tuple[object, ...] = {"prior": QUICK, "dip": QUICK[:2]}.get(method, ())
    words = ("--task", "upscale", "--shrink", 2, "--method", method, *quick, "--out", tmp_path / "out")
    source = run if method == "prior" else "none"
    assert said("restore", source, tmp_path / "a.png", *words)[0] == 0
    (entry,) = scores(tmp_path / "out")["photos"]
    assert entry["size"] == [10, 16] and entry["result_size"] == [20, 33]
    same = entry["baselines"].get(method)
    assert same is None or entry["scores"] == same, "one way of computing both"
    assert set(entry["baselines"]) == {"bicubic", "lanczos"}


def test_learned_enlargement_is_fitted_saved_and_used_again(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from everymode.restoration import LocalImplicit

    def fit(images: Any, *, progress: Any, **numbers: Any) -> LocalImplicit:
        assert len(images) == 2 and numbers["steps"] == 5
        torch.manual_seed(0)
        return LocalImplicit(blocks=1, width=4, hidden=(4,))

    monkeypatch.setattr("everymode.restoration.fit_local_implicit", fit)
    for name in "ab":
        a_photo(tmp_path / "photos" / f"{name}.png")
    small = tmp_path / "small.png"
    a_photo(small, 5, 7)
    words = ("restore", "none", small, "--task", "upscale", "--method", "liif")
    one, two = tmp_path / "one", tmp_path / "two"
    code, text = said(*words, "--data", tmp_path / "photos", "--steps", 5, "--scale", 3, "--out", one)
    assert code == 0 and pixels(one / "small.png").shape == (15, 21, 3)
    assert "no scores, as the originals are unknown (--original)" in text
    assert said(*words, "--weights", one / "liif.safetensors", "--size", "15x21", "--out", two)[0] == 0
    assert np.array_equal(pixels(one / "small.png"), pixels(two / "small.png"))


def test_kept_pixels_stay_and_a_mask_tells_the_hole(run: Path, tmp_path: Path, said: Said) -> None:
    photo = a_photo(tmp_path / "a.png")
    hole = np.full((20, 33), 255, np.uint8)
    hole[5:12, 8:20] = 0
    Image.fromarray(hole).save(tmp_path / "mask.png")
    words = ("restore", run, tmp_path / "a.png", "--task", "inpaint", *QUICK)
    out = tmp_path / "out"
    code, text = said(*words, "--mask", tmp_path / "mask.png", "--out", out)
    assert (
        code == 0 and "the hole has 12.7% of the pixels" in text and "scores" not in scores(out)["photos"][0]
    )
    assert np.array_equal(pixels(out / "a.png")[hole > 0], photo[hole > 0])
    assert not np.array_equal(pixels(out / "a.png")[hole == 0], photo[hole == 0])
    assert said(*words, "--mask", "center", "--original", tmp_path / "a.png", "--out", out)[0] == 0
    assert scores(out)["photos"][0]["scores"]["psnr"] > 5


def test_what_is_in_the_hole_does_not_reach_the_target() -> None:
    keep = torch.ones(1, 1, 12, 12)
    keep[:, :, 4:8, 4:8] = 0
    flags = RestoreFlags(task="inpaint", mask="center")
    shown = []
    for filling in (-1.0, 1.0):
        image = torch.zeros(1, 3, 12, 12).where(keep > 0, torch.tensor(filling))
        photo = Photo(Path("a.png"), image, keep)
        target, degrade = degradation(photo, (6, 6), flags)
        assert not target[:, :, 2:4, 2:4].any() and not degrade(torch.ones(1, 3, 6, 6))[:, :, 2:4, 2:4].any()
        shown.append(target)
        pasted = with_known(torch.full((1, 3, 12, 12), 0.5), photo, flags)
        assert (pasted[:, :, 4:8, 4:8] == 0.5).all() and (pasted[keep.expand(1, 3, 12, 12) > 0] == 0).all()
    assert torch.equal(*shown)


def test_kinds_of_photos(run: Path, tmp_path: Path, said: Said) -> None:
    for name, mode in (("gray", "L"), ("palette", "P")):
        a_photo(tmp_path / "in" / f"{name}.png", mode=mode)
    alpha = Image.fromarray(a_photo(tmp_path / "x.png")).convert("RGBA")
    alpha.putalpha(100)
    alpha.save(tmp_path / "in" / "alpha.png")
    a_photo(tmp_path / "in" / "one.png", 1, 1)
    a_photo(tmp_path / "in" / "long.png", 1, 33)
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    code, text = said("restore", run, tmp_path / "in", "--task", "reconstruct", *QUICK, "--out", out)
    assert code == 0 and {path.name for path in out.glob("*.png")} == {
        "gray.png",
        "palette.png",
        "alpha.png",
        "one.png",
    }
    assert "alpha.png: transparent pixels are shown on white" in text
    assert "long.png is left out: it has 1x33 pixels; a side is at most 16 times as long" in text
    assert "bad.png is left out: " in text
    one = next(each for each in scores(out)["photos"] if each["result"] == "one.png")
    assert one["scores"]["ssim"] is None and one["result_size"] == [1, 1]


def test_a_convolutional_generator_takes_the_center_and_says_so(tmp_path: Path, said: Said) -> None:
    run = saved_run(tmp_path / "run", "omni-gan-32")
    a_photo(tmp_path / "a.png")
    words = ("--task", "reconstruct", "--scale", 2, *QUICK, "--out", tmp_path / "out")
    code, text = said("restore", run, tmp_path / "a.png", *words)
    assert code == 0 and "cropped to its center, 20x20" in text and "16x16 only" in text
    assert pixels(tmp_path / "out" / "a.png").shape == (40, 40, 3)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--task inpaint", "inpaint needs the hole"),
        ("--task upscale", "it needs the filter that made the photo small"),
        ("--task colorize --method bicubic", "bicubic only enlarges"),
        ("--task upscale --method liif", "set one of both"),
        ("--task colorize --scale 2 --size 8x8", "--size and --scale exclude each other"),
        ("--task colorize --scale 1e9", "at most 67,108,864"),
        ("--task colorize --filter area", "--filter is for --task upscale"),
        ("--task upscale --method bicubic --num 3", "--num is for --method prior"),
        ("--task upscale --filter area", "more than the 16x28 of the generator's images"),
        ("--task colorize --label hexagon", "hexagon"),
    ],
)
def test_rejected(words: str, problem: str, run: Path, tmp_path: Path, said: Said) -> None:
    a_photo(tmp_path / "a.png")
    code, text = said("restore", run, tmp_path / "a.png", *words.split(), "--out", tmp_path / "out")
    assert code == 2 and problem in text, text


def test_inputs_are_never_overwritten(run: Path, tmp_path: Path, said: Said) -> None:
    before = a_photo(tmp_path / "a.png")
    a_photo(tmp_path / "b" / "a.png")
    words = ("restore", run, tmp_path / "a.png")
    code, text = said(*words, "--task", "reconstruct", "--out", tmp_path)
    assert code == 2 and "choose another --out" in text
    code, text = said(*words, tmp_path / "b" / "a.png", "--task", "reconstruct", "--out", tmp_path / "out")
    assert code == 2 and "would have the same result" in text
    Image.fromarray(np.full((20, 33), 255, np.uint8)).save(tmp_path / "b" / "a.png")
    mask = ("--task", "inpaint", "--mask", tmp_path / "b", "--out", tmp_path / "b")
    assert "which is read" in said(*words, *mask)[1]
    rest = ("--task", "upscale", "--method", "bicubic", "--out", tmp_path / "out")
    code, text = said("restore", tmp_path / "a.png", tmp_path / "b", *rest)
    assert code == 2 and "first argument is the run" in text
    assert np.array_equal(pixels(tmp_path / "a.png"), before)
