"""Evaluation: joins data, generators and metrics into score cards."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.evaluation.curve import truncation_curve
    from everymode.evaluation.judging import evaluate, evaluate_generator, prepare_reference
    from everymode.evaluation.nearest import memorization
    from everymode.evaluation.sampling import Sampling

__all__ = [
    "Sampling",
    "evaluate",
    "evaluate_generator",
    "memorization",
    "prepare_reference",
    "truncation_curve",
]

_HOME = {
    "Sampling": "sampling",
    "evaluate": "judging",
    "evaluate_generator": "judging",
    "memorization": "nearest",
    "prepare_reference": "judging",
    "truncation_curve": "curve",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
