"""First pictures of a run: the training data as the discriminator gets them, and samples; training is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toy_games import ToyRecipe, differences, toy_data, toy_trainer

from everymode.pictures import to_uint8
from everymode.runs.captions import augmentation_caption
from everymode.runs.run import train
from everymode.runs.snapshots import draw_reals
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder
from everymode.training.trainer import Trainer

TOY = ToyRecipe(steps=4, tick=1, snapshot=4, mirror=True)
CELL = 8 * 6 + 2
"""Pixels of an image of 8x8 in a grid."""


def tiles(path: Path, rows: int) -> np.ndarray:
    """Images [rows, 10, 8, 8] of a grid, without the names at the left of it."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture)[2:, picture.width - 10 * CELL :]
    return pixels.reshape(rows, CELL, 10, CELL).transpose(0, 2, 1, 3)[..., 3:48:6, 3:48:6]


def test_reals_have_a_row_per_class_and_are_mirrored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = toy_data()
    data = replace(data, labels=np.where(np.arange(len(data)) < 4, 0, 1 + np.arange(len(data)) % 2))
    run = train(TOY, data, tmp_path, device="cpu")
    assert f"first picture, of training data: {run.folder / 'reals.png'}\n" in capsys.readouterr().out
    shown = tiles(run.folder / "reals.png", 3)
    assert (shown[0, 4:] == 255).all()  # class 0 has four images
    mirrored = 0
    for label, row in enumerate(shown):
        members = to_uint8(data.gather(np.flatnonzero(data.labels == label))).numpy()[:, 0]
        for tile in row[:4]:
            plain = (members == tile).all(axis=(1, 2)).any()
            mirrored += not plain
            assert plain or (members[:, :, ::-1] == tile).all(axis=(1, 2)).any()
    assert 0 < mirrored < 12
    assert (run.folder / "samples" / "step-0000000.png").is_file()


def test_a_run_says_once_which_names_its_font_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="can't be read as a font"):
        train(TOY, toy_data(), tmp_path / "runs", device="cpu", font=tmp_path / "none.ttf")
    assert not (tmp_path / "runs").exists()
    train(replace(TOY, steps=1), replace(toy_data(), classes=("a", "東京", "c")), tmp_path, device="cpu")
    assert capsys.readouterr().out.count("the font DejaVu Sans lacks letters of 東京") == 1


def test_reals_are_augmented(tmp_path: Path) -> None:
    trainer = toy_trainer(ToyRecipe(), folder=RunFolder.create(tmp_path, "run"))
    trainer.game = replace(trainer.game, augment=lambda images, random: -images)
    rows = np.arange(4)
    assert torch.equal(trainer.judged_reals(rows), -toy_data().gather(rows))
    draw_reals(trainer, toy_data(), trainer.folder)
    with Image.open(trainer.folder.reals) as picture:
        captioned = picture.height
    trainer.game = replace(trainer.game, augment=None)
    draw_reals(trainer, toy_data(), trainer.folder)
    with Image.open(trainer.folder.reals) as picture:
        assert picture.height < captioned


def test_the_caption_names_the_augmentation() -> None:
    assert augmentation_caption(None, "") == augmentation_caption(None, None) == ""
    assert augmentation_caption(abs, "translation,cutout").endswith("with augmentation translation,cutout")
    assert augmentation_caption(abs, "ada,flip").endswith(
        "augmentation ada,flip, whose strength is 0 at first"
    )
    assert augmentation_caption(ToyRecipe(), "").endswith("with augmentation ToyRecipe")


def test_reals_without_labels_are_a_square(tmp_path: Path) -> None:
    data = replace(toy_data(120), labels=np.full(120, -1))
    folder = RunFolder.create(tmp_path, "run")
    draw_reals(toy_trainer(ToyRecipe(), data=replace(data, labels=np.zeros(120, np.int64))), data, folder)
    with Image.open(folder.reals) as picture:
        assert picture.size == (10 * CELL + 2, 10 * CELL + 2)


def test_pictures_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    monkeypatch.setattr("everymode.training.trainer.FIRST_MINUTE", 0.0)
    for pictures in (["0000000", "0000003", "0000004"], ["0000004"]):
        if len(pictures) == 1:
            monkeypatch.setattr(Trainer, "_draw_between", lambda trainer: None)
            monkeypatch.setattr("everymode.runs.run.draw_reals", lambda *arguments: None)
        folder = train(replace(TOY, batch_norm=True), toy_data(), tmp_path, device="cpu", quiet=True).folder
        assert [path.stem[5:] for path in sorted((folder / "samples").iterdir())] == pictures
        states.append(files.read_state(folder / "checkpoints" / "step-0000004"))
    assert differences(*states) == []
