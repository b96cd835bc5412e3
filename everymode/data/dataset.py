"""Dataset in memory or memory-mapped: images as uint8 rows, labels, class names, and a fast `gather`."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.data.facts import DataFacts
from everymode.data.gather import normalized_rows
from everymode.data.mixtures import Mixture
from everymode.data.paired import Paired
from everymode.data.rows import LazyRows, select_rows

__all__ = ["Dataset", "Unreadable", "fingerprint_of"]


class Unreadable(NamedTuple):
    """Name of an image that could not be read, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images (or points) with labels.

    Attributes:
        name: short name of the source.
        images: uint8 [N, C, H, W], in memory or memory-mapped; float32 [N, 2] for points.
        labels: int64 [N], -1 = unlabeled; [N, blocks] for several label blocks.
        classes: class names; () without labels; with several blocks all names, blocks in order.
        fingerprint: hexadecimal digest of pixels, labels and class names.
        label_blocks: class names of each block; () unless there are several blocks.
        unreadable: images that were skipped, with the reason.
        domains: int64 [N], the dataset of a union that each row comes from; None if this is not a union.
        domain_names: names of those datasets.
        mixture: means and std, for points drawn from a mixture of Gaussians.
        notes: remarks about the source for the user (only one class, ignored files, ...).
        jpegs: number of images stored as JPEG, whatever the archive or file extension; in a subset, the number of the
            full dataset.
        paired: label maps or small pictures that the images are paired with; None if there are none. The fingerprint
            covers them (see `with_paired`).

    Raises:
        ValueError: if the shapes of images, labels, classes, domains or paired rows are inconsistent, or labels are not
            integers.
    """

    name: str
    images: np.ndarray | LazyRows
    labels: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str
    label_blocks: tuple[tuple[str, ...], ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    domains: np.ndarray | None = None
    domain_names: tuple[str, ...] = ()
    mixture: Mixture | None = None
    notes: tuple[str, ...] = field(default=())
    jpegs: int = 0
    paired: Paired | None = None

    def __post_init__(self) -> None:
        points = self.images.dtype == np.float32 and self.images.ndim == 2 and self.images.shape[1] == 2
        if not points and (self.images.dtype != np.uint8 or self.images.ndim != 4):
            raise ValueError(
                f"{self.name}: images are {self.images.dtype} {list(self.images.shape)}; give uint8 [N, "
                f"C, H, W], or float32 [N, 2] for points"
            )
        if len(self.labels) != len(self.images):
            raise ValueError(
                f"{self.name}: {len(self.images)} images but {len(self.labels)} labels; give one label "
                f"per image (-1 = unlabeled)"
            )
        wanted = (len(self.images), len(self.label_blocks)) if self.label_blocks else (len(self.images),)
        if self.labels.dtype.kind not in "iu" or self.labels.shape != wanted:
            raise ValueError(
                f"{self.name}: labels are {self.labels.dtype} {list(self.labels.shape)}; give integers "
                f"{list(wanted)}" + (", one column per label block" if self.label_blocks else "")
            )
        if self.domains is not None and len(self.domains) != len(self.images):
            raise ValueError(
                f"{self.name}: {len(self.images)} images but {len(self.domains)} domains; give one per image"
            )
        if self.paired is not None:
            self.paired.require_images(self.name, tuple(self.images.shape))
        for block, size in enumerate(self._block_sizes):
            column = self._block(block)
            if len(column) and (column.min() < -1 or column.max() >= size):
                raise ValueError(
                    f"{self.name}: labels run from {column.min()} to {column.max()}, but there are "
                    f"{size} classes; labels must be in -1 (unlabeled) .. {size - 1}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        """Return one image and its label, so that torch's DataLoader takes a dataset.

        Args:
            index: row number; a negative one counts from the end.

        Returns:
            The image [C, H, W] in [-1, 1] (or point [2], unchanged), and its label, -1 = unlabeled: an integer, or
            int64 [blocks] for several label blocks.

        Raises:
            IndexError: if the row is outside the dataset.
            TypeError: if `index` is not an integer.
        """
        row = operator.index(index)
        if not -len(self) <= row < len(self):
            raise IndexError(f"{self.name} has rows 0 .. {len(self) - 1}; requested {row}")
        row %= len(self)
        label = self.gather_labels([row])[0]
        return self.gather([row])[0], label if self.label_blocks else int(label)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.image_shape))
        return f"Dataset({self.name}: {len(self):,} examples of {shape}, {len(self.classes)} classes)"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W), or (2,) for points."""
        return tuple(self.images.shape[1:])

    @property
    def is_points(self) -> bool:
        """Whether the data are points in the plane, not images."""
        return self.images.ndim == 2

    @property
    def num_classes(self) -> int | tuple[int, ...]:
        """Number of classes; 0 without labels; a tuple with one number per block for several label blocks."""
        return self._block_sizes if self.label_blocks else len(self.classes)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images per class, blocks in order."""
        counts: list[int] = []
        for block, size in enumerate(self._block_sizes):
            column = self._block(block)
            counts += np.bincount(column[column >= 0], minlength=size).tolist()
        return tuple(counts)

    @property
    def combination_counts(self) -> tuple[tuple[int, ...], ...]:
        """Rows (one label per block, number of images) of the combinations that occur; () without label blocks."""
        if not self.label_blocks:
            return ()
        complete = self.labels[(self.labels >= 0).all(axis=1)]
        combinations, counts = np.unique(complete, axis=0, return_counts=True)
        return tuple(tuple(row) for row in np.column_stack((combinations, counts)).tolist())

    @property
    def num_unlabelled(self) -> int:
        """Old spelling of `num_unlabeled`, until 0.3."""
        return self.num_unlabeled

    @property
    def num_unlabeled(self) -> int:
        """Number of images without a label (with several blocks: without at least one of them)."""
        rows = self.labels < 0
        return int(rows.any(axis=1).sum() if rows.ndim == 2 else rows.sum())

    @property
    def num_skipped(self) -> int:
        """Number of images of the source that could not be read."""
        return len(self.unreadable)

    @property
    def _block_sizes(self) -> tuple[int, ...]:
        return tuple(len(names) for names in self.label_blocks) or (len(self.classes),)

    def _block(self, block: int) -> np.ndarray:
        return self.labels[:, block] if self.labels.ndim == 2 else self.labels

    def _rows(self, indices: np.ndarray | Sequence[int]) -> np.ndarray:
        """Return row numbers as int64 [B], after checking their range."""
        rows = np.asarray(indices, dtype=np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(
                f"{self.name} has rows 0 .. {len(self) - 1}; requested {rows.min()} .. {rows.max()}"
            )
        return rows

    def facts(self) -> DataFacts:
        """Return the metadata of this dataset, without its pixels."""
        return DataFacts(
            name=self.name,
            num_images=len(self),
            image_shape=self.image_shape,
            num_classes=self.num_classes,
            class_counts=self.class_counts,
            num_unlabeled=self.num_unlabeled,
            fingerprint=self.fingerprint,
            classes=self.classes,
            combination_counts=self.combination_counts,
            map_classes=0 if self.paired is None else self.paired.num_classes,
            has_edges=self.paired is not None and self.paired.edges is not None,
            scale=0 if self.paired is None else self.paired.scale(self.image_shape),
        )

    def gather(
        self,
        indices: np.ndarray | Sequence[int],
        device: torch.device | str = "cpu",
        *,
        mirror: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Return rows as a tensor on `device`.

        Args:
            indices: int64 [B], rows in 0 .. N - 1, repeats allowed.
            device: device of the batch; images are copied there as uint8, then normalized.
            mirror: bool [B], the images to flip left to right, preferably on `device`; not for points.
            dtype: data type of the result.

        Returns:
            [B, C, H, W] in [-1, 1] (x / 127.5 - 1), or points [B, 2] unchanged.

        Raises:
            IndexError: if a row is outside the dataset.
            ValueError: if `mirror` is set for points, or its shape is not [B].
        """
        rows = self._rows(indices)
        if mirror is not None and self.is_points:
            raise ValueError(f"{self.name} holds points, which can't be mirrored; omit `mirror`")
        if mirror is not None and mirror.shape != rows.shape:
            raise ValueError(f"mirror has shape {list(mirror.shape)}; give one bool per image, [{len(rows)}]")
        return normalized_rows(self.images, rows, torch.device(device), mirror=mirror, dtype=dtype)

    def gather_labels(
        self, indices: np.ndarray | Sequence[int], device: torch.device | str = "cpu"
    ) -> Tensor:
        """Return the labels of rows `indices` [B] on `device`: int64 [B], or [B, blocks]; -1 = unlabeled.

        Raises:
            IndexError: if a row is outside the dataset.
        """
        labels = torch.from_numpy(self.labels[self._rows(indices)])
        if torch.device(device).type == "cuda":
            labels = labels.pin_memory()
        return labels.to(device, non_blocking=True)

    def gather_condition(
        self,
        indices: np.ndarray | Sequence[int],
        device: torch.device | str = "cpu",
        *,
        mirror: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor | tuple[Tensor, ...]:
        """Return what rows `indices` [B] are conditioned on: their maps or pictures, or else their labels.

        Args:
            indices: int64 [B], rows in 0 .. N - 1, repeats allowed.
            device: device of the result.
            mirror: bool [B], the same flips left to right as for `gather`; labels are the same for both mirror images.
            dtype: data type of edges and pictures.

        Returns:
            As `Paired.gather` (a label map int64 [B, H, W], map and edges, or pictures [B, C, h, w]), or without paired
            rows as `gather_labels`.

        Raises:
            IndexError: if a row is outside the dataset.
            ValueError: if the shape of `mirror` is not [B].
        """
        if self.paired is None:
            return self.gather_labels(indices, device)
        return self.paired.gather(self._rows(indices), device, mirror=mirror, dtype=dtype)

    def subset(self, indices: np.ndarray | Sequence[int], *, name: str | None = None) -> Dataset:
        """Return a dataset of the rows `indices`, in that order, with all class names.

        Args:
            indices: int64, rows in 0 .. N - 1, repeats allowed.
            name: name of the result (default: this name with both numbers of rows).

        Raises:
            IndexError: if a row is outside the dataset.
        """
        rows = self._rows(indices)
        digest = hashlib.blake2b(self.fingerprint.encode() + rows.tobytes(), digest_size=16).hexdigest()
        return replace(
            self,
            name=name or f"{self.name} ({len(rows)} of {len(self)})",
            images=select_rows(self.images, rows),
            labels=self.labels[rows],
            fingerprint=digest,
            domains=None if self.domains is None else self.domains[rows],
            paired=None if self.paired is None else self.paired.select(rows),
        )

    def with_paired(self, paired: Paired, *, digest: str | None = None) -> Dataset:
        """Return this dataset with its images paired with maps or pictures, and a fingerprint that covers them.

        Args:
            paired: as many rows as this dataset has.
            digest: digest of the paired rows (default: computed from all of them).

        Raises:
            ValueError: if the numbers of rows or the sizes don't fit.
        """
        pieces = f"{self.fingerprint} paired {digest or paired.digest()}".encode()
        return replace(self, paired=paired, fingerprint=hashlib.blake2b(pieces, digest_size=16).hexdigest())


def fingerprint_of(images_digest: bytes, labels: np.ndarray, classes: Sequence[str]) -> str:
    """Return a digest of pixels (themselves given as a digest), labels and class names: 32 hexadecimal digits."""
    total = hashlib.blake2b(digest_size=16)
    # folder names that aren't valid UTF-8 contain lone surrogates
    names = "\0".join(classes).encode("utf-8", "surrogatepass")
    for piece in (images_digest, np.ascontiguousarray(labels).tobytes(), names):
        total.update(len(piece).to_bytes(8, "little"))
        total.update(piece)
    return total.hexdigest()
