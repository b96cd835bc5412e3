"""Two processes train what one would: real processes over gloo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from children import run_ranks
from ranks import ACCUMULATED, BATCH_NORM, PAIR_STEPS, PAIRS, PLAIN, STEPS, pairs, play, several_runs
from torch import nn
from toy_games import ToyRecipe, largest_difference, toy_trainer
from train_digits import train_digits

from everymode.draws import Rows
from everymode.machine.distributed import World
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the writer of two processes saved."""
    out = tmp_path_factory.mktemp("ranks")
    for ended in run_ranks(2, several_runs, out, output=out / "said"):
        assert ended.code == 0, ended.said
    return out


def state_of_one(recipe: ToyRecipe) -> dict[str, Any]:
    trainer = play(toy_trainer(recipe), STEPS)
    return trainer.state() | {"means": trainer.tally.read(trainer.world)[0]}


def saved(folder: Path, step: int = STEPS) -> dict[str, Any]:
    return files.read_state(folder / f"step-{step:07d}")


def assert_close(state: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    for part in ("modules", "average", "optimizers"):
        assert largest_difference(state[part], expected[part]) < tolerance, part
    assert state["means"] == pytest.approx(expected["means"], abs=tolerance)


def test_two_ranks_train_what_one_does(two_ranks: Path) -> None:
    assert_close(saved(two_ranks / "plain"), state_of_one(PLAIN), 1e-9)


def test_so_do_they_with_accumulation(two_ranks: Path) -> None:
    assert_close(saved(two_ranks / "accumulated"), state_of_one(ACCUMULATED), 1e-9)


def test_so_do_they_with_batch_norm_whose_statistics_are_synchronized(two_ranks: Path) -> None:
    # Sums over ranks are rounded in another order; ten steps of Adam enlarge that.
    assert_close(saved(two_ranks / "batch norm"), state_of_one(BATCH_NORM), 1e-8)


@pytest.mark.parametrize("name", PAIRS)
def test_so_do_they_on_pairs_of_images(two_ranks: Path, name: str) -> None:
    trainer = play(pairs(name), PAIR_STEPS)
    expected = trainer.state() | {"means": trainer.tally.read(trainer.world)[0]}
    assert_close(saved(two_ranks / name, PAIR_STEPS), expected, 1e-8)


def test_the_number_of_ranks_may_change_on_resume(two_ranks: Path) -> None:
    trainer = toy_trainer(PLAIN)
    state = saved(two_ranks / "half", STEPS // 2)
    trainer.restore(state)
    play(trainer, STEPS // 2)
    expected = state_of_one(PLAIN)
    for part in ("modules", "average", "optimizers"):
        assert largest_difference(trainer.state()[part], expected[part]) < 1e-9


def test_a_signal_to_one_rank_stops_all_at_the_same_step(tmp_path: Path) -> None:
    numbers = {"steps": 20, "snapshot": 20}
    ended = run_ranks(
        2, train_digits, tmp_path / "runs", numbers, None, "SIGTERM", 2, 1, output=tmp_path / "said"
    )
    assert [end.code for end in ended] == [75, 75], ended
    assert all("stopped at step 5 of 20" in end.said for end in ended)
    (path,) = (tmp_path / "runs").iterdir()
    folder = RunFolder(path)
    assert folder.read_status()["state"] == "stopped"
    assert [record["step"] for record in read_lines(folder.log)] == [2, 4]
    files.verify(folder.checkpoints / "step-0000005")
    assert folder.reals.is_file()
    assert sorted(folder.samples.iterdir()) == [folder.sample_picture(0), folder.sample_picture(5)]
    assert json.loads((path / "config.json").read_text())["processes"] == 2
    assert "run " in ended[0].said and "run " not in ended[1].said


def test_a_world_of_one_costs_nothing() -> None:
    world = World()
    values = torch.ones(2)
    assert world.total(values) is values and world.least(values) is values
    assert world.share(values) is values
    assert world.any(True) and not world.any(False)
    assert world.parts(7, 1) == [Rows(0, 7, 7)]
    assert world.is_writer
    parameter = nn.Parameter(torch.zeros(1))
    world.average_gradients([parameter])
    assert parameter.grad is not None and parameter.grad.tolist() == [0.0]
    world.synchronize_statistics(nn.BatchNorm1d(2))
    world.barrier()
    world.close()


def test_frozen_statistics_may_stay_apart() -> None:
    with pytest.raises(ValueError, match="whose statistics would differ between the 2 processes"):
        World(rank=0, size=2).synchronize_statistics(nn.BatchNorm1d(2))
    World(rank=0, size=2).synchronize_statistics(nn.BatchNorm1d(2).eval())


def test_an_uneven_batch_is_refused_with_one_that_works() -> None:
    with pytest.raises(ValueError, match="a multiple of 3, such as 9"):
        World(rank=0, size=3).parts(8, 1)
    shares = [World(rank=rank, size=3).parts(12, 2) for rank in range(3)]
    assert [[tuple(rows)[:2] for rows in share] for share in shares] == [
        [(0, 2), (2, 4)],
        [(4, 6), (6, 8)],
        [(8, 10), (10, 12)],
    ]


def test_the_world_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert World.from_environment().size == 1
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert World.local_rank() == 3


def test_the_writer_goes_first() -> None:
    with World().writer_first():
        pass
    with pytest.raises(KeyError), World().writer_first():
        raise KeyError("planted")
