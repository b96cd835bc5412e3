"""How a generator is sampled for an evaluation: seeds, truncation, labels, and the statistics of batch normalization.

Images come in batches of fixed size, so that statistics taken from a batch do not depend on how many are asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.extractors.pixels import quantized
from everymode.labels.given import GivenLabels
from everymode.sampling.generator import Generator
from everymode.sampling.rejection import redraw_rejected

__all__ = ["IMAGES_PER_SEED", "Drawer", "Sampling", "truncated_normal"]

IMAGES_PER_SEED = 10_000_000
"""Image i of evaluation seed s is image s * this + i of `Generator.sample`, so no two seeds share an image."""


TruncationRule = Literal["scale", "resample"]
LabelPrior = Literal["data", "uniform", "source"]
BatchNormStatistics = Literal["running", "batch", "standing"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Everything that decides which images a generator is judged by, apart from its weights.

    Attributes:
        seed: which images.
        truncation: below 1 trades variety for typicality.
        truncation_rule: "scale" multiplies z by it; "resample" redraws what lies beyond it (a truncated normal).
        label_prior: labels as frequent as in the data, all equally, or as the generator's own label source draws
            them; None is "data" where the labels are the data's classes, else "source". Several labels an image are as
            frequent together as in the data, or each equally frequent.
        batch_norm: "running" averages of training; the "batch" at hand (train mode, as is customary for CIFAR-10);
            "standing" statistics, taken anew over `standing_batches` at this truncation.
        standing_batches: batches for standing statistics.
        batch_size: images per pass; it changes the images only where batch_norm is not "running".
        rejection: draw an image that is not what was asked for again, at most so often; None = keep the first draw.

    Raises ValueError for a value that is none of these.
    """

    seed: int = 0
    truncation: float = 1.0
    truncation_rule: TruncationRule = "scale"
    label_prior: LabelPrior | None = None
    batch_norm: BatchNormStatistics = "running"
    standing_batches: int = 16
    batch_size: int = 64
    rejection: int | None = None

    def __post_init__(self) -> None:
        _check_choice("truncation_rule", self.truncation_rule, get_args(TruncationRule))
        _check_choice("label_prior", self.label_prior, (None, *get_args(LabelPrior)))
        _check_choice("batch_norm", self.batch_norm, get_args(BatchNormStatistics))
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        if not 0 < self.truncation < float("inf"):
            raise ValueError(f"truncation is {self.truncation}; it must be above 0 (1 = none, 0.5 = strong)")
        if self.batch_size < 2 or self.standing_batches < 1:
            raise ValueError(
                f"batch_size is {self.batch_size} and standing_batches {self.standing_batches}; they must be at least "
                "2 and 1"
            )
        if self.rejection is not None and self.rejection < 0:
            raise ValueError(f"rejection is {self.rejection} redraws an image; it must be 0 or more, or None")
        if self.rejection is not None and self.batch_norm == "batch":
            raise ValueError(
                "rejection draws some images of a batch again, which statistics of the batch at hand would notice: "
                "leave one of the two out"
            )

    def protocol(self) -> dict[str, Any]:
        """What numbers must share to be compared: all but the seed."""
        facts = asdict(self)
        del facts["seed"]
        if self.batch_norm != "standing":
            del facts["standing_batches"]
        if self.batch_norm == "running":
            del facts["batch_size"]
        return facts


class Drawer:
    """Draws a generator's images as a Sampling says. The generator itself is left as it is.

    Args:
        class_counts: images per class of the data, for the label prior "data".
        combination_counts: the same where images have several labels each: rows of one label a kind and a count
            (`Dataset.combination_counts`).

    Raises:
        ValueError: a label prior that this generator can't have, or statistics of a batch normalization that it lacks.
    """

    def __init__(
        self,
        generator: Generator,
        sampling: Sampling,
        *,
        class_counts: Sequence[int] = (),
        combination_counts: Sequence[Sequence[int]] = (),
    ) -> None:
        several = isinstance(generator.num_labels, tuple)
        self._combinations = torch.tensor([each[:-1] for each in combination_counts]) if several else None
        self._counts = tuple(each[-1] for each in combination_counts) if several else tuple(class_counts)
        self.sampling = replace(sampling, label_prior=_prior(generator, sampling.label_prior, self._counts))
        self._factor = sampling.truncation
        changed = sampling.batch_norm != "running"
        network = copy.deepcopy(generator.network) if changed else generator.network
        if sampling.truncation_rule == "resample":
            network = _Resampled(network, sampling.truncation)
            self._factor = 1.0
        self._first = sampling.seed * IMAGES_PER_SEED
        self._tries: dict[int, tuple[int, int]] = {}
        self._generator = Generator(
            network, generator.labels, classes=generator.classes, config=generator.config
        )
        if changed:
            layers = _batch_norms(network)
            _train(layers)
            if sampling.batch_norm == "standing":
                self._take_standing_statistics(layers)

    @property
    def has_classes(self) -> bool:
        """Whether the labels drawn are known, and are the data's classes (clusters are not, nor several labels)."""
        known = self._chooses_labels and isinstance(self._generator.labels, GivenLabels)
        return known and not isinstance(self._generator.num_labels, tuple)

    def found(self) -> dict[str, Any]:
        """What rejection came to in the images drawn so far: accepted draws over all draws, and the share of images
        that are accepted in the end.
        """
        if self.sampling.rejection is None or not self._tries:
            return {"acceptance_rate": None, "accepted_images": None}
        accepted, draws = (sum(counts) for counts in zip(*self._tries.values(), strict=True))
        images = len(self._tries) * self.sampling.batch_size
        return {"acceptance_rate": accepted / draws, "accepted_images": accepted / images}

    @property
    def _chooses_labels(self) -> bool:
        """Otherwise the generator's label source does, unseen."""
        return self.sampling.label_prior in ("data", "uniform")

    def labels(self, num: int) -> np.ndarray:
        """The class asked for in each of the first `num` images, int64 [num]; -1 where none is known."""
        drawn = self._labels(0, num, "labels") if self.has_classes else None
        return np.full(num, -1, np.int64) if drawn is None else drawn.numpy()

    def batches(self, num: int) -> Iterator[Tensor]:
        """The first `num` images as they would be stored: uint8 [n, C, H, W], on the CPU.

        Raises ValueError if the generator gives NaN or infinite pixels.
        """
        size = self.sampling.batch_size
        for start in range(0, num, size):
            yield quantized(self._batch(start)[: min(size, num - start)])

    def points(self, num: int) -> Tensor:
        """The first `num` points [num, 2] of a generator of points."""
        size = self.sampling.batch_size
        return torch.cat([self._batch(start) for start in range(0, num, size)])[:num]

    def take(self, rows: np.ndarray) -> Tensor:
        """Images by number, uint8 [n, C, H, W]: the same ones as in `batches`."""
        size = self.sampling.batch_size
        starts = {int(row) // size * size for row in rows}
        batches = {start: quantized(self._batch(start)) for start in sorted(starts)}
        return torch.stack([batches[int(row) // size * size][int(row) % size] for row in rows])

    def _batch(self, start: int) -> Tensor:
        size = self.sampling.batch_size
        labels = self._labels(start, start + size, "labels")
        if self.sampling.rejection is None:
            return self._drawn(self._first + start, labels)
        drawn = redraw_rejected(
            self._generator,
            size,
            label=labels,
            seed=self._first + start,
            retries=self.sampling.rejection,
            truncation=self._factor,
            batch_size=size,
            by_position=True,
        )
        self._tries[start] = (int(drawn.accepted.sum()), int(drawn.draws.sum()))
        return drawn.images

    def _drawn(self, seed: int, labels: Tensor | None) -> Tensor:
        size = self.sampling.batch_size
        return self._generator.sample(
            size, label=labels, seed=seed, truncation=self._factor, batch_size=size, by_position=True
        )

    def _labels(self, start: int, stop: int, stream: str) -> Tensor | None:
        if not self._chooses_labels:
            return None
        draws = Draws(self.sampling.seed, "evaluation", Rows(start, stop, stop))
        sizes = self._generator.num_labels
        if self.sampling.label_prior == "uniform" and isinstance(sizes, tuple):
            return torch.stack([draws.integers(f"{stream} {i}", size) for i, size in enumerate(sizes)], dim=1)
        if self.sampling.label_prior == "uniform":
            return draws.integers(stream, sizes)
        chosen = draws.choice(stream, torch.tensor(self._counts, dtype=torch.float64))
        return chosen if self._combinations is None else self._combinations[chosen]

    def _take_standing_statistics(self, layers: list[nn.Module]) -> None:
        """Plain means over batches that are not among those judged: negative seeds."""
        size, count = self.sampling.batch_size, self.sampling.standing_batches
        before = [layer.momentum for layer in layers]
        for number in range(count):
            for layer in layers:
                layer.momentum = 1.0 / (number + 1)
            labels = self._labels(number * size, (number + 1) * size, "labels of standing statistics")
            self._drawn(-self._first - (number + 1) * size, labels)
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
            layer.eval()


class _Resampled(nn.Module):
    """A generator whose z is a standard normal truncated at a threshold."""

    def __init__(self, network: nn.Module, threshold: float) -> None:
        super().__init__()
        self.network = network
        self.threshold = threshold
        self.latent_dim = network.latent_dim

    def forward(self, z: Tensor, *rest: Any) -> Tensor:
        return self.network(truncated_normal(z, self.threshold), *rest)


def truncated_normal(z: Tensor, threshold: float) -> Tensor:
    """Standard normal numbers to numbers in -threshold .. threshold with the law of redrawing all that lie outside.

    Each number keeps its rank: u = P(x <= z) becomes the u-quantile of the truncated law.
    """
    below = torch.special.ndtr(torch.tensor(-threshold, dtype=torch.float64))
    share = torch.special.ndtr(z.double().cpu())
    placed = torch.special.ndtri(below + (1 - 2 * below) * share)
    return placed.clamp(-threshold, threshold).to(z)


def _check_choice(field: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{field} is {value!r}; it must be one of {', '.join(map(repr, choices))}")


def _prior(
    generator: Generator, wanted: str | None, counts: Sequence[int]
) -> Literal["data", "uniform", "source"] | None:
    if generator.num_labels == 0:
        if wanted in ("data", "uniform"):
            raise ValueError(
                f"this generator knows no labels, so it has no label prior {wanted!r}: leave it out"
            )
        return None
    sizes = generator.num_labels
    as_many = isinstance(sizes, tuple) or len(counts) == sizes
    fits = isinstance(generator.labels, GivenLabels) and as_many and sum(counts) > 0
    if wanted == "data" and not fits:
        each = f"each combination of {sizes}" if isinstance(sizes, tuple) else f"each of {sizes}"
        raise ValueError(
            f"the label prior of the data needs labels that are its classes, with a count for {each}; {len(counts)} "
            "counts are known here; choose uniform or source"
        )
    if wanted is None:
        return "data" if fits else "source"
    return wanted  # type: ignore[return-value]


def _batch_norms(network: nn.Module) -> list[nn.Module]:
    layers = [each for each in network.modules() if isinstance(getattr(each, "running_mean", None), Tensor)]
    if not layers:
        raise ValueError("this generator has no batch normalization: leave batch and standing statistics out")
    return layers


def _train(layers: list[nn.Module]) -> None:
    for layer in layers:
        layer.train()
        if hasattr(layer, "synchronize"):
            layer.synchronize = False  # only one process may be evaluating
