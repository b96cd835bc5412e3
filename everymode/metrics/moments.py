"""Mean and covariance of features in batches, in float64 (pairwise update of Chan, Golub and LeVeque 1979)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import Values, as_tensor, check_finite, feature_rows, tiles


class StreamingMoments:
    """Running count, mean and covariance of rows; two objects can be merged.

    Every batch is centered on its own mean before its products are formed, and means are stored relative to that of the
    first batch. So no digits are lost if the mean is much larger than the spread, and up to rounding the result does
    not depend on the batches.
    """

    def __init__(self) -> None:
        self._count = 0
        self._origin = torch.zeros(0, dtype=torch.float64)
        self._offset = torch.zeros(0, dtype=torch.float64)  # mean minus origin
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)

    @classmethod
    def from_moments(cls, count: int, mean: Values, covariance: Values) -> StreamingMoments:
        """Restore stored moments: those of `count` rows with this mean [F] and unbiased covariance [F, F].

        Raises:
            ValueError: if count is below 2, shapes do not fit, or there is NaN.
        """
        if count < 2:
            raise ValueError(f"count is {count}; stored moments need at least 2 rows")
        moments = cls()
        moments._count = int(count)
        moments._origin = as_tensor("mean", mean).double().clone()
        moments._offset = torch.zeros_like(moments._origin)
        moments._scatter = as_tensor("covariance", covariance).double() * (count - 1)
        width = len(moments._origin) if moments._origin.ndim == 1 else 0
        if width == 0 or moments._scatter.shape != (width, width):
            raise ValueError(
                f"mean has shape {list(moments._origin.shape)} and covariance {list(moments._scatter.shape)}; "
                "[F] and [F, F] are needed"
            )
        check_finite("mean", moments._origin[None])
        check_finite("covariance", moments._scatter)
        return moments

    @property
    def count(self) -> int:
        """Number of rows added so far."""
        return self._count

    @property
    def mean(self) -> np.ndarray:
        """Mean of the rows, float64 [F].

        Raises:
            ValueError: if no row was added yet.
        """
        self._need(1)
        return (self._origin + self._offset).numpy()

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance (divided by N - 1), float64 [F, F].

        Raises:
            ValueError: if fewer than 2 rows were added yet.
        """
        self._need(2)
        return self._scatter.numpy() / (self._count - 1)

    def update(self, batch: Values) -> None:
        """Add rows [n, F], on any device and of any real dtype; n may be 0.

        Raises:
            ValueError: if there are NaN or infinite values, or the number of columns differs from that of earlier
                batches; nothing is added then.
        """
        rows = feature_rows("batch", batch, least=0)
        self._check_width(rows.shape[1])
        if self._count == 0 and len(rows):
            first = rows[next(tiles(*rows.shape))].double()
            self._start(first.mean(0))
        for part in tiles(*rows.shape):
            self._add(*_centered_moments(rows[part].double() - self._origin))

    def merge(self, other: StreamingMoments) -> None:
        """Add the rows of another object, such as that of another process, which is not modified.

        Raises:
            ValueError: if the numbers of columns differ.
        """
        if other._count:
            self._check_width(len(other._origin))
            if self._count == 0:
                self._start(other._origin)
            self._add(other._count, other._origin - self._origin + other._offset, other._scatter)

    def _start(self, origin: Tensor) -> None:
        width = len(origin)
        self._origin = origin.clone()
        self._offset = torch.zeros(width, dtype=torch.float64)
        self._scatter = torch.zeros(width, width, dtype=torch.float64)

    def _add(self, count: int, offset: Tensor, scatter: Tensor) -> None:
        total = self._count + count
        step = offset - self._offset
        self._scatter += scatter
        self._scatter.addr_(step, step, alpha=self._count * count / total)
        self._offset += step * (count / total)
        self._count = total

    def _check_width(self, width: int) -> None:
        if self._count and width != len(self._origin):
            raise ValueError(
                f"rows have {width} features, earlier ones had {len(self._origin)}; use one object per extractor layer"
            )

    def _need(self, rows: int) -> None:
        if self._count < rows:
            raise ValueError(
                f"{self._count} rows were added; at least {rows} are needed: call update with more rows"
            )


def _centered_moments(rows: Tensor) -> tuple[int, Tensor, Tensor]:
    """Return the count, mean and scatter matrix (sum of outer products around the mean) of float64 rows [n, F]."""
    mean = rows.mean(0)
    centered = rows - mean
    return len(rows), mean, centered.T @ centered
