"""Tables of a set: one row a case, mean and spread over seeds, beside the paper's own cells."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from experiments.harness.repeated import Outcome

Spread = Literal["standard deviation", "standard error"]
"""Of single seeds (of a sample), or of their mean."""
SHARES = ("agreement", "last self_accuracy", "last validation_accuracy")
"""Scores that are shown in percent."""


def table(
    outcomes: Sequence[Outcome], columns: Sequence[str], paper: Mapping[str, Sequence[str]], head: str
) -> str:
    """Markdown: one row a case, the paper's cells beside ours, with standard deviations and the watch's alarms.

    Args:
        columns: names of scores.
        paper: case -> its cells, as many as `head` names.
        head: titles of the paper's columns, joined by " | ".

    Raises ValueError where a case has more of the paper's cells, or fewer, than there are titles.
    """
    paper_titles = head.split(" | ") if head else []
    if any(len(cells) != len(paper_titles) for cells in paper.values()):
        raise ValueError(
            f"the paper's columns are {paper_titles}, and some case has another number of cells: {paper}"
        )
    rows = []
    for name, mine in by_case(outcomes).items():
        ours = []
        for column in columns:
            cell = mean_and_spread(scores_of(mine, column), "standard deviation", share=column in SHARES)
            ours.append(f"{cell} %" if column in SHARES and cell != "-" else cell)
        alarms = sum(bool(outcome.alarm) for outcome in mine)
        cells = paper.get(name, ["-"] * len(paper_titles))
        rows.append([name, *cells, *ours, f"{alarms} of {len(mine)}", str(len(mine))])
    return markdown(["case", *paper_titles, *columns, "alarms", "seeds"], rows)


def by_case(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Case -> its outcomes, cases in the order in which they first come."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.case, []).append(outcome)
    return found


def scores_of(outcomes: Iterable[Outcome], name: str) -> list[float]:
    """A score's values, of the outcomes that have it."""
    return [outcome.scores[name] for outcome in outcomes if name in outcome.scores]


def mean_and_spread(
    values: Sequence[float], spread: Spread, *, share: bool = False, digits: int | None = None
) -> str:
    """ "24.80 ± 0.20": mean and spread; one value alone; a dash for none.

    Args:
        share: show a share in percent, without the sign.
        digits: after the decimal point; None = four significant ones of the mean, and two of the spread.
    """
    if not values:
        return "-"
    factor = 100 if share else 1
    of_mean, of_spread = (".4g", ".2g") if digits is None else (f".{digits}f", f".{digits}f")
    middle = f"{factor * statistics.fmean(values):{of_mean}}"
    if len(values) == 1:
        return middle
    width = statistics.stdev(values) / (math.sqrt(len(values)) if spread == "standard error" else 1)
    return f"{middle} ± {factor * width:{of_spread}}"


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells, as many in each row as there are titles."""
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
