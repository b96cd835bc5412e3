"""Runs on pairs: how their data are opened, the names of attributes, and pictures of fixed examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from paired_games import paired_data, paired_trainer, shrunk_pair
from PIL import Image

from everymode.recipes import find
from everymode.recipes.parts.norms import Spectral
from everymode.runs.condition_samples import draw_real_pairs, draw_translations
from everymode.runs.data import open_for, open_source
from everymode.runs.record import block_names
from everymode.runs.run import train
from everymode.storage.checkpoint import read_state
from everymode.storage.run_folder import RunFolder


def saved_pairs(folder: Path, *, maps: str = "maps", count: int = 3, classes: int = 3) -> Path:
    random = np.random.default_rng(0)
    for kind in ("images", maps):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        image = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        values = random.integers(0, classes, (16, 16), dtype=np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(values).save(folder / maps / f"{number}.png")
    return folder


def test_maps_are_beside_the_images_or_in_a_folder_that_is_named(tmp_path: Path) -> None:
    recipe = find("spade-256").with_numbers(resolution=16, perceptual="none")
    beside = saved_pairs(tmp_path / "beside")
    opened, _ = open_for(recipe, str(beside), str(beside), quiet=True)
    assert opened.facts().map_classes == 3 and len(opened) == 3
    apart = saved_pairs(tmp_path / "apart", maps="segments", classes=2)
    named = recipe.with_numbers(maps=str(apart / "segments"))
    opened, _ = open_for(named, str(apart / "images"), str(apart / "images"), quiet=True)
    assert opened.facts().map_classes == 2
    # maps of the training data are none of held-out data, which has its own
    held_out = open_source(named, str(beside), labeled=False, quiet=True, training=False)
    assert held_out.facts().map_classes == 3


def test_sharp_pictures_are_opened_with_their_low_resolution(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 44, 3), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    recipe = find("san-sr-photos").with_numbers(resolution=32, scale=2)
    opened, _ = open_for(recipe, str(tmp_path), str(tmp_path), quiet=True)
    assert opened.facts().scale == 2 and opened.image_shape == (3, 32, 32)
    # corners of crops are on the grid of the small picture: 5 rows and 7 columns
    assert len(opened) == 35
    assert opened.gather_condition([0]).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("column", "expected"),
    [("form, tint", ["form", "tint"]), ("form", ["shape", "color"]), ("", ["shape", "color"])],
)
def test_attributes_are_called_by_their_columns_or_as_in_the_shapes(column: str, expected: list[str]) -> None:
    recipe, data = shrunk_pair("stargan-shapes")
    assert block_names(replace(recipe, label_column=column), data) == expected
    one = replace(data, labels=data.labels[:, 1], label_blocks=(), classes=("red", "green"))
    assert block_names(replace(recipe, label_column="tint"), one) == ["tint"]
    assert block_names(replace(recipe, label_column=""), one) == ["color"]
    assert (
        block_names(replace(recipe, label_column=""), replace(one, labels=one.labels * 0 - 1, classes=()))
        == []
    )
    renamed = replace(data, label_blocks=(("ball", "box", "roof"), ("red", "green")))
    assert block_names(replace(recipe, label_column=""), renamed) == []


@pytest.mark.parametrize(
    ("name", "numbers", "columns"),
    [
        ("spade-textures", {}, 2 * 3),
        ("spade-textures", {"map_edges": True, "latent_dim": 4, "divergence_weight": 0.1}, 2 * 4),
        ("sr-pixel-photos", {}, 2 * 3),
        ("stargan-shapes", {}, 1 + 3 + 1),
    ],
)
def test_a_picture_shows_fixed_held_out_examples(
    name: str, numbers: dict[str, object], columns: int, tmp_path: Path
) -> None:
    trainer = paired_trainer(name, **numbers)
    edges = bool(numbers.get("map_edges"))
    held_out = paired_data(trainer.recipe, count=16, seed=8, edges=edges)
    folder = RunFolder.create(tmp_path, "run")
    training = trainer.game.generator.training
    path = draw_translations(trainer, trainer.data, held_out, folder)
    first, shape = path.read_bytes(), np.array(Image.open(path)).shape
    rows = 16 // (1 if name == "stargan-shapes" else 2)
    # squares, each with a line of two pixels
    assert shape[1] % columns == shape[0] % rows == 2 and shape[1] // columns == shape[0] // rows
    assert draw_translations(trainer, trainer.data, held_out, folder).read_bytes() == first
    assert draw_translations(trainer, trainer.data, None, folder).read_bytes() != first
    assert trainer.game.generator.training == training


def test_a_run_without_adversary_lends_its_generator_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (40, 44, 3), dtype=np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(sharp).save(tmp_path / "photos" / "a.png")
    tiny = {
        "resolution": 32,
        "scale": 2,
        "width": 8,
        "blocks": 1,
        "critic_width": 4,
        "batch_size": 2,
        "steps": 1,
    }
    tiny |= {"watch_samples": 0, "held_out": "", "discriminator_lr": 0.0, "norm": Spectral()}
    data, out = tmp_path / "photos", tmp_path / "runs"
    first = train("sr-pixel-photos", data, out, quiet=True, **tiny)
    later = {**tiny, "seed": 7, "generator_lr": 0.0, "perceptual": "none"}
    alone = train("sr-no-norm-photos", data, out, quiet=True, **later)
    capsys.readouterr()
    started = train("sr-no-norm-photos", data, out, init_from=first.folder, **later)
    assert "discriminator: initial weights, because" in capsys.readouterr().out
    weights = [
        read_state(run.folder / "checkpoints" / "step-0000001")["modules"] for run in (first, alone, started)
    ]
    for name, tensor in weights[0]["generator"].items():
        assert torch.equal(weights[2]["generator"][name], tensor)
    name = "linear1.bias"  # spectral normalization changes no bias, and the learning rate is 0
    assert torch.equal(weights[2]["discriminator"][name], weights[1]["discriminator"][name])
    assert not torch.equal(weights[2]["discriminator"][name], weights[0]["discriminator"][name])


def test_an_encoded_image_is_not_shown_twice(tmp_path: Path) -> None:
    widths = []
    for length in (0, 8):  # without and with an encoder
        trainer = paired_trainer("spade-textures", latent_dim=length)
        folder = RunFolder.create(tmp_path, "pairs")
        draw_real_pairs(trainer, shrunk_pair("spade-textures")[1], folder)
        widths.append(Image.open(folder.reals).size[0])
    assert widths[0] == widths[1]  # a map and a real image each
