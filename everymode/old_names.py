"""Names of modules, functions and arguments before 0.2: they work until 0.3, with a warning that gives the new name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar, cast

MODULES = {
    "everymode.checkpoint": "everymode.storage.checkpoint",
    "everymode.data.labelling": "everymode.data.labeling",
    "everymode.device": "everymode.machine.device",
    "everymode.distributed": "everymode.machine.distributed",
    "everymode.doctor": "everymode.commands.doctor",
    "everymode.ema": "everymode.training.ema",
    "everymode.evaluation.clusters": "everymode.evaluation.cluster_report",
    "everymode.evaluation.nearest": "everymode.evaluation.nearest_images",
    "everymode.evaluation.points": "everymode.evaluation.point_scores",
    "everymode.extractors.kept": "everymode.extractors.classifier_cache",
    "everymode.generator": "everymode.sampling.generator",
    "everymode.kmeans.nearest": "everymode.kmeans.assignment",
    "everymode.kmeans.points": "everymode.kmeans.point_blocks",
    "everymode.label_names": "everymode.sampling.label_names",
    "everymode.metrics.classifiers": "everymode.extractors.classifiers",
    "everymode.metrics.comparison": "everymode.evaluation.comparison",
    "everymode.metrics.extractors": "everymode.extractors",
    "everymode.metrics.extractors.classifier_network": "everymode.extractors.classifier_network",
    "everymode.metrics.extractors.classifier_training": "everymode.extractors.classifier_training",
    "everymode.metrics.extractors.dinov2": "everymode.extractors.dinov2",
    "everymode.metrics.extractors.extraction": "everymode.extractors.extraction",
    "everymode.metrics.extractors.extractor": "everymode.extractors.extractor",
    "everymode.metrics.extractors.hashing": "everymode.extractors.hashing",
    "everymode.metrics.extractors.inception": "everymode.extractors.inception",
    "everymode.metrics.extractors.kept": "everymode.extractors.classifier_cache",
    "everymode.metrics.extractors.labelled_arrays": "everymode.extractors.labeled_arrays",
    "everymode.metrics.extractors.lite0": "everymode.extractors.lite0",
    "everymode.metrics.extractors.pixels": "everymode.extractors.pixels",
    "everymode.metrics.extractors.precision": "everymode.extractors.precision",
    "everymode.metrics.extractors.random_convolutions": "everymode.extractors.random_convolutions",
    "everymode.metrics.extractors.resizing": "everymode.extractors.resizing",
    "everymode.metrics.extractors.weights": "everymode.extractors.weights",
    "everymode.metrics.features": "everymode.extractors.finding",
    "everymode.metrics.nearest": "everymode.metrics.memorization",
    "everymode.metrics.newest_cards": "everymode.evaluation.newest_cards",
    "everymode.metrics.reference": "everymode.evaluation.reference",
    "everymode.metrics.repetitions": "everymode.evaluation.repetitions",
    "everymode.metrics.reservoir": "everymode.evaluation.reservoir",
    "everymode.metrics.score_card": "everymode.evaluation.score_card",
    "everymode.metrics.scoring": "everymode.evaluation.scoring",
    "everymode.metrics.statistics": "everymode.evaluation.statistics",
    "everymode.moves": "everymode.training.moves",
    "everymode.networks.released": "everymode.exchange.released",
    "everymode.nonfinite": "everymode.training.nonfinite",
    "everymode.optimizers": "everymode.training.optimizers",
    "everymode.partitioner.neighbours": "everymode.partitioner.neighbors",
    "everymode.partitioner.points": "everymode.partitioner.plane",
    "everymode.preparation": "everymode.training.preparation",
    "everymode.pretraining": "everymode.training.pretraining",
    "everymode.probe": "everymode.training.probe",
    "everymode.progress": "everymode.machine.progress",
    "everymode.recipes.catalogue": "everymode.recipes.catalog",
    "everymode.recipes.data_kinds": "everymode.commands.data_kinds",
    "everymode.recipes.given_partition": "everymode.recipes.partition_learning",
    "everymode.recipes.points": "everymode.recipes.plain_gan",
    "everymode.recovery": "everymode.training.recovery",
    "everymode.rejection": "everymode.sampling.rejection",
    "everymode.run": "everymode.runs.run",
    "everymode.run_data": "everymode.runs.data",
    "everymode.run_folder": "everymode.storage.run_folder",
    "everymode.run_record": "everymode.runs.record",
    "everymode.run_resuming": "everymode.runs.resuming",
    "everymode.run_snapshots": "everymode.runs.snapshots",
    "everymode.schedules": "everymode.training.schedules",
    "everymode.settling": "everymode.training.settling",
    "everymode.stepper": "everymode.training.stepper",
    "everymode.stopping": "everymode.machine.stopping",
    "everymode.storage.whole_files": "everymode.storage.atomic",
    "everymode.tally": "everymode.training.tally",
    "everymode.tensorboard_events": "everymode.storage.tensorboard_events",
    "everymode.trainer": "everymode.training.trainer",
    "everymode.watch": "everymode.training.watch",
}
"""Modules that moved: old name -> new name."""

NAMES = {
    "everymode.metrics.Classifier": "everymode.extractors.Classifier",
    "everymode.metrics.Extractor": "everymode.extractors.Extractor",
    "everymode.metrics.Reference": "everymode.evaluation.Reference",
    "everymode.metrics.ScoreCard": "everymode.evaluation.ScoreCard",
    "everymode.metrics.compare_cards": "everymode.evaluation.compare_cards",
    "everymode.metrics.extract": "everymode.extractors.extract",
    "everymode.metrics.find_extractor": "everymode.extractors.find_extractor",
    "everymode.metrics.quantized": "everymode.extractors.quantized",
    "everymode.metrics.read_card": "everymode.evaluation.read_card",
    "everymode.metrics.resize_images": "everymode.extractors.resize_images",
    "everymode.metrics.train_classifier": "everymode.extractors.train_classifier",
    "everymode.partitioner.nearest_neighbours": "everymode.partitioner.nearest_neighbors",
    "everymode.partitioner.neighbour_accuracy": "everymode.partitioner.neighbor_accuracy",
}
"""Other names that moved to another package: old name -> new name."""

Function = TypeVar("Function", bound=Callable[..., Any])


def renamed_keywords(**new_names: str) -> Callable[[Function], Function]:
    """Return a decorator that also accepts keyword arguments under their old names, with a warning.

    The decorated function raises TypeError if both names are given.

    Args:
        new_names: old name=new name.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **arguments: Any) -> Any:
            for old in new_names.keys() & arguments.keys():
                new = new_names[old]
                if new in arguments:
                    raise TypeError(
                        f"{function.__name__}: {old} is the old name of {new}, which is given too"
                    )
                _warn(f"{function.__name__}({old}=...)", f"{new}=...", stacklevel=3)
                arguments[new] = arguments.pop(old)
            return function(*args, **arguments)

        return cast(Function, call)

    return decorate


def found(package: str, name: str) -> Any:
    """Return the object that `package.name` was, with a warning; for the `__getattr__` of a package.

    Raises:
        AttributeError: if the package never had this name.
    """
    old = f"{package}.{name}"
    if old in MODULES:
        _warn(old, MODULES[old], stacklevel=4)
        return import_module(MODULES[old])
    if old in NAMES:
        _warn(old, NAMES[old], stacklevel=4)
        home, _, attribute = NAMES[old].rpartition(".")
        return getattr(import_module(home), attribute)
    raise AttributeError(f"module {package!r} has no attribute {name!r}")


def install() -> None:
    """Install an import hook, so that importing an old module returns the new one (the same object)."""
    if not any(isinstance(finder, _OldModules) for finder in sys.meta_path):
        # At the front, because the files of a moved package would also be found by its old name, and loaded twice.
        sys.meta_path.insert(0, _OldModules())


GONE = {
    f"everymode.recipes.{name}"
    for name in (
        *("augmentation", "backbone", "cluster_numbers", "decay_by_images", "embedding", "fixed_features"),
        *("partition_numbers", "residual_networks", "small_gan", "tables"),
    )
}
"""Modules of recipe classes, which parts have replaced."""


class _OldModules(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname in GONE:
            raise ModuleNotFoundError(
                f"{fullname} no longer exists: recipes consist of parts, which are in everymode.recipes.parts and "
                "in the modules of the papers; change their hyper-parameters with recipe.with_numbers(...)",
                name=fullname,
            )
        return ModuleSpec(fullname, _Renamed()) if fullname in MODULES else None


class _Renamed(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        _warn(old, MODULES[old], stacklevel=3)
        sys.modules[old] = import_module(MODULES[old])  # replaces the empty module


def _warn(old: str, new: str, *, stacklevel: int) -> None:
    warnings.warn(
        f"{old} is called {new} now; the old name will be removed in 0.3", DeprecationWarning, stacklevel
    )
