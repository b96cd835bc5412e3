"""How a run ends for a caller in Python: a stop has the call that resumes it, and the status says what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_games import ToyRecipe, toy_data

import everymode
from everymode.machine.stopping import Stopped
from everymode.recipes import omni_gan
from everymode.runs.resume_call import resume_call
from everymode.runs.run import train
from everymode.storage.run_folder import RunFolder
from everymode.training.trainer import Trainer

SMALL = {"steps": 4, "tick": 1, "snapshot": 4, "width": 4, "batch_size": 8, "watch_samples": 8}
TOY = ToyRecipe(steps=4, tick=1, snapshot=2)


def at_step(step: int, do: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Trainer.step

    def stepping(trainer: Trainer) -> None:
        made(trainer)
        if trainer.completed == step:
            do(trainer)

    monkeypatch.setattr(Trainer, "step", stepping)


@pytest.mark.parametrize("renamed", [{}, {"name": "mine"}])
def test_the_message_of_a_stop_is_a_call_that_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: dict[str, str]
) -> None:
    out = tmp_path / "it's a folder"
    with monkeypatch.context() as patch:
        at_step(2, lambda trainer: trainer._stop.request(2), patch)
        with pytest.raises(Stopped) as stopped:
            everymode.train("omni-gan-digits", out=out, device="cpu", quiet=True, **SMALL, **renamed)
    (folder,) = out.iterdir()
    assert RunFolder(folder).read_status()["state"] == "stopped"
    text, call = str(stopped.value).split("; resume with: ")
    assert text == stopped.value.text == "stopped at step 2 of 4" and call.startswith("everymode.train('omni")
    run = eval(call, {"everymode": everymode})
    assert (run.folder, run.steps) == (folder, 4)


def test_what_is_not_text_has_the_name_of_its_argument() -> None:
    folder = Path("runs", "1")
    assert resume_call(TOY, toy_data(), folder, {}) == "everymode.train(recipe, data, resume='runs/1')"
    wide = replace(omni_gan.DIGITS, steps=8)
    assert resume_call(wide, "photos", folder, {"font": Path("a.ttf"), "quiet": True}) == (
        "everymode.train('omni-gan-digits', resume='runs/1', font='a.ttf', quiet=True)"
    )
    assert resume_call("my.py", None, folder, {}) == "everymode.train('my.py', resume='runs/1')"


@pytest.mark.parametrize(("error", "state"), [(MemoryError, "failed"), (KeyboardInterrupt, "stopped")])
def test_a_run_that_an_exception_ends_is_not_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], state: str
) -> None:
    def failing(trainer: Trainer) -> None:
        raise error

    at_step(3, failing, monkeypatch)
    with pytest.raises(error):
        train(TOY, data=toy_data(), out=tmp_path, device="cpu", quiet=True)
    (folder,) = tmp_path.iterdir()
    status = RunFolder(folder).read_status()
    assert (status["state"], status["step"]) == (state, 3)
