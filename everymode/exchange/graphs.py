"""Generators as graphs: torch's exported programs, and the comparison of a graph with its generator."""

from __future__ import annotations

import copy
import io
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from everymode.exchange.graph_inputs import BATCH, HEIGHT, GraphInputs, GraphModule, Sizes, inputs_of
from everymode.norms.weight import remove_normalization
from everymode.sampling.record import own_classes, recipe_of

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

_SMALLEST_RANGE = 1e-30


@dataclass(frozen=True)
class Check:
    """Inputs that a graph is checked with, and the generator's output."""

    sizes: Sizes
    """Lengths of the dimensions that may vary; none is that of the example."""
    tensors: dict[str, Tensor]
    """Inputs by name."""
    expected: Tensor
    """The generator's output."""


@dataclass(frozen=True)
class ExportedGenerator:
    """A generator's program, and the outputs that it must have."""

    program: ExportedProgram
    """The program, of the same inputs as `inputs`."""
    inputs: GraphInputs
    """Its inputs."""
    checks: tuple[Check, ...]
    """Inputs and the outputs that it must have."""
    recipe: Recipe | None
    """The generator's recipe, if known."""

    @property
    def output_range(self) -> float:
        """Range of the output: 2 for images, which are in [-1, 1], and that of the checks' points for points."""
        if self.checks[0].expected.dim() == 4:
            return 2.0
        values = torch.cat([check.expected.flatten() for check in self.checks])
        return max(float(values.max() - values.min()), _SMALLEST_RANGE)


def require_writable(path: Path) -> None:
    """Check, before the work of an export, that a file can be written to a path.

    Args:
        path: the file.
    Raises:
        FileNotFoundError: if its folder does not exist.
        IsADirectoryError: if it is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it, such as {path / 'generator.onnx'}")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{path} can't be written, because {path.parent} is no folder: create it first"
        )


def exported(generator: Generator, recipe: Recipe | None = None) -> ExportedGenerator:
    """Return a generator as a program without weight normalization, in float32, whose batch (and size) may vary.

    The program is made from a second network, built from the recipe; the generator does not change.

    Args:
        generator: a trained generator.
        recipe: the recipe that built it, for custom recipes.
    Raises:
        ValueError: if the generator is in training mode, it needs the recipe, or torch can't export the network.
    """
    if any(module.training for module in generator.network.modules()):
        raise ValueError(
            "the generator is in training mode, in which an image depends on its batch: call "
            "generator.network.eval() before the export"
        )
    recipe = _known_recipe(generator, recipe)
    inputs = inputs_of(generator, recipe)
    network = _separate_network(generator, recipe)
    checks = tuple(_checked(network, inputs, sizes) for sizes in _sizes(inputs))
    module = GraphModule(remove_normalization(network), inputs)
    assert not any(each.training for each in module.network.modules())
    example = inputs.example(_example_sizes(inputs, [check.sizes for check in checks]))
    return ExportedGenerator(_program(module, inputs, example), inputs, checks, recipe)


def require_equal(
    graph: ExportedGenerator, run: Callable[[Mapping[str, Tensor]], Tensor], tolerance: float, what: str
) -> float:
    """Check that a graph computes what the generator does, at batch sizes and sizes that its example did not have.

    Args:
        graph: the graph's origin.
        run: inputs -> output of the graph.
        tolerance: largest difference, as a share of the output's range.
        what: subject of the error message.
    Returns:
        The largest difference, as a share of the output's range.
    Raises:
        ValueError: if a difference is larger or not finite, or an output has another shape.
    """
    largest = 0.0
    for check in graph.checks:
        output = run(check.tensors)
        where = ", ".join(f"{name} {length}" for name, length in check.sizes.items())
        if output.shape != check.expected.shape:
            raise ValueError(
                f"{what} makes {list(output.shape)} where the generator makes {list(check.expected.shape)} ({where}): "
                "nothing was written; report this with the recipe"
            )
        difference = float((output - check.expected).abs().max()) / graph.output_range
        if not difference <= tolerance:
            raise ValueError(
                f"{what} differs from the generator by {difference:.2g} of the output's range, where {tolerance:g} is "
                f"allowed ({where}): nothing was written; report this with the recipe"
            )
        largest = max(largest, difference)
    return largest


@contextmanager
def silenced() -> Iterator[None]:
    """Suppress what torch's exporters print and warn about, such as operators of packages that aren't installed."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _known_recipe(generator: Generator, recipe: Recipe | None) -> Recipe | None:
    """Return the recipe that built a generator: the one in its config, unless it has custom code that isn't given."""
    record = generator.config.get("recipe")
    if recipe is None and (not isinstance(record, dict) or own_classes(record)):
        return None
    return recipe if not isinstance(record, dict) else recipe_of(generator.config, recipe, "the generator")


def _separate_network(generator: Generator, recipe: Recipe | None) -> nn.Module:
    """Return a network with the generator's weights in eval mode, in float32 on the CPU, that shares nothing with it.

    It is built from the recipe; if that is unknown, it is a copy.
    """
    if recipe is None:
        network = copy.deepcopy(generator.network)
    else:
        with torch.random.fork_rng(devices=[]):
            network, _ = recipe.build_for_sampling()
        network.load_state_dict(generator.network.state_dict())
    return network.to("cpu", torch.float32).eval().requires_grad_(False)


def _sizes(inputs: GraphInputs) -> list[Sizes]:
    """Return the lengths of the varying dimensions of the checks."""
    batches = (1, 3, 5)
    if not inputs.steps:
        return [{BATCH: batch} for batch in batches]
    sides = [(4, 4), (2, 7), (6, 3)]
    if inputs.implicit:
        height, width = inputs.native or (8, 8)
        sides = [(height, width), (height // 2 + 1, width + 3), (height + 5, max(width // 2, 1))]
    return [
        {
            BATCH: batch,
            **{name: step * side for (name, step), side in zip(inputs.steps.items(), pair, strict=True)},
        }
        for batch, pair in zip(batches, sides, strict=True)
    ]


def _example_sizes(inputs: GraphInputs, checked: Sequence[Sizes]) -> Sizes:
    """Return the lengths of the varying dimensions of the example: all different, and none is 1 or that of a check."""
    sizes = {BATCH: 2}
    for name, step in inputs.steps.items():
        used = {*sizes.values(), *(each[name] for each in checked)}
        first = step * (5 if name == HEIGHT else 9)
        sizes[name] = next(length for length in itertools.count(first, step) if length not in used)
    return sizes


@torch.no_grad()
def _checked(network: nn.Module, inputs: GraphInputs, sizes: Sizes) -> Check:
    tensors = inputs.example(sizes, seed=sizes[BATCH])
    return Check(sizes, tensors, inputs.call(network, tensors, sizes))


def _program(module: GraphModule, inputs: GraphInputs, example: dict[str, Tensor]) -> ExportedProgram:
    dimensions = {BATCH: torch.export.Dim(BATCH)}
    for name, step in inputs.steps.items():
        dimensions[name] = torch.export.Dim(name) if step == 1 else step * torch.export.Dim(f"{name}_{step}")
    varying = {
        each.name: {axis: dimensions[side] for axis, side in enumerate(each.shape) if isinstance(side, str)}
        for each in inputs.inputs
    }
    try:
        with silenced(), torch.no_grad():
            program = torch.export.export(module, (), kwargs=example, dynamic_shapes=varying, strict=False)
    except Exception as error:  # torch has no common class of its export errors
        message = " ".join(str(error).split())[:800] or type(error).__name__
        raise ValueError(
            f"torch can't export {type(module.network).__name__} as a program ({message}): its forward must not depend "
            "on the values of tensors or on the batch size"
        ) from error
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # which has paths of this computer
    return program
