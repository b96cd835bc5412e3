"""Opening of training data that runs record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.explorer.real_images import open_recorded
from everymode.recipes import find
from everymode.recipes.parts.picture_labels import Maps

SIDE = 16


def test_folders_of_label_maps_that_a_run_from_elsewhere_names_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    recipe = find("spade-textures")
    for folder, value in (("photos/images", 100), ("photos/maps", 1), ("secret", 2)):
        (tmp_path / folder).mkdir(parents=True)
        shape = (SIDE, SIDE, 3) if value == 100 else (SIDE, SIDE)
        Image.fromarray(np.full(shape, value, np.uint8)).save(tmp_path / folder / "a.png")
    assert isinstance(recipe.labels, Maps)
    recipe = replace(recipe, resolution=SIDE, labels=replace(recipe.labels, maps=str(tmp_path / "secret")))
    for own, source, value in ((True, "photos/images", 2), (False, "photos", 1)):
        opened = open_recorded(recipe, str(tmp_path / source), own=own)
        assert opened.paired is not None and opened.paired.maps is not None
        assert np.unique(opened.paired.maps[:]).tolist() == [value]
