"""Omni-GAN's Table 1: six conditional losses, with and without weight decay, with and without DiffAug; and its Table 2.

    python -m experiments.conditional_losses [--budget 0.3] [--seeds 3] [--only "omni-gan"]
    python -m experiments.conditional_losses --on cifar10 --data cifar10-train.parquet --width 16 --budget 0.01
    python -m experiments.conditional_losses --on imagenet128 --data imagenet/train     (or imagenet256; for many GPUs)

--on imagenet128 and imagenet256 compare BigGAN, Omni-GAN and Omni-INR-GAN with their own hyper-parameters (table 2);
--measure N draws their curves during training (figures 6 and 19).

On digits (the default) all recipes have the same hyper-parameters except the loss. (K + 1 multi-hinge also has
momentum, without which it does not learn its classes; `--numbers beta1=0.5` sets it for all.) On CIFAR they have the
paper's hyper-parameters; a width below 64 or a budget below 1 differs from the paper's experiment, and the report
states both. FID and IS of the paper are computed by TensorFlow's Inception on 50,000 images. `fd` is another distance,
so only the order of the methods can be compared. Collapse: in the paper by its curves, here by the collapse watch.
"""

from __future__ import annotations

from dataclasses import replace

from everymode.recipe import Recipe
from everymode.recipes import find
from experiments.harness.budget import scaled, width_of
from experiments.harness.curves import plot
from experiments.harness.flags import chosen, parser
from experiments.harness.measuring import (
    CURVES,
    add_judging_flags,
    columns_of,
    judge_of,
    measured,
)
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case
from experiments.harness.tables import table

METHODS = ("biggan", "ac-gan", "imac-gan", "omni-gan", "omni-inr-gan", "multi-hinge-k1-gan")
AUGMENTATION = "translation,cutout"
"""Official DiffAug policy of BigGAN on CIFAR; the paper names DiffAug but not its policy."""

PAPER: dict[str, dict[str, list[str]]] = {
    # method -> "FID IS collapse" of plain; decay; DiffAug; DiffAug and decay
    "cifar10": {
        "biggan": ["7.27 9.19 yes", "7.77 9.29 no", "5.46 9.28 no", "7.97 9.61 no"],
        "ac-gan": ["7.11 9.43 yes", "8.03 9.58 no", "5.71 9.76 no", "8.98 9.75 no"],
        "imac-gan": ["6.62 9.46 yes", "5.63 9.72 no", "4.57 9.85 no", "6.66 10.02 no"],
        "omni-gan": ["7.75 9.74 yes", "5.57 9.79 no", "7.13 9.86 no", "7.83 10.37 no"],
        "omni-inr-gan": ["8.59 9.74 yes", "5.25 9.74 no", "75.75 5.80 yes", "4.32 10.03 no"],
        "multi-hinge-k1-gan": ["6.22 9.55 no", "- - -", "- - -", "- - -"],
    },
    "cifar100": {
        "biggan": ["10.12 10.96 yes", "13.73 9.98 no", "8.63 10.69 no", "13.97 9.79 no"],
        "ac-gan": ["34.19 9.31 yes", "16.41 9.74 no", "38.01 9.19 yes", "14.91 11.01 no"],
        "imac-gan": ["25.64 11.34 yes", "8.11 13.38 no", "33.30 11.78 yes", "8.45 14.54 no"],
        "omni-gan": ["26.51 11.45 yes", "8.41 13.30 no", "39.90 10.66 yes", "11.39 15.37 no"],
        "omni-inr-gan": ["53.29 9.05 yes", "7.63 13.90 no", "53.88 11.06 yes", "6.70 14.15 no"],
        "multi-hinge-k1-gan": ["14.62 13.35 yes", "- - -", "- - -", "- - -"],
    },
}
TABLE_2 = {
    "imagenet128": {
        "biggan": ["9.19", "104.57"],
        "omni-gan": ["8.30", "190.94"],
        "omni-inr-gan": ["6.53", "262.85"],
    },
    "imagenet256": {
        "biggan": ["9.95", "187.60"],
        "omni-gan": ["6.03", "304.05"],
        "omni-inr-gan": ["4.93", "343.22"],
    },
}
"""Method -> FID (against the training set) and IS of Table 2; each with its own hyper-parameters."""
METRICS = ("fd", "pr")
VARIANTS = ("plain", "decay", "DiffAug", "DiffAug decay")


def variant_of(recipe: Recipe, decay: Recipe, variant: str) -> Recipe:
    """Return the recipe with the weight decays of `decay` or none, and with DiffAug or none."""
    decays = "decay" in variant
    return replace(
        recipe,
        generator_weight_decay=decay.generator_weight_decay if decays else 0.0,
        discriminator_weight_decay=decay.discriminator_weight_decay if decays else 0.0,
        augmentation=AUGMENTATION if "DiffAug" in variant else "",
    )


def cases(on: str, data: str, budget: float, width: int | None) -> list[Case]:
    """Return the cases of all methods in all variants."""
    made = []
    if on in TABLE_2:
        for method in TABLE_2[on]:
            recipe = find(f"{method}-{on}")
            recipe = recipe if width is None else recipe.with_numbers(width=width)
            made.append(Case(method, scaled(recipe, budget), data))
        return made
    decay = find(f"omni-gan-{on}")
    for method in METHODS:
        recipe = find(f"{method}-{on}")
        if width is not None:
            recipe = recipe.with_numbers(width=width)
        for variant in VARIANTS:
            changed = variant_of(scaled(recipe, budget), decay, variant)
            made.append(Case(f"{method}, {variant}", changed, data or recipe.data))
    return made


def paper_cells(on: str) -> tuple[dict[str, list[str]], str]:
    """Return the paper's cells by case on a dataset, and the titles of their columns; nothing for digits."""
    if on in TABLE_2:
        return dict(TABLE_2[on]), "paper FID | paper IS"
    cells = {
        f"{method}, {variant}": rows[number].split()
        for method, rows in PAPER.get(on, {}).items()
        for number, variant in enumerate(VARIANTS)
    }
    return cells, "paper FID | paper IS | paper collapse" if cells else ""


def main() -> None:
    flags = parser(__doc__, out="conditional-losses")
    flags.add_argument(
        "--on",
        choices=("digits", "cifar10", "cifar100", *TABLE_2),
        default="digits",
        help="data of the recipes (default: digits)",
    )
    flags.add_argument("--data", default="", help="path of CIFAR or ImageNet")
    flags.add_argument("--width", type=int, help="base number of channels (default: the recipes')")
    add_numbers_flag(flags)
    add_judging_flags(flags)
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet")
    every_case = cases(options.on, options.data, options.budget, options.width)
    all_cases = renumbered(chosen(every_case, options.only), options.numbers)
    judge = judge_of(options, METRICS)
    all_cases = measured(all_cases, options.measure, judge.extractor, judge.samples)
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=options.out, processes=options.processes, judge=judge
    )
    paper, head = paper_cells(options.on)
    picture = plot(outcomes, CURVES | {"watch/coverage": "coverage of the reals"}, options.out / "curves.png")
    columns = [*columns_of(options, METRICS), "last coverage"]
    facts = [
        f"Budget: {options.budget:g} of each recipe's steps ({all_cases[0].recipe.steps:,} of the first); width "
        f"{width_of(all_cases[0].recipe)}; {options.seeds} seeds, mean ± standard deviation"
        f"{changed_numbers(options.numbers)}",
        f"Scores: averaged generator, {judge.samples:,} samples; fd by {judge.extractor or 'the digits classifier'}",
        f"Curves: {picture.name}",
    ]
    report(f"Conditional losses on {options.on}", facts, table(outcomes, columns, paper, head), options.out)


if __name__ == "__main__":
    main()
