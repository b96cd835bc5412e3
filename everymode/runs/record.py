"""Record of a run: config.json, from which it can be repeated, and its first lines on the terminal."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from everymode.data.dataset import Dataset
from everymode.data.shapes import ATTRIBUTES
from everymode.machine.distributed import World
from everymode.numbers import respelled
from everymode.recipe import Recipe
from everymode.runs.differences import plain_record, same_source
from everymode.runs.planning import Plan
from everymode.sampling.record import FORMAT, part_names, record_of
from everymode.storage.config_changes import with_changes
from everymode.storage.run_folder import RunFolder
from everymode.training.trainer import Trainer
from everymode.version import __version__


def config_of(
    plan: Plan, dataset: Dataset, device: torch.device, world: World, init_from: str | Path | None = None
) -> dict[str, Any]:
    """Return the content of a new run's config.json: all that is needed to repeat it and to build its generator."""
    return {
        "everymode": __version__,
        "format": FORMAT,
        "recipe": {"file": plan.recipe_file, **record_of(plan.recipe)},
        "data": {
            "source": plan.source,
            "fingerprint": dataset.fingerprint,
            "num_images": len(dataset),
            "image_shape": list(dataset.image_shape),
            "classes": list(dataset.classes),
            "label_blocks": [list(names) for names in dataset.label_blocks],
            "block_names": block_names(plan.recipe, dataset),
            "skipped": dataset.num_skipped,
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "device": str(device),
        "processes": world.size,
        "init_from": None if init_from is None else str(init_from),
        "command": sys.argv,
    }


def block_names(recipe: Recipe, dataset: Dataset) -> list[str]:
    """Return the name of each label block: its column, or its attribute of the built-in shapes; [] if unknown.

    Labels of a single block have a name, too.
    """
    named = dataset.label_blocks or ((dataset.classes,) if dataset.classes else ())
    columns = [name.strip() for name in recipe.label_column.split(",") if name.strip()]
    if len(columns) == len(named):
        return columns
    blocks = [set(names) for names in named]
    fitting = [[name for name, values in ATTRIBUTES.items() if block <= set(values)] for block in blocks]
    return [names[0] for names in fitting] if fitting and all(fitting) else []


def change_of(
    before: Recipe,
    now: Recipe,
    *,
    sources: tuple[str, str],
    step: int,
    stored: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Return the entry of config.json's "changes" for a resumed run, or None if nothing has changed.

    Args:
        before: the recipe of the run so far.
        now: the recipe from here on.
        sources: path or name of the data so far, and from here on.
        step: number of completed generator steps.
        stored: the recipe's record in config.json, with its changes, in which another version may have omitted
            hyper-parameters that it did not have; None = that of `before`.
    """
    old, new = plain_record(before), plain_record(now)
    numbers, parts = _changed(old["numbers"], new["numbers"]), _changed(old["parts"], new["parts"])
    had, has = part_names(old), part_names(new)
    replaced = [kind for kind in parts if had.get(kind) != has.get(kind)]
    for kind in parts:
        if kind not in replaced:
            numbers |= _changed(old["parts"][kind]["numbers"], new["parts"][kind]["numbers"])
    numbers, replaced = _applicable(numbers, replaced, old if stored is None else stored, old, new)
    changed: dict[str, Any] = {"numbers": numbers} if numbers else {}
    if replaced:
        changed["parts"] = {kind: [old["parts"].get(kind), new["parts"].get(kind)] for kind in replaced}
    changed |= {} if same_source(*sources) else {"data": {"source": list(sources)}}
    return {"step": step, "command": sys.argv, **changed} if changed else None


def _applicable(
    numbers: dict[str, Any],
    replaced: list[str],
    stored: Mapping[str, Any],
    old: dict[str, Any],
    new: dict[str, Any],
) -> tuple[dict[str, Any], list[str]]:
    """Return the numbers to change and the kinds of parts to replace that lead from the stored record to the new one.

    A part is replaced instead of its numbers if the stored one lacks a changed number, or if another part has a
    hyper-parameter of the same name that changes otherwise.
    """
    while True:
        pairs = {kind: [None, new["parts"].get(kind)] for kind in replaced}
        change = {"numbers": numbers, "parts": pairs}
        applied = with_changes({"recipe": stored, "changes": [change]})["recipe"]["parts"]
        wrong = [
            kind
            for kind, part in new["parts"].items()
            if kind not in replaced and _numbers(applied.get(kind)) != _wanted(kind, part, stored, old)
        ]
        if not wrong:
            return numbers, replaced
        replaced = [*replaced, *wrong]
        theirs = {name for kind in wrong for name in new["parts"][kind]["numbers"]}
        numbers = {
            name: pair for name, pair in numbers.items() if name in new["numbers"] or name not in theirs
        }


def _wanted(
    kind: str, part: dict[str, Any], stored: Mapping[str, Any], old: dict[str, Any]
) -> dict[str, Any]:
    """Return the numbers of a part after a change: the new ones, or, if the part does not change, the stored ones."""
    return _numbers(stored["parts"].get(kind) if part == old["parts"].get(kind) else part)


def _numbers(part: Mapping[str, Any] | None) -> dict[str, Any]:
    return respelled((part or {}).get("numbers", {}))


def _changed(before: dict[str, Any], now: dict[str, Any]) -> dict[str, list[Any]]:
    """Return name -> [before, now] of the values that differ; None for one that is missing."""
    pairs = {name: [before.get(name), now.get(name)] for name in {**before, **now}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def introduce(trainer: Trainer, dataset: Dataset, folder: RunFolder, say: Callable[[str], None]) -> None:
    """Print the run folder, the data, notes, the device, and the sizes of the networks and the batch."""
    recipe = trainer.recipe
    shape = "x".join(map(str, dataset.image_shape))
    sizes = dataset.num_classes if isinstance(dataset.num_classes, tuple) else (dataset.num_classes,)
    labels = f"{' + '.join(map(str, sizes))} classes" if any(sizes) else "no labels"
    say(f"run {folder.path}")
    say(f"data {dataset.name}: {len(dataset):,} examples of {shape}, {labels}")
    for note in (*dataset.notes, *recipe.notes()):
        say(note)
    processes = f" x {trainer.world.size} processes" if trainer.world.size > 1 else ""
    say(
        f"device {trainer.device}{processes}, generator {_count(trainer.game.generator)}, discriminator "
        f"{_count(trainer.game.discriminator)} parameters, batch {recipe.batch_size}, "
        f"{recipe.discriminator_steps} discriminator steps"
    )
    if trainer.completed:
        say(f"resuming at step {trainer.completed} of {recipe.steps}")


def say_changes(before: Recipe, now: Recipe, say: Callable[[str], None]) -> None:
    """Print the parts and hyper-parameters of a resumed run that differ from before."""
    parts, had = part_names(record_of(before)), before.flat_numbers()
    for kind, name in part_names(record_of(now)).items():
        if name != parts.get(kind):
            say(f"changed from here on: {kind} {parts.get(kind)} -> {name}")
    for name, value in now.flat_numbers().items():
        if value != had.get(name):
            say(f"changed from here on: {name} {had.get(name)} -> {value}")


def _count(network: nn.Module) -> str:
    total = sum(parameter.numel() for parameter in network.parameters())
    return f"{total / 1e6:.2f} M" if total >= 1e5 else f"{total:,}"
