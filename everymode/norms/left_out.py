"""Layers whose weights a rule can't take: which they are, and why a layer may not be put under one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping

from torch import nn
from torch.nn.utils import parametrize

__all__ = ["check_layers", "require_own_weights", "warn_of_others"]

_SCALES = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
"""Their weights multiply activations one by one."""
_PREFIXES = ("weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


def warn_of_others(
    network: nn.Module, taken: Collection[nn.Module], include: Callable[[str, nn.Module], bool] | None
) -> None:
    """One UserWarning that names the included layers with weight matrices that no rule takes, if there are any."""
    found = []
    for name, layer in network.named_modules():
        if layer in taken or isinstance(layer, (*_SCALES, parametrize.ParametrizationList)):
            continue
        matrices = _matrices(layer)
        if matrices and (include is None or include(name, layer)):
            which = "" if matrices == ["weight"] else f": {', '.join(matrices)}"
            found.append(f"{name!r} ({type(layer).__name__}{which})")
    if found:
        warnings.warn(
            f"normalize_weights leaves layers of {type(network).__name__} as they are that have weight matrices, but "
            f"no rule takes: {', '.join(found)}. Where that is meant, leave them out with `include`",
            UserWarning,
            stacklevel=3,
        )


def _matrices(layer: nn.Module) -> list[str]:
    """The layer's own weight matrices, by name: those of recurrent layers and of attention have names of their own."""
    return [
        name
        for name, parameter in layer.named_parameters(recurse=False)
        if name.startswith(_PREFIXES) and parameter.dim() >= 2
    ]


def check_layers(layers: Mapping[str, nn.Module]) -> None:
    """Raise ValueError for a layer whose weight is under another normalization, ours or torch's."""
    for name, layer in layers.items():
        if parametrize.is_parametrized(layer, "weight"):
            raise ValueError(
                f"layer {name!r} is normalized already; call remove_normalization(network) first, "
                "or leave it out with `include`."
            )
        if "weight" not in layer._parameters:
            raise ValueError(
                f"layer {name!r} computes its weight from others (as under torch.nn.utils.spectral_norm or "
                "weight_norm): take that off with torch.nn.utils.remove_spectral_norm or remove_weight_norm first, or "
                "leave the layer out with `include`."
            )


def require_own_weights(network: nn.Module, layers: Iterable[nn.Module]) -> None:
    """Raise ValueError where a layer that is to be normalized shares its weight with another: each would divide it, and
    taking the rule away would divide it again.
    """
    holders: dict[int, list[str]] = {}
    for name, module in network.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            holders.setdefault(id(parameter), []).append(f"{name}.{own}" if name else own)
    for layer in layers:
        shared = holders[id(layer.weight)]
        if len(shared) > 1:
            raise ValueError(
                f"{' and '.join(map(repr, shared))} are one weight, which can't be normalized for several layers: give "
                "each a weight of its own, or leave all of them out with `include`."
            )
