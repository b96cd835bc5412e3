"""Generators as ONNX files, which run with onnxruntime, without torch and everymode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from everymode.exchange.graph_contract import KEY, contract_of
from everymode.exchange.graphs import ExportedGenerator, exported, require_equal, require_writable, silenced
from everymode.machine.installing import install_command
from everymode.storage.atomic import atomic_file

if TYPE_CHECKING:
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

OPSET, OLDEST_OPSET, NEWEST_OPSET = 20, 18, 23
"""Version of ONNX's operators, and the versions that are possible."""
TOLERANCE = 1e-5
"""Largest difference from the generator, as a share of the output's range."""
LARGEST = 2**31 - 2**24
"""Largest number of bytes of the weights; one file of ONNX holds less than 2 GiB."""


def export_onnx(
    generator: Generator, path: str | Path, *, opset: int = OPSET, recipe: Recipe | None = None
) -> Path:
    """Write a generator as an ONNX file.

    Inputs, as far as the generator has them: z [batch, latent_dim] float32; labels [batch] (or [batch, blocks]) int64;
    rows [height] and columns [width] float32, the coordinates of an implicit generator, which determine the size;
    pictures [batch, channels, height, width] float32 in [-1, 1]; maps [batch, height, width] int64, and edges. The
    output is images [batch, channels, height, width], or points [batch, 2]. The batch may vary, and the size if it is
    named in the shape. The metadata entry "everymode" is a JSON object that describes inputs, ranges, label names, the
    coordinates' formula, and how z and labels are drawn from a seed.

    Check labels before a call: ONNX reads -1 as the last class. A SPADE generator with an encoder is exported without
    the encoder; its z is drawn.

    The written file is run in onnxruntime, at batch sizes and sizes that the example of the export did not have, and
    compared with the generator before it gets its name.

    Args:
        generator: a trained generator, in eval mode; it does not change.
        path: file to write, such as generator.onnx.
        opset: version of ONNX's operators, 18 to 23.
        recipe: the recipe that built the generator, for custom recipes.

    Returns:
        The file.
    Raises:
        ImportError: if the extra `export` is not installed.
        ValueError: if the opset is outside its range, the generator is in training mode or has more than 2 GB of
            weights, torch can't export it, or the file's output differs by more than 1e-5 of the output's range.
        OSError: if the file can't be written.
    """
    path = Path(path)
    require_writable(path)
    _require_extra()
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise ValueError(
            f"opset is {opset}; pass {OLDEST_OPSET} to {NEWEST_OPSET} (older ones lack operators that generators need)"
        )
    weights = sum(each.numel() for each in generator.network.state_dict().values()) * 4
    if weights > LARGEST:
        raise ValueError(
            f"the generator has {weights / 2**30:.1f} GiB of weights, and an ONNX file holds less than 2 GiB: export "
            "it by torch.export, or as a folder"
        )
    graph = exported(generator, recipe)
    contract = contract_of(generator, graph)
    with atomic_file(path) as temporary:
        _write(graph, contract, temporary, opset)
        session = _session(temporary)

        def run(tensors: Mapping[str, Tensor]) -> Tensor:
            (output,) = session.run(None, {name: tensor.numpy() for name, tensor in tensors.items()})
            return torch.from_numpy(output)

        require_equal(graph, run, TOLERANCE, "the ONNX file")
    return path


def _require_extra() -> None:
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ImportError(f"ONNX files need {' and '.join(missing)}: {install_command('export')}")


def _write(graph: ExportedGenerator, contract: dict[str, Any], path: Path, opset: int) -> None:
    import onnx

    with silenced():
        program: Any = torch.onnx.export(
            graph.program,
            (),
            dynamo=True,
            opset_version=opset,
            output_names=[contract["output"]["name"]],
            external_data=False,
            verbose=False,
        )
        model = program.model_proto
        _drop_origins(model)
        _name_dimensions(model, graph, contract)
        entry = model.metadata_props.add()
        entry.key, entry.value = KEY, json.dumps(contract)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())


def _drop_origins(model: Any) -> None:
    """Delete what the exporter notes on each node, which has paths of this computer, and is most of a small file."""
    graph = model.graph
    for each in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del each.metadata_props[:]
        each.doc_string = ""


def _name_dimensions(model: Any, graph: ExportedGenerator, contract: dict[str, Any]) -> None:
    """Give the varying dimensions of inputs and outputs the names that the contract has."""
    shapes = {each.name: each.shape for each in graph.inputs.inputs}
    shapes[contract["output"]["name"]] = tuple(contract["output"]["shape"])
    for value in (*model.graph.input, *model.graph.output):
        for dimension, side in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            if isinstance(side, str):
                dimension.dim_param = side
            else:
                dimension.dim_value = side


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
