"""Paired feature matching: by hand, on the two scales of a stored critic, and what carries a gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import feature_matching_paired, hinge, paired_feature_matching

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"patchd_{name}"]).double()


def formula_weights() -> list[Tensor]:
    weights = []
    for number, text in enumerate(STORED["patchd_param_shapes"]):
        shape = tuple(int(each) for each in str(text).strip("()").split(",") if each)
        scale = 0.1 if len(shape) == 1 else 1.5 / np.prod(shape[1:]) ** 0.5
        values = scale * np.sin(0.9 * np.arange(np.prod(shape)) + 1.7 * number + 0.3)
        weights.append(torch.from_numpy(values.reshape(shape)))
    return weights


class Critic(nn.Module):
    """The two-scale patch critic of the stored values: each scale's four layers, then its score map."""

    def forward(self, x: Tensor, condition: Tensor) -> Verdict:
        x = torch.cat((F.one_hot(condition.long(), 3).permute(0, 3, 1, 2).to(x), x), 1)
        weights, scores, features = iter(formula_weights()), [], []
        for _ in range(2):
            h, layers = F.leaky_relu(F.conv2d(x, next(weights), next(weights), 2, 2), 0.2), []
            layers.append(h)
            for stride in (2, 2, 1):
                h = F.leaky_relu(F.instance_norm(F.conv2d(h, next(weights), None, stride, 2)), 0.2)
                layers.append(h)
            scores.append(F.conv2d(h, next(weights), next(weights), 1, 2))
            features.append(tuple(layers))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return Verdict(tuple(scores), features=tuple(features))  # type: ignore[arg-type]


def a_turn(critic: nn.Module, real: Tensor, fake: Tensor, condition: Tensor | None = None) -> Turn:
    game = Game(nn.Identity(), critic, LabelSource(), Objective(hinge()))
    batch, random = Batch(real, condition, torch.arange(len(real))), Draws(0, "moment", Rows.all(len(real)))
    return Turn(game, batch, 0, random, fake, condition, generator_moves=True)


def test_hinge_and_matching_on_two_stored_scales() -> None:
    real, fake, label = stored("real"), stored("fake").requires_grad_(), stored("label").long()
    turn = a_turn(Critic(), real, fake, label)
    for scale, scores in enumerate(turn.fake_verdict.scores):
        torch.testing.assert_close(scores, stored(f"scores_fake_{scale}"), rtol=0, atol=1e-10)
    cost = 10 * paired_feature_matching()(turn)
    torch.testing.assert_close(cost, stored("feature_matching_lambda10"), rtol=1e-9, atol=0)
    (gradient,) = torch.autograd.grad(cost, fake, retain_graph=True)
    torch.testing.assert_close(gradient, stored("grad_fake_feature_matching"), rtol=0, atol=1e-9)
    objective = turn.game.objective
    adversarial = objective.generator_losses(turn)["adversarial"]
    torch.testing.assert_close(adversarial, stored("hinge_G"), rtol=1e-9, atol=0)
    (gradient,) = torch.autograd.grad(adversarial, fake)
    torch.testing.assert_close(gradient, stored("grad_fake_hinge_G"), rtol=0, atol=1e-9)
    parts = objective.discriminator_parts(turn)
    torch.testing.assert_close(parts["real"], stored("hinge_D_real"), rtol=1e-9, atol=0)
    torch.testing.assert_close(parts["fake"], stored("hinge_D_fake"), rtol=1e-9, atol=0)


def test_by_hand() -> None:
    real = [[torch.zeros(1, 2), torch.zeros(1, 1, 2, 2)], [torch.ones(1, 3)]]
    fake = [[torch.tensor([[1.0, -3.0]]), torch.full((1, 1, 2, 2), 0.5)], [torch.tensor([[1.0, 1.0, 4.0]])]]
    # Scales: 2 + 0.5, and 1; their mean is 1.75.
    assert feature_matching_paired(real, fake).item() == 1.75
    assert feature_matching_paired(real, fake, 10.0).item() == 17.5
    assert feature_matching_paired(tuple(real[0]), tuple(fake[0]), 2).item() == 5.0


def test_a_plain_tuple_of_layers_is_one_scale() -> None:
    class Plain(nn.Module):
        def forward(self, x: Tensor, condition: object) -> Verdict:
            return Verdict((x.mean((1, 2, 3)),), features=(x, 2 * x.flatten(1)))

    real, fake = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    assert paired_feature_matching()(a_turn(Plain(), real, fake)).item() == 3.0


def test_gradients_reach_the_fakes_only() -> None:
    real, fake = (torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(
        lambda f: feature_matching_paired([[real], [real.exp()]], [[f], [f.exp()]], 3.0), (fake,)
    )
    feature_matching_paired([real], [fake]).backward()
    assert real.grad is None and fake.grad is not None
    assert feature_matching_paired([real.bfloat16()], [fake.bfloat16()]).dtype == torch.float32


def test_impossible_inputs_are_explained() -> None:
    layer = torch.zeros(2, 3)
    for real, fake in (
        ([], []),
        ([[]], [[]]),
        ([layer], [layer, layer]),
        ([[layer], [layer]], [[layer]]),
        ([layer], [layer[:1]]),
        ([[layer], []], [[layer], []]),
    ):
        with pytest.raises(ValueError, match="same scales, layers and shapes"):
            feature_matching_paired(real, fake)
    with pytest.raises(ValueError, match="not a mixture"):
        feature_matching_paired([layer, [layer]], [layer, [layer]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="empty layer"):
        feature_matching_paired([layer[:0]], [layer[:0]])

    class Silent(nn.Module):
        def forward(self, x: Tensor, condition: object) -> Tensor:
            return x.sum(1)

    with pytest.raises(ValueError, match="Verdict holds features"):
        paired_feature_matching()(a_turn(Silent(), layer, layer))
