"""Search for the run that `--resume auto` resumes: the newest one that the same command has started."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from everymode.data.dataset import Dataset
from everymode.data.words import listed
from everymode.machine.distributed import World
from everymode.runs.differences import differences, plain_record, same_source
from everymode.runs.planning import Plan
from everymode.sampling.record import FORMAT, own_classes, recipe_of, require_format
from everymode.storage.run_folder import RunFolder

__all__ = ["with_matching_run"]

MOST_SHOWN = 6
"""Most differences that the note on another run lists."""


def with_matching_run(
    plan: Plan, dataset: Dataset, out: Path, world: World, init_from: str | Path | None = None
) -> Plan:
    """Return the plan of a new run, or that of the newest run in `out` with its recipe and data, if there is one.

    A run matches if its hyper-parameters and parts are those of the plan (its `steps` may be fewer) and its data has
    the same fingerprint, and it was started from the networks of the same run, if any. The newest run of a recipe of
    this name decides only what the note says if none matches.

    Args:
        plan: plan of a new run, whose recipe is fitted to the data.
        dataset: the data, with the labels hidden that the recipe hides.
        out: folder of run folders.
        world: the processes of the run; the writer searches.
        init_from: the run or checkpoint whose networks a new run would start from.

    Returns:
        The plan, the same on every rank.

    Raises:
        ValueError: if a run of this recipe on this data was written by an incompatible version, or is damaged.
    """
    match = _newest_match(plan, dataset, out, init_from) if world.is_writer else ("", "")
    path, note = cast(tuple[str, str], world.share(match))  # the type of what the writer shares
    if not path:
        return replace(plan, notes=(note,) if note else ())
    folder = RunFolder(Path(path))
    config = folder.read_config()
    before = recipe_of(config, plan.recipe, folder.path)
    return replace(plan, before=before, folder=folder, recipe_file=config["recipe"].get("file"))


def _newest_match(plan: Plan, dataset: Dataset, out: Path, init_from: str | Path | None) -> tuple[str, str]:
    """Return the path of the newest matching run, or "" and a note on the newest run of this recipe, if any."""
    note = ""
    for folder, config in _runs_of(plan.recipe.name, out):
        if config.get("format", 1) != FORMAT:
            if config["recipe"]["numbers"].get("seed") == plan.recipe.seed and _same_data(
                plan, dataset, config
            ):
                require_format(config, folder.path)
            continue
        different = _origins(config, init_from) + _differences(plan, dataset, config, folder)
        if not different:
            return str(folder.path), ""
        path = shlex.quote(str(folder.path))
        note = note or (
            f"{folder.path} differs in {listed(different, MOST_SHOWN)}: starting a new run (--resume {path} "
            "continues that one)"
        )
    return "", note


def _runs_of(name: str, out: Path) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """Yield the runs of recipes of this name in `out`, newest first, each with its config.json."""
    for path in sorted(out.glob("[0-9]*-*"), reverse=True) if out.is_dir() else ():
        if (path / "config.json").is_file():
            try:
                config = RunFolder(path).read_config()
            except ValueError:
                if name in path.name:  # folders are named after their recipes
                    raise
                continue
            if config.get("recipe", {}).get("numbers", {}).get("name") == name:
                yield RunFolder(path), config


def _same_data(plan: Plan, dataset: Dataset, config: dict[str, Any]) -> bool:
    data = config.get("data", {})
    return data.get("fingerprint") == dataset.fingerprint or same_source(str(data.get("source")), plan.source)


def _origins(config: dict[str, Any], init_from: str | Path | None) -> list[str]:
    """Return the difference of the networks that a run was started from; empty if earlier versions didn't record it."""
    before, now = config.get("init_from"), None if init_from is None else str(init_from)
    same = before == now or (before is not None and now is not None and same_source(before, now))
    return (
        [] if same or "init_from" not in config else [f"init_from ({before or 'none'}, now {now or 'none'})"]
    )


def _differences(plan: Plan, dataset: Dataset, config: dict[str, Any], folder: RunFolder) -> list[str]:
    """Return the differences of a run from the plan of a new one, in words; empty if it matches."""
    data, different = config.get("data", {}), []
    if data.get("fingerprint") != dataset.fingerprint:
        source = str(data.get("source"))
        now = "whose content has changed" if same_source(source, plan.source) else f"now {plan.source}"
        different.append(f"data ({source}, {now})")
    recipe = plain_record(plan.recipe)
    before = config["recipe"]
    if own_classes(before) == own_classes(recipe):
        try:
            before = plain_record(recipe_of(config, plan.recipe, folder.path))
        except ValueError as error:
            return [*different, f"its recipe, which can't be read ({error})"]
    each = differences(before, recipe)
    longer = [one for one in each if one.name == "steps" and one.before < one.now]
    return different + [str(one) for one in each if one not in longer]
