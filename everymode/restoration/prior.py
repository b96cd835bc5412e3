"""Restoration with a trained generator as the prior: color, resolution and holes of a photo.

Deep generative prior (Pan et al., ECCV 2020; XingangPan/deep-generative-prior), with a generator for any size as in
Omni-GAN's downstream experiments (Zhou et al., ICCV 2021, appendix I; their code was not released). The image that is
returned is that after the last step; the released code returns the one before it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from everymode.restoration.instance_statistics import add_instance_statistics
from everymode.restoration.luminance import with_luminance
from everymode.restoration.optimization import Callback, Losses, Optimization, Stop
from everymode.restoration.players import (
    Critic,
    Groups,
    Label,
    copy_for_fitting,
    frozen,
    generate,
    groups_of,
    label_batch,
    latent_like,
)
from everymode.restoration.problem import Degrade, Problem, posed
from everymode.restoration.resampling import Size, require_size, resize
from everymode.restoration.search import best_candidate, draw_candidates
from everymode.restoration.stages import Stage


@dataclass(frozen=True, eq=False, repr=False)
class Restored:
    """A restored image, and the generator that was fitted to it."""

    image: Tensor
    """[1, C, H, W] in [-1, 1], of the size at which it was fitted, after the last step."""
    generator: nn.Module
    """The fitted generator, in eval mode. With `instance_statistics`, it has hooks that no saved weights hold."""
    z: Tensor
    """[1, latent_dim]."""
    label: Tensor | None
    """int64 [1] or [1, blocks]; None for an unconditional generator."""
    history: tuple[Losses, ...]
    """Losses before each step."""
    stop: Stop
    """End of the optimization."""
    stages: tuple[Tensor, ...]
    """Images at the start of every stage, without a luminance that was kept."""
    photo_size: Size
    """(height, width) of the target as passed, after a center crop."""
    _luminance: Tensor | None = field(default=None)
    """[1, 3, h, w], whose luminance the image has."""

    @torch.no_grad()
    def at(self, size: Size | None = None) -> Tensor:
        """Return the restored image at any size, from the fitted generator, in bounded memory.

        Args:
            size: (height, width); default: that of the target, with its exact aspect ratio.
        Returns:
            [1, C, height, width] in [-1, 1].
        Raises:
            ValueError: if the generator does not produce this size.
        """
        size = self.photo_size if size is None else require_size(size)
        if size == tuple(self.image.shape[2:]):
            return self.image
        image = generate(self.generator, self.z, self.label, size)
        if self._luminance is None:
            return image
        return with_luminance(image, resize(self._luminance, size).to(image))


def restore(
    generator: nn.Module,
    discriminator: Critic,
    target: Tensor,
    degrade: Degrade,
    schedule: Sequence[Stage],
    *,
    z: Tensor | None = None,
    label: Label = None,
    num: int = 500,
    std: float = 0.5,
    size: Size | None = None,
    train_embedding: bool = False,
    instance_statistics: bool = False,
    warm_up: int = 0,
    betas: tuple[float, float] = (0.0, 0.999),
    train_output: bool = False,
    frozen_state: Literal["fresh", "running"] = "fresh",
    latent_weight: float = 0.02,
    keep_luminance: bool = False,
    seed: int = 0,
    callback: Callback | None = None,
    groups: Groups | None = None,
) -> Restored:
    """Restore a degraded image: fit z and the generator until the degraded generated image matches it.

    The loss is the distance in the discriminator's features (`feature_distance`), the mean squared error and
    latent_weight * mean(z ** 2) / 2, with the weights of the stage. If degraded images are smaller than generated ones,
    both sides are enlarged bilinearly first. Neither network that is passed changes.

    Args:
        generator: a trained generator of images with `layer_groups()`; or any network called as generator(z, label) or
            generator(z, label, size), with `groups`.
        discriminator: its discriminator, with `block_features(x)`, or a function from images to features.
        target: [1, C, h, w] in [-1, 1], the degraded image. If the degradation keeps the size, it may have any size and
            is resized; its center is cropped, with a warning, if a network takes the native aspect ratio only.
        degrade: the degradation of generated images, such as `grayscale`, `lambda x: downsample(x, (h, w))` or
            `lambda x: mask(x, keep)`; the identity for a reconstruction.
        schedule: stages, such as `COLORIZATION`. A stage that asks for more features or layer groups than there are
            takes all, which a warning reports.
        z: [1, latent_dim], the start; None for a `latent_search`.
        label: class of the image; None draws it in the search. Needed with z if the generator takes labels.
        num: number of candidates of the search.
        std: standard deviation of the candidates.
        size: (height, width) of the generated images while fitting; default: `fitting_size`.
        train_embedding: train the label embedding that the layers share with the first layer group.
        instance_statistics: let the blocks' batch normalizations keep the statistics of one image
            (`add_instance_statistics`).
        warm_up: number of steps over which the rates grow.
        betas: Adam's decay rates.
        train_output: train the output head, as the last layer group; the released code never does.
        frozen_state: "fresh" starts a group's Adam state when the group is thawed; "running" at the first step, as
            released.
        latent_weight: weight of mean(z ** 2) / 2.
        keep_luminance: give the returned image the luminance of the target; for colorization.
        seed: seed of the search.
        callback: called before every step; a true result stops the restoration.
        groups: generator -> (name, parameters) of its first layer, its blocks and its output head, for generators
            without `layer_groups()`.
    Returns:
        The image and the fitted generator; `.at(size)` gives other sizes.
    Raises:
        ValueError: if an argument is out of range, target and degradation don't fit, or a network lacks a method.
    """
    schedule = (schedule,) if isinstance(schedule, Stage) else tuple(schedule)
    _require(schedule, num, std, warm_up, betas, frozen_state, latent_weight)
    _require_colors(target, keep_luminance)
    own_groups = groups_of(generator, groups, train_output=train_output, train_embedding=train_embedding)
    like = latent_like(generator)
    start = draw_candidates(generator, label, num, std, seed) if z is None else _start(z, label, generator)
    size = None if size is None else require_size(size)
    pose = posed(generator, discriminator, target, degrade, size, start)
    with frozen(discriminator):
        problem = Problem(discriminator, pose.target.to(like), degrade, pose.size)
        if z is None:
            start = best_candidate(generator, problem, pose.query, *start)[:2]
        fitted = copy_for_fitting(generator, own_groups)
        trained = groups_of(fitted, groups, train_output=train_output, train_embedding=train_embedding)
        optimization = Optimization(
            problem=problem,
            generator=fitted,
            groups=trained,
            z=start[0].detach().clone().requires_grad_(True),
            label=start[1],
            query=pose.query,
            betas=betas,
            warm_up=warm_up,
            frozen_state=frozen_state,
            latent_weight=latent_weight,
            callback=callback,
        )
        if instance_statistics:
            everything = groups_of(fitted, groups, train_output=True, train_embedding=False)
            add_instance_statistics(fitted, everything[-1], optimization.image)
        _report_shortage(schedule, len(trained), len(problem.real))
        with torch.enable_grad():
            stop = optimization.run(_within(schedule, len(trained), len(problem.real)))
    return _result(optimization, stop, pose.photo, keep_luminance=keep_luminance)


def _result(optimization: Optimization, stop: Stop, photo: Tensor, *, keep_luminance: bool) -> Restored:
    fitted = optimization.generator.requires_grad_(False)
    z = optimization.z.detach()
    with torch.no_grad():
        image = generate(fitted, z, optimization.label, optimization.query)
    source = None
    if keep_luminance:
        source = photo.to(image)
        image = with_luminance(image, resize(source, optimization.problem.size))
    keeps_size = optimization.problem.small == optimization.problem.size
    photo_size = (photo.shape[2], photo.shape[3]) if keeps_size else optimization.problem.size
    return Restored(
        image,
        fitted,
        z,
        optimization.label,
        tuple(optimization.history),
        stop,
        tuple(optimization.images),
        photo_size,
        source,
    )


def _start(z: Tensor, label: Label, generator: nn.Module) -> tuple[Tensor, Tensor | None]:
    if z.dim() != 2 or len(z) != 1:
        raise ValueError(f"z has shape {list(z.shape)}; pass one latent code, [1, latent_dim]")
    if not bool(z.isfinite().all()):
        raise ValueError("z has values that are not finite; pass a latent code of finite numbers")
    classes: int | tuple[int, ...] | None = getattr(generator, "num_classes", None)
    if label is None and classes is not None:
        raise ValueError("z is passed without a label, but the generator takes labels; pass label= too")
    like = latent_like(generator)
    return z.to(like), label_batch(label, 1, like.device, classes)


def _within(schedule: Sequence[Stage], groups: int, features: int) -> list[Stage]:
    """Return the stages with at most as many features and groups as there are."""
    return [
        replace(
            stage,
            features=None if stage.features is None or stage.features > features else stage.features,
            groups=None if stage.groups is None or stage.groups > groups else stage.groups,
        )
        for stage in schedule
    ]


def _report_shortage(schedule: Sequence[Stage], groups: int, features: int) -> None:
    short = [
        f"{most} {name}, and there are {there}"
        for name, there, most in (
            ("features", features, max(stage.features or 0 for stage in schedule)),
            ("layer groups", groups, max(stage.groups or 0 for stage in schedule)),
        )
        if most > there
    ]
    if short:
        warnings.warn(f"the schedule asks for {'; for '.join(short)}: it takes all", stacklevel=3)


def _require(
    schedule: Sequence[Stage],
    num: int,
    std: float,
    warm_up: int,
    betas: tuple[float, float],
    frozen_state: str,
    latent_weight: float,
) -> None:
    if not schedule or not all(isinstance(stage, Stage) for stage in schedule):
        raise ValueError(
            f"the schedule is {schedule!r}; pass a sequence of at least one Stage, such as COLORIZATION"
        )
    if frozen_state not in ("fresh", "running"):
        raise ValueError(f"frozen_state is {frozen_state!r}; pass 'fresh' or 'running'")
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas is {betas!r}; pass two numbers in [0, 1)")
    if num < 0 or warm_up < 0 or not 0 <= std < math.inf or not 0 <= latent_weight < math.inf:
        raise ValueError(
            f"num is {num}, warm_up {warm_up}, std {std} and latent_weight {latent_weight}; each is finite and at "
            "least 0"
        )


def _require_colors(target: Tensor, keep_luminance: bool) -> None:
    if keep_luminance and target.shape[1:2] != (3,):
        raise ValueError(
            f"keep_luminance is set, but the target has shape {list(target.shape)}; it takes colored images, "
            "[1, 3, h, w]"
        )
