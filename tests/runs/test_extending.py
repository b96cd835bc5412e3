"""More steps for a run that had ended: from before its generator settled, or easing in; also after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from children import run_ranks
from extend_on_ranks import DECAYING, extend
from extend_on_ranks import SETTLING as ON_RANKS
from extend_on_ranks import toy as train_toy
from toy_games import ToyRecipe, differences, largest_difference, toy_data

from everymode.machine.stopping import Stopped
from everymode.runs.run import Run, train
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import read_lines
from everymode.training.trainer import Trainer

SETTLING = ToyRecipe(
    batch_norm=True, settling=0.25, settling_lr=0.5, steps=8, tick=1, snapshot=4, watch_samples=12
)


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Run]:
    """Trains the toy in tmp_path, on the CPU."""

    def run(recipe: ToyRecipe = SETTLING, **options: object) -> Run:
        given = {"data": toy_data(), "out": tmp_path / "runs", "device": "cpu", "quiet": True}
        return train(recipe, **(given | options))

    return run


def state_at(run: Path, step: int) -> dict[str, object]:
    return files.read_state(run / "checkpoints" / f"step-{step:07d}")


def without_times(run: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in read_lines(run / "log.jsonl")]


class Killed(BaseException):
    """Ends a run as a kill does: nothing is written any more."""


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Trainer.step

    def stepping(trainer: Trainer) -> None:
        if trainer.completed == step:
            raise Killed
        made(trainer)

    monkeypatch.setattr(Trainer, "step", stepping)


def test_a_settled_run_that_is_extended_is_the_longer_run(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short, longer = toy(), toy(steps=12)
    settled = state_at(short.folder, 8)
    copies = [shutil.copytree(short.folder, short.folder.parent / f"copy{number}") for number in range(2)]
    toy(resume=short.folder, steps=12, quiet=False)
    said = capsys.readouterr().out
    assert "resuming at step 6, before the generator settled" in said
    assert differences(state_at(short.folder, 12), state_at(longer.folder, 12)) == []
    assert without_times(short.folder) == without_times(longer.folder)
    assert differences(files.read_state(short.folder / "settled" / "step-0000008"), settled) == []
    for copy, step in zip(copies, (6, 9), strict=True):  # before and after the first checkpoint
        with monkeypatch.context() as patch:
            killed_at(step, patch)
            with pytest.raises(Killed):
                toy(resume=copy, steps=12)
        toy(resume=copy)
        assert differences(state_at(copy, 12), state_at(longer.folder, 12)) == []


def test_without_a_checkpoint_from_before_the_generator_eases_in(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = toy().folder
    shutil.rmtree(run / "checkpoints" / "step-0000006")
    copy = shutil.copytree(run, run.parent / "copy")
    toy(resume=run, steps=16, quiet=False)
    said = capsys.readouterr().out
    assert "over 4 ticks the learning rates rise" in said and "resuming at step 8 of 16" in said
    assert not (run / "settled").exists()
    with monkeypatch.context() as patch:
        killed_at(9, patch)
        with pytest.raises(Killed):
            toy(resume=copy, steps=16)
    toy(resume=copy)
    ended = state_at(run, 16)
    assert differences(state_at(copy, 16), ended) == []
    assert ended["easing"]["start"] == 8 and ended["easing"]["steps"] == 4


def test_a_run_that_still_settles_just_continues(toy: Callable[..., Run], capsys) -> None:
    run = toy(settling=0.75).folder
    toy(resume=run, steps=10, quiet=False)
    assert "settled" not in capsys.readouterr().out
    assert [files.step_of(path) for path in files.checkpoints(run / "checkpoints")][-1] == 10


def test_learning_rates_that_had_fallen_ease_in(toy: Callable[..., Run], capsys, monkeypatch) -> None:
    run = toy(settling=0.0, lr_decay=0.5).folder
    copy = shutil.copytree(run, run.parent / "copy")
    rates, made = [], Trainer.step

    def stepping(trainer: Trainer) -> None:
        made(trainer)
        rates.append(trainer.generator_optimizer.param_groups[0]["lr"] / trainer.recipe.generator_lr)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stepping)
        toy(resume=run, steps=16, quiet=False)
    # 0.25 in the last step before, and then a quarter more of the way to the schedule's 1, 0.875, 0.75, ... in each
    assert rates == pytest.approx([0.4375, 0.5625, 0.625, 0.625, 0.5, 0.375, 0.25, 0.125])
    assert "learning rates rise from 0 of the recipe's to 1 over 4 ticks" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        killed_at(9, patch)
        with pytest.raises(Killed):
            toy(resume=copy, steps=16)
    toy(resume=copy)
    assert differences(state_at(copy, 16), state_at(run, 16)) == []


def test_learning_rates_that_fall_at_once_are_said(toy: Callable[..., Run], capsys) -> None:
    run = toy(settling=0.0).folder
    toy(resume=run, steps=10, lr_decay=0.5, quiet=False)
    assert "learning rates at step 8: 0.4 of the recipe's, not 1 as before" in capsys.readouterr().out


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs that two processes have extended."""
    out = tmp_path_factory.mktemp("extended")
    for ended in run_ranks(2, extend, out, output=out / "said"):
        assert ended.code == 0, ended.said
    return out / "runs"


@pytest.mark.parametrize(
    ("name", "recipe", "steps"),
    [("00000-toy-toy", ON_RANKS, 12), ("eased", ON_RANKS, 12), ("00001-toy-toy", DECAYING, 16)],
)
def test_two_ranks_extend_a_run_as_one_does(
    two_ranks: Path, tmp_path: Path, name: str, recipe: ToyRecipe, steps: int
) -> None:
    run = train_toy(recipe, tmp_path).folder
    if name == "eased":
        shutil.rmtree(run / "checkpoints" / "step-0000006")
    train_toy(recipe, tmp_path, resume=run, steps=steps)
    ended, expected = state_at(two_ranks / name, steps), state_at(run, steps)
    for part in ("modules", "average", "optimizers"):
        assert largest_difference(ended[part], expected[part]) < 1e-8, part
    assert ended["easing"] == expected["easing"]
    assert [record["step"] for record in read_lines(two_ranks / name / "log.jsonl")] == [*range(1, steps + 1)]


def test_a_stop_while_it_settles_can_be_extended_too(toy: Callable[..., Run], monkeypatch) -> None:
    longer = toy(steps=12)
    made = Trainer.step

    def stopping(trainer: Trainer) -> None:
        made(trainer)
        if trainer.completed == 7:
            trainer._stop.request(15)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopping)
        with pytest.raises(Stopped) as stopped:
            toy()
    run = stopped.value.folder
    toy(resume=run, steps=12)
    assert differences(state_at(run, 12), state_at(longer.folder, 12)) == []
