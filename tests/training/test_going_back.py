"""Going back: which checkpoints a rollback leaves, which pruning keeps, and that a kill on the way loses nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from children import run
from die_in_rollback import MOMENTS, RECIPE, die_in_rollback
from toy_games import toy_trainer

from everymode.storage import checkpoint as files
from everymode.storage.atomic import clean
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.recovery import Recovery
from everymode.training.trainer import Trainer


def steps(folder: RunFolder) -> list[int | None]:
    return [files.step_of(path) for path in files.checkpoints(folder.checkpoints)]


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """At step 12, with checkpoints of every third step, of which that of step 3 was the last healthy one."""
    folder = RunFolder.create(tmp_path, "run")
    made = toy_trainer(RECIPE.with_numbers(steps=12), folder=folder, probe=lambda trainer: {})
    for step in range(1, 13):
        made.step()
        folder.add_line(folder.log, {"step": step})
        if step % 3 == 0:
            made.watch.last_healthy = 3
            made.save()
    return made


def test_pruning_keeps_the_newest_healthy_checkpoint_beside_the_last_two(trainer: Trainer) -> None:
    assert trainer.folder is not None and steps(trainer.folder) == [3, 9, 12]
    trainer.watch.last_healthy = 10
    trainer.save()
    assert steps(trainer.folder) == [9, 12], "of the healthy ones, the newest"
    trainer.watch.last_healthy = 2
    trainer.step()
    trainer.save()
    assert steps(trainer.folder) == [12, 13], "none of those that are there is healthy"


def test_a_rollback_leaves_nothing_of_the_course_that_it_abandons(trainer: Trainer) -> None:
    folder = trainer.folder
    assert folder is not None
    trainer._going_back._roll_back(folder.checkpoints / "step-0000003", Recovery().remedy(lr=0.5))
    assert trainer.completed == 3 and steps(folder) == [3]
    assert [record["step"] for record in read_lines(folder.log)] == [1, 2, 3]
    assert files.read_state(folder.checkpoints / "step-0000003")["recovery"]["rollbacks"] == 1


def test_the_newest_checkpoint_up_to_a_step_may_be_of_that_step(trainer: Trainer) -> None:
    assert trainer.folder is not None
    folder = trainer.folder.checkpoints

    def newest(up_to: int | None) -> int | None:
        found = files.newest_valid(folder, print, up_to=up_to)
        return None if found is None else files.step_of(found)

    assert [newest(up_to) for up_to in (None, 13, 12, 11, 9, 8, 3, 2, 0)] == [
        12,
        12,
        12,
        9,
        9,
        3,
        3,
        None,
        None,
    ]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_is_killed_in_a_rollback_goes_on(tmp_path: Path, moment: str) -> None:
    folder = RunFolder.create(tmp_path, "run")
    ended = run(die_in_rollback, folder.path, moment, output=tmp_path / "said")
    assert ended.code == -signal.SIGKILL, ended.said
    clean(folder.path)
    assert steps(folder) == [0, 3] and not list(folder.path.rglob(".*"))
    newest = files.newest_valid(folder.checkpoints, pytest.fail)
    assert newest is not None and files.step_of(newest) == 3
    resumed = toy_trainer(RECIPE, folder=folder, on_nonfinite_rollback=True)
    resumed.restore(files.read_state(newest))
    assert resumed.recovery.rollbacks == (1 if moment == "after" else 0)
    resumed.run()
    assert folder.read_status()["state"] == "done"
    assert [record["step"] for record in read_lines(folder.log)] == list(range(1, 11))
