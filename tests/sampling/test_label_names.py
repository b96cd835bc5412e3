"""Labels by name and number, one an image or one of each block."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.sampling.label_names import label_numbers

SIZES = (2, 3, 2)
NAMES = ("circle", "star", "red", "blue", "7", "small", "a,b")


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ("star,red,small", [[1, 0, 0]] * 2),
        (" star , 2,0 ", [[1, 2, 0]] * 2),
        (("star", 1, "a,b"), [[1, 1, 1]] * 2),
        ((0, 2, 1), [[0, 2, 1]] * 2),
        (("circle", "7", 0), [[0, 2, 0]] * 2),
        ("circle,,", [[0, -1, -1]] * 2),
        (("star", None, -1), [[1, -1, -1]] * 2),
        (["circle,,", "star,blue,1"], [[0, -1, -1], [1, 1, 1]]),
        ([(0, 1, 0), ("star", "7", None)], [[0, 1, 0], [1, 2, -1]]),
        (torch.tensor([[0, 1, 0], [1, -1, 1]]), [[0, 1, 0], [1, -1, 1]]),
        (np.array([1, 0, 0]), [[1, 0, 0]] * 2),
    ],
)
def test_combinations_of_labels(asked: object, rows: list[list[int]]) -> None:
    found = label_numbers(asked, 2, SIZES, NAMES)  # type: ignore[arg-type]
    assert found.dtype == torch.int64
    assert found.tolist() == rows


def test_blocks_without_names_go_by_number() -> None:
    assert label_numbers("1,,0", 1, SIZES).tolist() == [[1, -1, 0]]
    with pytest.raises(ValueError, match=r"kinds \(0 to 1, 0 to 2, 0 to 1\)"):
        label_numbers("1,0", 1, SIZES)


@pytest.mark.parametrize("asked", ["star", 1, ("star", "red"), "a,b,c,d", ["star", "star"]])
def test_too_few_or_too_many_labels_are_explained(asked: object) -> None:
    with pytest.raises(
        ValueError,
        match=r"does not name one label of each of 3 kinds \(circle or star, red or blue or 7, small or a,b\): join",
    ):
        label_numbers(asked, 2, SIZES, NAMES)  # type: ignore[arg-type]


def test_unknown_labels_name_those_of_their_block() -> None:
    with pytest.raises(ValueError, match=r"no label 'green': this generator knows 0 to 2 \(red, blue, 7\)"):
        label_numbers("star,green,0", 1, SIZES, NAMES)
    with pytest.raises(ValueError, match="no label 2: this generator knows 0 to 1"):
        label_numbers((0, 0, 2), 1, SIZES, NAMES)
    with pytest.raises(ValueError, match="1 labels for 2 images"):
        label_numbers(["star,red,small"], 2, SIZES, NAMES)


def test_one_label_an_image() -> None:
    assert label_numbers("red", 2, 3, ("blue", "red", "7")).tolist() == [1, 1]
    assert label_numbers(["7", 0], 2, 3, ("blue", "red", "7")).tolist() == [2, 0]
    assert label_numbers(None, 2, 3) is None
    with pytest.raises(ValueError, match="has no labels"):
        label_numbers("red", 2, 0)


def test_a_number_means_the_class_of_that_name_where_all_names_are_whole_numbers() -> None:
    names = ("1", "2", "30")
    assert label_numbers(30, 2, 3, names).tolist() == [2, 2]
    assert label_numbers([1, "2", 30], 3, 3, names).tolist() == [0, 1, 2]
    assert label_numbers(torch.tensor([2, 1]), 2, 3, names).tolist() == [1, 0]
    assert label_numbers(0, 1, 3, names, by_position=True).tolist() == [0]
    assert label_numbers(7, 1, 2, ("007", "9")).tolist() == [0]
    assert label_numbers((5, 0), 1, (2, 2), ("4", "5", "cat", "dog")).tolist() == [[1, 0]]
    for asked in (0, "0", 3):
        with pytest.raises(ValueError, match=r"this generator knows 1, 2, 30$"):
            label_numbers(asked, 1, 3, names)
    assert label_numbers(1, 1, 2, ("cat", "dog")).tolist() == [1]
    assert label_numbers("cafe\u0301", 1, 2, ("café", "dog")).tolist() == [0]
