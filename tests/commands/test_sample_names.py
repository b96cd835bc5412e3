"""What the files of samples are called: never one for two."""

from __future__ import annotations

import unicodedata
from itertools import product

import pytest

from everymode.commands.drawing import Wanted
from everymode.commands.sample_names import class_numbers, file_words, stem

CLASSES = [
    ("a b", "0", "c"),
    ("x!", "x?", "1", "0", "2"),
    ("Cat", "cat", "CAT", "dog"),
    (unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")),
    ("..", "/", "a/b", "a\\b", "", "nul\0"),
    ("n" * 250, "n" * 251, "n" * 200, "\u00e9" * 150),
    ("3", "2", "1", "0", "4!", "5 5"),
    ("stra\u00dfe", "strasse"),
]


def _on_disk(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@pytest.mark.parametrize("classes", CLASSES)
def test_every_class_has_a_file_of_its_own(classes: tuple[str, ...]) -> None:
    words = file_words(classes, len(classes))
    stems = [stem(Wanted(label, 7), words) for label in classes]
    assert len({_on_disk(name) for name in stems}) == len(classes)
    for name in stems:
        assert len(f"{name}.png".encode()) <= 255
        assert not set(name) & set("/\\\0:*?") and name.startswith("label-") and name.endswith("-seed0007")


def test_good_names_stay_and_others_are_numbers() -> None:
    words = file_words(("a b", "0", "c-d.e"), 3)
    assert words == [{"a b": "3", "0": "0", "c-d.e": "c-d.e"}]
    assert file_words(("red fox", "cat"), 2) == [{"red fox": "0", "cat": "cat"}]
    assert stem(Wanted("1", 12), words) == "label-1-seed0012"  # as it was asked for, by number
    assert stem(Wanted(None, 3), words) == "seed0003"
    assert stem(Wanted("5", 3), file_words((), 9)) == "label-5-seed0003"


def test_several_labels_an_image() -> None:
    blocks = (("a-b", "a", "1"), ("c", "b-c", "d e", ""))
    words = file_words((*blocks[0], *blocks[1]), (3, 4))
    labels = [f"{one},{two}" for one, two in product(*blocks)]
    stems = [stem(Wanted(label, 0), words) for label in labels]
    assert len(set(stems)) == len(labels)
    assert stem(Wanted("a, c", 0), words) == "label-a-c-seed0000"
    assert stem(Wanted("a,", 0), file_words((), (2, 2))) == "label-a--seed0000"


def test_labels_as_class_numbers() -> None:
    assert class_numbers(["a,b", "cat", "1"], [("cat", "x", "a,b")]) == ["2", "0", "1"]
    assert class_numbers(["b, d", ",c", "1,d"], [("a", "b"), ("c", "d")]) == ["1,1", ",0", "1,1"]
    assert class_numbers(["3", "a,b"], []) == ["3", "a,b"]
