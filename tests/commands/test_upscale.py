"""`everymode upscale`: files and folders of any size, tiles, seams that are measured, and what is rejected."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from paired_games import saved_generator
from PIL import Image

from everymode.cli import main
from everymode.commands.upscale import seam_difference
from everymode.pictures import to_pil
from everymode.sampling.generator import load


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator whose receptive radius is known: the published residual one, of one block."""
    folder = tmp_path_factory.mktemp("exact") / "run"
    saved_generator("sr-pixel-photos", folder)
    return folder


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense generator, whose receptive field is larger than the tiles of these tests."""
    folder = tmp_path_factory.mktemp("dense") / "run"
    saved_generator("esrgan-photos", folder)
    return folder


def a_picture(path: Path, height: int, width: int, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def in_one_pass(run: Path, pixels: np.ndarray) -> np.ndarray:
    small = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    return np.array(to_pil(load(run).translate(small)[0])).astype(int)


def result(path: Path) -> np.ndarray:
    return np.array(Image.open(path)).astype(int)


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def test_one_picture_in_tiles_is_that_of_one_pass(
    exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = a_picture(tmp_path / "a.png", 37, 61)
    tile = 2 * load(exact).network.receptive_radius + 5
    code, text = said(capsys, "upscale", exact, tmp_path / "a.png", "--out", tmp_path / "out", "--tile", tile)
    assert code == 0 and "a.png (244x148)" in text and "tiles change" not in text
    difference = np.abs(result(tmp_path / "out" / "a.png") - in_one_pass(exact, pixels))
    assert (
        difference.max() <= 1 and (difference > 0).mean() < 1e-3
    )  # a level where rounding falls the other way


def test_a_folder_with_what_is_left_out(
    exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    sizes = {"tall.png": (20, 7), "inside/wide.png": (3, 30), "one.png": (1, 1)}
    pictures = {name: a_picture(photos / name, *size) for name, size in sizes.items()}
    Image.fromarray(pictures["tall.png"][:, :, 0]).save(photos / "gray.png")
    (photos / "damaged.jpg").write_bytes(b"no picture")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, text = said(capsys, "upscale", exact, photos, "--out", tmp_path / "out")
    assert code == 0 and "damaged.jpg is left out: " in text
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}
    assert found == {*sizes, "gray.png"}
    for name, pixels in pictures.items():
        assert np.array_equal(result(tmp_path / "out" / name), in_one_pass(exact, pixels))
        assert np.array_equal(result(photos / name), pixels)
    assert result(tmp_path / "out" / "gray.png").shape == (80, 28, 3)


def test_seams_are_measured_where_the_overlap_is_below_the_receptive_field(
    dense: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = a_picture(tmp_path / "a.png", 12, 30)
    words = ("upscale", dense, tmp_path / "a.png", "--out", tmp_path / "out")
    code, text = said(capsys, *words, "--tile", 10, "--overlap", 2)
    assert code == 0 and len(re.findall("tiles change the result", text)) == 1
    levels = float(re.search(r"differ by up to ([\d.]+) of 255 levels \(overlap 2\)", text)[1])
    assert 0 < levels < 255
    assert np.abs(result(tmp_path / "out" / "a.png") - in_one_pass(dense, pixels)).max() > 0
    code, text = said(capsys, *words)  # one tile
    assert code == 0 and "tiles change the result" not in text
    assert np.array_equal(result(tmp_path / "out" / "a.png"), in_one_pass(dense, pixels))


def test_the_measured_difference_falls_with_the_overlap(dense: Path, exact: Path) -> None:
    picture = torch.rand(3, 30, 60, generator=torch.Generator().manual_seed(0)) * 2 - 1
    network = load(dense).network
    with torch.no_grad():
        first, second, third = (
            seam_difference(network, picture, scale=4, tile=8 + 2 * overlap, overlap=overlap)
            for overlap in (0, 2, 6)
        )
        assert first > second > third > 0
        network = load(exact).network
        radius = network.receptive_radius
        for each in (picture, picture.transpose(1, 2)):
            none = seam_difference(network, each, scale=4, tile=4 + 2 * radius, overlap=radius)
            assert none < 1e-5


@pytest.mark.parametrize("words", [("--tile", 10, "--overlap", 5), ("--overlap", -1)])
def test_a_tile_must_leave_something(
    exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...]
) -> None:
    a_picture(tmp_path / "a.png", 5, 5)
    code, text = said(capsys, "upscale", exact, tmp_path / "a.png", "--out", tmp_path / "out", *words)
    assert code != 0 and "the tile must be larger than" in text


def test_a_default_overlap_leaves_something_of_a_small_tile(
    exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_picture(tmp_path / "a.png", 30, 30)
    code, text = said(capsys, "upscale", exact, tmp_path / "a.png", "--out", tmp_path / "out", "--tile", 6)
    assert code == 0, text
    assert "tiles change the result" in text and result(tmp_path / "out" / "a.png").shape == (120, 120, 3)


def test_nothing_that_can_be_read_is_an_error(
    exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    code, text = said(capsys, "upscale", exact, tmp_path / "a.png", "--out", tmp_path / "out")
    assert code != 0 and "a.png is left out" in text and "none of the 1 files of" in text


def test_pictures_are_never_replaced(exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    pixels = a_picture(photos / "a.png", 5, 5)
    for path in (photos, photos / "a.png"):
        code, text = said(capsys, "upscale", exact, path, "--out", photos)
        assert code != 0 and "would replace" in text and np.array_equal(result(photos / "a.png"), pixels)
    Image.fromarray(pixels).save(photos / "a.bmp")
    code, text = said(capsys, "upscale", exact, photos, "--out", tmp_path / "out")
    assert code != 0 and "would have the same result" in text and not (tmp_path / "out").exists()
    code, text = said(capsys, "upscale", exact, photos / "a.bmp", "--out", tmp_path / "out")
    assert code == 0 and result(tmp_path / "out" / "a.png").shape == (20, 20, 3)
