"""Loading and saving of released weights in the layouts of `everymode.exchange.picture_layouts`.

A layer under spectral norm is stored as torch's `spectral_norm` stores it: `weight_orig`, and the vectors `weight_u`
[out] and `weight_v` [rest], with sigma = u W v in eval mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.exchange.dividing import divided_by_stored, right_vector
from everymode.exchange.fitting import require_match
from everymode.exchange.picture_layouts import released_names, usable
from everymode.norms.normalizable import weight_parametrizations
from everymode.norms.spectral import SpectralNorm

_Network = TypeVar("_Network", bound=nn.Module)


def load_pictures(network: _Network, state: Mapping[str, Tensor], layout: str) -> _Network:
    """Load a released state dict into a network, in-place; see `load_released`.

    Args:
        network: built with the released numbers; it is changed.
        state: released name -> tensor.
        layout: one of PICTURE_LAYOUTS.
    Returns:
        `network`.
    Raises:
        ValueError: if names are missing or unknown, shapes differ, or a normalized layer has no vector. The network is
            then unchanged.
    """
    ours = {theirs: name for name, theirs in released_names(network, layout).items()}
    layers = dict(network.named_modules())
    given = usable(state, network, layout)
    translated: dict[str, Tensor] = {}
    for name, value in given.items():
        path, _, leaf = name.rpartition(".")
        if leaf in ("weight_u", "weight_v"):
            continue
        spectral = leaf == "weight_orig"
        own = ours.get(f"{path}.weight" if spectral else name, name)
        layer = own.removesuffix(".weight")
        vector = given.get(f"{path}.weight_u")
        normalized = own.endswith(".weight") and _is_parametrized(layers.get(layer))
        if normalized and (not spectral or vector is None):
            raise ValueError(
                f"layer {layer!r} is normalized, but the released weights hold no weight_orig and weight_u for it "
                f"({path}); load them before normalize_weights, or exclude that layer with `include`"
            )
        if normalized and vector is not None:
            translated[f"{layer}.parametrizations.weight.original"] = value
            translated[f"{layer}.parametrizations.weight.0.u"] = vector.reshape(1, -1)
        elif spectral and vector is not None:
            translated[own] = divided_by_stored(value, vector, given.get(f"{path}.weight_v"))
        else:
            translated[own] = value
    named = set(ours.values())
    others = {name: value for name, value in network.state_dict().items() if _without_rule(name) not in named}
    require_match(network, translated | others)
    if any(value.dtype == torch.float64 for value in translated.values()):
        network.double()
    network.load_state_dict(translated, strict=False)
    return network


def save_pictures(network: nn.Module, layout: str) -> dict[str, Tensor]:
    """Return the network's weights under their released names; see `save_released`.

    Args:
        network: a network of the layout, unchanged.
        layout: one of PICTURE_LAYOUTS.
    Raises:
        ValueError: if the layout is unknown, or a layer has a weight normalization that released code lacks.
    """
    values = network.state_dict()
    saved: dict[str, Tensor] = {}
    for name, released in released_names(network, layout).items():
        if name in values:
            saved[released] = values[name]
            continue
        path = name.removesuffix(".weight")
        parametrizations = weight_parametrizations(network.get_submodule(path))
        rule = parametrizations[0]
        if layout != "spade" or len(parametrizations) != 1 or not isinstance(rule, SpectralNorm):
            raise ValueError(
                f"{path} has a weight normalization that the released code of layout {layout!r} doesn't have; call "
                "remove_normalization(network) on a copy first, and save that"
            )
        weight, vector = values[f"{path}.parametrizations.weight.original"], rule.u.flatten()
        saved[f"{released}_orig"] = weight
        saved[f"{released}_u"] = vector
        saved[f"{released}_v"] = right_vector(weight, vector)
    return {name: value.detach().cpu().clone() for name, value in saved.items()}


def _without_rule(name: str) -> str:
    """Return the name that a tensor, or the weight to which a rule's buffer belongs, has without a weight rule."""
    path, ruled, _ = name.partition(".parametrizations.weight.")
    return f"{path}.weight" if ruled else name


def _is_parametrized(layer: nn.Module | None) -> bool:
    return layer is not None and parametrize.is_parametrized(layer, "weight")
