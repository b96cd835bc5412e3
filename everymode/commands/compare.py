"""`everymode compare`: score cards side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from everymode.commands.ending import Exit, fail, say

if TYPE_CHECKING:
    from everymode.evaluation.comparison import NamedCard


def compare(
    *cards: Annotated[
        Path,
        Parameter(
            name="CARD",
            help="Score card (.json), or a run folder, which stands for the newest of its cards of each protocol.",
        ),
    ],
    ignore: Annotated[
        str | None,
        Parameter(help="Fields of the protocol that may differ, as in truncation,label_prior."),
    ] = None,
    every: Annotated[
        bool, Parameter(name="--all", help="All cards of a run folder, old ones too.", negative="")
    ] = False,
) -> Exit:
    """Lay score cards side by side, with mean and spread over seeds.

    Numbers are ranked only where the protocols are equal; otherwise the fields that differ are named. Ends with code 2
    if no two cards could be ranked in any metric.
    """
    from everymode.evaluation.comparison import NamedCard, compare_cards, comparison_table, short_names

    found_cards: dict[Path, NamedCard] = {}
    for path in cards:
        for file, named in _chosen(path, every=every).items():
            found_cards.setdefault(file.resolve(), named)
    if len(found_cards) < 2:
        count = f"{len(found_cards)} score card{'' if len(found_cards) == 1 else 's'} to compare"
        raise ValueError(f"{count}; name at least two, which `everymode evaluate` writes")
    short = short_names([named.name for named in found_cards.values()])
    named_cards = [NamedCard(short[named.name], named.card) for named in found_cards.values()]
    ignored = [field.strip() for field in ignore.split(",")] if ignore else []
    found = compare_cards(named_cards, ignore=ignored)
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


def _chosen(path: Path, *, every: bool) -> dict[Path, NamedCard]:
    """The cards that a path stands for, by file; says so where older ones are left out."""
    from everymode.evaluation.comparison import NamedCard
    from everymode.evaluation.newest_cards import newest_cards
    from everymode.evaluation.score_card import read_card

    cards = {str(file): NamedCard(str(file), read_card(file)) for file in card_files(path)}
    kept = list(cards.values()) if every or path.is_file() else newest_cards(list(cards.values()))
    if len(kept) < len(cards):
        say(f"{path}: {len(kept)} of {len(cards)} cards, the newest of each protocol (--all takes all)")
    return {Path(named.name): named for named in kept}


def card_files(path: Path) -> list[Path]:
    """The score cards that a path stands for: itself, or those in a folder's `evaluations` (or in the folder).

    Raises FileNotFoundError if there is none.
    """
    if path.is_file():
        return [path]
    if not path.exists():
        raise FileNotFoundError(
            f"there is no file or folder {path}: name score cards (.json), or runs that have some; `everymode evaluate "
            "RUN` writes one"
        )
    folder = path / "evaluations" if (path / "evaluations").is_dir() else path
    found = sorted(file for file in folder.glob("*.json") if not file.name.startswith((".", "truncation-")))
    if not found or ((path / "config.json").is_file() and folder == path):
        raise FileNotFoundError(f"there is no score card in {path}; `everymode evaluate {path}` writes one")
    return found
