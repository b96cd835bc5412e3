"""Scores of runs on images whose labels are clusters: samples, classes, clusters, and D's features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import everymode
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.data.order import random_permutation
from everymode.evaluation import evaluate
from everymode.extractors.finding import extract, find_extractor, image_batches, quantized
from everymode.metrics.clustering import nmi, purity
from everymode.metrics.modes import class_coverage
from everymode.storage import checkpoint
from everymode.storage.run_folder import read_lines
from experiments.harness.repeated import few_images, other_images, train_and_judge
from experiments.harness.results import Case, Outcome, kept, shared_record_of

PASS = 250


@dataclass(frozen=True)
class ImageJudge:
    """Scores a finished run.

    Attributes:
        samples: number of generated images.
        extractor: of the Fréchet distance and the inception score; None = the default.
        images: number of training images, if they are a few of each class (`few_images`); 0 = all.
        reals: number of real images that samples are compared with; 0 = all.
        probed: number of images on which a linear classifier of D's features is trained and tested; 0 = none. D was
            trained on none of them, if there are others: those of `held_out`, or else those that `images` omits.
        passes: epochs of that training.
        held_out: path or name of images that D was not trained on, with the same classes; "" = none.
    """

    samples: int = 10_000
    extractor: str | None = None
    images: int = 0
    reals: int = 0
    probed: int = 20_000
    passes: int = 20
    held_out: str = ""

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        opened = open_images(data, resolution=run.recipe.size, progress=False)
        trained = few_images(opened, run.recipe.seed, images=self.images) if self.images else opened
        card = evaluate(
            run.folder,
            opened,
            num=self.samples,
            num_real=self.reals or None,
            metrics=("fd", "is"),
            extractor=self.extractor,
            recipe=run.recipe,
        )
        scores = {each.metric: float(each.value) for each in card.metrics.values() if each.value is not None}
        state = run_state(run)
        scores |= cluster_scores(state, trained.labels) | stability(run.folder)
        if isinstance(num_classes := opened.num_classes, int) and num_classes > 1:
            scores["kl"] = class_divergence(run, data, num_classes, self.samples)
            scores["kl log10"] = scores["kl"] / math.log(10)
            if self.probed:
                unseen = self.unseen(run, opened)
                scores["probe"] = self.probe(run, state, trained if unseen is None else unseen)
        return scores

    def unseen(self, run: everymode.Run, opened: Dataset) -> Dataset | None:
        """Return images that D was not trained on, or None if there are none.

        Raises:
            ValueError: if `held_out` has other classes than the data.
        """
        if self.held_out:
            found = open_images(self.held_out, resolution=run.recipe.size, progress=False)
            if found.classes != opened.classes:
                raise ValueError(
                    f"{self.held_out} has other classes than {opened.name}: name images of the same classes"
                )
            return found
        if not 0 < self.images < len(opened):
            return None
        return other_images(opened, run.recipe.seed, images=self.images)

    def probe(self, run: everymode.Run, state: dict[str, Any], data: Dataset) -> float:
        """Return the accuracy of a linear classifier of D's features, on a held-out fifth of the images."""
        discriminator = run.recipe.build().discriminator
        discriminator.load_state_dict(state["modules"]["discriminator"])
        rows = random_permutation(0, "probe", 0, len(data))[: self.probed]
        rows = rows[data.labels[rows] >= 0]
        features = discriminator_features(discriminator, data, rows)
        return linear_probe(features, torch.from_numpy(data.labels[rows]), passes=self.passes)


def play_once(case: Case, seed: int, folder: Path, judge: ImageJudge) -> Outcome:
    """Train and score a case, unless the same recipe was trained on the same data with that seed under another name.

    Tables share rows: k = 100 of one is "full" of the next. Runs are in the folder `shared`, beside those of the
    tables.
    """
    record = shared_record_of(case, seed, folder.parent.parent / "shared", images=judge.images, judge=judge)
    folder.mkdir(parents=True, exist_ok=True)
    outcome = kept(record, partial(train_and_judge, case, seed, record.parent, judge))
    return outcome._replace(case=case.name)


def run_state(run: everymode.Run) -> dict[str, Any]:
    """Return the state of the run's newest checkpoint."""
    return checkpoint.read_state(checkpoint.newest_of_run(run.folder))


def cluster_scores(state: dict[str, Any], labels: np.ndarray) -> dict[str, float]:
    """Return the agreement of a run's clusters with the true classes [N]; empty without clusters or classes."""
    table = state["modules"]["labels"].get("table")
    if table is None or labels.ndim != 1 or not (labels >= 0).any():
        return {}
    known = labels >= 0
    clusters = table.numpy()[:, known].ravel()  # of mirror images too, if they have separate clusters
    classes = np.tile(labels[known], len(table))
    return {
        "nmi": nmi(clusters, classes),
        "purity": purity(clusters, classes),
        "inverse purity": purity(clusters, classes, inverse=True),
    }


def stability(folder: Path) -> dict[str, float]:
    """Return the mean normalized mutual information of each clustering with the previous one."""
    records = read_lines(folder / "labels.jsonl")
    found = [record["nmi with previous"] for record in records if "nmi with previous" in record]
    return {"nmi with previous": float(np.mean(found))} if found else {}


def class_divergence(run: everymode.Run, data: str, num_classes: int, samples: int) -> float:
    """Return the reverse KL divergence (nats) of the classes of samples, by the dataset's own classifier."""
    extractor = find_extractor(f"classifier:{data}", open_data=partial(open_images, progress=False))
    logits = class_logits(extractor, _drawn(run.generator(), samples))
    return class_coverage(logits.argmax(1), num_classes).reverse_kl


def _drawn(generator: everymode.Generator, samples: int, *, seed: int = 40_000) -> Iterator[Tensor]:
    for start in range(0, samples, PASS):
        yield quantized(generator.sample(min(PASS, samples - start), seed=seed + start))


def class_logits(extractor: Any, batches: Iterator[Tensor]) -> Tensor:
    """Return logits [N, K] of uint8 images.

    Raises:
        ValueError: for an extractor that does not classify.
    """
    logits = extract(extractor, batches).logits
    if logits is None:
        raise ValueError(f"{extractor.name} does not classify: name another classifier, such as lite0:128")
    return logits


def surest(
    generator: everymode.Generator, extractor: Any, label: int, *, samples: int, shown: int
) -> tuple[Tensor, Tensor]:
    """Return the samples with the highest probability of a class, highest first.

    Returns:
        uint8 images [shown, C, H, W], and the classifier's probabilities [shown].
    """
    images = torch.cat([*_drawn(generator, samples)])
    sure = class_logits(extractor, image_batches(images)).double().softmax(1)[:, label]
    best = sure.argsort(descending=True, stable=True)[:shown]
    return images[best], sure[best]


@torch.no_grad()
def discriminator_features(discriminator: nn.Module, data: Dataset, rows: np.ndarray) -> Tensor:
    """Return features [n, F] of real images, in eval mode. A discriminator of packs gets packs of one image."""
    discriminator.eval()
    features: Any = discriminator.features
    pack = getattr(discriminator, "pack", 1)
    parts = [rows[start : start + PASS] for start in range(0, len(rows), PASS)]
    return torch.cat([features(data.gather(part).repeat_interleave(pack, 0)) for part in parts])


def linear_probe(
    features: Tensor,
    labels: Tensor,
    *,
    passes: int = 20,
    lr: float = 1e-4,
    batch_size: int = 128,
    held_out: float = 0.2,
    seed: int = 0,
) -> float:
    """Return the accuracy of a linear classifier on the last rows, trained on the others.

    Hyper-parameters are those of appendix C.5 (Adam 1e-4, betas 0.9 and 0.99, batch 128). Features [N, F] are first
    shifted to mean 0 and scaled to an overall variance of 1, so that their scale, which R1 changes, has no effect.

    Raises:
        ValueError: unless there is a label for each row.
    """
    if len(features) != len(labels):
        raise ValueError(
            f"there are {len(features)} features for {len(labels)} labels: give one row for each"
        )
    count = round(len(features) * (1 - held_out))
    middle = features[:count].mean(0)
    scale = (features[:count] - middle).square().mean().sqrt().clamp(min=1e-12)
    inputs = (features - middle) / scale
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(features.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.Adam(layer.parameters(), lr=lr, betas=(0.9, 0.99))
    for turn in range(passes):
        order = torch.from_numpy(random_permutation(seed, "probe order", turn, count))
        for part in order.split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(layer(inputs[part]), labels[part]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((layer(inputs[count:]).argmax(1) == labels[count:]).double().mean())
