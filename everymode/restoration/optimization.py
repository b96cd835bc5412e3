"""The optimization of deep generative prior: z and, group by group, the generator follow a schedule of stages.

Pan et al., Exploiting Deep Generative Prior (ECCV 2020), as released. Differences, each of which removes an accident of
the released code: optimizers are fresh for every image; Adam's state of a group starts when the group is thawed
("fresh"; "running" follows the released code, where a group with rate 0 collects statistics); the discriminator's
weights collect no gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from everymode.restoration.players import generate
from everymode.restoration.problem import Problem
from everymode.restoration.resampling import Size
from everymode.restoration.stages import Stage


class Losses(NamedTuple):
    """Losses of one step, before it."""

    stage: int
    """Index of the stage, from 0 on."""
    step: int
    """Index of the step within the stage, from 0 on."""
    feature: float
    """Distance in features, unweighted."""
    mse: float
    """Mean squared error after degradation, unweighted."""
    latent: float
    """mean(z ** 2) / 2, unweighted."""
    total: float
    """Weighted sum."""


class Stop(NamedTuple):
    """End of a restoration: its stage and step, and the reason."""

    stage: int
    """Index of the last stage that was run, from 0 on."""
    step: int
    """Number of its steps that the result has made."""
    why: str
    """Reason."""


class Progress(NamedTuple):
    """Argument of a callback, before every step."""

    stage: int
    """Index of the stage, from 0 on."""
    step: int
    """Index of the step within the stage, from 0 on."""
    image: Tensor
    """[1, C, H, W], the current image."""
    loss: Tensor
    """Scalar, the current total loss, on the device."""


Callback = Callable[[Progress], object]
"""Called before every step; a true result stops the restoration."""


@dataclass
class Optimization:
    """The state of a restoration: a generator and z that are fitted to one problem."""

    problem: Problem
    """Target and distances."""
    generator: nn.Module
    """The generator that is fitted, in eval mode."""
    groups: Sequence[Sequence[nn.Parameter]]
    """Its parameters by layer group; those of no group are never trained."""
    z: Tensor
    """[1, latent_dim], which requires gradients."""
    label: Tensor | None
    """Labels of the one image, or None."""
    query: Size | None
    """Size that the generator is called with, or None."""
    betas: tuple[float, float] = (0.0, 0.999)
    """Adam's decay rates."""
    warm_up: int = 0
    """In the first steps, over all stages, step s has s / warm_up of the rates."""
    frozen_state: Literal["fresh", "running"] = "fresh"
    """Whether Adam's state of a group starts when the group is thawed, or at the first step."""
    latent_weight: float = 0.02
    """Weight of mean(z ** 2) / 2."""
    callback: Callback | None = None
    """Called before every step."""

    def __post_init__(self) -> None:
        betas = (float(self.betas[0]), float(self.betas[1]))
        self.history: list[Losses] = []
        self.images: list[Tensor] = []
        """The image at the start of every stage."""
        self._made = 0
        self._of_generator = torch.optim.Adam(
            [{"params": list(group)} for group in self.groups], lr=0.0, betas=betas, eps=1e-8
        )
        self._of_latent = torch.optim.Adam([self.z], lr=0.0, betas=betas, eps=1e-8)

    def image(self) -> Tensor:
        """Return the generator's current image."""
        return generate(self.generator, self.z, self.label, self.query)

    def run(self, schedule: Sequence[Stage]) -> Stop:
        """Run all stages, until they are done, the callback stops them, or a loss or gradient is not finite.

        In the last case, the generator and z return to the state at the start of that stage.
        """
        for index, stage in enumerate(schedule):
            before = [tensor.detach().clone() for tensor in self._trained()]
            stopped = self._run_stage(index, stage)
            bad = self._first_bad_step()
            if bad is None and not self._is_finite():
                bad = self.history[-1].step
            if bad is not None:
                with torch.no_grad():
                    for tensor, value in zip(self._trained(), before, strict=True):
                        tensor.copy_(value)
                return Stop(
                    index,
                    0,
                    f"the loss or its gradient was not finite at step {bad} of stage {index}; the result is that of "
                    "the start of this stage: lower its rates",
                )
            if stopped is not None:
                return Stop(index, stopped, "the callback stopped it")
        return Stop(len(schedule) - 1, schedule[-1].steps, "all stages are done")

    def _run_stage(self, index: int, stage: Stage) -> int | None:
        """Run one stage; return the number of its steps if the callback stopped it."""
        self._thaw(stage)
        values: list[Tensor] = []
        stopped = None
        for step in range(stage.steps):
            self._set_rates(stage)
            image = self.image()
            feature, mse = self.problem.losses(image, stage.features)
            latent = self.z.square().mean() / 2
            loss = stage.feature_weight * feature + stage.mse_weight * mse + self.latent_weight * latent
            values.append(torch.stack([feature, mse, latent, loss]).detach())
            if step == 0:
                self.images.append(image.detach())
            if self.callback is not None and self.callback(
                Progress(index, step, image.detach(), loss.detach())
            ):
                stopped = step
                break
            self._step(loss)
        rows = torch.stack(values).double().cpu().tolist()  # read once per stage
        self.history += [Losses(index, step, *row) for step, row in enumerate(rows)]
        return stopped

    def _thaw(self, stage: Stage) -> None:
        trained = len(self.groups) if stage.groups is None else stage.groups
        for index, group in enumerate(self.groups):
            for parameter in group:
                # Adam skips parameters without a gradient, so their state starts later.
                parameter.requires_grad_(index < trained or self.frozen_state == "running")
                parameter.grad = None

    def _set_rates(self, stage: Stage) -> None:
        self._made += 1
        factor = self._made / self.warm_up if self._made < self.warm_up else 1.0
        rates = stage.group_rates(len(self.groups), factor)
        for settings, rate in zip(self._of_generator.param_groups, rates, strict=True):
            settings["lr"] = rate
        self._of_latent.param_groups[0]["lr"] = stage.latent_rate * factor

    def _step(self, loss: Tensor) -> None:
        # Gradients of these tensors only: a discriminator that is a plain function keeps its own.
        trained = [tensor for tensor in self._trained() if tensor.requires_grad]
        gradients = torch.autograd.grad(loss, trained, allow_unused=True)
        for tensor, gradient in zip(trained, gradients, strict=True):
            tensor.grad = gradient
        self._of_generator.step()
        self._of_latent.step()

    def _trained(self) -> list[Tensor]:
        return [self.z, *(parameter for group in self.groups for parameter in group)]

    def _is_finite(self) -> bool:
        """Return whether the last step left finite numbers, which no later loss of the stage shows."""
        return bool(torch.stack([tensor.detach().isfinite().all() for tensor in self._trained()]).all())

    def _first_bad_step(self) -> int | None:
        last = self.history[-1].stage
        return next(
            (each.step for each in self.history if each.stage == last and not math.isfinite(each.total)), None
        )
