"""A run in whose folder another process trains is not resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_games import ToyRecipe, toy_data

from everymode.runs.run import Run, train
from everymode.storage.writing_process import is_alive, this_process

TOY = ToyRecipe(steps=2, tick=1, snapshot=2, watch_samples=0)


def toy(out: Path, **options: Any) -> Run:
    return train(TOY, toy_data(), out, device="cpu", quiet=True, **options)


@pytest.mark.parametrize("auto", [False, True])
def test_a_run_that_another_process_trains_is_left_alone(tmp_path: Path, auto: bool) -> None:
    run = toy(tmp_path).folder
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = {**this_process(), "pid": child.pid, "start": None}
        assert is_alive(process)
        status = json.loads((run / "status.json").read_text()) | {"state": "running", "process": process}
        (run / "status.json").write_text(json.dumps(status))
        files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        with pytest.raises(ValueError, match=f"is being trained by process {child.pid}: wait until it ends"):
            toy(tmp_path, resume="auto" if auto else run, steps=4)
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files
        assert list(tmp_path.iterdir()) == [run]
        child.kill()
    assert toy(tmp_path, resume=run, steps=4).steps == 4  # a killed one is resumed


@pytest.mark.parametrize("state", ["running", "done"])
def test_a_run_of_this_process_is_resumed(tmp_path: Path, state: str) -> None:
    run = toy(tmp_path).folder
    status = json.loads((run / "status.json").read_text()) | {"state": state}
    (run / "status.json").write_text(json.dumps(status))
    assert toy(tmp_path, resume=run, steps=3).steps == 3
