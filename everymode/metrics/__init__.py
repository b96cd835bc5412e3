"""Metrics: distances between generated and real samples, mode coverage, agreement of labels, quality of images."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everymode import old_names

if TYPE_CHECKING:
    from everymode.metrics.areas import relative_area_change, segment_areas, segmentation_distance
    from everymode.metrics.classifier_score import inception_score, inception_score_from_logits
    from everymode.metrics.clustering import adjusted_rand, matched_accuracy, nmi, purity
    from everymode.metrics.color import lab_to_rgb, rgb_to_lab
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
    from everymode.metrics.frechet_domains import frechet_distance_by_domain
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
    from everymode.metrics.niqe_scoring import (
        NiqeModel,
        NiqeScore,
        fit_niqe,
        niqe,
        niqe_score,
        official_niqe_model,
    )
    from everymode.metrics.niqe_statistics import niqe_features
    from everymode.metrics.perceptual import perceptual_distance
    from everymode.metrics.segmentation import (
        confusion_matrix,
        frequency_weighted_iou,
        iou_per_class,
        mean_class_accuracy,
        mean_iou,
        pixel_accuracy,
    )
    from everymode.metrics.super_resolution import psnr_y, ssim_y

# Modules are loaded on first use. None may have the name of a function, because importing it would hide the function.
_HOME = {
    "ClassCoverage": "modes",
    "ClassDistances": "frechet_variants",
    "DensityCoverage": "fidelity",
    "Extrapolation": "frechet_variants",
    "FrechetParts": "frechet",
    "ModeCoverage": "modes",
    "NiqeModel": "niqe_scoring",
    "NiqeScore": "niqe_scoring",
    "PrecisionRecall": "fidelity",
    "StreamingMoments": "moments",
    "adjusted_rand": "clustering",
    "class_counts": "modes",
    "class_coverage": "modes",
    "cmmd": "kernel",
    "confusion_matrix": "segmentation",
    "density_coverage": "fidelity",
    "eight_bit": "image_quality",
    "fit_niqe": "niqe_scoring",
    "frechet_by_class": "frechet_variants",
    "frechet_distance": "frechet",
    "frechet_distance_by_domain": "frechet_domains",
    "frechet_distance_extrapolated": "frechet_variants",
    "frechet_distance_from_moments": "frechet",
    "frechet_distance_per_class": "frechet_variants",
    "frechet_parts": "frechet",
    "frequency_weighted_iou": "segmentation",
    "inception_score": "classifier_score",
    "inception_score_from_logits": "classifier_score",
    "iou_per_class": "segmentation",
    "kernel_distance": "kernel",
    "kernel_distance_subsets": "kernel",
    "lab_to_rgb": "color",
    "luma": "image_quality",
    "matched_accuracy": "clustering",
    "mean_class_accuracy": "segmentation",
    "mean_iou": "segmentation",
    "memorization_gap": "memorization",
    "mode_coverage": "modes",
    "modes_hit": "modes",
    "nearest_rows": "memorization",
    "niqe": "niqe_scoring",
    "niqe_features": "niqe_statistics",
    "niqe_score": "niqe_scoring",
    "nmi": "clustering",
    "official_niqe_model": "niqe_scoring",
    "perceptual_distance": "perceptual",
    "pixel_accuracy": "segmentation",
    "precision_recall": "fidelity",
    "psnr": "image_quality",
    "psnr_y": "super_resolution",
    "purity": "clustering",
    "relative_area_change": "areas",
    "reverse_kl": "modes",
    "rgb_to_lab": "color",
    "segment_areas": "areas",
    "segmentation_distance": "areas",
    "ssim": "image_quality",
    "ssim_y": "super_resolution",
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
    "NiqeModel",
    "NiqeScore",
    "PrecisionRecall",
    "StreamingMoments",
    "adjusted_rand",
    "class_counts",
    "class_coverage",
    "cmmd",
    "confusion_matrix",
    "density_coverage",
    "eight_bit",
    "fit_niqe",
    "frechet_by_class",
    "frechet_distance",
    "frechet_distance_by_domain",
    "frechet_distance_extrapolated",
    "frechet_distance_from_moments",
    "frechet_distance_per_class",
    "frechet_parts",
    "frequency_weighted_iou",
    "inception_score",
    "inception_score_from_logits",
    "iou_per_class",
    "kernel_distance",
    "kernel_distance_subsets",
    "lab_to_rgb",
    "luma",
    "matched_accuracy",
    "mean_class_accuracy",
    "mean_iou",
    "memorization_gap",
    "mode_coverage",
    "modes_hit",
    "nearest_rows",
    "niqe",
    "niqe_features",
    "niqe_score",
    "nmi",
    "official_niqe_model",
    "perceptual_distance",
    "pixel_accuracy",
    "precision_recall",
    "psnr",
    "psnr_y",
    "purity",
    "relative_area_change",
    "reverse_kl",
    "rgb_to_lab",
    "segment_areas",
    "segmentation_distance",
    "ssim",
    "ssim_y",
    "super_resolution_view",
    "without_border",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        return old_names.found(__name__, name)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
