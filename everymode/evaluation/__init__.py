"""Evaluation of generators and image sets: score cards, their comparison, and truncation curves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.evaluation.area_distances import segment_distance
    from everymode.evaluation.attribute_judges import AttributeTally, train_attribute_judges
    from everymode.evaluation.comparison import compare_cards
    from everymode.evaluation.curve import truncation_curve
    from everymode.evaluation.enlargement import EnlargedPicture, bicubic_enlarged, enlargement_scores
    from everymode.evaluation.judging import evaluate, evaluate_generator, prepare_reference
    from everymode.evaluation.labeled_segmenters import labeled_segmenter
    from everymode.evaluation.nearest_images import memorization
    from everymode.evaluation.protocol import Protocol
    from everymode.evaluation.reference import Reference
    from everymode.evaluation.sampling import Sampling
    from everymode.evaluation.score_card import ScoreCard, read_card
    from everymode.evaluation.segmenter_judges import SegmenterJudge, find_segmenter, fitted_segmenter
    from everymode.evaluation.semantic import SegmentationTally

__all__ = [
    "AttributeTally",
    "EnlargedPicture",
    "Protocol",
    "Reference",
    "Sampling",
    "ScoreCard",
    "SegmentationTally",
    "SegmenterJudge",
    "bicubic_enlarged",
    "compare_cards",
    "enlargement_scores",
    "evaluate",
    "evaluate_generator",
    "find_segmenter",
    "fitted_segmenter",
    "labeled_segmenter",
    "memorization",
    "prepare_reference",
    "read_card",
    "segment_distance",
    "train_attribute_judges",
    "truncation_curve",
]

_HOME = {
    "AttributeTally": "attribute_judges",
    "EnlargedPicture": "enlargement",
    "Protocol": "protocol",
    "Reference": "reference",
    "Sampling": "sampling",
    "ScoreCard": "score_card",
    "SegmentationTally": "semantic",
    "SegmenterJudge": "segmenter_judges",
    "bicubic_enlarged": "enlargement",
    "compare_cards": "comparison",
    "enlargement_scores": "enlargement",
    "evaluate": "judging",
    "evaluate_generator": "judging",
    "find_segmenter": "segmenter_judges",
    "fitted_segmenter": "segmenter_judges",
    "labeled_segmenter": "labeled_segmenters",
    "memorization": "nearest_images",
    "prepare_reference": "judging",
    "read_card": "score_card",
    "segment_distance": "area_distances",
    "train_attribute_judges": "attribute_judges",
    "truncation_curve": "curve",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
