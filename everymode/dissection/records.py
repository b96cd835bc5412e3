"""A dissection as plain JSON values, with its protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from everymode.dissection.dissecting import Dissection, LayerDissection

__all__ = ["label_name", "protocol_of", "record_of"]


def label_name(label: int, names: Sequence[str]) -> str:
    """Return the name of a label; "label 3" if it has none."""
    return names[label] if label < len(names) else f"label {label}"


def protocol_of(dissection: Dissection) -> dict[str, Any]:
    """Return everything that the numbers depend on except the generator, as JSON values."""
    return {
        "segmenter": dissection.segmenter,
        "segmenter_hash": dissection.segmenter_hash,
        "images": dissection.num,
        "labels": dissection.num_labels,
        "tail": dissection.tail,
        "iou": dissection.threshold,
        "rule": dissection.rule,
        "seed": dissection.seed,
    }


def record_of(
    dissection: Dissection, names: Sequence[str] = (), facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a dissection as JSON values: protocol, and label, IoU and level of every unit.

    Args:
        dissection: result of `dissect`.
        names: names of the labels.
        facts: further facts, such as the generator.
    """
    return {
        "facts": dict(facts or {}),
        "protocol": protocol_of(dissection),
        "labels": [label_name(label, names) for label in range(dissection.num_labels)],
        "layers": [_layer(layer, names) for layer in dissection.layers],
    }


def _layer(layer: LayerDissection, names: Sequence[str]) -> dict[str, Any]:
    best = zip(layer.best_label.tolist(), layer.best_iou.tolist(), layer.interpretable.tolist(), strict=True)
    return {
        "index": layer.index,
        "name": layer.name,
        "exact_levels": layer.exact_levels,
        "curve": {f"{tail:g}": count for tail, count in layer.curve.items()},
        "units": [
            {
                "unit": unit,
                "label": label_name(label, names) if iou > 0 else None,
                "iou": iou,
                "interpretable": interpretable,
                "level": None if math.isnan(level) else level,
            }
            for unit, ((label, iou, interpretable), level) in enumerate(
                zip(best, layer.best_levels.tolist(), strict=True)
            )
        ],
    }
