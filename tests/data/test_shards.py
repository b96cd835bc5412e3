"""Shards of one table, by their names and content."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, open_images
from everymode.data.shards import shards_of_one

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402


def _png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (2, 2), value).save(stream, "PNG")
    return stream.getvalue()


def _write(
    path: Path, labels: object, first: int = 0, names: list[str] | None = None, **more: object
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [_png(first + i) for i in range(len(labels))]
    table = pyarrow.table({"image": images, "label": labels, **more})
    if names:
        info = {"info": {"features": {"label": {"names": names}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    parquet.write_table(table, path)


def _named(data) -> list[str | None]:
    return [None if label < 0 else data.classes[label] for label in data.labels]


@pytest.mark.parametrize(
    "names",
    [
        ["0000", "0001", "0002"],
        [
            "validation-00000-of-00003-1f2e",
            "validation-00001-of-00003-77aa",
            "validation-00002-of-00003-90bc",
        ],
        ["part-00000-9c.c000.snappy", "part-00001-9c.c000.snappy", "part-00002-9c.c000.snappy"],
        ["part-00000-9c-c000", "part-00000-9c-c001", "part-00001-9c-c000"],
        ["part.0", "part.1", "part.2"],
        ["birds_1", "birds_2", "birds_3"],
        ["data000", "data001", "data002"],
        [*(f"t-{i}" for i in range(9)), "t-9", "t-10"],
        ["x.shard-1-of-2", "x.shard-2-of-2"],
        ["0000_part_00", "0001_part_00"],
    ],
)
def test_usual_names(names: list[str]) -> None:
    paths = [Path(f"{name}.parquet") for name in names]
    ordered, notes = shards_of_one(sorted(paths), "here")
    assert ordered == paths and notes == ()


@pytest.mark.parametrize(
    "names", [["train", "test"], ["cifar10", "cifar100"], ["train_0", "test_0"], ["a-00000-of-00001", "a"]]
)
def test_other_tables_are_no_shards(names: list[str]) -> None:
    with pytest.raises(DataError, match="files that are not shards of one table"):
        shards_of_one([Path(f"{name}.parquet") for name in names], "here")


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (["t-00001-of-00003"], "1 of 3 shards is present; 2 shards are missing (0, 2)"),
        (["t-00000-of-00004", "t-00002-of-00004", "t-00003-of-00004"], "1 shard is missing (1)"),
        (["t_0", "t_3"], "2 shards are missing (1, 2)"),
        (["t_5"], None),
    ],
)
def test_missing_shards_are_named(names: list[str], lost: str | None) -> None:
    _, notes = shards_of_one([Path(f"{name}.parquet") for name in names], "here")
    assert (lost is None and notes == ()) or (lost is not None and lost in notes[0])


@pytest.mark.parametrize(
    "names", [["t-00000-of-00002", "t-00001-of-00003"], ["t-00000-of-00002-aa", "t-00000-of-00002-bb"]]
)
def test_two_ways_to_cut_a_table_are_refused(names: list[str]) -> None:
    with pytest.raises(DataError, match="more than one division of the table"):
        shards_of_one([Path(f"{name}.parquet") for name in names], "here")


def test_types_may_differ_where_they_mean_the_same(tmp_path: Path) -> None:
    _write(tmp_path / "a_0.parquet", pyarrow.array([3, 1], pyarrow.int32()))
    _write(tmp_path / "a_1.parquet", pyarrow.array([1.0, None]), 2)
    _write(tmp_path / "a_2.parquet", pyarrow.nulls(2), 4)
    data = open_images(tmp_path, progress=False)
    assert _named(data) == ["3", "1", "1", None, None, None]
    assert any("3 rows are unlabeled (3 null)" in note for note in data.notes)
    assert any(
        "the columns of a_1.parquet, a_2.parquet, or their types, differ from those" in note
        for note in data.notes
    )
    assert np.asarray(data.images)[:, 0, 0, 0].tolist() == list(range(6))


def test_shards_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "a_0.parquet", [0, 1], names=["elk", "owl"])
    _write(tmp_path / "a_1.parquet", [0, 1], names=["owl", "elk"])
    with pytest.raises(DataError, match=r'a_1\.parquet names the classes of column "label" differently'):
        open_images(tmp_path)
    _write(tmp_path / "a_1.parquet", ["elk", "owl"])
    with pytest.raises(DataError, match=r"holds numbers in a_0\.parquet and names in a_1\.parquet"):
        open_images(tmp_path)
    parquet.write_table(pyarrow.table({"image": [_png(0)]}), tmp_path / "a_1.parquet")
    with pytest.raises(DataError, match=r'a_1\.parquet has no column "label", which other shards have'):
        open_images(tmp_path)
    parquet.write_table(pyarrow.table({"picture": [_png(0)]}), tmp_path / "a_1.parquet")
    with pytest.raises(DataError, match=r'a_1\.parquet has no column "image"'):
        open_images(tmp_path)
    (tmp_path / "a_1.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(DataError, match=r"a_1\.parquet can't be read as parquet"):
        open_images(tmp_path)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (pyarrow.array(["elk", "owl", None]).dictionary_encode(), ["elk", "owl", None]),
        (pyarrow.array([True, False, None]), ["1", "0", None]),
        (pyarrow.array(["elk", "nan", "owl "], pyarrow.string_view()), ["elk", None, "owl"]),
        (pyarrow.array([b"elk", b"owl", b""], pyarrow.binary()), ["elk", "owl", None]),
        (pyarrow.array(["4.0", "-1", "10"], pyarrow.large_string()), ["4", None, "10"]),
        (pyarrow.array([2.0, float("nan"), 7.0]), ["2", None, "7"]),
        (pyarrow.nulls(3), [None, None, None]),
    ],
)
def test_types_of_labels(tmp_path: Path, labels: pyarrow.Array, names: list[str | None]) -> None:
    _write(tmp_path / "t.parquet", labels)
    assert _named(open_images(tmp_path / "t.parquet", progress=False)) == names


def test_images_in_a_binary_view(tmp_path: Path) -> None:
    images = pyarrow.array([_png(3), _png(7)], pyarrow.binary_view())
    parquet.write_table(pyarrow.table({"image": images, "species": ["a", "b"]}), tmp_path / "t.parquet")
    data = open_images(tmp_path / "t.parquet", progress=False)
    assert np.asarray(data.images)[:, 0, 0, 0].tolist() == [3, 7]
    assert any(
        "ignored the columns species" in note and "--label-column species" in note for note in data.notes
    )


def test_tables_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    for shard in (0, 1):
        _write(tmp_path / "data" / f"train-0000{shard}-of-00002.parquet", [shard], shard)
    (tmp_path / "round.parquet").symlink_to("round.parquet")
    (tmp_path / "data" / "up").symlink_to(tmp_path)
    assert _named(open_images(tmp_path, progress=False)) == ["0", "1"]
    _write(tmp_path / "more" / "test-00000-of-00001.parquet", [0])
    with pytest.raises(DataError, match=r"in several folders \(data, more\); open one of them"):
        open_images(tmp_path)
    _write(tmp_path / "hive" / "label=elk" / "part-0.parquet", [0])
    with pytest.raises(DataError, match=r"named by the values of a column \(label=elk\)"):
        open_images(tmp_path / "hive")


def test_class_names_that_are_not_utf8(tmp_path: Path) -> None:
    labels = pyarrow.array([b"stra\xdfe"]).cast(pyarrow.binary())
    _write(tmp_path / "t.parquet", labels)
    with pytest.raises(DataError, match=r'column "label".*is not UTF-8 text'):
        open_images(tmp_path / "t.parquet")
