"""Access to the layers of image networks, for restoration, inversion and dissection.

A layered generator runs a first layer, then blocks, then an output head. It can be entered at any layer, and its
parameters are grouped by layer. A layered discriminator returns the output of every block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from torch import Tensor, nn

from everymode.networks.sizes import Size, require_native
from everymode.norms.weight import prepared_weights

_HEAD = ("output_norm", "output_conv", "output", "output_head")
"""Attributes that hold the layers of an output head."""
_EMBEDDING = ("shared", "embedding")
"""Attributes that hold a label embedding outside the layers."""


class LayeredGenerator(nn.Module):
    """A base class of image generators: z [B, latent_dim], condition -> first grid -> blocks -> images.

    Layer 0 is the first layer, layer i is block i (the first block is block 1). A subclass sets the attributes, and
    defines `first_grid`, `_codes`, `_block`, `_block_modules` and `_head`. Its layers are named as in `_HEAD` and
    `_EMBEDDING`; the first layer is `linear`.
    """

    size: Size
    """(height, width) of the images."""
    latent_dim: int
    """Length of z."""
    num_classes: int | tuple[int, ...] | None
    """Number of classes, or one per label block; None for an unconditional generator."""
    widths: tuple[int, ...]
    """Channels of the first grid and of each block's output."""
    output_head: nn.Module | None
    """Head for images of any size; None for a convolution."""

    def forward(self, z: Tensor, condition: Tensor | None = None, size: Size | None = None) -> Tensor:
        if self.output_head is None:
            require_native(size, self.size)
        return self._head(self.trunk(z, condition), size)

    def trunk(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the input of the output layers, [B, widths[-1], H, W]."""
        hidden = self.first_grid(z, condition)
        for index, code in enumerate(self._codes(z, condition)):
            hidden = self._block(index, hidden, code)
        return hidden

    @property
    def takes_any_size(self) -> bool:
        """Whether `forward` accepts other sizes than the native one."""
        return self.output_head is not None

    def layer_groups(self) -> tuple[tuple[str, list[nn.Parameter]], ...]:
        """Return the parameters of each layer.

        Returns:
            (name, parameters) of the first layer ("linear"), of each block with its attention and its tables of gains
            and biases ("block 1", ...), and of the output head ("head"). A label embedding that is shared by layers, or
            that the first layer takes, is in no group: see `embedding_parameters`.
        """
        blocks = [
            (f"block {index + 1}", _parameters(self._block_modules(index)))
            for index in range(len(self.widths) - 1)
        ]
        return (
            ("linear", _parameters([self.get_submodule("linear")])),
            *blocks,
            ("head", _parameters(self._children(_HEAD))),
        )

    def embedding_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the label embedding that is in no layer group; empty if there is none."""
        return _parameters(self._children(_EMBEDDING))

    def activations(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the output of the first layer and of every block.

        A hierarchical generator also feeds z to its blocks; its activations hold it as the attribute `latent`.

        Args:
            z: [B, latent_dim].
            condition: as in `forward`.
        Returns:
            Tensors [B, widths[i], H_i, W_i], one per layer group except the head.
        """
        with prepared_weights(self):
            hidden = self.first_grid(z, condition)
            outputs = [hidden]
            for index, code in enumerate(self._codes(z, condition)):
                hidden = self._block(index, hidden, code)
                outputs.append(hidden)
        if self._feeds_latent_to_blocks():
            for output in outputs:
                output.latent = z  # pyright: ignore[reportAttributeAccessIssue]
        return tuple(outputs)

    def from_activation(
        self,
        i: int,
        h: Tensor,
        condition: Tensor | None = None,
        size: Size | None = None,
        *,
        z: Tensor | None = None,
        to: int | None = None,
    ) -> Tensor:
        """Return the images, or the output of a later layer, that follow from the output of layer i.

        Args:
            i: index of the layer: 0 for the first layer, i for block i.
            h: [B, widths[i], H_i, W_i], for example `activations(z, condition)[i]`.
            condition: as in `forward`.
            size: as in `forward`.
            z: [B, latent_dim], which a hierarchical generator feeds to the later blocks; default: the latent code of
                `h`, if `h` is an unchanged tensor from `activations`. Other generators do not use it.
            to: index of the layer whose output is returned, at least i; None returns images.
        Returns:
            [B, channels, H, W] in [-1, 1], or [B, widths[to], H_to, W_to].
        Raises:
            ValueError: if there is no such layer, `h` has another shape, or z is needed and unknown.
        """
        if not 0 <= i < len(self.widths):
            raise ValueError(
                f"layer {i} is requested; this generator has the layers 0 (first layer) to {len(self.widths) - 1}"
            )
        if to is not None and not i <= to < len(self.widths):
            raise ValueError(
                f"the path from layer {i} to layer {to} is requested; pass to= from {i} to {len(self.widths) - 1}"
            )
        if h.dim() != 4 or h.shape[1] != self.widths[i]:
            raise ValueError(
                f"the output of layer {i} has shape {list(h.shape)}; pass [B, {self.widths[i]}, H, W], as from "
                "activations(z, condition)"
            )
        if self.output_head is None:
            require_native(size, self.size)
        if self._feeds_latent_to_blocks():
            z = getattr(h, "latent", None) if z is None else z
            if z is None:
                raise ValueError(
                    "this generator is hierarchical: its blocks also take chunks of z, which a changed activation does "
                    "not hold; pass z=..."
                )
        with prepared_weights(self):
            codes = self._codes(z, condition)
            for index in range(i, len(codes) if to is None else to):
                h = self._block(index, h, codes[index])
            return self._head(h, size) if to is None else h

    def first_grid(self, z: Tensor, condition: Tensor | None) -> Tensor:
        """Return the output of the first layer, [B, widths[0], H0, W0]."""
        raise NotImplementedError(f"{type(self).__name__} does not implement first_grid(z, condition)")

    def _codes(self, z: Tensor | None, condition: Tensor | None) -> Sequence[Any]:
        """Return the condition of each block; only hierarchical generators use z."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _codes(z, condition)")

    def _block(self, index: int, hidden: Tensor, code: Any) -> Tensor:
        """Return the output of a block (counted from 0)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _block(index, hidden, code)")

    def _block_modules(self, index: int) -> list[nn.Module]:
        """Return the modules of a block (counted from 0)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _block_modules(index)")

    def _head(self, hidden: Tensor, size: Size | None) -> Tensor:
        """Return the images that follow from the last block's output."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _head(hidden, size)")

    def _feeds_latent_to_blocks(self) -> bool:
        return False

    def _children(self, names: Sequence[str]) -> list[nn.Module]:
        children = dict(self.named_children())
        return [children[name] for name in names if name in children]


class LayeredDiscriminator(nn.Module):
    """A base class of image discriminators that return the output of every block.

    A subclass sets the attributes, and defines `features`.
    """

    stride: int
    """Factor by which all blocks together shrink a side."""
    takes_any_size: bool
    """Whether images of other sizes than the native one are accepted."""

    def block_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the output of every block, with the attention that follows it as one more, then `features(x)`.

        Args:
            x: [B, channels, H, W].
        Returns:
            Tensors [B, C, h, w], shallow to deep, and [B, F]; they depend on no label.
        """
        outputs: list[Tensor] = []
        with prepared_weights(self):
            last = self.features(x, outputs)
        return (*outputs, last)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads: [B, F]; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every block, unless None.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement features(x)")


def collect(outputs: list[Tensor] | None, output: Tensor) -> None:
    """Append a block's output to the list, unless that is None."""
    if outputs is not None:
        outputs.append(output)


class WithoutGeneratorLayers(nn.Module):
    """A base class of generators whose layers can't be entered; the methods of `LayeredGenerator` raise `why`."""

    why: str
    """Error message."""

    def layer_groups(self) -> NoReturn:
        """Raise a ValueError."""
        raise ValueError(self.why)

    def activations(self, z: object, condition: object = None) -> NoReturn:
        """Raise a ValueError."""
        raise ValueError(self.why)

    def from_activation(self, i: int, h: object, condition: object = None) -> NoReturn:
        """Raise a ValueError."""
        raise ValueError(self.why)


class PictureGenerator(WithoutGeneratorLayers):
    """A base class of generators whose condition is a picture or a label map."""

    why = (
        "a generator of pictures from pictures or label maps gets its image from the condition, not from z, so it has "
        "no layers to restore with, invert or dissect; use a generator of images from z"
    )


def _parameters(modules: Sequence[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]
