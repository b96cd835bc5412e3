"""Initializations of whole networks, which a recipe calls (or passes on) before it normalizes weights.

Each fills the weights of all convolutions, linear layers and embeddings in place, from torch's global generator, and
returns the network. Biases keep torch's defaults, as in ajbrock/BigGAN-PyTorch (the Glorot initialization can set them
to zero, as TensorFlow does). A submodule with the attribute `initializes_itself` (True) does not change.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms.normalizable import Normalizable

Initialization = Callable[[nn.Module], nn.Module]
"""network -> the same network, initialized in place."""


def normal_initialization(network: nn.Module, *, std: float = 0.02) -> nn.Module:
    """Draw weights from N(0, std^2).

    Args:
        network: the network to initialize, before its weights are normalized.
        std: standard deviation.
    Raises:
        ValueError: if a weight is normalized already.
    """
    for weight in _weights(network):
        nn.init.normal_(weight, 0.0, std)
    return network


def orthogonal_initialization(network: nn.Module, *, gain: float = 1.0) -> nn.Module:
    """Draw weights that, as matrices [out, rest], have orthonormal rows or columns times gain.

    Args:
        network: the network to initialize, before its weights are normalized.
        gain: length of the rows or columns.
    Raises:
        ValueError: if a weight is normalized already.
    """
    for weight in _weights(network):
        nn.init.orthogonal_(weight, gain)
    return network


def glorot_uniform_initialization(
    network: nn.Module, *, gain: float = 1.0, zero_biases: bool = False
) -> nn.Module:
    """Draw weights uniformly from +- gain * sqrt(6 / (fan in + fan out)).

    Args:
        network: the network to initialize, before its weights are normalized.
        gain: factor of the bounds.
        zero_biases: whether to set the biases of these layers to zero.
    Raises:
        ValueError: if a weight is normalized already.
    """
    for layer in _layers(network):
        nn.init.xavier_uniform_(layer.weight, gain)
        _zero_bias(layer, zero_biases)
    return network


def glorot_normal_initialization(
    network: nn.Module, *, gain: float = 0.02, zero_biases: bool = True
) -> nn.Module:
    """Draw weights from N(0, 2 gain^2 / (fan in + fan out)).

    The defaults are those of SPADE's generator, encoder and critic (NVlabs/SPADE: "xavier", gain 0.02).

    Args:
        network: the network to initialize, before its weights are normalized.
        gain: factor of the standard deviations.
        zero_biases: whether to set the biases of these layers to zero.
    Raises:
        ValueError: if a weight is normalized already.
    """
    for layer in _layers(network):
        nn.init.xavier_normal_(layer.weight, gain)
        _zero_bias(layer, zero_biases)
    return network


def kaiming_normal_initialization(
    network: nn.Module, *, scale: float = 1.0, zero_biases: bool = True
) -> nn.Module:
    """Draw weights from N(0, 2 scale^2 / fan in).

    xinntao/BasicSR initializes the residual branches of its super-resolution networks in this way, with scale 0.1.

    Args:
        network: the network to initialize, before its weights are normalized.
        scale: factor of the standard deviations.
        zero_biases: whether to set the biases of these layers to zero.
    Raises:
        ValueError: if a weight is normalized already.
    """
    for layer in _layers(network):
        nn.init.kaiming_normal_(layer.weight)
        layer.weight.data.mul_(scale)
        _zero_bias(layer, zero_biases)
    return network


def _zero_bias(layer: nn.Module, zero: bool) -> None:
    bias: Tensor | None = getattr(layer, "bias", None)
    if zero and bias is not None:
        nn.init.zeros_(bias)


def _weights(network: nn.Module) -> list[Tensor]:
    return [layer.weight for layer in _layers(network)]


def _layers(network: nn.Module) -> list[Normalizable]:
    """Return the layers to fill."""
    self_initialized = {
        layer
        for module in network.modules()
        if getattr(module, "initializes_itself", False)
        for layer in module.modules()
    }
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, Normalizable) and layer not in self_initialized
    }
    for name, layer in layers.items():
        if parametrize.is_parametrized(layer, "weight"):
            raise ValueError(
                f"the weight of {name!r} is normalized already, so it can't be initialized; initialize first, then "
                "call normalize_weights."
            )
    return list(layers.values())
