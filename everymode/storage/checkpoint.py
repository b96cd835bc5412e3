"""Checkpoints: everything a run needs to resume, in files without executable code.

A checkpoint is a folder, written atomically.

    step-0001000/
      generator.safetensors   the averaged generator, to share
      config.json             the recipe, and the shape and classes of the images
      labels.safetensors      tensors for drawing labels, beyond the recipe; only if the label source has any
      state/                  everything else, to resume: state.safetensors and state.json
      manifest.json           size and SHA-256 of each file
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from everymode.storage.atomic import atomic_folder
from everymode.storage.hashing import sha256_of

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
"""Exceptions that reading a damaged or foreign file may raise."""


class DamagedCheckpoint(ValueError):
    """Raised for a checkpoint whose files are missing or differ from those that were written."""


def write_checkpoint(
    folder: Path,
    step: int,
    *,
    generator: dict[str, Tensor],
    config: dict[str, Any],
    state: dict[str, Any],
    labels: dict[str, Tensor] | None = None,
) -> Path:
    """Write `folder`/step-NNNNNNN atomically, and return its path.

    Args:
        folder: the run's folder of checkpoints.
        step: completed generator steps.
        generator: state dict of the averaged generator.
        config: JSON values from which the generator can be built.
        state: nested dicts and lists of tensors and JSON values.
        labels: the label source's `sampling_state`, which is shared with the generator.

    Raises:
        OSError: if the files can't be written; temporary files are deleted.
    """
    final = checkpoint_of(folder, step)
    try:
        with atomic_folder(final) as temporary:
            (temporary / "state").mkdir()
            save_file(plain_copies(generator), temporary / "generator.safetensors")
            _write_json(temporary / "config.json", config)
            if labels:
                save_file(plain_copies(labels), temporary / "labels.safetensors")
            tensors: dict[str, Tensor] = {}
            rest = _flatten(state, "", tensors)
            save_file(plain_copies(tensors), temporary / "state" / "state.safetensors")
            _write_json(temporary / "state" / "state.json", rest)
            files = sorted(path for path in temporary.rglob("*") if path.is_file())
            _write_json(
                temporary / MANIFEST,
                {str(path.relative_to(temporary)): [path.stat().st_size, sha256_of(path)] for path in files},
            )
    except SafetensorError as error:  # the exception of safetensors for a failed write
        raise OSError(str(error)) from error
    return final


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Return the `state` that was passed to `write_checkpoint`.

    Raises:
        DamagedCheckpoint: if a file is missing, changed or truncated.
    """
    verify(checkpoint)
    try:
        tensors = load_file(checkpoint / "state" / "state.safetensors")
        state = _unflatten(json.loads((checkpoint / "state" / "state.json").read_text("utf-8")), "", tensors)
        if not isinstance(state, dict):
            raise ValueError("the state is not a dict")
        return state
    except _UNREADABLE as error:
        raise DamagedCheckpoint(
            f"{checkpoint / 'state'} can't be read ({type(error).__name__}: {str(error)[:200]})"
        ) from error


def verify(checkpoint: Path, only: Sequence[str] | None = None) -> dict[str, list[int | str]]:
    """Check the size and SHA-256 of the files of a checkpoint.

    Args:
        checkpoint: the checkpoint.
        only: names of the files to check, those that it has; None means all.

    Returns:
        The checked entries of the manifest: name -> size and SHA-256.

    Raises:
        DamagedCheckpoint: if a file is missing or differs from the one that was written; the message names the file.
    """
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text("utf-8"))
        entries = {name: (int(size), str(digest)) for name, (size, digest) in manifest.items()}
    except _UNREADABLE as error:
        raise DamagedCheckpoint(f"{checkpoint} has no readable {MANIFEST} ({error})") from error
    entries = {name: entry for name, entry in entries.items() if only is None or name in only}
    for name, (size, digest) in entries.items():
        path = checkpoint / name
        if not _is_file(path):
            raise DamagedCheckpoint(f"{checkpoint} lacks the file {name}")
        if path.stat().st_size != size or sha256_of(path) != digest:
            raise DamagedCheckpoint(f"{path} is not the file that was written (size or checksum differs)")
    return {name: [size, digest] for name, (size, digest) in entries.items()}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # an invalid file name
        return False


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest first, damaged ones included."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.is_dir() and step_of(path) is not None]
    return sorted(found, key=lambda path: step_of(path) or 0)


def step_of(checkpoint: Path) -> int | None:
    """Return the step in a checkpoint's name, or None if it is not the name of a checkpoint."""
    digits = checkpoint.name.removeprefix(_PREFIX)
    return int(digits) if checkpoint.name.startswith(_PREFIX) and digits.isdecimal() else None


def checkpoint_of(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of a step in a folder of checkpoints."""
    return folder / f"{_PREFIX}{step:07d}"


def newest_valid(folder: Path, say: Callable[[str], None], *, up_to: int | None = None) -> Path | None:
    """Return the newest undamaged checkpoint in a folder, or None.

    Args:
        folder: folder of checkpoints.
        say: called with a message for each damaged checkpoint that is skipped.
        up_to: the last step to consider; None means no limit.
    """
    for checkpoint in reversed(checkpoints(folder)):
        if up_to is not None and (step_of(checkpoint) or 0) > up_to:
            continue
        try:
            verify(checkpoint)
        except DamagedCheckpoint as damage:
            say(f"skipping a damaged checkpoint: {damage}")
            continue
        return checkpoint
    return None


def newest_of_run(run: Path) -> Path:
    """Return the newest undamaged checkpoint of a run folder. Skipped ones are reported on stderr.

    Raises:
        FileNotFoundError: if there is none; the message says whether there is no checkpoint yet or all are damaged.
    """
    folder = run / "checkpoints"
    newest = newest_valid(folder, lambda text: print(text, file=sys.stderr))
    if newest is None:
        raise no_checkpoint(run)
    return newest


def no_checkpoint(run: Path) -> FileNotFoundError:
    """Return the error for a run folder without an undamaged checkpoint."""
    if checkpoints(run / "checkpoints"):
        return FileNotFoundError(
            f"every checkpoint of {run} is damaged: name another run, or train again (the log and the sample images of "
            "this one are still there)"
        )
    return FileNotFoundError(f"{run} has no checkpoint yet: train it until its first snapshot")


def superfluous(folder: Path, *, keep_last: int = 2, keep: Iterable[int] = ()) -> list[Path]:
    """Return all checkpoints except the last `keep_last` and those of the steps in `keep`."""
    protected = set(keep)
    return [path for path in checkpoints(folder)[:-keep_last] if step_of(path) not in protected]


def prune(folder: Path, *, keep_last: int = 2, keep: Iterable[int] = ()) -> None:
    """Delete all checkpoints except the last `keep_last` and those of the steps in `keep`."""
    for checkpoint in superfluous(folder, keep_last=keep_last, keep=keep):
        shutil.rmtree(checkpoint, ignore_errors=True)
    for leftover in folder.glob(f".{_PREFIX}*.writing"):
        shutil.rmtree(leftover, ignore_errors=True)


def set_aside(checkpoint: Path, folder: Path) -> Path:
    """Move a checkpoint to another folder of the same disk, atomically, and return its new path."""
    folder.mkdir(exist_ok=True)
    moved = folder / checkpoint.name
    shutil.rmtree(moved, ignore_errors=True)
    return checkpoint.replace(moved)


def drop_after(folder: Path, step: int) -> None:
    """Delete the checkpoints of steps after `step`."""
    for checkpoint in checkpoints(folder):
        if (step_of(checkpoint) or 0) > step:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _flatten(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Move each tensor of a nested value to `tensors`, and return the value with {"tensor": path} in its stead."""
    if isinstance(value, Tensor):
        while path in tensors:  # keys may contain slashes
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


def plain_copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict as safetensors stores it: contiguous copies on the CPU, none of which shares memory."""
    return {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in tensors.items()
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1))
