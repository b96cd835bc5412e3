"""Initial weights of whole networks, as functions that a recipe calls (or passes on) before it normalizes
weights.

Each fills the weights of all convolutions, linear layers and embeddings, in place, from torch's global
generator, and leaves biases at the framework's defaults, as ajbrock/BigGAN-PyTorch does (Glorot's can set
them to zero, as TensorFlow does). A part of the network with the attribute `initializes_itself` (True) stays
as it is. Each returns the network.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.utils import parametrize

Initialization = Callable[[nn.Module], nn.Module]


def normal_initialization(network: nn.Module, *, std: float = 0.02) -> nn.Module:
    """Weights from N(0, std^2)."""
    for weight in _weights(network):
        nn.init.normal_(weight, 0.0, std)
    return network


def orthogonal_initialization(network: nn.Module, *, gain: float = 1.0) -> nn.Module:
    """Weights, as matrices [out, the rest], with orthonormal rows or columns times gain."""
    for weight in _weights(network):
        nn.init.orthogonal_(weight, gain)
    return network


def glorot_uniform_initialization(
    network: nn.Module, *, gain: float = 1.0, zero_biases: bool = False
) -> nn.Module:
    """Weights uniform in +- gain * sqrt(6 / (fan in + fan out))."""
    for layer in _layers(network):
        nn.init.xavier_uniform_(layer.weight, gain)
        if zero_biases and getattr(layer, "bias", None) is not None:
            nn.init.zeros_(layer.bias)
    return network


def _weights(network: nn.Module) -> list[Tensor]:
    return [layer.weight for layer in _layers(network)]


def _layers(network: nn.Module) -> list[nn.Module]:
    """The layers to fill."""
    settled = {
        layer
        for part in network.modules()
        if getattr(part, "initializes_itself", False)
        for layer in part.modules()
    }
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding)
        and layer not in settled
    }
    for name, layer in layers.items():
        if parametrize.is_parametrized(layer, "weight"):
            raise ValueError(
                f"the weight of {name!r} is normalized already, so it can't be filled; initialize first, "
                "then call normalize_weights."
            )
    return list(layers.values())
