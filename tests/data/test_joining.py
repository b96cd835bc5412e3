"""Unions: separate or merged classes, domains, and imbalance in the counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everymode.data import union
from everymode.data.synthetic import digits, in_memory, ring


def _set(name: str, labels: list[int], classes: list[str], value: int = 0):
    images = np.full((len(labels), 1, 2, 2), value, np.uint8)
    return in_memory(name, images, np.array(labels), classes)


def test_classes_are_kept_apart() -> None:
    both = union([_set("a", [0, 1, 1], ["cat", "dog"], 1), _set("b", [0, -1], ["cat"], 2)])
    assert both.classes == ("a/cat", "a/dog", "b/cat")
    assert both.labels.tolist() == [0, 1, 1, 2, -1]
    assert both.class_counts == (1, 2, 1)
    assert both.domains is not None
    assert both.domains.tolist() == [0, 0, 0, 1, 1]
    assert both.domain_names == ("a", "b")
    assert np.asarray(both.images)[:, 0, 0, 0].tolist() == [1, 1, 1, 2, 2]


def test_classes_are_merged_by_name() -> None:
    both = union([_set("a", [0, 1], ["cat", "dog"]), _set("b", [0, 1], ["ant", "cat"])], offset_classes=False)
    assert both.classes == ("cat", "dog", "ant")
    assert both.labels.tolist() == [0, 1, 2, 0]


def test_unlabeled_sets_stay_unlabeled() -> None:
    both = union([_set("a", [0], ["cat"]), _set("u", [-1, -1], [])])
    assert both.labels.tolist() == [0, -1, -1]
    assert both.num_unlabeled == 2


def test_names_that_repeat_are_numbered() -> None:
    both = union([_set("a", [0], ["x"]), _set("a", [0], ["x"])])
    assert both.classes == ("a 1/x", "a 2/x")
    assert both.name == "a 1 + a 2"


def test_domains_follow_a_subset() -> None:
    part = union([_set("a", [0, 0], ["x"]), _set("b", [0], ["x"])]).subset([2, 0])
    assert part.domains is not None
    assert part.domains.tolist() == [1, 0]


def test_jpegs_are_counted() -> None:
    first, second = _set("a", [0, 0], ["x"]), _set("b", [0], ["x"])
    assert union([replace(first, jpegs=2), second]).jpegs == 2


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match="at least one"):
        union([])
    with pytest.raises(ValueError, match="same resolution and channels"):
        union([digits(), ring(samples=5)])
    blocks = in_memory("m", np.zeros((1, 1, 2, 2), np.uint8), np.array([[0]]), ["x"], label_blocks=[("x",)])
    with pytest.raises(ValueError, match="several label blocks"):
        union([blocks])
