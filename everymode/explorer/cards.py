"""Score cards of runs: the newest ones as lists of metrics, and two side by side."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from everymode.evaluation.comparison import NamedCard
from everymode.evaluation.newest_cards import newest_cards
from everymode.evaluation.score_card import ScoreCard, is_curve, read_card
from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.markup import Html, element
from everymode.storage.json_files import finite_number

__all__ = ["card_of", "cards_of", "newest_of", "score_list"]

MOST = 200
"""Most score cards of a run that are read."""
MOST_SHOWN = 6
"""Most metrics in a list."""


def cards_of(run: Run) -> list[NamedCard]:
    """Return the score cards of a run; files that are no score cards are omitted."""
    cards = []
    for path in run.cards[-MOST:]:
        try:
            stat = path.stat()
            card = _read(path, stat.st_mtime_ns, stat.st_size)
        except (ValueError, OSError):
            continue
        if card is not None:
            cards.append(NamedCard(f"{run.name}/{path.name}", card))
    return cards


@lru_cache(maxsize=2048)
def _read(path: Path, changed: int, size: int) -> ScoreCard | None:
    """Return a score card; None if the file is a truncation curve. A file is read again only if it has changed."""
    return None if is_curve(path) else read_card(path)


def newest_of(run: Run) -> ScoreCard | None:
    """Return the newest score card of a run, or None."""
    cards = newest_cards(cards_of(run))
    return max(cards, key=lambda named: named.card.date).card if cards else None


def card_of(run: Run, checkpoint: Checkpoint) -> NamedCard | None:
    """Return the newest score card of a checkpoint, or None if it was not evaluated."""
    cards = [
        named for named in cards_of(run) if checkpoint.step is not None and named.card.step == checkpoint.step
    ]
    return max(cards, key=lambda named: named.card.date) if cards else None


def score_list(card: ScoreCard | None) -> Html:
    """Return the metrics of a score card as a list; words if there is none."""
    if card is None:
        return element("p", "no score card yet", class_="scores none")
    metrics = [(name, each) for name, each in card.metrics.items() if finite_number(each.value) is not None]
    items = [
        element(
            "div",
            element("dt", name),
            element("dd", f"{each.value:.4g}", element("small", f" {each.better} is better")),
        )
        for name, each in metrics[:MOST_SHOWN]
    ]
    caption = "Scores" if card.step is None else f"Scores at step {card.step:,}"
    return element("div", element("h3", caption), element("dl", items, class_="scores"))
