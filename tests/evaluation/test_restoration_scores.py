"""Scores of restored images: rounding, undefined values, conventions and means."""

from __future__ import annotations

import math

import pytest
import torch

from everymode.evaluation.restoration_scores import conventions, restoration_scores, summary


def test_psnr_is_that_of_8_bit_images_in_0_to_1() -> None:
    original = torch.zeros(1, 3, 12, 12)  # level 128 after rounding half to even
    restored = torch.full_like(original, 10 / 127.5 + 0.001)
    scores = restoration_scores(restored, original, range2=True)
    levels = [round((each + 1) * 127.5) for each in (0.0, 10 / 127.5 + 0.001)]
    assert scores["psnr"] == pytest.approx(-20 * math.log10((levels[1] - levels[0]) / 255), abs=1e-4)
    x, y = (level / 255 for level in levels)
    for name, span in (("ssim", 1), ("ssim-range2", 2)):
        constant = (0.01 * span) ** 2
        assert scores[name] == pytest.approx((2 * x * y + constant) / (x * x + y * y + constant), abs=1e-5)


def test_undefined_scores_are_none_and_not_averaged() -> None:
    small = torch.zeros(1, 1, 4, 30)
    assert restoration_scores(small, small) == {"psnr": None, "ssim": None}
    table = summary([{"psnr": 1.0, "ssim": None}, {"psnr": 4.0, "ssim": None}, {"psnr": None}])
    assert table == {"psnr": {"mean": 2.5, "std": 1.5, "num": 2}}
    with pytest.raises(ValueError, match="same size"):
        restoration_scores(small, small[..., :20])
    assert "ssim-range2" in conventions(None, range2=True) and "ssim-range2" not in conventions(None)
