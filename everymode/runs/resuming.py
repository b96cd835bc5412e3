"""Going on with a run, or starting from another one's networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.words import counted, listed
from everymode.machine.distributed import World
from everymode.recipe import Recipe
from everymode.runs.class_rows import ClassRows, class_rows
from everymode.sampling.record import part_names, recipe_of, require_format
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_config
from everymode.training.trainer import Trainer


class Wanted(NamedTuple):
    """What a run must be for `--resume auto` to go on with it."""

    name: str
    """Of the recipe."""
    source: str
    """Of the data."""
    seed: int
    parts: dict[str, str]
    """Kind -> name of each part."""


def folder_to_resume(resume: str | Path | None, out: Path, wanted: Wanted, world: World) -> RunFolder | None:
    """The run folder to go on with, the same on every rank: the one that is named, or with "auto" the newest in `out`
    of this recipe, with these parts, on this data with this seed, if any.

    Raises FileNotFoundError for a path that is no run folder, ValueError for a run of another version's.
    """
    if resume is None:
        return None
    if str(resume) != "auto":
        folder = RunFolder(Path(resume))
        folder.read_config()
        return folder
    found = str(world.share(_newest_run(out, wanted) if world.is_writer else ""))
    return RunFolder(Path(found)) if found else None


def _newest_run(out: Path, wanted: Wanted) -> str:
    """The newest run folder in `out` that is what is wanted, or ""."""
    for path in sorted(out.glob("[0-9]*-*"), reverse=True) if out.is_dir() else ():
        if (path / "config.json").is_file():
            config = RunFolder(path).read_config()
            numbers = config.get("recipe", {}).get("numbers", {})
            source = config.get("data", {}).get("source")
            if (numbers.get("name"), source, numbers.get("seed")) != wanted[:3]:
                continue
            require_format(config, path)
            if part_names(config["recipe"]) == wanted.parts:
                return str(path)
    return ""


def resumed(
    folder: RunFolder, chosen: Recipe, name: str, source: str, data: str | Path | Dataset | None
) -> tuple[Recipe, str, str | None]:
    """The recipe of the run to go on with (its config's, whatever the recipe says today), the data, the recipe's file.

    Raises ValueError if the run was made with another kind of recipe.
    """
    config = _config_of(folder)
    record = config["recipe"]
    before = record["numbers"]["name"]
    if before != name:
        raise ValueError(
            f"{folder.path} was trained with {before or record.get('own')}, not with "
            f"{name or chosen.called}: leave the recipe out to go on with that run, or start a new one"
        )
    numbers = recipe_of(config, chosen, folder.path)
    given = isinstance(data, (str, Path))
    return numbers, source if given or data is not None else str(config["data"]["source"]), record.get("file")


def _config_of(folder: RunFolder) -> dict[str, Any]:
    """The run's config.json. Raises ValueError where what another version wrote, or a damage, keeps it from being
    gone on with.
    """
    config = folder.read_config()
    if isinstance(config.get("recipe"), dict) and "numbers" in config["recipe"]:
        require_format(config, folder.path)
    missing = _missing(config)
    if missing:
        raise ValueError(
            f"the config.json of {folder.path} lacks {missing}: it is damaged, so take it from where it came from "
            "again"
        )
    return config


def _missing(config: dict[str, Any]) -> str:
    """What a run's config.json lacks of what every one has, or ""."""
    for path in ("recipe.numbers.name", "recipe.numbers.seed", "data.source", "data.fingerprint"):
        found: Any = config
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found is None or (path.startswith("data.") and not found):
            return path
    return ""


def check_same_data(folder: RunFolder, dataset: Dataset, source: str, *, otherwise: str = "") -> None:
    """Raises ValueError for other data than the run was trained on.

    Args:
        otherwise: what can be done in place of giving that data, for the sentence.
    """
    before = _config_of(folder)["data"]
    if before["fingerprint"] != dataset.fingerprint:
        classes = before.get("classes")
        if classes and classes != list(dataset.classes) and len(dataset) == before.get("num_images"):
            raise ValueError(
                f"the classes of {source} are numbered otherwise than when {folder.path} began: "
                f"{_numbered(classes)} then, {_numbered(dataset.classes)} now (a class exists if an image has it). "
                f"Give the data as they were with --data, or start a new run with --init-from {folder.path}, which "
                f"takes the rows of the same classes{otherwise}"
            )
        raise ValueError(
            f"{source} is not the data that {folder.path} was trained on (its content differs, or the order of its "
            f"files, or how many labels are kept): give that data with --data{otherwise}"
        )


def _numbered(classes: Sequence[str]) -> str:
    return f"{counted(len(classes), 'class', 'classes')} ({listed(list(map(str, classes)), 4)})"


def restore(trainer: Trainer, checkpoint: Path, folder: RunFolder) -> None:
    """Put the trainer where the checkpoint stands.

    Raises ValueError where numbers that shape the networks are others now, or fewer steps are asked for than are done.
    """
    state = files.read_state(checkpoint)
    try:
        trainer.restore(state)
    except (RuntimeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{checkpoint} does not fit this recipe: numbers that shape the networks can't be changed on resume. Leave "
            f"them out, or start a new run, perhaps with --init-from this one ({str(error)[:300]})"
        ) from error
    if trainer.completed > trainer.recipe.steps:
        raise ValueError(
            f"{folder.path} already stands at step {trainer.completed}, beyond the {trainer.recipe.steps} steps asked "
            f"for: ask for more, as in --steps {2 * trainer.completed}"
        )


def start_from(trainer: Trainer, path: Path, say: Callable[[str], None]) -> None:
    """Load what fits of another run's generator, average and discriminator, and say what does not.

    Where the classes are others, rows that belong to a class go to the class of the same name.
    """
    if (path / "checkpoints").is_dir():
        newest = files.newest_valid(path / "checkpoints", say)
        if newest is None:
            raise files.no_checkpoint(path)
        path = newest
    if not (path / "state").is_dir():
        raise FileNotFoundError(
            f"{path} is no checkpoint with a discriminator: give a run folder or one of its checkpoints"
        )
    state = files.read_state(path)
    modules = _networks_of(state, path)
    targets: dict[str, tuple[nn.Module, dict[str, Any]]] = {
        "generator": (trainer.game.generator, modules["generator"]),
        "averaged generator": (trainer.average, state["average"]),
        "discriminator": (trainer.game.discriminator, modules["discriminator"]),
    }
    rows, said = _rows_by_name(trainer, path)
    for name, (network, weights) in targets.items():
        own = network.state_dict()
        fitting = _fitting(weights, own, rows, name.removeprefix("averaged "))
        network.load_state_dict(fitting, strict=False)
        left = [key for key in own if key not in fitting]
        if name != "averaged generator":
            shown = f"; not: {', '.join(left[:8])}{', ...' if len(left) > 8 else ''}" if left else ""
            say(f"{name}: {len(fitting)} of {len(own)} tensors taken from {path}{shown}")
    if said:
        say(f"classes: {said}")
    taken = trainer.game.labels.take_over(modules.get("labels", {}))
    if taken:
        say(f"labels: {taken}")


def _rows_by_name(trainer: Trainer, checkpoint: Path) -> tuple[ClassRows | None, str]:
    """How rows of tensors go to the classes of the same name, and what to tell of it, where the classes are others."""
    config = checkpoint / "config.json"
    if not trainer.game.labels.names_classes or not config.is_file():
        return None, ""
    networks = {"generator": trainer.game.generator, "discriminator": trainer.game.discriminator}
    old, new = (_classes_of(each) for each in (read_config(config), trainer.config))
    return class_rows(trainer.recipe, networks, old, new)


def _classes_of(config: dict[str, Any]) -> list[str]:
    classes = config.get("data", {}).get("classes", [])
    return classes if isinstance(classes, list) and all(isinstance(name, str) for name in classes) else []


def _fitting(
    weights: dict[str, Tensor], own: dict[str, Tensor], rows: ClassRows | None, kind: str
) -> dict[str, Tensor]:
    """The tensors that fit: of the same shape, or whose rows go by class."""
    found = {}
    for key, value in weights.items():
        if key in own and rows is not None:
            taken = rows.taken(kind, key, value, own[key])
        else:
            taken = value if key in own and own[key].shape == value.shape else None
        if taken is not None:
            found[key] = taken
    return found


def _networks_of(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """The modules of a checkpoint's state. Raises ValueError where a network, or the average, is none."""
    modules = state.get("modules")
    networks = (
        [modules.get("generator"), modules.get("discriminator")] if isinstance(modules, dict) else [None]
    )
    for network in (*networks, state.get("average")):
        if not isinstance(network, dict) or not all(isinstance(each, Tensor) for each in network.values()):
            raise ValueError(
                f"{path} is damaged: its state lacks a network's weights. Start from another one"
            )
    return modules
