"""Scores of complete enlarged pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_generators import Nearest, opened
from PIL import Image

from everymode.commands.evaluate import card_name
from everymode.evaluation.enlargement import (
    EnlargedPicture,
    bicubic_enlarged,
    enlargement_card,
    enlargement_scores,
)
from everymode.evaluation.picture_sides import picture_sides
from everymode.evaluation.protocol import Protocol
from everymode.labels.pairs import PairedCondition
from everymode.metrics import niqe, psnr_y, ssim_y
from everymode.pixels import bicubic_resize
from everymode.recipes import find


def photograph(seed: int, size: tuple[int, int]) -> torch.Tensor:
    """Smooth noise, uint8 [3, H, W]."""
    small = np.random.default_rng(seed).integers(0, 256, (3, size[0] // 4, size[1] // 4)).astype(float)
    return torch.as_tensor(bicubic_resize(small, size)).round().clamp(0, 255).to(torch.uint8)


def test_every_picture_and_the_mean_are_scored_beside_bicubic() -> None:
    sharp = [photograph(seed, (200, 196)) for seed in range(2)]
    low = [
        torch.as_tensor(bicubic_resize(each.double(), 0.5)).round().clamp(0, 255).to(torch.uint8)
        for each in sharp
    ]
    bicubic = [bicubic_enlarged(each, 2) for each in low]
    better = [((a.int() + b.int()) // 2).to(torch.uint8) for a, b in zip(sharp, bicubic, strict=True)]
    pictures = [EnlargedPicture("one", a, b, c) for a, b, c in zip(sharp, better, bicubic, strict=True)]
    scores, warnings = enlargement_scores(pictures, 2, perceptual=False)
    for name, function in (("psnr-y", psnr_y), ("ssim-y", ssim_y)):
        values, of_bicubic = (
            [float(function(x[None], y[None], 2)[0]) for x, y in zip(side, sharp, strict=True)]
            for side in (better, bicubic)
        )
        assert scores[name].value == pytest.approx(sum(values) / 2)
        assert scores[name].details["bicubic"] == pytest.approx(sum(of_bicubic) / 2)
        assert scores[name].value > scores[name].details["bicubic"]
        assert [part["value"] for part in scores[name].details["parts"].values()] == pytest.approx(values)
        assert scores[name].settings["crop"] == 2
    assert scores["niqe-live"].details["parts"]["one"]["value"] == niqe(better[0])
    assert scores["niqe-live"].details["sharp"] == pytest.approx((niqe(sharp[0]) + niqe(sharp[1])) / 2)
    assert len(scores["niqe-live"].settings["judge_hash"]) == 64
    assert len(warnings) == 1


def test_small_pictures_have_no_niqe_and_equal_ones_no_psnr() -> None:
    sharp = photograph(0, (40, 40))
    scores, warnings = enlargement_scores([EnlargedPicture("a", sharp, sharp, sharp)], 4, perceptual=False)
    assert scores["niqe-live"].value is scores["psnr-y"].value is None
    assert scores["ssim-y"].value == 1
    assert any("1 of 1 pictures have no niqe-live" in warning for warning in warnings)
    with pytest.raises(ValueError, match="no pictures"):
        enlargement_scores([], 4)


def test_lpips_of_files_takes_the_place_of_the_distance_on_lite0(monkeypatch: pytest.MonkeyPatch) -> None:
    class Difference:
        distance_name, smallest = "lpips-alex", 31

        def facts(self) -> dict[str, str]:
            return {
                "name": self.distance_name,
                "weights_hash": "ab",
                "input_size": "as given",
                "resize": "none",
            }

        def distances(self, first: torch.Tensor, second: torch.Tensor, *, device: str) -> torch.Tensor:
            return (first.float() - second.float()).abs().mean((1, 2, 3))

    files = []
    monkeypatch.setattr(
        "everymode.evaluation.enlargement.perceptual_network",
        lambda *named: files.extend(named) or Difference(),
    )
    sharp, small = photograph(0, (40, 40)), photograph(1, (28, 40))
    pictures = [EnlargedPicture("a", sharp, sharp // 2 + 1, sharp), EnlargedPicture("b", small, small, small)]
    scores, warnings = enlargement_scores(pictures, 4, lpips=("net.pth", "lin.pth"))
    assert files == ["net.pth", "lin.pth"] and "pd-lite0-128" not in scores
    found = scores["lpips-alex"]
    assert found.metric == "lpips" and found.settings["input_size"] == "as given"
    assert found.value == pytest.approx(float((sharp.float() - sharp // 2 - 1).abs().mean()), rel=1e-5)
    assert any("1 of 2 pictures have no lpips-alex" in warning for warning in warnings)


def test_a_folder_is_scored_in_tiles(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "test").mkdir()
    sharp = photograph(3, (601, 120))
    Image.fromarray(sharp.permute(1, 2, 0).numpy()).save(tmp_path / "test" / "a.png")
    recipe = find("sr-pixel-photos").with_numbers(held_out="")
    generator = opened(Nearest(4), PairedCondition(), recipe)
    card = enlargement_card(picture_sides(generator, tmp_path / "test"), Protocol(fast=True))
    cropped = sharp[:, :600]
    low = torch.as_tensor(bicubic_resize(cropped.double(), 0.25)).round().clamp(0, 255).to(torch.uint8)
    nearest = low.repeat_interleave(4, 1).repeat_interleave(4, 2)
    assert card.value("psnr-y") == pytest.approx(float(psnr_y(nearest[None], cropped[None], 4)[0]))
    assert card.protocol["tile_overlap"] == 1
    assert card_name(card).startswith("sr-pixel-photos-super-resolution-")
    assert card.subject["identity"]["recipe"]
    with pytest.raises(ValueError, match="1 pictures, not 2"):
        enlargement_card(picture_sides(generator, tmp_path / "test"), Protocol(num=2))
