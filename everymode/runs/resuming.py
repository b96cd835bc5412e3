"""Resuming a run, or starting from the networks of another run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.map_style import Objects
from everymode.data.words import counted, listed
from everymode.recipe import Recipe
from everymode.runs.class_rows import ClassRows, class_rows
from everymode.sampling.record import part_names, recipe_of, require_format
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_config
from everymode.training.trainer import Trainer


def resumed(
    folder: RunFolder, requested: Recipe, name: str, source: str, data: str | Path | Objects | None
) -> tuple[Recipe, str, str | None]:
    """Return the recipe of the run to resume (as its config.json records it), its data and its recipe file.

    Args:
        folder: folder of the run.
        requested: the recipe that the call names.
        name: name of that recipe.
        source: path or name of the data that the call names.
        data: the `data` of `train`.

    Raises:
        FileNotFoundError: if `folder` is not a run folder.
        ValueError: if the run was trained with another recipe, or its config.json is damaged.
    """
    config = _config_of(folder)
    record = config["recipe"]
    before = record["numbers"]["name"]
    if before != name:
        raise ValueError(
            f"{folder.path} was trained with {before or record.get('own')}, not with "
            f"{name or requested.called}: leave the recipe out to resume that run, or start a new one"
        )
    recipe = recipe_of(config, requested, folder.path)
    return recipe, source if data is not None else str(config["data"]["source"]), record.get("file")


def _config_of(folder: RunFolder) -> dict[str, Any]:
    """Return the content of the run's config.json.

    Raises:
        ValueError: if it is damaged, or was written by an incompatible version.
    """
    config = folder.read_config()
    if isinstance(config.get("recipe"), dict) and "numbers" in config["recipe"]:
        require_format(config, folder.path)
    missing = _missing(config)
    if missing:
        raise ValueError(
            f"the config.json of {folder.path} lacks {missing}, so it is damaged: copy the run again from its source"
        )
    return config


def _missing(config: dict[str, Any]) -> str:
    """Return the first required field that config.json lacks, or ""."""
    for path in ("recipe.numbers.name", "recipe.numbers.seed", "data.source", "data.fingerprint"):
        value: Any = config
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is None or (path.startswith("data.") and not value):
            return path
    return ""


def check_same_data(folder: RunFolder, dataset: Dataset, source: str, *, otherwise: str = "") -> None:
    """Check that a dataset is the one that a run was trained on.

    Args:
        folder: folder of the run.
        dataset: the data.
        source: its path or name, for the error message.
        otherwise: end of the error message: what the user can do instead of naming the run's data.

    Raises:
        ValueError: if it is other data, or its classes are in another order.
    """
    before = _config_of(folder)["data"]
    if before["fingerprint"] != dataset.fingerprint:
        classes = before.get("classes")
        if classes and classes != list(dataset.classes) and len(dataset) == before.get("num_images"):
            raise ValueError(
                f"the classes of {source} are not those that {folder.path} was trained on. Then: "
                f"{_enumerated(classes)}; now: {_enumerated(dataset.classes)} (classes without images do not count). "
                f"Name the original data with --data, or start a new run with --init-from {folder.path}, which "
                f"copies the rows of the classes of the same name{otherwise}"
            )
        raise ValueError(
            f"{source} is not the data that {folder.path} was trained on (its content, the order of its files or the "
            f"number of labels differs): name that data with --data{otherwise}"
        )


def _enumerated(classes: Sequence[str]) -> str:
    return f"{counted(len(classes), 'class', 'classes')} ({listed(list(map(str, classes)), 4)})"


def restore(trainer: Trainer, checkpoint: Path) -> None:
    """Load a checkpoint into the trainer.

    Args:
        trainer: the trainer.
        checkpoint: a checkpoint of the run.

    Raises:
        ValueError: if hyper-parameters that shape the networks have changed.
    """
    state = files.read_state(checkpoint)
    try:
        trainer.restore(state)
    except (RuntimeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{checkpoint} does not fit this recipe: hyper-parameters that shape the networks can't change on resume. "
            f"Leave them out, or start a new run, perhaps with --init-from this one ({str(error)[:300]})"
        ) from error


def start_from(trainer: Trainer, path: Path, say: Callable[[str], None]) -> None:
    """Load the tensors that fit of another run's generator, averaged generator, discriminator and labels.

    If the classes differ, the row of a class goes to the class of the same name.

    Args:
        trainer: the trainer of the new run.
        path: the other run's folder, or one of its checkpoints.
        say: called with a message for each network, with the tensors that don't fit.

    Raises:
        FileNotFoundError: if there is no undamaged checkpoint, or it has no discriminator.
        ValueError: if the checkpoint is damaged.
    """
    if (path / "checkpoints").is_dir():
        newest = files.newest_valid(path / "checkpoints", say)
        if newest is None:
            raise files.no_checkpoint(path)
        path = newest
    if not (path / "state").is_dir():
        raise FileNotFoundError(
            f"{path} is no checkpoint with a discriminator: name a run folder or one of its checkpoints"
        )
    state = files.read_state(path)
    modules = _networks_of(state, path)
    targets: dict[str, tuple[nn.Module, dict[str, Any]]] = {
        "generator": (trainer.game.generator, modules["generator"]),
        "averaged generator": (trainer.average, state["average"]),
        "discriminator": (trainer.game.discriminator, modules["discriminator"]),
    }
    if _without_adversary(path):
        del targets["discriminator"]
        say(f"discriminator: initial weights, because {path} was trained without an adversarial loss")
    rows, message = _rows_by_name(trainer, path)
    for name, (network, weights) in targets.items():
        own = network.state_dict()
        fitting = _fitting(weights, own, rows, name.removeprefix("averaged "))
        network.load_state_dict(fitting, strict=False)
        missing = [key for key in own if key not in fitting]
        if name != "averaged generator":
            shown = (
                f"; all but {', '.join(missing[:8])}{', ...' if len(missing) > 8 else ''}" if missing else ""
            )
            say(f"{name}: {len(fitting)} of {len(own)} tensors loaded from {path}{shown}")
    if message:
        say(f"classes: {message}")
    label_message = trainer.game.labels.take_over(modules.get("labels", {}))
    if label_message:
        say(f"labels: {label_message}")


def _without_adversary(checkpoint: Path) -> bool:
    """Return whether the run of a checkpoint did not train its discriminator."""
    config = checkpoint / "config.json"
    return config.is_file() and part_names(read_config(config)["recipe"]).get("loss") == "none"


def _rows_by_name(trainer: Trainer, checkpoint: Path) -> tuple[ClassRows | None, str]:
    """Return the mapping of rows by class name and a message, as `class_rows`; (None, "") if labels aren't classes."""
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
    """Return the tensors that fit: those of the same shape, and those with rows that are mapped by class."""
    fitting = {}
    for key, value in weights.items():
        if key in own and rows is not None:
            tensor = rows.taken(kind, key, value, own[key])
        else:
            tensor = value if key in own and own[key].shape == value.shape else None
        if tensor is not None:
            fitting[key] = tensor
    return fitting


def _networks_of(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the modules of a checkpoint's state.

    Raises:
        ValueError: if the state lacks the weights of a network or of the averaged generator.
    """
    state_modules = state.get("modules")
    modules: dict[str, Any] = state_modules if isinstance(state_modules, dict) else {}
    for network in (modules.get("generator"), modules.get("discriminator"), state.get("average")):
        if not isinstance(network, dict) or not all(isinstance(each, Tensor) for each in network.values()):
            raise ValueError(
                f"{path} is damaged: it lacks the weights of a network. Start from another checkpoint"
            )
    return modules
