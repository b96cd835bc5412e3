"""Runs and checkpoints that the explorer shows: listed at the start and on reload, and looked up by name only.

A run is named by its folder's name, a checkpoint by the first 12 hexadecimal digits of the hash over its shared files.
Names in addresses are keys of these lists; they are never joined into a path.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from everymode.explorer.parameters import address
from everymode.explorer.replies import Link, Missing
from everymode.recipe import Recipe
from everymode.sampling.record import own_classes, recipe_of
from everymode.storage.checkpoint import checkpoints, step_of
from everymode.storage.hashing import sha256_of
from everymode.storage.run_folder import RunFolder, read_config
from everymode.storage.writing_process import is_alive

__all__ = ["Catalog", "Checkpoint", "Run", "checkpoint_name", "generator_folders"]

SHARED = ("config.json", "generator.safetensors", "labels.safetensors")
"""Files of a checkpoint that are shared with its generator; the others serve to resume."""
FRESH = 1.0
"""Seconds for which a list is current; a page that is loaded later lists the folders again."""


@dataclass(frozen=True)
class Checkpoint:
    """A generator folder of a run.

    Attributes:
        name: first 12 hexadecimal digits of the hash over the shared files.
        run: name of the run.
        path: the folder.
        step: completed generator steps; None if unknown.
    """

    name: str
    run: str
    path: Path
    step: int | None

    @property
    def title(self) -> str:
        """The step in words, such as "step 1,000"."""
        return "saved generator" if self.step is None else f"step {self.step:,}"


@dataclass(frozen=True)
class Run:
    """A run, or a reason why it can't be shown.

    Attributes:
        name: name of its folder, with ~2, ~3, ... for further folders of the same name.
        path: its folder.
        config: the content of config.json; {} if it can't be read.
        status: the content of status.json; {} for a saved generator.
        checkpoints: its generators, by step.
        reason: why it can't be shown; "" if it can.
    """

    name: str
    path: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: tuple[Checkpoint, ...] = ()
    reason: str = ""

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        record = self.config.get("recipe", {})
        return str(record.get("numbers", {}).get("name") or record.get("own") or "custom recipe")

    @property
    def data(self) -> str:
        """Path or name of the training data."""
        return str(self.config.get("data", {}).get("source", ""))

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the training data."""
        return str(self.config.get("data", {}).get("fingerprint", ""))

    @property
    def newest(self) -> Checkpoint | None:
        """The checkpoint of the last step."""
        return self.checkpoints[-1] if self.checkpoints else None

    @property
    def state(self) -> str:
        """State in words: running, done, not running, ..."""
        state = str(self.status.get("state", ""))
        if state not in ("preparing", "running"):
            return state or "saved generator"
        return {True: state, False: "not running", None: "unknown"}[is_alive(self.status.get("process"))]

    @property
    def cards(self) -> list[Path]:
        """Files of the run's score cards."""
        return sorted(
            path for path in (self.path / "evaluations").glob("*.json") if not path.name.startswith(".")
        )

    @property
    def last_sample(self) -> Path | None:
        """Newest picture of samples that training has written."""
        pictures = sorted((self.path / "samples").glob("step-*.png"))
        return pictures[-1] if pictures else None


class Catalog:
    """The runs of an explorer.

    Args:
        paths: run folders, checkpoints, saved generators, or folders of runs.
        recipes: recipes of custom runs; the first with the recorded classes is used.
    """

    def __init__(self, paths: Sequence[Path], recipes: Sequence[Recipe] = ()) -> None:
        self._paths, self._recipes = tuple(paths), tuple(recipes)
        self._lock = threading.Lock()
        self._listed = 0.0
        self._runs: dict[str, Run] = {}
        self._known: dict[str, Checkpoint] = {}
        self._names: dict[Path, tuple[Any, str]] = {}
        self._shown: dict[Path, tuple[Any, str]] = {}
        self.refresh(0)

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order of the command line."""
        return list(self._runs.values())

    def refresh(self, fresh: float = FRESH) -> None:
        """List the folders again if the list is older than `fresh` seconds."""
        with self._lock:
            if self._listed and time.monotonic() - self._listed < fresh:
                return
            runs: dict[str, Run] = {}
            for path in self._folders():
                name, number = path.resolve().name or "run", 1
                while name in runs:
                    number += 1
                    name = f"{path.resolve().name}~{number}"
                try:
                    runs[name] = self._run(name, path)
                except Exception as error:  # whatever a damaged folder raises, the other runs are shown
                    first = (" ".join(str(error).split()) or type(error).__name__)[:300]
                    runs[name] = Run(name, path, reason=f"it can't be read ({first})")
            self._runs = runs
            for run in runs.values():
                for checkpoint in run.checkpoints:
                    self._known.setdefault(checkpoint.name, checkpoint)
            self._listed = time.monotonic()

    def run(self, name: str) -> Run:
        """Return the run of this name.

        Raises:
            Missing: if there is none.
        """
        if name in self._runs:
            return self._runs[name]
        offers = [Link(each, address("/", run=each)) for each in list(self._runs)[:5]]
        raise Missing(f"There is no run {name[:80]!r} in this explorer.", offers)

    def checkpoint(self, name: str) -> Checkpoint:
        """Return the checkpoint of this name.

        Raises:
            Missing: if there is none; it offers the checkpoint of the nearest step in the same run, if that is known.
        """
        found = self._existing(name)
        if found is not None:
            return found
        gone = self._known.get(name)
        if gone is None:
            newest = [run.newest for run in self._runs.values() if run.newest is not None]
            raise Missing(
                f"There is no checkpoint {name[:12]!r} in this explorer. Training deletes old checkpoints, and a link "
                "to one of them stops working then.",
                [_offer(each) for each in newest[:5]],
            )
        remaining = self._runs[gone.run].checkpoints if gone.run in self._runs else ()
        nearest = sorted(remaining, key=lambda each: abs((each.step or 0) - (gone.step or 0)))[:3]
        raise Missing(
            f"The checkpoint {name[:12]} ({gone.title} of {gone.run}) has been deleted, as training does with old "
            "checkpoints.",
            [_offer(each) for each in nearest],
        )

    def recipe(self, checkpoint: Checkpoint) -> Recipe:
        """Return the recipe of a checkpoint.

        Raises:
            ValueError: if its config.json is damaged, or names a custom recipe that the explorer doesn't have.
        """
        config = read_config(checkpoint.path / "config.json")
        return recipe_of(config, self.custom_recipe(config), checkpoint.path)

    def custom_recipe(self, config: Mapping[str, Any]) -> Recipe | None:
        """Return the recipe of the command line that has the custom classes of a config.json, or None."""
        record = config.get("recipe")
        wanted = set(own_classes(record)) if isinstance(record, dict) else set()
        if not wanted:
            return None
        for recipe in self._recipes:
            classes = {type(recipe).__name__, *(type(part).__name__ for part in recipe.parts())}
            if wanted <= classes:
                return recipe
        return None

    def _existing(self, name: str) -> Checkpoint | None:
        for run in self._runs.values():
            for checkpoint in run.checkpoints:
                if checkpoint.name == name and (checkpoint.path / "generator.safetensors").is_file():
                    return checkpoint
        return None

    def _folders(self) -> list[Path]:
        """Return the folders of the command line, with the runs of each folder of runs in its stead."""
        folders: dict[Path, None] = {}
        for path in self._paths:
            inside: list[Path] = []
            if not any(_is_there(path / name) for name in ("config.json", "checkpoints", SHARED[1])):
                with suppress(OSError):
                    inside = sorted(each for each in path.iterdir() if _is_there(each / "config.json"))
            folders.update(dict.fromkeys(inside or [path]))
        return list(folders)

    def _run(self, name: str, path: Path) -> Run:
        try:
            if not path.is_dir():
                raise ValueError(f"{path} {'is no folder' if path.exists() else 'does not exist'}")
            folder = RunFolder(path)
            config = folder.read_config()
            status = folder.read_status()
        except (OSError, ValueError) as error:
            return Run(name, path, reason=" ".join(str(error).split()))
        listed, damage = self._checkpoints(name, path)
        reason = self._reason(config, path)
        if not reason and not listed:
            reason = damage or "it has no checkpoint yet: reload this page after its first snapshot"
        return Run(name, path, config, status, listed, reason)

    def _checkpoints(self, run: str, path: Path) -> tuple[tuple[Checkpoint, ...], str]:
        """Return the checkpoints of a run by step, and what is wrong with the last one that can't be listed."""
        listed: dict[str, Checkpoint] = {}
        damage = ""
        for folder in generator_folders(path):
            try:
                name = self._name(folder)
                step = step_of(folder)
                if step is None:
                    step = read_config(folder / "config.json").get("step")
                listed.setdefault(name, Checkpoint(name, run, folder, step))
            except (OSError, ValueError) as error:
                damage = " ".join(str(error).split())
        return tuple(sorted(listed.values(), key=lambda each: each.step or 0)), damage

    def _name(self, folder: Path) -> str:
        """Return a checkpoint's name, computed again only if a file has changed."""
        stamp = _stamp(folder)
        cached = self._names.get(folder)
        if cached is None or cached[0] != stamp:
            cached = stamp, checkpoint_name(folder)
            self._names[folder] = cached
        return cached[1]

    def _reason(self, config: Mapping[str, Any], path: Path) -> str:
        record = config.get("recipe")
        stamp = json.dumps(record, sort_keys=True, default=str)
        cached = self._shown.get(path)
        if cached is None or cached[0] != stamp:
            cached = stamp, self._no_recipe(config, path)
            self._shown[path] = cached
        return cached[1]

    def _no_recipe(self, config: Mapping[str, Any], path: Path) -> str:
        """Return why the recipe of a run can't be built, or ""."""
        custom = self.custom_recipe(config)
        record = config.get("recipe")
        wanted = own_classes(record) if isinstance(record, dict) else []
        if wanted and custom is None:
            return (
                f"it was trained with a custom recipe ({', '.join(wanted)}), whose code is executed only if you name "
                "it: start the explorer with --recipe FILE.py"
            )
        try:
            recipe_of(dict(config), custom, path)
        except (ValueError, TypeError) as error:
            return " ".join(str(error).split())
        return ""


def _is_there(path: Path) -> bool:
    """Return whether a path exists; False in a folder that this user may not open."""
    try:
        return path.exists()
    except OSError:
        return False


def generator_folders(path: Path) -> list[Path]:
    """Return the generator folders of a run, by step: checkpoints, and generators that pruning has left."""
    if (path / SHARED[1]).is_file():
        return [path]
    folders: list[Path] = []
    for name in ("history", "checkpoints"):
        folders += [
            each for each in checkpoints(path / name) if all((each / file).is_file() for file in SHARED[:2])
        ]
    return sorted(folders, key=lambda each: step_of(each) or 0)


def checkpoint_name(folder: Path) -> str:
    """Return the first 12 hexadecimal digits of the hash over a generator's shared files.

    The digests in manifest.json are used if there is one, so that large files aren't read.

    Raises:
        OSError: if a file can't be read.
        ValueError: if manifest.json is damaged.
    """
    recorded: dict[str, Any] = {}
    if (folder / "manifest.json").is_file():
        try:
            recorded = json.loads((folder / "manifest.json").read_text("utf-8"))
            recorded = {name: str(digest) for name, (_, digest) in recorded.items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{folder / 'manifest.json'} is damaged: {error}") from error
    digest = hashlib.sha256()
    for name in SHARED:
        if (folder / name).is_file():
            own = recorded.get(name) or sha256_of(folder / name)
            digest.update(f"{name} {own}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:12]


def _stamp(folder: Path) -> tuple[tuple[int, int], ...]:
    files = [folder / name for name in (*SHARED, "manifest.json")]
    stats = [file.stat() for file in files if file.is_file()]
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)


def _offer(checkpoint: Checkpoint) -> Link:
    return Link(f"{checkpoint.run}, {checkpoint.title}", address("/samples", checkpoint=checkpoint.name))
