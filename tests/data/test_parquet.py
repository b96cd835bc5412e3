"""Parquet tables: columns, names in the metadata, shards, missing values."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, open_images
from everymode.machine.installing import install_command

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402


def _png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


def _table(
    count: int = 6, *, first: int = 0, names: list[str] | None = None, **columns: list
) -> pyarrow.Table:
    images = [{"bytes": _png(first + i), "path": None} for i in range(count)]
    table = pyarrow.table({"img": images, **columns})
    if names:
        info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    return table


def _first_values(dataset) -> list[int]:
    return np.asarray(dataset.images)[:, 0, 0, 0].tolist()


def test_images_labels_and_names(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    table = _table(label=[0, 2, None, 1, -1, 2], names=["ant", "bee", "cat"])
    parquet.write_table(table, path, row_group_size=2)
    dataset = open_images(path, progress=False)
    assert dataset.image_shape == (3, 4, 4)
    assert dataset.classes == ("ant", "bee", "cat")
    assert dataset.labels.tolist() == [0, 2, -1, 1, -1, 2]
    assert _first_values(dataset) == list(range(6))


def test_plain_bytes_and_another_column(tmp_path: Path) -> None:
    table = pyarrow.table({"image": [_png(9), _png(8)], "kind": ["z", "a"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert open_images(tmp_path / "t.parquet", progress=False).num_unlabeled == 2
    dataset = open_images(tmp_path / "t.parquet", label_column="kind", progress=False)
    assert dataset.classes == ("a", "z")
    assert dataset.labels.tolist() == [1, 0]


def test_shards_of_one_split(tmp_path: Path) -> None:
    for shard in (1, 0):
        part = _table(3, first=3 * shard, label=[shard] * 3)
        parquet.write_table(part, tmp_path / f"train-0000{shard}-of-00002.parquet")
    dataset = open_images(tmp_path, progress=False, workers=3)
    assert _first_values(dataset) == list(range(6))
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1]
    parquet.write_table(_table(), tmp_path / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"not shards of one table \(test, train\)"):
        open_images(tmp_path)


def test_more_row_groups_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.data.parquet.CACHED_BYTES", 100)
    parquet.write_table(_table(40), tmp_path / "t.parquet", row_group_size=1)
    assert _first_values(open_images(tmp_path / "t.parquet", progress=False, workers=2)) == list(range(40))


def test_missing_images_are_unreadable(tmp_path: Path) -> None:
    table = pyarrow.table({"image": [_png(1)] * 150 + [None]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.warns(UserWarning, match="row 150: no bytes in this row"):
        assert len(open_images(tmp_path / "t.parquet", progress=False)) == 150


def test_faults_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    for table, message in (
        (pyarrow.table({"picture": [b""]}), 'no column "image" or "img"'),
        (pyarrow.table({"image": ["a.png"]}), "must hold the bytes of image files"),
        (_table(label=[0.5] * 6), "a label is 0.5; a label must be a whole number or a name"),
        (_table(label=[0, 5, 0, 0, 0, 0], names=["a", "b"]), "a label is 5, but the table names 2 classes"),
    ):
        parquet.write_table(table, path)
        with pytest.raises(DataError, match=message):
            open_images(path)
    parquet.write_table(_table(label=[0] * 6), path)
    with pytest.raises(DataError, match=r'no column "lable" \(did you mean "label"'):
        open_images(path, label_column="lable")
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="can't be read as parquet"):
        open_images(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=re.escape(install_command("parquet"))):
        open_images(path)
