"""Several datasets under one name: the union that `open_images` opens, its label frequencies, and what is rejected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from everymode.data import DataError, open_images
from everymode.data.checking import check
from everymode.data.joined_names import joined_name, joined_parts, short_name
from everymode.draws import Draws, Rows
from everymode.labels.given import GivenLabels
from everymode.recipes import find


def folder_of(path: Path, counts: dict[str, int], *, gray: bool = False) -> str:
    """Write a folder of class folders with images of 8 pixels."""
    for number, (name, count) in enumerate(counts.items()):
        (path / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((8, 8) if gray else (8, 8, 3), 20 * i + number, np.uint8)
            if not gray:
                pixels[0, 0] = (255, 0, 0)
            Image.fromarray(pixels).save(path / name / f"{i}.png")
    return str(path)


def test_names_by_hand() -> None:
    assert joined_name(["photos"]) == "photos"
    name = joined_name(["data/imagenet", "places.zip", "digits"])
    assert name == "joined:data/imagenet|places.zip|digits"
    assert joined_parts(name) == ["data/imagenet", "places.zip", "digits"]
    assert joined_parts("digits:train") is None
    assert (short_name(name), short_name("data/places.zip")) == ("imagenet+places+digits", "places")
    for wrong in ([], ["a", ""], ["a", "b|c"], ["a", "joined:b|c"]):
        with pytest.raises(ValueError, match=r"named|joined"):
            joined_name(wrong)
    for wrong in ("joined:", "joined:a", "joined:a|", "joined:|a"):
        with pytest.raises(ValueError, match="at least two"):
            joined_parts(wrong)


def test_several_open_as_their_union_with_separate_classes(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "things", {"cat": 3, "dog": 5})
    second = folder_of(tmp_path / "scenes", {"cat": 4, "sea": 2}, gray=True)
    data = open_images(joined_name([first, second]))
    assert data.classes == ("things/cat", "things/dog", "scenes/cat", "scenes/sea")
    assert data.class_counts == (3, 5, 4, 2)
    assert data.image_shape == (3, 8, 8)  # the gray ones are in color
    assert data.domain_names == ("things", "scenes")
    assert len(open_images(joined_name([first, second]), limit=6)) == 6
    small = open_images(joined_name([first, second]), resolution=4, channels=1, labeled=True)
    assert small.image_shape == (1, 4, 4)
    assert small.fingerprint != data.fingerprint
    assert check(joined_name([first, second]), progress=False).class_counts == (3, 5, 4, 2)


def test_fake_labels_follow_the_sizes_of_the_classes(tmp_path: Path) -> None:
    """C.2 of Self-Conditioned GAN: labels of samples are drawn by frequency, as the classes are not equally large."""
    first = folder_of(tmp_path / "few", {"a": 2, "b": 2})
    second = folder_of(tmp_path / "many", {"c": 12})
    data = open_images(joined_name([first, second]))
    recipe = find("biggan-32").with_numbers(fake_labels="data").for_data(data.facts())
    assert recipe.labels is not None
    source = recipe.labels.source(recipe)
    assert isinstance(source, GivenLabels)
    drawn = source.draw(Draws(0, "test", Rows.all(8000), torch.device("cpu"), torch.float32))
    shares = torch.bincount(drawn, minlength=3) / 8000
    assert shares.tolist() == pytest.approx([2 / 16, 2 / 16, 12 / 16], abs=0.02)


def test_what_can_not_be_joined(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "one", {"a": 2})
    with pytest.raises(ValueError, match="points in the plane"):
        open_images("joined:ring|grid")
    with pytest.raises(ValueError, match="has no layout"):
        open_images(f"joined:{first}|{first}", layout="NCHW")
    with pytest.raises(ValueError, match="several label blocks"):
        open_images(f"joined:{first}|two-domain-digits:held-out", resolution=8)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_images(f"joined:{first}|{tmp_path / 'nowhere'}")
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.new("RGB", (8, 8)).save(flat / "a.png")
    with pytest.raises(DataError, match="has no labels"):
        open_images(f"joined:{flat}|{flat}", labeled=True)
