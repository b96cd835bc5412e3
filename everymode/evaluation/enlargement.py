"""Evaluation of super-resolution on complete pictures: PSNR and SSIM of luma, NIQE, and a perceptual distance.

Each score is given for each picture and as the mean, beside that of bicubic enlargement. By convention as many pixels
as the scale are cropped from each side for PSNR and SSIM, and none for NIQE.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.evaluation.cards import environment, subject_of, times_of
from everymode.evaluation.picture_sides import PictureSides
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Measured
from everymode.evaluation.statistics import Images
from everymode.evaluation.streams import generator_facts
from everymode.extractors.perceptual_distances import perceptual_network
from everymode.extractors.pixels import quantized
from everymode.metrics.niqe_scoring import niqe_score, official_niqe_model
from everymode.metrics.niqe_statistics import SMALLEST
from everymode.metrics.super_resolution import psnr_y, ssim_y
from everymode.pixels.bicubic import bicubic_resize
from everymode.sampling.tiling import enlarged

__all__ = ["EnlargedPicture", "bicubic_enlarged", "enlargement_card", "enlargement_scores"]

TILE = 128
"""Pixels of a small picture, besides the overlap, that pass through a generator at once."""
LARGEST_OVERLAP = 64
"""Largest overlap of tiles; networks that see farther differ slightly from one pass over the picture."""
NIQE_NOTE = "NIQE falls with any noise: compare it at equal PSNR, or with that of noise of equal PSNR"


class EnlargedPicture(NamedTuple):
    """A sharp picture beside enlargements of its small version, all uint8 [3, H, W].

    Attributes:
        name: name of the picture.
        sharp: the original.
        generated: the generator's enlargement.
        bicubic: the bicubic enlargement.
    """

    name: str
    sharp: Tensor
    generated: Tensor
    bicubic: Tensor


class _Kind(NamedTuple):
    """One score of a picture.

    Attributes:
        metric: short name.
        name: full name.
        better: "lower" or "higher".
        settings: settings of the score.
        of: (picture, sharp picture) -> value; None if the picture is too small.
    """

    metric: str
    name: str
    better: str
    settings: dict[str, Any]
    of: Callable[[Tensor, Tensor], float | None]


def bicubic_enlarged(small: Tensor, scale: int) -> Tensor:
    """Return a picture uint8 [3, h, w] enlarged by bicubic interpolation as in MATLAB, uint8 [3, scale h, scale w]."""
    height, width = small.shape[1:]
    large = torch.as_tensor(bicubic_resize(small.double(), (scale * height, scale * width)))
    return large.round().clamp(0, 255).to(torch.uint8)


def enlargement_scores(
    pictures: Iterable[EnlargedPicture],
    scale: int,
    *,
    perceptual: bool = True,
    lpips: tuple[str | Path, str | Path] | None = None,
    device: torch.device | str = "cpu",
) -> tuple[dict[str, Measured], list[str]]:
    """Compute the scores of enlarged pictures.

    Args:
        pictures: sharp and enlarged pictures.
        scale: factor of the enlargement; as many pixels are cropped from each side for PSNR and SSIM.
        perceptual: whether to compute pd-lite0-128, if the extra `eval` is installed.
        lpips: files of LPIPS's backbone and linear weights, to compute it instead of pd-lite0-128.
        device: device of its network.

    Returns:
        The mean of each score by full name, with each picture's in the details "parts" and the mean of bicubic
        enlargements in the detail "bicubic" (of NIQE and of no other: "sharp", that of the originals); and warnings.
    Raises:
        ValueError: if there are no pictures, or they have different sizes.
    """
    kinds, warnings = _kinds(scale, perceptual=perceptual, lpips=lpips, device=device)
    parts: dict[str, dict[str, dict[str, Any]]] = {kind.name: {} for kind in kinds}
    too_small: dict[str, int] = {}
    count = 0
    for picture in pictures:
        count += 1
        for kind in kinds:
            part: dict[str, Any] = {
                "value": kind.of(picture.generated, picture.sharp),
                "bicubic": kind.of(picture.bicubic, picture.sharp),
            }
            if kind.metric == "niqe":
                part["sharp"] = kind.of(picture.sharp, picture.sharp)
            if part["value"] is None:
                too_small[kind.name] = too_small.get(kind.name, 0) + 1
            parts[kind.name][_unused(picture.name, parts[kind.name])] = part
    if not count:
        raise ValueError("there are no pictures to score: name a folder with at least one picture")
    warnings += [
        f"{number} of {count} pictures have no {name}: they are too small for it (NIQE needs {SMALLEST} pixels a "
        "side, LPIPS 16 or 31), flat, or equal to the originals; the mean is over the others"
        for name, number in too_small.items()
    ]
    measured = {kind.name: _mean(kind, parts[kind.name], count) for kind in kinds}
    return measured, warnings


def enlargement_card(
    sides: PictureSides,
    protocol: Protocol,
    *,
    device: torch.device | str = "cpu",
    verbose: bool = False,
) -> ScoreCard:
    """Evaluate a generator of super-resolution on complete test pictures.

    Args:
        sides: the generator, and the name of the sharp pictures.
        protocol: `num` (number of pictures; default: all), `fast` (no perceptual distance) and `lpips`.
        device: device of the perceptual distance; the generator is on its own device.
        verbose: whether to show a progress bar on a terminal.

    Returns:
        The score card: psnr-y, ssim-y, niqe-live and, if the extra `eval` is installed, pd-lite0-128, or LPIPS.
    Raises:
        ValueError: if the test data are no names of pictures, or there are fewer than `num`.
    """
    from everymode.data.low_resolution import whole_pictures

    source = sides.test_source
    if not isinstance(source, str | Path):
        raise ValueError("complete pictures are read from files: name a folder of sharp pictures")
    assert sides.recipe.networks is not None
    scale = sides.recipe.networks.magnification
    sharp = whole_pictures(source, scale, progress=verbose)
    if protocol.num is not None:
        if protocol.num > len(sharp):
            raise ValueError(
                f"{source} has {len(sharp)} pictures, not {protocol.num}: choose a smaller number"
            )
        sharp = sharp[: protocol.num]
    digest = hashlib.blake2b(digest_size=16)
    overlap = min(
        int(getattr(sides.opened.generator.network, "receptive_radius", LARGEST_OVERLAP)), LARGEST_OVERLAP
    )

    def pictures() -> Iterable[EnlargedPicture]:
        for large, small, name in sharp:
            digest.update(repr((name, np.shape(large))).encode() + np.ascontiguousarray(large).tobytes())
            little = torch.from_numpy(np.array(small))
            network = sides.opened.generator.network
            result = enlarged(
                network, little.float() / 127.5 - 1, scale=scale, tile=TILE + 2 * overlap, overlap=overlap
            )
            yield EnlargedPicture(
                str(name),
                torch.from_numpy(np.array(large)),
                quantized(result),
                bicubic_enlarged(little, scale),
            )

    if protocol.fast and protocol.lpips is not None:
        raise ValueError("the fast evaluation has no perceptual distance: omit --fast or the files of LPIPS")
    metrics, warnings = enlargement_scores(
        pictures(), scale, perceptual=not protocol.fast, lpips=protocol.lpips, device=device
    )
    facts = {"kind": "data", "fingerprint": digest.hexdigest(), "images": len(sharp)}
    return _card(sides, metrics, [*sides.warnings, *warnings], facts, overlap, device)


def _kinds(
    scale: int,
    *,
    perceptual: bool,
    lpips: tuple[str | Path, str | Path] | None,
    device: torch.device | str,
) -> tuple[list[_Kind], list[str]]:
    """Return the scores that can be computed, and warnings on others."""
    luma = {"crop": scale, "colors": "luma (ITU-R 601), 8 bit", "scale": scale}
    model = official_niqe_model()
    kinds = [
        _Kind("psnr-y", "psnr-y", "higher", luma, lambda x, y: _finite(psnr_y(x[None], y[None], scale))),
        _Kind("ssim-y", "ssim-y", "higher", luma, lambda x, y: _ssim(x, y, scale)),
        _Kind(
            "niqe",
            model.name,
            "lower",
            {"crop": 0, "judge": model.name, "judge_hash": model.digest, "scale": scale},
            lambda x, _: _niqe(x),
        ),
    ]
    warnings = [NIQE_NOTE]
    if not perceptual:
        return kinds, warnings
    try:
        network = perceptual_network(*(lpips or (None, None)))
    except ModuleNotFoundError as error:
        return kinds, [*warnings, f"pd-lite0-128 is omitted: {error}"]
    facts = network.facts()
    size = facts["input_size"]
    settings = {
        "judge": facts["name"],
        "judge_hash": facts["weights_hash"],
        "input_size": size if isinstance(size, str) else "x".join(map(str, size)),
        "resize": facts["resize"],
        "scale": scale,
    }

    def distance(x: Tensor, y: Tensor) -> float | None:
        if min(x.shape[1:]) < network.smallest:
            return None
        return float(network.distances(x[None], y[None], device=device)[0])

    metric = "pd" if lpips is None else "lpips"
    return [*kinds, _Kind(metric, network.distance_name, "lower", settings, distance)], warnings


def _mean(kind: _Kind, parts: dict[str, dict[str, Any]], count: int) -> Measured:
    """Return the means over pictures; those of "bicubic" and "sharp" are over the same pictures as the value."""
    measured = [part for part in parts.values() if part["value"] is not None]

    def mean_of(name: str) -> float | None:
        values = [part[name] for part in measured if part[name] is not None]
        return sum(values) / len(values) if values else None

    further = {
        name: mean_of(name) for name in ("bicubic", "sharp") if any(name in part for part in parts.values())
    }
    return Measured(
        kind.metric,
        mean_of("value"),
        kind.better,
        0,
        len(measured),
        {**kind.settings, "pictures": count},
        {**further, "parts": parts},
    )


def _finite(values: Any) -> float | None:
    value = float(torch.as_tensor(values)[0])
    return value if math.isfinite(value) else None


def _ssim(x: Tensor, y: Tensor, scale: int) -> float | None:
    return _finite(ssim_y(x[None], y[None], scale)) if min(x.shape[1:]) >= 11 + 2 * scale else None


def _niqe(picture: Tensor) -> float | None:
    if min(picture.shape[1:]) < SMALLEST:
        return None
    try:
        return niqe_score(picture).value
    except ValueError:  # all blocks but one are flat
        return None


def _unused(name: str, parts: dict[str, Any]) -> str:
    """Return a name that no other picture has."""
    return name if name not in parts else f"{name} ({len(parts) + 1})"


def _card(
    sides: PictureSides,
    metrics: dict[str, Measured],
    warnings: Sequence[str],
    real_facts: dict[str, Any],
    overlap: int,
    device: torch.device | str,
) -> ScoreCard:
    opened, count = sides.opened, int(real_facts["images"])
    fake, real = (
        Images(
            name=name,
            count=count,
            batches=lambda: iter(()),
            labels=np.full(count, -1, np.int64),
            classes=(),
            facts=facts,
            take=lambda rows: torch.empty(0),
        )
        for name, facts in (
            (
                str(sides.recipe.name or "generator"),
                generator_facts(
                    opened.generator, num=count, seed=sides.seed, ema=opened.ema, step=opened.step
                ),
            ),
            (str(sides.real_source), real_facts),
        )
    )
    return ScoreCard(
        metrics=metrics,
        protocol={
            "real": {name: value for name, value in real_facts.items() if name != "kind"},
            "extractor": None,
            "game": "super-resolution",
            "low_resolution": "bicubic as in MATLAB, 8 bit",
            "tile_overlap": overlap,
            "sampling": {"ema": opened.ema},
        },
        subject=subject_of(fake, opened.source, real, sides.real_source),
        environment=environment(torch.device(device)),
        warnings=list(dict.fromkeys(warnings)),
        times=times_of({}),
    )
