"""Pictures of points in the plane: the same scale for all checkpoints of a run, with the true modes if known."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["POINTS", "SIDE", "extent_of", "scatter"]

SIDE = 256
"""Height and width of a plot, in pixels."""
POINTS = 500
"""Points of a plot."""
_POINT, _MODE = (20, 158, 145, 215), (205, 100, 40, 255)
_FINER = 2
"""Factor by which a plot is drawn larger, and then reduced, so that points have smooth edges."""


def extent_of(points: np.ndarray, means: np.ndarray | None) -> float:
    """Return half the side of a plot around 0: of the true modes if they are known, else of the points.

    Args:
        points: [n, 2].
        means: true modes [modes, 2], or None.
    """
    if means is not None and len(means):
        return 1.3 * float(np.abs(means).max() or 1.0)
    finite = np.abs(points[np.isfinite(points).all(1)])
    largest = float(np.quantile(finite, 0.995)) if finite.size else 1.0
    scale = 10.0 ** np.floor(np.log10(max(largest, 1e-6)))
    return float(scale * np.ceil(1.15 * largest / scale * 2) / 2)


def scatter(points: np.ndarray, extent: float, means: np.ndarray | None = None) -> np.ndarray:
    """Return a plot of points on a transparent ground, uint8 [SIDE, SIDE, 4].

    Args:
        points: [n, 2]; those outside the plot are not shown.
        extent: half the side of the plot, in units of the points.
        means: true modes [modes, 2], drawn as crosses.
    """
    side = SIDE * _FINER
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    frame = (120, 140, 135, 150)
    pen.rectangle((0, 0, side - 1, side - 1), outline=frame, width=_FINER)
    for x, y in _pixels(means if means is not None else np.empty((0, 2)), extent, side):
        arm = 4 * _FINER
        pen.line((x - arm, y, x + arm, y), fill=_MODE, width=_FINER)
        pen.line((x, y - arm, x, y + arm), fill=_MODE, width=_FINER)
    radius = 1.3 * _FINER
    for x, y in _pixels(points, extent, side):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_POINT)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def _pixels(points: np.ndarray, extent: float, side: int) -> list[tuple[float, float]]:
    inside = points[np.isfinite(points).all(1)]
    inside = inside[(np.abs(inside) <= extent).all(1)]
    x = (inside[:, 0] / extent + 1) / 2 * (side - 1)
    y = (1 - inside[:, 1] / extent) / 2 * (side - 1)
    return list(zip(x.tolist(), y.tolist(), strict=True))
