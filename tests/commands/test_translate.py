"""`everymode translate`: label maps and pictures, files and folders, values by name, and what is rejected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from paired_games import saved_generator
from PIL import Image

from everymode.cli import main
from everymode.pictures import grid, to_pil
from everymode.sampling.generator import load

SIZE = 16


def written(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def a_map(seed: int, size: tuple[int, int] = (SIZE, SIZE), classes: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, size, dtype=np.uint8)


def a_picture(seed: int, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


@pytest.fixture(scope="module")
def spade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spade") / "run"
    saved_generator("spade-textures", folder)
    return folder


@pytest.fixture(scope="module")
def stargan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stargan") / "run"
    saved_generator("stargan-shapes", folder)
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command; returns its exit code and all that it printed."""

    def run(*words: object) -> tuple[int, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, " ".join((captured.out + captured.err).split())

    return run


Said = Callable[..., tuple[int, str]]


def from_map(run: Path, values: np.ndarray) -> np.ndarray:
    image = load(run).translate(torch.from_numpy(values).long()[None])[0]
    return np.array(to_pil(image))


def with_values(run: Path, picture: np.ndarray, values: list[int]) -> torch.Tensor:
    given = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    return load(run).translate((given, torch.tensor([values])))[0]


# ---- label maps


def test_one_map(spade: Path, tmp_path: Path, said: Said) -> None:
    path = written(tmp_path / "a map.png", a_map(1))
    code, text = said("translate", spade, path, "--out", tmp_path / "out")
    assert code == 0 and str(tmp_path / "out" / "a map.png") in text
    assert np.array_equal(pixels(tmp_path / "out" / "a map.png"), from_map(spade, a_map(1)))
    assert np.array_equal(pixels(path), a_map(1)), "the map stays"


def test_a_folder_of_maps_in_batches_with_what_is_left_out(spade: Path, tmp_path: Path, said: Said) -> None:
    maps = tmp_path / "maps"
    for number in range(3):
        written(maps / "inside" / f"{number}.png", a_map(number))
    void = a_map(7)
    void[:4] = 255
    written(maps / "void.png", void)
    written(maps / "colors.png", a_picture(0))
    written(maps / "unknown.png", a_map(0) + 3)
    (maps / "damaged.png").write_bytes(b"no picture")
    (maps / "notes.txt").write_text("no picture either")
    code, text = said("translate", spade, maps, "--out", tmp_path / "out", "--batch-size", 2)
    assert code == 0
    results = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert results == {"inside/0.png", "inside/1.png", "inside/2.png", "void.png"}
    for number in range(3):
        assert np.array_equal(
            pixels(tmp_path / "out" / "inside" / f"{number}.png"), from_map(spade, a_map(number))
        )
    assert np.array_equal(pixels(tmp_path / "out" / "void.png"), from_map(spade, void))
    assert "colors.png is left out: it is of mode RGB" in text
    assert (
        "unknown.png is left out: its class 6 is unknown: the generator was trained on the classes 0 to 3"
        in text
    )
    assert "damaged.png is left out: " in text and "notes.txt" not in text


def test_a_larger_map_is_fitted_as_in_training(spade: Path, tmp_path: Path, said: Said) -> None:
    large = a_map(1).repeat(3, 0).repeat(3, 1)
    assert said("translate", spade, written(tmp_path / "large.png", large), "--out", tmp_path / "out")[0] == 0
    assert np.array_equal(pixels(tmp_path / "out" / "large.png"), from_map(spade, a_map(1)))


def test_nothing_that_can_be_read_is_an_error(spade: Path, tmp_path: Path, said: Said) -> None:
    written(tmp_path / "maps" / "colors.png", a_picture(0))
    code, text = said("translate", spade, tmp_path / "maps", "--out", tmp_path / "out")
    assert code != 0 and "none of the 1 files of" in text and "colors.png is left out" in text
    for path, words in (("nowhere", "does not exist"), ("empty", "holds no pictures")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        code, text = said("translate", spade, tmp_path / path, "--out", tmp_path / "out")
        assert code != 0 and words in text


def test_edges_are_computed_from_instance_maps(tmp_path: Path, said: Said) -> None:
    run = tmp_path / "run"
    generator = saved_generator("spade-textures", run, map_edges=True)
    maps, instances = tmp_path / "maps", tmp_path / "instances"
    parts = np.zeros((SIZE, SIZE), np.uint8)
    parts[:, 8:] = 1
    written(maps / "a.png", a_map(1))
    written(instances / "a.png", parts)
    written(maps / "alone.png", a_map(2))
    code, text = said("translate", run, maps, "--out", tmp_path / "out", "--instances", instances)
    assert code == 0 and "alone.png is left out: " in text
    edges = torch.zeros(1, SIZE, SIZE)
    edges[:, :, 7:9] = 1
    expected = generator.translate((torch.from_numpy(a_map(1)).long()[None], edges))[0]
    assert np.array_equal(pixels(tmp_path / "out" / "a.png"), np.array(to_pil(expected)))
    code, text = said("translate", run, maps, "--out", tmp_path / "out")
    assert code != 0 and "name the instance maps with --instances" in text


def test_with_an_encoder_each_file_has_a_seed_of_its_own(tmp_path: Path, said: Said) -> None:
    run = tmp_path / "run"
    saved_generator("spade-textures", run, latent_dim=4)
    for name in ("a", "b", "d"):
        written(tmp_path / "maps" / f"{name}.png", a_map(1))
    (tmp_path / "maps" / "c.png").write_bytes(b"damaged")
    results = []
    for size in (1, 4):
        assert (
            said("translate", run, tmp_path / "maps", "--out", tmp_path / "out", "--batch-size", size)[0] == 0
        )
        results.append([pixels(tmp_path / "out" / f"{name}.png").astype(int) for name in "abd"])
    assert np.abs(np.array(results[0]) - results[1]).max() <= 1, "batches change nothing"
    one, other, last = results[0]
    assert not np.array_equal(one, other) and not np.array_equal(other, last)
    said("translate", run, tmp_path / "maps" / "d.png", "--out", tmp_path / "out", "--seed", 3)
    assert np.abs(pixels(tmp_path / "out" / "d.png").astype(int) - last).max() <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "red"), "--set and --own are for generators of attributes"),
        (("--instances", "maps"), "trained without instance maps: omit --instances"),
    ],
)
def test_flags_of_other_generators_of_maps(
    spade: Path, tmp_path: Path, said: Said, words: tuple[str, ...], message: str
) -> None:
    code, text = said(
        "translate", spade, written(tmp_path / "a.png", a_map(1)), "--out", tmp_path / "out", *words
    )
    assert code != 0 and message in text


# ---- attributes


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("--set", "color=green"), [-1, 1]),
        (("--set", "2=green"), [-1, 1]),
        (("--set", "green"), [-1, 1]),
        (("--set", "shape=triangle,color=red"), [2, 0]),
        (("--set", "triangle", "--set", "red"), [2, 0]),
        (("--set", "color=green", "--own", "shape=square"), [1, 1]),
    ],
)
def test_values_are_set_by_name_number_or_alone(
    stargan: Path, tmp_path: Path, said: Said, words: tuple[str, ...], values: list[int]
) -> None:
    path = written(tmp_path / "a.png", a_picture(1))
    code, text = said("translate", stargan, path, "--out", tmp_path / "out", *words)
    assert code == 0, text
    expected = with_values(stargan, a_picture(1), values)
    assert np.array_equal(pixels(tmp_path / "out" / "a.png"), np.array(to_pil(expected)))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("color=blue", "'blue' is no value"),
        ("circle=red", "there is no attribute 'circle'"),
        ("3=red", "there is no attribute '3'"),
        ("shape=red", "'red' is no value"),
        ("purple", "'purple' is no value"),
    ],
)
def test_unknown_values_are_refused_with_those_that_there_are(
    stargan: Path, tmp_path: Path, said: Said, word: str, message: str
) -> None:
    code, text = said(
        "translate",
        stargan,
        written(tmp_path / "a.png", a_picture(1)),
        "--out",
        tmp_path / "out",
        "--set",
        word,
    )
    assert code != 0 and message in text
    assert "choose from shape=circle|square|triangle, color=red|green" in text


def test_without_values_a_sheet_shows_all_of_them(stargan: Path, tmp_path: Path, said: Said) -> None:
    path = written(tmp_path / "a.png", a_picture(1))
    assert said("translate", stargan, path, "--out", tmp_path / "out", "--own", "square,green")[0] == 0
    own = torch.from_numpy(a_picture(1)).permute(2, 0, 1).float() / 127.5 - 1
    targets = ([0, 1], [1, 1], [2, 1], [1, 0])  # each shape, then the other color
    images = [own, *(with_values(stargan, a_picture(1), values) for values in targets)]
    expected = np.array(grid(torch.stack(images), columns=5))
    result = pixels(tmp_path / "out" / "a.png")
    assert result.shape == expected.shape and np.abs(result.astype(int) - expected).max() <= 1


def test_instances_are_no_flag_of_attributes(stargan: Path, tmp_path: Path, said: Said) -> None:
    path = written(tmp_path / "a.png", a_picture(1))
    code, text = said("translate", stargan, path, "--out", tmp_path / "out", "--instances", tmp_path)
    assert code != 0 and "--instances is for generators of label maps" in text


# ---- what is never overwritten, and other generators


def test_inputs_and_results_are_never_replaced(spade: Path, tmp_path: Path, said: Said) -> None:
    maps = tmp_path / "maps"
    written(maps / "a.png", a_map(1))
    code, text = said("translate", spade, maps, "--out", maps)
    assert code != 0 and "would replace" in text and "choose another --out" in text
    assert np.array_equal(pixels(maps / "a.png"), a_map(1))
    # the result of b.bmp is another map
    written(maps / "b.bmp", a_map(2))
    written(maps / "b.png", a_map(3))
    code, text = said("translate", spade, maps, "--out", maps)
    assert code != 0 and np.array_equal(pixels(maps / "b.png"), a_map(3))
    code, text = said("translate", spade, maps, "--out", tmp_path / "out")
    assert code != 0 and "b.bmp" in text and "would have the same result" in text and "rename one" in text
    assert not (tmp_path / "out").exists(), "before anything is written"


def test_results_inside_the_folder_are_no_pictures_of_the_next_time(
    spade: Path, tmp_path: Path, said: Said
) -> None:
    written(tmp_path / "maps" / "a.png", a_map(1))
    for _ in range(2):
        code, text = said("translate", spade, tmp_path / "maps", "--out", tmp_path / "maps" / "out")
        assert code == 0 and "left out" not in text
    assert [path.name for path in (tmp_path / "maps" / "out").rglob("*.png")] == ["a.png"]


def test_other_commands_are_named(spade: Path, stargan: Path, tmp_path: Path, said: Said) -> None:
    path = written(tmp_path / "a.png", a_picture(1))
    for run in (spade, stargan):
        code, text = said("upscale", run, path, "--out", tmp_path / "out")
        assert code != 0 and "can't upscale" in text and "use `everymode translate`" in text
        code, text = said("sample", run, "--out", tmp_path / "samples")
        assert code != 0 and "`everymode translate` and `everymode upscale`" in text
    sharp = tmp_path / "sharp"
    saved_generator("sr-pixel-photos", sharp)
    code, text = said("translate", sharp, path, "--out", tmp_path / "out")
    assert code != 0 and "can't translate: this generator enlarges pictures: use `everymode upscale`" in text
    assert not (tmp_path / "out").exists()
