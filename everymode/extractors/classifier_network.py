"""The network of the small classifier: four convolutions, two max poolings, global average pooling, a linear layer."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.extractors.extractor import Activations

__all__ = ["ClassifierNetwork"]


class ClassifierNetwork(nn.Module):
    """Map images [N, channels, H, W] in 0 .. 255 to "penultimate" and "stage2" features and logits [N, num_classes].

    Images may have any size of at least 8 pixels.

    Args:
        channels: number of input channels, 1 or 3.
        num_classes: number of classes.
        width: channels of the first convolution; the last one has four times as many.
    """

    smallest = 8

    def __init__(self, channels: int, num_classes: int, *, width: int) -> None:
        super().__init__()
        widths = (channels, width, 2 * width, 2 * width, 4 * width)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, bias=False) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for after in widths[1:])
        self.classify = nn.Linear(4 * width, num_classes)
        self.layers = {"penultimate": 4 * width, "stage2": 2 * width}

    def forward(self, images: Tensor) -> Activations:
        x = images / 127.5 - 1
        middle = x
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = F.relu(norm(convolution(x)))
            if number in (0, 2):
                x = F.max_pool2d(x, 2)
            if number == 2:
                middle = x
        pooled = x.mean((2, 3))
        return Activations({"penultimate": pooled, "stage2": middle.mean((2, 3))}, self.classify(pooled))
