"""Fit of an encoder to a generator: each layer's encoder alone, then all of them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws, Rows, stable_seed
from everymode.inversion.classes import ClassTarget, class_target
from everymode.inversion.drawing import DrawCodes, uniform_draw
from everymode.inversion.encoder import Encoded, Encoder
from everymode.inversion.errors import class_error, cosine_error, encoder_loss
from everymode.inversion.layers import GeneratorLayers, device_and_dtype, frozen_in_eval_mode

__all__ = ["fit_encoder"]

LAYER_DECAY = {0.2: 0.1, 0.6: 0.1}
"""Share of the layers' steps -> factor of the learning rate, as davidbau/ganseeing at 20 and 60 of 100 epochs."""
STACK_DECAY = {0.05: 0.5, 0.15: 0.5, 0.35: 0.5}
"""Likewise for all layers together: 50, 150 and 350 of 1,000 epochs."""
AGAIN_WEIGHT = 0.01
"""Weight of the error of what the generator computes again from an estimated layer."""
TESTED = 64


@dataclass(frozen=True)
class _Sample:
    """Samples of a generator with their latent codes, conditions and the outputs of the inverted layers."""

    z: Tensor
    condition: Any
    truths: tuple[Tensor, ...]
    images: Tensor


@dataclass(frozen=True)
class _Task:
    """A generator to be inverted, and what its samples are drawn from."""

    generator: Any
    access: GeneratorLayers
    draw: DrawCodes
    device: torch.device
    dtype: torch.dtype

    @torch.no_grad()
    def sample(self, seed: int, moment: str, batch: int, indices: Sequence[int]) -> _Sample:
        """Return samples, a function of seed and moment."""
        z, condition = self.draw(Draws(seed, moment, Rows.all(batch), self.device, self.dtype))
        outputs = self.access.outputs(z, condition)
        images = self.access.images(len(outputs) - 1, outputs[-1], condition, z)
        return _Sample(z, condition, tuple(outputs[i] for i in indices), images)


def fit_encoder(
    generator: Any,
    *,
    layers: Sequence[int] | None = None,
    steps: int = 2000,
    seed: int = 0,
    layer_steps: int | None = None,
    batch: int = 32,
    width: int = 64,
    layer_rate: float = 3e-3,
    rate: float = 3e-3,
    classes: ClassTarget | None = None,
    draw: DrawCodes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Encoder:
    """Fit an encoder to a generator by layers, as Self-Conditioned GAN (appendix C.3) and davidbau/ganseeing.

    First, each layer's encoder learns alone, from the true output of the layer behind it: cosine error of its
    estimate, plus 0.01 times the error of what the generator computes again from the estimate. Then all together
    start from these and learn `encoder_loss` with the true class.

    It departs from the released code: gradients are cleared before every step (there, Adam sees their running sum);
    images are not pixel-normalized, since three channels would lose their brightness; latent code and class are also
    read from pooled features of all layers; one layer is computed again from its estimate, or the images (mean squared
    error) from the deepest layer's and for foreign generators without `to`; steps and rates suit small generators.

    Args:
        generator: an image generator of this project, or a `ForeignGenerator` with layers. It is in eval mode and
            frozen meanwhile.
        layers: indices of the inverted layers in `generator.activations(...)`, increasing. Default: all.
        steps: optimizer steps of all layers together.
        seed: seed of the initial weights and the samples.
        layer_steps: optimizer steps of the separate layers. Default: as many as `steps`.
        batch: samples per step.
        width: channels of the layer encoders.
        layer_rate, rate: Adam's learning rates of the two stages; the first one falls tenfold after a fifth and after
            three fifths of the steps, the second one is halved after 5, 15 and 35 % of the steps.
        classes: how the class is predicted. Default: `class_target(generator)`.
        draw: latent codes and conditions of a batch. Default: standard normal codes, all classes equally often.
        progress: called after every step with the number of finished steps and their total.

    Returns:
        The encoder, frozen, in eval mode; `facts` holds its settings and its scores on 64 new samples: cosine of z,
        share of right classes, mean squared error of the images generated again.
    Raises:
        ValueError: if the generator has no access to its layers, or an argument is out of range.
    """
    _check_numbers(steps, layer_steps, batch, width)
    layer_steps = steps if layer_steps is None else layer_steps
    device, dtype = device_and_dtype(generator)
    task = _Task(generator, GeneratorLayers(generator), draw or uniform_draw(generator), device, dtype)
    with frozen_in_eval_mode(generator), torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed(seed, "encoder", "weights"))
        encoder = _new_encoder(task, layers, classes, width, seed)
        stages = (
            ("layers", layer_steps, layer_rate, LAYER_DECAY, _layer_loss),
            ("stack", steps, rate, STACK_DECAY, _stack_loss),
        )
        done = 0
        with torch.enable_grad():
            for name, count, peak, decay, loss in stages:
                optimizer = torch.optim.Adam(encoder.parameters(), lr=peak)
                for step in range(count):
                    for group in optimizer.param_groups:
                        group["lr"] = peak * _factor(step / count, decay)
                    optimizer.zero_grad(set_to_none=True)
                    loss(
                        encoder, task.sample(seed, f"encoder-{name}-{step}", batch, encoder.layers), task
                    ).backward()
                    optimizer.step()
                    done += 1
                    if progress is not None:
                        progress(done, layer_steps + steps)
        encoder.eval().requires_grad_(False)
        settings = {"steps": steps, "layer_steps": layer_steps, "seed": seed, "batch": batch, "width": width}
        encoder.facts = settings | _scores(
            encoder, task.sample(seed, "encoder-test", TESTED, encoder.layers), task
        )
    return encoder


def _new_encoder(
    task: _Task, layers: Sequence[int] | None, classes: ClassTarget | None, width: int, seed: int
) -> Encoder:
    """Return an encoder whose sizes are those of the generator's layers, in training mode."""
    z, condition = task.draw(Draws(seed, "encoder-shapes", Rows.all(2), task.device, task.dtype))
    with torch.no_grad():
        outputs = task.access.outputs(z, condition)
        images = task.access.images(len(outputs) - 1, outputs[-1], condition, z)
    flat = [i for i, output in enumerate(outputs) if output.ndim != 4]
    indices = tuple(i for i in range(len(outputs)) if i not in flat) if layers is None else tuple(layers)
    known = all(0 <= i < len(outputs) and i not in flat for i in indices)
    if not indices or not known or list(indices) != sorted(set(indices)):
        raise ValueError(
            f"layers is {indices}; give increasing indices of layers with maps [B, C, h, w], out of "
            f"{[i for i in range(len(outputs)) if i not in flat]}"
        )
    if classes is not None and condition is None:
        raise ValueError("classes is given, but the generator is unconditional; omit classes")
    if classes is None and condition is not None:
        classes = class_target(task.generator)
    shapes = [(o.shape[1], o.shape[2], o.shape[3]) for o in (outputs[i] for i in indices)]
    encoder = Encoder(
        indices,
        shapes,
        channels=images.shape[1],
        latent_dim=z.shape[1],
        classes=classes,
        width=width,
    )
    return encoder.to(task.device, task.dtype).train()


def _layer_loss(encoder: Encoder, sample: _Sample, task: _Task) -> Tensor:
    """Return the sum of the layer encoders' losses, each from the true output of the layer behind it."""
    encoded = encoder.by_layer(sample.images, sample.truths)
    loss = cosine_error(encoded.z, sample.z) + _class_loss(encoded, sample)
    for number, i in enumerate(encoder.layers):
        estimate = encoded.layers[number]
        loss = loss + cosine_error(estimate, sample.truths[number])
        deepest = number + 1 == len(encoder.layers)
        if deepest or not task.access.reaches_layers:
            again = F.mse_loss(task.access.images(i, estimate, sample.condition, sample.z), sample.images)
        else:
            behind = encoder.layers[number + 1]
            computed = task.access.output(i, estimate, sample.condition, sample.z, to=behind)
            again = cosine_error(computed, sample.truths[number + 1])
        loss = loss + AGAIN_WEIGHT * again
    return loss


def _stack_loss(encoder: Encoder, sample: _Sample, task: _Task) -> Tensor:
    """Return the loss of the stacked encoder; pixels and layer are computed again with the true class."""
    encoded = encoder(sample.images)
    outputs = task.access.outputs(encoded.z, sample.condition)
    x_hat = task.access.images(len(outputs) - 1, outputs[-1], sample.condition, encoded.z)
    with_classes = encoded.class_logits is not None
    return encoder_loss(
        encoded.z,
        sample.z,
        encoded.features,
        sample.truths[0],
        outputs[encoder.layers[0]],
        x_hat,
        sample.images,
        encoded.class_logits,
        sample.condition if with_classes else None,
    )["total"]


def _class_loss(encoded: Encoded, sample: _Sample) -> Tensor | float:
    return 0.0 if encoded.class_logits is None else class_error(encoded.class_logits, sample.condition)


@torch.no_grad()
def _scores(encoder: Encoder, sample: _Sample, task: _Task) -> dict[str, float]:
    """Return the encoder's scores on samples: cosine of z, share of right classes, mean squared error of images."""
    encoded = encoder(sample.images)
    condition = sample.condition if encoded.label is None else encoded.label
    error = F.mse_loss(task.generator(encoded.z, condition), sample.images)
    scores = {"latent_cosine": 1 - float(cosine_error(encoded.z, sample.z)), "squared_error": float(error)}
    if encoded.label is not None:
        scores["class_accuracy"] = float((encoded.label == sample.condition).double().mean())
    return scores


def _factor(share: float, decay: Mapping[float, float]) -> float:
    """Return the learning rate's factor after this share of the steps."""
    return math.prod(factor for start, factor in decay.items() if share >= start)


def _check_numbers(steps: int, layer_steps: int | None, batch: int, width: int) -> None:
    limits = (
        ("steps", steps, 1),
        ("layer_steps", layer_steps or 0, 0),
        ("batch", batch, 2),
        ("width", width, 1),
    )
    for name, value, least in limits:
        if value < least:
            raise ValueError(f"{name} is {value}; the fit of an encoder needs at least {least}")
