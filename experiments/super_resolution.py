"""Super-resolution: Sparsity-Aware Normalization's Table 2 and Figures 9 and 10, on a few photographs.

    python -m experiments.super_resolution [--seeds 3] [--budget 1] [--only "pixel,SAN 0.05"]
    python -m experiments.super_resolution --scale 2 --only "pixel"

Rows; the numbers are weights of the adversarial loss:
  bicubic                           enlargement as in MATLAB, not trained
  pixel; pixel, RRDB                L1 distance of pixels, the generator of Table 8 and ESRGAN's, both small
  none, SN, SAN 0.1, 0.05, 0.01     from `pixel`, with hinge loss, and the norm named
  ESRGAN, ESRGAN*                   from `pixel, RRDB`, with the relativistic average loss; * with SN, no batch norm

The photographs are those of scikit-image and scikit-learn (sample-photos); the three test pictures are not among the
training pictures. Columns: PSNR and SSIM of luma with the scale cropped from each side; NIQE by LIVE's model;
pd-lite0-128, a perceptual distance of EfficientNet-Lite0 features that is not LPIPS. Any noise lowers NIQE: beside each
adversarial row are NIQE and the perceptual distance of noise, which is the pixel model's result plus Gaussian noise of
equal mean PSNR-Y.

No recipe here has a perceptual term, which the paper's have (VGG-19): scores can't be compared with the paper's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import everymode
from everymode.data.low_resolution import WholePicture, whole_pictures
from everymode.evaluation.enlargement import EnlargedPicture, bicubic_enlarged, enlargement_scores
from everymode.evaluation.scoring import Measured
from everymode.extractors.pixels import quantized
from everymode.metrics import psnr_y
from everymode.pictures import new_figure, save_figure, save_grid
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.sampling.tiling import enlarged
from experiments.harness.budget import scaled
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import minutes_of, run_all, train_and_judge
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome, record_of, scores_after
from experiments.harness.tables import by_case, scores_of, table

PIXEL, PIXEL_RRDB, BICUBIC = "pixel", "pixel, RRDB", "bicubic"
NORMS = {"none": "sr-no-norm-photos", "SN": "sn-sr-photos", "SAN": "san-sr-photos"}
WEIGHTS = (0.1, 0.05, 0.01)
PAPER = {
    # Table 2: PSNR-Y / NIQE on BSD100, Urban100 and DIV2K
    "ESRGAN": ["25.31 / 3.64", "24.36 / 4.23", "28.18 / 3.14"],
    "ESRGAN*": ["25.69 / 3.56", "24.36 / 3.96", "28.22 / 3.06"],
    "SAN 0.1": ["25.32 / 3.21", "23.86 / 3.70", "27.74 / 2.87"],
    "SAN 0.01": ["26.15 / 3.44", "24.85 / 3.83", "28.76 / 3.16"],
}
PAPER_TITLES = "paper BSD100 | paper Urban100 | paper DIV2K"
COLUMNS = ("psnr-y", "ssim-y", "niqe", "niqe of noise", "pd", "pd of noise", "minutes")
CROPS = {"chelsea.png": (100, 180), "coffee.png": (150, 250), "flower.jpg": (160, 260)}
"""Upper left corner of the crop of a test picture that is shown (others: the center)."""
SIDE = 96
TILE, OVERLAP = 160, 32


@dataclass(frozen=True)
class Enlargement:
    """Scores a finished run by whole test pictures; also says from which pixel model a case starts.

    Attributes:
        scale: factor of the enlargement.
        starts: cases of pixel models, from which cases with the same kind of generator start.
        test: sharp test pictures.
        perceptual: whether to compute the perceptual distance.
    """

    scale: int
    starts: tuple[Case, ...] = ()
    test: str = "sample-photos:split=test"
    perceptual: bool = True

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        generated = self.generated(run.generator())
        measured = self.measured(generated)
        scores = _values(measured) | {"minutes": minutes_of(run)}
        for each in measured.values():  # pictures may be too small for a score
            found = {BICUBIC: each.details["bicubic"], "sharp": each.details.get("sharp")}
            scores |= {
                f"{of} {each.metric}": float(value) for of, value in found.items() if value is not None
            }
        return scores

    def pictures(self) -> list[WholePicture]:
        """Return the test pictures at both resolutions."""
        return whole_pictures(self.test, self.scale, progress=False)

    def generated(self, generator: everymode.Generator) -> list[Tensor]:
        """Return a generator's enlargements of the test pictures, uint8 [3, H, W]."""
        small = [torch.from_numpy(np.array(each.low)).float() / 127.5 - 1 for each in self.pictures()]
        return [
            quantized(enlarged(generator.network, each, scale=self.scale, tile=TILE, overlap=OVERLAP))
            for each in small
        ]

    def measured(self, generated: list[Tensor]) -> dict[str, Measured]:
        """Return the scores of enlargements of the test pictures."""
        pictures = [
            EnlargedPicture(
                each.name,
                torch.from_numpy(np.array(each.sharp)),
                image,
                bicubic_enlarged(torch.from_numpy(np.array(each.low)), self.scale),
            )
            for each, image in zip(self.pictures(), generated, strict=True)
        ]
        return enlargement_scores(pictures, self.scale, perceptual=self.perceptual)[0]

    def psnr(self, generated: list[Tensor]) -> float:
        """Return the mean PSNR-Y of enlargements of the test pictures."""
        values = [
            psnr_y(image[None], torch.from_numpy(np.array(each.sharp))[None], self.scale)
            for each, image in zip(self.pictures(), generated, strict=True)
        ]
        return float(torch.cat([torch.as_tensor(each) for each in values]).mean())


def _values(measured: dict[str, Measured]) -> dict[str, float]:
    return {each.metric: float(each.value) for each in measured.values() if each.value is not None}


def with_noise(pictures: list[Tensor], psnr: float, measure: Callable[[list[Tensor]], float]) -> list[Tensor]:
    """Return pictures plus Gaussian noise of one standard deviation, chosen so that measure(pictures) is `psnr`.

    Args:
        pictures: uint8 [3, H, W].
        psnr: mean PSNR-Y; if it is above that of the pictures, they are returned.
        measure: pictures -> mean PSNR-Y.
    """
    random = np.random.default_rng(0)
    noise = [torch.from_numpy(random.standard_normal(tuple(each.shape))) for each in pictures]

    def noisy(deviation: float) -> list[Tensor]:
        return [
            (each + deviation * one).round().clamp(0, 255).to(torch.uint8)
            for each, one in zip(pictures, noise, strict=True)
        ]

    low, high = 0.0, 64.0
    if measure(pictures) <= psnr:
        return pictures
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(noisy(middle)) > psnr else (low, middle)
    return noisy((low + high) / 2)


def train_from_pixels(case: Case, seed: int, folder: Path, judge: Enlargement) -> Outcome:
    """Train and score a case that starts from the finished run of a pixel model of the same seed.

    The scores "niqe of noise" and "pd of noise" are of the pixel model's result plus noise of equal PSNR-Y.
    """
    kind = type(case.recipe.networks)
    start = next(each for each in judge.starts if type(each.recipe.networks) is kind)
    run = finished_run(start, seed, folder.parent, replace(judge, starts=()))
    outcome = train_and_judge(case, seed, folder, judge, init_from=run)
    if not outcome.scores:  # it diverged
        return outcome
    pixels = judge.generated(everymode.load(run, recipe=start.recipe))
    noisy = judge.measured(with_noise(pixels, outcome.scores["psnr-y"], judge.psnr))
    of_noise = {f"{name} of noise": value for name, value in _values(noisy).items()}
    return outcome._replace(scores=outcome.scores | of_noise)


def finished_run(case: Case, seed: int, out: Path, judge: Enlargement) -> Path:
    """Return the run folder of a case that was trained and scored."""
    return max(record_of(case, seed, out, judge).parent.glob("[0-9]*-*"))


def recipes(scale: int) -> dict[str, Recipe]:
    """Return the recipes of the experiment by name."""
    pixel, relativistic = find("sr-pixel-photos"), find("esrgan-photos")
    found = {
        PIXEL: pixel,
        PIXEL_RRDB: pixel.with_numbers(name="sr-pixel-rrdb-photos", networks=relativistic.networks),
    }
    for name, recipe in NORMS.items():
        for weight in WEIGHTS:
            found[f"{name} {weight:g}"] = find(recipe).with_numbers(adversarial=weight)
    found |= {"ESRGAN": relativistic, "ESRGAN*": find("esrgan-sn-photos")}
    without = {"scale": scale, "perceptual": "none"}
    return {name: recipe.with_numbers(**without) for name, recipe in found.items()}


def cases(scale: int, budget: float) -> list[Case]:
    """Return the cases of the experiment."""
    return [Case(name, scaled(recipe, budget), recipe.data) for name, recipe in recipes(scale).items()]


def bicubic_rows(outcomes: list[Outcome]) -> list[Outcome]:
    """Return an outcome with the scores of bicubic enlargement, which every run has."""
    scored = next((each for each in outcomes if each.scores), None)
    if scored is None:
        return []
    return [Outcome(BICUBIC, 0, scores_after(scored, f"{BICUBIC} "), "", None, "")]


def plot(outcomes: list[Outcome], path: Path) -> Path:
    """Plot NIQE against PSNR-Y and SSIM-Y (Figure 9), one point per run; a cross is the row's noise."""
    figure, panels = new_figure(1, 2, size=(12, 4.8))
    for panel, score in zip(panels, ("psnr-y", "ssim-y"), strict=True):
        for number, (name, mine) in enumerate(by_case(outcomes).items()):
            runs = [each for each in mine if score in each.scores and "niqe" in each.scores]
            x, y = (scores_of(runs, each) for each in (score, "niqe"))
            panel.scatter(x, y, s=24, color=f"C{number % 10}", marker="os"[number // 10], label=name)
            if score == "psnr-y":
                noise = scores_of(runs, "niqe of noise")
                panel.scatter(x[: len(noise)], noise, s=18, color=f"C{number % 10}", marker="x")
        panel.set_xlabel(f"{score} (higher is better)", fontsize=8)
        panel.set_ylabel("NIQE (lower is better)", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    panels[0].set_title("x: the pixel model plus noise of equal PSNR-Y", fontsize=8)
    panels[1].legend(fontsize=7)
    return save_figure(figure, path)


def draw_crops(all_cases: list[Case], outcomes: list[Outcome], judge: Enlargement, path: Path) -> Path:
    """Save a picture of crops side by side: sharp, bicubic, and each case's first run (Figure 10)."""
    pictures = judge.pictures()
    rows = {
        "sharp": [torch.from_numpy(np.array(each.sharp)) for each in pictures],
        BICUBIC: [bicubic_enlarged(torch.from_numpy(np.array(each.low)), judge.scale) for each in pictures],
    }
    for case in all_cases:
        outcome = next(each for each in outcomes if each.case == case.name)
        if outcome.scores:
            rows[case.name] = judge.generated(everymode.load(outcome.folder, recipe=case.recipe))
    crops = [
        _crop(image, each.name)
        for images in rows.values()
        for image, each in zip(images, pictures, strict=True)
    ]
    return save_grid(torch.stack(crops), path, columns=len(pictures), row_names=list(rows))


def _crop(image: Tensor, name: str) -> Tensor:
    height, width = image.shape[1:]
    side = min(SIDE, height, width)
    top, left = CROPS.get(Path(name).name, ((height - side) // 2, (width - side) // 2))
    top, left = min(top, height - side), min(left, width - side)
    return image[:, top : top + side, left : left + side]


def main() -> None:
    flags = parser(__doc__, out="super-resolution")
    flags.add_argument("--scale", type=int, choices=(2, 4), default=4, help="factor (default: 4)")
    add_numbers_flag(flags)
    options = flags.parse_args()
    run_set(options, Enlargement(options.scale))


def run_set(options: Any, judge: Enlargement) -> None:
    """Run and report the experiment."""
    every_case = renumbered(cases(options.scale, options.budget), options.numbers)
    selected = chosen(every_case, options.only)
    later = [case for case in selected if case.name not in (PIXEL, PIXEL_RRDB)]
    needed = {type(case.recipe.networks) for case in later}
    starts = [
        case
        for case in every_case
        if case.name in (PIXEL, PIXEL_RRDB) and (case in selected or type(case.recipe.networks) in needed)
    ]
    out = options.out / f"x{options.scale}"
    common: dict[str, Any] = {
        "seeds": range(options.seeds),
        "out": out,
        "processes": options.processes,
    }
    outcomes = run_all(starts, judge=judge, **common)
    if later:
        with_starts = replace(judge, starts=tuple(starts))
        outcomes += run_all(later, judge=with_starts, play=train_from_pixels, **common)
    rows = bicubic_rows(outcomes) + outcomes
    curve = plot(rows, out / "niqe.png")
    crops = draw_crops([*starts, *later], outcomes, judge, out / "crops.png")
    steps = ", ".join(f"{case.name} {case.recipe.steps:,}" for case in (*starts[:1], *later[:1]))
    sharp = next((each.scores["sharp niqe"] for each in outcomes if "sharp niqe" in each.scores), None)
    facts = [
        f"x{options.scale}, steps of {starts[0].recipe.batch_size} crops of {starts[0].recipe.resolution} pixels: "
        f"{steps}; {options.seeds} seeds, mean ± standard deviation{changed_numbers(options.numbers)}",
        f"Scores: mean over the {len(judge.pictures())} pictures of {judge.test}"
        + ("" if sharp is None else f"; the sharp pictures themselves have NIQE {sharp:.2f}"),
        "Noise: the pixel model's result plus Gaussian noise of the row's mean PSNR-Y",
        f"Plot: {curve.name} (Figure 9); crops of the first seed: {crops.name}",
    ]
    report(f"Super-resolution x{options.scale}", facts, table(rows, COLUMNS, PAPER, PAPER_TITLES), out)


if __name__ == "__main__":
    main()
