"""Report on reconstructed images: both distances by class and by the generator's label, histograms, worst images first.

What a generator reconstructs worst is what it leaves out (Self-Conditioned GAN, section 4.4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.pictures import grid, new_figure, save_figure

__all__ = ["Reconstructions"]

PAIRS, PAIRS_PER_ROW = 100, 10
"""Pairs on a page, and in each of its rows."""
CURVES = 6
"""Number of groups with the largest, and with the smallest distances, whose histograms are drawn."""
BINS = 30
QUANTILES = {"q10": 0.1, "median": 0.5, "q90": 0.9}


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Images beside their reconstructions.

    Attributes:
        originals: uint8 [N, C, H, W].
        images: uint8 [N, C, H, W], the reconstructions.
        rows: row of each image in its dataset.
        distances: name -> float [N]; the first one orders the images.
        groups: kind of group, such as "class" or "cluster" -> name of each image's group.
    """

    originals: Tensor
    images: Tensor
    rows: Sequence[int]
    distances: dict[str, np.ndarray]
    groups: dict[str, list[str]]

    @property
    def order(self) -> list[int]:
        """Positions of the images, the worst reconstruction first; equal ones in their order."""
        return np.argsort(-next(iter(self.distances.values())), kind="stable").tolist()

    def report(self) -> dict[str, Any]:
        """Return the statistics and all distances as JSON values, the worst image first."""
        everything = {name: _statistics(values) for name, values in self.distances.items()}
        return {
            "num": len(self.rows),
            "distances": everything,
            "groups": {
                kind: {
                    name: {
                        "num": len(where),
                        **{each: _statistics(values[where]) for each, values in self.distances.items()},
                    }
                    for name, where in self._members(kind)
                }
                for kind in self.groups
            },
            "images": [
                {
                    "row": int(self.rows[i]),
                    **{kind: names[i] for kind, names in self.groups.items()},
                    **{name: float(values[i]) for name, values in self.distances.items()},
                }
                for i in self.order
            ],
        }

    def pages(self, folder: Path, save: Callable[[Any, Path], None]) -> list[Path]:
        """Write pages of pairs, the original on the left, the worst first, and return their paths.

        Args:
            folder: folder of the pages.
            save: function that writes a picture to a path.
        """
        order = self.order
        name, values = next(iter(self.distances.items()))
        paths: list[Path] = []
        digits = len(str(-(-len(order) // PAIRS)))
        for start in range(0, len(order), PAIRS):
            page = order[start : start + PAIRS]
            pairs = torch.stack((self.originals[page], self.images[page]), 1).flatten(0, 1)
            caption = (
                f"pairs {start + 1} to {start + len(page)} of {len(order)}, original left; {name} "
                f"{values[page[0]]:.3f} to {values[page[-1]]:.3f}"
            )
            columns = 2 * min(PAIRS_PER_ROW, len(page))
            path = folder / f"worst-{len(paths) + 1:0{digits}d}.png"
            save(grid(pairs, columns=columns, caption=caption), path)
            paths.append(path)
        return paths

    def histograms(self, folder: Path) -> list[Path]:
        """Draw the histograms of all images, and for each kind of group those of its groups; return the paths.

        Of more than 12 groups, those with the six largest and the six smallest means of the first distance are drawn.
        """
        paths = [self._histograms({"all": list(range(len(self.rows)))}, folder / "histograms.png")]
        for kind in self.groups:
            members = self._members(kind)
            if len(members) > 2 * CURVES:
                members = members[:CURVES] + members[-CURVES:]
            paths.append(self._histograms(dict(members), folder / f"histograms-by-{kind}.png"))
        return paths

    def _histograms(self, groups: dict[str, list[int]], path: Path) -> Path:
        figure, panels = new_figure(1, len(self.distances), size=(5.0 * len(self.distances), 3.6))
        for panel, (name, values) in zip(panels, self.distances.items(), strict=True):
            high = max(float(values.max()), 1e-12)
            edges = np.linspace(0, high, BINS + 1)
            for group, where in groups.items():
                shares = np.histogram(values[where], edges)[0] / len(where)
                label = f"{group} ({len(where)}, mean {values[where].mean():.3f})".replace("$", r"\$")
                label = (
                    f" {label}" if label.startswith("_") else label
                )  # matplotlib hides names that start with _
                panel.stairs(shares, edges, label=label, linewidth=1)
            panel.set_xlabel(name)
            panel.set_ylabel("share of the images")
            panel.legend(fontsize=6)
        return save_figure(figure, path)

    def _members(self, kind: str) -> list[tuple[str, list[int]]]:
        """Return the groups with their images, the largest mean of the first distance first."""
        members: dict[str, list[int]] = {}
        for i, name in enumerate(self.groups[kind]):
            members.setdefault(name, []).append(i)
        first = next(iter(self.distances.values()))
        return sorted(members.items(), key=lambda item: -float(first[item[1]].mean()))


def _statistics(values: np.ndarray) -> dict[str, float]:
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        **{name: float(np.quantile(values, share)) for name, share in QUANTILES.items()},
        "max": float(values.max()),
    }
