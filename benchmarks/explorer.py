"""Speed and memory of the explorer: start, a grid cold and warm, a moving slider, and 200 clients for 30 seconds.

    python -m benchmarks.explorer RUN [--seconds 30] [--clients 200]

RUN is a run of digits. The server is a process of its own; the client speaks HTTP over plain sockets, six at a time as
a browser does. Prints one line per figure with its bar.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 6
"""Connections of a browser to one server."""
GRID = "/samples?seeds=0-7&labels=0-9"
MOVES, MOVING = 20, 2.0
"""Moves of the slider, and the seconds in which they happen."""
STEP = 0.25
"""Seconds between two views that the page's script asks for while a slider moves."""


class Answer(NamedTuple):
    """Status, body and seconds of a reply."""

    status: int
    body: bytes
    seconds: float


async def ask(port: int, address: str) -> Answer:
    """Ask for one address; a task that is canceled closes its connection, as a browser does."""
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read()
        return Answer(int(head.split(b" ", 2)[1]), body, time.perf_counter() - started)
    finally:
        writer.close()


async def view(port: int, address: str) -> list[Answer]:
    """Ask for a page and then for its images, over six connections."""
    page = await ask(port, address)
    sources = re.findall(r'<img src="([^"]+)"', page.body.decode())
    limit = asyncio.Semaphore(CONNECTIONS)

    async def image(source: str) -> Answer:
        async with limit:
            return await ask(port, html.unescape(source))

    return [page, *await asyncio.gather(*map(image, dict.fromkeys(sources)))]


def memory(process: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1000 if found else float("nan")


def processor(process: int) -> float:
    """Seconds of processor time that a process has used: on a busy machine, what remains of a figure in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def warmed_up(port: int) -> None:
    """Wait until the generator that the first page shows is loaded, which happens in the background after the start."""
    for _ in range(600):
        if await drawn(port):
            return
        await asyncio.sleep(0.1)


async def drawn(port: int) -> int:
    """Tiles that the server has drawn."""
    return json.loads((await ask(port, "/api/worker.json")).body)["drawn"]


async def slider(port: int) -> tuple[float, float]:
    """Move the truncation as the page's script does; return the seconds from the last move to the last view, and the
    share of the views between that was drawn."""
    before = await drawn(port)
    task: asyncio.Task[list[Answer]] | None = None
    asked = moved = time.perf_counter() - STEP
    for move in range(MOVES):
        moved, last = time.perf_counter(), move == MOVES - 1
        if last:
            await asyncio.sleep(max(0.0, STEP - (moved - asked)))
        if last or moved - asked >= STEP:
            if task is not None:
                task.cancel()
            asked = time.perf_counter()
            task = asyncio.create_task(view(port, f"{GRID}&truncation={0.3 + 0.03 * move:.2f}"))
        if not last:
            await asyncio.sleep(MOVING / MOVES)
    assert task is not None
    answers = await task
    assert all(answer.status == 200 for answer in answers)
    seconds = time.perf_counter() - moved
    tiles = await drawn(port) - before
    return seconds, (tiles - 80) / (80 * (MOVES - 1))


def addresses(port: int, names: list[str], choice: random.Random) -> str:
    """Return an address at random: mostly images, many of which nobody asked for before."""
    name = choice.choice(names)
    seed = choice.randrange(500)
    return choice.choice(
        [
            "/",
            f"/samples?checkpoint={name}&seeds={seed}-{seed + 7}",
            f"/history?checkpoint={name}&seed={seed}",
            *[f"/strip/{name}/{choice.randrange(10)}.webp?seeds={seed}-{seed + 7}"] * 3,
            *[f"/image/{name}/{choice.randrange(10)}/{seed}.webp"] * 4,
            f"/image/{name}/99/{seed}.webp",
        ]
    )


async def load(port: int, names: list[str], clients: int, seconds: float) -> tuple[Counter[int], list[float]]:
    """Ask with many clients at once; return the replies by status, and the seconds of those answered 200."""
    counts: Counter[int] = Counter()
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        choice = random.Random(number)
        while time.perf_counter() < end:
            try:
                answer = await asyncio.wait_for(ask(port, addresses(port, names, choice)), 30)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                counts[0] += 1
                continue
            counts[answer.status] += 1
            if answer.status == 200:
                taken.append(answer.seconds)
            elif answer.status == 503:
                await asyncio.sleep(0.5)

    await asyncio.gather(*map(client, range(clients)))
    return counts, taken


def report(name: str, value: float, unit: str, bar: str) -> None:
    """Print one figure with its bar."""
    print(f"{name:<44} {value:8.2f} {unit:<5} {f'({bar})' if bar else ''}".rstrip(), flush=True)


async def measure(port: int, process: int, clients: int, seconds: float) -> None:
    """Print all figures but the first."""
    runs = json.loads((await ask(port, "/api/runs.json")).body)
    names = [each["checkpoint"] for run in runs for each in run["checkpoints"]]
    for name, bar in (("grid of 10 x 8, cold", "at most 1.0"), ("grid of 10 x 8, warm", "at most 0.2")):
        started, used = time.perf_counter(), processor(process)
        answers = await view(port, GRID)
        assert all(answer.status == 200 for answer in answers), [answer.status for answer in answers]
        report(name, time.perf_counter() - started, "s", bar)
        report("  of which processor time of the server", processor(process) - used, "s", "")
    last, share = await slider(port)
    report("slider: last move to last view", last, "s", "at most 0.7")
    report("slider: views between that were drawn", 100 * share, "%", "at most 50")
    before = memory(process)
    report("resident memory", before, "MB", "at most 450")
    counts, taken = await load(port, names, clients, seconds)
    total = sum(counts.values())
    print(f"{clients} clients, {seconds:g} s: {dict(sorted(counts.items()))}")
    report("replies with status 500, or none", counts[500] + counts[0], "", "0")
    report("answered 200", 100 * counts[200] / total, "%", "at least 30")
    report("95th percentile of those", statistics.quantiles(taken, n=20)[-1], "s", "below 3")
    await asyncio.sleep(2)
    report("memory afterward, more than before", memory(process) - before, "MB", "at most 50")


def main() -> None:
    """Start the server, measure and stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    started = time.perf_counter()
    command = [sys.executable, "-m", "everymode", "explore", *arguments.runs, "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = next(line for line in iter(server.stdout.readline, "") if line.startswith("http://"))
        port = int(address.rstrip("/\n").rpartition(":")[2])
        asyncio.run(ask(port, "/"))
        report("start to first page", time.perf_counter() - started, "s", "at most 4")
        report("  of which processor time", processor(server.pid), "s", "")
        asyncio.run(warmed_up(port))
        report("start to a loaded generator", time.perf_counter() - started, "s", "")
        report("  of which processor time", processor(server.pid), "s", "")
        asyncio.run(measure(port, server.pid, arguments.clients, arguments.seconds))
        stopped = time.perf_counter()
        server.terminate()
        server.wait(10)
        report("end after a signal", time.perf_counter() - stopped, "s", "at most 2")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
