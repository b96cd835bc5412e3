"""Frechet distances by source and target domain, cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.metrics import frechet_distance, frechet_distance_by_domain

RANDOM = np.random.default_rng(0)
DOMAIN = RANDOM.integers(-1, 3, 90)
SOURCE, TARGET = RANDOM.integers(-1, 2, 120), RANDOM.integers(0, 3, 120)
REAL = RANDOM.standard_normal((90, 4)) + DOMAIN[:, None]
FAKE = RANDOM.standard_normal((120, 4)) * 1.5 + TARGET[:, None] + 0.2 * SOURCE[:, None]


def test_each_cell_compares_with_the_reals_of_its_target() -> None:
    table = frechet_distance_by_domain(REAL, DOMAIN, FAKE, SOURCE, TARGET)
    assert isinstance(table, np.ndarray) and table.shape == (2, 3)
    for s in range(2):
        for t in range(3):
            expected = frechet_distance(REAL[t == DOMAIN], FAKE[(s == SOURCE) & (t == TARGET)])
            assert table[s, t] == pytest.approx(expected, rel=1e-12)
    transposed = frechet_distance_by_domain(REAL, DOMAIN, FAKE, TARGET, np.maximum(SOURCE, 0))
    assert transposed.shape == (3, 3) and np.isnan(np.asarray(transposed)[:, 2]).all()


def test_cells_without_images_are_nan_and_numbers_may_be_given() -> None:
    target = torch.from_numpy(np.where(SOURCE == 1, 0, TARGET))
    table = frechet_distance_by_domain(
        torch.from_numpy(REAL), DOMAIN, torch.from_numpy(FAKE), SOURCE, target, num_sources=3, num_targets=4
    )
    assert isinstance(table, torch.Tensor) and table.dtype == torch.float64
    known = [[True, True, True, False], [True, False, False, False], [False] * 4]
    assert table.isfinite().tolist() == known
    one_real = np.where(np.arange(90) == 0, 2, np.minimum(DOMAIN, 1))
    assert np.isnan(frechet_distance_by_domain(REAL, one_real, FAKE, SOURCE, TARGET)[:, 2]).all()


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match=r"source run from -1 to 1.*the number given is 1"):
        frechet_distance_by_domain(REAL, DOMAIN, FAKE, SOURCE, TARGET, num_sources=1)
    with pytest.raises(ValueError, match="target and real_domain run from -1 to 2"):
        frechet_distance_by_domain(REAL, DOMAIN, FAKE, SOURCE, TARGET, num_targets=2)
    with pytest.raises(ValueError, match="run from -2"):
        frechet_distance_by_domain(REAL, DOMAIN - 1, FAKE, SOURCE, TARGET)
    with pytest.raises(ValueError, match="one for each row"):
        frechet_distance_by_domain(REAL, DOMAIN, FAKE, SOURCE[:5], TARGET)
    with pytest.raises(ValueError, match="one integer per row"):
        frechet_distance_by_domain(REAL, DOMAIN, FAKE, SOURCE, TARGET / 2)
    with pytest.raises(ValueError, match="NaN"):
        frechet_distance_by_domain(REAL * np.nan, DOMAIN, FAKE, SOURCE, TARGET)
