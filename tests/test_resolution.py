"""Image sizes as people write them."""

from __future__ import annotations

import numpy as np
import pytest

from everymode.resolution import height_and_width, parse_resolution


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (64, 64),
        ("64", 64),
        (np.int64(64), 64),
        ("64x48", (64, 48)),
        ("64 X 48", (64, 48)),
        ((64, 48), (64, 48)),
        ([64, 48], (64, 48)),
        (np.array([64, 48]), (64, 48)),
    ],
)
def test_one_number_or_two(given: object, meant: object) -> None:
    found = parse_resolution(given)  # type: ignore[arg-type]
    assert found == meant
    assert all(type(side) is int for side in height_and_width(found))  # plain numbers, as JSON takes them


@pytest.mark.parametrize(
    "given", ["", "64x", "a", "1x2x3", "-1", (1, 2, 3), 1.5, (1.5, 2), (), None, True, (True, 2)]
)
def test_nothing_else(given: object) -> None:
    with pytest.raises(ValueError, match="a number or HEIGHTxWIDTH, such as 64 or 64x48, not "):
        parse_resolution(given)  # type: ignore[arg-type]


def test_height_comes_first() -> None:
    assert height_and_width(64) == (64, 64)
    assert height_and_width((64, 48)) == (64, 48)
