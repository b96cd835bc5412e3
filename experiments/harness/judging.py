"""How a finished run of a generator that takes labels is scored."""

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


def opened_for(recipe: Recipe) -> Callable[[str], Dataset]:
    """Opens data by name as the recipe takes them: its size, its fit, its column of labels."""
    return partial(
        open_images,
        resolution=recipe.size,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        progress=False,
    )


def agreement(run: everymode.Run, classifier: str, samples: int) -> float:
    """Share of samples, equally many of each class, that the data set's classifier sees as the class asked for."""
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
    """How a finished run is scored. It is sent to other processes, so it is data, not a function.

    Attributes:
        samples: generated images.
        metrics: of `everymode evaluate`.
        classifier: data set whose classifier says what class a sample shows ("" on digits: a support vector machine
            fitted on 500 digits that the GAN never saw).
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
        """The metrics that have a value, by name."""
        card = evaluate(
            run.folder,
            data,
            num=self.samples,
            metrics=self.metrics,
            extractor=self.extractor,
            recipe=run.recipe,  # it may be a recipe of an experiment, which no file can name
        )
        return {each.metric: float(each.value) for each in card.metrics.values() if each.value is not None}
