"""Resuming: k steps and k more are 2 k steps, bit for bit, in one process and after a kill."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from children import Ended, run
from PIL import Image
from safetensors.torch import load_file
from toy_games import ToyRecipe, differences, toy_trainer
from train_digits import train_digits
from train_pairs import NUMBERS, train_pairs

from everymode.machine.stopping import Stopped, StopRequest
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.trainer import Trainer

FULL = ToyRecipe(
    mirror=True,
    class_sampling="balanced",
    discriminator_steps=2,
    batch_norm=True,
    moving_mean=True,
    r1_weight=0.5,
    r1_every=3,
    lr_decay=0.5,
    settling=0.7,
    settling_lr=0.5,
    ema_start=3,
    generator_weight_decay=1e-2,
    steps=10,
    tick=1,
    snapshot=5,
)


class StopAt:
    """Asks the run to stop once the data of a step have been read."""

    def __init__(self, trainer: Trainer, step: int, request: StopRequest) -> None:
        indices = trainer.order.indices

        def watched(move: int) -> object:
            if move == (step - 1) * trainer.recipe.discriminator_steps:
                request.request(signal.SIGTERM)
            return indices(move)

        trainer.order.indices = watched


@pytest.mark.parametrize("precision", ["float32", "bf16", "float64"])
def test_k_and_k_are_2k_bit_for_bit(tmp_path: Path, precision: str) -> None:
    recipe = FULL.with_numbers(precision=precision)
    through = toy_trainer(recipe)
    for _ in range(10):
        through.step()
    first = toy_trainer(recipe)
    for _ in range(5):
        first.step()
    written = files.write_checkpoint(
        tmp_path, 5, generator=first.average.state_dict(), config={}, state=first.state()
    )
    second = toy_trainer(recipe)
    second.restore(files.read_state(written))
    assert second.completed == 5
    for _ in range(5):
        second.step()
    assert differences(through.state(), second.state()) == []
    assert differences(first.state(), second.state()) != []


def test_the_state_holds_everything_that_moves() -> None:
    trainer = toy_trainer(FULL)
    trainer.step()
    state = trainer.state()
    modules = {"generator", "discriminator", "labels", "terms/discriminator/moving mean"}
    assert set(state["modules"]) == modules
    assert state["modules"]["terms/discriminator/moving mean"]["turns"].item() == 2
    names = {name for name, _ in trainer.game.discriminator.named_parameters()}
    assert set(state["optimizers"]["discriminator"]) == names
    assert set(state["optimizers"]["discriminator"]["head.linear.bias"]) == {"step", "exp_avg", "exp_avg_sq"}


def test_logs_and_pictures_of_a_stopped_and_resumed_run(tmp_path: Path) -> None:
    whole = RunFolder.create(tmp_path, "whole")
    toy_trainer(FULL, folder=whole).run()
    cut = RunFolder.create(tmp_path, "cut")
    request = StopRequest()
    stopped = toy_trainer(FULL, folder=cut, stop=request)
    StopAt(stopped, 7, request)
    with pytest.raises(Stopped, match="stopped at step 7 of 10"):
        stopped.run()
    assert cut.read_status()["state"] == "stopped"
    newest = files.newest_valid(cut.checkpoints, print)
    assert newest is not None and files.step_of(newest) == 7
    resumed = toy_trainer(FULL, folder=cut)
    resumed.restore(files.read_state(newest))
    resumed.run()
    assert without_times(cut.log) == without_times(whole.log)
    assert len(without_times(cut.log)) == 10
    assert cut.read_status()["state"] == "done"
    assert differences(*(files.read_state(f.checkpoints / "step-0000010") for f in (whole, cut))) == []


def test_restoring_another_games_state_names_what_does_not_fit() -> None:
    with pytest.raises(RuntimeError, match=r"first.weight"):
        toy_trainer(ToyRecipe(width=4)).restore(toy_trainer(ToyRecipe(width=8)).state())


def without_times(log: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in read_lines(log)]


# ---- real processes


def train(out: Path, send: str = "", at: int = 0) -> Ended:
    return run(train_digits, out / "runs", {}, "auto", send, at, output=out / "said")


def only_run(out: Path) -> RunFolder:
    (path,) = (out / "runs").iterdir()
    return RunFolder(path)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("uninterrupted")
    ended = train(out)
    assert ended.code == 0, ended.said
    return only_run(out)


def assert_same_end(folder: RunFolder, expected: RunFolder) -> None:
    mine, theirs = (f.checkpoints / "step-0000012" for f in (folder, expected))
    for name in ("generator.safetensors", "state/state.safetensors", "state/state.json"):
        assert (mine / name).read_bytes() == (theirs / name).read_bytes(), name
    tensors = load_file(mine / "state" / "state.safetensors")
    assert any(name.endswith("exp_avg_sq") for name in tensors)
    assert without_times(folder.log) == without_times(expected.log)
    assert folder.read_status()["state"] == "done"


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, uninterrupted: RunFolder) -> None:
    killed = train(tmp_path, "SIGKILL", 7)
    assert killed.code == -signal.SIGKILL
    folder = only_run(tmp_path)
    assert [record["step"] for record in read_lines(folder.log)] == [2, 4, 6]
    assert folder.read_status()["state"] == "running"
    resumed = train(tmp_path)
    assert resumed.code == 0, resumed.said
    assert "resuming at step 4 of 12" in resumed.said
    assert_same_end(only_run(tmp_path), uninterrupted)


@pytest.mark.parametrize("name", NUMBERS)
def test_so_does_a_killed_run_of_pairs(name: str, tmp_path: Path) -> None:
    data = ""
    if name == "san-sr-photos":  # the bundled photographs are large, and belong to an extra
        data = str(tmp_path / "photos")
        _save_photos(tmp_path / "photos")
    train_pairs(name, tmp_path / "whole", data)
    killed = run(train_pairs, name, tmp_path / "killed", data, 5, output=tmp_path / "said")
    assert killed.code == -signal.SIGKILL, killed.said
    (whole,), (folder,) = (map(RunFolder, (tmp_path / kind).iterdir()) for kind in ("whole", "killed"))
    assert folder.read_status()["state"] == "running"
    train_pairs(name, tmp_path / "killed", data)
    assert without_times(folder.log) == without_times(whole.log)
    last = ("checkpoints", "step-0000006", "state", "state.safetensors")
    assert folder.path.joinpath(*last).read_bytes() == whole.path.joinpath(*last).read_bytes()
    for step in (0, 2, 4, 6):
        picture = folder.sample_picture(step)
        assert picture.read_bytes() == whole.sample_picture(step).read_bytes()


def _save_photos(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(2):
        Image.fromarray(random.integers(0, 256, (40, 44, 3), dtype=np.uint8)).save(folder / f"{number}.png")


def test_a_terminated_run_saves_first(tmp_path: Path, uninterrupted: RunFolder) -> None:
    stopped = train(tmp_path, "SIGTERM", 6)
    assert stopped.code == 75, stopped.said
    folder = only_run(tmp_path)
    status = folder.read_status()
    assert (status["state"], status["step"]) == ("stopped", 6)
    files.verify(folder.checkpoints / "step-0000006")
    assert not list(folder.path.rglob("*.pt")) + list(folder.path.rglob("*.pkl"))

    # A kill in the middle of a write, as it looks afterward: a half-written folder, and a state cut short.
    shutil.copytree(folder.checkpoints / "step-0000004", folder.checkpoints / ".step-0000008.writing")
    newest = folder.checkpoints / "step-0000006" / "state" / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    with folder.log.open("a") as log:
        log.write(json.dumps({"step": 8, "images": 0}) + '\n{"step": 1')
    resumed = train(tmp_path)
    assert resumed.code == 0, resumed.said
    assert "skipping a damaged checkpoint" in resumed.said
    assert "state.safetensors is not the file that was written" in resumed.said
    assert "resuming at step 4 of 12" in resumed.said
    assert_same_end(only_run(tmp_path), uninterrupted)
    assert not list(folder.checkpoints.glob(".step-*"))
