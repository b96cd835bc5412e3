"""Server of `everymode explore`: the port, the printed address, and its end."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from everymode.commands.ending import say
from everymode.recipe import Recipe

__all__ = ["names_of", "serve"]

CLOSING = 1
"""Seconds that open requests have to end after Ctrl-C."""


def serve(
    runs: Sequence[Path],
    data: str | Path | None,
    *,
    port: int,
    host: str,
    allowed: Sequence[str] = (),
    recipes: Sequence[Recipe] = (),
) -> None:
    """Serve the explorer until it is interrupted.

    Args:
        runs: run folders, checkpoints, saved generators or folders of runs.
        data: the training data, or None.
        port: port; 0 = any free one.
        host: address to listen at.
        allowed: further allowed host names.
        recipes: recipes of custom runs.

    Raises:
        ImportError: if the extra `explore` is not installed.
        ValueError: if the port or the host can't be used.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"--port is a number from 0 to 65535, not {port}")
    _require_packages()
    listening = _listening(host, port)
    import torch
    import uvicorn

    from everymode.explorer.app import application
    from everymode.explorer.security import Keys, is_loopback
    from everymode.explorer.site import site_of

    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    own_port = listening.getsockname()[1]
    names = names_of(host)
    base = f"http://{names[0]}:{own_port}/"
    keys = None if is_loopback(host) else Keys(lambda token: say(f"{base}?token={token}"))
    site = site_of(runs, data, recipes)
    threading.Thread(target=site.warm_up, name="everymode-warm-up", daemon=True).start()
    unshown = [run for run in site.catalog.runs if run.reason]
    for run in unshown:
        say(f"{run.name} can't be shown: {run.reason}")
    if keys is None:
        say(base)
    hosts = [*allowed, *(f"{name}:{own_port}" for name in names), *(names if own_port == 80 else [])]
    app = application(site, hosts=hosts, port=own_port, keys=keys)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=CLOSING,
        timeout_keep_alive=10,
        limit_concurrency=1024,
        h11_max_incomplete_event_size=16384,
        ws="none",
    )
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        site.worker.close()
        listening.close()


def names_of(host: str) -> list[str]:
    """Return the names under which browsers open a server at an address; the first one is printed.

    For all addresses of this machine (0.0.0.0 or ::), these are its name and its addresses.
    """
    shown = f"[{host.strip('[]')}]" if ":" in host else host
    if host.strip("[]") not in ("0.0.0.0", "::"):
        return [shown]
    machine = socket.gethostname()
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(machine, None, type=socket.SOCK_STREAM)]
    except OSError:
        found = []
    addresses = [f"[{each}]" if ":" in each else each for each in dict.fromkeys(found)]
    return [machine.lower(), *addresses, shown]


def _require_packages() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"explore needs the package {' and '.join(missing)}: pip install 'everymode[explore]', or in a clone "
            "pip install -e '.[explore]'"
        )


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that is bound before anything is loaded, so that a wrong port is reported at once."""
    try:
        family, *_, target = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(target)
        listening.listen(128)  # a browser that opens the printed address at once waits
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        next_step = (
            "choose another --port, or 0 for a free one" if used else "choose another --host or --port"
        )
        raise ValueError(f"{host}:{port} can't be used ({error.strerror or error}): {next_step}") from error
    return listening
