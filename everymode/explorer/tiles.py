"""Units of the worker: tiles, each a function of a checkpoint, label, seed and truncation."""

from __future__ import annotations

from dataclasses import dataclass

from everymode.explorer.labels import Label

__all__ = ["Tile", "Toward"]


@dataclass(frozen=True)
class Toward:
    """The other end of an interpolation, and the position between the two.

    Attributes:
        label: the label at the other end.
        seed: the seed at the other end.
        share: position from 0 (the tile's own label and seed) to 1 (the other end).
        spherical: whether latent codes move on the arc of a sphere, not on a straight line.
    """

    label: Label
    seed: int
    share: float
    spherical: bool = False


@dataclass(frozen=True)
class Tile:
    """One generated image, or one scatter plot of points.

    Attributes:
        label: what it is conditioned on.
        seed: seed of its latent code; of the first point.
        truncation: factor on the latent code.
        toward: the other end, for an interpolation.
        part: None for what is generated; the index of a picture of its condition; -1 for the real image of the row.
    """

    label: Label
    seed: int
    truncation: float = 1.0
    toward: Toward | None = None
    part: int | None = None
