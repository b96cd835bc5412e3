"""`everymode compare`: score cards side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from everymode.commands.ending import Exit, fail, say


def compare(
    *cards: Annotated[
        Path,
        Parameter(
            name="CARD", help="Score card (.json), or a run folder, which stands for all of its cards."
        ),
    ],
    ignore: Annotated[
        str | None,
        Parameter(help="Fields of the protocol that may differ, as in truncation,label_prior."),
    ] = None,
) -> Exit:
    """Lay score cards side by side, with mean and spread over seeds.

    Numbers are ranked only where the protocols are equal; otherwise the fields that differ are named. Ends with code 2
    if no two cards could be ranked in any metric.
    """
    from everymode.metrics.comparison import compare_cards, comparison_table
    from everymode.metrics.score_card import read_card

    files = list(dict.fromkeys(file for path in cards for file in card_files(path)))
    if len(files) < 2:
        raise ValueError(
            f"{len(files)} score card{'' if len(files) == 1 else 's'} to compare; name at least two, which "
            "`everymode evaluate` writes"
        )
    from everymode.metrics.comparison import NamedCard

    named = [NamedCard(str(file), read_card(file)) for file in files]
    ignored = [field.strip() for field in ignore.split(",")] if ignore else []
    found = compare_cards(named, ignore=ignored)
    if found:
        say(comparison_table(found))
    if not any(each.ranks for each in found):
        same = all(len(each.rankings) == 1 for each in found) and found
        reason = (
            "all cards are of one subject, so there is nothing to rank"
            if same
            else "no two cards were made in the same way; evaluate them alike, or name fields to --ignore"
        )
        return Exit.DONE if same else fail(f"nothing could be compared: {reason}", Exit.USAGE)
    return Exit.DONE


def card_files(path: Path) -> list[Path]:
    """The score cards that a path stands for: itself, or those in a folder's `evaluations` (or in the folder).

    Raises FileNotFoundError if there is none.
    """
    if path.is_file():
        return [path]
    folder = path / "evaluations" if (path / "evaluations").is_dir() else path
    found = sorted(file for file in folder.glob("*.json") if not file.name.startswith((".", "truncation-")))
    if not found or ((path / "config.json").is_file() and folder == path):
        raise FileNotFoundError(f"there is no score card in {path}; `everymode evaluate {path}` writes one")
    return found
