"""Tables of a set: one row per case, mean and spread over seeds, beside the paper's own cells."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from experiments.harness.results import Outcome

Spread = Literal["standard deviation", "standard error"]
"""Standard deviation of single seeds (of a sample), or standard error of their mean."""
SHARES = ("agreement", "last self_accuracy", "last validation_accuracy")
"""Scores that are shown in percent."""


class Column(NamedTuple):
    """One of our columns: a score, its title, and its format."""

    score: str
    title: str
    share: bool = False
    """Whether it is a share, shown in percent."""
    digits: int | None = 2
    """Number of decimals; None = four significant digits of the mean, and two of the spread."""
    sign: bool = False
    """Whether each cell has a percent sign; otherwise the title has it."""


def table(
    outcomes: Sequence[Outcome], columns: Sequence[str], paper: Mapping[str, Sequence[str]], head: str
) -> str:
    """Return a Markdown table: one row per case, the paper's cells beside ours, with standard deviations and alarms.

    Args:
        columns: names of scores.
        paper: case -> its cells, as many as `head` names.
        head: titles of the paper's columns, joined by " | ".

    Raises:
        ValueError: if a case has more or fewer of the paper's cells than there are titles.
    """
    shown = [Column(name, name, share=name in SHARES, digits=None, sign=name in SHARES) for name in columns]
    titles = head.split(" | ") if head else []
    return _built(outcomes, shown, paper, titles, "case", "standard deviation", {}, alarms=True)


def trial_table(
    outcomes: Sequence[Outcome],
    columns: Sequence[Column],
    paper: Mapping[str, Sequence[str]],
    paper_titles: Sequence[str],
    *,
    names: Mapping[str, str] | None = None,
) -> str:
    """Return a Markdown table: one row per case, the paper's cells first, with standard errors, as papers print them.

    Args:
        paper: case -> its cells, as many as there are titles.
        names: case -> the name of its row.

    Raises:
        ValueError: as `table`.
    """
    return _built(
        outcomes, columns, paper, paper_titles, "method", "standard error", names or {}, alarms=False
    )


def _built(
    outcomes: Sequence[Outcome],
    columns: Sequence[Column],
    paper: Mapping[str, Sequence[str]],
    paper_titles: Sequence[str],
    rows_are: str,
    spread: Spread,
    names: Mapping[str, str],
    *,
    alarms: bool,
) -> str:
    """Return one row per case: its name, the paper's cells, ours, the number of alarms if requested, the seeds."""
    if any(len(cells) != len(paper_titles) for cells in paper.values()):
        raise ValueError(
            f"the paper's columns are {list(paper_titles)}, and some case has another number of cells: {paper}"
        )
    rows = []
    for case, mine in by_case(outcomes).items():
        cells = paper.get(case, ["-"] * len(paper_titles))
        ours = [_cell(scores_of(mine, column.score), column, spread) for column in columns]
        alarmed = [f"{sum(bool(outcome.alarm) for outcome in mine)} of {len(mine)}"] if alarms else []
        rows.append([names.get(case, case), *cells, *ours, *alarmed, str(len(mine))])
    titles = [rows_are, *paper_titles, *(column.title for column in columns)]
    return markdown([*titles, *(["alarms"] if alarms else []), "seeds"], rows)


def _cell(values: Sequence[float], column: Column, spread: Spread) -> str:
    cell = mean_and_spread(values, spread, share=column.share, digits=column.digits)
    return f"{cell} %" if column.sign and values else cell


def by_case(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Return case -> its outcomes, cases in the order of their first outcome."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.case, []).append(outcome)
    return found


def scores_of(outcomes: Iterable[Outcome], name: str) -> list[float]:
    """Return a score's values, from the outcomes that have it."""
    return [outcome.scores[name] for outcome in outcomes if name in outcome.scores]


def mean_and_spread(
    values: Sequence[float], spread: Spread, *, share: bool = False, digits: int | None = None
) -> str:
    """Return "24.80 ± 0.20": mean and spread; a single value alone; a dash for none.

    Args:
        share: show a share in percent, without the sign.
        digits: number of decimals; None = four significant digits of the mean, and two of the spread.
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
    """Return a table of cells, as many in each row as there are titles."""
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
