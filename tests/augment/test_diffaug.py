"""DiffAug: every operation against values worked out by hand, its draws, its ranges and its gradients."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from everymode.augment.diffaug import (
    brighten,
    change_contrast,
    color,
    cut_out,
    cutout,
    diff_augment,
    saturate,
    translate,
    translation,
)
from everymode.draws import Draws, Rows


def draws(count: int, injected: dict[str, Tensor] | None = None, dtype: torch.dtype = torch.float32) -> Draws:
    return Draws(3, "moment", Rows.all(count), dtype=dtype, injected=injected)


def images(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (
        torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype) * 2 - 1
    )


def rolled(image: Tensor, down: int, right: int) -> Tensor:
    """One image [C, H, W] moved in a circle, what came around set to 0."""
    moved = torch.roll(image, (down, right), (1, 2))
    if down:
        moved[:, :down] = 0 if down > 0 else moved[:, :down]
        moved[:, down:] = 0 if down < 0 else moved[:, down:]
    if right:
        moved[:, :, :right] = 0 if right > 0 else moved[:, :, :right]
        moved[:, :, right:] = 0 if right < 0 else moved[:, :, right:]
    return moved


def test_translation_by_injected_draws_is_a_roll_that_is_filled_with_zeros() -> None:
    x = images(5, 3, 16, 24) + 3  # no zeros of its own; shifts of up to 2 and 3
    down, right = [0, 2, -2, 1, -1], [0, -3, 3, 1, 0]
    injected = {
        "translation down": torch.tensor(down) + 2,
        "translation right": torch.tensor(right) + 3,
    }
    moved = translation(x, draws(5, injected))
    expected = torch.stack(
        [rolled(image, *by) for image, by in zip(x, zip(down, right, strict=True), strict=True)]
    )
    assert torch.equal(moved, expected)
    assert torch.equal(moved[1, :, :2], torch.zeros(3, 2, 24))
    assert torch.equal(moved[1, :, 2:, :21], x[1, :, :14, 3:])


def test_shifts_beyond_the_padding_are_clamped() -> None:
    x = images(1, 1, 4, 4)
    far, near = (translate(x, torch.tensor([by]), torch.tensor([0]), most=(1, 1)) for by in (9, 1))
    assert torch.equal(far, near)


def test_all_shifts_up_to_an_eighth_rounded_down_come_equally_often() -> None:
    count = 6000
    x = torch.ones(count, 1, 16, 20)
    moved = translation(x, draws(count))
    empty_rows = (moved[:, 0].sum(2) == 0).sum(1)
    empty_columns = (moved[:, 0].sum(1) == 0).sum(1)
    # 16 // 8 = 2 and 20 // 8 = 2 (and not 3, as rounding 2.5 up would have it): -2 .. 2, and 0 half as often as +-1
    assert Counter(empty_rows.tolist()).keys() == {0, 1, 2} == Counter(empty_columns.tolist()).keys()
    for empty in (empty_rows, empty_columns):
        assert abs((empty == 0).float().mean() - 0.2) < 0.02
        assert abs((empty == 2).float().mean() - 0.4) < 0.02


def test_small_images_are_not_moved() -> None:
    x = images(4, 1, 7, 7)
    assert torch.equal(translation(x, draws(4)), x)


def test_color_by_hand() -> None:
    # One pixel wide: (0.2, -0.4, 0.5), mean 0.1. Saturation 2 about it: (0.3, -0.9, 0.9).
    x = torch.tensor([0.2, -0.4, 0.5], dtype=torch.float64).view(1, 3, 1, 1)
    two = torch.tensor([2.0])
    assert saturate(x, two).flatten().tolist() == pytest.approx([0.3, -0.9, 0.9])
    assert saturate(x, torch.zeros(1)).flatten().tolist() == pytest.approx([0.1, 0.1, 0.1])
    assert brighten(x, torch.tensor([-0.5])).flatten().tolist() == pytest.approx([-0.3, -0.9, 0.0])
    # Contrast is about the mean over pixels and channels: of 0 and 1 it is 0.5.
    steps = torch.tensor([[0.0, 1.0]], dtype=torch.float64).view(1, 1, 1, 2)
    assert change_contrast(steps, torch.tensor([0.5])).flatten().tolist() == pytest.approx([0.25, 0.75])
    both = torch.tensor([0.0, 1.0], dtype=torch.float64).view(1, 2, 1, 1)
    assert change_contrast(both, torch.tensor([1.5])).flatten().tolist() == pytest.approx([-0.25, 1.25])


def test_color_is_brightness_then_saturation_then_contrast() -> None:
    x = images(2, 3, 4, 4, dtype=torch.float64)
    injected = {
        "brightness": torch.tensor([0.0, 0.9]),
        "saturation": torch.tensor([0.25, 1.0]),
        "contrast": torch.tensor([0.0, 0.5]),
    }
    x0 = x[0] - 0.5
    x0 = (x0 - x0.mean(0)) * 0.5 + x0.mean(0)
    x0 = (x0 - x0.mean()) * 0.5 + x0.mean()
    x1 = x[1] + 0.4
    x1 = (x1 - x1.mean(0)) * 2 + x1.mean(0)
    torch.testing.assert_close(color(x, draws(2, injected)), torch.stack((x0, x1)), rtol=0, atol=1e-7)


def test_saturation_leaves_gray_images_alone() -> None:
    x = images(2, 1, 4, 4)
    assert torch.equal(saturate(x, torch.tensor([0.0, 1.7])), x)


@pytest.mark.parametrize(
    ("center", "rows"), [(0, (0, 2)), (1, (0, 3)), (4, (2, 6)), (7, (5, 8)), (8, (6, 8))]
)
def test_cutout_is_clipped_at_the_borders(center: int, rows: tuple[int, int]) -> None:
    # 8 rows, a hole of 4: from two above its center, which lies between pixels, to two below.
    x = torch.ones(1, 2, 8, 6)
    holed = cutout(x, draws(1, {"cutout row": torch.tensor([center]), "cutout column": torch.tensor([2])}))
    expected = torch.ones(1, 2, 8, 6)
    expected[:, :, rows[0] : rows[1], 1:4] = 0  # 6 columns, a hole of 3 around column 2
    assert torch.equal(holed, expected)


def test_holes_are_centered_anywhere() -> None:
    count = 4000
    holed = cutout(torch.ones(count, 1, 8, 6), draws(count))
    lost = (holed[:, 0] == 0).any(2)
    heights = Counter(lost.sum(1).tolist())
    # Centers 0 .. 8, equally likely: 0 and 8 leave 2 rows, 1 and 7 leave 3, the other five 4.
    assert heights.keys() == {2, 3, 4}
    assert abs(heights[4] / count - 5 / 9) < 0.03
    widths = Counter((holed[:, 0] == 0).any(1).sum(1).tolist())
    assert widths.keys() == {2, 3}  # centers 0 .. 5: the outer two lose one column
    assert abs(widths[2] / count - 2 / 6) < 0.03


def test_a_hole_removes_what_is_not_finite_and_its_gradient() -> None:
    x = torch.full((1, 1, 2, 2), torch.inf, requires_grad=True)
    cut = cut_out(x, torch.tensor([1]), torch.tensor([1]), hole=(2, 2))
    assert torch.equal(cut, torch.zeros(1, 1, 2, 2))
    cut.sum().backward()
    assert torch.equal(x.grad, torch.zeros(1, 1, 2, 2))


@pytest.mark.parametrize("shape", [(2, 3, 9, 8), (2, 1, 8, 17)])
def test_gradients_and_their_gradients(shape: tuple[int, ...]) -> None:
    augment = diff_augment(color, translation, cutout)
    x = images(*shape, dtype=torch.float64).requires_grad_()
    random = draws(2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: augment(x, random), x, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: augment(x, random) ** 2, x, fast_mode=True)


def test_gradients_go_where_the_pixels_came_from() -> None:
    x = images(1, 1, 8, 8).requires_grad_()
    down, right = torch.tensor([2]), torch.tensor([0])  # of 0 .. 2: one down, one left
    moved = translation(x, draws(1, {"translation down": down, "translation right": right}))
    moved[0, 0, 3, 3].backward()
    assert x.grad.nonzero().tolist() == [[0, 0, 2, 4]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shape_and_precision_stay(dtype: torch.dtype, layout: torch.memory_format) -> None:
    x = images(4, 3, 16, 12).contiguous(memory_format=layout)
    augment = diff_augment(color, translation, cutout)
    changed = augment(x.to(dtype), draws(4))
    assert changed.shape == x.shape and changed.dtype == dtype
    torch.testing.assert_close(changed.float(), augment(x, draws(4)), rtol=0, atol=0.03)


def test_policies_are_applied_in_the_order_given() -> None:
    x = images(2, 3, 8, 8)
    random = draws(2)
    assert torch.equal(diff_augment(color, cutout)(x, random), cutout(color(x, random), random))
    assert torch.equal(diff_augment(cutout, color)(x, random), color(cutout(x, random), random))
    assert torch.equal(diff_augment()(x, random), x)


def test_parts_of_the_batch_are_augmented_as_the_whole_is() -> None:
    x = images(6, 3, 16, 16)
    augment = diff_augment(color, translation, cutout)
    whole = augment(x, draws(6))
    parts = [augment(x[a:b], Draws(3, "moment", Rows(a, b, 6))) for a, b in ((0, 2), (2, 6))]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(augment(x, draws(6).named("other")), whole)


@pytest.mark.parametrize("wrong", [torch.zeros(4, 2), torch.zeros(4, 3, 8, 8, dtype=torch.uint8)])
def test_anything_but_images_is_refused(wrong: Tensor) -> None:
    with pytest.raises(ValueError, match=r"images \[B, C, H, W\] of floats .* such as points"):
        diff_augment(color)(wrong, draws(4))


def test_parameters_must_be_one_per_image() -> None:
    with pytest.raises(ValueError, match=r"4 images need as many numbers, one each, not .*\(3,\)"):
        brighten(torch.zeros(4, 3, 8, 8), torch.zeros(3))
    with pytest.raises(ValueError, match="4 images need as many"):
        translate(torch.zeros(4, 3, 8, 8), torch.zeros(4).long(), torch.zeros(1).long(), most=(1, 1))
