"""Reading of JSON files that may be damaged."""

from __future__ import annotations

import json

import pytest

from everymode.storage.json_files import finite_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3.0),
        ("-0.5", -0.5),
        ("1" + 400 * "0", None),
        ("1e400", None),
        ("NaN", None),
        ("true", None),
        ('"3"', None),
        ("null", None),
    ],
)
def test_only_finite_numbers_are_numbers(text: str, number: float | None) -> None:
    assert finite_number(json.loads(text)) == number
