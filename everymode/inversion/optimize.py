"""Inversion of images: latent codes, and residuals of layers on request, that minimize Self-Conditioned GAN's Eq. 4."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everymode.draws import Draws, Rows
from everymode.inversion.errors import reconstruction_loss
from everymode.inversion.layers import GeneratorLayers, device_and_dtype, frozen_in_eval_mode

__all__ = ["Inversion", "invert"]

METHODS = ("lbfgs", "adam")
HISTORY = 10
"""Number of gradient pairs that L-BFGS keeps."""
TESTS_PER_STEP = 5
"""Evaluations that a line search of L-BFGS may take per step, on average."""


@dataclass(frozen=True)
class Inversion:
    """Images found by a generator for target images.

    Attributes:
        image: [B, C, H, W] in [-1, 1], generated from the returned codes after the last step.
        z: latent codes, [B, Z].
        label: classes, int64 [B] or [B, blocks]; None for an unconditional generator.
        loss: loss of each image, [B], with the requested reduction, residuals included.
        first_loss: the same before the first step.
        residuals: layer index -> what is added to its output, [B, C, h, w].
        steps: number of steps that each image took, int64 [B]; L-BFGS stops earlier where no step lowers the loss.
    """

    image: Tensor
    z: Tensor
    label: Any
    loss: Tensor
    first_loss: Tensor
    steps: Tensor
    residuals: Mapping[int, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class _Problem:
    """The loss of a batch as a function of latent codes and residuals."""

    generator: Any
    features: Callable[[Tensor], Tensor] | None
    feature_weight: float
    feature_error: str
    reduction: str
    residual_weight: float

    def images(self, z: Tensor, residuals: Mapping[int, Tensor], label: Any) -> Tensor:
        """Return the generator's images, with residuals added to the outputs of layers."""
        if not residuals:
            return self.generator(z, label)
        access = GeneratorLayers(self.generator)
        first, *later = sorted(residuals)
        h = access.outputs(z, label)[first] + residuals[first]
        for before, i in zip([first, *later], later, strict=False):
            h = access.output(before, h, label, z, to=i) + residuals[i]
        return access.images(max(residuals), h, label, z)

    def losses(self, z: Tensor, residuals: Mapping[int, Tensor], target: _Target) -> Tensor:
        """Return the loss of each image, [B]."""
        images = self.images(z, residuals, target.label)
        losses = reconstruction_loss(
            images,
            target.x,
            None if self.features is None else self.features(images),
            target.f,
            self.feature_weight,
            "sum" if self.reduction == "sum" else "none",
            feature_error=self.feature_error,
        )
        for d in residuals.values():
            squares = d.square().flatten(1)
            losses = losses + self.residual_weight * (
                squares.sum(1) if self.reduction == "sum" else squares.mean(1)
            )
        return losses


class _Target(NamedTuple):
    """Images to be inverted, their features and classes."""

    x: Tensor
    f: Tensor | None
    label: Any


def invert(
    generator: Any,
    x: Tensor,
    *,
    encoder: Any = None,
    label: Any = None,
    steps: int = 300,
    method: str = "lbfgs",
    feature_weight: float = 5e-4,
    reduction: str = "mean",
    residuals: Sequence[int] = (),
    z: Tensor | None = None,
    features: Callable[[Tensor], Tensor] | None = None,
    feature_error: str = "squared",
    residual_weight: float = 1.0,
    learning_rate: float | None = None,
    halvings: Sequence[int] = (),
    together: int = 1,
    seed: int = 0,
    callback: Callable[[int, Tensor], None] | None = None,
) -> Inversion:
    """Find latent codes whose images are nearest to target images, by Eq. 4 of Self-Conditioned GAN.

    Starts from the encoder's estimate, or from z. The class is fixed meanwhile: `label`, or the encoder's most
    probable one. The released code minimizes over all images of a batch at once, so that a result depends on the
    images beside it; here L-BFGS takes `together` images at a time, and Adam's result for an image does not depend on
    the others.

    Args:
        generator: called as generator(z, label); of this project, a `ForeignGenerator` or any other callable.
        x: target images [B, C, H, W] in [-1, 1].
        encoder: gives z, the class and the features (`Encoder`, or a callable whose result has the attributes z,
            label and features); None starts from random codes.
        label: classes [B] (or [B, blocks]), or a condition of the generator's. Default: the encoder's estimate, or
            none if the generator is unconditional.
        steps: number of steps; 0 returns the start.
        method: "lbfgs" (with line search, strong Wolfe conditions) or "adam".
        feature_weight: weight of the features, lambda_f; 0 omits them.
        reduction: "mean" or "sum" over the values of each image.
        residuals: indices of layers to whose outputs a residual is added that is optimized too; it starts at 0 and
            its square is part of the loss (davidbau/ganseeing). Several layers need a generator of this project.
        z: latent codes to start from, [B, Z]. Default: the encoder's estimate, or standard normal.
        features: images -> features, in place of the encoder's.
        feature_error: "squared" or "absolute".
        residual_weight: weight of the residuals' squares.
        learning_rate: Adam's rate (default: 0.03), or the first step length of L-BFGS (default: 1).
        halvings: steps at which Adam's rate is halved.
        together: number of images that L-BFGS optimizes jointly; more are quicker and less exact.
        seed: seed of random starts.
        callback: called with the step and the losses [B] before it (for L-BFGS: with 0 and those at the start).

    Returns:
        The images after the last step, their codes, classes and losses.
    Raises:
        ValueError: if an argument is unknown or out of range, the class is unknown, the images hold NaN, or the loss
            becomes NaN.
    """
    _check_arguments(x, steps, method, reduction, together, halvings, learning_rate)
    _check_weights(feature_weight, residual_weight)
    device, dtype = device_and_dtype(generator, x)
    x = x.to(device, dtype)
    with frozen_in_eval_mode(generator, encoder), torch.no_grad():
        start = None if encoder is None else encoder(x)
        if label is None and start is not None:
            label = start.label
        if label is None and getattr(generator, "num_classes", None) is not None:
            raise ValueError("the generator has classes: pass label=, or an encoder that predicts them")
        label = label.to(device) if isinstance(label, Tensor) else label
        _check_label(label, getattr(generator, "num_classes", None), len(x))
        z = _start(generator, x, z, start, seed).to(device, dtype)
        if features is None and start is not None:
            features = partial(_encoder_features, encoder)
        features = features if feature_weight else None
        target = _Target(x, None if features is None else features(x), label)
        problem = _Problem(generator, features, feature_weight, feature_error, reduction, residual_weight)
        added = _zero_residuals(generator, z, label, residuals)
        first_loss = problem.losses(z, added, target)
        if callback is not None:
            callback(0, first_loss)
        variables = [z.clone(), *(added[i] for i in sorted(added))]
        if method == "adam":
            rate = 0.03 if learning_rate is None else learning_rate
            taken = _adam(problem, variables, sorted(added), target, steps, rate, halvings, callback)
        else:
            rate = 1.0 if learning_rate is None else learning_rate
            taken = _lbfgs(problem, variables, sorted(added), target, steps, rate, together)
        z, added = variables[0], dict(zip(sorted(added), variables[1:], strict=True))
        loss = problem.losses(z, added, target)
        if not torch.isfinite(loss).all():
            row = int((~torch.isfinite(loss)).nonzero()[0])
            raise ValueError(f"the loss of image {row} became NaN or infinite; lower learning_rate ({rate})")
        return Inversion(problem.images(z, added, label), z, label, loss, first_loss, taken, added)


def _adam(
    problem: _Problem,
    variables: list[Tensor],
    layers: Sequence[int],
    target: _Target,
    steps: int,
    rate: float,
    halvings: Iterable[int],
    callback: Callable[[int, Tensor], None] | None,
) -> Tensor:
    """Take Adam steps on all images at once, which do not influence each other; `variables` are changed."""
    leaves = [each.requires_grad_() for each in variables]
    optimizer = torch.optim.Adam(leaves, lr=rate)
    with torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 ** sum(step >= start for start in halvings)
            losses = problem.losses(leaves[0], dict(zip(layers, leaves[1:], strict=True)), target)
            if callback is not None and step > 0:
                callback(step, losses.detach())
            _set_gradients(leaves, losses.sum())
            optimizer.step()
    for each in leaves:
        each.grad = None
        each.requires_grad_(False)
    return torch.full((len(target.x),), steps)


def _lbfgs(
    problem: _Problem,
    variables: list[Tensor],
    layers: Sequence[int],
    target: _Target,
    steps: int,
    rate: float,
    together: int,
) -> Tensor:
    """Minimize groups of images one after the other; `variables` are changed. Return the steps of each image."""
    taken = torch.zeros(len(target.x), dtype=torch.int64)
    for start in range(0, len(target.x) if steps else 0, together):
        rows = slice(start, start + together)
        leaves = [each[rows].clone().requires_grad_() for each in variables]
        part = _Target(
            target.x[rows],
            None if target.f is None else target.f[rows],
            _rows_of(target.label, rows, len(target.x)),
        )
        optimizer = torch.optim.LBFGS(
            leaves,
            lr=rate,
            max_iter=steps,
            max_eval=TESTS_PER_STEP * steps,
            tolerance_grad=0.0,
            tolerance_change=1e-12,
            history_size=HISTORY,
            line_search_fn="strong_wolfe",
        )

        def closure(leaves: list[Tensor] = leaves, part: _Target = part) -> Tensor:
            with torch.enable_grad():
                total = problem.losses(leaves[0], dict(zip(layers, leaves[1:], strict=True)), part).sum()
                _set_gradients(leaves, total)
            return total

        optimizer.step(closure)  # pyright: ignore[reportArgumentType]  it takes closures that return tensors
        taken[rows] = optimizer.state[leaves[0]]["n_iter"]
        for each, leaf in zip(variables, leaves, strict=True):
            each[rows] = leaf.detach()
    return taken


def _set_gradients(leaves: Sequence[Tensor], total: Tensor) -> None:
    for leaf, gradient in zip(leaves, torch.autograd.grad(total, leaves), strict=True):
        leaf.grad = gradient


def _encoder_features(encoder: Any, images: Tensor) -> Tensor:
    return encoder(images).features


def _start(generator: Any, x: Tensor, z: Tensor | None, start: Any, seed: int) -> Tensor:
    """Return the latent codes at which the optimization starts."""
    if z is not None:
        if z.ndim != 2 or len(z) != len(x):
            raise ValueError(
                f"z has shape {list(z.shape)} for {len(x)} images; pass one latent code for each, [{len(x)}, Z]"
            )
        return z.detach()
    if start is not None:
        return start.z.detach()
    if not hasattr(generator, "latent_dim"):
        raise ValueError(
            f"{type(generator).__name__} has no latent_dim; pass z= to start from, or an encoder"
        )
    return Draws(seed, "invert", Rows.all(len(x)), dtype=x.dtype).normal("z", generator.latent_dim)


def _zero_residuals(generator: Any, z: Tensor, label: Any, residuals: Sequence[int]) -> dict[int, Tensor]:
    """Return a residual of zeros for each layer."""
    if not residuals:
        return {}
    outputs = GeneratorLayers(generator).outputs(z, label)
    wrong = [i for i in residuals if not 0 <= i < len(outputs)]
    if wrong or len(set(residuals)) < len(residuals):
        raise ValueError(f"residuals is {tuple(residuals)}; give different layers of 0 .. {len(outputs) - 1}")
    return {i: torch.zeros_like(outputs[i]) for i in residuals}


def _rows_of(label: Any, rows: slice, count: int) -> Any:
    """Return rows of a condition: a tensor or a tuple of tensors with one row per image, or anything else unchanged."""
    if isinstance(label, tuple):
        return tuple(_rows_of(each, rows, count) for each in label)
    return label[rows] if isinstance(label, Tensor) and len(label) == count else label


def _check_weights(feature_weight: float, residual_weight: float) -> None:
    for name, weight in (("feature_weight", feature_weight), ("residual_weight", residual_weight)):
        if not 0 <= weight < float("inf"):
            raise ValueError(f"{name} is {weight}; it must be finite and at least 0")


def _check_label(label: Any, classes: Any, count: int) -> None:
    """Raise ValueError for classes that the generator doesn't have; other conditions are the generator's own."""
    sizes = (classes,) if isinstance(classes, int) else classes
    if not isinstance(sizes, tuple) or not isinstance(label, Tensor) or label.is_floating_point():
        return
    wanted = [count] if isinstance(classes, int) else [count, len(sizes)]
    table = label[:, None] if label.ndim == 1 else label
    if list(label.shape) != wanted or bool(((table < 0) | (table >= table.new_tensor(sizes))).any()):
        raise ValueError(
            f"label has shape {list(label.shape)} and values {label.unique().tolist()[:8]}; pass {wanted} of the "
            f"generator's classes, {classes} (counted from 0)"
        )


def _check_arguments(
    x: Tensor,
    steps: int,
    method: str,
    reduction: str,
    together: int,
    halvings: Sequence[int],
    learning_rate: float | None,
) -> None:
    if x.ndim != 4 or not x.is_floating_point() or len(x) == 0:
        raise ValueError(
            f"x is {x.dtype} of shape {list(x.shape)}; pass float images [B, C, H, W] in [-1, 1]"
        )
    if not torch.isfinite(x).all():
        raise ValueError("x holds NaN or infinite values; only finite images can be inverted")
    if method not in METHODS:
        raise ValueError(f'method is "{method}"; choose "lbfgs" or "adam"')
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction is "{reduction}"; choose "mean" or "sum"')
    if steps < 0 or together < 1:
        raise ValueError(f"steps is {steps} and together {together}; at least 0 and 1 are needed")
    if learning_rate is not None and not learning_rate > 0:
        raise ValueError(f"learning_rate is {learning_rate}; it must be above 0")
    if halvings and method != "adam":
        raise ValueError(
            "halvings belong to Adam's learning rate; L-BFGS searches its step lengths: omit halvings"
        )
