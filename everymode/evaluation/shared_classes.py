"""Classes of both sides of an evaluation, matched by name, and warnings about classes without a distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from everymode.evaluation.scoring import Pair

__all__ = ["class_warnings", "in_classes", "require_same_classes"]


def require_same_classes(
    real_labels: np.ndarray,
    real_classes: Sequence[str],
    fake_labels: np.ndarray,
    fake_classes: Sequence[str],
) -> None:
    """Raise ValueError if there can be no distance per class: a side has no labels, or a class exists only in fakes."""
    if not real_classes or bool((real_labels < 0).all()):
        raise ValueError(
            "the real side has no labels, or several per image, so there is no distance per class; omit per-class"
        )
    if bool((fake_labels < 0).all()):
        raise ValueError(
            "the fake side has no labels, or several per image, so there is no distance per class; omit per-class"
        )
    unknown = [name for name in fake_classes if name not in real_classes]
    if unknown:
        raise ValueError(
            f"the fake side has classes that the real side lacks ({', '.join(unknown[:5])}); per-class needs the "
            "same class names on both sides (in an .npz, an array `classes` names the numbers in `labels`)"
        )


def in_classes(pair: Pair) -> np.ndarray:
    """Return the fakes' labels as class numbers of the real side, matched by name."""
    names = pair.fake_classes or pair.real_classes
    require_same_classes(pair.real.labels.numpy(), pair.real_classes, pair.fake.labels.numpy(), names)
    numbers = np.array([*(pair.real_classes.index(name) for name in names), -1])
    return numbers[pair.fake.labels.numpy()]


def class_warnings(classes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return warnings about classes without a distance, with the reasons, and about classes with few images."""
    reasons = {
        "no fake": lambda row: row["fake"] == 0,
        "fewer than two fakes": lambda row: row["fake"] == 1,
        "fewer than two real images": lambda row: row["fake"] >= 2 and row["real"] < 2,
    }
    without = {
        reason: [name for name, row in classes.items() if holds(row)] for reason, holds in reasons.items()
    }
    causes = [
        f"{reason} of {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
        for reason, names in without.items()
        if names
    ]
    warnings = []
    if causes:
        warnings.append(
            f"no distance for {sum(map(len, without.values()))} of {len(classes)} classes ({'; '.join(causes)}), so "
            "the mean over the classes is omitted"
        )
    few = sum(row["few"] for row in classes.values())
    if few:
        warnings.append(f"{few} of {len(classes)} classes have no more images than features")
    return warnings
