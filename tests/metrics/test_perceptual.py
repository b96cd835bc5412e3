"""Perceptual distance: stored values, a loop over positions, identities, gradients and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.metrics import perceptual_distance

VECTORS = {
    name.rpartition(".")[2]: value
    for name, value in np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz").items()
    if ".percep." in name
}
A, B, W = ([VECTORS[f"{name}{layer}"] for layer in (0, 1)] for name in "abw")


def test_stored_values() -> None:
    np.testing.assert_allclose(perceptual_distance(A, B, W), VECTORS["weighted"], rtol=1e-10)
    np.testing.assert_allclose(perceptual_distance(A, B), VECTORS["unweighted"], rtol=1e-10)
    single = perceptual_distance(
        [torch.from_numpy(a).float() for a in A], [torch.from_numpy(b).float() for b in B], W
    )
    assert isinstance(single, torch.Tensor) and single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), VECTORS["weighted"], rtol=1e-5)
    columns = [w[None, :, None, None] for w in W]
    np.testing.assert_allclose(perceptual_distance(A, B, columns), VECTORS["weighted"], rtol=1e-10)


def test_position_by_position() -> None:
    expected = np.zeros(2)
    for a, b, w in zip(A, B, W, strict=True):
        for image in range(2):
            terms = []
            for y, x in np.ndindex(a.shape[2:]):
                p, q = a[image, :, y, x], b[image, :, y, x]
                p, q = p / (np.sqrt(p @ p) + 1e-10), q / (np.sqrt(q @ q) + 1e-10)
                terms.append(w @ (p - q) ** 2)
            expected[image] += np.mean(terms)
    np.testing.assert_allclose(perceptual_distance(A, B, W), expected, rtol=1e-12)


def test_identities() -> None:
    assert (perceptual_distance(A, A) == 0).all()
    np.testing.assert_allclose(perceptual_distance(A, B), perceptual_distance(B, A), rtol=1e-12)
    # One stored vector is so short that the constant in the norm shows.
    np.testing.assert_allclose(
        perceptual_distance([3 * a for a in A], B), perceptual_distance(A, B), rtol=1e-6
    )
    opposite = np.zeros((1, 2, 1, 1))
    opposite[0, 0] = 5
    np.testing.assert_allclose(perceptual_distance([opposite], [-opposite]), [4.0])
    np.testing.assert_allclose(perceptual_distance([opposite], [opposite * 0]), [1.0])


def test_gradients_flow_and_are_finite_at_zero() -> None:
    features = [torch.from_numpy(a[:1, :, :2, :2]).requires_grad_() for a in A]
    others = [torch.from_numpy(b[:1, :, :2, :2]) for b in B]
    assert torch.autograd.gradcheck(lambda *f: perceptual_distance(f, others, W), features)
    zero = torch.zeros(1, 3, 2, 2, requires_grad=True)
    torch.as_tensor(perceptual_distance([zero], [torch.ones(1, 3, 2, 2)])).sum().backward()
    assert zero.grad is not None and zero.grad.isfinite().all()


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="2 and 1 feature maps"):
        perceptual_distance(A, B[:1])
    with pytest.raises(ValueError, match="0 and 0 feature maps"):
        perceptual_distance([], [])
    with pytest.raises(ValueError, match="layer 1 have shapes"):
        perceptual_distance(A, [B[0], B[1][:, :3]])
    with pytest.raises(ValueError, match="one B for all layers"):
        perceptual_distance([A[0], A[1][:1]], [B[0], B[1][:1]])
    with pytest.raises(ValueError, match="weights for 1 layers"):
        perceptual_distance(A, B, W[:1])
    with pytest.raises(ValueError, match="weights of layer 0"):
        perceptual_distance(A, B, W[::-1])
    with pytest.raises(ValueError, match="NaN"):
        perceptual_distance([A[0] * np.nan, A[1]], B)
