"""CelebA's list of attributes: blocks of two classes, matching of names, and damaged lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from everymode.data.attribute_list import labels_from_attributes
from everymode.data.errors import DataError, NoColumnsError
from everymode.data.opening import open_images

LIST = """4
Black_Hair Blond_Hair Male Young
000001.jpg -1  1 -1  1
000002.jpg  1 -1  1  1
000003.jpg -1 -1  1 -1
000004.jpg -1 -1 -1 -1
"""
NAMES = ["000001.jpg", "000002.jpg", "000003.jpg"]


def _celeba(
    tmp_path: Path, text: str = LIST, *, where: str = "list_attr_celeba.txt", ext: str = "jpg"
) -> Path:
    folder = tmp_path / "img_align_celeba"
    folder.mkdir()
    for number in range(1, 4):
        Image.new("RGB", (6, 8), (number, 0, 0)).save(folder / f"00000{number}.{ext}")
    target = tmp_path / where
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("where", "ext"),
    [
        ("list_attr_celeba.txt", "jpg"),
        ("Anno/list_attr_celeba.txt", "png"),
        ("img_align_celeba/list_attr_celeba.txt", "jpg"),
    ],
)
def test_chosen_attributes_are_label_blocks(tmp_path: Path, where: str, ext: str) -> None:
    folder = _celeba(tmp_path, where=where, ext=ext)
    dataset = open_images(folder, label_column="Male, black_hair", progress=False)
    assert dataset.label_blocks == (("not Male", "Male"), ("not Black_Hair", "Black_Hair"))
    assert dataset.labels.tolist() == [[0, 0], [1, 1], [1, 0]]
    assert dataset.facts().num_classes == (2, 2)
    assert "labels are from list_attr_celeba.txt, Male, Black_Hair" in dataset.notes[0]
    assert not any("ignored" in note for note in dataset.notes)


def test_one_attribute_is_a_label_and_the_folder_around_works_too(tmp_path: Path) -> None:
    _celeba(tmp_path)
    dataset = open_images(tmp_path, label_column="Young", progress=False)
    assert dataset.classes == ("not Young", "Young")
    assert dataset.labels.tolist() == [1, 1, 0]


def test_without_a_column_the_list_is_mentioned(tmp_path: Path) -> None:
    dataset = open_images(_celeba(tmp_path), progress=False)
    assert dataset.classes == ()
    assert any("--label-column Male,Young" in note for note in dataset.notes)


def test_a_table_with_commas(tmp_path: Path) -> None:
    lines = [line.replace("  ", " ").replace(" ", ",") for line in LIST.splitlines()[1:]]
    lines[0] = "image_id," + lines[0]
    folder = _celeba(tmp_path, "\n".join(lines), where="list_attr_celeba.csv")
    assert open_images(folder, label_column="Blond_Hair", progress=False).labels.tolist() == [1, 0, 0]


def test_labels_csv_takes_precedence(tmp_path: Path) -> None:
    folder = _celeba(tmp_path)
    (folder / "labels.csv").write_text("file,mood\n000001.jpg,sad\n000002.jpg,glad\n000003.jpg,sad\n")
    assert open_images(folder, label_column="mood", progress=False).classes == ("glad", "sad")


def test_a_table_in_the_folder_comes_before_a_list_beside_it(tmp_path: Path) -> None:
    folder = _celeba(tmp_path)
    (folder / "metadata.csv").write_text("file_name,male\n000001.jpg,yes\n000002.jpg,no\n000003.jpg,no\n")
    assert open_images(folder, label_column="male", progress=False).classes == ("no", "yes")
    assert open_images(folder, label_column="Young", progress=False).labels.tolist() == [1, 1, 0]


def test_images_without_a_line_are_unlabeled(tmp_path: Path) -> None:
    folder = _celeba(tmp_path)
    labeling = labels_from_attributes(
        tmp_path / "list_attr_celeba.txt", [*NAMES, "more.jpg"], "faces", label_column="Male,Young"
    )
    assert labeling.labels.tolist() == [[0, 1], [1, 1], [1, 0], [-1, -1]]
    assert "1 image without a line in list_attr_celeba.txt unlabeled" in labeling.notes[1]
    with pytest.raises(NoColumnsError):
        (tmp_path / "list_attr_celeba.txt").unlink()
        open_images(folder, label_column="Male", progress=False)


@settings(max_examples=15, deadline=None)
@given(values=st.lists(st.lists(st.sampled_from((-1, 1)), min_size=3, max_size=3), min_size=1, max_size=6))
def test_any_list_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[list[int]]
) -> None:
    path = tmp_path_factory.mktemp("faces") / "list_attr_celeba.txt"
    lines = [f"{i:06}.jpg " + " ".join(map(str, row)) for i, row in enumerate(values)]
    path.write_text("\n".join([str(len(values)), "A B C ", *lines]))
    names = [f"a/{i:06}.jpg" for i in range(len(values))]
    labels = labels_from_attributes(path, names, "x", label_column="C,A").labels
    np.testing.assert_array_equal(labels, (np.array(values)[:, [2, 0]] + 1) // 2)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        (LIST, "Mael", r'no attribute "Mael" \(did you mean "Male"\?\); it has Black_Hair, Blond_Hair, Male'),
        (LIST.replace("4\n", "5\n", 1), "Male", "announces 5 images and has lines for 4"),
        (
            LIST.replace("4\n", "", 1),
            "Male",
            "must begin with the number of images, and its first line is Black",
        ),
        ("", "Male", "its first line is empty"),
        ("0\n", "Male", "no line with the names"),
        (
            LIST.replace("-1  1 -1  1", "-1 0 0 1"),
            "Male",
            r"line 3 \(000001\.jpg\): a value is 0; attributes are 1",
        ),
        (
            LIST.replace("-1  1 -1  1", "-1  1 -1"),
            "Male",
            r"line 3 \(000001\.jpg\) has 3 values for 4 attributes",
        ),
        (LIST.replace("000004", "000002"), "Male", '"000002.jpg" occurs twice'),
        (LIST.replace("0000", "x"), "Male", "names none of the images"),
    ],
)
def test_damaged_lists_are_rejected(tmp_path: Path, text: str, column: str, message: str) -> None:
    folder = _celeba(tmp_path, text)
    with pytest.raises(DataError, match=message):
        open_images(folder, label_column=column, progress=False)
