"""The functions that users rely on by name are where the documents say they are, and take what callers have at hand."""

from __future__ import annotations

import importlib
import inspect
import math
import rlcompleter
from pathlib import Path

import numpy as np
import pytest
import torch

import everymode
from everymode.old_names import MODULES
from everymode.old_names import NAMES as NAMES_BEFORE

NAMES = {
    "everymode": "train load open_images",
    "everymode.losses": "omni_loss omni_signs multi_hinge_loss hinge logistic wasserstein least_squares relativistic "
    "omni multi_hinge auxiliary improved_auxiliary gradient_norm_squared feature_matching_paired "
    "attribute_classification relativistic_average cycle perceptual pixel encoder_divergence",
    "everymode.labels": "induced_means match_clusters guide_distance random_parts PartitionLabels FixedParts",
    "everymode.exchange": "load_released save_released export_onnx export_program",
    "everymode.networks": "SpadeGenerator PatchDiscriminator StarGenerator StarDiscriminator SRGenerator "
    "SRDiscriminator RRDBGenerator",
    "everymode.partitioner": "nt_xent partition_loss",
    "everymode.norms": "sparsity_aware_sigma compensation operator_norm normalize_weights",
    "everymode.metrics": "frechet_distance kernel_distance inception_score precision_recall density_coverage "
    "frechet_distance_per_class mode_coverage reverse_kl nmi purity psnr ssim confusion_matrix iou_per_class mean_iou "
    "pixel_accuracy psnr_y ssim_y niqe niqe_features fit_niqe frechet_distance_by_domain segment_areas "
    "segmentation_distance perceptual_distance rgb_to_lab lab_to_rgb",
    "everymode.pixels": "bicubic_resize",
}


@pytest.mark.parametrize("place", NAMES)
def test_public_functions_are_where_they_are_said_to_be(place: str) -> None:
    module = importlib.import_module(place)
    for name in NAMES[place].split():
        assert callable(getattr(module, name)), name
        if hasattr(module, "__all__"):
            assert name in module.__all__, name


LAZY = sorted(
    f"everymode.{path.parent.name}" if path.parent.name != "everymode" else "everymode"
    for path in [*Path(everymode.__file__).parent.glob("*/__init__.py"), Path(everymode.__file__)]
    if "def __getattr__" in path.read_text()
)


@pytest.mark.parametrize("package", LAZY)
def test_names_that_are_imported_when_used_are_completed_and_old_ones_are_not(package: str) -> None:
    module = importlib.import_module(package)
    names = dir(module)
    assert set(module.__all__) <= set(names) and names == sorted(set(names))
    assert rlcompleter.Completer({"m": module}).attr_matches(f"m.{module.__all__[0]}")
    old = {
        name.rpartition(".")[2] for name in (*MODULES, *NAMES_BEFORE) if name.rpartition(".")[0] == package
    }
    assert not old & set(names)


def test_adversarial_losses_share_their_arguments() -> None:
    from everymode import losses

    several = (losses.omni(3), losses.multi_hinge(3), losses.auxiliary(3), losses.improved_auxiliary(3))
    plain = (
        losses.hinge(),
        losses.logistic(),
        losses.wasserstein(),
        losses.least_squares(),
        losses.relativistic(),
        losses.relativistic_average(),
    )
    for loss in (*several, *plain):
        names = list(inspect.signature(loss.discriminator).parameters)
        assert names == ["real", "fake", "real_condition", "fake_condition"]
        assert list(inspect.signature(loss.generator).parameters) == ["fake", "fake_condition"]
    assert next(iter(inspect.signature(everymode.open_images).parameters)) == "path"


def test_a_grid_is_any_two_whole_numbers() -> None:
    from everymode.norms import operator_norm, sparsity_aware_sigma

    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for measure in (sparsity_aware_sigma, operator_norm):
        expected = measure(weight, (5, 4))
        for grid in ([5, 4], np.array([5, 4]), torch.tensor([5, 4]), torch.Size([5, 4])):
            assert measure(weight, grid) == expected
        for wrong in (8, (5,), (4.5, 4), (0, 4), (math.nan, 4), (math.inf, 4)):
            with pytest.raises(ValueError, match=r"the grid is .* it must be the"):
                measure(weight, wrong)


def test_pairs_are_numbers_of_kernels_in_any_whole_type() -> None:
    from everymode.norms import sparsity_aware_sigma

    weight = torch.arange(1, 10.0).view(3, 3, 1, 1)
    for kind in (torch.uint8, torch.int16, torch.int32, torch.int64):
        pairs = torch.tensor([[2, 2], [0, 0], [0, 0]], dtype=kind)
        assert sparsity_aware_sigma(weight, (2, 2), pairs=pairs) == 9
    for wrong in ([[3, 0]], [[0, -1]]):
        with pytest.raises(ValueError, match=r"pairs must be below \(3, 3\)"):
            sparsity_aware_sigma(weight, (2, 2), pairs=torch.tensor(wrong))


def test_whole_weights_are_not_cut_to_whole_norms() -> None:
    from everymode.norms import operator_norm

    weight = torch.tensor([[1, 1], [0, 1]])
    assert float(operator_norm(weight, (1, 1))) == pytest.approx((1 + 5**0.5) / 2)
    kernel = torch.tensor([1, 2, 0, 1, 0, 3, 0, 0, 1]).view(1, 1, 3, 3)
    assert operator_norm(kernel, (4, 4)) == operator_norm(kernel.float(), (4, 4))


@pytest.mark.parametrize("count", [12.0, np.float64(12), np.int64(12), np.array(12), torch.tensor(12)])
def test_the_compensation_takes_numbers_of_any_type(count: object) -> None:
    from everymode.norms import compensation

    harmonic = [sum(1 / i for i in range(1, n + 1)) for n in (12, 6)]
    assert compensation(count, np.float32(0.5)) == pytest.approx(harmonic[0] / harmonic[1])  # type: ignore[arg-type]
    for wrong in (12.5, math.inf, math.nan):
        with pytest.raises(ValueError, match="at least 1 filter"):
            compensation(wrong, 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int32])
def test_the_guide_takes_labels_of_any_whole_type_and_no_other(kind: torch.dtype) -> None:
    from everymode.labels import guide_distance

    logits = torch.tensor([[3.0, 1, 2], [0, 0, 5]])
    assert guide_distance(logits, torch.tensor([1, 2], dtype=kind)).tolist() == [3, 0]
    with pytest.raises(ValueError, match=r"labels must be 0..2, .* span 1..3"):
        guide_distance(logits, torch.tensor([1, 3], dtype=kind))
    with pytest.raises(ValueError, match="labels must be integers"):
        guide_distance(logits, torch.tensor([1.0, 2.0]))


def test_fractions_are_no_labels() -> None:
    from everymode.labels import match_clusters
    from everymode.losses import class_cross_entropy, multi_hinge_loss

    scores, halves = torch.randn(2, 3), torch.tensor([0.7, 1.2])
    for loss in (multi_hinge_loss, class_cross_entropy):
        with pytest.raises(ValueError, match="labels must be integers"):
            loss(scores, halves)
        with pytest.raises(ValueError, match="labels must be integers"):
            loss(scores, torch.tensor([True, False]))
    with pytest.raises(ValueError, match="clusters must be integers"):
        match_clusters(halves, torch.tensor([0, 1]), 2)
