"""The omni-loss on score maps: void pixels, reduced label maps, several scales, and edges beside the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import omni, omni_loss, omni_signs
from everymode.losses.label_blocks import at_positions

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")
KINDS = ("d_real", "d_fake", "g_fake")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"omnipix_{name}"])


@pytest.mark.parametrize("scale", [0, 1])
def test_stored_values_and_gradients(scale: int) -> None:
    scores, labels = stored(f"scores_{scale}").double().requires_grad_(), stored("label")
    reduced = at_positions(labels, scores)
    assert torch.equal(reduced, stored(f"down_{scale}"))
    losses = omni_loss(scores, omni_signs("d_real", reduced, 4, ignore_index=255), reduction="none")
    known = reduced != 255
    assert losses[known].mean().item() == pytest.approx(
        stored(f"d_real_{scale}_pixel_dropped").item(), rel=1e-12
    )
    expected = stored(f"d_real_{scale}_class_ignored")
    torch.testing.assert_close(losses.mean(), expected, rtol=1e-12, atol=0)
    assert omni(4, ignore_index=255).parts is not None
    cost, _ = omni(4, ignore_index=255).parts(scores, scores, labels, labels)
    torch.testing.assert_close(cost, expected, rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(cost, scores)
    torch.testing.assert_close(gradient, stored(f"d_real_{scale}_grad_class_ignored"), rtol=0, atol=1e-12)


def test_scales_are_averaged_after_their_pixels() -> None:
    scales = tuple(stored(f"scores_{scale}").double() for scale in (0, 1))
    labels, images = stored("label"), torch.zeros(2, 3, 24, 40, dtype=torch.float64)

    class Critic(nn.Module):
        def forward(self, x: Tensor, condition: object) -> Verdict:
            return Verdict(scales)

    objective = Objective(omni(4, ignore_index=255))
    game = Game(nn.Identity(), Critic(), LabelSource(), objective)
    edges = torch.zeros(2, 24, 40, dtype=torch.bool)
    for condition in (labels, (labels, edges), (labels, edges.double())):
        batch, random = Batch(images, condition, torch.arange(2)), Draws(0, "moment", Rows.all(2))
        turn = Turn(game, batch, 0, random, images, condition, generator_moves=False, one_pass=False)
        expected = stored("d_real_two_scale").item()
        assert objective.discriminator_parts(turn)["real"].item() == pytest.approx(expected, rel=1e-12)


def by_pixel(kind: str, label: int, classes: int, void: int, one_sided: bool) -> list[int]:
    """Signs of one pixel, written out."""
    sign = -1 if kind == "d_fake" else 1
    if label == -1:
        return [0] * (classes + 2)
    ends = [sign, 0 if one_sided else -sign]
    if label == void:
        return [0] * classes + ends
    others = 0 if one_sided else -1
    at_label = -1 if kind == "d_fake" else 1
    return [at_label if slot == label else others for slot in range(classes)] + ends


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("void", [255, 1, -7])
def test_signs_of_void_pixels_by_hand(kind: str, one_sided: bool, void: int) -> None:
    labels = torch.tensor([[[0, void, 2], [-1, 2, void]], [[1, 1, -1], [0, 0, 0]]])
    signs = omni_signs(kind, labels, 3, one_sided=one_sided, ignore_index=void)
    assert signs.dtype == torch.int8 and signs.shape == (2, 5, 2, 3)
    expected = [by_pixel(kind, label, 3, void, one_sided) for label in labels.flatten().tolist()]
    assert signs.permute(0, 2, 3, 1).reshape(-1, 5).tolist() == expected


def test_void_of_rows_and_of_several_blocks() -> None:
    assert omni_signs("d_fake", torch.tensor([9, 0]), 2, ignore_index=9).tolist() == [
        [0, 0, -1, 1],
        [-1, -1, -1, 1],
    ]
    labels = torch.tensor([[[[255, 255, -1, 1]], [[0, 255, 255, -1]]]])
    signs = omni_signs("d_real", labels, (2, 2), ignore_index=255)[0, :, 0].T
    assert signs.tolist() == [
        [0, 0, 1, -1, 1, -1],
        [0] * 4 + [1, -1],
        [0] * 4 + [1, -1],
        [-1, 1, 0, 0, 1, -1],
    ]


def test_a_void_pixels_class_scores_have_no_gradient_but_real_and_fake_do() -> None:
    scores = torch.randn(1, 5, 2, 2, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[[0, 255], [255, 2]]])
    loss = omni(3, ignore_index=255)
    (gradient,) = torch.autograd.grad(loss.generator(scores, labels), scores)
    void = (labels == 255).expand(5, 2, 2)
    assert not gradient[0][void][: 3 * 2].any() and gradient[0, 3:].abs().min() > 0
    assert torch.autograd.gradcheck(lambda s: loss.discriminator(s, s, labels, labels), (scores,))


def test_nothing_is_read_from_another_device() -> None:
    # Tensors on the device "meta" have no values: reading one would raise an error.
    scores = torch.zeros(2, 6, 3, 5, device="meta")
    labels = torch.zeros(2, 12, 20, dtype=torch.int64, device="meta")
    assert omni(4, ignore_index=255).discriminator(scores, scores, labels, labels).shape == ()


def test_impossible_inputs_are_explained() -> None:
    labels = torch.tensor([[[0, 255]]])
    for wrong in (1.5, True, "255"):
        with pytest.raises(ValueError, match="ignore_index must be a whole number, such as 255, or None"):
            omni_signs("d_real", labels, 3, ignore_index=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ignore_index can't be -1"):
        omni(3, ignore_index=-1)
    with pytest.raises(ValueError, match=r"0\.\.2.*span 0\.\.254"):
        omni_signs("d_real", torch.tensor([[[0, 255, 254]]]), 3, ignore_index=255)
    # Two maps of integers are two label blocks, so edges need another type.
    with pytest.raises(ValueError, match=r"needs 1 block\(s\) of labels, one per column; got 2"):
        omni_signs("d_real", (labels, labels), 3, ignore_index=255)
