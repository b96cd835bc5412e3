"""Layers that a weight rule can't normalize: the warning that names them, and checks that reject them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping

from torch import nn
from torch.nn.utils import parametrize

from everymode.norms.normalizable import Normalizable

__all__ = ["check_layers", "require_own_weights", "warn_of_others"]

_SCALES = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
"""Layers whose weights scale single activations."""
_PREFIXES = ("weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
"""Beginnings of the names of weight matrices."""


def warn_of_others(
    network: nn.Module, normalized: Collection[nn.Module], include: Callable[[str, nn.Module], bool] | None
) -> None:
    """Issue one UserWarning that names the included layers with weight matrices that no rule takes, if there are any.

    Args:
        network: the network that is normalized.
        normalized: the layers that were offered to the rule.
        include: (qualified name, layer) -> bool, as in `normalize_weights`.
    """
    others = []
    for name, layer in network.named_modules():
        if layer in normalized or isinstance(layer, (*_SCALES, parametrize.ParametrizationList)):
            continue
        matrices = _matrices(layer)
        if matrices and (include is None or include(name, layer)):
            details = "" if matrices == ["weight"] else f": {', '.join(matrices)}"
            others.append(f"{name!r} ({type(layer).__name__}{details})")
    if others:
        warnings.warn(
            f"normalize_weights leaves layers of {type(network).__name__} unnormalized, because no rule applies to "
            f"their weight matrices: {', '.join(others)}. If that is intended, exclude them with `include`",
            UserWarning,
            stacklevel=3,
        )


def _matrices(layer: nn.Module) -> list[str]:
    """Return the names of the layer's direct weight matrices, including those of recurrent and attention layers."""
    return [
        name
        for name, parameter in layer.named_parameters(recurse=False)
        if name.startswith(_PREFIXES) and parameter.dim() >= 2
    ]


def check_layers(layers: Mapping[str, nn.Module]) -> None:
    """Check that no layer's weight is under another normalization, ours or torch's.

    Args:
        layers: the layers to normalize, by qualified name.
    Raises:
        ValueError: if a weight is parametrized already, or computed from other parameters.
    """
    for name, layer in layers.items():
        if parametrize.is_parametrized(layer, "weight"):
            raise ValueError(
                f"layer {name!r} is normalized already; call remove_normalization(network) first, "
                "or exclude it with `include`."
            )
        if "weight" not in layer._parameters:
            raise ValueError(
                f"layer {name!r} computes its weight from others (as under torch.nn.utils.spectral_norm or "
                "weight_norm); remove that with torch.nn.utils.remove_spectral_norm or remove_weight_norm first, or "
                "exclude the layer with `include`."
            )


def require_own_weights(network: nn.Module, layers: Iterable[Normalizable]) -> None:
    """Check that no layer to be normalized shares its weight: each of its layers would divide it, and removing the rule
    would divide it again.

    Args:
        network: the network that holds the layers.
        layers: the layers to normalize.
    Raises:
        ValueError: if a weight occurs in the network under several names.
    """
    holders: dict[int, list[str]] = {}
    for module_name, module in network.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            holders.setdefault(id(parameter), []).append(f"{module_name}.{name}" if module_name else name)
    for layer in layers:
        shared = holders[id(layer.weight)]
        if len(shared) > 1:
            raise ValueError(
                f"{' and '.join(map(repr, shared))} are one weight, which can't be normalized for several layers; give "
                "each layer a separate weight, or exclude all of them with `include`."
            )
