"""Every number of learning a partition. Free of torch, so that the command line can list and check them at once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from everymode.numbers import require_finite, respelled

__all__ = ["DIGITS", "IMAGES", "PAPER", "POINTS", "PartitionSettings"]


@dataclass(frozen=True, kw_only=True)
class PartitionSettings:
    """The numbers of the two stages, of the network between them, and of the views that the first one compares."""

    k: int = 200
    """Number of parts."""

    # ---- network
    blocks: tuple[int, ...] = (0, 1, 2, 2)
    """Residual blocks of each stage; between two stages a squeeze halves the sides."""
    width: int = 48
    """Channels inside the residual blocks."""
    pooled: bool = False
    """Pool over space before the head, as in the released code; off keeps the premises of the guarantee."""
    full_blocks: int = 1
    """Constrained residual blocks of full connections before the head, where nothing is pooled."""
    full_width: int = 256
    """Features inside those; with pooling, features of the head."""
    head_layers: int = 0
    """Invertible full layers of the head, where nothing is pooled: large, as wide as an image has numbers."""
    norm_limit: float = 0.9
    """c, the largest spectral norm of each constrained layer: below 1."""
    circular: bool = True
    """Pad by wrapping around, for which the exact norm of a convolution is known; off pads with zeros."""
    power_iterations: int = 1
    """Power iterations of each constrained layer per training step; the released code makes 5."""

    # ---- first stage: pretext
    pretext_steps: int = 2000
    """Steps of the pretext task (telling two views of an image from the views of others)."""
    pretext_batch: int = 128
    """Images per step, each seen twice."""
    pretext_lr: float = 0.1
    """Highest learning rate of SGD with momentum 0.9; it falls to zero along a cosine."""
    pretext_weight_decay: float = 3e-5
    """Weight decay of the first stage."""
    warm_up: float = 0.05
    """Share of the first stage over which its learning rate rises."""
    temperature: float = 0.1
    """What similarities are divided by."""
    symmetric: bool = True
    """Both views of an image are anchors; off: only the first."""
    embedding: int = 128
    """Length of the pretext network's output."""

    # ---- second stage: partition
    neighbors: int = 20
    """Nearest neighbors that are mined for each image."""
    starts: int = 20
    """Random read-outs that are tried on the pretext features; the one of least loss begins the second stage."""
    start_steps: int = 200
    """Steps for which each of them is fitted."""
    partition_steps: int = 1000
    """Steps of the second stage."""
    partition_batch: int = 128
    """Images per step, each with one of its neighbors."""
    partition_lr: float = 5e-4
    """Learning rate of Adam."""
    partition_views: bool = False
    """The second stage, too, looks at random views; off: at the images themselves, as in the paper's formula."""
    mean_entropy_weight: float = 5.0
    """Weight of the entropy of the mean, which keeps all parts in use."""
    sample_entropy_weight: float = 1e-3
    """Weight of the entropy of each image, which makes it choose."""
    kmeans: bool = False
    """Cut the pretext features by k-means in place of the second stage, which the paper rejects."""

    # ---- points, in place of both stages
    fit_steps: int = 4000
    """Steps for which a classifier is fitted to k-means on points."""
    fit_lr: float = 0.07
    """Learning rate of Adagrad for it."""

    # ---- views
    crop: float = 0.3
    """Smallest share of an image's area that a random crop keeps; 1 = no crops."""
    shift: float = 0.0
    """Views are moved by up to this share of the sides."""
    rotation: float = 0.0
    """Views are turned by up to this many degrees."""
    zoom: float = 0.0
    """Views are enlarged or shrunk by up to 2 ** zoom."""
    shear: float = 0.0
    """Views are slanted by up to this slope."""
    mirror: bool = True
    """Half of the views are flipped left to right; not for digits or letters."""
    jitter: float = 0.4
    """Strength of random brightness, contrast and saturation."""
    hue: float = 0.1
    """Largest turn of the color circle, as a share of the whole."""
    gray: float = 0.2
    """Share of the views that lose their color."""
    noise: float = 0.0
    """Standard deviation of the noise that is added to views, whose values lie between -1 and 1."""

    # ---- running
    snapshot_seconds: float = 30.0
    """Seconds between two saved states, from which a killed run goes on."""

    def __post_init__(self) -> None:
        self.check()
        require_finite(self)

    def check(self) -> None:
        """Refuse impossible numbers, as sentences."""
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
                f"pretext_batch must be at least 2, not {self.pretext_batch}: views of one image have no others"
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
                raise ValueError(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        if not 0 < self.crop <= 1:
            raise ValueError(f"crop is a share of the area above 0 and at most 1, not {self.crop}")
        if not 0 < self.norm_limit < 1:
            raise ValueError(f"norm_limit must be above 0 and below 1, not {self.norm_limit}")
        if not self.blocks or min(self.blocks) < 0:
            raise ValueError(f"blocks needs a number for each stage, 0 or more, not {list(self.blocks)}")

    def fitted(
        self, parts: int, num_images: int, pretext_steps: int | None, partition_steps: int | None
    ) -> PartitionSettings:
        """For so many parts of so many images, with the steps of both stages where they are given."""
        return replace(
            self,
            k=parts,
            neighbors=max(1, min(self.neighbors, num_images - 1)),
            pretext_steps=pretext_steps or self.pretext_steps,
            partition_steps=partition_steps or self.partition_steps,
        )

    def shrunk(self) -> PartitionSettings:
        """At toy size."""
        network = {"blocks": (1, 1), "width": 4, "full_blocks": 1, "full_width": 8}
        steps = {"pretext_steps": 2, "starts": 1, "start_steps": 2, "partition_steps": 2}
        return replace(self, k=3, neighbors=3, **network, **steps)

    def as_json(self) -> dict[str, Any]:
        """All fields, as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, numbers: dict[str, Any]) -> PartitionSettings:
        """The settings that `as_json` described. Raises ValueError for fields that there are not."""
        numbers = respelled(numbers)
        unknown = sorted(set(numbers) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(
                f"there are no settings {unknown}: they were written by another version of everymode"
            )
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()}
        )


IMAGES = PartitionSettings()
"""Photographs of about 32 pixels, at a size that two CPU cores can train."""

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
"""The bundled digits: small movements only, no flips."""

PAPER = replace(
    IMAGES,
    blocks=(5, 5, 5, 5),
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
"""Partition-Guided GAN on CIFAR-10: 500 and 100 passes over 50,000 images. The first stage's learning rate is SCAN's,
on whose code it builds; the paper's text has lost it."""

POINTS = replace(IMAGES, k=25)
"""Points in the plane: k-means, then a classifier fitted to it."""
