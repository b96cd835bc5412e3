"""What score cards say of the data: which split its name says it is."""

from __future__ import annotations

import pytest

from everymode.evaluation.cards import UNSAID, split_in


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("digits:train", "train"),
        ("digits:held-out", "held-out"),
        ("data/cifar10-test.parquet", "test"),
        ("imagenet/val", "val"),
        ("imagenet/Validation/part1", "val"),
        ("train/photos-test", "test"),
        ("trains", UNSAID),
        ("photos", UNSAID),
    ],
)
def test_the_split_is_the_last_that_the_name_says(name: str, split: str) -> None:
    assert split_in(name) == split
