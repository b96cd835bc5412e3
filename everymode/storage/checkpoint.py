"""Checkpoints: everything a run needs to go on, in files that hold no code.

A checkpoint is a folder, and written atomically: it is there whole or not at all.

    step-0001000/
      generator.safetensors   the averaged generator, to share
      config.json             the recipe and what the generator draws
      labels.safetensors      what drawing labels needs beyond the recipe, where there is such a thing
      state/                  everything else, to resume: state.safetensors and state.json
      manifest.json           size and SHA-256 of each file
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from everymode.storage.atomic import atomic_folder

MANIFEST = "manifest.json"
_PREFIX = "step-"


_UNREADABLE = (
    *(
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        RuntimeError,
        MemoryError,
        SafetensorError,
    ),
)
"""What reading a file that someone else wrote, or damaged, may raise."""


class DamagedCheckpoint(ValueError):
    """A checkpoint whose files are not those that were written."""


def write_checkpoint(
    folder: Path,
    step: int,
    *,
    generator: dict[str, Tensor],
    config: dict[str, Any],
    state: dict[str, Any],
    labels: dict[str, Tensor] | None = None,
) -> Path:
    """Write `folder`/step-NNNNNNN whole or not at all, and return it.

    Args:
        generator: state dict of the averaged generator.
        config: JSON values that say how to build it again.
        state: nested dicts and lists of tensors and JSON values.
        labels: the label source's `sampling_state`, to share with the generator.

    Raises OSError if the disk refuses; nothing half-written stays behind.
    """
    final = folder / f"{_PREFIX}{step:07d}"
    try:
        with atomic_folder(final) as beside:
            (beside / "state").mkdir()
            save_file(_plain(generator), beside / "generator.safetensors")
            _write_json(beside / "config.json", config)
            if labels:
                save_file(_plain(labels), beside / "labels.safetensors")
            tensors: dict[str, Tensor] = {}
            rest = _flatten(state, "", tensors)
            save_file(_plain(tensors), beside / "state" / "state.safetensors")
            _write_json(beside / "state" / "state.json", rest)
            files = sorted(path for path in beside.rglob("*") if path.is_file())
            _write_json(
                beside / MANIFEST,
                {str(path.relative_to(beside)): [path.stat().st_size, _sha256(path)] for path in files},
            )
    except SafetensorError as error:  # how safetensors reports a disk that refuses
        raise OSError(str(error)) from error
    return final


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The state that `write_checkpoint` was given. Raises DamagedCheckpoint if a file was changed or cut short."""
    verify(checkpoint)
    try:
        tensors = load_file(checkpoint / "state" / "state.safetensors")
        state = _unflatten(json.loads((checkpoint / "state" / "state.json").read_text("utf-8")), "", tensors)
        if not isinstance(state, dict):
            raise ValueError("it holds no state by name")
        return state
    except _UNREADABLE as error:
        raise DamagedCheckpoint(
            f"{checkpoint / 'state'} can't be read ({type(error).__name__}: {str(error)[:200]})"
        ) from error


def verify(checkpoint: Path) -> None:
    """Raise DamagedCheckpoint, naming the file, unless every file is the one that was written."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text("utf-8"))
        entries = {name: (int(size), str(digest)) for name, (size, digest) in manifest.items()}
    except _UNREADABLE as error:
        raise DamagedCheckpoint(f"{checkpoint} has no readable {MANIFEST} ({error})") from error
    for name, (size, digest) in entries.items():
        path = checkpoint / name
        if not _is_file(path):
            raise DamagedCheckpoint(f"{checkpoint} lacks the file {name}")
        if path.stat().st_size != size or _sha256(path) != digest:
            raise DamagedCheckpoint(f"{path} is not the file that was written (size or checksum differs)")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first, valid or not."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.is_dir() and step_of(path) is not None]
    return sorted(found, key=lambda path: step_of(path) or 0)


def step_of(checkpoint: Path) -> int | None:
    """The step in a checkpoint's name, or None if the name is not one of a checkpoint."""
    digits = checkpoint.name.removeprefix(_PREFIX)
    return int(digits) if checkpoint.name.startswith(_PREFIX) and digits.isdigit() else None


def newest_valid(folder: Path, say: Callable[[str], None], *, up_to: int | None = None) -> Path | None:
    """The newest checkpoint that is whole, of those up to a step if one is given.

    Damaged newer ones are passed over, and `say` is told which and why.
    """
    for checkpoint in reversed(checkpoints(folder)):
        if up_to is not None and (step_of(checkpoint) or 0) > up_to:
            continue
        try:
            verify(checkpoint)
        except DamagedCheckpoint as damage:
            say(f"passing over a damaged checkpoint: {damage}")
            continue
        return checkpoint
    return None


def newest_of_run(run: Path) -> Path:
    """The newest whole checkpoint of a run folder. Damaged ones are named on stderr.

    Raises FileNotFoundError if it has none, which is not the same as having damaged ones only.
    """
    folder = run / "checkpoints"
    newest = newest_valid(folder, lambda text: print(text, file=sys.stderr))
    if newest is None:
        raise no_checkpoint(run)
    return newest


def no_checkpoint(run: Path) -> FileNotFoundError:
    """What to raise for a run folder without a whole checkpoint."""
    if checkpoints(run / "checkpoints"):
        return FileNotFoundError(
            f"every checkpoint of {run} is damaged: give another run, or train again (its log and pictures are still "
            "there)"
        )
    return FileNotFoundError(f"{run} has no checkpoint yet: let it train until its first snapshot")


def prune(folder: Path, *, keep_last: int = 2, keep: Iterable[int] = ()) -> None:
    """Delete checkpoints but the last `keep_last` and those of the steps in `keep`."""
    protected = set(keep)
    for checkpoint in checkpoints(folder)[:-keep_last]:
        if step_of(checkpoint) not in protected:
            shutil.rmtree(checkpoint, ignore_errors=True)
    for leftover in folder.glob(f".{_PREFIX}*.writing"):
        shutil.rmtree(leftover, ignore_errors=True)


def drop_after(folder: Path, step: int) -> None:
    """Delete the checkpoints of later steps."""
    for checkpoint in checkpoints(folder):
        if (step_of(checkpoint) or 0) > step:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _flatten(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The value with each tensor moved to `tensors` and replaced by {"tensor": its path}."""
    if isinstance(value, Tensor):
        while path in tensors:  # keys may hold slashes themselves
            path += "'"
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, dict):
        return {"dict": {str(key): _flatten(item, f"{path}/{key}", tensors) for key, item in value.items()}}
    if isinstance(value, (list, tuple)):
        return {"list": [_flatten(item, f"{path}/{index}", tensors) for index, item in enumerate(value)]}
    return {"value": value}


def _unflatten(value: dict[str, Any], path: str, tensors: dict[str, Tensor]) -> Any:
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "dict" in value:
        return {key: _unflatten(item, f"{path}/{key}", tensors) for key, item in value["dict"].items()}
    if "list" in value:
        return [_unflatten(item, f"{path}/{index}", tensors) for index, item in enumerate(value["list"])]
    return value["value"]


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU, none of which shares memory with another."""
    return {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in tensors.items()
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
