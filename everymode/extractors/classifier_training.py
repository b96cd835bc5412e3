"""Training of the small classifier: a fixed number of steps with random shifts, linear warm-up and cosine decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws, Rows, stable_seed
from everymode.extractors.classifier_network import ClassifierNetwork
from everymode.extractors.labeled_arrays import LabeledArrays
from everymode.extractors.pixels import with_channels
from everymode.extractors.precision import full_float32
from everymode.extractors.resizing import resize_images
from everymode.extractors.weights import frozen, to_channels_last

__all__ = ["ClassifierSettings", "train_network"]

WARM_UP = 0.1
STEPS_PER_REPORT = 50


@dataclass(frozen=True)
class ClassifierSettings:
    """Hyper-parameters of a classifier's training.

    Attributes:
        steps: number of optimizer steps.
        batch_size: images per step.
        width: channels of the first convolution.
        learning_rate: peak learning rate of AdamW, reached after a tenth of the steps.
        weight_decay: weight decay of AdamW.
        shift: largest random shift of an image, as a share of its sides; edges are repeated.
        mirror: whether to mirror half of the images horizontally; not for digits or letters.
        largest_side: largest side of the network's input in pixels; larger images are shrunk.

    Raises:
        ValueError: if a value is too small.
    """

    steps: int = 600
    batch_size: int = 64
    width: int = 24
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    shift: float = 0.1
    mirror: bool = False
    largest_side: int = 64

    def __post_init__(self) -> None:
        minimum = {
            "steps": 1,
            "batch_size": 2,
            "width": 1,
            "shift": 0,
            "largest_side": ClassifierNetwork.smallest,
        }
        for name, least in minimum.items():
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name} of the classifier is {getattr(self, name)}; it must be at least {least}"
                )

    def input_size(self, size: Sequence[int]) -> tuple[int, int]:
        """Return (H, W) of the network's input for images of `size`; both sides are at least the network's minimum."""
        factor = min(1.0, self.largest_side / max(size))
        height, width = (max(ClassifierNetwork.smallest, round(side * factor)) for side in size)
        return height, width


def train_network(
    data: LabeledArrays,
    facts: Mapping[str, Any],
    settings: ClassifierSettings,
    device: torch.device,
    progress: Callable[[int, int], None] | None,
) -> ClassifierNetwork:
    """Train a network and return it frozen, on the CPU. `facts` holds channels, num_classes, input_size and seed."""
    seed = facts["seed"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed(seed, "classifier", "weights"))
        network = ClassifierNetwork(facts["channels"], facts["num_classes"], width=settings.width)
    to_channels_last(network.to(device)).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=settings.weight_decay)
    order = _order(len(data.labels), settings.batch_size, seed)
    # The caller may be inside autocast or no_grad; neither must apply here.
    with full_float32(device), torch.enable_grad():
        for step in range(settings.steps):
            indices = next(order)
            images = with_channels(data.rows_at(indices).to(device), facts["channels"])
            pixels = resize_images(images, tuple(facts["input_size"]))
            pixels = _augmented(pixels, settings, Draws(seed, f"classifier-{step}", Rows.all(len(indices))))
            labels = torch.from_numpy(data.labels[indices]).to(device)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * _rate(step / settings.steps)
            logits = network(pixels.contiguous(memory_format=torch.channels_last)).logits
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(logits, labels).backward()
            optimizer.step()
            if progress is not None and (step + 1) % STEPS_PER_REPORT == 0:
                progress(step + 1, settings.steps)
    network.cpu()
    frozen(network)
    return network


def _order(count: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield batches of indices without end; shuffled epochs follow each other, and a batch may span two of them."""
    waiting, epoch = np.empty(0, np.int64), 0
    while True:
        while len(waiting) < batch_size:
            draws = Draws(seed, f"classifier-epoch-{epoch}", Rows.all(count), dtype=torch.float64)
            shuffled = np.argsort(draws.uniform("order").flatten().numpy(), kind="stable")
            waiting, epoch = np.concatenate((waiting, shuffled)), epoch + 1
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def _rate(share: float) -> float:
    """Return the learning rate factor after this share of the steps: linear warm-up, then cosine decay."""
    if share < WARM_UP:
        return (share + 0.01) / (WARM_UP + 0.01)
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


def _augmented(pixels: Tensor, settings: ClassifierSettings, draws: Draws) -> Tensor:
    """Return images shifted by whole pixels, with repeated edges, and mirrored if the settings say so."""
    index = []
    for dim, name in ((2, "rows"), (3, "columns")):
        largest = int(pixels.shape[dim] * settings.shift)
        shifts = draws.integers(name, 2 * largest + 1).view(-1, 1) - largest
        lines = torch.arange(pixels.shape[dim]) + shifts
        index.append(lines.clamp_(0, pixels.shape[dim] - 1).to(pixels.device))
    rows, columns = index
    if settings.mirror:
        flipped = draws.integers("mirror", 2).view(-1, 1).bool().to(pixels.device)
        columns = torch.where(flipped, columns.flip(1), columns)
    images = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    return pixels[images, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
