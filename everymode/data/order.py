"""Order of the training images: a pure function of the seed and the number of the discriminator update."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import numpy as np

__all__ = ["DataOrder", "MixedOrder", "random_permutation", "random_uniform", "random_words"]

Sampling = Literal["natural", "balanced", "sqrt"]


def random_words(seed: int, stream: str, position: int, count: int) -> np.ndarray:
    """Return uint64 [count], uniform over all 64-bit words, a pure function of (seed, stream, position).

    Raw words of Philox never change, whereas numpy's `Generator` methods may change between releases.
    """
    key = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=16).digest()
    return np.random.Philox(key=int.from_bytes(key, "little")).random_raw(count)


def random_uniform(seed: int, stream: str, position: int, count: int) -> np.ndarray:
    """Return float64 [count], uniform in [0, 1), a pure function of (seed, stream, position)."""
    return (random_words(seed, stream, position, count) >> np.uint64(11)) * 2.0**-53


def random_permutation(seed: int, stream: str, position: int, count: int) -> np.ndarray:
    """Return int64 [count], a permutation of 0 .. count - 1, a pure function of (seed, stream, position)."""
    return np.argsort(random_words(seed, stream, position, count), kind="stable")


class DataOrder:
    """Row numbers of every batch.

    Args:
        num_images_or_labels: number of images N, or labels [N] (or [N, blocks], of which the first block is used).
            "balanced" and "sqrt" need labels, and treat unlabeled rows (-1) as one more class.
        batch_size: number of rows in a batch, at most N.
        seed: any integer.
        sampling: "natural" uses a new permutation every epoch and drops the incomplete last batch; "balanced" draws a
            class uniformly, then one of its images, with replacement; "sqrt" draws classes in proportion to the square
            root of their size. Classes without images are never drawn.

    Raises:
        ValueError: if there are fewer images than a batch, `sampling` is unknown, or labels are needed and missing.
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
        _check(sampling, batch_size)
        if self.num_images < batch_size:
            raise ValueError(
                f"there are {self.num_images} images, fewer than a batch of {batch_size}; choose a batch "
                f"of at most {self.num_images}, or add images"
            )
        self._epoch: tuple[int, np.ndarray] | None = None
        if sampling != "natural":
            if labels is None:
                raise ValueError(
                    f'sampling="{sampling}" needs labels; give them instead of the number of images'
                )
            self._drawn = _ClassDraws(np.arange(len(labels)), labels, sampling)

    @property
    def moves_per_epoch(self) -> int:
        """Number of complete batches in one pass over the data."""
        return self.num_images // self.batch_size

    def indices(self, move: int) -> np.ndarray:
        """Return the rows of a batch, int64 [batch_size]; calls may come in any order.

        Args:
            move: number of the batch, that is of the discriminator update, from 0.

        Raises:
            ValueError: if `move` is negative.
        """
        _check_move(move)
        if self.sampling != "natural":
            return self._drawn.take(self.seed, move, self.batch_size)
        epoch, batch = divmod(move, self.moves_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, random_permutation(self.seed, "data-epoch", epoch, self.num_images))
        return self._epoch[1][batch * self.batch_size : (batch + 1) * self.batch_size].copy()


class MixedOrder:
    """Row numbers of every batch, a fixed share of which is labeled, however few labeled images there are.

    The labeled rows are spread evenly over the batch. Thus each contiguous slice of it (a process's share, or a
    micro-batch) holds the same share, to within one row, and the order does not depend on the number of slices. Labeled
    and unlabeled rows each go through a new permutation of their images in every pass; a pass may end within a batch,
    and nothing is dropped.

    Args:
        labels: [N], or [N, blocks], where an image is labeled if it has at least one label.
        batch_size: number of rows in a batch.
        seed: any integer.
        labeled_share: share of every batch that is labeled, rounded to the nearest number of rows.
        sampling: sampling of the labeled rows: "natural" by permutations; "balanced" and "sqrt" by class with
            replacement, as in `DataOrder`.

    Raises:
        ValueError: if the share is out of range or rounds to no labeled row, `sampling` is unknown, or there are no
            labeled or no unlabeled images although a batch needs them.
    """

    def __init__(
        self,
        labels: np.ndarray,
        batch_size: int,
        seed: int,
        *,
        labeled_share: float,
        sampling: Sampling = "natural",
    ) -> None:
        labels = np.asarray(labels)
        _check(sampling, batch_size)
        if not 0 < labeled_share <= 1:
            raise ValueError(
                f"labeled_share is {labeled_share}; give a share of the batch, above 0 and at most 1"
            )
        self.batch_size = batch_size
        self.seed = seed
        count = int(labeled_share * batch_size + 0.5)
        if count == 0:
            raise ValueError(
                f"labeled_share is {labeled_share}, which is less than one row of a batch of {batch_size}; give at "
                f"least {1 / batch_size:.3g}"
            )
        has_label = labels >= 0 if labels.ndim == 1 else (labels >= 0).any(axis=1)
        rows, others = np.flatnonzero(has_label), np.flatnonzero(~has_label)
        _require_both(len(rows), len(others), labeled_share, count < batch_size)
        labeled_before = np.arange(batch_size + 1) * count // batch_size
        self._is_labeled = np.diff(labeled_before) > 0
        self._labeled = _Passes(rows, "labelled-pass")
        self._unlabeled = _Passes(others, "unlabelled-pass")
        self._drawn = None if sampling == "natural" else _ClassDraws(rows, labels[rows], sampling)

    def indices(self, move: int) -> np.ndarray:
        """Return the rows of a batch, int64 [batch_size]; calls may come in any order.

        Args:
            move: number of the batch, that is of the discriminator update, from 0.

        Raises:
            ValueError: if `move` is negative.
        """
        _check_move(move)
        count = int(self._is_labeled.sum())
        batch = np.empty(self.batch_size, np.int64)
        if self._drawn is None:
            batch[self._is_labeled] = self._labeled.take(self.seed, move, count)
        else:
            batch[self._is_labeled] = self._drawn.take(self.seed, move, count)
        if count < self.batch_size:
            batch[~self._is_labeled] = self._unlabeled.take(self.seed, move, self.batch_size - count)
        return batch


class _Passes:
    """Endless passes over some rows, each in a different order."""

    def __init__(self, rows: np.ndarray, stream: str) -> None:
        self._rows = rows
        self._stream = stream
        self._orders: dict[int, np.ndarray] = {}

    def take(self, seed: int, move: int, count: int) -> np.ndarray:
        """Return rows number move * count .. (move + 1) * count - 1 of the sequence."""
        passes, positions = np.divmod(np.arange(move * count, (move + 1) * count), len(self._rows))
        previous, self._orders = self._orders, {}
        taken = np.empty(count, np.int64)
        for number in range(int(passes[0]), int(passes[-1]) + 1):
            order = previous.get(number)
            if order is None:
                order = self._rows[random_permutation(seed, self._stream, number, len(self._rows))]
            in_pass = passes == number
            taken[in_pass] = order[positions[in_pass]]
            self._orders[number] = order  # cached for the next update only
        return taken


class _ClassDraws:
    """Rows drawn with replacement: first a class, then one of its rows, uniformly."""

    def __init__(self, rows: np.ndarray, labels: np.ndarray, sampling: Sampling) -> None:
        order, self._starts, self._counts, self._upper = _class_table(labels, sampling)
        self._rows = rows[order]

    def take(self, seed: int, move: int, count: int) -> np.ndarray:
        """Return the `count` rows of a discriminator update."""
        draws = random_uniform(seed, "data-draw", move, 2 * count)
        classes = np.searchsorted(self._upper, draws[:count], side="right")
        offsets = (draws[count:] * self._counts[classes]).astype(np.int64)
        return self._rows[self._starts[classes] + offsets]


def _check(sampling: str, batch_size: int) -> None:
    if sampling not in get_args(Sampling):
        raise ValueError(f'sampling is "{sampling}"; choose one of {", ".join(get_args(Sampling))}')
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")


def _check_move(move: int) -> None:
    if move < 0:
        raise ValueError(f"move is {move}; discriminator updates are counted from 0")


def _require_both(labeled: int, unlabeled: int, share: float, needs_both: bool) -> None:
    if not labeled:
        raise ValueError(
            f"labeled_share is {share}, but none of the {unlabeled:,} images has a label; add labels, or leave "
            "labeled_share at 0"
        )
    if needs_both and not unlabeled:
        raise ValueError(
            f"labeled_share is {share}, but all {labeled:,} images have a label; add images without one, hide some "
            "labels with labeled_fraction, or leave labeled_share at 0"
        )


def _class_table(
    labels: np.ndarray, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows sorted by class, and for each class its first position, count and cumulative probability."""
    column = labels if labels.ndim == 1 else labels[:, 0]
    rows = np.argsort(column, kind="stable")
    _, counts = np.unique(column, return_counts=True)
    starts = np.cumsum(counts) - counts
    weights = np.sqrt(counts) if sampling == "sqrt" else np.ones(len(counts))
    upper = np.cumsum(weights) / weights.sum()
    upper[-1] = 1.0  # rounding may leave the sum below 1, and a draw must never exceed the last class
    return rows, starts, counts, upper
