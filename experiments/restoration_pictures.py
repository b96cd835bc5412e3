"""Pictures of restorations: tasks by method, stages of one restoration, and rectangles at other sizes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.data.opening import open_images
from everymode.pictures import save_grid, to_uint8
from everymode.restoration import deep_image_prior
from experiments.harness.judging import opened_for
from experiments.harness.results import Case, Outcome
from experiments.restoration_trials import (
    COLORIZE,
    CONVOLUTIONAL,
    DEGRADATIONS,
    DOUBLE,
    INR,
    TASKS,
    Prior,
    Restorations,
    enlarged_by,
    fitted_enlargement,
    restored_pictures,
    trained_prior,
    trained_run,
)

EXAMPLES, STRIPS, RECTANGLES = 8, 4, 3
MAGNIFIED = 4
OTHERS = "samples=8,seed=3"
"""Arguments of the dataset that make other pictures of the same kind."""
RECTANGLE, SHOWN = (16, 24), (128, 192)
"""Size of the rectangles, and of the cells in which they are shown."""


def draw_tasks(case: Case, outcomes: Mapping[str, Outcome], judge: Restorations, out: Path) -> list[Path]:
    """Save a picture per task: the first held-out pictures, degraded, and as every method restores them."""
    originals = judge.held_out(case)[:EXAMPLES]
    paths = []
    for task in TASKS:
        restored = {name: restored_pictures(outcome, task) for name, outcome in outcomes.items()}
        rows = {name: images[: len(originals), -1] for name, images in restored.items() if images is not None}
        if not rows:
            continue
        degraded = DEGRADATIONS[task](originals)
        rows = {"original": to_uint8(originals), "degraded": to_uint8(_filling(degraded, originals)), **rows}
        images = _magnified(torch.cat(list(rows.values())))
        path = out / f"{task}.png"
        paths.append(save_grid(images, path, columns=len(originals), row_names=list(rows)))
    return paths


def draw_stages(case: Case, outcome: Outcome, judge: Restorations, out: Path) -> list[Path]:
    """Save a picture per task of how restorations come about (Figure 7).

    Columns: degraded, the image at the start of each stage, the result, and the original.
    """
    originals = judge.held_out(case)[:STRIPS]
    paths = []
    for task in (COLORIZE, DOUBLE):
        restored = restored_pictures(outcome, task)
        if restored is None:
            continue
        first = to_uint8(_filling(DEGRADATIONS[task](originals), originals))[:, None]
        strips = torch.cat((first, restored[: len(originals)], to_uint8(originals)[:, None]), 1)
        path = out / f"{task}-stages.png"
        paths.append(save_grid(_magnified(strips.flatten(0, 1)), path, columns=strips.shape[1]))
    return paths


def draw_any_size(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome], judge: Restorations, out: Path
) -> Path:
    """Save a picture of rectangles, which the implicit head restores without a crop (Figures 5, 8 and 42).

    Per rectangle two rows. Colorization: original, gray, convolutional head, implicit head. Doubling: small, LIIF, deep
    image prior, convolutional head, then the implicit head at the small size, at 4.6 and at 16 times that size.
    """
    by_name = {case.name: case for case in cases}
    priors = {name: _prior_of(case, outcomes[name], judge) for name, case in by_name.items()}
    liif = fitted_enlargement(opened_for(cases[0].recipe)(cases[0].data), 0, judge.liif_steps)
    pictures = open_images(
        f"{cases[0].data.partition(',samples')[0]},{OTHERS}", resolution=RECTANGLE, progress=False
    )
    cells: list[Tensor] = []
    for row in range(RECTANGLES):
        original = pictures.gather([row])
        gray, small = (DEGRADATIONS[task](original) for task in (COLORIZE, DOUBLE))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # crops of the convolutional head, which the picture shows
            colors = {name: prior.restored(COLORIZE, gray) for name, prior in priors.items()}
            large = {name: prior.restored(DOUBLE, small) for name, prior in priors.items()}
        untrained = deep_image_prior(
            small, DEGRADATIONS[DOUBLE], RECTANGLE, steps=judge.dip_steps, width=judge.dip_width
        )
        height, width = small.shape[2:]
        colored = [original, gray, colors[CONVOLUTIONAL].image, colors[INR].image]
        sizes = [(round(height * factor), round(width * factor)) for factor in (1, 4.6, 16)]
        enlarged = [small, enlarged_by(liif, small, RECTANGLE), untrained, large[CONVOLUTIONAL].image]
        enlarged += [large[INR].at(size) for size in sizes]
        blank = [torch.ones_like(original)] * (len(enlarged) - len(colored))
        cells += [_cell(image) for image in (*colored, *blank, *enlarged)]
    return save_grid(torch.cat(cells), out / "any-size.png", columns=7)


def _prior_of(case: Case, outcome: Outcome, judge: Restorations) -> Prior:
    return trained_prior(case, trained_run(case, outcome.seed, Path(outcome.folder).parent), judge)


def _filling(images: Tensor, like: Tensor) -> Tensor:
    """Return small images with every pixel enlarged to a square."""
    return F.interpolate(images, size=like.shape[2:], mode="nearest")


def _magnified(images: Tensor) -> Tensor:
    return images.repeat_interleave(MAGNIFIED, 2).repeat_interleave(MAGNIFIED, 3)


def _cell(image: Tensor) -> Tensor:
    """Return an image in a white cell of the size `SHOWN`; a square is centered."""
    height, width = SHOWN
    inside = (height, round(height * image.shape[3] / image.shape[2]))
    shown = F.interpolate(image, size=inside, mode="nearest")
    left = (width - inside[1]) // 2
    return F.pad(shown, (left, width - inside[1] - left, 0, 0), value=1.0).clamp(-1, 1)
