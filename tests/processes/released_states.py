"""State dicts of released generators: every tensor is a function of its name and shape, so none has to be stored.

The same function filled the networks of the released code when it gave the outputs in vectors_released_generators.npz.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

VECTORS = Path(__file__).parents[1] / "vectors_released_generators.npz"


class Case(NamedTuple):
    """One network of the released code at width 8, and what it drew in eval mode."""

    shapes: dict[str, tuple[int, ...]]
    """Released names of its state dict, with shapes."""
    size: int
    latent_dim: int
    classes: int
    """0 = the labels have no effect."""
    count: int
    images: Tensor
    """[count, 3, size, size]; above 64 pixels `thinned`."""

    def inputs(self, name: str) -> tuple[Tensor, Tensor]:
        """Latent codes and labels."""
        return latent_codes(name, self.count, self.latent_dim), labels_of(self.count, self.classes)


def thinned(images: Tensor) -> Tensor:
    """The pixels that are stored of images above 64 pixels."""
    return images[:, :, 1::5, 2::3] if images.shape[-1] > 64 else images


@cache
def case(name: str) -> Case:
    """A stored case, such as "studiogan 64"."""
    with np.load(VECTORS) as vectors:
        facts = [int(each) for each in vectors[f"{name}/facts"]]
        images = torch.from_numpy(vectors[f"{name}/images"])
    return Case(shapes_of(name), *facts, images)


@cache
def shapes_of(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a stored state dict, of a discriminator too."""
    with np.load(VECTORS) as vectors:
        lines = [str(line).split(" ") for line in vectors[f"{name}/names"]]
    return {name: tuple(int(side) for side in shape.split(",") if side) for name, shape in lines}


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
            state[name] = 0.2 + 0.4 * np.abs(normal)
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
            state[name] = 0.3 + 0.1 * normal
        else:
            state[name] = 0.1 * normal
    return {
        name: torch.from_numpy(np.asarray(state[name])).to(
            torch.int64 if "tracked" in name else torch.float32
        )
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
