"""A run whose generator becomes NaN once, and that is killed while it goes back from there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from toy_games import ToyRecipe, toy_trainer

from everymode.storage.run_folder import RunFolder

RECIPE = ToyRecipe(steps=10, snapshot=3, tick=1)
MOMENTS = ("between", "after")


def die_in_rollback(path: Path, moment: str) -> None:
    """Train; a rollback from step 5 to step 3 writes that checkpoint anew, and the process dies at a moment of this."""
    trainer = toy_trainer(RECIPE, folder=RunFolder(path), on_nonfinite_rollback=True)
    step, save, replace = trainer.step, trainer.save, Path.replace

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def step_with_nan() -> None:
        step()
        if trainer.completed == 5 and trainer.recovery.rollbacks == 0:
            next(trainer.game.generator.parameters()).data.fill_(float("nan"))

    def save_and_die(**options: bool) -> None:
        save(**options)
        if trainer.recovery.rollbacks:
            die()

    def replace_and_die(source: Path, target: Path) -> Path:
        if trainer.recovery.rollbacks and moment == "between" and source.name == ".step-0000003.writing":
            die()
        return replace(source, target)

    trainer.step, trainer.save, Path.replace = step_with_nan, save_and_die, replace_and_die
    trainer.run()
