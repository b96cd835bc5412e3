"""The layout of a BigGAN generator, read from the names and shapes of its tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from everymode.sampling.generator import MOST_PIXELS


class ImportedLayout(NamedTuple):
    """The numbers that describe a generator."""

    size: tuple[int, int]
    """(height, width) of the images."""
    channels: int
    """Channels of the images."""
    widths: tuple[int, ...]
    """Channels of the first grid and of each block's output."""
    num_classes: int | None
    """Number of classes; None = unconditional."""
    latent_dim: int
    """Length of z."""
    shared_dim: int | None
    """Length of the shared label embedding; None = a table per normalization, or no classes."""
    hierarchical: bool
    """Whether each block gets a chunk of z."""
    attention: tuple[int, ...]
    """Shorter sides of the block outputs that self-attention follows."""


class _Shapes(NamedTuple):
    """Shapes by our names."""

    known: dict[str, tuple[int, ...]]
    called: Callable[[str], str]
    """Our name -> name in messages."""

    def of(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Return a shape; raise ValueError if it is missing, or has a zero or another number of dimensions."""
        if name not in self.known:
            raise ValueError(f"{self.called(name)} is missing, from which the layout is read")
        shape = self.known[name]
        if len(shape) != dimensions or 0 in shape:
            raise ValueError(
                f"{self.called(name)} has shape {list(shape)}, and {dimensions} dimensions are expected"
            )
        return shape


def read_layout(
    weights: Mapping[str, Tensor],
    *,
    size: tuple[int, int] | None = None,
    tables: bool | None = None,
    called: Callable[[str], str] = str,
) -> ImportedLayout:
    """Return the layout of a generator.

    The sides of the images follow from the first linear layer (its outputs are channels times positions of the first
    grid, which is square) and the number of blocks, each of which doubles the grid. The width of the normalizations'
    linear maps shows whether there is a shared embedding and whether z is hierarchical.

    Args:
        weights: tensors under everymode's names (`everymode.exchange.release_names`).
        size: (height, width) of the images; None = the first grid is square.
        tables: whether, without a shared embedding, the normalizations have a table per class, if the shapes fit both
            a table and a linear map of chunks of z; None = not known.
        called: our name of a tensor -> its name in messages.
    Raises:
        ValueError: if a tensor from which the layout is read is missing or has an impossible shape; the message names
            it. If the shapes don't determine the size or the kind of conditioning, it names the argument.
    """
    shapes = _Shapes({name: tuple(value.shape) for name, value in weights.items()}, called)
    widths = _widths(shapes)
    blocks = len(widths) - 1
    rows, inputs = shapes.of("linear.weight", 2)
    side = _first_grid(rows, widths[0], blocks, size)
    if side[0] * side[1] * 4**blocks > MOST_PIXELS:
        raise ValueError(
            f"{blocks} blocks that double a grid of {side[0]}x{side[1]} draw images of more than {MOST_PIXELS:,} pixels"
        )
    attention = sorted(
        {int(match[1]) for name in shapes.known if (match := re.match(r"attention\.(\d+)\.", name))}
    )
    if attention and attention[-1] >= blocks:
        raise ValueError(f"there is attention after block {attention[-1]}, and there are {blocks} blocks")
    num_classes, shared_dim, hierarchical = _conditioning(shapes, widths, inputs, tables)
    return ImportedLayout(
        (side[0] * 2**blocks, side[1] * 2**blocks),
        shapes.of("output_conv.weight", 4)[0],
        widths,
        num_classes,
        inputs * (blocks + 1) if hierarchical else inputs,
        shared_dim,
        hierarchical,
        tuple(min(side) * 2 ** (index + 1) for index in attention),
    )


def _widths(shapes: _Shapes) -> tuple[int, ...]:
    found = {int(match[1]) for name in shapes.known if (match := re.match(r"blocks\.(\d+)\.", name))}
    if not found or max(found) >= len(found):
        missing = next(index for index in range(len(found) + 1) if index not in found)
        raise ValueError(
            f"all tensors of block {missing} are missing; the file has blocks {sorted(found)[:20]}"
        )
    kernels = [shapes.of(f"blocks.{index}.conv1.weight", 4) for index in range(len(found))]
    for index in range(1, len(kernels)):
        if kernels[index][1] != kernels[index - 1][0]:
            raise ValueError(
                f"block {index - 1} has {kernels[index - 1][0]} output channels, and block {index} takes "
                f"{kernels[index][1]}"
            )
    return (kernels[0][1], *(kernel[0] for kernel in kernels))


def _first_grid(rows: int, width: int, blocks: int, size: tuple[int, int] | None) -> tuple[int, int]:
    positions, rest = divmod(rows, width)
    if rest or not positions:
        raise ValueError(
            f"the first linear layer has {rows} outputs, which is not a multiple of the {width} channels of block 0"
        )
    if size is not None:
        grid = (size[0] >> blocks, size[1] >> blocks)
        if grid[0] << blocks != size[0] or grid[1] << blocks != size[1] or grid[0] * grid[1] != positions:
            raise ValueError(
                f"the resolution {size[0]}x{size[1]} doesn't fit: {blocks} blocks double a first grid of {positions} "
                "positions"
            )
        return grid
    side = math.isqrt(positions)
    if side * side != positions:
        raise ValueError(
            f"the first grid has {positions} positions, so it is not square, and the weights don't determine the sides "
            "of the images: set resolution (--resolution HEIGHTxWIDTH)"
        )
    return side, side


def _conditioning(
    shapes: _Shapes, widths: tuple[int, ...], inputs: int, tables: bool | None
) -> tuple[int | None, int | None, bool]:
    """Return the number of classes, the length of the shared embedding, and whether z is hierarchical."""
    if len(shapes.known.get("blocks.0.norm1.gain", ())) == 1:
        return None, None, False  # a gain per channel
    first = shapes.of("blocks.0.norm1.gain.weight", 2)
    second = shapes.of("blocks.0.norm2.gain.weight", 2)
    if "shared.weight" in shapes.known:
        classes, shared_dim = shapes.of("shared.weight", 2)
        if first[1] not in (shared_dim, shared_dim + inputs):
            raise ValueError(
                f"the normalizations take {first[1]} numbers, which is neither the shared embedding ({shared_dim}) nor "
                f"that and a chunk of z ({inputs})"
            )
        return classes, shared_dim, first[1] > shared_dim
    is_table = (first[1], second[1]) == (widths[0], widths[1]) and first[0] == second[0]
    is_linear = (first[0], second[0]) == (widths[0], widths[1]) and first[1] == second[1] == inputs
    if is_table and is_linear:
        if tables is None:
            raise ValueError(
                "the shapes of the normalizations fit a table per class and a linear map of z: set tables (--tables or "
                "--no-tables)"
            )
        is_table = tables
    if is_table:
        return first[0], None, False
    if is_linear:
        return None, None, True
    raise ValueError(
        f"the normalizations have gains of shape {first}, which fits neither a table per class nor a linear map of a "
        f"chunk of z; is the shared embedding, {shapes.called('shared.weight')}, missing?"
    )
