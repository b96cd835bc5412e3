"""Discriminator heads: from pooled features [B, F] and a condition to scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.game import UNLABELED, Verdict


class ScalarHead(nn.Module):
    """One realness score per example, which ignores the condition: [B, F] -> [B, 1]."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, 1)

    def forward(self, features: Tensor, condition: object = None) -> Tensor:
        return self.linear(features)


class ProjectionHead(nn.Module):
    """Projection discriminator (Miyato and Koyama 2018): w h + b + <embedding[y], h>, [B, F] -> [B, 1].

    Args:
        in_features: F.
        num_classes: number of classes.
        class_bias: add a bias per class, which makes the second term output y of a linear layer, as in
            alisadeghian/PGMGAN:gan_training/models/biggan.py.
    """

    def __init__(self, in_features: int, num_classes: int, *, class_bias: bool = False) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = nn.Linear(in_features, 1)
        self.embedding = nn.Embedding(num_classes, in_features)
        self.class_bias = nn.Parameter(torch.zeros(num_classes)) if class_bias else None

    def forward(self, features: Tensor, condition: Tensor | None) -> Tensor:
        labels = require_labels(condition, "ProjectionHead")
        scores = self.linear(features) + (self.embedding(labels) * features).sum(1, keepdim=True)
        return scores if self.class_bias is None else scores + self.class_bias[labels].unsqueeze(1)

    def class_scores(self, features: Tensor) -> Tensor:
        """Return D(x, k) for every class k: [B, F] -> [B, K]."""
        return self.linear(features) + nn.functional.linear(features, self.embedding.weight, self.class_bias)


class ClassifierHead(nn.Module):
    """One score per class and extra slot, which ignores the condition: [B, F] -> [B, num_outputs].

    Args:
        in_features: F.
        num_outputs: classes plus extra slots: K + 2 (real, fake) for the omni-loss, K + 1 for a fake class.
    """

    def __init__(self, in_features: int, num_outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, num_outputs)

    def forward(self, features: Tensor, condition: object = None) -> Tensor:
        return self.linear(features)


class SelectHead(nn.Module):
    """One linear score per class, of which the condition selects one: [B, F] -> [B]; the others get no gradient.

    Follows stevliu/self-conditioned-gan:gan_training/models/blocks.py (LinearConditionalMaskLogits).

    Args:
        in_features: F.
        num_classes: number of classes.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = nn.Linear(in_features, num_classes)

    def forward(self, features: Tensor, condition: Tensor | None) -> Tensor:
        labels = require_labels(condition, "SelectHead")
        return self.linear(features).gather(1, labels.unsqueeze(1)).squeeze(1)

    def class_scores(self, features: Tensor) -> Tensor:
        """Return D(x, k) for every class k: [B, F] -> [B, K]."""
        return self.linear(features)


class ProjectionClassifierHead(nn.Module):
    """A projection head and an auxiliary class head (Multi-hinge GAN, figure 9): scores [B, 1] and classes [B, K].

    An example without a label (UNLABELED, -1) is scored for its most likely class according to the class head in the
    same forward: the pseudo-label of the paper's section 2.2. No gradient flows through that choice.

    Args:
        in_features: F.
        num_classes: K.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = nn.Linear(in_features, 1)
        self.embedding = nn.Embedding(num_classes, in_features)
        self.classes = nn.Linear(in_features, num_classes)

    def forward(self, features: Tensor, condition: Tensor | None) -> Verdict:
        labels = require_labels(condition, "ProjectionClassifierHead")
        classes = self.classes(features)
        labels = torch.where(labels == UNLABELED, classes.detach().argmax(1), labels)
        scores = self.linear(features) + (self.embedding(labels) * features).sum(1, keepdim=True)
        return Verdict((scores,), classes)


class SharedProjectionHead(nn.Module):
    """A projection head whose embedding is also the class head (MHSharedGAN): classes = h E^T, and scores = w h + b +
    classes[y].

    Every row needs a label: before the class scores are trained, the most likely class is no useful pseudo-label.

    Args:
        in_features: F.
        num_classes: K.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = nn.Linear(in_features, 1)
        self.embedding = nn.Embedding(num_classes, in_features)

    def forward(self, features: Tensor, condition: Tensor | None) -> Verdict:
        labels = require_labels(condition, "SharedProjectionHead")
        classes = nn.functional.linear(
            features, self.embedding.weight
        )  # read once: a weight rule may compute it
        return Verdict((self.linear(features) + classes.gather(1, labels.unsqueeze(1)),), classes)


def judge(
    features: Tensor, condition: Tensor | None, head: nn.Module, class_head: nn.Module | None = None
) -> Verdict:
    """Apply the heads to the features.

    Args:
        features: [B, F].
        condition: labels [B], or what else the heads take.
        head: called as head(features, condition) -> scores or Verdict.
        class_head: an auxiliary class head with the same arguments, used if `head` returns scores.
    Returns:
        A Verdict with the features; its `classes` are the logits of the class head, or those of a Verdict from `head`.
    """
    answer = head(features, condition)
    if isinstance(answer, Verdict):
        return Verdict(answer.scores, answer.classes, (features,))
    classes = None if class_head is None else class_head(features, condition)
    return Verdict(scores=(answer,), classes=classes, features=(features,))


def require_labels(condition: object, who: str) -> Tensor:
    """Return the condition, which must be a tensor of labels.

    Args:
        condition: a condition of any type.
        who: subject of the error message.
    Raises:
        ValueError: if it is None or no integer tensor.
    """
    if not isinstance(condition, Tensor) or condition.is_floating_point():
        kind = "None" if condition is None else f"{type(condition).__name__}"
        if isinstance(condition, Tensor):
            kind = f"a {condition.dtype} tensor"
        raise ValueError(
            f"{who} is conditional and was given {kind} as condition; pass int64 labels of shape [B], "
            "or build the network without classes."
        )
    return condition
