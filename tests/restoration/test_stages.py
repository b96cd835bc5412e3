"""Schedules against the rates of the released code."""

from __future__ import annotations

import pytest
import torch
from tiny_prior import vectors

from everymode.restoration.stages import (
    COLORIZATION,
    INPAINTING,
    RECONSTRUCTION,
    SMALL,
    SUPER_RESOLUTION,
    SUPER_RESOLUTION_MSE,
    Stage,
)

RELEASED = {
    "colorization": COLORIZATION,
    "sr_mse_biased": SUPER_RESOLUTION_MSE,
    "inpainting": INPAINTING,
}


@pytest.mark.parametrize("name", RELEASED)
def test_rates_of_the_released_schedules(name: str) -> None:
    known, schedule = vectors(), RELEASED[name]
    rates = torch.tensor([stage.group_rates(7) for stage in schedule], dtype=torch.float64)
    torch.testing.assert_close(rates, known[f"lr.{name}.groups"], atol=1e-12, rtol=1e-9)
    assert [stage.latent_rate for stage in schedule] == pytest.approx(known[f"lr.{name}.z"].tolist())
    assert [stage.steps for stage in schedule] == known[f"lr.{name}.iterations"].tolist()


def test_weights_and_features_of_the_published_schedules() -> None:
    weights = [(stage.feature_weight, stage.mse_weight) for stage in SUPER_RESOLUTION_MSE]
    assert weights == [(1, 10), (1, 10), (1, 10), (0.5, 50), (0.1, 100)]
    weights = [(stage.feature_weight, stage.mse_weight) for stage in INPAINTING]
    assert weights == [(1, 10), (1, 10), (1, 10), (0.1, 100), (0.1, 100)]
    assert all((stage.feature_weight, stage.mse_weight) == (1, 0) for stage in COLORIZATION)
    assert all((stage.feature_weight, stage.mse_weight) == (1, 1) for stage in SUPER_RESOLUTION)
    assert {stage.features for stage in COLORIZATION} == {7}
    assert {stage.features for stage in (*SUPER_RESOLUTION, *SUPER_RESOLUTION_MSE, *INPAINTING)} == {8}
    assert [stage.groups for stage in SUPER_RESOLUTION] == [2, 3, 4, 5, 6]
    assert [stage.generator_rate for stage in SUPER_RESOLUTION] == [5e-5, 5e-5, 2e-5, 1e-5, 1e-5]
    assert [stage.latent_rate for stage in SUPER_RESOLUTION] == [2e-3, 1e-3, 2e-5, 1e-5, 1e-5]
    assert RECONSTRUCTION == COLORIZATION


def test_the_small_schedule() -> None:
    assert sum(stage.steps for stage in SMALL) == 200 and len(SMALL) == 3
    assert [stage.groups for stage in SMALL] == [2, 3, None]
    assert {stage.generator_rate for stage in SMALL} == {1e-4}


def test_rates_of_a_stage() -> None:
    stage = Stage(1, None, 2, 0.5, 0.1, 0.0)
    assert stage.group_rates(4) == (0.1, 0.05, 0, 0)
    assert stage.group_rates(4, 0.5) == (0.05, 0.025, 0, 0)
    assert Stage(1, None, None, 1.0, 0.1, 0.0).group_rates(3) == (0.1, 0.1, 0.1)
    assert Stage(1, None, 0, 1.0, 0.1, 0.0).group_rates(2) == (0, 0)


def test_errors() -> None:
    with pytest.raises(ValueError, match="steps is 0"):
        Stage(0, 1, 1, 1.0, 1e-4, 1e-4)
    with pytest.raises(ValueError, match=r"steps is 1\.5; a stage needs a whole number"):
        Stage(1.5, None, None, 1.0, 1e-4, 1e-4)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="features is 0"):
        Stage(1, 0, 1, 1.0, 1e-4, 1e-4)
    with pytest.raises(ValueError, match="groups is -1"):
        Stage(1, 1, -1, 1.0, 1e-4, 1e-4)
    with pytest.raises(ValueError, match="latent_rate is nan"):
        Stage(1, 1, 1, 1.0, 1e-4, float("nan"))
    with pytest.raises(ValueError, match="both weights are 0"):
        Stage(1, 1, 1, 1.0, 1e-4, 1e-4, 0.0, 0.0)
