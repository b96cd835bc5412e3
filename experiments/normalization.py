"""Sparsity Aware Normalization's Table 1, and its figures 3 to 6, 14 to 17 and 20.

    python -m experiments.normalization [--budget 1] [--seeds 3] [--only "SAN,SN-GAN,none,clipping"]
    python -m experiments.normalization --on cifar10 --data cifar10-train.parquet --width 16 --budget 0.005
    python -m experiments.normalization --part looseness

Parts; all cases of a part have the same steps, initial weights and hyper-parameters:
  table1                         the table's block of standard networks
  table1-resnet, table1-biggan   its blocks of residual networks and of BigGAN
  spectra                        figure 3: norms of a trained residual critic's layers by each definition
  sparsity                       figures 5 and 20: sparsity of the features of a critic without a norm, and of BigGAN's
  exact                          figure 4: the exact norm of each layer
  interval                       figure 6: in place every 1, 10, 100 and 1,000 critic steps
  convergence                    figure 14
  looseness                      figure 15: the gain from 0.5 to 1.5
  rates                          SAN and spectral normalization at the recipe's learning rate and below (not in the
                                 paper)
  settings                       figure 16: six settings of Adam and critic steps
  seeds                          figure 17: one column per seed

The paper reports Inception scores by the Inception network after full-length training; this experiment reports
distances (`fd`; lower is better), so only the order can be compared. The paper's text has no numbers for its figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from everymode.recipe import Recipe
from everymode.recipes import biggan, san_gan, unconditional
from everymode.recipes.parts.norms import (
    BatchNorm,
    LayerNorm,
    NoNorm,
    Orthonormal,
    Spectral,
    WeightClipping,
    WeightNorm,
)
from everymode.recipes.parts.plain_losses import Wasserstein
from everymode.recipes.san_gan import SparsityAware
from experiments.critic_spectra import CHANNEL_IMAGES, channels_of, spectra_of, spectra_picture, spectra_table
from experiments.harness.budget import scaled, width_of
from experiments.harness.flags import chosen, parser
from experiments.harness.judging import Judge
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import by_case, markdown, table
from experiments.harness.unconditional import UnconditionalJudge, plot_metric, trained_run

SAN, SPECTRAL, NONE = "SAN-GAN", "SN-GAN", "none"
PLAIN: dict[str, dict[str, Any]] = {
    "weight clipping": {"norm": WeightClipping()},
    "WGAN-GP": {"loss": Wasserstein(), "penalty_weight": 10.0},
    "batch norm": {"norm": BatchNorm()},
    "layer norm": {"norm": LayerNorm()},
    "weight norm": {"norm": WeightNorm()},
    "orthonormal": {"norm": Orthonormal()},
    SPECTRAL: {"norm": Spectral()},
    SAN: {"norm": SparsityAware()},
    NONE: {"norm": NoNorm()},
    "SN of the convolution": {"norm": Spectral(estimate="convolution")},
}
"""Changes by each normalization of table 1's first block, in its order, and by two that are not in the table."""
PAPER = {
    # Table 1: Inception score on CIFAR-10 and STL-10
    "weight clipping": ["6.41", "7.57"],
    "WGAN-GP": ["6.68", "8.42"],
    "batch norm": ["6.27", "-"],
    "layer norm": ["7.19", "7.61"],
    "weight norm": ["6.84", "7.16"],
    "orthonormal": ["7.40", "8.67"],
    SPECTRAL: ["7.58", "8.79"],
    SAN: ["7.89", "9.18"],
    "orthonormal, residual": ["7.92", "8.72"],
    "SN-GAN, residual": ["8.22", "9.10"],
    "SAN-GAN, residual": ["8.43", "9.21"],
    "BigGAN": ["9.24", "-"],
    "SAN-BigGAN": ["9.53", "-"],
}
SETTINGS = {
    # Figure 16: learning rate as a multiple of the paper's 2e-4, beta1, beta2, critic steps
    "A": (2.5, 0.5, 0.9, 1),
    "B": (1.0, 0.5, 0.9, 1),
    "C": (1.0, 0.0, 0.9, 1),
    "D": (2.5, 0.0, 0.9, 1),
    "E": (1.0, 0.5, 0.9, 2),
    "F": (2.5, 0.0, 0.9, 2),
}
RATES = (0.25, 0.5, 1.0)
"""Learning rates of both networks, as shares of the recipe's."""
GAINS = (0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.5)
INTERVALS = (1, 10, 100, 1000)
CONSTANTS = {
    "digits": (unconditional.CNN_DIGITS, unconditional.RESNET_DIGITS),
    "cifar10": (unconditional.CNN_CIFAR10, unconditional.RESNET_CIFAR10),
    "stl10": (unconditional.CNN_STL10, unconditional.RESNET_STL10),
}


class Part(NamedTuple):
    """Cases of a part on a dataset, and whether the distance is measured during training."""

    cases: Callable[[str], dict[str, Recipe]]
    curves: bool = False


def normalized(method: str, on: str, *, residual: bool = False, **numbers: Any) -> Recipe:
    """Return the recipe of a normalization of `PLAIN` on a dataset, with the shared hyper-parameters and `numbers`."""
    name = f"{method.lower().replace(' ', '-')}-{on}"
    shortened = residual and method == SAN  # no effect below 48 pixels
    changes = {"name": name, "shortened": shortened} | PLAIN[method] | numbers
    return CONSTANTS[on][residual].with_numbers(**changes)


def _plain(on: str) -> dict[str, Recipe]:
    return {name: normalized(name, on) for name in PLAIN}


def _residual(on: str) -> dict[str, Recipe]:
    names = ("orthonormal", SPECTRAL, SAN, NONE)
    return {f"{name}, residual": normalized(name, on, residual=True) for name in names}


BIGGAN = {
    "digits": (biggan.DIGITS, san_gan.BIGGAN_DIGITS),
    "cifar10": (biggan.CIFAR10, san_gan.BIGGAN_CIFAR10),
}
"""Data -> BigGAN and SAN-BigGAN."""


def _biggan(on: str) -> dict[str, Recipe]:
    if on not in BIGGAN:
        raise ValueError(
            f"BigGAN is compared on {' and '.join(BIGGAN)}, not on {on}: use --on digits or --on cifar10"
        )
    plain, sparse = BIGGAN[on]
    return {"BigGAN": plain, "BigGAN, beta1 0.5": replace(plain, beta1=0.5), "SAN-BigGAN": sparse}


def _three(on: str) -> dict[str, Recipe]:
    return {name: normalized(name, on) for name in (NONE, SPECTRAL, SAN)}


def _exact(on: str) -> dict[str, Recipe]:
    return {
        "exact norm of each layer": normalized(SPECTRAL, on, estimate="exact", name=f"exact-sn-gan-{on}"),
        SPECTRAL: normalized(SPECTRAL, on),
    }


def _interval(on: str) -> dict[str, Recipe]:
    in_place: dict[str, Recipe] = {
        f"SAN in place every {interval:,}": normalized(SAN, on, in_place=True, interval=interval)
        for interval in INTERVALS
    }
    return {name: recipe for name, recipe in _three(on).items() if name != SAN} | in_place


def _looseness(on: str) -> dict[str, Recipe]:
    return {f"SAN, gain {gain:g}": normalized(SAN, on, gain=gain) for gain in GAINS}


def _rates(on: str) -> dict[str, Recipe]:
    return {
        f"{name}, rate x{share:g}": replace(
            recipe, generator_lr=share * recipe.generator_lr, discriminator_lr=share * recipe.discriminator_lr
        )
        for share in RATES
        for name, recipe in _three(on).items()
        if name != NONE
    }


def _settings(on: str) -> dict[str, Recipe]:
    made = {}
    for letter, (factor, beta1, beta2, critic_steps) in SETTINGS.items():
        for name, recipe in _three(on).items():
            rate = factor * recipe.generator_lr
            made[f"{letter}, {name}"] = replace(
                recipe,
                generator_lr=rate,
                discriminator_lr=rate,
                beta1=beta1,
                beta2=beta2,
                discriminator_steps=critic_steps,
            )
    return made


PARTS = {
    "table1": Part(_plain),
    "table1-resnet": Part(_residual),
    "table1-biggan": Part(_biggan),
    "exact": Part(_exact, curves=True),
    "interval": Part(_interval, curves=True),
    "convergence": Part(_three, curves=True),
    "looseness": Part(_looseness),
    "rates": Part(_rates),
    "settings": Part(_settings),
    "seeds": Part(_three),
}


def cases(part: str, on: str, data: str, budget: float, width: int | None) -> list[Case]:
    """Return the cases of a part."""
    numbers: dict[str, Any] = {} if width is None else {"width": width}
    made = []
    for name, recipe in PARTS[part].cases(on).items():
        fitted = scaled(recipe, budget, **numbers)
        if PARTS[part].curves:
            interval = max(1, fitted.steps // 10)
            fitted = replace(fitted, metrics="fd", metric_images=1000, snapshot=interval)
        made.append(Case(name, fitted, data or recipe.data))
    return made


def by_seed(outcomes: list[Outcome], metric: str) -> str:
    """Return a Markdown table with one row per case and one column per seed (figure 17)."""
    seeds = sorted({outcome.seed for outcome in outcomes})
    rows = []
    for name, mine in by_case(outcomes).items():
        values = {each.seed: each.scores[metric] for each in mine if metric in each.scores}
        rows.append([name, *[f"{values[seed]:.4g}" if seed in values else "-" for seed in seeds]])
    return markdown(["case", *[f"seed {seed}" for seed in seeds]], rows)


def judge_for(part: str, on: str, data: str) -> Judge:
    """Return the judge of a part's runs; for BigGAN it also scores agreement with the requested class."""
    digits = on == "digits"
    if part == "table1-biggan":
        return Judge(metrics=("fd",)) if digits else Judge(2000, ("fd",), data, "lite0:64")
    if digits:
        return UnconditionalJudge(1000, ("fd", "pr"), digits=True)
    return UnconditionalJudge(2000, ("fd", "pr"), extractor="lite0:64")


def look_at_layers(recipe: Recipe, data: str, options: Any) -> None:
    """Train SN-GAN's residual critic, and report the norms of its layers (figure 3)."""
    run = trained_run(recipe, data, options.out / "spectra")
    spectra = spectra_of(run)
    path = spectra_picture(spectra, options.out / "spectra" / "spectra.png")
    facts = [
        f"The residual critic of SN-GAN on {options.on}, width {width_of(recipe)}, after {recipe.steps:,} steps: norms "
        "of its normalized weights",
        "Paper (figure 3): the norm of the reshaped kernel is typically a quarter of the layer's",
        f"Picture: {path.name}",
    ]
    report("Norms of a critic's layers", facts, spectra_table(spectra), options.out / "spectra")


def look_at_channels(on: str, data: str, options: Any) -> None:
    """Train a critic without a norm and BigGAN's, and report how sparse their features are (figures 5 and 20)."""
    out, numbers = options.out / f"sparsity-{on}", {} if options.width is None else {"width": options.width}
    recipes = {"figure-5": normalized(NONE, on)}
    if on in BIGGAN:
        recipes["figure-20"] = BIGGAN[on][0]
    texts = []
    for figure, recipe in recipes.items():
        scaled_recipe = scaled(recipe, options.budget, **numbers)
        run = trained_run(scaled_recipe, data or recipe.data, out / figure)
        diagnosis = channels_of(run, data or recipe.data)
        diagnosis.plot(out / f"{figure}.png")
        texts += [f"## {recipe.name}, {scaled_recipe.steps:,} steps ({figure}.png)", "", str(diagnosis), ""]
    facts = [
        f"Critics on {on}: norms of the channels of each layer's input, over {CHANNEL_IMAGES} real images",
        "Paper: many channels are zero in a critic without a norm (figure 5); in BigGAN at 128 pixels the inputs of a "
        "block's first convolution are less sparse than those of its second (figure 20)",
    ]
    report("Sparsity of a critic's channels", facts, "\n".join(texts), out)


def main() -> None:
    flags = parser(__doc__, out="normalization")
    flags.add_argument(
        "--part",
        choices=(*PARTS, "spectra", "sparsity"),
        default="table1",
        help="part of the experiment (default: table1)",
    )
    flags.add_argument(
        "--on", choices=tuple(CONSTANTS), default="digits", help="data of the recipes (default: digits)"
    )
    flags.add_argument("--data", default="", help="path of CIFAR or STL")
    flags.add_argument("--width", type=int, help="base number of channels (default: the recipes')")
    add_numbers_flag(flags)
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet")
    if options.part == "spectra":
        numbers: Mapping[str, Any] = {} if options.width is None else {"width": options.width}
        recipe = scaled(normalized(SPECTRAL, options.on, residual=True), options.budget, **numbers)
        look_at_layers(recipe, options.data or recipe.data, options)
        return
    if options.part == "sparsity":
        look_at_channels(options.on, options.data, options)
        return
    try:
        every_case = cases(options.part, options.on, options.data, options.budget, options.width)
    except ValueError as error:  # BigGAN has no recipe for STL-10
        flags.error(str(error))
    all_cases = renumbered(chosen(every_case, options.only), options.numbers)
    judge = judge_for(options.part, options.on, options.data)
    out = options.out / f"{options.part}-{options.on}"
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=out, processes=options.processes, judge=judge
    )
    recipe = all_cases[0].recipe
    facts = [
        f"{options.on}, {recipe.steps:,} generator steps ({options.budget:g} of the recipes'), width "
        f"{width_of(recipe)}, {options.seeds} seeds, mean ± standard deviation{changed_numbers(options.numbers)}",
        f"Scores: {judge.samples:,} samples of the averaged generator; fd by "
        f"{judge.extractor or 'the digits classifier'}",
    ]
    if PARTS[options.part].curves:
        facts.append(f"Curves: {plot_metric(outcomes, 'fd', 'fd', out / 'curves.png').name}")
    columns = ["fd"]
    columns += [
        name
        for name in ("precision", "recall", "classes", "class kl")
        if any(name in each.scores for each in outcomes)
    ]
    text = table(outcomes, columns, PAPER, "paper IS, CIFAR-10 | paper IS, STL-10")
    if options.part == "seeds":
        text += "\n\n" + by_seed(outcomes, "fd")
    report(f"Normalization: {options.part}", facts, text, out)


if __name__ == "__main__":
    main()
