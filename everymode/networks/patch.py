"""The critic of SPADE, which scores overlapping patches of pictures at several scales.

Park et al. 2019 (NVlabs/SPADE), after pix2pixHD.
"""

from __future__ import annotations

import itertools
import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.circular import CircularConv2d
from everymode.networks.map_planes import MapPlanes
from everymode.norms.weight import prepared_weights

WIDEST = 512
"""Largest number of channels."""
_SPECTRAL = re.compile(r"(^|\.)convolutions\.[1-9]\d*$")


class PatchDiscriminator(nn.Module):
    """A critic: pictures [B, C, H, W] and label maps -> Verdict with one map of scores [B, outputs, h, w] per scale.

    Its input is [one-hot planes of the map, edges, picture]; each further scale receives the input of the one before
    after 3x3 mean pooling with stride 2, which does not count the padding. At each scale 4x4 convolutions with padding
    2, stride 2 (the last one: stride 1) and leaky ReLU 0.2 are followed by a 4x4 convolution to the scores. The
    features are one tuple per scale: the activations after each convolution but the last.

    The published critic has instance normalization after all convolutions but the first and the last
    (`instance_norm=True`; Cityscapes: 5,601,410 parameters). It cancels every scale of the convolution before it, so a
    weight rule has no effect there; the default is without. `patch_spectral_layers` names the convolutions that
    are spectrally normalized in the released code: exactly those.

    Args:
        in_channels: channels of the input, planes and pictures.
        width: channels of the first convolution; they double up to 512.
        layers: number of convolutions before the one to the scores.
        scales: number of scales.
        outputs: scores per position: 1, or number of classes + 2 for the omni-loss.
        instance_norm: True = instance normalization without affine, and no biases before it.
        circular: circular padding in all convolutions, as in Sparsity-Aware Normalization; zeros otherwise.
        num_classes: number of classes of the label maps; 0 = the critic ignores the condition and sees the picture
            alone.
        extra_channels: number of further maps; 1 for instance edges.
        dont_care: whether void pixels have a plane.
    Raises:
        ValueError: if a number is below 1, or no channel is left for the picture.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 64,
        layers: int = 4,
        scales: int = 2,
        outputs: int = 1,
        instance_norm: bool = False,
        circular: bool = False,
        num_classes: int = 0,
        extra_channels: int = 0,
        dont_care: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("layers", layers), ("scales", scales), ("outputs", outputs)):
            if value < 1:
                raise ValueError(f"{name} is {value}; PatchDiscriminator needs at least 1")
        if num_classes == 0 and (extra_channels or dont_care):
            raise ValueError(
                "extra_channels and dont_care belong to label maps, but num_classes is 0; pass the number of classes"
            )
        self.maps = MapPlanes(num_classes, extra_channels, dont_care) if num_classes else None
        planes = self.maps.channels if self.maps else 0
        if in_channels <= planes:
            raise ValueError(
                f"in_channels is {in_channels}, of which the label maps take {planes}; add the picture's channels"
            )
        self.in_channels = in_channels
        self.critics = nn.ModuleList(
            _Scale(in_channels, width, layers, outputs, instance_norm=instance_norm, circular=circular)
            for _ in range(scales)
        )

    def forward(self, x: Tensor, condition: object = None) -> Verdict:
        """Score pictures.

        Args:
            x: [B, C, H, W].
            condition: int64 maps [B, h, w] or (maps, edges), as for `SpadeGenerator`; ignored with num_classes=0.
        Raises:
            ValueError: if the condition has another form.
        """
        planes = None
        if self.maps is not None:
            maps, extras = self.maps.read(condition, type(self).__name__)
            planes = self.maps.planes(maps, extras, (x.shape[2], x.shape[3]), x.dtype)
        features, scores = zip(*self._judge(x, planes), strict=True)
        return Verdict(scores=scores, features=features)

    def features(self, x: Tensor, condition: object = None) -> Tensor:
        """Return [B, F]: means over the positions of the last activations of every scale, concatenated.

        They need no condition: a critic of label maps sees planes of zeros, as if every pixel were void.

        Args:
            x: [B, C, H, W].
            condition: ignored.
        """
        return _pooled(self._judge(x, self._void_planes(x)))

    def block_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of every scale, shallow to deep, then `features(x)`.

        Args:
            x: [B, C, H, W].
        """
        with prepared_weights(self):
            judged = self._judge(x, self._void_planes(x))
        return (*(activation for layers, _ in judged for activation in layers), _pooled(judged))

    def _void_planes(self, x: Tensor) -> Tensor | None:
        return None if self.maps is None else x.new_zeros(len(x), self.maps.channels, *x.shape[2:])

    def _judge(self, x: Tensor, planes: Tensor | None) -> list[tuple[tuple[Tensor, ...], Tensor]]:
        """Return the activations and the scores of each scale."""
        joined = x if planes is None else torch.cat((planes, x), dim=1)
        if joined.shape[1] != self.in_channels:
            raise ValueError(
                f"PatchDiscriminator was built for {self.in_channels} channels, label planes and picture, and was "
                f"given {joined.shape[1]}; build it with in_channels={joined.shape[1]}"
            )
        results = []
        for index, critic in enumerate(self.critics):
            if index:
                joined = F.avg_pool2d(joined, 3, stride=2, padding=1, count_include_pad=False)
            results.append(critic(joined))
        return results


def _pooled(judged: list[tuple[tuple[Tensor, ...], Tensor]]) -> Tensor:
    return torch.cat([layers[-1].mean((2, 3)) for layers, _ in judged], dim=1)


def patch_spectral_layers(name: str, layer: nn.Module) -> bool:
    """Return whether a layer of a `PatchDiscriminator` is spectrally normalized in the released code.

    An `include` of `normalize_weights`. These are all convolutions but the first and the last one of each scale.

    Args:
        name: qualified name of the layer in its network.
        layer: the layer.
    """
    return _SPECTRAL.search(name) is not None


class _Scale(nn.Module):
    """The critic of one scale: [B, in, H, W] -> (activations, scores [B, outputs, h, w])."""

    def __init__(
        self, ins: int, width: int, layers: int, outputs: int, *, instance_norm: bool, circular: bool
    ) -> None:
        super().__init__()
        convolution = CircularConv2d if circular else nn.Conv2d
        widths = [ins, *(min(width * 2**index, WIDEST) for index in range(layers))]
        normalized = [instance_norm and index > 0 for index in range(layers)]
        strides = [1 if 0 < index == layers - 1 else 2 for index in range(layers)]
        self.convolutions = nn.ModuleList(
            convolution(before, after, 4, stride=stride, padding=2, bias=not norm)
            for (before, after), stride, norm in zip(
                itertools.pairwise(widths), strides, normalized, strict=True
            )
        )
        self.norms = nn.ModuleList(
            nn.InstanceNorm2d(after) if norm else nn.Identity()
            for after, norm in zip(widths[1:], normalized, strict=True)
        )
        self.output = convolution(widths[-1], outputs, 4, padding=2)

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        activations: list[Tensor] = []
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.leaky_relu(norm(convolution(x)), 0.2)
            activations.append(x)
        return tuple(activations), self.output(x)
