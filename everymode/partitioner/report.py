"""Report on a learned partition: sizes of its parts, agreement with classes if the data has any, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.draws import Draws, Rows
from everymode.partitioner.images import PartitionData
from everymode.pictures import save_grid, save_scatter
from everymode.storage.json_files import read_object

__all__ = ["REPORT", "draw_parts", "read_report", "report_of", "shown_report"]

REPORT = "report.json"

Score = Callable[[Tensor, Tensor], float]
"""Function of parts [N] and classes [N], such as everymode.metrics.nmi and purity."""

COLUMNS = 12
MOST_ROWS = 60
"""Largest number of parts of which all are drawn."""


def report_of(parts: Tensor, k: int, labels: np.ndarray, scores: Mapping[str, Score]) -> dict[str, Any]:
    """Return the sizes of all parts, summaries of them, and the scores, as JSON values.

    Args:
        parts: int64 [N].
        labels: int64 [N] or [N, blocks], of which the first block is used; rows labeled -1 are omitted from the scores.
        scores: score functions by name; called only if some rows have labels.
    """
    sizes = torch.bincount(parts, minlength=k)
    report: dict[str, Any] = {
        "images": len(parts),
        "parts": k,
        "empty_parts": int((sizes == 0).sum()),
        "smallest_part": int(sizes.min()),
        "largest_part": int(sizes.max()),
        "max_share": int(sizes.max()) / len(parts),
        "sizes": sizes.tolist(),
    }
    classes = torch.from_numpy(labels if labels.ndim == 1 else labels[:, 0])
    known = classes >= 0
    if bool(known.any()):
        report |= {name: float(score(parts[known], classes[known])) for name, score in scores.items()}
    return report


def read_report(folder: Path) -> dict[str, Any]:
    """Read the report that `learn_partition` wrote into a folder."""
    return read_object(folder / REPORT, "the report of a partition")


def shown_report(report: Mapping[str, Any]) -> str:
    """Format the report for a terminal."""
    lines = [
        f"{report['images']:,} images in {report['parts']} parts of {report['smallest_part']:,} to "
        f"{report['largest_part']:,} (largest share {report['max_share']:.3f}, {report['empty_parts']} empty)"
    ]
    scores = {
        name: value for name, value in report.items() if isinstance(value, float) and name != "max_share"
    }
    if scores:
        lines.append("  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items()))
    certificate = report["certificate"]
    lines.append(
        f"no guarantee for the guide: {certificate['reason']}"
        if certificate["reason"]
        else f"features stretch every distance by at least {certificate['lower_bound']:.2g}; the norm of the guide's "
        f"gradient is at least {certificate['gradient_bound']:.2g}"
    )
    return "\n".join(lines)


def draw_parts(data: PartitionData, parts: Tensor, k: int, path: Path, *, seed: int = 0) -> Path:
    """Draw a grid of random members with a row for each part, largest part first; points become a scatter plot.

    With more than 60 parts only the 30 largest and the 30 smallest are drawn.

    Returns:
        The path of the written picture.
    """
    if data.is_points:
        return save_scatter(data.gather(np.arange(len(data))), path, labels=parts)
    sizes = torch.bincount(parts, minlength=k)
    order = sizes.argsort(descending=True, stable=True).tolist()
    if k > MOST_ROWS:
        order = order[: MOST_ROWS // 2] + order[-MOST_ROWS // 2 :]
    chance = Draws(seed, "picture of parts", Rows.all(len(data))).uniform("member").flatten()
    rows, names = [], []
    for part in order:
        members = torch.nonzero(parts == part).flatten()
        members = members[chance[members].argsort(stable=True)][:COLUMNS]
        images = data.gather(members.numpy())
        blank = torch.ones(COLUMNS - len(members), *data.image_shape)
        rows += [images, blank]
        names.append(f"{part}: {int(sizes[part])}")
    return save_grid(torch.cat(rows), path, columns=COLUMNS, row_names=names)
