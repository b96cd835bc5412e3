"""Tables of trials: mean and standard error over seeds, as the papers print them, beside the papers' own cells."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.repeated import Outcome


class Column(NamedTuple):
    """One column of ours: a score, its title, and how it is shown."""

    score: str
    title: str
    share: bool = False
    """Whether it is a share, to be shown in percent."""
    digits: int = 2
    """After the decimal point."""


def mean_and_error(values: Sequence[float], *, share: bool = False, digits: int = 2) -> str:
    """ "24.80 ± 0.20": mean and standard error of the mean; one value alone; a dash for none."""
    if not values:
        return "-"
    factor = 100 if share else 1
    middle = f"{factor * statistics.fmean(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ± {factor * statistics.stdev(values) / math.sqrt(len(values)):.{digits}f}"


def trial_table(
    outcomes: Sequence[Outcome],
    columns: Sequence[Column],
    paper: Mapping[str, Sequence[str]],
    paper_titles: Sequence[str],
    *,
    names: Mapping[str, str] | None = None,
) -> str:
    """Markdown: one row a case, the paper's cells first.

    Args:
        paper: case -> its cells, as many as there are titles.
        names: case -> the name that its row is given.
    """
    titles = ["method", *paper_titles, *[column.title for column in columns], "seeds"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for case in dict.fromkeys(outcome.case for outcome in outcomes):
        mine = [outcome.scores for outcome in outcomes if outcome.case == case]
        ours = [
            mean_and_error(
                [scores[column.score] for scores in mine if column.score in scores],
                share=column.share,
                digits=column.digits,
            )
            for column in columns
        ]
        row = [(names or {}).get(case, case), *paper.get(case, ["-"] * len(paper_titles)), *ours]
        lines.append(f"| {' | '.join([*row, str(len(mine))])} |")
    return "\n".join(lines)
