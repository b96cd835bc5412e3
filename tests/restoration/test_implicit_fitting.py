"""Fitting of the learned enlargement."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from everymode.restoration import implicit_fitting
from everymode.restoration.implicit import LocalImplicit
from everymode.restoration.implicit_fitting import fit_local_implicit
from everymode.restoration.resampling import downsample


def pictures() -> Tensor:
    """Disks of one color on another: [6, 3, 16, 16]."""
    random = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    colors = torch.rand(6, 2, 3, generator=random) * 2 - 1
    centers = torch.rand(6, 2, generator=random) * 8 + 4
    inside = (y - centers[:, :1, None]) ** 2 + (x - centers[:, 1:, None]) ** 2 < 25
    return torch.where(inside[:, None], colors[:, 0, :, None, None], colors[:, 1, :, None, None])


def test_it_learns_and_depends_on_the_seed_only() -> None:
    images = pictures()
    network = LocalImplicit(blocks=1, width=8, hidden=(16,))
    small = downsample(images, 2, "bicubic")
    before = (network.enlarge(small, (16, 16)) - images).abs().mean()
    options = {"batch": 2, "queries": 32, "scale": (1, 2)}
    assert fit_local_implicit(images, steps=30, rate=1e-2, network=network, **options) is network  # pyright: ignore[reportArgumentType]
    after = (network.enlarge(small, (16, 16)) - images).abs().mean()
    assert after < 0.6 * before and not network.training
    one, two, three = (
        fit_local_implicit(list(images), steps=1, seed=seed, **options).enlarge(small, (9, 9))  # pyright: ignore[reportArgumentType]
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, two) and not torch.equal(one, three)


def test_colors_belong_to_their_points(monkeypatch: pytest.MonkeyPatch) -> None:
    # A ramp whose colors are its coordinates, so that the crop's place can be read from any pixel.
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    ramp = torch.stack((y, x, 0 * x)) / 20

    def check(features: Tensor, layers: object, points: Tensor, sizes: Tensor, *, ensemble: bool) -> Tensor:
        seen.append((points, sizes))
        return torch.zeros(len(points), 3, points.shape[1], requires_grad=True)

    seen: list[tuple[Tensor, Tensor]] = []
    targets: list[Tensor] = []
    monkeypatch.setattr(implicit_fitting, "implicit_colors", check)
    monkeypatch.setattr(
        implicit_fitting.F, "l1_loss", lambda predicted, colors: (targets.append(colors), predicted.sum())[1]
    )
    fit_local_implicit([ramp], steps=2, batch=5, queries=30, scale=(2, 4), seed=3)
    for (points, sizes), colors in zip(seen, targets, strict=True):
        assert (sizes[:, 0] == sizes[:, 1]).all() and sizes.min() >= 10 and sizes.max() <= 20
        pixels = ((points + 1) * sizes[:, None] - 1) / 2
        torch.testing.assert_close(pixels, pixels.round())
        # Along each image axis the color changes by one step per pixel, whether or not the crop is turned.
        steps = (colors[:, :2] * 20).double()
        for row in range(5):
            both = torch.stack((pixels[row, :, 0], pixels[row, :, 1]))
            centered = both - both.mean(1, keepdim=True), steps[row] - steps[row].mean(1, keepdim=True)
            straight = all(
                any(
                    torch.allclose(sign * centered[0][a], centered[1][b], atol=1e-4)
                    for a in (0, 1)
                    for sign in (1, -1)
                )
                for b in (0, 1)
            )
            assert straight


def test_errors() -> None:
    with pytest.raises(ValueError, match="there is no image"):
        fit_local_implicit([], steps=1)
    with pytest.raises(ValueError, match="there is no image, or one of another shape"):
        fit_local_implicit(torch.zeros(2, 1, 16, 16), steps=1)
    for wrong in (pictures() * float("nan"), pictures().byte()):
        with pytest.raises(ValueError, match="not finite floats"):
            fit_local_implicit(wrong, steps=1)
    with pytest.raises(ValueError, match="steps is 0"):
        fit_local_implicit(pictures(), steps=0)
    with pytest.raises(ValueError, match="1 <= scale"):
        fit_local_implicit(pictures(), steps=1, scale=(2, 1))
    with pytest.raises(ValueError, match="leave patches of 2"):
        fit_local_implicit(pictures(), steps=1, scale=(1, 8))
