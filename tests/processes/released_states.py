"""State dicts of released generators: every tensor is a function of its name and shape, so none has to be stored.

The same function filled the networks of the released code when it gave the outputs in vectors_released_generators.npz.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


def drawn(text: str, *shape: int) -> np.ndarray:
    """Standard normal numbers that follow from a text."""
    return np.random.RandomState(zlib.crc32(text.encode())).standard_normal(shape)


def released_state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors under these released names, of these shapes, in float32.

    Stored vectors of StudioGAN are one power iteration from a drawn start, so that another iteration changes sigma.
    """
    state: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        leaf = name.rpartition(".")[2]
        normal = drawn(name, *shape)
        if leaf in ("num_batches_tracked", "accumulation_counter"):
            state[name] = np.zeros(shape)
        elif leaf.startswith("sv"):
            state[name] = np.ones(shape)
        elif leaf.endswith("_var"):
            state[name] = 0.5 + np.abs(normal)
        elif leaf in ("gamma", "sigma"):
            state[name] = 0.7 + 0.0 * normal
        elif leaf.startswith("weight_"):
            if leaf == "weight_orig":
                state |= _under_spectral_norm(name.removesuffix("_orig"), normal)
        elif leaf.startswith("u"):
            state[name] = normal / np.linalg.norm(normal)
        elif len(shape) > 1:  # weights of layers
            state[name] = normal / np.sqrt(np.prod(shape[1:]))
        elif leaf in ("gain", "weight"):  # of the last normalization
            state[name] = 1 + 0.2 * normal
        else:
            state[name] = 0.1 * normal
    return {
        name: torch.from_numpy(np.asarray(state[name])).to(torch.int64 if "tracked" in name else torch.float32)
        for name in shapes
    }


def latent_codes(case: str, count: int, latent_dim: int) -> Tensor:
    """[count, latent_dim] latent codes of a case."""
    return torch.from_numpy(drawn(f"z of {case}", count, latent_dim)).float()


def labels_of(count: int, classes: int) -> Tensor:
    """[count] labels that end with the last class."""
    return torch.linspace(1, classes - 1, count).long()


def _under_spectral_norm(name: str, normal: np.ndarray) -> dict[str, np.ndarray]:
    weight = normal / np.sqrt(np.prod(normal.shape[1:]))
    matrix = weight.reshape(len(weight), -1)
    left = matrix @ drawn(f"{name} start", matrix.shape[1])
    left /= np.linalg.norm(left)
    right = left @ matrix
    right /= np.linalg.norm(right)
    return {f"{name}_orig": weight, f"{name}_u": left, f"{name}_v": right}
