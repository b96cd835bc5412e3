"""Resume of a run whose schedule has changed: its generator may have settled already, or its learning rates fallen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

from everymode.recipe import Recipe
from everymode.runs.differences import differences, plain_record
from everymode.runs.resuming import restore
from everymode.sampling.record import recipe_of
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_config
from everymode.training.optimizers import learning_rate_share
from everymode.training.settling import settles, settling_start
from everymode.training.trainer import EASING_TICKS, Trainer

__all__ = ["restore_newest"]

SETTLED = "settled"
"""Subfolder of a run for the last checkpoint of a settled generator, after the run was extended."""


QUIET = frozenset(
    (
        *("name", "steps", "tick", "snapshot", "metrics", "metric_images", "metric_extractor", "keep_best"),
        *("keep_history", "watch_samples", "held_out", "compile", "remedy_lr", "remedy_weight_decay"),
        *("settling", "settling_lr", "lr_decay"),
    )
)
"""Hyper-parameters that may change on resume without a change of the next step's game."""


class _Start(NamedTuple):
    """Checkpoint from which a run resumes."""

    checkpoint: Path
    settled: Path | None
    """The newest checkpoint, if its generator has settled and shall not have settled yet by the present recipe."""


def restore_newest(trainer: Trainer, folder: RunFolder) -> bool:
    """Load the run's newest checkpoint into the trainer, or that before the generator settled.

    A generator that settled at the end of training can't continue at once at full learning rates and with statistics
    of the batch: its samples collapse for a while. If the recipe now has more steps and settles later, the run
    resumes from the checkpoint that was kept at the step at which it began to settle; its later checkpoints are
    deleted, except for the newest, which is moved to the subfolder `settled`. Without that checkpoint, the run eases in
    (`Trainer.ease_in`). So does a run whose learning rates had fallen at the end (`lr_decay`) and are higher by the
    schedule of the present recipe.

    Args:
        trainer: the trainer, in every process of the run.
        folder: folder of the run.

    Returns:
        Whether there is an undamaged checkpoint.

    Raises:
        ValueError: if hyper-parameters that shape the networks have changed.
    """
    world, say = trainer.world, trainer.progress.say
    start = _start(folder, trainer.recipe, say) if world.is_writer else None
    start = cast("_Start | None", world.share(start))  # the type of what the writer shares
    if start is None:
        return False
    before = _recipe_at(start.checkpoint, trainer.recipe)
    restore(trainer, start.checkpoint)
    world.barrier()  # before the writer replaces a checkpoint that another process still reads
    old, new = (learning_rate_share(each, trainer.completed) for each in (before, trainer.recipe))
    if start.settled is not None and start.settled != start.checkpoint:
        if world.is_writer:
            aside = files.set_aside(start.settled, folder.path / SETTLED)
            files.drop_after(folder.checkpoints, trainer.completed)
            say(
                f"resuming at step {trainer.completed}, before the generator settled; its settled checkpoint is kept "
                f"in {aside}"
            )
        world.barrier()
    elif start.settled is not None:
        say(
            f"the generator has settled, and the run has no checkpoint from before that: over {EASING_TICKS} ticks the "
            "learning rates rise to those of the recipe"
        )
    if old != new:
        _say_learning_rates(old, new, trainer)
    if start.settled == start.checkpoint or new > old:
        trainer.ease_in(before)
    elsewhere = [each.name for each in differences(plain_record(before), plain_record(trainer.recipe))]
    if old != new or not QUIET.issuperset(elsewhere):
        trainer.watch.expect_change()
    return True


def _start(folder: RunFolder, recipe: Recipe, say: Callable[[str], None]) -> _Start | None:
    newest = files.newest_valid(folder.checkpoints, say)
    if newest is None:
        return None
    before, step = _recipe_at(newest, recipe), files.step_of(newest) or 0
    if step == 0 or not settles(before, step - 1) or settles(recipe, step):
        return _Start(newest, None)
    unsettled = files.checkpoint_of(folder.checkpoints, settling_start(before) or 0)
    try:
        files.verify(unsettled)
    except files.DamagedCheckpoint:
        return _Start(newest, newest)
    return _Start(unsettled, newest)


def _recipe_at(checkpoint: Path, recipe: Recipe) -> Recipe:
    """Return the recipe with which a checkpoint was written; the present one if it can't be read."""
    try:
        return recipe_of(read_config(checkpoint / "config.json"), recipe, checkpoint)
    except (OSError, ValueError):
        return recipe


def _say_learning_rates(before: float, now: float, trainer: Trainer) -> None:
    """Print that the learning rates change, because the last share of training is another one."""
    recipe, step = trainer.recipe, trainer.completed
    if now > before:
        change = (
            f"learning rates rise from {before:.3g} of the recipe's to {now:.3g} over {EASING_TICKS} ticks"
        )
    else:
        change = f"learning rates at step {step}: {now:.3g} of the recipe's, not {before:.3g} as before"
    falls = f"they fall to 0 over the last {round(recipe.lr_decay * recipe.steps)} of {recipe.steps} steps"
    trainer.progress.say(f"{change}: {falls} (lr_decay)" if recipe.lr_decay else change)
