"""`everymode invert`: reconstruct images with a generator, to see what it leaves out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everymode.commands import invert_flags as own_flags
from everymode.commands import perceptual_flags
from everymode.commands import sample_flags as flags
from everymode.commands.ending import say
from everymode.commands.inverting import Settings, encoder_of, inverted
from everymode.commands.picture_inputs import loaded, recipe_of_generator, save_result

if TYPE_CHECKING:
    from everymode.data.dataset import Dataset
    from everymode.evaluation.reconstructions import Reconstructions
    from everymode.extractors.perceptual_distances import PerceptualNetwork
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

REPORT = "inversion.json"


def invert(
    source: flags.Source,
    /,
    *,
    data: own_flags.Data = None,
    num: own_flags.Num = 1000,
    out: own_flags.Out = None,
    encoder: own_flags.Encoder = None,
    encoder_steps: own_flags.EncoderSteps = None,
    steps: own_flags.Steps = 300,
    method: own_flags.Method = "lbfgs",
    feature_weight: own_flags.FeatureWeight = 5e-4,
    batch_size: own_flags.BatchSize = 50,
    lpips_backbone: perceptual_flags.Backbone = None,
    lpips_linear: perceptual_flags.Linear = None,
    seed: own_flags.Seed = 0,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Reconstruct images with a generator and report the worst first, which is what the generator leaves out.

    An encoder, which is fitted once per checkpoint, estimates latent code and class; then the code is optimized (Eq. 4
    of Self-Conditioned GAN). Writes pages with originals beside reconstructions, histograms of the perceptual distance
    and of the mean absolute difference, by class and by the generator's label, and inversion.json with all distances.
    """
    from everymode.data.source import limited_rows

    if min(num, batch_size) < 1 or steps < 0 or not 0 <= feature_weight < math.inf:
        raise ValueError(
            f"--num is {num}, --batch-size {batch_size}, --steps {steps} and --feature-weight {feature_weight}: they "
            "are at least 1, 1, 0 and 0"
        )
    if encoder is not None and encoder.suffix != ".safetensors":
        raise ValueError(f"--encoder names a .safetensors file, not {encoder}")
    folder = _folder(source) if out is None else out.expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"the report is a folder, and {folder} is a file: choose another --out")
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
    network = _perceptual(lpips_backbone, lpips_linear, own_recipe)
    fitted, file = encoder_of(generator, source, encoder, encoder_steps, seed)
    settings = Settings(steps, method, feature_weight, seed, batch_size)
    result = inverted(generator, fitted, images, rows, settings, network)
    facts = {
        "generator": {"source": str(source), "step": generator.config.get("step")},
        "data": {"name": images.name, "fingerprint": images.fingerprint},
        "encoder": {"file": file, **fitted.facts},
        "settings": settings._asdict(),
    }
    if network is not None:
        facts["perceptual"] = network.facts()
    _write(result, facts, folder)


def _write(result: Reconstructions, facts: dict[str, Any], folder: Path) -> None:
    """Write pages, histograms and report, and print a summary."""
    from everymode.storage.atomic import write_text_atomic

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / REPORT).is_file():  # an earlier report may have more pages, and groups of another kind
        for old in (*folder.glob("worst-*.png"), *folder.glob("histograms*.png")):
            old.unlink()
    pages = result.pages(folder, save_result)
    plots = result.histograms(folder)
    conventions = {
        "L1": "mean absolute difference of values in [-1, 1]",
        "pd-lite0-128": "perceptual distance of EfficientNet-Lite0, stages 1 to 5, unweighted, 128 pixels; not LPIPS",
        "lpips-alex": "LPIPS on AlexNet, weights of the user's files, at the images' size",
        "lpips-vgg": "LPIPS on VGG-16, weights of the user's files, at the images' size",
        "order": "worst first, by the first distance",
        "class": "class of the image in the data",
        "cluster": "label of the generator, which the encoder predicts",
        "predicted-class": "label of the generator, which the encoder predicts",
    }
    used = {"order", *result.distances, *result.groups}
    conventions = {name: text for name, text in conventions.items() if name in used}
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


def _perceptual(backbone: Path | None, linear: Path | None, recipe: Recipe) -> PerceptualNetwork | None:
    """Return the perceptual distance of the flags, or None.

    Raises:
        ValueError: as `perceptual_or_none`, or if the generator's images are too small for it.
    """
    network = perceptual_flags.perceptual_or_none(backbone, linear)
    if network is not None and min(recipe.size) < network.smallest:
        raise ValueError(
            f"{network.distance_name} needs images of at least {network.smallest} pixels a side, and the generator's "
            f"are {min(recipe.size)}: give a smaller backbone (VGG-16 needs 16), or omit --lpips-backbone and "
            "--lpips-linear"
        )
    return network


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
