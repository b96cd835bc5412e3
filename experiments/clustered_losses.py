"""Self-conditioning with four losses, on digits: whether a stronger conditional loss helps if classes are clusters.

    python -m experiments.clustered_losses [--budget 1] [--seeds 3] [--only self-conditioned]

The recipes belong to two families: the networks of Self-Conditioned GAN (one score per cluster), and those of BigGAN,
on which the loss on the clusters is projection with hinge, the omni-loss, or multi-hinge. The lower baseline of each
family is the same GAN without labels; the upper baseline is conditioned on the true digits. All runs show equally many
real images to D. The numbers of steps are the recipes': BigGAN takes two D steps per G step, so it has half as many G
steps.

Scores: Fréchet distance by the digits classifier, precision, recall, the digits in the samples, and the agreement of
the clusters with the digits and with the previous clustering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import everymode
from everymode.data.opening import open_images
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.self_conditioned_backbone import DIGITS as CLUSTERED_BIGGAN
from experiments.harness.budget import scaled
from experiments.harness.digit_reader import digit_classes
from experiments.harness.flags import chosen, parser
from experiments.harness.image_trials import cluster_scores, run_state, stability
from experiments.harness.judging import Judge
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case
from experiments.harness.tables import Column, trial_table
from experiments.stacked_digits import draw_samples

COLUMNS = (
    Column("fd", "fd"),
    Column("precision", "precision"),
    Column("recall", "recall"),
    Column("classes", "digits drawn (of 10)", digits=1),
    Column("class kl", "reverse KL of digits, nats", digits=3),
    Column("nmi", "NMI with digits"),
    Column("purity", "purity"),
    Column("nmi with previous", "NMI with the previous clustering"),
)


@dataclass(frozen=True)
class ClusterJudge(Judge):
    """Scores of samples, of the digits that they show, and of the run's clusters."""

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        scores = self.measured(run, data) | digit_classes(run.generator(), self.samples)
        labels = open_images(data, resolution=run.recipe.size, progress=False).labels
        return scores | cluster_scores(run_state(run), labels) | stability(run.folder)


def recipes() -> dict[str, Recipe]:
    """Return the recipes by the name of their row, with their default hyper-parameters."""
    one_cluster = {"clusters": 1, "num_classes": 1, "name": "one-cluster-biggan-digits"}
    return {
        "GAN": find("gan-digits"),
        "self-conditioned": find("self-conditioned-digits"),
        "told the digits": find("conditional-gan-digits"),
        "BigGAN, one cluster": CLUSTERED_BIGGAN.with_numbers(**one_cluster),
        "BigGAN, clusters, projection": find("self-conditioned-biggan-digits"),
        "BigGAN, clusters, omni": find("self-conditioned-omni-digits"),
        "BigGAN, clusters, multi-hinge": find("self-conditioned-multi-hinge-digits"),
        "BigGAN, told the digits, projection": find("biggan-digits"),
    }


def cases(budget: float) -> list[Case]:
    """Return a case for each row, at the budget."""
    return [Case(name, scaled(recipe, budget), recipe.data) for name, recipe in recipes().items()]


def main(arguments: Sequence[str] | None = None) -> None:
    flags = parser(__doc__, out="clustered-losses")
    flags.add_argument("--samples", type=int, default=2000, help="samples of each run (default: 2,000)")
    add_numbers_flag(flags)
    options = flags.parse_args(arguments)
    all_cases = renumbered(chosen(cases(options.budget), options.only), options.numbers)
    judge = ClusterJudge(options.samples)
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=options.out, processes=options.processes, judge=judge
    )
    draw_samples(outcomes, all_cases, options.out / "samples.png")
    shown = [
        case.recipe.steps * case.recipe.discriminator_steps * case.recipe.batch_size for case in all_cases
    ]
    facts = [
        f"Budget {options.budget:g}: {min(shown):,} real images shown to D (at most {max(shown):,}), {options.seeds} "
        f"seeds, mean ± standard error{changed_numbers(options.numbers)}",
        f"{options.samples:,} samples of the averaged generator; fd by the digits classifier; digits drawn: those "
        "in at least 1 % of the samples, by a support vector machine fitted on 500 digits that no GAN was trained on",
        "Samples of the first seed: samples.png",
    ]
    report("Losses on clusters", facts, trial_table(outcomes, COLUMNS, {}, ()), options.out)


if __name__ == "__main__":
    main()
