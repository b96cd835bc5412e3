"""Feature extractors: a network with its weights' hash, input size, resizing rule, layers and classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from everymode.extractors.resizing import ResizeRule

__all__ = ["Activations", "Extractor"]


class Activations(NamedTuple):
    """Outputs of an extractor's network for N images.

    Attributes:
        features: layer -> float [N, D].
        logits: float [N, K] if the network is a classifier, otherwise None.
    """

    features: Mapping[str, Tensor]
    logits: Tensor | None = None


@dataclass(frozen=True)
class Extractor:
    """A network with everything that a metric computed from its features depends on.

    Attributes:
        name: family and size, such as "lite0-128"; part of every metric's name.
        weights_hash: SHA-256 of the weights, 64 hexadecimal digits.
        input_size: (H, W) of the network's input; images of another size or aspect ratio are stretched to it.
        resize: resizing rule.
        layers: width D of each layer; the first one is the default.
        network: maps resized images [N, channels, H, W], float32 in 0 .. 255, to `Activations`. It normalizes its
            input itself, must treat each image of a batch independently, and runs in eval mode.
        channels: number of input channels, 1 (gray) or 3 (RGB).
        num_classes: number of classes K if the network is a classifier, otherwise None.
        published_names: names that the literature reserves for metrics over this extractor's default layer, such as
            {"fd": "fid"} for TensorFlow's Inception only.

    Raises:
        ValueError: if there is no layer, or if the channels or the input size are invalid.
    """

    name: str
    weights_hash: str
    input_size: tuple[int, int]
    resize: ResizeRule
    layers: Mapping[str, int]
    network: Callable[[Tensor], Activations] = field(repr=False)
    channels: int = 3
    num_classes: int | None = None
    published_names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError(f"the extractor {self.name} has no layers; give at least one, layer -> width")
        if self.channels not in (1, 3):
            raise ValueError(
                f"the extractor {self.name} has {self.channels} input channels; choose 1 (gray) or 3 (RGB)"
            )
        if min(self.input_size) < 1:
            raise ValueError(f"the extractor {self.name} has input size {self.input_size}; give (H, W) >= 1")

    @property
    def default_layer(self) -> str:
        """The first layer."""
        return next(iter(self.layers))

    def metric_name(self, metric: str, layer: str | None = None) -> str:
        """Return the full name of a metric over these features: "fd" -> "fd-lite0-128", or "fid" if it is the FID.

        Args:
            metric: short name, such as "fd" (Frechet distance), "kd" (kernel distance) or "is" (inception score).
            layer: layer of the features; it is added to the name unless it is the default one.

        Raises:
            ValueError: if the layer is unknown.
        """
        if layer is not None and layer not in self.layers:
            raise ValueError(
                f"the extractor {self.name} has no layer {layer!r}; choose one of {', '.join(self.layers)}"
            )
        if layer is not None and layer != self.default_layer:
            return f"{metric}-{self.name}-{layer}"
        return self.published_names.get(metric, f"{metric}-{self.name}")

    def facts(self) -> dict[str, Any]:
        """Return the facts about the extractor that are stored with every value, as JSON values."""
        return {
            "name": self.name,
            "weights_hash": self.weights_hash,
            "input_size": list(self.input_size),
            "resize": self.resize.name,
            "layers": dict(self.layers),
            "channels": self.channels,
            "num_classes": self.num_classes,
        }
