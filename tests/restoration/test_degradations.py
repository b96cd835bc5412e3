"""Gray images and holes, against reference vectors and by hand."""

from __future__ import annotations

import pytest
import torch
from tiny_prior import vectors

from everymode.restoration.degradations import central_hole, grayscale, mask


def test_gray_values() -> None:
    known = vectors()
    for name in ("", "_tall"):
        gray = grayscale(known[f"degrade.img{name}"])
        torch.testing.assert_close(gray, known[f"degrade.gray{name}"], atol=1e-12, rtol=0)
    white = grayscale(torch.ones(1, 3, 1, 1, dtype=torch.float64))
    assert white.flatten().tolist() == pytest.approx([float(known["degrade.gray_of_white"])] * 3)
    one = grayscale(torch.tensor([1.0, -1.0, 0.5]).view(1, 3, 1, 1))
    assert one.flatten().tolist() == pytest.approx([0.2989 - 0.5870 + 0.0570] * 3)


def test_the_central_hole_has_a_third_of_each_axis() -> None:
    assert torch.equal(central_hole((24, 24)).double(), vectors()["degrade.inpaint_mask_24"])
    hole = ~central_hole((25, 11))
    rows, columns = hole.any(1).nonzero().flatten(), hole.any(0).nonzero().flatten()
    assert rows.tolist() == list(range(8, 16)) and columns.tolist() == [4, 5, 6]
    assert hole.sum() == 24
    with pytest.raises(ValueError, match="no pixels"):
        central_hole((0, 3))


def test_masks_of_every_shape() -> None:
    x = torch.arange(24.0).view(2, 3, 2, 2) + 1
    keep = torch.tensor([[True, False], [True, True]])
    expected = x.clone()
    expected[:, :, 0, 1] = 0
    for shape in (keep, keep[None], keep[None, None], keep.expand(3, 2, 2), keep.expand(2, 3, 2, 2).float()):
        assert torch.equal(mask(x, shape), expected)
    assert torch.equal(mask(x, keep * 0.5), expected / 2)
    x.requires_grad_(True)
    mask(x, keep).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, keep.expand_as(x).float())


def test_errors() -> None:
    with pytest.raises(ValueError, match="one channel is gray already"):
        grayscale(torch.zeros(1, 1, 4, 4))
    for shape in ((4, 5), (2, 4, 4), (3, 3, 4, 4), (4,)):
        with pytest.raises(ValueError, match="pass images"):
            mask(torch.zeros(2, 3, 4, 4), torch.ones(shape))
    with pytest.raises(ValueError, match="divide an 8-bit mask by 255"):
        mask(torch.zeros(2, 3, 4, 4), torch.full((4, 4), 255))
