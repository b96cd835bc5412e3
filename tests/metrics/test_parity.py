"""Agreement with torch-fidelity, if it is installed (it needs torchvision, which everymode does not)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.metrics import frechet_distance, inception_score, kernel_distance_subsets

metric_fid = pytest.importorskip(
    "torch_fidelity.metric_fid", reason="torch-fidelity is not installed", exc_type=ImportError
)
metric_isc = pytest.importorskip("torch_fidelity.metric_isc", exc_type=ImportError)
metric_kid = pytest.importorskip("torch_fidelity.metric_kid", exc_type=ImportError)


@pytest.fixture(scope="module")
def features() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(1500, 24, generator=generator, dtype=torch.float64)
    return real, real[:1200] * 1.2 + 0.3 * torch.randn(1200, 24, generator=generator, dtype=torch.float64)


def test_frechet_distance(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, fake = features
    statistics = [metric_fid.fid_features_to_statistics(side) for side in (real, fake)]
    theirs = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-8)


def test_kernel_distance(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, fake = features
    theirs = metric_kid.kid_features_to_metric(
        fake, real, kid_subsets=20, kid_subset_size=300, rng_seed=2020, verbose=False
    )
    mean, std = kernel_distance_subsets(real, fake, subsets=20, subset_size=300)
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-8)
    assert std == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-6)


def test_inception_score() -> None:
    logits = 3 * torch.from_numpy(np.random.default_rng(0).standard_normal((900, 12)))
    theirs = metric_isc.isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    mean, std = inception_score(logits.softmax(1))
    assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-8)
    assert std == pytest.approx(theirs["inception_score_std"], rel=1e-6)
