"""History of a run: the generators of steps that are spread evenly over it, to look at, never to resume from.

When a checkpoint is deleted, the generator's files may stay in the run's folder `history`:

    history/step-0001000/
      generator.safetensors   the averaged generator
      config.json             the recipe, and the shape and classes of the images
      labels.safetensors      tensors for drawing labels, if the checkpoint had any
      manifest.json           size and SHA-256 of each file
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from everymode.storage import checkpoint as files
from everymode.storage.atomic import atomic_folder

__all__ = ["SHARED", "forget_after", "keep_history", "spread_steps"]

SHARED = ("generator.safetensors", "config.json", "labels.safetensors")
"""Files of a checkpoint from which samples can be drawn; the last one is missing if labels need no tensors."""


def spread_steps(steps: Iterable[int], limit: int, interval: int = 1) -> list[int]:
    """Return at most `limit` of the steps, evenly spread, without knowing how long the run will be.

    The steps are divided into cells of interval * 2^j steps, with the smallest j for which at most `limit` cells have a
    step, and the first step of each cell is returned. So multiples of the interval are thinned out by doubling their
    stride; the first step always stays, and so does at least half of the limit. Thinning early changes nothing: for
    steps that arrive in order, `spread_steps([*spread_steps(first, n, i), *later], n, i)` equals
    `spread_steps([*first, *later], n, i)`.

    Args:
        steps: steps, 0 or more, in any order; repetitions are ignored.
        limit: maximum number of steps; 0 returns none.
        interval: steps between two snapshots.

    Returns:
        The selected steps, ascending.

    Raises:
        ValueError: if a step or the limit is negative, or the interval is less than 1.
    """
    ascending = sorted(set(steps))
    if limit < 0 or interval < 1 or (ascending and ascending[0] < 0):
        raise ValueError(
            f"steps and limit must be at least 0, and interval at least 1, not {ascending[:1]}, {limit} and {interval}"
        )
    if limit == 0:
        return []
    size = interval
    while True:
        first: dict[int, int] = {}
        for step in ascending:
            first.setdefault(step // size, step)
        if len(first) <= limit:
            return list(first.values())
        size *= 2


def keep_history(
    folder: Path, checkpoints: Path, leaving: Iterable[Path], *, limit: int, interval: int
) -> None:
    """Add the generators of checkpoints that are about to be deleted to a history, and thin it out.

    A kill at any moment leaves a history of complete generators. Files are linked where the disk can do that, so adding
    a generator needs no space. A damaged checkpoint is omitted.

    Args:
        folder: the history; it is created with its first generator.
        checkpoints: the run's folder of checkpoints.
        leaving: checkpoints that will be deleted.
        limit: maximum number of steps, of those in the history and of all checkpoints; 0 leaves the history unchanged.
        interval: steps between two snapshots.

    Raises:
        OSError: if a file can't be written.
    """
    if limit == 0:
        return
    there = [*files.checkpoints(folder), *files.checkpoints(checkpoints)]
    selected = set(spread_steps((files.step_of(path) or 0 for path in there), limit, interval))
    for checkpoint in leaving:
        if files.step_of(checkpoint) in selected:
            _add(checkpoint, folder / checkpoint.name)
    for past in files.checkpoints(folder):
        if files.step_of(past) not in selected:
            _remove(past)


def forget_after(folder: Path, step: int) -> None:
    """Delete the generators of steps after `step`: the run continues from there, so they belong to another course."""
    for past in files.checkpoints(folder):
        if (files.step_of(past) or 0) > step:
            _remove(past)


def _add(checkpoint: Path, past: Path) -> None:
    """Link or copy the generator's files of a checkpoint to a folder of the history, atomically, if undamaged."""
    try:
        manifest = files.verify(checkpoint, SHARED)
    except files.DamagedCheckpoint:
        return
    with atomic_folder(past) as temporary:
        for name in manifest:
            try:
                os.link(checkpoint / name, temporary / name)
            except OSError:  # a file system without links
                shutil.copyfile(checkpoint / name, temporary / name)
        (temporary / files.MANIFEST).write_text(json.dumps(manifest, indent=1))


def _remove(past: Path) -> None:
    """Delete a generator. A kill leaves no half of it under its name: it is renamed first, as a file being written."""
    hidden = past.with_name(f".{past.name}.writing")
    shutil.rmtree(hidden, ignore_errors=True)
    with suppress(OSError):
        shutil.rmtree(past.replace(hidden))
