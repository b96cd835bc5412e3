"""Small run folders for the explorer's tests, written without training."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.sampling.record import FORMAT, record_of
from everymode.storage.checkpoint import write_checkpoint
from everymode.storage.run_folder import RunFolder
from everymode.version import __version__


def digits(**numbers: Any) -> Recipe:
    """A recipe of digits with narrow networks."""
    recipe = find("omni-inr-gan-digits" if numbers.pop("implicit", False) else "omni-gan-digits")
    assert recipe.networks is not None
    fields: Any = {"width": 4}
    counts = numbers.pop("classes", 10)
    return replace(
        recipe,
        networks=replace(recipe.networks, **fields),
        num_classes=counts,
        class_counts=(10,) * counts,
        num_images=10 * counts,
        **numbers,
    )


def write_run(
    folder: Path,
    recipe: Recipe | None = None,
    *,
    steps: Sequence[int] = (10, 20),
    classes: Sequence[str] = tuple(map(str, range(10))),
    state: Callable[[Any], None] | None = None,
    **data: Any,
) -> Path:
    """Write a run folder with random generators, each with its own weights.

    Args:
        folder: its path.
        recipe: its recipe; default: digits.
        steps: steps of its checkpoints.
        classes: class names.
        state: changes the generator before it is written.
        data: further fields of "data" in config.json.
    """
    recipe = digits(classes=len(classes)) if recipe is None else recipe
    run = RunFolder(folder)
    run.checkpoints.mkdir(parents=True)
    shape = [2] if recipe.takes_points else [recipe.channels, *recipe.size]
    config = {
        "everymode": __version__,
        "format": FORMAT,
        "recipe": {"file": None, **record_of(recipe)},
        "data": {
            "source": "digits:train",
            "fingerprint": "0",
            "num_images": 100,
            "image_shape": shape,
            "classes": list(classes),
            "skipped": 0,
            **data,
        },
    }
    run.write_config(config)
    run.write_status("done", steps[-1] if steps else 0, 20)
    for step in steps:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step)
            game = recipe.build()
        if state is not None:
            state(game.generator)
        labels = game.labels.sampling_state()
        write_checkpoint(
            run.checkpoints,
            step,
            generator=game.generator.state_dict(),
            config={**config, "step": step},
            state={},
            labels=labels or None,
        )
    return folder


def names_of(run: Path) -> list[str]:
    """Names of a run's checkpoints, by step."""
    from everymode.explorer.catalog import checkpoint_name

    return [checkpoint_name(each) for each in sorted((run / "checkpoints").iterdir())]


def manifest_of(checkpoint: Path) -> dict[str, Any]:
    """Content of a checkpoint's manifest.json."""
    return json.loads((checkpoint / "manifest.json").read_text())
