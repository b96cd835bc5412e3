"""Hyper-parameters of learning a partition. Imports no torch, so that the command line lists and checks them fast."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from everymode.numbers import require_finite, respelled

__all__ = ["DIGITS", "IMAGES", "PAPER", "POINTS", "PartitionSettings"]


@dataclass(frozen=True, kw_only=True)
class PartitionSettings:
    """Hyper-parameters of both stages, of the network, and of the views that the first stage compares.

    Raises:
        ValueError: if a value is out of its range or not finite.
    """

    k: int = 200
    """Number of parts."""

    # ---- network
    blocks: tuple[int, ...] = (0, 1, 2, 2)
    """Residual blocks in each stage; a squeeze between two stages halves the sides."""
    width: int = 48
    """Channels inside the residual blocks."""
    pooled: bool = False
    """Whether to pool over space before the head, as the released code does; the guarantee requires False."""
    full_blocks: int = 1
    """Fully connected residual blocks before the head; only without pooling."""
    full_width: int = 256
    """Features inside the fully connected blocks; with pooling, features of the head."""
    head_layers: int = 0
    """Invertible linear layers of the head; only without pooling. They are large: as wide as an image has values."""
    norm_limit: float = 0.9
    """c, the largest spectral norm of each constrained layer, below 1."""
    circular: bool = True
    """Whether to pad circularly, for which the exact norm of a convolution is known; False pads with zeros."""
    power_iterations: int = 1
    """Power iterations of each constrained layer per training step; 5 in the released code."""

    # ---- first stage: pretext
    pretext_steps: int = 2000
    """Steps of the pretext task (matching two views of an image among the views of others)."""
    pretext_batch: int = 128
    """Images per step of the first stage, each in two views."""
    pretext_lr: float = 0.1
    """Peak learning rate of SGD with momentum 0.9; it decays to zero along a cosine."""
    pretext_weight_decay: float = 3e-5
    """Weight decay of the first stage."""
    warm_up: float = 0.05
    """Share of the first stage over which its learning rate rises, 0 to 1."""
    temperature: float = 0.1
    """Temperature that divides the similarities of the pretext task."""
    symmetric: bool = True
    """Whether both views of an image are anchors; False: only the first."""
    embedding: int = 128
    """Length of the pretext network's output."""

    # ---- second stage: partition
    neighbors: int = 20
    """Nearest neighbors mined for each image."""
    starts: int = 20
    """Random read-outs fitted to the pretext features; the second stage starts from the one of lowest loss."""
    start_steps: int = 200
    """Steps for which each of these read-outs is fitted."""
    partition_steps: int = 1000
    """Steps of the second stage."""
    partition_batch: int = 128
    """Images per step of the second stage, each with one of its neighbors."""
    partition_lr: float = 5e-4
    """Learning rate of Adam in the second stage."""
    partition_views: bool = False
    """Whether the second stage, too, trains on random views; False: on the images themselves, as in the paper."""
    mean_entropy_weight: float = 5.0
    """Weight of the entropy of the mean prediction, which keeps parts from becoming empty."""
    sample_entropy_weight: float = 1e-3
    """Weight of the entropy of each image's prediction, which makes it certain."""
    kmeans: bool = False
    """Whether k-means of the pretext features replaces the second stage (the paper rejects this)."""

    # ---- points, in place of both stages
    fit_steps: int = 4000
    """Steps for which a classifier is fitted to the k-means clusters of points."""
    fit_lr: float = 0.07
    """Learning rate of Adagrad for that classifier."""

    # ---- views
    crop: float = 0.3
    """Smallest share of an image's area in a random crop; 1 = no crops."""
    shift: float = 0.0
    """Largest translation of a view, as a share of the sides."""
    rotation: float = 0.0
    """Largest rotation of a view, in degrees."""
    zoom: float = 0.0
    """Largest zoom of a view, in or out: a factor of 2 ** zoom."""
    shear: float = 0.0
    """Largest shear of a view, as a slope."""
    mirror: bool = True
    """Whether half of the views are flipped left to right; unsuitable for digits and letters."""
    jitter: float = 0.4
    """Strength of random brightness, contrast and saturation."""
    hue: float = 0.1
    """Largest rotation of the hue, as a share of the color circle."""
    gray: float = 0.2
    """Share of the views without color, 0 to 1."""
    noise: float = 0.0
    """Standard deviation of the noise added to views, whose values lie between -1 and 1."""

    # ---- running
    snapshot_seconds: float = 30.0
    """Seconds between two saved states, from which an interrupted run resumes."""

    def __post_init__(self) -> None:
        self.check()
        require_finite(self)

    def check(self) -> None:
        """Check the ranges of all values.

        Raises:
            ValueError: if one is out of its range.
        """
        if self.k < 2:
            raise ValueError(f"k is {self.k}: a partition has at least 2 parts")
        for name in (
            "width",
            "full_width",
            "power_iterations",
            "pretext_steps",
            "embedding",
            "neighbors",
            "starts",
            "start_steps",
            "fit_steps",
            "partition_steps",
            "partition_batch",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.pretext_batch < 2:
            raise ValueError(
                f"pretext_batch must be at least 2, not {self.pretext_batch}: each view is compared with other images"
            )
        for name in ("pretext_lr", "partition_lr", "fit_lr", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")
        not_negative = (
            "full_blocks",
            "head_layers",
            "noise",
            "pretext_weight_decay",
            "mean_entropy_weight",
            "sample_entropy_weight",
            "shift",
        )
        for name in (*not_negative, "rotation", "zoom", "shear", "jitter", "hue", "snapshot_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} can't be negative, infinite or not a number: {getattr(self, name)}")
        for name in ("warm_up", "gray"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a share between 0 and 1, not {getattr(self, name)}")
        if not 0 < self.crop <= 1:
            raise ValueError(f"crop must be a share of the area above 0 and at most 1, not {self.crop}")
        if not 0 < self.norm_limit < 1:
            raise ValueError(f"norm_limit must be above 0 and below 1, not {self.norm_limit}")
        if not self.blocks or min(self.blocks) < 0:
            raise ValueError(f"blocks needs a number for each stage, 0 or more, not {list(self.blocks)}")

    def fitted(
        self, parts: int, num_images: int, pretext_steps: int | None, partition_steps: int | None
    ) -> PartitionSettings:
        """Return settings for a number of parts and images.

        Args:
            parts: k.
            num_images: the mined neighbors are reduced to at most num_images - 1.
            pretext_steps, partition_steps: steps of the two stages; None leaves them unchanged.
        Raises:
            ValueError: if there are fewer than 2 parts, or steps below 1.
        """
        return replace(
            self,
            k=parts,
            neighbors=max(1, min(self.neighbors, num_images - 1)),
            pretext_steps=self.pretext_steps if pretext_steps is None else pretext_steps,
            partition_steps=self.partition_steps if partition_steps is None else partition_steps,
        )

    def shrunk(self) -> PartitionSettings:
        """Return the settings at toy size, for tests."""
        network = {"blocks": (1, 1), "width": 4, "full_blocks": 1, "full_width": 8}
        steps = {"pretext_steps": 2, "starts": 1, "start_steps": 2, "partition_steps": 2}
        return replace(self, k=3, neighbors=3, **network, **steps)

    def as_json(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, numbers: dict[str, Any]) -> PartitionSettings:
        """Return the settings that `as_json` described.

        Raises:
            ValueError: if there is an unknown field.
        """
        numbers = respelled(numbers)
        unknown = sorted(set(numbers) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(
                f"there are no settings {unknown}: these settings were written by another version of everymode"
            )
        arguments: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()
        }
        return cls(**arguments)


IMAGES = PartitionSettings()
"""Settings for photographs of about 32 pixels, at a size that two CPU cores can train."""

DIGITS = replace(
    IMAGES,
    k=10,
    blocks=(0, 0, 1),
    width=16,
    full_blocks=1,
    full_width=128,
    head_layers=1,
    circular=False,
    pretext_steps=500,
    pretext_batch=256,
    pretext_lr=0.3,
    neighbors=10,
    starts=30,
    partition_steps=300,
    partition_batch=256,
    partition_lr=1e-3,
    partition_views=True,
    crop=1.0,
    shift=0.06,
    rotation=10.0,
    zoom=0.2,
    shear=0.2,
    mirror=False,
    jitter=0.0,
    hue=0.0,
    gray=0.0,
    noise=0.3,
)
"""Settings for the bundled digits: small geometric changes only, no flips."""

PAPER = replace(
    IMAGES,
    blocks=(4, 4, 4, 4, 4),
    width=160,
    full_width=512,
    pooled=True,
    circular=False,
    power_iterations=5,
    pretext_steps=62_500,
    pretext_batch=400,
    pretext_lr=0.4,
    partition_steps=39_000,
    partition_lr=1e-4,
)
"""Settings of Partition-Guided GAN on CIFAR-10: 500 and 100 epochs of 50,000 images. Our copy of the paper lacks the
first stage's learning rate; this one is that of SCAN, on whose code the paper builds. Blocks: the paper has 20, "4
down-sampling stages, every 4 blocks"; both numbers hold only for a squeeze after each of the first four quadruples."""

POINTS = replace(IMAGES, k=25)
"""Settings for points in the plane: k-means, then a classifier fitted to its clusters."""
