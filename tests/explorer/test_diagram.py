"""Diagrams: axes for any numbers, and links to the nearest checkpoints."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.explorer.curves import Curve, Event, Series
from everymode.explorer.diagram import Target, axis, diagram, nearest

TARGETS = [Target(0, "step 0", "/a"), Target(40, "step 40", "/b"), Target(100, "step 100", "/c")]


def curve(*values: float | None) -> Curve:
    return Curve(
        "name", "A <title>", (Series("x/<b>", "<b>", tuple(range(0, 10 * len(values), 10)), values),)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.booleans())
def test_an_axis_covers_its_values_with_few_ticks(values: list[float], log: bool) -> None:
    found = axis(values, log=log)
    assert found.low < found.high
    assert 1 <= len(found.ticks) <= 24
    for value in values:
        assert -1e-9 <= found.share(value) <= 1 + 1e-9
    assert all(a < b for a, b in pairwise(found.ticks))


def test_ticks_are_round_and_wide_ranges_logarithmic() -> None:
    assert axis([0, 97]).ticks == (0, 20, 40, 60, 80, 100)
    assert axis([5.0, 5.0]).ticks[0] <= 5.0 <= axis([5.0, 5.0]).ticks[-1]
    wide = axis([0.01, 1000.0], log=True)
    assert wide.log and math.isclose(wide.share(1.0), 0.4)
    assert not axis([-1.0, 1e6], log=True).log


def test_the_nearest_checkpoint() -> None:
    found = [nearest(TARGETS, step) for step in (0, 19, 20, 21, 71, 1000)]
    assert [target.step for target in found if target] == [0, 0, 0, 40, 100, 100]
    assert nearest([], 3) is None


def test_a_click_leads_to_the_nearest_checkpoint() -> None:
    drawn = diagram(curve(1.0, 2.0), (), TARGETS, 100)
    areas = re.findall(r'<a href="(/.)"[^>]*>.*?<rect x="([0-9.]+)"[^>]*width="([0-9.]+)"', drawn)
    assert [link for link, _, _ in areas] == ["/a", "/b", "/c"]
    starts = [float(start) for _, start, _ in areas]
    ends = [start + float(width) for start, (_, _, width) in zip(starts, areas, strict=True)]
    left, right = starts[0], ends[-1]
    shares = [(start - left) / (right - left) for start in starts]
    assert [round(share, 2) for share in shares] == [0, 0.2, 0.7], (
        "areas meet in the middle between checkpoints"
    )
    assert all(abs(end - start) < 0.2 for end, start in zip(ends, starts[1:], strict=False))


def test_gaps_are_not_drawn_over_and_names_are_escaped() -> None:
    events = [Event(10, "alarm", "<i>fell</i>"), Event(500, "alarm", "after the end")]
    drawn = diagram(curve(1.0, 2.0, None, 3.0, None, 4.0, 5.0), events, TARGETS, 60)
    line, *_ = re.findall(r'<path d="(M[^"]*)" class="line l0">', drawn)
    assert line.count("M") == 2 and line.count("L") == 2
    assert drawn.count("<circle") == 1
    assert "<b>" not in drawn and "<i>" not in drawn and "after the end" not in drawn
    assert 'role="img"' in drawn and "from 1 to 5, last 5" in drawn
