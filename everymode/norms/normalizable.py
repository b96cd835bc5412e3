"""Types of the layers that weight rules apply to, and typed access to their geometry and parametrizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

Convolution = nn.Conv2d | nn.ConvTranspose2d
Normalizable = nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding
"""Layers whose `weight` a rule may normalize."""

_Function = TypeVar("_Function", bound=Callable[..., object])


def dilation_of(layer: Normalizable) -> tuple[int, int]:
    """Return a convolution's (vertical, horizontal) dilation, and (1, 1) for any other layer."""
    return (layer.dilation[0], layer.dilation[1]) if isinstance(layer, Convolution) else (1, 1)


def output_stride(layer: Normalizable) -> tuple[int, int]:
    """Return a transposed convolution's (vertical, horizontal) stride, and (1, 1) for any other layer."""
    return (layer.stride[0], layer.stride[1]) if isinstance(layer, nn.ConvTranspose2d) else (1, 1)


def normalizable_layer(network: nn.Module, name: str) -> Normalizable:
    """Return the layer with this qualified name, which `layer_grids` or `normalize_weights` has listed."""
    return cast(Normalizable, network.get_submodule(name))  # both list no other kinds of layers


def weight_parametrizations(layer: nn.Module) -> ParametrizationList:
    """Return the parametrizations of a parametrized layer's weight; their `original` is the stored parameter."""
    # torch builds `parametrizations` as a ModuleDict of ParametrizationLists, but declares no types for them.
    return cast(ParametrizationList, cast(nn.ModuleDict, layer.parametrizations).weight)


def not_compiled(function: _Function) -> _Function:
    """Exclude a function from torch.compile: compiled code calls it uncompiled."""
    return cast(_Function, torch.compiler.disable(function))  # torch declares no precise type of the result
