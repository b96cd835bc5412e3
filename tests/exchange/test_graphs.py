"""The sizes with which an exported graph is made and checked."""

from __future__ import annotations

import pytest

from everymode.exchange import graphs
from everymode.exchange.graph_inputs import BATCH, HEIGHT, WIDTH, GraphInputs


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("step", [1, 2, 4, 32])
def test_no_check_has_a_length_of_the_example(implicit: bool, step: int) -> None:
    for height in (1, 2, 4, 5, 6, 8, 9, 16, 32, 256):  # at 8, a check has the height 8 // 2 + 1 = 5
        for width in (1, 2, 5, 6, 8, 9, 18, 32):
            steps = {HEIGHT: step, WIDTH: step}
            inputs = GraphInputs((), (), steps, implicit=implicit, native=(height, width))
            checks = graphs._sizes(inputs)
            example = graphs._example_sizes(inputs, checks)
            assert example.keys() == {BATCH, HEIGHT, WIDTH}
            assert (
                len({1, *example.values()}) == 4
            )  # so torch can't mistake one for another, or for a constant 1
            assert all(side % step == 0 for name, side in example.items() if name != BATCH)
            assert all(each[name] != length for each in checks for name, length in example.items())
