"""Access to a generator's layers, for the project's generators and for foreign ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ForeignGenerator", "GeneratorLayers", "frozen_in_eval_mode"]


@dataclass(frozen=True)
class ForeignGenerator:
    """A generator of another project, described by functions.

    Attributes:
        forward: (z, condition) -> images [B, C, H, W] in [-1, 1].
        latent_dim: length of z.
        num_classes: number of classes, or one per label block; None for an unconditional generator.
        layers: (z, condition) -> outputs of the layers, shallow to deep, each [B, C_i, H_i, W_i]; None if they are
            not used.
        from_layer: (i, h, condition) -> images, from the output h of layer i; None likewise. If it has the arguments
            `z` or `to`, they are passed: the latent code, and the index of a later layer whose output is returned
            instead of images.
        module: the network whose parameters are frozen meanwhile and whose device and dtype are used; None for those of
            the images, or float32 on the CPU.
    """

    forward: Callable[[Tensor, Any], Tensor]
    latent_dim: int
    num_classes: int | tuple[int, ...] | None = None
    layers: Callable[[Tensor, Any], Sequence[Tensor]] | None = None
    from_layer: Callable[..., Tensor] | None = None
    module: nn.Module | None = None

    def __call__(self, z: Tensor, condition: Any = None) -> Tensor:
        """Return images."""
        return self.forward(z, condition)

    def activations(self, z: Tensor, condition: Any = None) -> tuple[Tensor, ...]:
        """Return the outputs of the layers."""
        return tuple(_required(self.layers, "layers")(z, condition))

    @property
    def from_activation(self) -> Callable[..., Tensor]:
        """Function from the output of a layer to images."""
        return _required(self.from_layer, "from_layer")


class GeneratorLayers:
    """Layers of a generator that has `activations` and `from_activation`.

    Args:
        generator: a generator of this project, or a `ForeignGenerator`.

    Raises:
        ValueError: if it has no access to its layers.
    """

    def __init__(self, generator: Any) -> None:
        if not callable(getattr(generator, "activations", None)) or not hasattr(generator, "from_activation"):
            raise ValueError(
                f"{type(generator).__name__} has no activations(z, condition) and from_activation(i, h, condition); "
                "use an image generator of this project, or describe another one by ForeignGenerator"
            )
        self.generator = generator
        self._arguments = set(inspect.signature(generator.from_activation).parameters)

    def outputs(self, z: Tensor, condition: Any) -> tuple[Tensor, ...]:
        """Return the output of every layer, shallow to deep."""
        return tuple(self.generator.activations(z, condition))

    def images(self, i: int, h: Tensor, condition: Any, z: Tensor) -> Tensor:
        """Return the images that follow from the output h of layer i."""
        return self.generator.from_activation(i, h, condition, **self._latent(z))

    def output(self, i: int, h: Tensor, condition: Any, z: Tensor, to: int) -> Tensor:
        """Return the output of layer `to` that follows from the output h of layer i.

        Raises:
            ValueError: if the generator can only compute images from a layer.
        """
        if "to" not in self._arguments:
            raise ValueError(
                "this generator's from_activation has no argument `to`, so that the path between two layers can't be "
                "computed; use a single layer"
            )
        return self.generator.from_activation(i, h, condition, to=to, **self._latent(z))

    @property
    def reaches_layers(self) -> bool:
        """Whether the path from one layer to another can be computed."""
        return "to" in self._arguments

    def _latent(self, z: Tensor) -> dict[str, Tensor]:
        return {"z": z} if "z" in self._arguments else {}


@contextmanager
def frozen_in_eval_mode(*networks: Any) -> Iterator[None]:
    """Put networks in eval mode without gradients of their parameters in the block, and restore both afterward.

    Args:
        networks: modules, `ForeignGenerator`s, or anything else, which is left alone.
    """
    modules = [
        getattr(each, "module", None) if isinstance(each, ForeignGenerator) else each for each in networks
    ]
    modules = [each for each in modules if isinstance(each, nn.Module)]
    modes = [(part, part.training) for module in modules for part in module.modules()]
    gradients = [
        (parameter, parameter.requires_grad) for module in modules for parameter in module.parameters()
    ]
    for module in modules:
        module.eval().requires_grad_(False)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter, needed in gradients:
            parameter.requires_grad_(needed)


def device_and_dtype(generator: Any, like: Tensor | None = None) -> tuple[torch.device, torch.dtype]:
    """Return those of the generator's first floating-point parameter, of `like`, or the CPU and float32."""
    module = generator.module if isinstance(generator, ForeignGenerator) else generator
    if isinstance(module, nn.Module):
        for parameter in module.parameters():
            if parameter.is_floating_point():
                return parameter.device, parameter.dtype
    return (torch.device("cpu"), torch.float32) if like is None else (like.device, like.dtype)


def _required(function: Callable[..., Any] | None, name: str) -> Callable[..., Any]:
    if function is None:
        raise ValueError(f"this ForeignGenerator was made without `{name}`; pass it to reach the layers")
    return function
