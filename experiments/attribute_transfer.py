"""Attribute transfer: Sparsity-Aware Normalization's Table 3, with StarGAN on shapes.

    python -m experiments.attribute_transfer [--seeds 3] [--budget 1] [--only "StarGAN"]

Pictures of 32 pixels show a circle, square or triangle in red, green or blue, medium or large, at any angle on gray
waves. Labels name color and size; no label names the shape, which a transfer has to keep. Rows:
  StarGAN         Wasserstein loss with gradient penalty, five critic steps
  SAN-StarGAN     hinge loss, SAN, one critic step
  hinge, none     SAN-StarGAN without a norm
  hinge, SN       SAN-StarGAN with spectral normalization

Each test picture is translated to every domain that differs in one attribute. The judges are three classifiers, which
are trained on real pictures that neither training nor test uses; each must be right on at least 95 % of the real test
pictures, or the experiment stops. The critic's own head, which the generator was trained to please, judges nothing.
Columns, all of translated pictures:
  target          share in which the judge sees the requested color or size
  kept            share in which it sees the other labeled attribute unchanged
  shape kept      share in which it sees the shape unchanged, also for changes of color and of size alone
  cycle L1        mean absolute difference between pictures and their translations back, in [-1, 1]
  fd              Frechet distance to the training pictures of the target domain, mean over pairs of domains

The paper's scores are FID on CelebA: only orders can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import everymode
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.evaluation import prepare_reference
from everymode.evaluation.attribute_domains import Changes, changes_of
from everymode.evaluation.attribute_judges import AttributeJudge, train_attribute_judges
from everymode.extractors.classifier_training import ClassifierSettings
from everymode.extractors.classifiers import predicted_labels
from everymode.extractors.extraction import extract, image_batches
from everymode.extractors.pixels import quantized
from everymode.labels.targets import changed_one_at_a_time
from everymode.metrics import frechet_distance_by_domain
from everymode.pictures import save_grid
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.norms import NoNorm, Spectral
from experiments.harness.budget import scaled
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import minutes_of, run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import by_case, markdown, mean_and_spread, scores_of, table

SHAPES = "outlines=circle+square+triangle,colors=red+green+blue,sizes=medium+large,ground=textured"
TITLES = ("shape", "color", "size")
PAPER_PAIRS = ("black, female", "black, male", "blond, female", "blond, male", "brown, female", "brown, male")
"""Source domains of the paper's Table 3; the target has the other gender."""
PAPER = {
    "StarGAN": ["85.10", "88.72", "189.65", "117.06", "101.33", "87.15"],
    "SAN-StarGAN": ["71.41", "81.01", "184.82", "100.51", "87.91", "76.32"],
}
COLUMNS = (
    "target",
    "kept",
    "shape kept",
    "shape kept, color",
    "shape kept, size",
    "cycle L1",
    "fd",
    "minutes",
)
EXAMPLES = 6


@dataclass(frozen=True)
class AttributeScores:
    """Scores a finished run by classifiers of shape, color and size, and by Frechet distances of domains.

    Attributes:
        test: real test pictures, labeled with shape, color and size.
        pictures: pictures on which the classifiers are trained, with the same labels.
        steps: steps of that training.
        extractor: of the Frechet distances.
        least_on_reals: accuracy on real test pictures below which a classifier is no judge.
    """

    test: str = f"shapes:labels=shape+color+size,{SHAPES},seed=1,samples=600"
    pictures: str = f"shapes:labels=shape+color+size,{SHAPES},seed=2,samples=8192"
    steps: int = 600
    extractor: str = "lite0:64"
    least_on_reals: float = 0.95

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        judges, _ = good_judges(self, run.recipe.size)
        test = open_images(self.test, resolution=run.recipe.size, progress=False)
        generator = run.generator()
        labels = torch.from_numpy(test.labels)
        own = labels[:, 1:]
        changes = changes_of(own, [len(names) for names in test.label_blocks[1:]])
        pictures = test.gather(changes.rows.numpy())
        fakes = generator.translate((pictures, changes.targets))
        back = generator.translate((fakes, own[changes.rows]))
        scores = accuracies(judges, quantized(fakes), labels[changes.rows, 0], changes)
        scores |= {"cycle L1": float((back - pictures).abs().mean()), "minutes": minutes_of(run)}
        return scores | self.distances(run, data, quantized(fakes), own[changes.rows], changes.targets)

    def distances(
        self, run: everymode.Run, data: str, fakes: Tensor, own: Tensor, targets: Tensor
    ) -> dict[str, float]:
        """Return the Frechet distance of each pair of domains, "fd SOURCE -> TARGET", and their mean, "fd"."""
        training = open_images(data, resolution=run.recipe.size, progress=False)
        reference = prepare_reference(training, extractor=self.extractor)
        features = extract(reference.extractor, image_batches(fakes), layers=[reference.layer])
        blocks = training.label_blocks

        def domains(values: Tensor) -> Tensor:
            return values[:, 0] * len(blocks[1]) + values[:, 1]

        reals = torch.from_numpy(training.labels)[reference.statistics.rows]
        found = torch.as_tensor(
            frechet_distance_by_domain(
                reference.statistics.features,
                domains(reals),
                features.features[reference.layer],
                domains(own),
                domains(targets),
            )
        )
        names = [f"{color} {size}" for color in blocks[0] for size in blocks[1]]
        pairs = {
            f"fd {names[source]} -> {names[target]}": float(found[source, target])
            for source, target in found.isfinite().nonzero().tolist()
        }
        return {"fd": sum(pairs.values()) / len(pairs)} | pairs


def accuracies(
    judges: tuple[AttributeJudge, ...], fakes: Tensor, shapes: Tensor, changes: Changes
) -> dict[str, float]:
    """Return the shares of translated pictures in which target, kept attribute and shape are right.

    Args:
        judges: classifiers of shape, color and size.
        fakes: translated pictures, uint8 [M, 3, H, W].
        shapes: shapes of the original pictures [M].
        changes: target color and size of each picture, and which of the two was changed.
    """
    wanted = torch.cat((shapes[:, None], changes.targets), 1)
    predicted = torch.stack([predicted_labels(judge.classifier, fakes) for judge in judges], 1)
    right = (predicted == wanted).double()
    changed, kept = 1 + changes.blocks[:, None], 2 - changes.blocks[:, None]
    scores = {
        "target": float(right.gather(1, changed).mean()),
        "kept": float(right.gather(1, kept).mean()),
        "shape kept": float(right[:, 0].mean()),
    }
    for block, title in enumerate(TITLES[1:]):
        rows = changes.blocks == block
        scores[f"target {title}"] = float(right[rows, 1 + block].mean())
        scores[f"shape kept, {title}"] = float(right[rows, 0].mean())
    return scores


@lru_cache(maxsize=4)
def good_judges(
    judge: AttributeScores, size: tuple[int, int]
) -> tuple[tuple[AttributeJudge, ...], dict[str, float]]:
    """Return the classifiers of a judge, and their accuracies on real test pictures.

    Raises:
        ValueError: if an accuracy shows that one is no judge.
    """
    pictures, test = (
        open_images(name, resolution=size, progress=False) for name in (judge.pictures, judge.test)
    )
    settings = ClassifierSettings(steps=judge.steps)
    judges = train_attribute_judges(
        pictures, pictures.labels, pictures.label_blocks, TITLES, settings=settings
    )
    found = {each.title: accuracy_on_reals(each, test) for each in judges}
    for title, accuracy in found.items():
        if accuracy < judge.least_on_reals:
            raise ValueError(
                f"the classifier of {title} is right on {accuracy:.3f} of the real test pictures; a judge needs at "
                f"least {judge.least_on_reals:g}: train it in more steps"
            )
    return tuple(judges), found


def accuracy_on_reals(judge: AttributeJudge, test: Dataset) -> float:
    """Return a classifier's accuracy on real test pictures."""
    predicted = predicted_labels(judge.classifier, test.images)
    return float((predicted == torch.from_numpy(test.labels[:, judge.block])).double().mean())


def recipes() -> dict[str, Recipe]:
    """Return the recipes of the experiment by name."""
    sparse = find("san-stargan-shapes")
    return {
        "StarGAN": find("stargan-shapes"),
        "SAN-StarGAN": sparse,
        "hinge, none": sparse.with_numbers(name="no-norm-stargan-shapes", norm=NoNorm()),
        "hinge, SN": sparse.with_numbers(name="sn-stargan-shapes", norm=Spectral()),
    }


def cases(budget: float) -> list[Case]:
    """Return the cases of the experiment."""
    return [Case(name, scaled(recipe, budget), recipe.data) for name, recipe in recipes().items()]


def table_of_pairs(outcomes: list[Outcome]) -> str:
    """Return a Markdown table of the changes of size in the layout of Table 3: a row per source domain."""
    found = by_case(outcomes)
    names = dict.fromkeys(name for each in outcomes for name in each.scores if " -> " in name)
    of_size = [name for name in names if _color(name, 0) == _color(name, 1)]
    rows = [
        [
            name.removeprefix("fd "),
            *(mean_and_spread(scores_of(mine, name), "standard deviation") for mine in found.values()),
        ]
        for name in of_size
    ]
    return markdown(["fd of", *found], rows)


def paper_table() -> str:
    """Return the paper's Table 3, FID on CelebA."""
    rows = [[pair, *(PAPER[name][i] for name in PAPER)] for i, pair in enumerate(PAPER_PAIRS)]
    return markdown(["paper FID, to the other gender, of", *PAPER], rows)


def _color(pair: str, side: int) -> str:
    return pair.removeprefix("fd ").split(" -> ")[side].split(" ")[0]


def draw_examples(
    all_cases: list[Case], outcomes: list[Outcome], judge: AttributeScores, out: Path
) -> list[Path]:
    """Save a picture of each case's first run: test pictures, and their translations to each color and other size."""
    paths = []
    for case in all_cases:
        outcome = next(each for each in outcomes if each.case == case.name)
        if not outcome.scores:
            continue
        generator = everymode.load(outcome.folder, recipe=case.recipe)
        test = open_images(judge.test, resolution=case.recipe.size, progress=False)
        rows = np.arange(min(EXAMPLES, len(test)))
        pictures, own = test.gather(rows), torch.from_numpy(test.labels[rows, 1:])
        targets = changed_one_at_a_time(own, [len(names) for names in test.label_blocks[1:]])
        columns = [pictures, *(generator.translate((pictures, target)) for target in targets)]
        path = out / f"{case.name.replace(', ', '-').lower()}.png"
        images = torch.stack(columns, 1).flatten(0, 1)
        paths.append(save_grid(images, path, columns=len(columns)))
    return paths


def main() -> None:
    flags = parser(__doc__, out="attribute-transfer")
    add_numbers_flag(flags)
    run_set(flags.parse_args(), AttributeScores())


def run_set(options: Any, judge: AttributeScores) -> None:
    """Run and report the experiment."""
    all_cases = renumbered(chosen(cases(options.budget), options.only), options.numbers)
    _, found = good_judges(judge, all_cases[0].recipe.size)
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=options.out, processes=options.processes, judge=judge
    )
    pictures = draw_examples(all_cases, outcomes, judge, options.out)
    steps = ", ".join(f"{case.name} {case.recipe.steps:,}" for case in all_cases)
    facts = [
        f"Generator steps of {all_cases[0].recipe.batch_size} pictures: {steps}; {options.seeds} seeds, mean ± "
        f"standard deviation{changed_numbers(options.numbers)}",
        "Judges: classifiers, right on "
        + ", ".join(f"{accuracy:.3f} ({title})" for title, accuracy in found.items())
        + f" of {judge.test}",
        f"fd by {judge.extractor}, against the training pictures of the target domain; about a hundred pictures per "
        "pair, so it is far above its value at large N",
        "Test pictures, and their translations to red, green, blue and the other size: "
        + ", ".join(path.name for path in pictures),
    ]
    text = "\n\n".join((table(outcomes, COLUMNS, {}, ""), table_of_pairs(outcomes), paper_table()))
    report("Attribute transfer", facts, text, options.out)


if __name__ == "__main__":
    main()
