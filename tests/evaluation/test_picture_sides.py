"""Test data of generators that need pictures or label maps."""

from __future__ import annotations

import numpy as np
import pytest
from picture_generators import GrayLevels, gray_generator, gray_maps, opened
from PIL import Image

from everymode.evaluation.picture_sides import first_rows, picture_sides
from everymode.labels.pairs import PairedCondition
from everymode.recipes import find


def sides(tmp_path, source="textures:samples=20", real=None, **numbers):
    recipe = find("spade-textures").with_numbers(map_classes=4, map_edges=False, resolution=16, **numbers)
    return picture_sides(opened(GrayLevels(), PairedCondition(), recipe, source), real)


def test_test_data_are_those_named_then_those_held_out_then_the_training_data(tmp_path) -> None:
    named = sides(tmp_path, real="textures:split=judge,samples=6")
    assert (len(named.test()), named.on_training, named.real_source) == (
        6,
        False,
        "textures:split=judge,samples=6",
    )
    other = sides(tmp_path, held_out="textures:split=test,samples=7")
    assert (len(other.test()), len(other.training()), other.on_training) == (7, 20, False)
    part = sides(tmp_path, held_out="0.25")
    assert (len(part.test()), len(part.training()), part.warnings) == (5, 15, [])
    none = sides(tmp_path, held_out="")
    assert len(none.test()) == 20
    assert "was trained on" in none.warnings[0]


def test_label_maps_may_be_in_a_folder_of_their_own(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    for folder, value in (("images", 120), ("labels", 2)):
        (tmp_path / folder).mkdir()
        for name in "ab":
            Image.fromarray(np.full((16, 16), value, np.uint8)).save(tmp_path / folder / f"{name}.png")
    generator = sides(tmp_path).opened
    data = picture_sides(generator, tmp_path / "images", maps=tmp_path / "labels").test()
    assert data.paired is not None
    assert np.asarray(data.paired.maps).tolist() == np.full((2, 16, 16), 2).tolist()
    with pytest.raises(ValueError, match="--maps"):
        picture_sides(generator, tmp_path / "images", instances=tmp_path / "labels")


def test_a_generator_without_a_record_needs_a_recipe() -> None:
    generator = gray_generator()
    generator.generator.config.clear()
    with pytest.raises(ValueError, match="names no recipe"):
        picture_sides(generator)
    known = picture_sides(generator, gray_maps(), recipe=find("spade-textures"))
    assert known.kind == "maps"
    with pytest.raises(ValueError, match="doesn't record its training data"):
        known.training()


def test_first_rows_are_a_fixed_random_subset() -> None:
    data = gray_maps()
    assert first_rows(data, None, 100) is data
    assert len(first_rows(data, None, 5)) == 5
    assert first_rows(data, 6, 5).fingerprint == first_rows(data, 6, 100).fingerprint
    with pytest.raises(ValueError, match="choose 2 to 12"):
        first_rows(data, 13, 5)
