"""`everymode compare`: comparison of score cards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter

from everymode.commands.ending import Exit, fail, say
from everymode.commands.own_recipes import quoted

if TYPE_CHECKING:
    from everymode.evaluation.comparison import NamedCard


def compare(
    *cards: Annotated[
        Path,
        Parameter(
            name="CARD",
            help="Score card (.json), or a run folder: the newest of its cards for each protocol.",
        ),
    ],
    ignore: Annotated[
        str | None,
        Parameter(help="Fields of the protocol that may differ, such as truncation,label_prior."),
    ] = None,
    every: Annotated[
        bool,
        Parameter(
            name="--all",
            help="Compare all cards of a run folder, not only the newest for each protocol.",
            negative="",
            show_default=False,
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        Parameter(
            help="PNG file: plot mean and deviation over seeds of every score, in one panel per metric."
        ),
    ] = None,
) -> Exit:
    """Compare score cards in a table, with mean and spread over seeds.

    Scores are ranked only among cards of the same protocol; otherwise the fields that differ are printed. Files with
    truncation curves are ignored. The exit code is 2 if cards of several subjects are named and none can be ranked in
    any metric. The states of one run are one subject.
    """
    if plot is not None and plot.suffix.lower() != ".png":
        raise ValueError(f"--plot names a .png file, such as scores.png, not {plot}")
    from everymode.evaluation.comparison import compare_cards, comparison_table

    named_cards = _named_cards(cards, every=every)
    ignored = [field.strip() for field in ignore.split(",")] if ignore else []
    comparisons = compare_cards(named_cards, ignore=ignored)
    if comparisons:
        say(comparison_table(comparisons))
        if plot is not None:
            from everymode.evaluation.comparison_plot import plot_comparison

            say(f"plot: {plot_comparison(comparisons, plot)}")
    if any(each.ranks for each in comparisons):
        return Exit.DONE
    if comparisons and (
        len(_subjects(named_cards)) == 1 or all(len(each.rankings) == 1 for each in comparisons)
    ):
        return Exit.DONE  # there is nothing to rank
    return fail(
        "nothing could be compared: no two cards have the same protocol; evaluate them in the same way, or name the "
        "fields that may differ with --ignore",
        Exit.USAGE,
    )


def _subjects(cards: Sequence[NamedCard]) -> set[str]:
    """Return the identities of what the cards are of, without the step: a run is one subject at every step."""
    identities = [named.card.subject.get("identity", {}) for named in cards]
    plain = [{name: value for name, value in each.items() if name != "step"} for each in identities]
    return {json.dumps(each, sort_keys=True) for each in plain}


def _named_cards(paths: Sequence[Path], *, every: bool) -> list[NamedCard]:
    """Return the cards of all paths under short names, and print the files that are ignored.

    Raises:
        ValueError: if there are fewer than two.
    """
    from everymode.evaluation.comparison import NamedCard, short_names

    cards: dict[Path, NamedCard] = {}
    curves: dict[Path, None] = {}
    for path in paths:
        files = card_files(path)
        curves |= dict.fromkeys(files.curves)
        for file, named in _selected(path, files.cards, every=every).items():
            cards.setdefault(file.resolve(), named)
    if curves:
        title = "1 truncation curve" if len(curves) == 1 else f"{len(curves)} truncation curves"
        say(f"ignored {title}: {', '.join(map(str, curves))}")
    if len(cards) < 2:
        count = f"{len(cards)} score card{'' if len(cards) == 1 else 's'} to compare"
        raise ValueError(f"{count}: name at least two; `everymode evaluate` writes them")
    short = short_names([named.name for named in cards.values()])
    return [NamedCard(short[named.name], named.card) for named in cards.values()]


class CardFiles(NamedTuple):
    """Score cards and truncation curves of a path."""

    cards: list[Path]
    curves: list[Path]


def card_files(path: Path) -> CardFiles:
    """Return the score cards of a path: the file itself, or those in the folder's `evaluations` (else in the folder).

    Raises:
        FileNotFoundError: if the path does not exist, or is a folder without score cards.
    """
    from everymode.evaluation.score_card import is_curve
    from everymode.storage.run_folder import nearest_run

    if not path.exists():
        nearest = None if path.suffix == ".json" else nearest_run(path)
        raise FileNotFoundError(
            f"there is no file or folder {path}: name score cards (.json), or runs that have some; `everymode evaluate "
            "RUN` writes one" + (f". Did you mean {nearest}?" if nearest else "")
        )
    folder = path / "evaluations" if (path / "evaluations").is_dir() else path
    files = [path] if path.is_file() else sorted(folder.glob("*.json"))
    files = [file for file in files if file == path or not file.name.startswith(".")]
    curves = [file for file in files if is_curve(file)]
    cards = [file for file in files if file not in curves]
    if path.is_dir() and (not cards or ((path / "config.json").is_file() and folder == path)):
        raise FileNotFoundError(
            f"there is no score card in {path}; `everymode evaluate {quoted(path)}` writes one"
        )
    return CardFiles(cards, curves)


def _selected(path: Path, files: Sequence[Path], *, every: bool) -> dict[Path, NamedCard]:
    """Return the cards of a path by file: all, or the newest for each protocol, with a message if any are skipped."""
    from everymode.evaluation.comparison import NamedCard
    from everymode.evaluation.newest_cards import newest_cards
    from everymode.evaluation.score_card import read_card

    cards = {str(file): NamedCard(str(file), read_card(file)) for file in files}
    selected = list(cards.values()) if every or path.is_file() else newest_cards(list(cards.values()))
    if len(selected) < len(cards):
        say(
            f"{path}: {len(selected)} of {len(cards)} cards, the newest for each protocol (--all compares all)"
        )
    return {Path(named.name): named for named in selected}
