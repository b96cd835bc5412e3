"""Reconstruction: Self-Conditioned GAN's Figures 3 and 5, and inversion of a generator's own samples.

    python -m experiments.reconstruction [--seeds 3] [--budget 1] [--images 64]
    python -m experiments.reconstruction --part own --seeds 3
    python -m experiments.reconstruction --on cifar10 --data cifar10-train.parquet --test cifar10-test.parquet

Parts:
  training   held-out images are inverted with the self-conditioned and the unconditional generator at several stages
             of training: an encoder is fitted to each, then Adam minimizes Eq. 4 of the paper from its estimate
  own        samples of a class-conditional generator are inverted from the encoder's estimate, from random codes with
             the true class, and from zeros with the true class

Scores: PSNR in dB (8 bits), the mean absolute difference L1 (values in [-1, 1]), and pd-lite0-128, a perceptual
distance of EfficientNet-Lite0 features, or LPIPS, if --lpips-backbone and --lpips-linear name its weights. The paper's
LPIPS is 0.433 (self-conditioned) and 0.528 (unconditional) over 50,000 images of Places365; a pd-lite0-128 is not
comparable with it. histograms.png shows the distances of the last stage (Figure 3), stages.png images at all stages
beside their originals (Figure 5). Generators are those of experiments.segmentation_distance and experiments.dissection,
in the folder `generators` beside this set's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.opening import open_images
from everymode.draws import Draws, Rows
from everymode.extractors.perceptual_distances import PerceptualNetwork, perceptual_network
from everymode.inversion import Encoder, fit_encoder, invert, load_encoder, save_encoder
from everymode.inversion.drawing import uniform_draw
from everymode.metrics import psnr
from everymode.pictures import new_figure, save_figure, save_grid, to_uint8
from everymode.sampling.generator import Generator
from everymode.storage.atomic import atomic_file
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.stages import AT, plot_stages
from experiments.harness.tables import table
from experiments.harness.trained_generators import (
    CONDITIONAL,
    HELD_OUT,
    SELF_CONDITIONED,
    STAGES,
    UNCONDITIONAL,
    cases,
    generator_at,
    stage_steps,
    trained,
)

PAPER = {UNCONDITIONAL: ["0.528"], SELF_CONDITIONED: ["0.433"]}
PAPER_TITLES = "paper, Places365: LPIPS"
SHOWN = 10
ENCODER, RANDOM_Z, ZERO_Z = "encoder", "random z, true class", "zero z, true class"


@dataclass(frozen=True)
class Inversions:
    """Settings of encoders and inversions.

    Attributes:
        test: held-out images.
        images: number of images.
        encoder_steps: steps of the encoder's fit, all layers together.
        encoder_layers: inverted layers of the generator.
        steps: Adam steps from each start.
        rate: Adam's learning rate.
        stages: stages of training, of 4, at which images are inverted.
        lpips: files of LPIPS's backbone and linear weights; None = pd-lite0-128.
    """

    test: str = HELD_OUT
    images: int = 64
    encoder_steps: int = 700
    encoder_layers: tuple[int, ...] = (0,)
    steps: int = 200
    rate: float = 0.03
    stages: tuple[int, ...] = (1, 2, 4)
    lpips: tuple[str, str] | None = None

    def network(self) -> PerceptualNetwork | None:
        """Return the network of the perceptual distance; None without lite0's weights."""
        try:
            return perceptual_network(*(self.lpips or (None, None)))
        except ModuleNotFoundError:
            return None

    def originals(self, size: tuple[int, int]) -> Tensor:
        """Return the held-out images, uint8 [n, C, H, W]."""
        data = open_images(self.test, resolution=size, progress=False)
        return torch.from_numpy(np.array(data.images[np.arange(min(self.images, len(data)))]))


def invert_over_training(case: Case, seed: int, folder: Path, judge: Inversions) -> Outcome:
    """Train a case unless it is trained, and invert held-out images with its generator at each stage."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome, run = trained(case, seed, folder.parents[2] / "generators")
    if not outcome.scores:  # it diverged
        return outcome
    originals, network = judge.originals(case.recipe.size), judge.network()
    scores = dict(outcome.scores)
    for stage in judge.stages:
        step = stage_steps(case)[stage - 1]
        generator = generator_at(case, run, step)
        encoder = fitted(generator, judge, folder / f"encoder-{step}.safetensors", seed)
        x = originals.float() / 127.5 - 1
        found = invert(
            generator.network,
            x,
            encoder=encoder,
            method="adam",
            steps=judge.steps,
            learning_rate=judge.rate,
        )
        images = to_uint8(found.image)
        distances = distances_of(images, originals, network)
        with atomic_file(folder / f"images-{step}.npz") as path, path.open("wb") as file:
            arrays: dict[str, Any] = {"images": images.numpy(), **distances}
            np.savez_compressed(file, **arrays)
        means = {name: float(each.mean()) for name, each in distances.items()}
        scores |= {f"{name}{AT}{step}": value for name, value in means.items()}
        if stage == judge.stages[-1]:
            scores |= means
    return outcome._replace(case=case.name, scores=scores, folder=str(folder))


def invert_own(case: Case, seed: int, folder: Path, judge: Inversions) -> Outcome:
    """Train a case unless it is trained, and invert its generator's own samples from several starts."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome, run = trained(case, seed, folder.parents[2] / "generators")
    if not outcome.scores:
        return outcome
    generator = generator_at(case, run, case.recipe.steps)
    network = generator.network
    begin = time.process_time()
    encoder = fitted(generator, judge, folder / "encoder.safetensors", seed)
    minutes = (time.process_time() - begin) / 60
    z, label = uniform_draw(network)(Draws(seed, "own samples", Rows.all(judge.images)))
    with torch.no_grad():
        x = network.eval()(z, label)
    starts: dict[str, dict[str, Any]] = {
        ENCODER: {"encoder": encoder},
        RANDOM_Z: {"label": label, "seed": seed},
        ZERO_Z: {"label": label, "z": torch.zeros_like(z)},
    }
    scores = outcome.scores | {"encoder minutes": minutes}
    for name, start in starts.items():
        for steps in (0, judge.steps):
            found = invert(network, x, method="adam", steps=steps, learning_rate=judge.rate, **start)
            # Not rounded to 8 bits, which would limit the PSNR near 59 dB.
            error = (found.image - x).square().flatten(1).mean(1)
            scores[f"{name}, {steps} steps"] = float((10 * torch.log10(4 / error.clamp(min=1e-12))).mean())
            if name == ENCODER and label is not None and steps == 0:
                scores["class accuracy"] = float((found.label == label).double().mean())
    scores["advantage"] = (
        scores[f"{ENCODER}, {judge.steps} steps"] - scores[f"{RANDOM_Z}, {judge.steps} steps"]
    )
    return outcome._replace(case=case.name, scores=scores, folder=str(folder))


def fitted(generator: Generator, judge: Inversions, path: Path, seed: int) -> Encoder:
    """Return the encoder of a generator: the stored one, or a new one."""
    if path.is_file() and path.with_suffix(".json").is_file():
        return load_encoder(path)[0]
    encoder = fit_encoder(
        generator.network,
        layers=judge.encoder_layers,
        steps=judge.encoder_steps,
        layer_steps=0,
        seed=seed,
    )
    save_encoder(encoder, path)
    return encoder


def distances_of(
    images: Tensor, originals: Tensor, network: PerceptualNetwork | None
) -> dict[str, np.ndarray]:
    """Return the scores of each image: PSNR, L1, and the perceptual distance if there is a network for it.

    Args:
        images, originals: uint8 [N, C, H, W].
        network: network of the perceptual distance.
    """
    first, second = images.double() / 255, originals.double() / 255
    scores = {
        "psnr": np.asarray(psnr(first, second)),
        "L1": (2 * (first - second)).abs().flatten(1).mean(1).numpy(),
    }
    if network is not None:
        scores[network.distance_name] = network.distances(images, originals).double().numpy()
    return scores


def stored(outcome: Outcome, step: int) -> dict[str, np.ndarray]:
    """Return images and distances of a stage."""
    with np.load(Path(outcome.folder) / f"images-{step}.npz") as arrays:
        return dict(arrays)


def draw_stages(
    all_cases: Sequence[Case], outcomes: Sequence[Outcome], judge: Inversions, path: Path
) -> Path:
    """Save a picture of originals and their reconstructions at each stage, of each case's first seed (Figure 5)."""
    shown, names = [judge.originals(all_cases[0].recipe.size)[:SHOWN]], ["original"]
    count = len(shown[0])
    for case in all_cases:
        outcome = next(each for each in outcomes if each.case == case.name)
        for stage in judge.stages if outcome.scores else ():
            step = stage_steps(case)[stage - 1]
            shown.append(torch.from_numpy(stored(outcome, step)["images"][:count]))
            names.append(f"{case.name}, step {step:,}")
    return save_grid(torch.cat(shown), path, columns=count, row_names=names)


def plot_histograms(all_cases: Sequence[Case], outcomes: Sequence[Outcome], score: str, path: Path) -> Path:
    """Plot the distances of all seeds' images at the last stage, one curve per case (Figure 3)."""
    figure, (panel,) = new_figure(size=(6.4, 4.2))
    values = {}
    for case in all_cases:
        mine = [each for each in outcomes if each.case == case.name and each.scores]
        if mine:
            values[case.name] = np.concatenate([stored(each, case.recipe.steps)[score] for each in mine])
    edges = np.linspace(0, max((float(each.max()) for each in values.values()), default=1.0), 31)
    for name, each in values.items():
        panel.stairs(np.histogram(each, edges)[0] / len(each), edges, label=f"{name}, mean {each.mean():.3f}")
    panel.set_xlabel(score)
    panel.set_ylabel("share of the images")
    panel.legend(fontsize=8)
    return save_figure(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    flags = parser(__doc__, out="reconstruction")
    flags.add_argument("--part", choices=tuple(PARTS), default="training", help="part (default: training)")
    flags.add_argument("--on", choices=("shapes", "cifar10"), default="shapes", help="data (default: shapes)")
    flags.add_argument("--data", default="cifar10-train.parquet", help="training images, with --on cifar10")
    flags.add_argument("--test", default="cifar10-test.parquet", help="held-out images, with --on cifar10")
    flags.add_argument("--images", type=int, default=64, help="inverted images (default: 64)")
    flags.add_argument("--steps", type=int, default=200, help="Adam steps of each inversion (default: 200)")
    flags.add_argument("--rate", type=float, default=0.03, help="Adam's learning rate (default: 0.03)")
    flags.add_argument("--encoder-steps", type=int, default=700, help="steps of each encoder (default: 700)")
    flags.add_argument("--lpips-backbone", help="file of LPIPS's backbone (default: pd-lite0-128)")
    flags.add_argument("--lpips-linear", help="file of LPIPS's linear weights")
    add_numbers_flag(flags)
    options = flags.parse_args(arguments)
    files = (options.lpips_backbone, options.lpips_linear)
    judge = Inversions(
        HELD_OUT if options.on == "shapes" else options.test,
        options.images,
        options.encoder_steps,
        steps=options.steps,
        rate=options.rate,
        lpips=files if any(files) else None,
    )
    PARTS[options.part](options, judge)


def chosen_cases(options: argparse.Namespace, names: Sequence[str]) -> list[Case]:
    """Return the cases with these names that `--only` selects."""
    every = [case for case in cases(options.on, options.budget, options.data) if case.name in names]
    return renumbered(chosen(every, options.only), options.numbers)


def run_training(options: argparse.Namespace, judge: Inversions) -> None:
    """Run and report the part `training`."""
    all_cases = chosen_cases(options, (UNCONDITIONAL, SELF_CONDITIONED))
    out = options.out / f"training-{options.on}"
    outcomes = _outcomes(options, all_cases, judge, out, invert_over_training)
    network = judge.network()
    names = ["psnr", "L1", *([] if network is None else [network.distance_name])]
    titles = {"psnr": "PSNR of held-out images, dB", names[-1]: names[-1]}
    pictures = [
        plot_histograms(all_cases, outcomes, names[-1], out / "histograms.png"),
        draw_stages(all_cases, outcomes, judge, out / "stages.png"),
        plot_stages(outcomes, titles, out / "curves.png"),
    ]
    columns = [f"{name}{AT}{step}" for name in names for step in _steps(all_cases[0], judge)]
    facts = [
        *_facts(options, all_cases[0], judge),
        f"Stages of training: {', '.join(map(str, judge.stages))} of {STAGES}; held-out images: {judge.images} of "
        f"{judge.test}",
        f"Pictures: {', '.join(path.name for path in pictures)} (Figures 3 and 5, and scores over training)",
    ]
    report("Reconstruction over training", facts, table(outcomes, columns, PAPER, PAPER_TITLES), out)


def run_own(options: argparse.Namespace, judge: Inversions) -> None:
    """Run and report the part `own`."""
    all_cases = chosen_cases(options, (CONDITIONAL,))
    out = options.out / f"own-{options.on}"
    outcomes = _outcomes(options, all_cases, judge, out, invert_own)
    columns = [
        f"{start}, {steps} steps" for start in (ENCODER, RANDOM_Z, ZERO_Z) for steps in (0, judge.steps)
    ]
    facts = [
        *_facts(options, all_cases[0], judge),
        f"PSNR in dB of {judge.images} of the generator's own samples, not rounded; advantage: the encoder's start "
        "over the random one. Goals: at least 35 dB and 5 dB",
    ]
    text = table(outcomes, [*columns, "advantage", "class accuracy", "encoder minutes"], {}, "")
    report("Reconstruction of own samples", facts, text, out)


PARTS: dict[str, Callable[[argparse.Namespace, Inversions], None]] = {
    "training": run_training,
    "own": run_own,
}


def _steps(case: Case, judge: Inversions) -> list[int]:
    return [stage_steps(case)[stage - 1] for stage in judge.stages]


def _outcomes(
    options: argparse.Namespace, all_cases: list[Case], judge: Inversions, out: Path, play: Any
) -> list[Outcome]:
    return run_all(
        all_cases,
        seeds=range(options.seeds),
        out=out,
        processes=options.processes,
        judge=judge,
        play=play,
    )


def _facts(options: argparse.Namespace, case: Case, judge: Inversions) -> list[str]:
    recipe = case.recipe
    return [
        f"{case.data}, {recipe.resolution} pixels, {recipe.steps:,} steps of {recipe.batch_size} images, "
        f"{options.seeds} seeds, mean ± standard deviation"
        f"{changed_numbers(options.numbers)}",
        f"Encoder of layer {', '.join(map(str, judge.encoder_layers))}, {judge.encoder_steps} steps of 32 samples; "
        f"then {judge.steps} Adam steps at {judge.rate:g}",
    ]


if __name__ == "__main__":
    main()
