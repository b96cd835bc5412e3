"""Classes without images, and classes matched by name."""

from __future__ import annotations

import numpy as np
import pytest

from everymode.data import DataError
from everymode.data.classes import numbered_as, with_images_alone
from everymode.data.synthetic import in_memory

IMAGES = np.zeros((3, 1, 4, 4), np.uint8)


def test_classes_without_images_are_left_out_of_data_in_memory() -> None:
    whole = in_memory("x", IMAGES, np.array([0, 2, -1]), ("a", "b", "c"))
    reduced = with_images_alone(whole)
    assert reduced.classes == ("a", "c") and reduced.labels.tolist() == [0, 1, -1]
    assert reduced.notes == ("x: 1 class has no image and is omitted: b",)
    assert reduced.fingerprint != whole.fingerprint
    assert with_images_alone(reduced) is reduced


def test_label_blocks_keep_their_order() -> None:
    blocks = (("a", "b"), ("u", "v", "w"))
    labels = np.array([[1, 0], [1, 2], [-1, 0]])
    data = in_memory("x", IMAGES, labels, ("a", "b", "u", "v", "w"), label_blocks=blocks)
    reduced = with_images_alone(data)
    assert reduced.label_blocks == (("b",), ("u", "w")) and reduced.labels.tolist() == [
        [0, 0],
        [0, 1],
        [-1, 0],
    ]
    labels[:, 0] = -1
    with pytest.raises(DataError, match=r"no image has a label in one label block \(a, b\)"):
        with_images_alone(in_memory("x", IMAGES, labels, data.classes, label_blocks=blocks))


def test_labels_are_matched_by_name() -> None:
    def matched(labels, blocks, wanted):
        return numbered_as(np.array(labels), blocks, wanted, this="held", other="training").tolist()

    assert matched([1, 0, -1], [("cat", "emu")], [("ant", "cat", "emu")]) == [2, 1, -1]
    assert matched([-1, -1], [()], [("ant", "cat")]) == [-1, -1]
    assert matched([[0, 1]], [("u",), ("x", "y")], [("t", "u"), ("y", "x")]) == [[1, 0]]
    with pytest.raises(DataError, match=r"held has classes that training lacks \(gnu\)"):
        matched([0], [("gnu",)], [("ant",)])
    with pytest.raises(DataError, match="held has 1 labels per image and training has 2"):
        matched([0], [("u",)], [("u",), ("x",)])
