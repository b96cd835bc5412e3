"""Ctrl-C at any moment ends the process: with code 130 and one line, or, once a run listens, with a checkpoint."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from everymode import __main__ as entry

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
FIRST, LAST = 0.15, 5.0
"""Seconds of a process's own time: a busy machine stretches no moment. Before the first one Python itself starts."""
STOPPING = "stopping after this step; Ctrl-C again ends the program at once"


def moments(seed: int, number: int, last: float) -> list[float]:
    """One random moment in each of `number` equal stretches up to `last`."""
    dice = random.Random(seed)
    stretch = (last - FIRST) / number
    return [round(FIRST + stretch * (index + dice.random()), 2) for index in range(number)]


def interrupted(moment: float, folder: Path) -> tuple[int, str, str]:
    """Exit code and output of a training that gets a SIGINT when it has used `moment` seconds of processor time."""
    words = ["train", "omni-gan-digits", "--steps", "100000", "--width", "4", "--batch-size", "8"]
    command = [sys.executable, "-m", "everymode", *words, "--device", "cpu", "--out", "runs"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "EVERYMODE_CACHE": str(folder / "cache")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)
    clocks = Path(f"/proc/{process.pid}/stat")
    while process.poll() is None:
        if sum(map(int, clocks.read_text().rpartition(")")[2].split()[11:13])) >= moment * TICKS:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    try:
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, said, errors


def ends_well(moment: float, folder: Path) -> None:
    code, said, errors = interrupted(moment, folder)
    runs = [*(folder / "runs").glob("*/*")]
    if code == 75:
        assert errors.strip() == STOPPING and "resume with: everymode train --resume" in said
        assert [path.name for path in runs if path.name == "checkpoints"]
    else:
        assert (code, errors) == (130, "error: interrupted\n"), said
        assert not runs


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads a process's own time from /proc")
@pytest.mark.parametrize("moment", moments(1, 3, 2.0))
def test_ctrl_c_at_any_moment_ends_in_one_line(moment: float, tmp_path: Path) -> None:
    ends_well(moment, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads a process's own time from /proc")
@pytest.mark.parametrize("moment", moments(2, 20, LAST))
def test_ctrl_c_at_many_moments(moment: float, tmp_path: Path) -> None:
    ends_well(moment, tmp_path)


def test_an_import_of_others_is_seen() -> None:
    code = "import sys; seen = check(sys._getframe())"
    for name, expected in (("torch.nn", True), ("everymode.cli", False), ("__main__", False)):
        space = {"__name__": name, "check": entry._imports_others}
        # In a thread, whose frames don't begin in the module that runs the tests.
        thread = threading.Thread(target=exec, args=(compile(code, name, "exec"), space))
        thread.start()
        thread.join()
        assert space["seen"] is expected
