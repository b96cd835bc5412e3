"""An encoder from images to latent codes and classes, made of one small network per inverted layer of the generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.inversion.classes import ClassTarget, predicted_labels

__all__ = ["Encoded", "Encoder"]

NEGATIVE_SLOPE = 0.2


class Encoded(NamedTuple):
    """Output of an encoder for a batch of images.

    Attributes:
        z: estimated latent codes, [B, Z].
        class_logits: [B, K], or a tuple with one tensor per label block; None for an unconditional generator.
        layers: estimates of the inverted layers' outputs, in the order of `Encoder.layers`.
        features: the estimate of the shallowest inverted layer, which Eq. 4 compares: [B, C, h, w].
    """

    z: Tensor
    class_logits: Tensor | tuple[Tensor, ...] | None
    layers: tuple[Tensor, ...]
    features: Tensor

    @property
    def label(self) -> Tensor | None:
        """Most probable classes, int64 [B] or [B, blocks]; None for an unconditional generator."""
        return None if self.class_logits is None else predicted_labels(self.class_logits)


class LayerEncoder(nn.Module):
    """Small network from the output of one layer (or images) to the output of an earlier one.

    Two 3x3 convolutions with batch normalization and leaky ReLU, at the input's and at the output's size, and a 1x1
    convolution.

    Args:
        inputs: channels of its input.
        outputs: channels of its output.
        size: (h, w) of its output.
        width: channels in between.
        normalize: whether each position's input is divided by its root mean square over channels (pixel
            normalization).
    """

    def __init__(
        self, inputs: int, outputs: int, size: tuple[int, int], *, width: int, normalize: bool
    ) -> None:
        super().__init__()
        self.size, self.normalize = size, normalize
        self.first = nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.last = nn.Conv2d(width, outputs, 1)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return the estimated output [B, outputs, h, w], and the means of the last hidden maps [B, width]."""
        hidden = F.leaky_relu(self.first(pixel_normalized(h) if self.normalize else h), NEGATIVE_SLOPE)
        hidden = F.leaky_relu(self.second(F.adaptive_avg_pool2d(hidden, self.size)), NEGATIVE_SLOPE)
        return self.last(hidden), hidden.mean((2, 3))


class ReadOut(nn.Module):
    """Two linear layers from the shallowest estimated layer and pooled features to the latent code and the class.

    The pooled features of all layer encoders are inputs too: the class, and in hierarchical generators most of z,
    enters the generator after its first layer.

    Args:
        inputs: length of the flattened layer and the pooled features together.
        latent_dim: length of z.
        class_outputs: length of the class prediction; 0 for none.
        width: hidden width.
    """

    def __init__(self, inputs: int, latent_dim: int, class_outputs: int, *, width: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.first = nn.Sequential(nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width))
        self.last = nn.Linear(width, latent_dim + class_outputs)

    def forward(self, layer: Tensor, pooled: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return z [B, latent_dim] and the class prediction [B, class_outputs]."""
        joined = torch.cat((pixel_normalized(layer).flatten(1), *pooled), dim=1)
        both = self.last(F.leaky_relu(self.first(joined), NEGATIVE_SLOPE))
        return both[:, : self.latent_dim], both[:, self.latent_dim :]


class Encoder(nn.Module):
    """Encoder of generated images: image -> deepest inverted layer -> ... -> shallowest one -> z and class.

    Args:
        layers: indices of the inverted layers, increasing.
        shapes: (C, h, w) of their outputs.
        channels: image channels.
        latent_dim: length of z.
        classes: how the class is predicted; None for an unconditional generator.
        width: channels of the layer encoders.

    Attributes:
        facts: settings of the fit, and scores on generated images that it did not see; empty before the fit.
    """

    def __init__(
        self,
        layers: Sequence[int],
        shapes: Sequence[tuple[int, int, int]],
        *,
        channels: int,
        latent_dim: int,
        classes: ClassTarget | None,
        width: int = 64,
    ) -> None:
        super().__init__()
        self.layers, self.classes, self.latent_dim = tuple(layers), classes, latent_dim
        self.channels = channels
        inputs = [channels, *(shape[0] for shape in reversed(shapes))]
        self.links = nn.ModuleList(
            LayerEncoder(before, after, shape[1:], width=width, normalize=number > 0)
            for number, ((before, after), shape) in enumerate(
                zip(pairwise(inputs), reversed(shapes), strict=True)
            )
        )
        """Deepest layer first."""
        first = shapes[0][0] * shapes[0][1] * shapes[0][2]
        self.read_out = ReadOut(
            first + width * len(shapes),
            latent_dim,
            0 if classes is None else classes.outputs,
            width=4 * width,
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, NEGATIVE_SLOPE)
        self.facts: Mapping[str, float | int] = {}

    def forward(self, x: Tensor) -> Encoded:
        """Return estimates for images [B, C, H, W] in [-1, 1].

        Raises:
            ValueError: if the images have another number of channels than those of the generator.
        """
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(
                f"the images have shape {list(x.shape)}, and the encoder is of a generator with {self.channels} "
                f"channels; pass [B, {self.channels}, H, W]"
            )
        estimates, pooled, h = [], [], x
        for link in self.links:
            h, mean = link(h)
            estimates.append(h)
            pooled.append(mean)
        return self._encoded(h, pooled, estimates[::-1])

    def by_layer(self, x: Tensor, truths: Sequence[Tensor]) -> Encoded:
        """Return the estimates of each layer encoder from its true input, for training them separately.

        Args:
            x: images [B, C, H, W] in [-1, 1].
            truths: true outputs of the inverted layers, in the order of `layers`.
        """
        deepest_first = list(reversed(truths))
        outputs = [link(h) for link, h in zip(self.links, (x, *deepest_first[:-1]), strict=True)]
        estimates = [estimate for estimate, _ in outputs]
        return self._encoded(deepest_first[-1], [mean for _, mean in outputs], estimates[::-1])

    def features(self, x: Tensor) -> Tensor:
        """Return the features of images that Eq. 4 compares: the estimate of the shallowest inverted layer."""
        return self(x).features

    def _encoded(self, layer: Tensor, pooled: Sequence[Tensor], estimates: Sequence[Tensor]) -> Encoded:
        z, predicted = self.read_out(layer, pooled)
        logits = None if self.classes is None else self.classes.logits(predicted)
        return Encoded(z, logits, tuple(estimates), layer)


def pixel_normalized(h: Tensor) -> Tensor:
    """Return features divided by the root of their mean square over channels, at each position: [B, C, h, w]."""
    return h * (h.square().mean(1, keepdim=True) + 1e-8).rsqrt()
