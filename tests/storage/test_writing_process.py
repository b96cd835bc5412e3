"""The process that writes a run: that it lives, has ended, was another one, or can't be asked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from everymode.storage import writing_process
from everymode.storage.writing_process import is_alive, this_process


def test_this_process_lives() -> None:
    assert this_process()["pid"] == os.getpid()
    assert is_alive(this_process()) is True


def test_a_killed_one_does_not_even_before_its_parent_asks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child:
        record = {**this_process(), "pid": child.pid, "start": writing_process._state_and_start(child.pid)[1]}
        assert is_alive(record) is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
        if writing_process._state_and_start(child.pid)[0] is not None:  # where the system tells
            assert is_alive(record) is False
    assert is_alive(record) is False


def test_another_process_of_the_same_id_is_not_it() -> None:
    record = this_process()
    if record["start"] is not None:
        assert is_alive({**record, "start": record["start"] - 1}) is False
    assert is_alive({**record, "start": None}) is True


@pytest.mark.parametrize(
    "record",
    [
        None,
        3,
        {},
        {"machine": "0123456789abcdef", "pid": 1},
        *({**this_process(), "pid": pid} for pid in (None, True, -1, 0, 2**70, "1")),
    ],
)
def test_one_that_can_not_be_asked_is_not_known(record: object) -> None:
    assert is_alive(record) is None
