"""The two-minute demo: train `omni-gan-digits` on real handwritten digits, look at the samples, and score them.

    python -m experiments.demo [--seed 0] [--out runs]

Two scores, both at 8x8 pixels as scikit-learn publishes the digits:
agreement: how often a support vector classifier, fitted on 500 digits that the GAN never saw, sees the class that was
asked for; variety: mean pairwise Euclidean distance within a class, over that of the real digits (1 = as varied; 0 =
one prototype).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.distance import pdist
from sklearn.svm import SVC
from torch import Tensor

import everymode
from everymode.evaluation import evaluate

SAMPLES = 1000


class Scores(NamedTuple):
    """What the demo says of a generator."""

    agreement: float
    """Share of samples in which the classifier sees the asked class."""
    agreement_on_real: float
    """The same classifier's accuracy on the digits that the GAN was trained on."""
    variety: float
    """Within-class distance of samples over that of the training digits."""


def score(generator: everymode.Generator, *, samples: int = SAMPLES, seed: int = 10_000) -> Scores:
    """Scores of a digits generator, from `samples` images, equally many of each class."""
    labels = np.arange(samples) % 10
    images = _pixels(generator.sample(samples, label=torch.from_numpy(labels), seed=seed))
    training, training_labels = _digits("digits:train")
    unseen, unseen_labels = _digits("digits:held-out")
    classifier = SVC().fit(unseen, unseen_labels)
    return Scores(
        agreement=float((classifier.predict(images) == labels).mean()),
        agreement_on_real=float(classifier.score(training, training_labels)),
        variety=within_class_distance(images, labels) / within_class_distance(training, training_labels),
    )


def within_class_distance(pixels: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the mean Euclidean distance between two members. pixels [N, F]."""
    return float(np.mean([pdist(pixels[labels == label]).mean() for label in np.unique(labels)]))


def _digits(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = everymode.open_images(name, resolution=16)
    return _pixels(data.gather(np.arange(len(data)))), data.labels


def _pixels(images: Tensor) -> np.ndarray:
    """[N, 64] from images [N, 1, 16, 16]: back to the 8x8 of the source."""
    return F.avg_pool2d(images.clamp(-1, 1), 2).flatten(1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    began = time.perf_counter()
    run = everymode.train("omni-gan-digits", out=options.out, seed=options.seed)
    seconds = time.perf_counter() - began
    scores = score(run.generator())
    print(
        "scoring against the training digits (the first time, a small classifier of digits is trained for its features)"
    )
    card = evaluate(run.folder, "digits:train", num=SAMPLES)
    card_file = card.save(run.folder / "evaluations" / "demo.json")
    command = os.path.relpath(Path(sys.executable).with_name("everymode"))
    picture = max((run.folder / "samples").glob("*.png"))
    print(f"""
  trained for                                   {seconds:6.1f} s   ({run.steps} steps)
  agreement with the asked digit                {scores.agreement:6.1%}   (a classifier that saw 500 other digits)
  the classifier on the GAN's training digits   {scores.agreement_on_real:6.1%}
  variety within a class, real digits = 1       {scores.variety:6.2f}

{indent(card.table(), "  ")}

  ten digits, one row each: {picture}
  score card:               {card_file}
  curves:                   {run.folder / "curves.png"}
  draw your own:            {command} sample {run.folder} --label 7 --seeds 0-9""")


if __name__ == "__main__":
    main()
