"""Random convolutions with fixed weights: meaningless features for tests and first trials, without any file."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.hashing import tensors_hash
from everymode.extractors.resizing import BICUBIC
from everymode.extractors.weights import frozen

__all__ = ["RandomConvolutions", "random_convolutions"]

LAYERS = {"pool": 64, "stage2": 32}
NUM_CLASSES = 10


class RandomConvolutions(nn.Module):
    """Map RGB images [N, 3, H, W] in 0 .. 255 to 64 and 32 pooled features, and 10 logits."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.third = nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False)
        self.classify = nn.Linear(64, NUM_CLASSES, bias=False)
        for name, weight in self.named_parameters():
            # Uniform numbers and a square root are rounded equally on all machines, so the hash is the same everywhere.
            draws = Draws(seed, "random-convolutions", Rows.all(len(weight)), dtype=torch.float64)
            bound = math.sqrt(6.0 / weight[0].numel())
            values = (2.0 * draws.uniform(name, *weight.shape[1:]) - 1.0) * bound
            weight.data.copy_(values.float())

    def forward(self, images: Tensor) -> Activations:
        x = F.relu(self.first(images / 127.5 - 1))
        x = F.relu(self.second(x))
        shallow = x.mean((2, 3))
        pooled = F.relu(self.third(x)).mean((2, 3))
        return Activations({"pool": pooled, "stage2": shallow}, self.classify(pooled))


def random_convolutions(size: int = 32) -> Extractor:
    """Return the extractor "random-SIZE": fast, with the same weights on every machine.

    Raises:
        ValueError: if `size` is below 8.
    """
    if size < 8:
        raise ValueError(f"the size of random must be at least 8 pixels, not {size}")
    with torch.random.fork_rng(devices=[]):
        network = frozen(RandomConvolutions())
    return Extractor(
        name=f"random-{size}",
        weights_hash=tensors_hash(network.state_dict()),
        input_size=(size, size),
        resize=BICUBIC,
        layers=LAYERS,
        network=network,
        num_classes=NUM_CLASSES,
    )
