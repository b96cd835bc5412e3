"""Recipes for points in the plane."""

from __future__ import annotations

_POINTS = "everymode.recipes.points"

POINTS: dict[str, tuple[str, str, str]] = {
    "gan-ring": (_POINTS, "RING", "an unconditional GAN on eight Gaussians in a ring"),
    "gan-grid": (_POINTS, "GRID", "an unconditional GAN on a grid of 25 Gaussians: it misses modes"),
    "conditional-gan-grid": (_POINTS, "CONDITIONAL_GRID", "a GAN on the grid that is told the mode"),
    "conditional-gan-ring": (_POINTS, "CONDITIONAL_RING", "a GAN on the ring that is told the mode"),
}
