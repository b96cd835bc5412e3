"""Losses of class-conditional embeddings, 2C (ContraGAN) and D2D-CE (ReACGAN), and both as terms of an objective.

2C: ContraGAN: Contrastive Learning for Conditional Image Generation (Kang and Park, NeurIPS 2020). D2D-CE:
Rebooting ACGAN: Auxiliary Classifier GANs with Stable Training (Kang et al., NeurIPS 2021). Both released as
`POSTECH-CVLab/PyTorch-StudioGAN:src/utils/losses.py` (ConditionalContrastiveLoss, Data2DataCrossEntropyLoss).

Every image has an embedding and every class a proxy; only their directions count. An unlabeled row
(UNLABELED, -1) costs 0, counts in the mean, and is neither a positive nor a negative for other rows, since its class
is unknown.

Departure from the released code: with several processes, which both compare with the rows of all processes, the
released gradient of the embeddings is too small by a factor of the number of processes; here it is that of the whole
batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import UNLABELED, Condition, Term, Turn, Verdict
from everymode.losses.across_ranks import rows_of_all_ranks
from everymode.losses.label_blocks import check_labels
from everymode.precision import at_least_float32, full_precision

EmbeddingCost = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(embeddings [B, F], proxies [K, F], labels [B]) -> scalar."""


def conditional_contrastive_loss(
    embeddings: Tensor, proxies: Tensor, labels: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """Compute 2C: pull an embedding to its class's proxy and to the embeddings of its class in the batch.

    The mean over rows i of -log(A_i / B_i), where A_i = p_i + the sum of e_ik over the others k of i's class,
    B_i = p_i + the sum of e_ik over all others k, p_i = exp(cos(embedding i, proxy of i's class) / t) and
    e_ik = exp(cos(embedding i, embedding k) / t).

    Args:
        embeddings: [B, F]; normalized here.
        proxies: [K, F]; normalized here.
        labels: [B] integers in 0..K - 1, or UNLABELED.
        temperature: t > 0; 1 in the released configurations.

    Returns:
        A scalar.

    Raises:
        ValueError: if the temperature isn't positive, shapes don't fit or, on the CPU, labels are out of range.
    """
    to_proxy, to_others, same, others = _similarities(embeddings, proxies, labels, temperature)
    nothing = -torch.inf
    everything = torch.cat((to_proxy, to_others.masked_fill(~others, nothing)), dim=1)
    positives = torch.cat((to_proxy, to_others.masked_fill(~(others & same), nothing)), dim=1)
    return _mean_of_labeled(everything.logsumexp(1) - positives.logsumexp(1), labels)


def data_to_data_cross_entropy(
    embeddings: Tensor,
    proxies: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.5,
    positive_margin: float = 0.98,
    negative_margin: float = 0.02,
    released_scaling: bool = False,
) -> Tensor:
    """Compute D2D-CE: pull an embedding to its class's proxy, push the batch's embeddings of other classes away.

    The mean over rows i of -log(p_i / (p_i + the sum of n_ik over rows k of other classes)), where
    p_i = exp(min(cos(embedding i, proxy of i's class) - positive_margin, 0) / t) and
    n_ik = exp(max(cos(embedding i, embedding k) - negative_margin, 0) / t): a pair beyond its margin has no gradient.

    Args:
        embeddings: [B, F]; normalized here.
        proxies: [K, F]; normalized here.
        labels: [B] integers in 0..K - 1, or UNLABELED.
        temperature: t > 0; the default and the margins are those of the released CIFAR-10 configuration (whose
            code ties the negative margin to 1 - positive_margin).
        released_scaling: divide all n_ik of a row by exp of the largest (cos - negative_margin) / t among all other
            rows of any class. The released code does so (and doesn't undo it), which weakens the push.

    Returns:
        A scalar.

    Raises:
        ValueError: if the temperature isn't positive, shapes don't fit or, on the CPU, labels are out of range.
    """
    to_proxy, to_others, same, others = _similarities(embeddings, proxies, labels, temperature)
    attraction = (to_proxy - positive_margin / temperature).clamp(max=0)
    closeness = to_others - negative_margin / temperature
    repulsion = F.relu(closeness)
    if released_scaling:
        repulsion = repulsion - closeness.detach().masked_fill(~others, -torch.inf).amax(1, keepdim=True)
    repulsion = repulsion.masked_fill(same | ~others, -torch.inf)
    costs = torch.cat((attraction, repulsion), dim=1).logsumexp(1) - attraction.squeeze(1)
    return _mean_of_labeled(costs, labels)


def embeddings_of_reals(cost: EmbeddingCost) -> Term:
    """Return the discriminator's term: `cost` of the reals' embeddings at their labels.

    The discriminator's head must be an `EmbeddingHead`, or another with `embed(features)` and `proxies`. The rows
    of all processes are compared; with gradient accumulation, each micro-batch is compared by itself. The term raises
    ValueError for another head, or without labels.
    """

    def term(turn: Turn) -> Tensor:
        return _cost(cost, turn, turn.real_verdict, turn.batch.condition)

    return term


def embeddings_of_fakes(cost: EmbeddingCost) -> Term:
    """Return the generator's term: `cost` of the fakes' embeddings at the labels they were generated under.

    Head, processes and errors are those of `embeddings_of_reals`.
    """

    def term(turn: Turn) -> Tensor:
        return _cost(cost, turn, turn.fake_verdict, turn.fake_condition)

    return term


def _cost(cost: EmbeddingCost, turn: Turn, verdict: Verdict, condition: Condition) -> Tensor:
    head = getattr(turn.game.discriminator, "head", None)
    if head is None or not hasattr(head, "embed") or not hasattr(head, "proxies") or not verdict.features:
        raise ValueError(
            "this term needs embeddings, and the discriminator has none: build it with "
            "head=partial(EmbeddingHead, num_classes=K)"
        )
    if not isinstance(condition, Tensor):
        raise ValueError("this term compares images by class, and there is no tensor of labels [B] to go by")
    embeddings = rows_of_all_ranks(head.embed(verdict.features[-1]))
    return cost(embeddings, head.proxies.weight, rows_of_all_ranks(condition))


def _similarities(
    embeddings: Tensor, proxies: Tensor, labels: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return cosines / t of each row with its proxy [B, 1] and with all rows [B, B], and two masks [B, B].

    The masks are True for rows of the same class, and for rows that count (labeled, and not the row itself).
    """
    _check(embeddings, proxies, labels, temperature)
    embeddings, proxies = _directions(embeddings), _directions(proxies)
    labeled = labels != UNLABELED
    own = proxies[labels.clamp(min=0).long()]
    to_proxy = (embeddings * own).sum(1, keepdim=True) / temperature
    with full_precision(embeddings):  # the margins are finer than half precision
        to_others = embeddings @ embeddings.T / temperature
    same = labels.unsqueeze(1) == labels
    others = labeled & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return to_proxy, to_others, same, others


def _directions(vectors: Tensor) -> Tensor:
    return F.normalize(at_least_float32(vectors), dim=1)


def _mean_of_labeled(costs: Tensor, labels: Tensor) -> Tensor:
    return costs.masked_fill(labels == UNLABELED, 0).mean()


def _check(embeddings: Tensor, proxies: Tensor, labels: Tensor, temperature: float) -> None:
    fit = embeddings.dim() == proxies.dim() == 2 and embeddings.shape[1] == proxies.shape[1]
    if not fit or labels.shape != embeddings.shape[:1] or not len(labels):
        raise ValueError(
            "embeddings [B, F], proxies [K, F] and labels [B] must fit together, with B at least 1; got "
            f"{list(embeddings.shape)}, {list(proxies.shape)} and {list(labels.shape)}"
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers, not {labels.dtype}")
    if temperature <= 0:
        raise ValueError(f"the temperature must be positive, not {temperature}")
    check_labels(labels, len(proxies))
