"""The order in which images are seen: a pure function of the seed and the number of D's move."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import numpy as np

__all__ = ["DataOrder", "random_permutation", "random_uniform", "random_words"]

Sampling = Literal["natural", "balanced", "sqrt"]


def random_words(seed: int, stream: str, position: int, count: int) -> np.ndarray:
    """[count] uint64, uniform over all 64-bit words, a pure function of (seed, stream, position).

    Raw words of Philox are fixed for ever; numpy's `Generator` methods may change between releases.
    """
    key = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=16).digest()
    return np.random.Philox(key=int.from_bytes(key, "little")).random_raw(count)


def random_uniform(seed: int, stream: str, position: int, count: int) -> np.ndarray:
    """[count] float64, uniform in [0, 1)."""
    return (random_words(seed, stream, position, count) >> np.uint64(11)) * 2.0**-53


def random_permutation(seed: int, stream: str, position: int, count: int) -> np.ndarray:
    """[count] int64, a permutation of 0 .. count - 1."""
    return np.argsort(random_words(seed, stream, position, count), kind="stable")


class DataOrder:
    """Row numbers of every batch.

    Args:
        num_images_or_labels: N, or labels [N] (or [N, blocks], of which the first block counts). Labels
            are needed for "balanced" and "sqrt"; unlabelled rows (-1) are then treated as one more class.
        batch_size: rows in a batch, at most N.
        seed: any integer.
        sampling: "natural" goes through a fresh permutation every epoch and drops the incomplete last batch;
            "balanced" draws a class, all classes alike, then an image of it, with replacement; "sqrt"
            draws classes in proportion to the square root of their size. Classes without images are never
            drawn.

    Raises:
        ValueError: fewer images than a batch, unknown sampling, or no labels where they are needed.
    """

    def __init__(
        self,
        num_images_or_labels: int | np.ndarray,
        batch_size: int,
        seed: int,
        *,
        sampling: Sampling = "natural",
    ) -> None:
        labels = (
            None if isinstance(num_images_or_labels, int | np.integer) else np.asarray(num_images_or_labels)
        )
        self.num_images = int(num_images_or_labels) if labels is None else len(labels)
        self.batch_size = batch_size
        self.seed = seed
        self.sampling = sampling
        if sampling not in get_args(Sampling):
            raise ValueError(f'sampling is "{sampling}"; choose one of {", ".join(get_args(Sampling))}')
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        if self.num_images < batch_size:
            raise ValueError(
                f"there are {self.num_images} images, fewer than a batch of {batch_size}; choose a batch "
                f"of at most {self.num_images}, or add images"
            )
        self._epoch: tuple[int, np.ndarray] | None = None
        if sampling != "natural":
            if labels is None:
                raise ValueError(
                    f'sampling="{sampling}" needs labels; give them in place of the number of images'
                )
            self._rows, self._starts, self._counts, self._upper = _class_table(labels, sampling)

    @property
    def moves_per_epoch(self) -> int:
        """Whole batches in one pass over the data."""
        return self.num_images // self.batch_size

    def indices(self, move: int) -> np.ndarray:
        """Rows of batch `move` (0, 1, ...), int64 [batch_size]; calls may come in any order."""
        if move < 0:
            raise ValueError(f"move is {move}; moves are counted from 0")
        if self.sampling != "natural":
            return self._drawn(move)
        epoch, batch = divmod(move, self.moves_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, random_permutation(self.seed, "data-epoch", epoch, self.num_images))
        return self._epoch[1][batch * self.batch_size : (batch + 1) * self.batch_size].copy()

    def _drawn(self, move: int) -> np.ndarray:
        draws = random_uniform(self.seed, "data-draw", move, 2 * self.batch_size)
        classes = np.searchsorted(self._upper, draws[: self.batch_size], side="right")
        offsets = (draws[self.batch_size :] * self._counts[classes]).astype(np.int64)
        return self._rows[self._starts[classes] + offsets]


def _class_table(
    labels: np.ndarray, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows sorted by class, and each class's first place, its count and the upper end of its probability."""
    column = labels if labels.ndim == 1 else labels[:, 0]
    rows = np.argsort(column, kind="stable")
    _, counts = np.unique(column, return_counts=True)
    starts = np.cumsum(counts) - counts
    weights = np.sqrt(counts) if sampling == "sqrt" else np.ones(len(counts))
    upper = np.cumsum(weights) / weights.sum()
    upper[-1] = 1.0  # the sum may miss 1 by a rounding, and a draw must never fall past the last class
    return rows, starts, counts, upper
