"""Color augmentations: maps and colors worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from everymode.augment.coloring import Coloring, brightness, contrast, hue, luma_flip, recolor, saturation
from everymode.draws import Draws, Rows


def colored(coloring: Coloring, value: float, pixel: list[float]) -> list[float]:
    """One pixel after a coloring whose draw is replaced."""
    random = Draws(
        3,
        "moment",
        Rows.all(1),
        dtype=torch.float64,
        injected={coloring.name: torch.tensor([value], dtype=torch.float64)},
    )
    image = torch.tensor(pixel, dtype=torch.float64).view(1, -1, 1, 1)
    return recolor(image, coloring.draw(random)).flatten().tolist()


RGB = [0.8, -0.1, 0.2]
"""Mean 0.3."""


@pytest.mark.parametrize(
    ("coloring", "value", "expected", "gray"),
    [
        (brightness(), 2.0, [1.2, 0.3, 0.6], 0.9),  # + 0.2 * 2
        (contrast(), -2.0, [0.4, -0.05, 0.1], 0.25),  # x 2 ** (0.5 * -2)
        (luma_flip(), 0, RGB, 0.5),
        (luma_flip(), 1, [0.2, -0.7, -0.4], -0.5),  # each minus twice the mean
        (saturation(), 1.0, [1.3, -0.5, 0.1], 0.5),  # twice as far from 0.3
        (hue(), 0.5, RGB, 0.5),  # no angle
        (hue(), 0.5 + 1 / 3, [0.2, 0.8, -0.1], 0.5),  # a third of a circle takes red to green
    ],
)
def test_colors_by_hand(coloring: Coloring, value: float, expected: list[float], gray: float) -> None:
    assert colored(coloring, value, RGB) == pytest.approx(expected)
    assert colored(coloring, value, [0.5]) == pytest.approx([gray])


def test_a_gray_picture_in_three_channels_is_colored_as_in_one() -> None:
    x = torch.linspace(-1, 1, 8, dtype=torch.float64).view(2, 1, 2, 2)
    random = Draws(3, "moment", Rows.all(2), dtype=torch.float64)
    for coloring in (brightness(), contrast(), luma_flip(), hue(), saturation()):
        maps = coloring.draw(random)
        three = recolor(x.expand(2, 3, 2, 2), maps)
        torch.testing.assert_close(three, recolor(x, maps).expand_as(three))


def test_gradients_and_precision() -> None:
    random = Draws(3, "moment", Rows.all(2), dtype=torch.float64)
    maps = hue().draw(random) @ brightness().draw(random)
    x = torch.rand(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: recolor(x, maps), x, fast_mode=True)
    assert recolor(x.detach().bfloat16(), maps).dtype == torch.bfloat16


@pytest.mark.parametrize("wrong", [torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, 4)])
def test_other_channels_are_refused(wrong: Tensor) -> None:
    with pytest.raises(ValueError, match=r"gray or RGB images, not for (2|4) channels"):
        recolor(wrong, torch.eye(4).expand(1, 4, 4))
