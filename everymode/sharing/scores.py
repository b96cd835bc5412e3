"""Scores in a model card: each metric with the protocol under which it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everymode.sharing.text import markdown

__all__ = ["score_section"]


def score_section(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the scores of shared cards as Markdown, or a sentence if there are none.

    Args:
        cards: results of `shared_card`.
    """
    if not cards:
        return "None were recorded with these weights."
    note = "Values that were measured under different protocols can't be compared."
    return "\n\n".join([*(_table(card) for card in cards), note])


def _table(card: Mapping[str, Any]) -> str:
    rows = ["| metric | value | better | real | generated |", "|---|---|---|---|---|"]
    for name, measured in _mapping(card.get("metrics")).items():
        each = _mapping(measured)
        value, counts = each.get("value"), [each.get("real"), each.get("fake")]
        cells = [
            markdown(str(name)),
            f"{value:.6g}" if isinstance(value, int | float) else "-",
            markdown(str(each.get("better", ""))),
            *(f"{count:,}" if isinstance(count, int) else "-" for count in counts),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    warnings = card.get("warnings")
    notes = [f"- {markdown(str(text), 400)}" for text in warnings] if isinstance(warnings, list) else []
    return "\n".join(rows) + f"\n\nProtocol: {_protocol(card)}." + "".join(f"\n{note}" for note in notes)


def _protocol(card: Mapping[str, Any]) -> str:
    protocol, seeds = _mapping(card.get("protocol")), _mapping(card.get("seeds"))
    extractor, sampling = _mapping(protocol.get("extractor")), _mapping(protocol.get("sampling"))
    facts = {
        "extractor": extractor.get("name"),
        "its weights": str(extractor.get("weights_hash") or "")[:12] or None,
        "layer": extractor.get("layer"),
        "input size": extractor.get("input_size"),
        "resize": extractor.get("resize"),
        "real split": card.get("real_split"),
        "label prior": sampling.get("label_prior"),
        "truncation": sampling.get("truncation"),
        "averaged weights": sampling.get("ema"),
        "sampling seed": seeds.get("sampling"),
        "step": _mapping(card.get("facts")).get("step"),
        "date": str(card.get("date") or "")[:10] or None,
    }
    return "; ".join(f"{title} {_shown(fact)}" for title, fact in facts.items() if fact is not None)


def _shown(fact: object) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, list):
        return markdown("x".join(map(str, fact)))
    return markdown(str(fact))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
