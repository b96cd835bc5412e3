"""Every discriminator body with every head: one pass, scores of the head's shape, gradients everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from everymode.game import Verdict
from everymode.networks.biggan import BigGANDiscriminator, discriminator_layout
from everymode.networks.dcgan import DeepDiscriminator, ShallowDiscriminator
from everymode.networks.embedding_head import EmbeddingHead
from everymode.networks.heads import (
    ClassifierHead,
    ProjectionClassifierHead,
    ProjectionHead,
    ScalarHead,
    SelectHead,
    SharedProjectionHead,
)
from everymode.networks.resnet import ResNetDiscriminator

SIZE, CLASSES = (16, 16), 3
LAYOUT = discriminator_layout(SIZE, 4)
Head = Callable[[int], nn.Module]

BODIES = {
    "biggan": partial(BigGANDiscriminator, SIZE, widths=LAYOUT.widths, halvings=LAYOUT.halvings, channels=1),
    "resnet": partial(ResNetDiscriminator, SIZE, widths=(8, 8, 8), channels=1),
    "dcgan shallow": partial(ShallowDiscriminator, SIZE, base=4, channels=1),
    "dcgan deep": partial(DeepDiscriminator, SIZE, base=4, channels=1),
}
HEADS: dict[str, tuple[Head, Head | None, int, int | None]] = {
    # head, class head, columns of the scores (0: none), columns of the classes (None: no classes)
    "scalar": (ScalarHead, None, 1, None),
    "projection": (partial(ProjectionHead, num_classes=CLASSES), None, 1, None),
    "omni": (partial(ClassifierHead, num_outputs=CLASSES + 2), None, CLASSES + 2, None),
    "K + 1": (partial(ClassifierHead, num_outputs=CLASSES + 1), None, CLASSES + 1, None),
    "selected": (partial(SelectHead, num_classes=CLASSES), None, 0, None),
    "AC-GAN": (ScalarHead, partial(ClassifierHead, num_outputs=CLASSES), 1, CLASSES),
    "ImAC-GAN": (ScalarHead, partial(ClassifierHead, num_outputs=CLASSES + 1), 1, CLASSES + 1),
    "multi-hinge": (partial(ProjectionClassifierHead, num_classes=CLASSES), None, 1, CLASSES),
    "shared": (partial(SharedProjectionHead, num_classes=CLASSES), None, 1, CLASSES),
    "embedding": (partial(EmbeddingHead, num_classes=CLASSES, embedding_dim=4), None, 1, CLASSES),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", HEADS)
def test_every_body_takes_every_head(body: str, name: str) -> None:
    torch.manual_seed(0)
    head, class_head, columns, classes = HEADS[name]
    discriminator = BODIES[body](head=head, class_head=class_head)
    images, labels = torch.randn(5, 1, *SIZE), torch.tensor([0, 1, 2, 1, 0])
    verdict = Verdict.of(discriminator(images, labels))
    (scores,) = verdict.scores
    assert scores.shape == ((5, columns) if columns else (5,))
    assert (verdict.classes is None) == (classes is None)
    assert classes is None or verdict.classes.shape == (5, classes)
    torch.testing.assert_close(verdict.features[-1], discriminator.features(images))
    total = scores.square().sum() + (0 if classes is None else verdict.classes.square().sum())
    total.backward()
    untouched = [key for key, parameter in discriminator.named_parameters() if parameter.grad is None]
    assert not untouched
