"""Weights of `LocalImplicit` from a safetensors file: its own, or those of released LIIF models, converted."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from everymode.restoration.implicit import LocalImplicit

# yinboc/liif with the EDSR encoder; its constants for the mean color are not used there either.
_RELEASED = (
    (r"^encoder\.head\.0\.", "input."),
    (r"^encoder\.body\.(\d+)\.body\.([02])\.", r"blocks.\1.\2."),
    (r"^encoder\.body\.\d+\.(?=weight|bias)", "last."),
    (r"^imnet\.layers\.(\d*[02468])\.", lambda match: f"layers.{int(match[1]) // 2}."),
)
_UNUSED = re.compile(r"^encoder\.(sub|add)_mean\.")


def load_local_implicit(path: str | Path, *, ensemble: bool = True) -> LocalImplicit:
    """Return a network with the weights of a file, whose shapes determine its layers.

    Args:
        path: a safetensors file with the state of a `LocalImplicit`, or of a released model with the EDSR encoder
            (`encoder.head.0.weight`, ..., `imnet.layers.0.weight`, ...).
        ensemble: as in `LocalImplicit`.
    Returns:
        The network, in eval mode.
    Raises:
        ValueError: if the file does not exist, is no safetensors file, or does not hold such a network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"there is no file {path}; pass a safetensors file with the weights of a LocalImplicit"
        )
    try:
        stored = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}); convert the weights to one") from error
    state = {_own_name(name): value for name, value in stored.items() if not _UNUSED.match(name)}
    try:
        network = _network_of(state, ensemble=ensemble)
        network.load_state_dict(state)
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        raise ValueError(
            f"{path} does not hold a LocalImplicit, or a released LIIF model with the EDSR encoder: it has "
            f"{', '.join(sorted(stored)[:4])}, ...; RDN encoders are not supported"
        ) from error
    return network.eval()


def _own_name(name: str) -> str:
    for pattern, replacement in _RELEASED:
        name, count = re.subn(pattern, replacement, name)
        if count:
            return name
    return name


def _network_of(state: dict[str, Tensor], *, ensemble: bool) -> LocalImplicit:
    width = len(state["input.weight"])
    blocks = {name.split(".")[1] for name in state if name.startswith("blocks.")}
    depth = len({name.split(".")[1] for name in state if name.startswith("layers.")})
    inputs = state["layers.0.weight"].shape[1]
    unfold = inputs >= 9 * width
    return LocalImplicit(
        blocks=len(blocks),
        width=width,
        hidden=[len(state[f"layers.{index}.weight"]) for index in range(depth - 1)],
        ensemble=ensemble,
        unfold=unfold,
        cell=inputs - width * (9 if unfold else 1) == 4,
    )
