"""Tables of trials: mean and standard error over seeds, as the papers print them, beside the papers' own cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.harness.repeated import Outcome
from experiments.harness.tables import by_case, markdown, mean_and_spread, scores_of


class Column(NamedTuple):
    """One column of ours: a score, its title, and how it is shown."""

    score: str
    title: str
    share: bool = False
    """Whether it is a share, to be shown in percent."""
    digits: int = 2
    """After the decimal point."""


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
    rows = []
    for case, mine in by_case(outcomes).items():
        ours = [
            mean_and_spread(
                scores_of(mine, column.score), "standard error", share=column.share, digits=column.digits
            )
            for column in columns
        ]
        cells = paper.get(case, ["-"] * len(paper_titles))
        rows.append([(names or {}).get(case, case), *cells, *ours, str(len(mine))])
    return markdown(["method", *paper_titles, *[column.title for column in columns], "seeds"], rows)
