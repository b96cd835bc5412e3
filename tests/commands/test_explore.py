"""`everymode explore`: its errors, and a server that is started and stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from everymode.cli import main


def test_wrong_arguments_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", str(tmp_path / "nothing")]) == 2
    assert "name run folders" in capsys.readouterr().err
    assert main(["explore", str(tmp_path), "--port", "70000"]) == 2
    assert "from 0 to 65535" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["explore", str(tmp_path), "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err
    assert main(["explore", str(tmp_path), "--host", "no such host"]) == 2
    assert "choose another --host" in capsys.readouterr().err


def test_names_of_a_server() -> None:
    from everymode.commands.exploring import names_of

    assert names_of("127.0.0.1") == ["127.0.0.1"]
    assert names_of("::1") == names_of("[::1]") == ["[::1]"]
    for every in ("0.0.0.0", "::"):
        names = names_of(every)
        assert names[0] == socket.gethostname().lower()
        assert names[-1].strip("[]") == every


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_server_answers_and_ends_at_an_interrupt(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "everymode", "explore", str(tmp_path), "--port", "0"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        address = next(line for line in lines if line.startswith("http://")).strip()
        host = address.removeprefix("http://").rstrip("/")
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert reply.status == 200
        assert reply.getheader("server") is None
        started = time.monotonic()
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0
        assert time.monotonic() - started < 4
    finally:
        server.kill()
        server.wait()
