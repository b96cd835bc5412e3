"""Restorations of held-out pictures by one method: trained and untrained priors, and the baselines without one.

A method restores one degraded picture. Its scores and pictures are saved per task, so that an interrupted set resumes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

import everymode
from everymode.data.dataset import Dataset
from everymode.data.order import random_permutation
from everymode.draws import stable_seed
from everymode.evaluation.restoration_scores import restoration_scores
from everymode.pictures import to_uint8
from everymode.restoration import (
    SMALL,
    LocalImplicit,
    MeanPooled,
    Restored,
    Stage,
    deep_image_prior,
    downsample,
    fit_local_implicit,
    grayscale,
    resize,
    restore,
)
from everymode.restoration.luminance import with_luminance
from everymode.sampling.discriminator import load_discriminator
from experiments.harness.judging import opened_for
from experiments.harness.repeated import minutes_of
from experiments.harness.results import Case, Outcome, kept, shared_record_of

RECONSTRUCT, COLORIZE, DOUBLE = "reconstruct", "colorize", "double"
TASKS = (RECONSTRUCT, COLORIZE, DOUBLE)
INR, CONVOLUTIONAL, BIGGAN, UNTRAINED = "Omni-INR-GAN", "Omni-GAN", "BigGAN", "untrained"
GRAY, BICUBIC, LANCZOS, LIIF, DIP = "gray", "bicubic", "lanczos", "LIIF", "deep image prior"
BASELINES = {GRAY: (COLORIZE,), BICUBIC: (DOUBLE,), LANCZOS: (DOUBLE,), LIIF: (DOUBLE,), DIP: (DOUBLE,)}
"""Methods without a generator -> their tasks."""
OWN_TASKS = {**BASELINES, BIGGAN: (RECONSTRUCT,)}
"""Methods that don't have all tasks -> those that they have."""
SEARCH, LUMINANCE = "search", "luminance kept"
"""Names of a restoration's other results: the best of the random codes; the colors with the target's luminance."""
STREAM = "restored pictures"
EXACT = 80.0
"""PSNR in dB that an exactly restored picture counts with."""

Method = Callable[[str, Tensor], list[Tensor]]
"""(task, degraded picture) -> images [1, C, H, W]: those at the start of each stage, if there are any; the result."""


@dataclass(frozen=True)
class Restorations:
    """Scores a method by restorations of held-out pictures.

    Attributes:
        pictures: held-out pictures, by the name of their dataset; a fixed permutation decides their order.
        num: number of pictures.
        skip: number of pictures in that order before the first one.
        rate: the generator's learning rate in all stages of `SMALL`.
        candidates: number of latent codes of the search.
        std: their standard deviation; 1 is that of training (released for larger generators: 0.5 and 0.3).
        dip_steps, dip_width: steps and channels of the deep image prior.
        liif_steps: steps of fitting LIIF to the training pictures.
    """

    pictures: str
    num: int = 32
    skip: int = 0
    rate: float = 1e-4
    candidates: int = 200
    std: float = 1.0
    dip_steps: int = 400
    dip_width: int = 32
    liif_steps: int = 1000

    def held_out(self, case: Case) -> Tensor:
        """Return the pictures at the size of a case, [num, C, H, W] in [-1, 1].

        Raises:
            ValueError: if there are fewer.
        """
        data = opened_for(case.recipe)(self.pictures)
        rows = random_permutation(0, STREAM, 0, len(data))[self.skip : self.skip + self.num]
        if len(rows) < self.num:
            raise ValueError(
                f"{self.pictures} has {len(data)} pictures, and {self.skip + self.num} are needed: pass a smaller "
                "--pictures, or more held-out pictures"
            )
        return data.gather(rows)

    def schedule(self) -> tuple[Stage, ...]:
        """Return the stages of a restoration by a prior."""
        return tuple(replace(stage, generator_rate=self.rate) for stage in SMALL)


def tasks_of(case: Case) -> tuple[str, ...]:
    """Return the tasks of a method on a case's data; images of one channel have no color."""
    own = OWN_TASKS.get(case.name, TASKS)
    return tuple(task for task in own if task != COLORIZE or case.recipe.channels == 3)


def identity(x: Tensor) -> Tensor:
    """Return the images."""
    return x


def doubling_target(x: Tensor) -> Tensor:
    """Return images at half their size."""
    return downsample(x, 2)


DEGRADATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    RECONSTRUCT: identity,
    COLORIZE: grayscale,
    DOUBLE: doubling_target,
}


@dataclass(frozen=True, eq=False)
class Prior:
    """Deep generative prior with two networks."""

    generator: nn.Module
    critic: nn.Module
    judge: Restorations

    def __call__(self, task: str, target: Tensor) -> list[Tensor]:
        """Return the images at the start of each stage, and the result."""
        restored = self.restored(task, target)
        return [*restored.stages, restored.image]

    def restored(self, task: str, target: Tensor) -> Restored:
        """Restore a degraded picture."""
        return restore(
            self.generator,
            self.critic,
            target,
            DEGRADATIONS[task],
            self.judge.schedule(),
            num=self.judge.candidates,
            std=self.judge.std,
            train_output=True,
        )


def trained_prior(case: Case, run: everymode.Run, judge: Restorations) -> Prior:
    """Return a finished run as a prior, or its generator's initial weights for the case `untrained`.

    The critic is the trained one for both, so that the two compare images in the same features.
    """
    from everymode.norms import remove_normalization  # imports torch's compiler, a second

    # Weights of a frozen critic need no normalization at every step: its outputs stay the same.
    critic = MeanPooled(remove_normalization(load_discriminator(run.folder, recipe=run.recipe)))
    if case.name != UNTRAINED:
        return Prior(run.generator().network, critic, judge)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed(run.recipe.seed, "initial weights"))
        return Prior(run.recipe.build().generator.eval(), critic, judge)


def trained_run(case: Case, seed: int, out: Path) -> everymode.Run:
    """Return the finished run of a case and seed in a set's folder; train it if it isn't there.

    All judges and the case `untrained` share the run.
    """
    recipe = case.recipe
    folder = shared_record_of(case, seed, out / "priors", images=0, judge=None).parent
    return everymode.train(
        recipe, data=case.data, out=folder, resume="auto", quiet=True, seed=seed, held_out=recipe.held_out
    )


def restore_with_prior(case: Case, seed: int, folder: Path, judge: Restorations) -> Outcome:
    """Train a prior, unless it is trained already, and score its restorations."""
    run = trained_run(case, seed, folder.parent)
    outcome = _all_tasks(case, seed, folder, judge, lambda: trained_prior(case, run, judge))
    scores = {"minutes": minutes_of(run)} if case.name != UNTRAINED else {}
    return outcome._replace(scores=outcome.scores | scores)


def restore_without_prior(case: Case, seed: int, folder: Path, judge: Restorations) -> Outcome:
    """Score the restorations of a baseline."""
    return _all_tasks(case, seed, folder, judge, lambda: baseline(case, seed, judge))


def baseline(case: Case, seed: int, judge: Restorations) -> Method:
    """Return a method without a generator; LIIF is fitted to the training pictures first."""
    if case.name == GRAY:
        return lambda task, target: [target]
    if case.name in (BICUBIC, LANCZOS):
        filter = "bicubic" if case.name == BICUBIC else "lanczos3"
        return lambda task, target: [resize(target, _doubled(target), filter)]
    if case.name == DIP:
        return partial(_image_prior, seed, judge)
    network = fitted_enlargement(opened_for(case.recipe)(case.data), seed, judge.liif_steps)
    return lambda task, target: [enlarged_by(network, target, _doubled(target))]


def fitted_enlargement(data: Dataset, seed: int, steps: int) -> LocalImplicit:
    """Return LIIF, fitted to enlarge training pictures by factors of 1 to 2."""
    pictures = data.gather(np.arange(min(len(data), 4096)))
    pictures = pictures.expand(-1, 3, -1, -1)
    return fit_local_implicit(pictures, steps=steps, scale=(1, 2), seed=seed, queries=128)


def enlarged_by(network: LocalImplicit, target: Tensor, size: tuple[int, int]) -> Tensor:
    """Return LIIF's enlargement of a picture, with the picture's number of channels."""
    image = network.enlarge(target.expand(-1, 3, -1, -1), size)
    return image if target.shape[1] == 3 else image.mean(1, keepdim=True)


def _image_prior(seed: int, judge: Restorations, task: str, target: Tensor) -> list[Tensor]:
    image = deep_image_prior(
        target, DEGRADATIONS[task], _doubled(target), steps=judge.dip_steps, width=judge.dip_width, seed=seed
    )
    return [image]


def _doubled(target: Tensor) -> tuple[int, int]:
    return 2 * target.shape[2], 2 * target.shape[3]


def _all_tasks(
    case: Case, seed: int, folder: Path, judge: Restorations, make: Callable[[], Method]
) -> Outcome:
    """Score all tasks; the method is made once, and only if some task's scores are not saved yet."""
    made = cache(make)
    folder.mkdir(parents=True, exist_ok=True)
    scores: dict[str, float] = {}
    for task in tasks_of(case):
        play = partial(_one_task, case, seed, folder, judge, made, task)
        scores |= kept(folder / f"{task}.json", play).scores
    return Outcome(case.name, seed, scores, "", None, str(folder))


def _one_task(
    case: Case, seed: int, folder: Path, judge: Restorations, make: Callable[[], Method], task: str
) -> Outcome:
    originals, method = judge.held_out(case), make()
    shown, rows = [], []
    for original in originals.split(1):
        target = DEGRADATIONS[task](original)
        images = method(task, target)
        shown.append(torch.cat([to_uint8(image) for image in images]))
        rows.append(_scores_of(task, images, target, original))
    np.save(folder / f"{task}.npy", torch.stack(shown).numpy())
    scores = {f"{task} {name}": fmean(row[name] for row in rows) for name in rows[0]}
    return Outcome(case.name, seed, scores, "", None, str(folder))


def _scores_of(task: str, images: list[Tensor], target: Tensor, original: Tensor) -> dict[str, float]:
    found = restoration_scores(images[-1], original, range2=True)
    if len(images) > 1:
        found[f"{SEARCH} psnr"] = restoration_scores(images[0], original)["psnr"]
    if task == COLORIZE and len(images) > 1:
        found[f"{LUMINANCE} psnr"] = restoration_scores(with_luminance(images[-1], target), original)["psnr"]
    # An exact picture has no PSNR; one level of one pixel off is 77 dB at 16x16.
    return {name: EXACT if value is None else value for name, value in found.items()}


def restored_pictures(outcome: Outcome, task: str) -> Tensor | None:
    """Return the pictures of an outcome, uint8 [num, stages + 1, C, H, W]; None if it has none of the task."""
    path = Path(outcome.folder) / f"{task}.npy"
    return torch.from_numpy(np.load(path)) if path.is_file() else None
