"""Rule for label values: unlabeled, numbers and names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, open_images
from everymode.data.label_values import NO_ROW, labels_of_values, named_classes
from everymode.data.labeling import labels_from_csv, labels_from_json


def _named(labeling) -> list[str | None]:
    return [None if label < 0 else labeling.classes[label] for label in labeling.labels]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([7, 3, None, -1, 3], ["7", "3", None, None, "3"]),
        ([4.0, float("nan"), -1.0, 11.0], ["4", None, None, "11"]),
        (["12.0", "3.0", "nan", "-1.0", "NaN"], ["12", "3", None, None, None]),
        (["oak", " null ", "None", "", "elm "], ["oak", None, None, None, "elm"]),
        (["1e1", "2"], ["10", "2"]),
        ([b"fir", b""], ["fir", None]),
        ([True, False], ["1", "0"]),
        (["007", "7"], ["007", "7"]),
        (["Nan", "NULL"], ["Nan", "NULL"]),  # other spellings are names
        (["version 1.5", "2.5"], ["version 1.5", "2.5"]),
    ],
)
def test_values_of_lists_and_arrays(values: list, names: list[str | None]) -> None:
    assert _named(labels_of_values(values, "here")) == names
    if None not in values:
        assert _named(labels_of_values(np.array(values), "here")) == names


def test_numbers_make_no_classes_in_between() -> None:
    labeling = labels_of_values([40, 900_000, 2], "here")
    assert (
        labeling.classes == ("2", "40", "900000")
        and labeling.labels.tolist() == [1, 2, 0]
        and not labeling.notes
    )


def test_a_note_counts_the_unlabeled_by_spelling() -> None:
    (note,) = labels_of_values(["a", "nan", "", "nan", "-1.0", NO_ROW], "t.csv").notes
    assert note == 't.csv: 5 rows are unlabeled (2 "nan", 1 empty, 1 "-1.0", 1 no row)'
    assert labels_of_values([1, None, float("nan")], "t", nothing="null").notes == (
        "t: 2 rows are unlabeled (1 null, 1 NaN)",
    )


def test_names_of_a_table_that_no_value_has_are_noted() -> None:
    labeling = labels_of_values([2, 0], "t", names=["ant", "bee", "cat"])
    assert labeling.classes == ("ant", "cat") and labeling.labels.tolist() == [1, 0]
    assert labeling.notes == ("t: 1 class has no image and is omitted: bee",)
    with pytest.raises(DataError, match="a label is 3, but the table names 3 classes"):
        labels_of_values([3], "t", names=["ant", "bee", "cat"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1.0], r"a label is 0\.5; a label must be a whole number or a name"),
        ([float("inf")], "a label is inf"),
        (["1.5", "2.0"], r'a label is "1\.5"'),
        (["inf", "2"], 'a label is "inf"'),
        (["-7", "2"], "a label is -7; class numbers start at 0"),
        ([-100, 2], "a label is -100; class numbers start at 0"),
        ([10**30, 0], "a label is 1000000000000000000000000000000, too large for a class number"),
        ([2**64 - 1], "a label is 18446744073709551615, too large"),
        (["9" * 25, "1"], "a label is 9999999999999999999999999, too large"),
        (["1e99", "1"], "a label is"),
        (["1e99999999999999999999999", "1"], "a label is"),
        ([1, "oak"], "some labels are numbers"),
        ([b"caf\xe9"], "is not UTF-8 text"),
        ([[1, 2]], r"a label is \[1, 2\]"),
    ],
)
def test_what_is_no_label_is_refused(values: list, message: str) -> None:
    with pytest.raises(DataError, match=f"here: {message}|here: .*{message}"):
        labels_of_values(values, "here")


def test_whole_numbers_of_arrays() -> None:
    for kind in (np.uint64, ">i4", np.int8):
        assert labels_of_values(np.array([3, 1, 3], kind), "a").classes == ("1", "3")
    with pytest.raises(DataError, match="too large"):
        labels_of_values(np.array([2**63, 1], np.uint64), "a")


def test_folder_names_are_names_sorted_by_value() -> None:
    numbers, classes = named_classes(["10.0", "2.0", "-1", None, "0.5"])
    assert classes == ("-1", "0.5", "2.0", "10.0") and numbers.tolist() == [3, 2, 0, -1, 1]
    assert named_classes(["nan", "null"])[1] == ("nan", "null")


def test_letters_may_be_composed_or_not() -> None:
    composed, decomposed = "pâté", "pa\u0302te\u0301"
    assert labels_of_values([composed, decomposed], "t").classes == (composed,)
    assert named_classes([decomposed, composed])[1] == (composed,)
    names = [f"{decomposed}/1.png", "b.png"]
    labeling = labels_from_csv(f"file,label\n{composed}/1.png,{decomposed}\nb.png,x", names, "t")
    assert labeling.classes == (composed, "x") or labeling.classes == ("x", composed)
    assert labels_from_json(json.dumps({"labels": [[names[0], 4]]}), [f"{composed}/1.png"], "t").classes == (
        "4",
    )
    with pytest.raises(DataError, match="matches 2 images whose names differ only in"):
        both = ["a\u0302\u0323.png", "a\u0323\u0302.png"]
        labels_from_csv("file,label\n\u1ead.png,x", both, "t")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('file,label\na.png, "New York, USA"\nb.png,x', ["New York, USA", "x"]),
        ("file,label,note\na.png,x,\nb.png,y,,,", ["x", "y"]),
        ("file_name,label\na.png ,x \nb.png,x", ["x", "x"]),
        ("file,label\na.png,3.0\nb.png,20.0", ["3", "20"]),
    ],
)
def test_cells_are_taken_right(text: str, names: list[str]) -> None:
    assert _named(labels_from_csv(text, ["a.png", "b.png"], "t")) == names


@pytest.mark.parametrize("text", ["file,label\na.png,New York, USA", 'file,label\na.png,"x" y'])
def test_cells_are_never_cut(text: str) -> None:
    with pytest.raises(DataError, match=r"3 cells and the first row 2|can't be read as a table"):
        labels_from_csv(text, ["a.png"], "t")


def test_numbers_of_dataset_json() -> None:
    pairs = '[["a.png", 7.0], ["b.png", NaN], ["c.png", null], ["d.png", 2], ["e.png", -1.0]]'
    labeling = labels_from_json(f'{{"labels": {pairs}}}', [f"{name}.png" for name in "abcde"], "t")
    assert _named(labeling) == ["7", None, None, "2", None]
    with pytest.raises(DataError, match="too large"):
        labels_from_json('{"labels": [["a.png", 98765432109876543210987]]}', ["a.png"], "t")


def test_after_a_limit_and_for_images_that_can_not_be_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((40, 4, 4), np.uint8), labels=np.arange(40) * 3)
    few = open_images(tmp_path / "a.npz", limit=5)
    assert few.num_classes == 5 and min(few.class_counts) == 1
    assert any("35 classes have no image and are omitted" in note for note in few.notes)
    for number in range(120):
        (tmp_path / "photos" / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(tmp_path / "photos" / f"{number % 2}" / f"{number}.png")
    (tmp_path / "photos" / "lost").mkdir()
    (tmp_path / "photos" / "lost" / "a.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning):
        dataset = open_images(tmp_path / "photos", progress=False)
    assert dataset.classes == ("0", "1")


def test_two_classes_of_one_name_are_refused() -> None:
    assert labels_of_values([0], "t", names=["ant", "ant"]).classes == ("ant",)
    with pytest.raises(DataError, match='t: two classes are named "ant"'):
        labels_of_values([0, 1], "t", names=["ant", "ant"])
