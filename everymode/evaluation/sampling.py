"""Sampling of a generator for an evaluation: seeds, truncation, labels, and batch normalization statistics.

Images are drawn in batches of fixed size, so that batch statistics do not depend on the number of images.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, cast, get_args

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
"""Stride between evaluation seeds: image i of evaluation seed s has the seed s * IMAGES_PER_SEED + i in
`Generator.sample`, so no two evaluation seeds share an image."""


TruncationRule = Literal["scale", "resample"]
LabelPrior = Literal["data", "uniform", "source"]
BatchNormStatistics = Literal["running", "batch", "standing"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Everything that determines the images on which a generator is evaluated, except its weights.

    Attributes:
        seed: seed of the images, 0 or more.
        truncation: a number above 0; below 1 trades variety for typicality.
        truncation_rule: "scale" multiplies z by the truncation; "resample" draws z from a normal truncated at it.
        label_prior: distribution of the labels: "data" (class frequencies of the data), "uniform", or "source" (drawn
            by the generator's label source). None means "data" if the labels are the data's classes, otherwise
            "source". With several labels per image, "data" uses the frequencies of the combinations, and "uniform"
            draws each label uniformly.
        batch_norm: statistics of batch normalization: "running" averages of training; those of the "batch" itself
            (train mode, as is customary for CIFAR-10); "standing", computed again over `standing_batches` batches at
            this truncation.
        standing_batches: number of batches for standing statistics.
        batch_size: images per forward pass; it changes the images only if batch_norm is not "running".
        rejection: largest number of further draws of an image that does not match its label; None keeps the first draw.

    Raises:
        ValueError: if a value is not allowed.
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
            raise ValueError(
                f"rejection is {self.rejection} redraws per image; it must be 0 or more, or None"
            )
        if self.rejection is not None and self.batch_norm == "batch":
            raise ValueError(
                "rejection draws some images of a batch again, which changes batch statistics: use either rejection or "
                "batch_norm 'batch', not both"
            )

    def protocol(self) -> dict[str, Any]:
        """Return the settings that must be equal for values to be comparable: all except the seed."""
        facts = asdict(self)
        del facts["seed"]
        if self.batch_norm != "standing":
            del facts["standing_batches"]
        if self.batch_norm == "running":
            del facts["batch_size"]
        return facts


class Drawer:
    """Images of a generator, drawn according to a `Sampling`. The generator itself is not changed.

    Args:
        generator: the generator.
        sampling: settings.
        class_counts: images per class of the data, for the label prior "data".
        combination_counts: the same for images with several labels: rows of one label of each kind and a count
            (`Dataset.combination_counts`).

    Raises:
        ValueError: if the generator does not support the label prior, or has no batch normalization though the
            sampling needs it.
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
        """Whether the drawn labels are known and are the data's classes; False for clusters and several labels."""
        known = self._chooses_labels and isinstance(self._generator.labels, GivenLabels)
        return known and not isinstance(self._generator.num_labels, tuple)

    def found(self) -> dict[str, Any]:
        """Return the outcome of rejection in the images drawn so far; None values without rejection.

        "acceptance_rate" is accepted draws divided by all draws, "accepted_images" the share of images whose last draw
        is accepted.
        """
        if self.sampling.rejection is None or not self._tries:
            return {"acceptance_rate": None, "accepted_images": None}
        accepted, draws = (sum(counts) for counts in zip(*self._tries.values(), strict=True))
        images = len(self._tries) * self.sampling.batch_size
        return {"acceptance_rate": accepted / draws, "accepted_images": accepted / images}

    @property
    def _chooses_labels(self) -> bool:
        """Whether labels are drawn here; otherwise the generator's label source draws them, and they are unknown."""
        return self.sampling.label_prior in ("data", "uniform")

    def labels(self, num: int) -> np.ndarray:
        """Return the classes of the first `num` images, int64 [num]; -1 if they are unknown."""
        labels = self._labels(0, num, "labels") if self.has_classes else None
        return np.full(num, -1, np.int64) if labels is None else labels.numpy()

    def batches(self, num: int) -> Iterator[Tensor]:
        """Yield the first `num` images in batches, as they would be stored: uint8 [n, C, H, W], on the CPU.

        Raises:
            ValueError: if pixels are NaN or infinite.
        """
        size = self.sampling.batch_size
        for start in range(0, num, size):
            yield quantized(self._batch(start)[: min(size, num - start)])

    def points(self, num: int) -> Tensor:
        """Return the first `num` points [num, 2] of a generator of points."""
        size = self.sampling.batch_size
        return torch.cat([self._batch(start) for start in range(0, num, size)])[:num]

    def take(self, rows: np.ndarray) -> Tensor:
        """Return the images with these numbers, uint8 [n, C, H, W]; they are equal to those of `batches`."""
        size = self.sampling.batch_size
        starts = {int(row) // size * size for row in rows}
        batches = {start: quantized(self._batch(start)) for start in sorted(starts)}
        return torch.stack([batches[int(row) // size * size][int(row) % size] for row in rows])

    def _batch(self, start: int) -> Tensor:
        size = self.sampling.batch_size
        labels = self._labels(start, start + size, "labels")
        if self.sampling.rejection is None:
            return self._sample(self._first + start, labels)
        redrawn = redraw_rejected(
            self._generator,
            size,
            label=labels,
            seed=self._first + start,
            retries=self.sampling.rejection,
            truncation=self._factor,
            batch_size=size,
            by_position=True,
        )
        self._tries[start] = (int(redrawn.accepted.sum()), int(redrawn.draws.sum()))
        return redrawn.images

    def _sample(self, seed: int, labels: Tensor | None) -> Tensor:
        size = self.sampling.batch_size
        return self._generator.sample(
            size, label=labels, seed=seed, truncation=self._factor, batch_size=size, by_position=True
        )

    def _labels(self, start: int, stop: int, stream: str) -> Tensor | None:
        if not self._chooses_labels:
            return None
        draws = Draws(self.sampling.seed, "evaluation", Rows(start, stop, stop))
        sizes = self._generator.num_labels
        if self.sampling.label_prior == "uniform":
            if isinstance(sizes, tuple):
                blocks = [draws.integers(f"{stream} {i}", size) for i, size in enumerate(sizes)]
                return torch.stack(blocks, dim=1)
            return draws.integers(stream, sizes)
        indices = draws.choice(stream, torch.tensor(self._counts, dtype=torch.float64))
        return indices if self._combinations is None else self._combinations[indices]

    def _take_standing_statistics(self, layers: list[_BatchNorm]) -> None:
        """Replace running statistics by plain means over further batches, with negative seeds."""
        size, count = self.sampling.batch_size, self.sampling.standing_batches
        momenta = [layer.momentum for layer in layers]
        for number in range(count):
            for layer in layers:
                layer.momentum = 1.0 / (number + 1)
            labels = self._labels(number * size, (number + 1) * size, "labels of standing statistics")
            self._sample(-self._first - (number + 1) * size, labels)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()


class _BatchNorm(Protocol):
    """A batch normalization layer, torch's or everymode's."""

    momentum: float | None
    synchronize: bool
    """Only everymode's: whether training statistics are averaged over processes."""

    def train(self) -> object: ...

    def eval(self) -> object: ...


class _Resampled(nn.Module):
    """A generator that maps z to a standard normal truncated at a threshold."""

    def __init__(self, network: nn.Module, threshold: float) -> None:
        super().__init__()
        self.network = network
        self.threshold = threshold
        self.latent_dim = network.latent_dim

    def forward(self, z: Tensor, *rest: Any) -> Tensor:
        return self.network(truncated_normal(z, self.threshold), *rest)


def truncated_normal(z: Tensor, threshold: float) -> Tensor:
    """Map standard normal numbers to a normal distribution truncated at -threshold and threshold.

    The distribution is that of redrawing all numbers outside. Each number keeps its quantile: u = P(x <= z) becomes
    the u-quantile of the truncated distribution.
    """
    below = torch.special.ndtr(torch.tensor(-threshold, dtype=torch.float64))
    quantile = torch.special.ndtr(z.double().cpu())
    truncated = torch.special.ndtri(below + (1 - 2 * below) * quantile)
    return truncated.clamp(-threshold, threshold).to(z)


def _check_choice(field: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{field} is {value!r}; it must be one of {', '.join(map(repr, choices))}")


def _prior(generator: Generator, requested: LabelPrior | None, counts: Sequence[int]) -> LabelPrior | None:
    if generator.num_labels == 0:
        if requested in ("data", "uniform"):
            raise ValueError(
                f"this generator has no labels, so it has no label prior {requested!r}: omit the label prior"
            )
        return None
    sizes = generator.num_labels
    has_all_counts = isinstance(sizes, tuple) or len(counts) == sizes
    fits = isinstance(generator.labels, GivenLabels) and has_all_counts and sum(counts) > 0
    if requested == "data" and not fits:
        each = f"each combination of {sizes}" if isinstance(sizes, tuple) else f"each of {sizes}"
        raise ValueError(
            f"the label prior 'data' needs labels that are the data's classes, with a count for {each}, but "
            f"{len(counts)} counts are known: choose 'uniform' or 'source'"
        )
    if requested is None:
        return "data" if fits else "source"
    return requested


def _batch_norms(network: nn.Module) -> list[_BatchNorm]:
    layers = [each for each in network.modules() if isinstance(getattr(each, "running_mean", None), Tensor)]
    if not layers:
        raise ValueError("this generator has no batch normalization: choose batch_norm 'running'")
    # Layers with running means are batch normalizations, and torch does not type attributes of modules.
    return cast("list[_BatchNorm]", layers)


def _train(layers: list[_BatchNorm]) -> None:
    for layer in layers:
        layer.train()
        if hasattr(layer, "synchronize"):
            layer.synchronize = False  # other processes may not be evaluating
