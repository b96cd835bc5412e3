"""The start of a restoration: of many random latent codes, the one whose image is nearest to the target.

Pan et al., Exploiting Deep Generative Prior (ECCV 2020), as released. Differences: candidates run in batches, and take
the same way through the degradation as the images of the optimization, not that of the target.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.restoration.players import Critic, Label, frozen, generate, label_batch, latent_like
from everymode.restoration.problem import Degrade, Problem, posed
from everymode.restoration.resampling import Size


def latent_search(
    generator: nn.Module,
    discriminator: Critic,
    target: Tensor,
    degrade: Degrade,
    *,
    label: Label = None,
    num: int = 500,
    std: float = 0.5,
    last: int = 3,
    seed: int = 0,
    size: Size | None = None,
    batch: int = 50,
    candidates: Tensor | None = None,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Draw latent codes, and labels if the class is unknown, and return the best by the distance in features.

    Args:
        generator: as in `restore`, with the attributes `latent_dim` and, if it takes labels, `num_classes`.
        discriminator: as in `restore`.
        target: [1, C, h, w], the degraded image.
        degrade: the degradation of generated images.
        label: the class, or one label per candidate; None to draw it with each z.
        num: number of candidates; 1: a single one from N(0, 1), whatever `std` is; 0: z = 0.
        std: standard deviation of z; 0.5 for colorization and 0.3 for super-resolution in the released code.
        last: number of the discriminator's features that are compared.
        seed: seed of the draws.
        size: (height, width) of the generated images; default: `fitting_size`.
        batch: number of candidates that are generated at once; it does not change the draws.
        candidates: latent codes [num, latent_dim] to use instead of drawing them.
    Returns:
        z [1, latent_dim], label ([1], [1, blocks] or None) and the distances [num] (at least one) of all candidates.
    Raises:
        ValueError: if a number is out of range, the target or the label does not fit, or the generator lacks an
            attribute that is needed.
    """
    if num < 0 or batch < 1 or last < 1 or not 0 <= std < float("inf"):
        raise ValueError(
            f"num is {num}, batch {batch}, last {last} and std {std}; pass at least 0, 1, 1 and a finite std >= 0"
        )
    drawn = draw_candidates(generator, label, num, std, seed, candidates)
    pose = posed(generator, discriminator, target, degrade, size, drawn)
    with frozen(discriminator):
        problem = Problem(discriminator, pose.target.to(drawn[0]), degrade, pose.size)
        return best_candidate(generator, problem, pose.query, *drawn, last=last, batch=batch)


def draw_candidates(
    generator: nn.Module, label: Label, num: int, std: float, seed: int, candidates: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return the latent codes and labels of all candidates; arguments as in `latent_search`."""
    like = latent_like(generator)
    latents = _latents(generator, num, std, seed) if candidates is None else candidates.to(like)
    labels = label_batch(label, len(latents), like.device, getattr(generator, "num_classes", None))
    return latents, _labels(generator, len(latents), seed, like.device) if labels is None else labels


def best_candidate(
    generator: nn.Module,
    problem: Problem,
    query: Size | None,
    latents: Tensor,
    labels: Tensor | None,
    *,
    last: int = 3,
    batch: int = 50,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return z, label and distances as `latent_search` does, for a problem whose discriminator is in eval mode."""
    if last > len(problem.real):
        warnings.warn(
            f"the latent search compares all {len(problem.real)} features, as there are no {last}",
            stacklevel=3,
        )
        last = len(problem.real)
    losses: list[Tensor] = []
    with torch.no_grad(), frozen(generator):
        for start in range(0, len(latents), batch):
            rows = slice(start, start + batch)
            images = generate(generator, latents[rows], None if labels is None else labels[rows], query)
            losses.append(problem.distances(images, last))
    distances = torch.cat(losses)
    best = int(distances.nan_to_num(nan=float("inf")).argmin())
    label = None if labels is None else labels[best : best + 1].clone()
    return latents[best : best + 1].clone(), label, distances


def _latents(generator: nn.Module, num: int, std: float, seed: int) -> Tensor:
    latent_dim: int | None = getattr(generator, "latent_dim", None)
    if latent_dim is None:
        raise ValueError(
            f"{type(generator).__name__} has no attribute latent_dim, so that no z can be drawn; pass z, or candidates"
        )
    like = latent_like(generator)
    if num == 0:
        return like.new_zeros(1, latent_dim)
    draws = Draws(seed, "latent search", Rows.all(num), device=like.device, dtype=like.dtype)
    return draws.normal("z", latent_dim) * (1.0 if num == 1 else std)


def _labels(generator: nn.Module, count: int, seed: int, device: torch.device) -> Tensor | None:
    classes: int | tuple[int, ...] | None = getattr(generator, "num_classes", None)
    if classes is None:
        return None
    draws = Draws(seed, "latent search", Rows.all(count), device=device)
    if isinstance(classes, int):
        return draws.integers("label", classes)
    return torch.stack([draws.integers(f"label {i}", size) for i, size in enumerate(classes)], 1)
