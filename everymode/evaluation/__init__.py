"""Evaluation of generators and image sets: score cards, their comparison, and truncation curves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.evaluation.comparison import compare_cards
    from everymode.evaluation.curve import truncation_curve
    from everymode.evaluation.judging import evaluate, evaluate_generator, prepare_reference
    from everymode.evaluation.nearest_images import memorization
    from everymode.evaluation.protocol import Protocol
    from everymode.evaluation.reference import Reference
    from everymode.evaluation.sampling import Sampling
    from everymode.evaluation.score_card import ScoreCard, read_card

__all__ = [
    "Protocol",
    "Reference",
    "Sampling",
    "ScoreCard",
    "compare_cards",
    "evaluate",
    "evaluate_generator",
    "memorization",
    "prepare_reference",
    "read_card",
    "truncation_curve",
]

_HOME = {
    "Protocol": "protocol",
    "Reference": "reference",
    "Sampling": "sampling",
    "ScoreCard": "score_card",
    "compare_cards": "comparison",
    "evaluate": "judging",
    "evaluate_generator": "judging",
    "memorization": "nearest_images",
    "prepare_reference": "judging",
    "read_card": "score_card",
    "truncation_curve": "curve",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
