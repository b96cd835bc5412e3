"""The check that translated weights fit a network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


def require_match(network: nn.Module, translated: Mapping[str, Tensor]) -> None:
    """Check that a state dict has exactly the network's names and shapes.

    Args:
        network: the network to load into.
        translated: the weights under the network's names.
    Raises:
        ValueError: if names are missing or unknown, or a shape differs.
    """
    expected = network.state_dict()
    missing = sorted(expected.keys() - translated.keys())
    unknown = sorted(translated.keys() - expected.keys())
    if missing or unknown:
        raise ValueError(
            f"the released weights don't fit this {type(network).__name__}: missing (in our names) "
            f"{missing[:8]}, unknown {unknown[:8]}; build it with the released layout, attention, "
            "conditioning and head"
        )
    for name, value in translated.items():
        if value.shape != expected[name].shape:
            raise ValueError(
                f"the released weights don't fit this {type(network).__name__}: {name!r} has shape "
                f"{tuple(value.shape)}, here {tuple(expected[name].shape)}; build it with the released "
                "widths, classes and latent_dim"
            )
