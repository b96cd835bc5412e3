"""The distance in features, against reference vectors."""

from __future__ import annotations

import pytest
import torch
from tiny_prior import vectors

from everymode.restoration.distance import feature_distance, feature_distances


def test_reference_vectors() -> None:
    known = vectors()
    real = [known[f"ftr.target{i}"] for i in range(4)]
    fake = [known[f"ftr.fake{i}"] for i in range(4)]
    for last in (1, 2, 3, 4):
        assert float(feature_distance(real, fake, last)) == pytest.approx(
            float(known[f"ftr.loss_last{last}"]), abs=1e-12
        )
    assert torch.equal(feature_distance(real, fake), feature_distance(real, fake, 4))
    each = feature_distances(real, fake, 3)
    assert each.shape == (2,) and float(each.mean()) == pytest.approx(float(known["ftr.loss_last3"]))
    fake = [each.clone().requires_grad_(True) for each in fake]
    feature_distance(real, fake, 3).backward()
    assert fake[0].grad is None
    for i in (1, 2, 3):
        torch.testing.assert_close(fake[i].grad, known[f"ftr.grad_last3_fake{i}"])


def test_errors() -> None:
    one, two = [torch.zeros(1, 2)], [torch.zeros(1, 2), torch.zeros(1, 3)]
    with pytest.raises(ValueError, match="1 features of the one batch and 2"):
        feature_distance(one, two)
    with pytest.raises(ValueError, match="pass 1 to 2"):
        feature_distance(two, two, 3)
    with pytest.raises(ValueError, match="pass 1 to 2"):
        feature_distance(two, two, 0)
    with pytest.raises(ValueError, match="features of images of one size"):
        feature_distance(one, [torch.zeros(1, 3)])
    with pytest.raises(ValueError, match="0 features"):
        feature_distance([], [])
