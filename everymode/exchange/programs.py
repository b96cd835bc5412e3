"""Generators as programs of torch.export (.pt2), which run with torch alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from everymode.exchange.graph_contract import KEY, contract_of
from everymode.exchange.graphs import exported, require_equal, require_writable, silenced
from everymode.storage.atomic import atomic_file

if TYPE_CHECKING:
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

TOLERANCE = 1e-6
"""Largest difference from the generator, as a share of the output's range."""


def export_program(generator: Generator, path: str | Path, *, recipe: Recipe | None = None) -> Path:
    """Write a generator as a program of torch.export, which torch runs without everymode.

    `torch.export.load(path).module()(z=..., labels=...)` generates images. The inputs are those of `export_onnx`; the
    contract is the extra file "everymode.json" of the archive. The written file is loaded and compared with the
    generator before it gets its name.

    Args:
        generator: a trained generator, in eval mode; it does not change.
        path: file to write, such as generator.pt2.
        recipe: the recipe that built the generator, for custom recipes.

    Returns:
        The file.
    Raises:
        ValueError: if the generator is in training mode, torch can't export it, or the program differs from it by more
            than 1e-6 of the output's range.
        OSError: if the file can't be written.
    """
    path = Path(path)
    require_writable(path)
    graph = exported(generator, recipe)
    contract = contract_of(generator, graph)
    with atomic_file(path) as temporary:
        with silenced(), temporary.open("wb") as file:
            torch.export.save(graph.program, file, extra_files={KEY + ".json": json.dumps(contract)})
        with silenced(), temporary.open("rb") as file:
            module = torch.export.load(file).module()

        def run(tensors: Mapping[str, Tensor]) -> Tensor:
            with torch.no_grad():
                return module(**tensors)

        require_equal(graph, run, TOLERANCE, "the program")
    return path
