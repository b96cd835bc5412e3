"""Generated images with the activations of a generator's layers, computed again whenever they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from everymode.draws import Draws, Rows
from everymode.inversion.drawing import DrawCodes
from everymode.inversion.layers import GeneratorLayers

__all__ = ["GeneratedBatch", "GeneratedImages"]


class GeneratedBatch(NamedTuple):
    """Activations of a batch of images, one tensor [B, U, h, w] per layer, and a function that computes the images."""

    activations: list[Tensor]
    images: Callable[[], Tensor]


@dataclass(frozen=True)
class GeneratedImages:
    """Images that a generator draws for a seed.

    Attributes:
        access: access to the generator's layers.
        draw: latent codes and conditions of a batch.
        layers: indices of the layers whose activations are returned.
        label: class of all images; None for those that `draw` returns.
        seed: seed of the images.
        batch: images per pass; it does not change the images.
        device, dtype: those of the latent codes.
    """

    access: GeneratorLayers
    draw: DrawCodes
    layers: tuple[int, ...]
    label: int | tuple[int, ...] | None
    seed: int
    batch: int
    device: torch.device
    dtype: torch.dtype

    def batches(self, start: int, stop: int) -> Iterator[GeneratedBatch]:
        """Yield images start .. stop - 1."""
        for first in range(start, stop, self.batch):
            rows = Rows(first, min(first + self.batch, stop), stop)
            z, condition = self.draw(Draws(self.seed, "dissect", rows, self.device, self.dtype))
            if self.label is not None:
                condition = torch.tensor(self.label, device=self.device).expand(len(z), *condition.shape[1:])
            outputs = self.access.outputs(z, condition)
            last = len(outputs) - 1
            yield GeneratedBatch(
                [outputs[i] for i in self.layers],
                lambda o=outputs, c=condition, z=z, i=last: self.access.images(i, o[-1], c, z),
            )
