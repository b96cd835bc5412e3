"""Real processes for tests, forked from one server that has loaded everymode, so that each starts at once."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import os
import socket
import sys
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

SECONDS = 120
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["preloaded"])


class Ended(NamedTuple):
    """How a process ended, and all it said."""

    code: int | None
    said: str


def run(target: Callable[..., None], *arguments: object, output: Path) -> Ended:
    """Call the function in a process of its own and wait; `output` takes what it says."""
    return run_ranks(1, target, *arguments, output=output)[0]


def run_ranks(ranks: int, target: Callable[..., None], *arguments: object, output: Path) -> list[Ended]:
    """Call the function in as many processes, which the environment describes to each as torchrun does."""
    environments: list[dict[str, str]] = [{}]
    if ranks > 1:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        common = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        environments = [common | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]
    texts = [output.with_suffix(f".{rank}.txt") for rank in range(ranks)]
    processes = [
        _CONTEXT.Process(target=_call, args=(target, arguments, environment, text))
        for environment, text in zip(environments, texts, strict=True)
    ]
    _start_server()
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
    return [
        Ended(process.exitcode, text.read_text() if text.is_file() else "")
        for process, text in zip(processes, texts, strict=True)
    ]


def forking(method: str) -> multiprocessing.context.BaseContext:
    """In place of `multiprocessing.get_context`: processes that the server forks, not new ones that import all anew."""
    assert method == "spawn", "a forked process would inherit what this one has computed"
    _start_server()
    return _CONTEXT


def _start_server() -> None:
    # The server looks for what it preloads on the path of its environment, not on this process's.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _call(
    target: Callable[..., None], arguments: Sequence[object], environment: dict[str, str], text: Path
) -> None:
    os.environ.update(environment)
    with text.open("a") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        sys.stdout = sys.stderr = out
        target(*arguments)
