"""Files of a partition: the finished partitioner, and the state from which an interrupted run resumes. No pickles."""

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
"""Largest absolute value of a number in a layout."""


def save_partitioner(partitioner: Partitioner, folder: Path, config: Mapping[str, Any]) -> None:
    """Write partitioner.safetensors, and config.json with the layout and the values of `config`."""
    _write_tensors(folder / WEIGHTS, partitioner.state_dict(), {})
    write_json(folder / CONFIG, {"layout": partitioner.layout, **config})


def load_partitioner(folder: str | Path) -> Partitioner:
    """Load a partitioner that `learn_partition` wrote.

    Returns:
        The partitioner on the CPU, in eval mode, with frozen parameters; gradients still flow to its input.
    Raises:
        FileNotFoundError: if the folder holds no partitioner.
        ValueError: if the files are damaged or were written by an incompatible version.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(
            f"{folder} holds no partitioner ({CONFIG} and {WEIGHTS} are needed); `everymode partition` makes one"
        )
    try:
        config = read_object(folder / CONFIG, "the config.json of a partition", {"layout": dict})
        weights = _read_tensors(folder / WEIGHTS)[0]
        _require_sizes(config["layout"], weights)
        # The initial weights are overwritten, so building must not advance the global generator.
        with torch.random.fork_rng(devices=[]):
            partitioner = partitioner_from(config["layout"])
        partitioner.load_state_dict(weights)
    except Exception as error:  # torch raises many kinds of errors for a damaged layout
        message = str(error)[:300] or type(error).__name__
        raise ValueError(
            f"the partitioner in {folder} can't be read ({message}); learn the partition again"
        ) from error
    return partitioner.eval().requires_grad_(False)


def _require_sizes(layout: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Check, before anything is built, that a layout describes the network whose weights these are.

    Raises:
        ValueError: if it does not.
    """
    numbers = [
        number for value in layout.values() for number in (value if isinstance(value, list) else [value])
    ]
    if any(isinstance(number, (int, float)) and not abs(number) <= MOST for number in numbers):
        raise ValueError(f"its layout has a number larger than {MOST:,}")
    blocks = layout.get("blocks", 0)
    counts = blocks if isinstance(blocks, list) else [blocks]
    if sum(counts) + layout.get("full_blocks", 0) + layout.get("head_layers", 0) > len(weights):
        raise ValueError("its layout has more layers than there are weights")
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        expected = partitioner_from(layout).state_dict()
    for name, tensor in expected.items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise ValueError(
                f"its weights don't fit its layout: {name} should have shape {list(tensor.shape)}"
            )


def write_state(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Replace the state in a folder atomically."""
    _write_tensors(folder / STATE, tensors, {_FACTS: json.dumps(facts)})


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read the state in a folder: its tensors and JSON values, or None if there is no state.

    Raises:
        ValueError: if the file is damaged.
    """
    if not (folder / STATE).is_file():
        return None
    try:
        tensors, facts = _read_tensors(folder / STATE)
        parsed = json.loads(facts[_FACTS])
        if not isinstance(parsed, dict):
            raise ValueError("its metadata is not a JSON object")
        return tensors, parsed
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{folder / STATE} is damaged ({error}); delete it to learn the partition from scratch"
        ) from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, json.dumps(value, indent=1))


def _write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(plain, temporary, metadata=facts)


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
