"""Files of a partition: the partitioner to share, and the state that a killed run goes on from. No pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from everymode.partitioner.network import Partitioner, partitioner_from
from everymode.storage.atomic import atomic_file, write_text_atomic
from everymode.storage.json_files import read_object

__all__ = ["load_partitioner", "read_state", "save_partitioner", "write_json", "write_state"]

WEIGHTS = "partitioner.safetensors"
CONFIG = "config.json"
STATE = Path("state") / "state.safetensors"
_FACTS = "facts"
MOST = 2**24
"""Of any number of a layout."""


def save_partitioner(partitioner: Partitioner, folder: Path, config: Mapping[str, Any]) -> None:
    """Write partitioner.safetensors, and config.json with the layout beside `config`."""
    _write_tensors(folder / WEIGHTS, partitioner.state_dict(), {})
    write_json(folder / CONFIG, {"layout": partitioner.layout, **config})


def load_partitioner(folder: str | Path) -> Partitioner:
    """A partitioner that `learn_partition` wrote, on the CPU: in evaluation mode, its parameters frozen.

    Gradients still flow through it to its input.

    Raises:
        FileNotFoundError: no partitioner in this folder.
        ValueError: files that were damaged, or written by another version.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(
            f"{folder} holds no partitioner (no {CONFIG} beside {WEIGHTS}); `everymode partition` makes one"
        )
    try:
        config = read_object(folder / CONFIG, "the config.json of a partition", {"layout": dict})
        weights = _read_tensors(folder / WEIGHTS)[0]
        _require_sizes(config["layout"], weights)
        with torch.random.fork_rng(
            devices=[]
        ):  # what is built is overwritten, and must move no one's random numbers
            partitioner = partitioner_from(config["layout"])
        partitioner.load_state_dict(weights)
    except Exception as error:  # a layout of wrong numbers makes torch raise nearly anything
        said = str(error)[:300] or type(error).__name__
        raise ValueError(f"the partitioner in {folder} can't be read: {said}") from error
    return partitioner.eval().requires_grad_(False)


def _require_sizes(layout: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Raise ValueError for a layout of another network than the weights are of, before anything is built."""
    numbers = [
        number for value in layout.values() for number in (value if isinstance(value, list) else [value])
    ]
    if any(isinstance(number, (int, float)) and not abs(number) <= MOST for number in numbers):
        raise ValueError(f"its layout has a number beyond {MOST:,}")
    blocks = layout.get("blocks", 0)
    counts = blocks if isinstance(blocks, list) else [blocks]
    if sum(counts) + layout.get("full_blocks", 0) + layout.get("head_layers", 0) > len(weights):
        raise ValueError("its layout has more layers than there are weights")
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        wanted = partitioner_from(layout).state_dict()
    for name, tensor in wanted.items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise ValueError(f"its weights are not of its layout: {name} should be {list(tensor.shape)}")


def write_state(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Replace the state in a folder, atomically."""
    _write_tensors(folder / STATE, tensors, {_FACTS: json.dumps(facts)})


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The state in a folder, or None where there is none.

    Raises ValueError for a damaged file.
    """
    if not (folder / STATE).is_file():
        return None
    try:
        tensors, facts = _read_tensors(folder / STATE)
        read = json.loads(facts[_FACTS])
        if not isinstance(read, dict):
            raise ValueError("its facts are no JSON object")
        return tensors, read
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{folder / STATE} is damaged ({error}); delete it to learn the partition anew"
        ) from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, json.dumps(value, indent=1))


def _write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as beside:
        save_file(plain, beside, metadata=facts)


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
