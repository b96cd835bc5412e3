"""Generators that several experiments share: four kinds of labels on one architecture, saved at stages of training."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import everymode
from everymode.data.dataset import Dataset
from everymode.pictures import to_uint8
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.sampling.generator import Generator
from experiments.harness.budget import scaled
from experiments.harness.repeated import minutes_of
from experiments.harness.results import Case, Outcome, kept, shared_record_of
from experiments.harness.stages import train_in_stages

UNCONDITIONAL, CONDITIONAL = "unconditional", "class-conditional"
SELF_CONDITIONED, RANDOM = "self-conditioned", "random labels"
METHODS = {
    UNCONDITIONAL: "gan",
    RANDOM: "random-labels-gan",
    SELF_CONDITIONED: "self-conditioned",
    CONDITIONAL: "conditional-gan",
}
"""Kind of labels -> first part of the recipe's name."""
SHAPES = "shapes:labels=shape+color,outlines=circle+square+triangle"
"""Three outlines in six colors: 18 classes."""
TRAINING, HELD_OUT = f"{SHAPES},samples=4096", f"{SHAPES},seed=1"
STEPS, STAGES = 1600, 4
RATES = {"generator_lr": 2e-4, "discriminator_lr": 2e-3}
"""Equal rates end in one image per class; a slower generator keeps its variety."""
BATCHES = 20
"""Batches from which the batch normalization of an untrained generator gets its statistics."""


@dataclass(frozen=True)
class SavedStages:
    """Saves the generator of each stage; it computes no score but the minutes of training.

    Attributes:
        stages: number of stages.
        curves: names of scores that are saved of each stage.
    """

    stages: int = STAGES
    curves: tuple[str, ...] = ()

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        run.generator().save(saved_generator(run.folder.parent, run.steps))
        return {"minutes": minutes_of(run)}


def saved_generator(folder: Path, step: int) -> Path:
    """Return the folder of the generator that is saved of a stage."""
    return folder / "generators" / f"step-{step:07d}"


def cases(on: str, budget: float, data: str = "") -> list[Case]:
    """Return a case per kind of labels.

    Args:
        on: "shapes" (16 pixels) or "cifar10" (32 pixels).
        budget: share of the recipes' steps.
        data: images of cifar10.
    """
    made = []
    for name, start in METHODS.items():
        if on == "shapes":
            recipe = find(f"{start}-digits").with_numbers(
                name=f"{start}-shapes", data=TRAINING, channels=3, mirror=True, steps=STEPS, **RATES
            )
            prepare = with_joint_classes
        else:
            recipe, prepare = find(f"{start}-cifar10").with_numbers(data=data), None
        made.append(Case(name, scaled(_staged(recipe), budget), recipe.data, prepare))
    return made


def _staged(recipe: Recipe) -> Recipe:
    """Return the recipe without anything that depends on its number of steps."""
    return recipe.with_numbers(lr_decay=0.0, held_out="", watch_samples=0)


def with_joint_classes(data: Dataset, seed: int = 0) -> Dataset:
    """Return images with two label blocks with one class per combination; the seed is not used."""
    first, second = data.label_blocks
    return replace(
        data,
        labels=data.labels[:, 0] * len(second) + data.labels[:, 1],
        classes=tuple(f"{a} {b}" for a in first for b in second),
        label_blocks=(),
    )


def trained(case: Case, seed: int, shared: Path) -> tuple[Outcome, Path]:
    """Train a case in stages, unless another experiment did, and return its outcome and the folder of its run.

    Args:
        shared: folder of all shared generators.
    """
    judge = SavedStages()
    record = shared_record_of(case, seed, shared, images=0, judge=judge)
    record.parent.mkdir(parents=True, exist_ok=True)
    outcome = kept(record, partial(train_in_stages, case, seed, record.parent, judge))
    return outcome, record.parent


def stage_steps(case: Case) -> list[int]:
    """Return the steps at the end of each stage."""
    return [case.recipe.steps * stage // STAGES for stage in range(1, STAGES + 1)]


def generator_at(case: Case, folder: Path, step: int) -> Generator:
    """Return the averaged generator at the end of a stage."""
    return everymode.load(saved_generator(folder, step), recipe=case.recipe)


def untrained(generator: Generator, seed: int) -> Generator:
    """Return a generator of the same architecture and labels with initial weights.

    Its batch normalization gets the statistics of 20 batches: with the initial ones, means of 0 and variances of 1, its
    images would be almost uniform.
    """
    from everymode.networks.initialization import orthogonal_initialization  # torch's compiler, a second

    made = copy.deepcopy(generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in made.network.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()  # pyright: ignore[reportCallIssue]
        orthogonal_initialization(made.network)
    made.network.train()
    with torch.no_grad():
        for number in range(BATCHES):
            draws = made.draws(range(64 * number, 64 * number + 64))
            made.network(made.latent_codes(draws), made.conditions(None, draws))
    made.network.eval()
    return made


def drawn(generator: Generator, count: int, *, seed: int = 40_000) -> Tensor:
    """Return generated images, uint8 [count, C, H, W]; labels are drawn by the label source."""
    return to_uint8(generator.sample(count, seed=seed, batch_size=256))


def unlabeled(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return images as a side of `evaluate`: the images, and a label of -1 for each."""
    return images.numpy(), np.full(len(images), -1)
