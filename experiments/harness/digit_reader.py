"""A support vector machine, fitted on 500 digits that no GAN was trained on, that classifies samples of digits.

All images are at 8x8 pixels, as scikit-learn publishes the digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import everymode
from everymode.metrics.modes import class_counts, reverse_kl

if TYPE_CHECKING:
    from sklearn.svm import SVC


class Scores(NamedTuple):
    """Scores of a class-conditional generator of digits."""

    agreement: float
    """Share of samples that the classifier assigns to the requested class."""
    agreement_on_real: float
    """The same classifier's accuracy on the digits that the GAN was trained on."""
    variety: float
    """Within-class distance of samples divided by that of the training digits."""


def score(generator: everymode.Generator, *, samples: int = 1000, seed: int = 10_000) -> Scores:
    """Return the scores of a digits generator, from `samples` images, equally many of each class."""
    labels = np.arange(samples) % 10
    images = _pixels(generator.sample(samples, label=torch.from_numpy(labels), seed=seed))
    training, training_labels = _digits("digits:train")
    classifier = _fitted_reader()
    return Scores(
        agreement=float((classifier.predict(images) == labels).mean()),
        agreement_on_real=float(classifier.score(training, training_labels)),
        variety=within_class_distance(images, labels) / within_class_distance(training, training_labels),
    )


def digit_classes(generator: everymode.Generator, samples: int) -> dict[str, float]:
    """Return the number of classes with at least 1 % of the samples, and the reverse KL divergence of all shares."""
    predicted = _fitted_reader().predict(_pixels(generator.sample(samples, seed=20_000)))
    counts = class_counts(predicted, 10)
    return {"classes": float(np.count_nonzero(counts >= samples / 100)), "class kl": reverse_kl(counts)}


def within_class_distance(pixels: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over classes of the mean Euclidean distance between two members. pixels [N, F]."""
    from scipy.spatial.distance import pdist

    return float(np.mean([pdist(pixels[labels == label]).mean() for label in np.unique(labels)]))


def _fitted_reader() -> SVC:
    from sklearn.svm import SVC  # a second, which --help does not need

    return SVC().fit(*_digits("digits:held-out"))


def _digits(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = everymode.open_images(name, resolution=16)
    return _pixels(data.gather(np.arange(len(data)))), data.labels


def _pixels(images: Tensor) -> np.ndarray:
    """Return [N, 64] from images [N, 1, 16, 16], reduced to the 8x8 of the source."""
    return F.avg_pool2d(images.clamp(-1, 1), 2).flatten(1).numpy()
