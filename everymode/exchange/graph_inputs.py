"""Inputs of a generator's graph: names, types, shapes and values, and the call of the network that they stand for.

A graph has named tensors as inputs, where a generator is called with z, a condition and a size. A size that may vary
enters as coordinates: graphs can't make a tensor whose shape is the value of another tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from everymode.condition import VOID, Condition
from everymode.networks.implicit import ImplicitHead
from everymode.networks.layered import LayeredGenerator
from everymode.networks.spade import SpadeGenerator
from everymode.networks.translator import StarGenerator

if TYPE_CHECKING:
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

Type = Literal["float32", "int64"]
"""Data type of an input."""
Dimension = int | str
"""Length of a dimension, or the name of one that may vary."""
Sizes = dict[str, int]
"""Name of a varying dimension -> its length."""
BATCH, HEIGHT, WIDTH = "batch", "height", "width"
"""Names of the dimensions that may vary."""


@dataclass(frozen=True)
class GraphInput:
    """One input of a graph."""

    name: str
    """Name of the tensor."""
    dtype: Type
    """Data type of the tensor."""
    shape: tuple[Dimension, ...]
    """Shape; a name stands for a dimension that may vary."""
    contract: dict[str, Any]
    """Kind and range of the values, as JSON values."""
    example: Callable[[tuple[int, ...], torch.Generator], Tensor]
    """(shape, random numbers) -> an allowed tensor."""


@dataclass(frozen=True)
class GraphInputs:
    """All inputs of a graph, and how the generator is called with them."""

    inputs: tuple[GraphInput, ...]
    """Inputs in their order."""
    condition: tuple[str, ...]
    """Names of the inputs that form the condition: none = None, one = a tensor, several = a tuple."""
    steps: dict[str, int] = field(default_factory=dict)
    """Dimension other than the batch that may vary -> the number of which its length must be a multiple."""
    implicit: bool = False
    """Whether the size enters as coordinates of rows and columns."""
    sized: bool = False
    """Whether the network is called with the size of its condition."""
    native: tuple[int, int] | None = None
    """(height, width) of images without a requested size; None if there is no such size."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(each.name for each in self.inputs)

    def example(self, sizes: Sizes, seed: int = 0) -> dict[str, Tensor]:
        """Return allowed inputs by name, for given lengths of the varying dimensions."""
        random = torch.Generator().manual_seed(seed)
        shapes = {each.name: tuple(sizes.get(str(side), side) for side in each.shape) for each in self.inputs}
        return {
            each.name: each.example(cast("tuple[int, ...]", shapes[each.name]), random)
            for each in self.inputs
        }

    def arguments(self, tensors: Mapping[str, Tensor]) -> tuple[Tensor | None, Condition]:
        """Return the latent code and the condition among named inputs."""
        parts = tuple(tensors[name] for name in self.condition)
        condition = None if not parts else parts[0] if len(parts) == 1 else parts
        return tensors.get("z"), condition

    def call(self, network: nn.Module, tensors: Mapping[str, Tensor], sizes: Sizes) -> Tensor:
        """Return what the network, as everymode calls it, generates from the inputs of these sizes."""
        z, condition = self.arguments(tensors)
        if self.implicit or self.sized:
            return network(z, condition, (sizes[HEIGHT], sizes[WIDTH]))
        return network(z, condition)


class GraphModule(nn.Module):
    """A generator with named inputs, as `GraphInputs` lists them, which torch can export.

    Args:
        network: the generator, in eval mode.
        inputs: its inputs.
    """

    def __init__(self, network: nn.Module, inputs: GraphInputs) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs

    def forward(
        self,
        z: Tensor | None = None,
        maps: Tensor | None = None,
        edges: Tensor | None = None,
        pictures: Tensor | None = None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> Tensor:
        """Return what the network generates from those of the named inputs that it takes; the others are None.

        torch.export takes no `**tensors` whose dimensions vary.
        """
        every = {"maps": maps, "edges": edges, "pictures": pictures, "labels": labels}
        tensors = {name: cast(Tensor, every[name]) for name in self.inputs.condition}
        _, condition = self.inputs.arguments(tensors)
        if self.inputs.implicit:
            network = cast(LayeredGenerator, self.network)  # as `inputs_of` requires
            features = network.trunk(cast(Tensor, z), cast("Tensor | None", condition))
            head = cast(ImplicitHead, network.output_head)
            return head.at(features, cast(Tensor, rows), cast(Tensor, columns))
        if self.inputs.sized and maps is not None:
            return self.network(z, condition, (maps.shape[-2], maps.shape[-1]))
        return self.network(z, condition)


def inputs_of(generator: Generator, recipe: Recipe | None) -> GraphInputs:
    """Return the inputs of a generator's graph.

    Args:
        generator: the generator.
        recipe: its recipe, which determines what a condition is; None: z and the labels of the label source.
    Raises:
        ValueError: if the generator needs pictures or maps, and the recipe is unknown.
    """
    kind = "labels" if recipe is None or recipe.networks is None else recipe.networks.conditioned_on
    if kind == "labels" and generator.labels.needs_examples:
        raise ValueError(
            "the generator draws from pictures or label maps, and only its recipe states of which kind: pass recipe="
        )
    if kind == "labels" or recipe is None:
        return _from_labels(generator)
    return {"maps": _from_maps, "pictures": _from_pictures, "attributes": _from_attributes}[kind](
        generator, recipe
    )


def _from_labels(generator: Generator) -> GraphInputs:
    network = generator.network
    labels = generator.num_labels
    inputs = [_latent_code(generator.latent_dim)]
    if labels:
        inputs.append(_labels(labels, minimum=0))
    condition = ("labels",) if labels else ()
    size = getattr(network, "size", None)
    native = None if size is None else (int(size[0]), int(size[1]))
    if not isinstance(network, LayeredGenerator) or not isinstance(network.output_head, ImplicitHead):
        return GraphInputs(tuple(inputs), condition, native=native)
    inputs += [
        _coordinates("rows", HEIGHT, network.size[0]),
        _coordinates("columns", WIDTH, network.size[1]),
    ]
    return GraphInputs(tuple(inputs), condition, {HEIGHT: 1, WIDTH: 1}, implicit=True, native=native)


def _from_maps(generator: Generator, recipe: Recipe) -> GraphInputs:
    from everymode.recipes.parts.picture_labels import Maps

    labels = cast(Maps, recipe.labels)
    encodes = generator.latent_dim > 0
    steps: dict[str, int] = {}
    height, width = recipe.size
    shape: tuple[Dimension, ...] = (BATCH, height, width)
    if isinstance(generator.network, SpadeGenerator) and not encodes:
        steps = dict.fromkeys((HEIGHT, WIDTH), 2**generator.network.doublings)
        shape = (BATCH, HEIGHT, WIDTH)
    inputs = [_latent_code(generator.latent_dim)] if encodes else []
    inputs.append(_maps(shape, labels.map_classes or 1))
    if labels.takes_edges:
        about = {"kind": "edges of instances", "minimum": 0, "maximum": 1}
        inputs.append(GraphInput("edges", "float32", shape, about, _zeros_and_ones))
    condition = ("maps", "edges") if labels.takes_edges else ("maps",)
    return GraphInputs(tuple(inputs), condition, steps, sized=bool(steps), native=(height, width))


def _from_pictures(generator: Generator, recipe: Recipe) -> GraphInputs:
    picture = _picture((BATCH, recipe.channels, HEIGHT, WIDTH))
    return GraphInputs((picture,), ("pictures",), {HEIGHT: 1, WIDTH: 1})


def _from_attributes(generator: Generator, recipe: Recipe) -> GraphInputs:
    from everymode.recipes.parts.picture_labels import Attributes

    network = generator.network
    steps: dict[str, int] = {}
    height, width = recipe.size
    shape: tuple[Dimension, ...] = (BATCH, recipe.channels, height, width)
    if isinstance(network, StarGenerator):
        steps = dict.fromkeys((HEIGHT, WIDTH), 2 ** len(network.down))
        shape = (BATCH, recipe.channels, HEIGHT, WIDTH)
    labels = _labels(cast(Attributes, recipe.labels).sizes(recipe), minimum=-1)
    native = None if steps else (height, width)
    return GraphInputs((_picture(shape), labels), ("pictures", "labels"), steps, native=native)


def _latent_code(length: int) -> GraphInput:
    about = {"kind": "latent code", "distribution": "standard normal"}
    return GraphInput("z", "float32", (BATCH, length), about, _normal)


def _labels(sizes: int | tuple[int, ...], *, minimum: int) -> GraphInput:
    """Return the input of labels, [batch] (`sizes` an int) or [batch, blocks]; minimum -1: they may be missing."""
    counts = sizes if isinstance(sizes, tuple) else (sizes,)

    def example(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        columns = [torch.randint(minimum, count, shape[:1], generator=random) for count in counts]
        return torch.stack(columns, dim=1) if isinstance(sizes, tuple) else columns[0]

    about = {"kind": "labels", "minimum": 0, "maximum": [count - 1 for count in counts]}
    if minimum < 0:
        about["missing"] = minimum
    shape = (BATCH, len(sizes)) if isinstance(sizes, tuple) else (BATCH,)
    return GraphInput("labels", "int64", shape, about, example)


def _coordinates(name: str, dimension: str, native: int) -> GraphInput:
    def example(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        return coordinates(shape[0], native)

    index = "i" if dimension == HEIGHT else "j"
    where = f"for {index} = 0, ..., {dimension} - 1"
    formula = f"{name}[{index}] = ({index} + 0.5) * ({native} / {dimension}) - 0.5 {where}"
    about = {"kind": "coordinates", "formula": formula, "native": native}
    return GraphInput(name, "float32", (dimension,), about, example)


def coordinates(count: int, native: int) -> Tensor:
    """Return the coordinates of `count` rows (or columns), in pixels of the native size: [count] float32."""
    return (torch.arange(count, dtype=torch.float32) + 0.5) * (native / count) - 0.5


def _maps(shape: tuple[Dimension, ...], classes: int) -> GraphInput:
    def example(sides: tuple[int, ...], random: torch.Generator) -> Tensor:
        maps = torch.randint(0, classes + 1, sides, generator=random)
        return torch.where(maps == classes, VOID, maps)

    about = {"kind": "label maps", "minimum": 0, "maximum": classes - 1, "void": VOID}
    return GraphInput("maps", "int64", shape, about, example)


def _picture(shape: tuple[Dimension, ...]) -> GraphInput:
    about = {"kind": "pictures", "minimum": -1, "maximum": 1}
    return GraphInput("pictures", "float32", shape, about, _pixels)


def _normal(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=random)


def _pixels(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=random) * 2 - 1


def _zeros_and_ones(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=random).float()
