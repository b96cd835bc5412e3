"""Evaluation of generators that need pictures or label maps: each kind of game has its own scores."""

from __future__ import annotations

from pathlib import Path

import torch

from everymode.data.dataset import Dataset
from everymode.data.map_style import require_objects
from everymode.evaluation.attribute_domains import attribute_card
from everymode.evaluation.enlargement import enlargement_card
from everymode.evaluation.picture_sides import PictureSides, picture_sides
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.semantic import semantic_card
from everymode.evaluation.sides import Opened, Side, is_generator
from everymode.recipe import Recipe
from everymode.sampling.generator import Generator

__all__ = ["picture_card"]

UNUSED = {
    "maps": ("num_real", "lpips"),
    "attributes": ("metrics", "segmenter", "lpips"),
    "pictures": ("metrics", "segmenter", "extractor", "layer", "num_real"),
}
"""Fields of a protocol that have no meaning for a kind of condition."""
SCORES = {
    "maps": "each test image has its own map",
    "attributes": "Frechet distances by domain and accuracies of attributes are computed",
    "pictures": "PSNR, SSIM, NIQE and pd-lite0-128 of complete pictures are computed",
}


def picture_card(
    opened: Opened,
    real: Side | None = None,
    *,
    protocol: Protocol,
    recipe: Recipe | None = None,
    maps: str | Path | None = None,
    instances: str | Path | None = None,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    verbose: bool = False,
) -> ScoreCard:
    """Evaluate a generator that needs pictures or label maps.

    Args:
        opened: the generator.
        real: test data; None = what the run held out, or else its training data, with a warning.
        protocol: settings of the evaluation; of its sampling, only the seed is used.
        recipe: recipe of the generator; needed for custom recipes.
        maps, instances: folders of the label maps and instance maps of `real`; None = those beside its images.
        device: device of extractors and judges.
        cache_dir: folder of cached statistics and judges. Default: $EVERYMODE_CACHE.
        verbose: whether to show progress bars on a terminal.

    Returns:
        The score card of `semantic_card`, `attribute_card` or `enlargement_card`.
    Raises:
        ValueError: if a setting has no meaning for this generator, or the data don't fit it.
        FileNotFoundError, everymode.data.DataError: as `open_images`.
    """
    sampling = protocol.sampling or Sampling()
    if sampling != Sampling(seed=sampling.seed):
        raise ValueError(
            "this generator draws images from pictures or label maps, so it has no truncation, label prior, rejection "
            "or other batch statistics: omit them"
        )
    if isinstance(real, Generator | Opened) or (isinstance(real, str | Path) and is_generator(real)):
        raise ValueError("test data are pictures, not a generator: name a folder or a built-in dataset")
    if real is not None and not isinstance(real, str | Path | Dataset):
        require_objects(real)
    sides = picture_sides(opened, real, recipe=recipe, maps=maps, instances=instances, seed=sampling.seed)
    _require_meaning(sides, protocol)
    if sides.kind == "maps":
        return semantic_card(sides, protocol, device=device, cache_dir=cache_dir, verbose=verbose)
    if sides.kind == "attributes":
        return attribute_card(sides, protocol, device=device, cache_dir=cache_dir, verbose=verbose)
    return enlargement_card(sides, protocol, device=device, verbose=verbose)


def _require_meaning(sides: PictureSides, protocol: Protocol) -> None:
    kind = sides.kind
    if kind not in UNUSED:
        raise ValueError(
            f"generators with {kind} as conditions have no scores here: compute them from "
            "Generator.translate(condition)"
        )
    for name in UNUSED[kind]:
        if getattr(protocol, name) is not None:
            flag = "--lpips-backbone" if name == "lpips" else f"--{name.replace('_', '-')}"
            raise ValueError(f"{flag} has no effect on this generator, since {SCORES[kind]}: omit it")
    if protocol.resolution is not None:
        raise ValueError(
            "--resolution has no effect on this generator, which needs data of the resolution of its training, or "
            "complete pictures: omit it"
        )
