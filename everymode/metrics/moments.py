"""Mean and covariance of features that come in batches, in float64 (Chan, Golub and LeVeque 1979, pairwise update)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import Values, as_tensor, check_finite, feature_rows, tiles


class StreamingMoments:
    """Count, mean and covariance of the rows seen so far; two of them can be merged.

    Every batch is centered on its own mean before it is multiplied out, and means are kept relative to that of the
    first batch. So nothing is lost where the mean is much larger than the spread, and the result is that of all rows
    at once whatever the batches were.
    """

    def __init__(self) -> None:
        self._count = 0
        self._origin = torch.zeros(0, dtype=torch.float64)
        self._offset = torch.zeros(0, dtype=torch.float64)  # mean less origin
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)

    @classmethod
    def from_moments(cls, count: int, mean: Values, covariance: Values) -> StreamingMoments:
        """Moments that were stored: count rows with this mean [F] and unbiased covariance [F, F]."""
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
        """Rows seen."""
        return self._count

    @property
    def mean(self) -> np.ndarray:
        """Mean of the rows, float64 [F]. Raises ValueError before the first row."""
        self._need(1)
        return (self._origin + self._offset).numpy()

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance (divided by N - 1), float64 [F, F]. Raises ValueError below 2 rows."""
        self._need(2)
        return self._scatter.numpy() / (self._count - 1)

    def update(self, batch: Values) -> None:
        """Add rows [n, F], on any device and in any float type; an empty batch changes nothing.

        Raises:
            ValueError: for NaN or infinite values, or another number of columns than before; nothing is added then.
        """
        rows = feature_rows("batch", batch, least=0)
        self._check_width(rows.shape[1])
        if self._count == 0 and len(rows):
            first = rows[next(tiles(*rows.shape))].double()
            self._start(first.mean(0))
        for part in tiles(*rows.shape):
            self._add(*_centered_moments(rows[part].double() - self._origin))

    def merge(self, other: StreamingMoments) -> None:
        """Add the rows that another one has seen (say, another process); the other stays as it is."""
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
                f"rows have {width} features, those before had {len(self._origin)}; use one object per extractor layer"
            )

    def _need(self, rows: int) -> None:
        if self._count < rows:
            raise ValueError(f"{self._count} rows were added; at least {rows} are needed: call update first")


def _centered_moments(rows: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count, mean and scatter matrix (sum of outer products around the mean) of rows [n, F] in float64."""
    mean = rows.mean(0)
    centered = rows - mean
    return len(rows), mean, centered.T @ centered
