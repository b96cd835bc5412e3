"""Diagrams of curves as SVG inside the page: axes, lines, events, and links to the nearest checkpoints."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from everymode.explorer.curves import Curve, Event, Series, thinned
from everymode.explorer.markup import Html, element

__all__ = ["DIAGRAM_STYLE", "Axis", "Target", "axis", "diagram", "nearest"]

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 20, 30
"""Margins of the plot area."""
MOST_POINTS = 500
"""Values of a line that are drawn; of more, peaks and ends stay."""
LINES = 6
"""Number of colors and dash patterns; further lines repeat them."""
_MARKS = {"alarm": "▲", "warning": "△", "new labels": "◆", "change": "●", "not finite": "✕"}

DIAGRAM_STYLE = """
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr));gap:20px;align-items:start}
.curve>svg{display:block;width:100%;height:auto;overflow:visible}
.curve .note{color:var(--soft);font-size:.9rem}
.curve .axis{stroke:currentColor;stroke-opacity:.14;fill:none}
.curve .zero{stroke:currentColor;stroke-opacity:.5;fill:none}
.curve text{fill:var(--soft);font-size:12px;font-family:inherit}
.curve text.y{text-anchor:end}
.curve text.x{text-anchor:middle}
.curve .line{fill:none;stroke-width:2;stroke-linejoin:round}
.curve .dot{fill:var(--dot);stroke:none}
.l0{stroke:var(--line0);--dot:var(--line0)}
.l1{stroke:var(--line1);--dot:var(--line1);stroke-dasharray:7 4}
.l2{stroke:var(--line2);--dot:var(--line2);stroke-dasharray:2 3}
.l3{stroke:var(--line3);--dot:var(--line3);stroke-dasharray:10 3 2 3}
.l4{stroke:var(--line4);--dot:var(--line4);stroke-dasharray:4 2}
.l5{stroke:var(--line5);--dot:var(--line5);stroke-dasharray:14 4}
.curve .event{stroke:currentColor;stroke-opacity:.4;stroke-dasharray:3 3}
.curve .event.alarm,.curve .event.bad{stroke:var(--alarm);stroke-opacity:1;stroke-dasharray:none}
.curve .mark{text-anchor:middle}
.curve .mark.alarm,.curve .mark.bad{fill:var(--alarm)}
.curve .near{fill:currentColor;fill-opacity:0}
.curve a:hover .near{fill-opacity:.07}
.curve .here{stroke:currentColor;stroke-opacity:.4}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0;padding:0;list-style:none;font-size:.86rem}
.legend svg{width:32px;height:10px;vertical-align:middle;margin-right:6px}
.curve details .scroller,#events .scroller{max-height:340px;overflow:auto}
#events table{text-align:left}
#events td{text-align:left}
:root{--line0:#0b5cad;--line1:#b3421b;--line2:#1d7a3e;--line3:#7b3fa8;--line4:#8a6100;--line5:#a81e63;--alarm:#b3001e}
@media (prefers-color-scheme:dark){:root{--line0:#6cb2ff;--line1:#ff9d73;--line2:#6fd593;--line3:#cf9bff;
--line4:#e3bc4e;--line5:#ff8dc0;--alarm:#ff7b8a}}
@media (max-width:620px){.curve text{font-size:14px}}
@media (max-width:400px){.curve text{font-size:20px}}
"""
"""CSS of the diagrams."""


class Target(NamedTuple):
    """A checkpoint to which a click near its step leads."""

    step: int
    title: str
    address: str


class Axis(NamedTuple):
    """A range of values and how it is drawn.

    Attributes:
        low, high: ends of the axis; logarithms to the base 10 if `log`.
        ticks: values with a line and a number.
        log: whether the scale is logarithmic.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Return the position of a value on the axis, from 0 at the low end to 1 at the high end."""
        number = math.log10(value) if self.log else value
        # Halves: the difference of huge numbers of both signs overflows.
        return (number / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def axis(values: Sequence[float], *, log: bool = False, count: int = 5) -> Axis:
    """Return an axis for finite values, with about `count` round ticks.

    Args:
        values: at least one finite number.
        log: whether to use a logarithmic scale if all values are positive and span more than three decades.
        count: number of ticks to aim for.
    """
    low, high = min(values), max(values)
    if log and low > 0 and high / low > 1000:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        stride = max(1, -(-(last - first) // count))
        return Axis(first, last, tuple(10.0**power for power in range(first, last + 1, stride)), log=True)
    if high == low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    if max(abs(low), abs(high)) > 1e300:  # round ticks around them could overflow
        return Axis(-sys.float_info.max, sys.float_info.max, (0.0,))
    stride = _round((high - low) / count)
    first, last = math.floor(low / stride), math.ceil(high / stride)
    if not last - first <= 4 * count:  # numbers so close together that float64 can't divide their range
        return Axis(low, high, (low, high))
    ticks = tuple(number * stride for number in range(first, last + 1))
    return Axis(min(low, ticks[0]), max(high, ticks[-1]), ticks)


def nearest(targets: Sequence[Target], step: int) -> Target | None:
    """Return the target whose step is nearest; of two the earlier one; None if there are none."""
    return min(targets, key=lambda target: (abs(target.step - step), target.step)) if targets else None


def diagram(curve: Curve, events: Sequence[Event], targets: Sequence[Target], last: int) -> Html:
    """Return a diagram with its legend.

    Args:
        curve: the lines, each with at least one finite value.
        events: events of the run, drawn as vertical lines.
        targets: checkpoints by step, ascending; a click leads to the nearest one.
        last: last step of the horizontal axis.
    """
    values = [value for series in curve.series for value in series.values if value is not None]
    steps, vertical = axis([0, max(1, last)], count=4), axis(values, log=True, count=4)
    steps = Axis(0, max(1, last), tuple(tick for tick in steps.ticks if tick <= last))

    def x(step: float) -> float:
        return LEFT + steps.share(step) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (1 - vertical.share(value)) * (HEIGHT - TOP - BOTTOM)

    title = f"{curve.title}: {_summary(curve)}"
    drawing = element(
        "svg",
        element("title", title),
        _frame(steps, vertical, x, y),
        [_event(event, x) for event in events if event.step <= last],
        [_line(series, index, x, y) for index, series in enumerate(curve.series)],
        _links(targets, last, x),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=title,
    )
    items = [
        element("li", _sample(index), f"{series.title} ({_shown(_newest(series))})")
        for index, series in enumerate(curve.series)
    ]
    kinds = dict.fromkeys(event.kind for event in events if event.step <= last)
    items += [element("li", f"{_MARKS.get(kind, '●')} {kind}") for kind in kinds]
    if vertical.log:
        items.append(element("li", "logarithmic scale"))
    return Html(drawing + element("ul", items, class_="legend"))


def _frame(steps: Axis, vertical: Axis, x: Callable[[float], float], y: Callable[[float], float]) -> Html:
    pieces = []
    for tick in vertical.ticks:
        height = y(tick)
        kind = "zero" if tick == 0 else "axis"
        pieces.append(_path(f"M{LEFT} {height:.1f}H{WIDTH - RIGHT}", kind))
        pieces.append(element("text", _shown(tick), x=LEFT - 7, y=f"{height + 4:.1f}", class_="y"))
    for tick in steps.ticks:
        pieces.append(_path(f"M{x(tick):.1f} {HEIGHT - BOTTOM}v4", "here"))
        pieces.append(element("text", f"{tick:,.0f}", x=f"{x(tick):.1f}", y=HEIGHT - 10, class_="x"))
    return Html("".join(pieces))


def _line(series: Series, index: int, x: Callable[[float], float], y: Callable[[float], float]) -> Html:
    """Return a line with gaps where values are not finite; a value alone between gaps is a dot."""
    drawn = thinned(series, MOST_POINTS)
    runs: list[list[str]] = [[]]
    for step, value in zip(drawn.steps, drawn.values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x(step):.1f} {y(value):.1f}")
    look = f"l{index % LINES}"
    paths = "".join(f"M{'L'.join(points)}" for points in runs if len(points) > 1)
    dots = [points[0].split() for points in runs if len(points) == 1]
    pieces = [_path(paths, f"line {look}")] if paths else []
    pieces += [element("circle", cx=cx, cy=cy, r=3, class_=f"dot {look}") for cx, cy in dots]
    return Html("".join(pieces))


def _event(event: Event, x: Callable[[float], float]) -> Html:
    position = f"{x(event.step):.1f}"
    look = {"alarm": " alarm", "not finite": " bad"}.get(event.kind, "")
    return element(
        "g",
        element("title", f"step {event.step:,}, {event.kind}: {event.text}"),
        _path(f"M{position} {TOP}V{HEIGHT - BOTTOM}", f"event{look}"),
        element("text", _MARKS.get(event.kind, "●"), x=position, y=TOP - 5, class_=f"mark{look}"),
    )


def _links(targets: Sequence[Target], last: int, x: Callable[[float], float]) -> list[Html]:
    """Return an invisible area around the step of each checkpoint, up to the middle between it and the next one."""
    shown = [target for target in targets if target.step <= last]
    middles = [0.0, *((a.step + b.step) / 2 for a, b in pairwise(shown)), float(max(1, last))]
    areas = []
    for target, start, end in zip(shown, middles, middles[1:], strict=False):
        area = element(
            "rect",
            x=f"{x(start):.1f}",
            y=TOP,
            width=f"{max(0.5, x(end) - x(start)):.1f}",
            height=HEIGHT - TOP - BOTTOM,
            class_="near",
        )
        tick = _path(f"M{x(target.step):.1f} {HEIGHT - BOTTOM - 5}v5", "here")
        text = element("title", f"nearest checkpoint: {target.title}")
        areas.append(element("a", text, area, tick, href=target.address, tabindex="-1"))
    return areas


def _path(points: str, look: str) -> Html:
    return element("path", d=points, class_=look)


def _sample(index: int) -> Html:
    """Return a piece of a line for the legend."""
    look = f"line l{index % LINES}"
    return element("svg", _path("M1 5H33", look), viewBox="0 0 34 10", aria_hidden="true")


def _summary(curve: Curve) -> str:
    """Return the range and the last value of each line, as text for those who don't see the diagram."""
    pieces = []
    for series in curve.series[:LINES]:
        finite = [value for value in series.values if value is not None]
        pieces.append(
            f"{series.title} from {_shown(min(finite))} to {_shown(max(finite))}, last {_shown(_newest(series))}"
        )
    return "; ".join(pieces)


def _newest(series: Series) -> float | None:
    return next((value for value in reversed(series.values) if value is not None), None)


def _shown(value: float | None) -> str:
    if value is None:
        return "not finite"
    return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e") if value else "0"


def _round(size: float) -> float:
    """Return the nearest of 1, 2, 5 times a power of ten that is at least `size`."""
    power = 10.0 ** math.floor(math.log10(size))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= size * 0.999), 10 * power)
