"""The contract of a graph: a JSON object that describes how to call it without everymode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, stack

from everymode.exchange.graph_inputs import BATCH, HEIGHT, WIDTH
from everymode.version import __version__

if TYPE_CHECKING:
    from everymode.draws import Distribution
    from everymode.exchange.graphs import ExportedGenerator
    from everymode.sampling.generator import Generator

KEY = "everymode"
"""Name of the contract in the metadata of an ONNX file, and (with .json) in a program's archive."""
FORMAT = 1
"""Version of the contract."""
MOMENT = "sample"
"""Moment of the random draws of samples."""
_SEEDS = (
    "Random numbers are functions of a seed and a stream. key = the first 8 bytes, as a big-endian integer, of BLAKE2b "
    f"(digest size 8) of the text '<seed>\\x1f{MOMENT}\\x1f<stream>', shifted right by 1. words = "
    "numpy.random.Philox(key=key).random_raw(n). uniform = (words >> 11) * 2**-53. Normal numbers, n of them: from 2p "
    "uniform numbers u, p = ceil(n / 2), r = sqrt(-2 log1p(-u[:p])), a = 2 pi u[p:], and (r cos a, r sin a), the "
    "first n, as float32. A label: floor(uniform * count) without weights; with weights, the number of cumulative "
    "sums of the weights (float64) that are at most uniform * (their total), at most count - 1."
)
_PIXELS = "uint8 = clip(round((image + 1) * 127.5), 0, 255)"


def contract_of(generator: Generator, graph: ExportedGenerator) -> dict[str, Any]:
    """Return the contract of a generator's graph, as JSON values.

    Keys: `format`, `everymode` (version), `recipe` (name), `step`; `inputs`, a list of objects with `name`, `dtype`,
    `shape` (names are dimensions that may vary), `kind`, and what is known of the values: `minimum` and `maximum` (for
    several label blocks one maximum each), `void` or `missing` (further allowed values), `distribution`, `formula`;
    `multiples`, by dimension; `output`; `labels`, with names of the `blocks`, `names` of the labels of each block (null
    = unknown), and `draw`, a list of distributions with
    `stream`, `count`, `weights` and `combinations`, or null if labels must be given; and `seeds`, which describes how z
    (from the stream "z") and labels are drawn.

    Args:
        generator: the generator.
        graph: its graph.
    """
    contract = {
        "format": FORMAT,
        "everymode": __version__,
        "recipe": _name(generator),
        "step": generator.config.get("step"),
        "inputs": [
            {"name": each.name, "dtype": each.dtype, "shape": list(each.shape), **each.contract}
            for each in graph.inputs.inputs
        ],
        "multiples": {name: step for name, step in graph.inputs.steps.items() if step > 1},
        "output": _output(graph),
        "labels": _labels(generator, graph),
        "seeds": {"moment": MOMENT, "z": "z", "how": _SEEDS},
    }
    return contract | ({"native_size": list(graph.inputs.native)} if graph.inputs.native else {})


def drawn_labels(distributions: tuple[Distribution, ...], random: Any) -> Tensor:
    """Draw labels [rows], or [rows, blocks], from the distributions of a label source."""
    blocks = [each.draw(random) for each in distributions]
    return blocks[0] if len(blocks) == 1 else stack(blocks, dim=1)


def _name(generator: Generator) -> str | None:
    return generator.config.get("recipe", {}).get("numbers", {}).get("name")


def _output(graph: ExportedGenerator) -> dict[str, Any]:
    expected, sizes = graph.checks[0].expected, graph.checks[0].sizes
    if expected.dim() != 4:
        return {"name": "points", "dtype": "float32", "shape": [BATCH, expected.shape[1]], "range": None}
    sides = [HEIGHT, WIDTH] if graph.inputs.steps else list(expected.shape[2:])
    scale = 1
    if graph.inputs.steps and not graph.inputs.implicit:
        scale = expected.shape[2] // sizes[HEIGHT]
    if scale > 1:
        sides = [f"{scale} * {side}" for side in (HEIGHT, WIDTH)]
    return {
        "name": "images",
        "dtype": "float32",
        "shape": [BATCH, expected.shape[1], *sides],
        "range": [-1, 1],
        "pixels": _PIXELS,
    }


def _labels(generator: Generator, graph: ExportedGenerator) -> dict[str, Any] | None:
    if "labels" not in graph.inputs.names:
        return None
    (labels,) = (each for each in graph.inputs.inputs if each.name == "labels")
    sizes = [highest + 1 for highest in labels.contract["maximum"]]
    blocks = generator.config.get("data", {}).get("block_names") or None
    return {
        "blocks": blocks if blocks is not None and len(blocks) == len(sizes) else None,
        "names": _label_names(generator, sizes),
        "draw": _draw(generator),
    }


def _label_names(generator: Generator, sizes: list[int]) -> list[list[str]] | None:
    """Return the names of the labels of each block, or None if they have none."""
    data = generator.config.get("data", {})
    # Of generators of pictures with attributes, only the config has the names.
    names = list(data.get("classes", ()) if generator.labels.needs_examples else generator.classes)
    if len(names) != sum(sizes):
        return None
    starts = [sum(sizes[:block]) for block in range(len(sizes))]
    return [names[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _draw(generator: Generator) -> list[dict[str, Any]] | None:
    """Return the distributions of drawn labels; None if they are unknown or don't draw what the label source does."""
    source = generator.labels
    distributions = None if source.needs_examples else source.distributions()
    if not distributions:
        return None
    for random in generator.draws(range(32)):
        drawn = source.draw(random)
        if not isinstance(drawn, Tensor) or not drawn_labels(distributions, random).equal(drawn):
            return None
    return [
        {
            "stream": each.stream,
            "count": each.count,
            "weights": None if each.weights is None else list(each.weights),
            "combinations": None if each.combinations is None else [list(row) for row in each.combinations],
        }
        for each in distributions
    ]
