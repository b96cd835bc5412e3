"""Fit of an encoder to a generator: each layer's encoder alone, then all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws, Rows, stable_seed
from everymode.inversion.classes import ClassTarget, class_target
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

DrawCodes = Callable[[Draws], tuple[Tensor, Any]]
"""Random numbers of one batch -> latent codes [B, Z] and their condition."""


@dataclass(frozen=True)
class _Sampler:
    """Samples of the generator with their latent codes, conditions and layers."""

    layers: GeneratorLayers
    indices: tuple[int, ...]
    draw: DrawCodes
    device: torch.device
    dtype: torch.dtype

    def __call__(self, seed: int, moment: str, batch: int) -> _Sample:
        z, condition = self.draw(Draws(seed, moment, Rows.all(batch), self.device, self.dtype))
        with torch.no_grad():
            outputs = self.layers.outputs(z, condition)
            images = self.layers.images(len(outputs) - 1, outputs[-1], condition, z)
        return _Sample(z, condition, tuple(outputs[i] for i in self.indices), images)


@dataclass(frozen=True)
class _Sample:
    z: Tensor
    condition: Any
    truths: tuple[Tensor, ...]
    images: Tensor


def fit_encoder(
    generator: Any,
    *,
    layers: Sequence[int] | None = None,
    steps: int = 2000,
    seed: int = 0,
    layer_steps: int | None = None,
    batch: int = 32,
    width: int = 64,
    layer_rate: float = 1e-3,
    rate: float = 1e-3,
    classes: ClassTarget | None = None,
    draw: DrawCodes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Encoder:
    """Fit an encoder to a generator by layers, as Self-Conditioned GAN (appendix C.3) and davidbau/ganseeing.

    First, each layer's encoder learns alone, from the true output of the layer behind it: cosine error of its estimate, plus 0.01
    times the error of what the generator computes again from the estimate. Then all together start from these and learn `encoder_loss`
    with the true class.

    Departures from the released code: gradients are cleared before every step (there, Adam sees their running sum); images are not
    pixel-normalized, since three channels would lose their brightness; latent code and class are also read from pooled features of all
    layers; the numbers of steps and the rates are those of small generators.

    Args:
        generator: an image generator of this project, or a `ForeignGenerator` with layers. It is in eval mode and frozen meanwhile.
        layers: indices of the inverted layers in `generator.activations(...)`, increasing. Default: all.
        steps: optimizer steps of all layers together.
        seed: seed of the initial weights and the samples.
        layer_steps: optimizer steps of the separate layers. Default: as many as `steps`.
        batch: samples per step.
        width: channels of the layer encoders.
        layer_rate, rate: Adam's learning rates of the two stages; the first one falls tenfold after a fifth and after three fifths of the
            steps, the second one is halved after 5, 15 and 35 % of the steps.
        classes: how the class is predicted. Default: `class_target(generator)`.
        draw: latent codes and conditions of a batch. Default: standard normal codes, all classes equally often.
        progress: called after every step with the number of finished steps and their total.

    Returns:
        The encoder, frozen, in eval mode; `facts` holds its settings and its scores on 64 new samples: cosine of z, share of right classes,
        mean squared error of the images generated again.
    Raises:
        ValueError: if the generator has no access to its layers, or an argument is out of range.
    """
    access = GeneratorLayers(generator)
    for name, value in (("steps", steps), ("batch", batch - 1), ("width", width)):
        if value < 1:
            raise ValueError(f"{name} is too small ({value + (name == 'batch')}); at least {1 + (name == 'batch')} is needed")
    if layer_steps is not None and layer_steps < 0:
        raise ValueError(f"layer_steps is {layer_steps}; give 0 or more")
    layer_steps = steps if layer_steps is None else layer_steps
    device, dtype = device_and_dtype(generator)
    draw = draw or _uniform_draw(generator)
    with frozen_in_eval_mode(generator):
        first = _Sampler(access, (), draw, device, dtype)
        z, condition = draw(Draws(seed, "encoder-shapes", Rows.all(2), device, dtype))
        with torch.no_grad():
            outputs = access.outputs(z, condition)
            channels = access.images(len(outputs) - 1, outputs[-1], condition, z).shape[1]
        indices = _checked_layers(layers, len(outputs))
        sampler = _Sampler(access, indices, draw, device, dtype)
        del first
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(seed, "encoder", "weights"))
            encoder = Encoder(
                indices,
                [tuple(outputs[i].shape[1:]) for i in indices],
                channels=channels,
                latent_dim=z.shape[1],
                classes=class_target(generator) if classes is None and condition is not None else classes,
                width=width,
            )
        encoder.to(device, dtype).train()
        with torch.enable_grad():
            for stage, count, peak, decay, loss in (
                ("layers", layer_steps, layer_rate, LAYER_DECAY, _layer_loss),
                ("stack", steps, rate, STACK_DECAY, _stack_loss),
            ):
                optimizer = torch.optim.Adam(encoder.parameters(), lr=peak)
                for step in range(count):
                    for group in optimizer.param_groups:
                        group["lr"] = peak * _factor(step / count, decay)
                    optimizer.zero_grad(set_to_none=True)
                    loss(encoder, sampler(seed, f"encoder-{stage}-{step}", batch), generator, access).backward()
                    optimizer.step()
                    if progress is not None:
                        progress(step + 1 + (layer_steps if stage == "stack" else 0), layer_steps + steps)
        encoder.eval().requires_grad_(False)
        scores = _scores(encoder, sampler(seed, "encoder-test", TESTED), generator)
    encoder.facts = {"steps": steps, "layer_steps": layer_steps, "seed": seed, "batch": batch, "width": width, **scores}
    return encoder
