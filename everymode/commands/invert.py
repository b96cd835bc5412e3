"""`everymode invert`: reconstruct images with a generator, to see what it leaves out."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from everymode.commands import sample_flags as flags
from everymode.commands.ending import say
from everymode.commands.inverting import Settings, encoder_of, inverted
from everymode.commands.numbers import whole_number
from everymode.commands.picture_inputs import loaded, recipe_of_generator, save_result

if TYPE_CHECKING:
    from everymode.data.dataset import Dataset
    from everymode.evaluation.reconstructions import Reconstructions
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

REPORT = "inversion.json"


@dataclass(frozen=True, kw_only=True)
class InvertFlags:
    """Flags that may change the result."""

    data: Annotated[
        str | None,
        Parameter(
            help="Images to reconstruct, in any form that `train` reads (default: training data of the run).",
            metavar="FOLDER",
        ),
    ] = None
    num: Annotated[
        int,
        Parameter(help="Number of images, a fixed random sample of the data.", converter=whole_number),
    ] = 1000
    out: Annotated[
        Path | None, Parameter(help="Folder of the report (default: inversion in the run's folder).")
    ] = None
    encoder: Annotated[
        Path | None,
        Parameter(
            help="File of the encoder, .safetensors; it is fitted and written if there is none (default: in the run's "
            "folder encoders, by step).",
            metavar="FILE",
        ),
    ] = None
    encoder_steps: Annotated[
        int | None,
        Parameter(
            help="Steps of each of the two stages of fitting the encoder (default: 2000, or those of the stored one).",
            converter=whole_number,
        ),
    ] = None
    steps: Annotated[
        int,
        Parameter(
            help="Steps of the optimization per image; 0 keeps the encoder's estimate.",
            converter=whole_number,
        ),
    ] = 300
    method: Annotated[Literal["lbfgs", "adam"], Parameter(help="Optimizer.")] = "lbfgs"
    feature_weight: Annotated[
        float, Parameter(help="Weight of the encoder's features in the loss (lambda_f of Eq. 4).")
    ] = 5e-4
    batch_size: Annotated[
        int, Parameter(help="Images that adam optimizes at once.", converter=whole_number)
    ] = 50
    seed: Annotated[int, Parameter(help="Seed of the encoder's fit.", converter=whole_number)] = 0

    def check(self) -> None:
        """Raise ValueError if a number is out of range, or the encoder's file has another ending."""
        if min(self.num, self.batch_size) < 1 or self.steps < 0 or not 0 <= self.feature_weight < math.inf:
            raise ValueError(
                f"--num is {self.num}, --batch-size {self.batch_size}, --steps {self.steps} and --feature-weight "
                f"{self.feature_weight}: they are at least 1, 1, 0 and 0"
            )
        if self.encoder is not None and self.encoder.suffix != ".safetensors":
            raise ValueError(f"--encoder names a .safetensors file, not {self.encoder}")

    def settings(self) -> Settings:
        """Return the settings of the inversions."""
        return Settings(self.steps, self.method, self.feature_weight, self.seed, self.batch_size)


INVERT_FLAGS = InvertFlags()


def invert(
    source: flags.Source,
    /,
    *,
    options: Annotated[InvertFlags, Parameter(name="*")] = INVERT_FLAGS,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Reconstruct images with a generator and report the worst first, which is what the generator leaves out.

    An encoder, which is fitted once per checkpoint, estimates latent code and class; then the code is optimized (Eq. 4
    of Self-Conditioned GAN). Writes pages with originals beside reconstructions, histograms of the perceptual distance
    and of the mean absolute difference, by class and by the generator's label, and inversion.json with all distances.
    """
    from everymode.data.source import limited_rows

    options.check()
    data, num = options.data, options.num
    folder = _folder(source) if options.out is None else options.out.expanduser()
    _require_free(folder, data)
    generator = loaded(source, recipe, device, kinds=("labels",), command="invert")
    own_recipe = recipe_of_generator(generator, recipe)
    if own_recipe.takes_points:
        raise ValueError(f"{source} can't invert: this generator draws points, not images")
    images = _images(data, generator, own_recipe)
    count = min(num, len(images))
    if count < num:
        say(f"the data has {count} images: all are reconstructed")
    rows = limited_rows(len(images), count)
    fitted, file = encoder_of(generator, source, options.encoder, options.encoder_steps, options.seed)
    settings = options.settings()
    result = inverted(generator, fitted, images, rows, settings)
    facts = {
        "generator": {"source": str(source), "step": generator.config.get("step")},
        "data": {"name": images.name, "fingerprint": images.fingerprint},
        "encoder": {"file": file, **fitted.facts},
        "settings": settings._asdict(),
    }
    _write(result, facts, folder)


def _write(result: Reconstructions, facts: dict[str, Any], folder: Path) -> None:
    """Write pages, histograms and report, and print a summary."""
    from everymode.storage.atomic import write_text_atomic

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / REPORT).is_file():  # an earlier report may have more pages
        for old in folder.glob("worst-*.png"):
            old.unlink()
    pages = result.pages(folder, save_result)
    plots = result.histograms(folder)
    conventions = {
        "L1": "mean absolute difference of values in [-1, 1]",
        "pd-lite0-128": "perceptual distance of EfficientNet-Lite0, stages 1 to 5, unweighted, 128 pixels; not LPIPS",
        "order": "worst first, by the first distance",
        "class": "class of the image in the data",
        "cluster": "label of the generator, which the encoder predicts",
        "predicted-class": "label of the generator, which the encoder predicts",
    }
    report = {**facts, "conventions": conventions, **result.report()}
    write_text_atomic(folder / REPORT, json.dumps(report, indent=1) + "\n")
    for name, statistics in report["distances"].items():
        say(
            f"{name}: mean {statistics['mean']:.4f}, median {statistics['median']:.4f}, 90 % below "
            f"{statistics['q90']:.4f}"
        )
    for kind, groups in report["groups"].items():
        name = next(iter(result.distances))
        worst = list(groups.items())[:5]
        text = ", ".join(f"{group} {values[name]['mean']:.4f} ({values['num']})" for group, values in worst)
        say(f"worst by {kind}, {name}: {text}")
    more = f" and {len(pages) - 1} more pages" if len(pages) > 1 else ""
    say(f"{pages[0]}{more}, {', '.join(path.name for path in plots)}, {REPORT}")


def _images(data: str | None, generator: Generator, recipe: Recipe) -> Dataset:
    """Open the images at the generator's size."""
    from everymode.data.layout import has_layout
    from everymode.data.opening import open_images

    source = data or generator.config.get("data", {}).get("source")
    if not source:
        raise ValueError("this generator does not record its training data: name images with --data")
    images = open_images(
        source,
        resolution=recipe.size,
        channels=recipe.channels,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        value_range=recipe.value_range,
        layout=recipe.layout if has_layout(source) else None,
    )
    if images.is_points:
        raise ValueError(f"{source} holds points, not images: name images with --data")
    return images


def _folder(source: Path) -> Path:
    for folder in (source, *source.resolve().parents[:2]):
        if (folder / "checkpoints").is_dir():
            return folder / "inversion"
    return Path("inversion")


def _require_free(folder: Path, data: str | None) -> None:
    """Raise ValueError if the report would be written among the images that are read."""
    if data is None or not Path(data).expanduser().is_dir():
        return
    images = Path(data).expanduser().resolve()
    if images == folder.resolve() or images in folder.resolve().parents:
        raise ValueError(
            f"the report would be written into {data}, whose images are read: choose another --out"
        )
