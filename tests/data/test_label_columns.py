"""Several label columns: names, blocks of every kind of table, missing labels, and faults."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, check, format_report, open_images
from everymode.data.label_columns import label_columns, side_by_side
from everymode.data.labeling import labels_from_csv

BLOCKS = (("2", "10"), ("city", "wood"))
ROWS = [[1, 0], [0, 1], [-1, 1], [0, -1]]
TABLE = "file,Digit,note,place\na.png,10,x,city\nb.png,2,,wood\nc.png,,,wood\nd.png,2,y,-1\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for value, name in enumerate("abcd"):
        Image.new("RGB", (4, 4), (60 * value, 0, 0)).save(folder / f"{name}.png")
    (folder / "labels.csv").write_text(TABLE)
    return folder


def test_names_are_joined_by_commas() -> None:
    assert label_columns(None) == ()
    assert label_columns("digit") == ("digit",)
    assert label_columns(" digit, domain ") == ("digit", "domain")
    for wrong in ("", "digit,", ",", " "):
        with pytest.raises(ValueError, match="give the name of a column, or several joined by commas"):
            label_columns(wrong)
    with pytest.raises(ValueError, match="name each column once"):
        label_columns("digit,domain,digit")


def test_one_column_is_no_block() -> None:
    labeling = side_by_side([(np.array([0, -1]), ("a",))], ["kind"], "here")
    assert labeling.labels.tolist() == [0, -1] and labeling.classes == ("a",) and labeling.label_blocks == ()


def test_a_folder_and_a_zip_of_it(photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in photos.iterdir():
            packed.write(path, path.name)
    for source in (photos, archive):
        dataset = open_images(source, label_column="digit,place", progress=False)
        assert dataset.labels.tolist() == ROWS
        assert dataset.label_blocks == BLOCKS
        assert dataset.classes == ("2", "10", "city", "wood")
        assert dataset.num_classes == (2, 2)
        assert dataset.class_counts == (2, 1, 1, 2)
        assert dataset.num_unlabeled == 2
        assert dataset.combination_counts == ((0, 1, 1), (1, 0, 1))
    swapped = open_images(photos, label_column="place,digit", progress=False)
    assert swapped.labels.tolist() == [row[::-1] for row in ROWS]
    assert swapped.fingerprint != open_images(photos, label_column="digit,place", progress=False).fingerprint
    alone = open_images(photos, label_column="digit", progress=False)
    assert alone.labels.tolist() == [1, 0, -1, 0] and alone.label_blocks == ()


def test_a_choice_of_rows_keeps_its_blocks(photos: Path) -> None:
    whole = open_images(photos, label_column="digit,place", progress=False)
    few = open_images(photos, label_column="digit,place", limit=2, progress=False)
    assert few.label_blocks == (("10",), BLOCKS[1]) and few.labels.shape == (2, 2)
    values = np.asarray(few.images)[:, 0, 0, 0] // 60
    names = [[block[label] for block, label in zip(BLOCKS, ROWS[value], strict=True)] for value in values]
    labeling = [
        [block[label] for block, label in zip(few.label_blocks, row, strict=True)] for row in few.labels
    ]
    assert labeling == names
    assert whole.subset([3, 1]).labels.tolist() == [ROWS[3], ROWS[1]]


def test_the_report_counts_blocks(photos: Path) -> None:
    report = check(photos, label_column="digit,place", progress=False)
    assert report.classes == ("2", "10", "city", "wood")
    assert report.class_counts == (2, 1, 1, 2)
    assert report.num_unlabeled == 2
    assert "unlabeled: 2" in format_report(report)


def test_a_parquet_table_names_each_column(tmp_path: Path, photos: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    images = [{"bytes": (photos / f"{name}.png").read_bytes(), "path": None} for name in "abcd"]
    table = pyarrow.table(
        {"img": images, "fine": [1, 0, None, 0], "coarse": ["city", "wood", "wood", ""], "label": [0] * 4}
    )
    info = {"info": {"features": {"fine": {"names": ["2", "10"]}}}}
    path = tmp_path / "t.parquet"
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), path)
    dataset = open_images(path, label_column="fine,coarse", progress=False)
    assert dataset.labels.tolist() == ROWS
    assert dataset.label_blocks == BLOCKS
    with pytest.raises(DataError, match='no column "corse"'):
        open_images(path, label_column="fine,corse", progress=False)


@pytest.mark.parametrize(
    ("dtype", "converted_at_once"), [(np.uint8, True), (np.float32, True), (np.float32, False)]
)
def test_arrays_of_labels(
    tmp_path: Path, dtype: type, converted_at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not converted_at_once:
        monkeypatch.setattr("everymode.data.arrays.CONVERTED_BYTES", 0)
    images = np.zeros((4, 3, 5, 5), dtype)
    path = tmp_path / "a.npz"
    np.savez(path, images=images, digit=["10", "2", "", "2"], place=["city", "wood", "wood", ""])
    dataset = open_images(path, label_column="digit,place", progress=False)
    assert dataset.labels.tolist() == ROWS
    assert dataset.label_blocks == BLOCKS
    points = tmp_path / "p.npz"
    np.savez(points, x=np.zeros((2, 2), np.float32), near=[0, 1], far=[1, 0])
    assert open_images(points, label_column="near,far", progress=False).num_classes == (2, 2)
    with pytest.raises(DataError, match='has no array "size"'):
        open_images(path, label_column="digit,size", progress=False)


def test_faults_are_explained(photos: Path) -> None:
    with pytest.raises(DataError, match=r'needs one column "domain".*such as "file,digit,domain"'):
        open_images(photos, label_column="digit,domain", progress=False)
    with pytest.raises(ValueError, match="name each column once"):
        open_images(photos, label_column="digit,digit", progress=False)
    (photos / "labels.csv").write_text("file,digit,place\na.png,3,\nb.png,4,-1\n")
    with pytest.raises(DataError, match='column "place" holds no label; omit it'):
        open_images(photos, label_column="digit,place", progress=False)


def test_rows_of_one_image_must_agree_in_all_columns() -> None:
    columns = ("digit", "place")
    same = "file,digit,place\na.png,3,city\na.png,3,city\n"
    assert labels_from_csv(same, ["a.png"], "l", columns=columns).labels.tolist() == [[0, 0]]
    other = "file,digit,place\na.png,3,city\na.png,3,wood\n"
    with pytest.raises(DataError, match="occurs twice, labeled 3, city and 3, wood; remove one row"):
        labels_from_csv(other, ["a.png"], "l", columns=columns)
