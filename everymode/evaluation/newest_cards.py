"""Selection of a run's newest score cards: for each protocol, those of the state that was trained longest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from everymode.evaluation.comparison import NamedCard
from everymode.evaluation.score_card import ScoreCard

__all__ = ["newest_cards"]


def newest_cards(cards: Sequence[NamedCard]) -> list[NamedCard]:
    """Return the newest card of each protocol (by training step, then by date) and the others of the same weights.

    The others have the same weights or images and differ in the sampling seed or the metrics. The order stays.
    """
    newest: dict[str, NamedCard] = {}
    for named in cards:
        previous = newest.setdefault(_protocol(named.card), named)
        if _age(named) > _age(previous):
            newest[_protocol(named.card)] = named
    return [named for named in cards if _state(named.card) == _state(newest[_protocol(named.card)].card)]


def _protocol(card: ScoreCard) -> str:
    return json.dumps(card.protocol, sort_keys=True)


def _age(named: NamedCard) -> tuple[int, str, str]:
    return named.card.step or 0, named.card.date, named.name


def _state(card: ScoreCard) -> tuple[str, Any]:
    """Return the evaluated state. A subject's identity excludes the training seed; its weights depend on it."""
    identity = json.dumps(card.subject.get("identity", {}), sort_keys=True)
    return identity, card.subject.get("facts", {}).get("weights")
