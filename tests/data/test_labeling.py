"""Label files and class folders: round trips, and every fault explained."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.data.errors import DataError
from everymode.data.labeling import label_images, labels_from_csv, labels_from_folders, labels_from_json

WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Z"), blacklist_characters="/\\"), min_size=1, max_size=8
).filter(lambda word: unicodedata.is_normalized("NFC", word) and not UNREADABLE.fullmatch(word))
UNREADABLE = re.compile(r"\.\.?|\ufeff.*|nan|NaN|null|None|[+-].*|.*[.eE].*")
"""Words that mean unlabeled, or could be numbers other than whole numbers."""
NAMES = [f"folder/{i} é,\";'.png" for i in range(6)]


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.none() | WORDS, min_size=6, max_size=6), ending=st.sampled_from(["\n", "\r\n"]))
def test_csv_round_trip(labels: list[str | None], ending: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator=ending)
    writer.writerow(["file", "label"])
    writer.writerows((name, label or "") for name, label in zip(NAMES, labels, strict=True))
    labeling = labels_from_csv(stream.getvalue(), NAMES, "labels.csv")
    assert [None if number < 0 else labeling.classes[number] for number in labeling.labels] == labels
    assert set(labeling.classes) == set(labels) - {None}


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.none() | st.integers(0, 50), min_size=6, max_size=6))
def test_json_round_trip(labels: list[int | None]) -> None:
    pairs = [[name, label] for name, label in zip(NAMES, labels, strict=True)]
    labeling = labels_from_json(json.dumps({"labels": pairs}), NAMES, "dataset.json")
    assert [None if number < 0 else int(labeling.classes[number]) for number in labeling.labels] == labels
    assert labeling.classes == tuple(str(number) for number in sorted({*labels} - {None}))


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    for read in (labels_from_csv, labels_from_json):
        try:
            labeling = read(text, NAMES, "here")
        except DataError as error:
            assert "here" in str(error)
        else:
            assert len(labeling.labels) == len(NAMES)


def test_rows_that_are_missing_or_empty_mean_unlabeled() -> None:
    text = "\ufeffFile , Extra, LABEL\nb.png,x,dog\nc.png,y,\n\nd.png\n./e.png,,-1\n"
    labeling = labels_from_csv(
        text.removeprefix("\ufeff"), ["a.png", "b.png", "c.png", "d.png", "e.png"], "l"
    )
    assert labeling.labels.tolist() == [-1, 0, -1, -1, -1]
    assert labeling.classes == ("dog",)


def test_numbers_sort_as_numbers_and_names_as_names() -> None:
    names = ["a", "b", "c"]
    assert labels_from_csv("file,label\na,10\nb,9\nc,2", names, "l").classes == ("2", "9", "10")
    assert labels_from_csv("file,label\na,10\nb,9x\nc,2", names, "l").classes == ("10", "2", "9x")


@pytest.mark.parametrize("text", ["file;label\nx/a.png;1,5", "file\tlabel\nx\\a.png\t1,5"])
def test_other_separators_and_slashes(text: str) -> None:
    assert labels_from_csv(text, ["x/a.png"], "l").classes == ("1,5",)


def test_another_column() -> None:
    text = "file,label,kind\na,1,x\n"
    labeling = label_images("w", ["a"], csv_bytes=text.encode(), json_bytes=None, label_column="kind")
    assert labeling.classes == ("x",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'one column "file", but its first row is empty'),
        ("name,label\na.png,1", r'needs one column "file", but its first row is name, label'),
        ("file,label,label\na.png,1,2", 'one column "label"'),
        ("file,label\n,cat", "row 2 has no file name"),
        ("file,label\na.pgn,1", r'1 files that are not among the images: a.pgn \(did you mean "a.png"'),
        ("file,label\n../a.png,1", "is outside the dataset"),
        ("file,label\n/etc/a.png,1", "is outside the dataset"),
        ("file,label\nC:\\a.png,1", "is outside the dataset"),
        ("file,label\na.png,1\na.png,2", "occurs twice, labeled 1 and 2"),
        ('file,label\n"a.png,1', "can't be read as a table"),
    ],
)
def test_csv_faults(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        labels_from_csv(text, ["a.png"], "labels.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be"),
        ('{"labels": {"a.png": 1}}', "must be"),
        ('{"labels": [["a.png"]]}', "is not a pair"),
        ('{"labels": [["a.png", 1.5]]}', "must be a whole number or null"),
        ('{"labels": [["a.png", true]]}', "must be a whole number"),
        ('{"labels": [["a.png", [0, 1]]]}', "must be a whole number"),
        ('{"labels": [["a.png", -2]]}', "a label is -2"),
        ('{"labels": [["a.png", 99999999]]}', "too large for a class number"),
        ('{"labels": [["b.png", 1]]}', "not among the images"),
        ('{"labels": [["../a.png", 1]]}', "is outside"),
    ],
)
def test_json_faults(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        labels_from_json(text, ["a.png"], "dataset.json")


def test_json_of_null_means_unlabeled_not_folders() -> None:
    null = b'{"labels": null}'
    labeling = label_images("w", ["0/a.png"], csv_bytes=None, json_bytes=null, label_column=None)
    assert labeling.labels.tolist() == [-1]
    assert labeling.classes == ()


def test_the_first_folder_is_the_class() -> None:
    labeling = labels_from_folders(["cat/a.png", "cat/deep/b.png", "ant/c.png", "d.png"], "w")
    assert labeling.classes == ("ant", "cat")
    assert labeling.labels.tolist() == [1, 1, 0, -1]
    assert "1 images of w are outside" in labeling.notes[0]


def test_a_single_class_is_mentioned() -> None:
    assert 'only one class folder ("cat")' in labels_from_folders(["cat/a.png"], "w").notes[0]
    assert labels_from_folders(["a.png"], "w").notes == ()


def test_splits_are_not_classes() -> None:
    with pytest.raises(DataError, match="open one of them, such as w/train"):
        labels_from_folders(["train/a.png", "train/b.png", "test/c.png"], "w")
    assert labels_from_folders(["train/a.png", "boat/b.png"], "w").classes == ("boat", "train")


def test_files_that_contradict_or_can_not_be_read() -> None:
    with pytest.raises(DataError, match=r"both labels.csv and dataset.json"):
        label_images("w", ["a"], csv_bytes=b"", json_bytes=b"", label_column=None)
    with pytest.raises(DataError, match="not UTF-8"):
        label_images("w", ["a"], csv_bytes=b"\xff\xfe", json_bytes=None, label_column=None)
    with pytest.raises(DataError, match=r"no labels.csv, so there is no column"):
        label_images("w", ["a"], csv_bytes=None, json_bytes=None, label_column="kind")
