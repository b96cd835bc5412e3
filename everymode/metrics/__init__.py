"""Metrics: distances between generated and real samples, mode coverage, and agreement of clusters with classes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everymode import old_names

if TYPE_CHECKING:
    from everymode.metrics.classifier_score import inception_score, inception_score_from_logits
    from everymode.metrics.clustering import adjusted_rand, matched_accuracy, nmi, purity
    from everymode.metrics.fidelity import (
        DensityCoverage,
        PrecisionRecall,
        density_coverage,
        precision_recall,
    )
    from everymode.metrics.frechet import (
        FrechetParts,
        frechet_distance,
        frechet_distance_from_moments,
        frechet_parts,
    )
    from everymode.metrics.frechet_variants import (
        ClassDistances,
        Extrapolation,
        frechet_by_class,
        frechet_distance_extrapolated,
        frechet_distance_per_class,
    )
    from everymode.metrics.image_quality import (
        eight_bit,
        luma,
        psnr,
        ssim,
        super_resolution_view,
        without_border,
    )
    from everymode.metrics.kernel import cmmd, kernel_distance, kernel_distance_subsets
    from everymode.metrics.memorization import memorization_gap, nearest_rows
    from everymode.metrics.modes import (
        ClassCoverage,
        ModeCoverage,
        class_counts,
        class_coverage,
        mode_coverage,
        modes_hit,
        reverse_kl,
    )
    from everymode.metrics.moments import StreamingMoments

# Modules are loaded on first use. None may have the name of a function, because importing it would hide the function.
_HOME = {
    "ClassCoverage": "modes",
    "ClassDistances": "frechet_variants",
    "DensityCoverage": "fidelity",
    "Extrapolation": "frechet_variants",
    "FrechetParts": "frechet",
    "ModeCoverage": "modes",
    "PrecisionRecall": "fidelity",
    "StreamingMoments": "moments",
    "adjusted_rand": "clustering",
    "class_counts": "modes",
    "class_coverage": "modes",
    "cmmd": "kernel",
    "density_coverage": "fidelity",
    "eight_bit": "image_quality",
    "frechet_by_class": "frechet_variants",
    "frechet_distance": "frechet",
    "frechet_distance_extrapolated": "frechet_variants",
    "frechet_distance_from_moments": "frechet",
    "frechet_distance_per_class": "frechet_variants",
    "frechet_parts": "frechet",
    "inception_score": "classifier_score",
    "inception_score_from_logits": "classifier_score",
    "kernel_distance": "kernel",
    "kernel_distance_subsets": "kernel",
    "luma": "image_quality",
    "matched_accuracy": "clustering",
    "memorization_gap": "memorization",
    "mode_coverage": "modes",
    "modes_hit": "modes",
    "nearest_rows": "memorization",
    "nmi": "clustering",
    "precision_recall": "fidelity",
    "psnr": "image_quality",
    "purity": "clustering",
    "reverse_kl": "modes",
    "ssim": "image_quality",
    "super_resolution_view": "image_quality",
    "without_border": "image_quality",
}

__all__ = [
    "ClassCoverage",
    "ClassDistances",
    "DensityCoverage",
    "Extrapolation",
    "FrechetParts",
    "ModeCoverage",
    "PrecisionRecall",
    "StreamingMoments",
    "adjusted_rand",
    "class_counts",
    "class_coverage",
    "cmmd",
    "density_coverage",
    "eight_bit",
    "frechet_by_class",
    "frechet_distance",
    "frechet_distance_extrapolated",
    "frechet_distance_from_moments",
    "frechet_distance_per_class",
    "frechet_parts",
    "inception_score",
    "inception_score_from_logits",
    "kernel_distance",
    "kernel_distance_subsets",
    "luma",
    "matched_accuracy",
    "memorization_gap",
    "mode_coverage",
    "modes_hit",
    "nearest_rows",
    "nmi",
    "precision_recall",
    "psnr",
    "purity",
    "reverse_kl",
    "ssim",
    "super_resolution_view",
    "without_border",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        return old_names.found(__name__, name)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
