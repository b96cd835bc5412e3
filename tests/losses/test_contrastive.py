"""2C and D2D-CE: formulas written out, released numbers' form, limits, unlabeled rows; the terms on a head."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import (
    conditional_contrastive_loss,
    data_to_data_cross_entropy,
    embeddings_of_fakes,
    embeddings_of_reals,
    hinge,
)
from everymode.networks.embedding_head import EmbeddingHead
from everymode.networks.heads import ScalarHead, judge

LOSSES = (
    conditional_contrastive_loss,
    data_to_data_cross_entropy,
    partial(data_to_data_cross_entropy, released_scaling=True),
)


def a_case(rows: int = 6, classes: int = 3, width: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    embeddings = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    proxies = torch.randn(classes, width, generator=generator, dtype=torch.float64)
    return embeddings, proxies, torch.randint(classes, (rows,), generator=generator)


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a @ b) / (a.norm() * b.norm()))


def test_2c_written_out() -> None:
    embeddings, proxies, labels = a_case()
    expected = 0.0
    for i, label in enumerate(labels.tolist()):
        own = math.exp(cosine(embeddings[i], proxies[label]) / 0.3)
        others = {k: math.exp(cosine(embeddings[i], embeddings[k]) / 0.3) for k in range(6) if k != i}
        positive = own + sum(value for k, value in others.items() if labels[k] == label)
        expected -= math.log(positive / (own + sum(others.values()))) / 6
    got = conditional_contrastive_loss(embeddings, proxies, labels, temperature=0.3).item()
    assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("released", [False, True])
def test_d2d_ce_written_out(released: bool) -> None:
    embeddings, proxies, labels = a_case()
    expected = 0.0
    for i, label in enumerate(labels.tolist()):
        pull = min(cosine(embeddings[i], proxies[label]) - 0.9, 0) / 0.4
        closeness = {k: (cosine(embeddings[i], embeddings[k]) - 0.1) / 0.4 for k in range(6) if k != i}
        shift = max(closeness.values()) if released else 0.0
        push = [math.exp(max(value, 0) - shift) for k, value in closeness.items() if labels[k] != label]
        expected -= math.log(math.exp(pull) / (math.exp(pull) + sum(push))) / 6
    got = data_to_data_cross_entropy(
        embeddings,
        proxies,
        labels,
        temperature=0.4,
        positive_margin=0.9,
        negative_margin=0.1,
        released_scaling=released,
    )
    assert got.item() == pytest.approx(expected, rel=1e-12)


def test_hand_computed_pair() -> None:
    # Two images of two classes at right angles, each on its proxy: only the floor of the push is left.
    embeddings = torch.tensor([[2.0, 0.0], [0.0, 0.5]], dtype=torch.float64)
    labels = torch.tensor([0, 1])
    got = conditional_contrastive_loss(embeddings, embeddings, labels).item()
    assert got == pytest.approx(-math.log(math.e / (math.e + 1)), rel=1e-12)
    # Beyond both margins: exp(0) of the pull against exp(0) of the push.
    assert data_to_data_cross_entropy(embeddings, embeddings, labels).item() == pytest.approx(math.log(2))


def test_beyond_its_margins_d2d_ce_has_no_gradient() -> None:
    embeddings = torch.tensor([[1.0, 0.01], [0.01, -1.0]], dtype=torch.float64, requires_grad=True)
    proxies = torch.tensor([[1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(
        data_to_data_cross_entropy(embeddings, proxies, torch.tensor([0, 1])), embeddings
    )
    assert (gradient == 0).all()
    (gradient,) = torch.autograd.grad(
        conditional_contrastive_loss(embeddings, proxies, torch.tensor([0, 1])), embeddings
    )
    assert (gradient != 0).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients(loss: partial[Tensor]) -> None:
    embeddings, proxies, labels = a_case()
    labels[2] = -1

    def cost(e: Tensor, p: Tensor) -> Tensor:
        return loss(e, p, labels)

    if isinstance(loss, partial):  # the released shift is held fixed, so its gradient isn't that of the value
        assert all(part.isfinite().all() for part in _gradients(cost, embeddings, proxies))
    else:
        assert torch.autograd.gradcheck(cost, (embeddings.requires_grad_(), proxies.requires_grad_()))


def _gradients(cost: object, *inputs: Tensor) -> tuple[Tensor, ...]:
    inputs = tuple(each.clone().requires_grad_() for each in inputs)
    return torch.autograd.grad(cost(*inputs), inputs)


@pytest.mark.parametrize("loss", LOSSES)
def test_lengths_and_order_do_not_matter(loss: partial[Tensor]) -> None:
    embeddings, proxies, labels = a_case()
    order = torch.tensor([3, 1, 0, 5, 4, 2])
    scaled = embeddings * torch.rand(6, 1, dtype=torch.float64).add(0.5)
    expected = loss(embeddings, proxies, labels)
    torch.testing.assert_close(loss(scaled[order], 7 * proxies, labels[order]), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_unlabeled_rows_are_nobodys_positives_or_negatives(loss: partial[Tensor]) -> None:
    embeddings, proxies, labels = a_case()
    more = torch.cat((embeddings, torch.randn(2, 4, dtype=torch.float64)))
    with_unlabeled = torch.cat((labels, torch.tensor([-1, -1])))
    got = loss(more, proxies, with_unlabeled) * 8
    torch.testing.assert_close(got, loss(embeddings, proxies, labels) * 6)
    nothing = loss(embeddings, proxies, torch.full((6,), -1))
    assert nothing.item() == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_one_row_has_its_proxy_alone(loss: partial[Tensor]) -> None:
    embeddings, proxies, labels = a_case(rows=1)
    (gradient, _) = _gradients(lambda e, p: loss(e, p, labels), embeddings, proxies)
    assert loss(embeddings, proxies, labels).item() == pytest.approx(0.0, abs=1e-15)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_it_falls_when_an_embedding_nears_its_proxy(loss: partial[Tensor]) -> None:
    embeddings, proxies, labels = a_case()
    (gradient, _) = _gradients(lambda e, p: loss(e, p, labels), embeddings, proxies)
    assert loss(embeddings - 0.1 * gradient, proxies, labels) < loss(embeddings, proxies, labels)


def test_half_precision_is_computed_in_single() -> None:
    embeddings, proxies, labels = a_case()
    for loss in LOSSES:
        got = loss(embeddings.bfloat16(), proxies.bfloat16(), labels)
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), loss(embeddings, proxies, labels), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("loss", LOSSES)
def test_contrastive_mistakes_are_explained(loss: partial[Tensor]) -> None:
    embeddings, proxies, labels = a_case()
    with pytest.raises(ValueError, match=r"\[6, 4\], \[3, 3\] and \[6\]"):
        loss(embeddings, proxies[:, :3], labels)
    with pytest.raises(ValueError, match="must fit together"):
        loss(embeddings, proxies, labels[:5])
    with pytest.raises(ValueError, match="must fit together"):
        loss(embeddings[:0], proxies, labels[:0])
    with pytest.raises(ValueError, match="integers"):
        loss(embeddings, proxies, labels.double())
    with pytest.raises(ValueError, match="temperature must be positive"):
        loss(embeddings, proxies, labels, temperature=0)
    with pytest.raises(ValueError, match=r"0\.\.2"):
        loss(embeddings, proxies, labels + 2)


class Judge(nn.Module):
    """Points [B, 2] -> the head's verdict on them."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor, condition: Tensor | None) -> Verdict:
        return judge(x, condition, self.head)


def a_turn(head: nn.Module, labels: Tensor | None, *, generator_moves: bool = False) -> Turn:
    game = Game(nn.Identity(), Judge(head), LabelSource(), Objective(hinge()))
    points = torch.randn(2, 4, 2)
    batch = Batch(points[0], labels, torch.arange(4))
    asked = None if labels is None else labels.flip(0)
    fake = points[1].requires_grad_(generator_moves)
    return Turn(game, batch, 0, Draws(0, "", Rows.all(4)), fake, asked, generator_moves=generator_moves)


def test_terms_compare_each_side_at_its_labels() -> None:
    torch.manual_seed(0)
    head = EmbeddingHead(2, 3, embedding_dim=4)
    labels = torch.tensor([0, 1, 2, 1])
    turn = a_turn(head, labels)
    for term, points, asked in (
        (embeddings_of_reals, turn.batch.real, labels),
        (embeddings_of_fakes, turn.fake, labels.flip(0)),
    ):
        expected = data_to_data_cross_entropy(head.embedding(points), head.proxies.weight, asked)
        torch.testing.assert_close(term(data_to_data_cross_entropy)(turn), expected)


def test_the_generator_is_pulled_through_the_embedding() -> None:
    torch.manual_seed(0)
    turn = a_turn(EmbeddingHead(2, 3, embedding_dim=4), torch.tensor([0, 1, 2, 1]), generator_moves=True)
    embeddings_of_fakes(conditional_contrastive_loss)(turn).backward()
    assert (turn.fake.grad != 0).any(1).all()


def test_a_head_without_embeddings_is_refused() -> None:
    turn = a_turn(ScalarHead(2), torch.tensor([0, 1, 2, 1]))
    with pytest.raises(ValueError, match="EmbeddingHead"):
        embeddings_of_reals(conditional_contrastive_loss)(turn)
    with pytest.raises(ValueError, match="no tensor of labels"):
        embeddings_of_reals(conditional_contrastive_loss)(a_turn(EmbeddingHead(2, 3), None))


def test_the_heads_classes_are_cosines_with_the_proxies() -> None:
    torch.manual_seed(0)
    head = EmbeddingHead(2, 3, embedding_dim=4)
    points = torch.randn(5, 2)
    verdict = head(points, None)
    expected = F.cosine_similarity(head.embedding(points)[:, None], head.proxies.weight[None], dim=2)
    torch.testing.assert_close(verdict.classes, expected)
    torch.testing.assert_close(head.embed(points).norm(dim=1), torch.ones(5))
    assert verdict.scores[0].shape == (5, 1)
