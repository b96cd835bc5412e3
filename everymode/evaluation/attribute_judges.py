"""Classifiers that score attribute transfer: whether a target attribute is reached, and whether the others are kept.

They are trained on real images; the discriminator's own head, which the generator was trained to please, is no judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.scoring import Measured
from everymode.extractors.classifier_training import ClassifierSettings
from everymode.extractors.classifiers import Classifier, predicted_labels, train_classifier

__all__ = ["AttributeJudge", "AttributeTally", "train_attribute_judges"]

GOOD = 0.9
"""Accuracy on real test pictures below which a warning says that a classifier is no good judge."""


class AttributeJudge(NamedTuple):
    """Classifier of one label block.

    Attributes:
        block: index of the block.
        title: name of the block, such as its column.
        values: names of its values.
        classifier: the classifier.
    """

    block: int
    title: str
    values: tuple[str, ...]
    classifier: Classifier


def train_attribute_judges(
    data: Dataset,
    labels: np.ndarray,
    blocks: Sequence[Sequence[str]],
    titles: Sequence[str],
    *,
    settings: ClassifierSettings | None = None,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[AttributeJudge]:
    """Train a classifier for each label block of real images, or load them if the same training is cached.

    Args:
        data: real images.
        labels: their labels, int64 [N, blocks]; -1 = missing.
        blocks: names of the values of each block.
        titles: name of each block.
        settings, device, cache_dir: as for `train_classifier`.
        progress: called with the number of finished steps of all trainings.

    Raises:
        ValueError: if a block has fewer than two values among the images.
    """
    judges = []
    for block, (title, values) in enumerate(zip(titles, blocks, strict=True)):

        def report(done: int, total: int, *, before: int = block) -> None:
            if progress is not None:
                progress(before * total + done)

        classifier = train_classifier(
            data.images,
            labels[:, block],
            name=f"classifier-{title}",
            num_classes=len(values),
            settings=settings,
            cache_dir=cache_dir,
            device=device,
            progress=report,
        )
        judges.append(AttributeJudge(block, title, tuple(values), classifier))
    return judges


class AttributeTally:
    """Counts of reached and kept attributes.

    Args:
        judges: a classifier of each block.
        exclusive: indices of two-valued blocks that exclude one another: a change of one may change the others too.
        device: device of the classifiers.
    """

    def __init__(
        self,
        judges: Sequence[AttributeJudge],
        exclusive: Sequence[int] = (),
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.judges, self.exclusive, self.device = tuple(judges), tuple(exclusive), device
        self.start()

    def start(self) -> None:
        """Forget all images."""
        self.images = 0
        self.reached: dict[str, list[int]] = {}
        self.kept: dict[str, list[int]] = {}

    def add(self, images: Tensor, block: int, targets: Tensor) -> None:
        """Count images uint8 [n, C, H, W], in each of which `block` was changed, with target labels [n, blocks]."""
        changed = self.exclusive if block in self.exclusive else (block,)
        for judge in self.judges:
            wanted = targets[:, judge.block]
            right = predicted_labels(judge.classifier, images, device=self.device) == wanted
            if judge.block == block:
                for value in wanted.unique().tolist():
                    _count(self.reached, f"{judge.title}: {judge.values[value]}", right[wanted == value])
            elif judge.block not in changed:
                _count(self.kept, judge.title, right)
        self.images += len(images)

    def measured(self, test: Dataset, labels: np.ndarray) -> dict[str, Measured]:
        """Return the accuracy of target attributes, in details by value, and of kept ones, in details by block.

        Each has the detail "real_pictures", the mean accuracy of the same classifiers on real images.

        Args:
            test: real images.
            labels: their labels [N, blocks].
        """
        of_reals = {judge.title: self._accuracy(judge, test, labels) for judge in self.judges}
        hashes = "".join(judge.classifier.weights_hash for judge in self.judges)
        settings = {
            "judge": "classifiers",
            "judge_hash": hashlib.sha256(hashes.encode()).hexdigest(),
            "input_size": "x".join(map(str, self.judges[0].classifier.input_size)),
            "resize": "bicubic",
            "classes": "+".join(str(len(judge.values)) for judge in self.judges),
            "exclusive": list(self.exclusive),
        }
        judges = {
            judge.title: {
                "weights_hash": judge.classifier.weights_hash,
                "training_held_out_accuracy": judge.classifier.held_out_accuracy,
                "real_pictures": of_reals[judge.title],
            }
            for judge in self.judges
        }
        measured = {}
        for name, counts in (("target-accuracy", self.reached), ("kept-accuracy", self.kept)):
            if not counts:
                continue
            details: dict[str, Any] = {
                "real_pictures": sum(of_reals.values()) / len(of_reals),
                "parts": {
                    part: {"value": right / total, "fake": total} for part, (right, total) in counts.items()
                },
                "judges": judges,
            }
            right, total = (sum(each) for each in zip(*counts.values(), strict=True))
            measured[name] = Measured(name, right / total, "higher", 0, self.images, settings, details)
        return measured

    def warnings(self, measured: dict[str, Measured]) -> list[str]:
        """Return a warning for each classifier that is no good judge, from the result of `measured`."""
        judges = next(iter(measured.values())).details["judges"] if measured else {}
        return [
            f"the classifier of {title} is right on {facts['real_pictures']:.3f} of the real pictures only, so it also "
            "misses what is right in generated ones"
            for title, facts in judges.items()
            if facts["real_pictures"] < GOOD
        ]

    def _accuracy(self, judge: AttributeJudge, test: Dataset, labels: np.ndarray) -> float:
        predicted = predicted_labels(judge.classifier, test.images, device=self.device)
        return float((predicted == torch.from_numpy(labels[:, judge.block])).double().mean())


def _count(counts: dict[str, list[int]], name: str, right: Tensor) -> None:
    had = counts.setdefault(name, [0, 0])
    had[0] += int(right.sum())
    had[1] += len(right)
