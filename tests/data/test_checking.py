"""Check: reports everything, and raises no error for damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, check, format_report
from everymode.data.words import counted


def _write(path: Path, value: int, size: tuple[int, int] = (4, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    _write(root / "cat/a.png", 1)
    _write(root / "cat/b.bmp", 1)
    _write(root / "cat/c.png", 2, (8, 6), "RGB")
    _write(root / "dog/d.png", 1)
    _write(root / "dog/e.png", 300, mode="I;16")
    (root / "dog/f.png").write_bytes((root / "cat/c.png").read_bytes()[:50])
    return root


def test_everything_is_counted(photos: Path) -> None:
    report = check(photos, resolution=9, progress=False)
    assert report.num_images == 6
    assert report.classes == ("cat", "dog")
    assert report.class_counts == (3, 3)
    assert dict(report.sizes) == {(4, 4): 4, (6, 8): 1}
    assert dict(report.modes) == {"L": 3, "RGB": 1, "I;16": 1}
    assert [lost.name for lost in report.unreadable] == ["dog/f.png"]
    # dog/e.png has the gray value 300 of 65,535, which is 1 of 255
    assert report.duplicates == (("cat/a.png", "cat/b.bmp", "dog/d.png", "dog/e.png"),)
    assert report.conflicting == report.duplicates
    assert report.enlarged == 4
    assert check(photos, progress=False).enlarged is None
    assert report.smallest_class == ("cat", 3)


def test_the_report_as_text(photos: Path) -> None:
    text = format_report(check(photos, resolution=9, progress=False))
    for line in (
        "photos: 6 images, 2 classes",
        "classes: cat 3, dog 3",
        "each class has 3",
        "sizes (height x width): 4x4 4, 6x8 1",
        "pixels: gray 3, RGB 1, 16-bit gray 1",
        "enlarged more than 2x: 4",
        "unreadable: 1",
        "groups of exact duplicates: 1",
        "duplicates with different labels: 1",
    ):
        assert line in text.split("\n")
    (photos / "cat" / "a.png").unlink()
    assert 'smallest class: "cat" with 2' in format_report(check(photos, progress=False)).split("\n")
    assert "  dog/f.png: " in text


def test_one_of_something_is_not_called_several(tmp_path: Path) -> None:
    _write(tmp_path / "cat/a.png", 1)
    assert format_report(check(tmp_path, progress=False)).startswith(f"{tmp_path.name}: 1 image, 1 class\n")
    assert counted(2, "image") == "2 images" and counted(0, "class", "classes") == "0 classes"


def test_nothing_but_damage_is_still_a_report(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    report = check(tmp_path, progress=False)
    assert len(report.unreadable) == 1
    assert "not an image of an accepted format" in format_report(report)


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.png").write_text("no")
    text = format_report(check(tmp_path, progress=False), most=2)
    assert text.count("accepted format") == 2
    assert "  ..." in text


def test_every_kind_of_source(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=np.zeros((3, 4, 4), np.uint8), labels=[0, 1, 1])
    report = check(tmp_path / "d.npz", progress=False)
    assert report.duplicates == (("image 0", "image 1", "image 2"),)
    assert len(report.conflicting) == 1
    np.savez(tmp_path / "d.npz", images=np.zeros((3, 4, 4), np.uint8), labels=[1, 1, 1])
    assert check(tmp_path / "d.npz", progress=False).conflicting == ()
    built_in = check("digits:train", progress=False)
    assert built_in.num_images == 1297
    assert built_in.modes == (("L", 1297),)
    points = check("ring:samples=50", progress=False)
    assert points.sizes == ()
    assert points.modes == (("point", 50),)
    assert points.is_points and not built_in.is_points
    assert format_report(points).startswith("ring: 50 points, 8 classes\n")
    assert "pixels" not in format_report(points)
    blocks = check("shapes:samples=20,labels=shape+size", progress=False)
    assert sum(blocks.class_counts) == 40
    np.savez(tmp_path / "e.npz", images=np.zeros((10, 4, 4), np.uint8), labels=np.arange(10))
    assert check(f"stacked:{tmp_path / 'e.npz'}", limit=7, progress=False).num_images == 7
    np.savez(tmp_path / "f.npz", images=np.zeros((10, 4, 4), np.uint8), kind=np.arange(10))
    stacked = check(f"stacked:{tmp_path / 'f.npz'}", label_column="kind", limit=7, progress=False)
    assert stacked.num_images == 7


def test_limit_and_mistakes(photos: Path, tmp_path: Path) -> None:
    assert check(photos, limit=2, progress=False).num_images == 2
    assert check("digits", limit=5).num_images == 5
    with pytest.raises(ValueError, match="limit is 0"):
        check(photos, limit=0)
    with pytest.raises(ValueError, match='fit is "zoom"'):
        check(photos, fit="zoom")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        check(tmp_path / "empty")


def test_long_groups_of_duplicates_end_with_dots(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / "cd"[i % 2]).mkdir(exist_ok=True)
        Image.new("L", (4, 4), 7).save(tmp_path / "cd"[i % 2] / f"{i}.png")
    text = format_report(check(tmp_path, progress=False))
    assert text.count("  c/0.png = c/2.png = c/4.png = d/1.png ...") == 2
