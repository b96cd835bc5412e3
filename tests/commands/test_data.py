"""`everymode data check`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from everymode.cli import main


@pytest.fixture
def photos(tmp_path):
    """150 images in two classes."""
    random = np.random.default_rng(0)
    for index in range(150):
        folder = tmp_path / "photos" / ("cat" if index % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03d}.png")
    return tmp_path / "photos"


def test_a_usable_folder_is_reported_and_ends_with_0(photos, capsys):
    (photos / "cat" / "001.png").write_bytes(b"torn")
    assert main(["data", "check", str(photos), "--resolution", "32"]) == 0
    said = capsys.readouterr()
    assert "150" in said.out
    assert "cat" in said.out
    assert "001.png" in said.out
    assert "error" not in said.err


def test_more_than_one_percent_unreadable_ends_with_3(photos, capsys):
    for name in ("001", "003"):
        (photos / "cat" / f"{name}.png").write_bytes(b"torn")
    assert main(["data", "check", str(photos)]) == 3
    said = capsys.readouterr()
    assert "003.png" in said.out
    assert "2 of 150" in said.err


def test_nothing_readable_ends_with_3(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"torn")
    assert main(["data", "check", str(tmp_path)]) == 3
    assert "not one of 1 images can be read" in capsys.readouterr().err


def test_no_such_path_ends_with_3_and_a_wrong_resolution_with_2(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 3
    assert "nowhere" in capsys.readouterr().err
    assert main(["data", "check", "digits", "--resolution", "big"]) == 2
    assert "HEIGHTxWIDTH" in capsys.readouterr().err
