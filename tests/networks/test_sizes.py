"""Sizes: grids, defaults, and the error messages that name the nearest sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everymode.networks.sizes import default_doublings, require_native, starting_grid


def test_starting_grid() -> None:
    assert starting_grid((32, 64), 3) == (4, 8)
    with pytest.raises(ValueError, match=r"\(30, 64\).*\(24, 64\) and \(32, 64\)"):
        starting_grid((30, 64), 3)
    with pytest.raises(ValueError, match=r"nearest sizes that work: \(8, 8\)"):
        starting_grid((3, 5), 3)
    with pytest.raises(ValueError):
        starting_grid((0, 8), 3)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 5))
def test_the_sizes_named_in_the_refusal_work(height: int, width: int, doublings: int) -> None:
    try:
        grid = starting_grid((height, width), doublings)
        assert (grid[0] << doublings, grid[1] << doublings) == (height, width)
    except ValueError as error:
        named = str(error).split("work: ")[1].rstrip(".").split(" and ")
        for pair in named:
            sides = tuple(int(side) for side in pair.strip("()").split(","))
            assert starting_grid(sides, doublings)


def test_default_doublings() -> None:
    assert [default_doublings((side, 2 * side)) for side in (28, 32, 48, 64, 128, 256)] == [2, 3, 3, 4, 5, 6]
    assert default_doublings((4, 4)) == 1
    assert default_doublings((32, 32), 2) == 4


def test_require_native() -> None:
    require_native(None, (4, 8))
    require_native((4, 8), (4, 8))
    with pytest.raises(ValueError, match=r"\(8, 8\) is requested, but this generator makes \(4, 8\) only"):
        require_native((8, 8), (4, 8))
