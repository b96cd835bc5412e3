"""Scores of finished runs of class-conditional generators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

import everymode
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.evaluation import evaluate
from everymode.extractors.finding import extract, find_extractor, image_batches, quantized
from everymode.recipe import Recipe
from experiments.harness.digit_reader import score
from experiments.harness.results import OF_CLASS


def opened_for(recipe: Recipe) -> Callable[[str], Dataset]:
    """Return a function that opens data by name in the recipe's size, fit and label column."""
    return partial(
        open_images,
        resolution=recipe.size,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        progress=False,
    )


def agreement(run: everymode.Run, classifier: str, samples: int) -> float:
    """Return the share of samples that the dataset's classifier assigns to the requested class.

    There are equally many samples of each class.
    """
    extractor = find_extractor(f"classifier:{classifier}", open_data=opened_for(run.recipe))
    generator = run.generator()
    num_labels = generator.num_labels
    if isinstance(num_labels, tuple):
        raise ValueError(f"agreement needs one label per image, and {run.folder} has {len(num_labels)}")
    labels = torch.arange(samples) % num_labels
    images = generator.sample(samples, label=labels, seed=20_000)
    logits = extract(extractor, image_batches(quantized(images))).logits
    assert logits is not None
    return float((logits.argmax(1).cpu() == labels).float().mean())


@dataclass(frozen=True)
class Judge:
    """Scores a finished run. It is sent to other processes, so it is data, not a function.

    Attributes:
        samples: number of generated images.
        metrics: of `everymode evaluate`.
        classifier: dataset whose classifier predicts the class of a sample ("" on digits: a support vector machine
            fitted on 500 digits that the GAN was not trained on).
        extractor: of the metrics; None = the default.
    """

    samples: int = 1000
    metrics: tuple[str, ...] = ("fd", "pr")
    classifier: str = ""
    extractor: str | None = None

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        scores = self.measured(run, data)
        if self.classifier:
            scores["agreement"] = agreement(run, self.classifier, self.samples)
        else:
            of_digits = score(run.generator(), samples=self.samples)
            scores |= {"agreement": float(of_digits.agreement), "variety": float(of_digits.variety)}
        return scores

    def measured(self, run: everymode.Run, data: str) -> dict[str, float]:
        """Return the metrics that have a value, by name, and the distance of each class by `OF_CLASS` and its name."""
        card = evaluate(
            run.folder,
            data,
            num=self.samples,
            metrics=self.metrics,
            extractor=self.extractor,
            recipe=run.recipe,  # it may be a recipe of an experiment, which no file can name
        )
        scores = {each.metric: float(each.value) for each in card.metrics.values() if each.value is not None}
        for each in card.metrics.values():
            if each.metric == "fd-per-class":
                rows = each.details["classes"].items()
                scores |= {OF_CLASS + name: row["value"] for name, row in rows if row["value"] is not None}
        return scores
