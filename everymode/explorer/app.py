"""The explorer as an ASGI application: routes to pages, and generated images."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from everymode.explorer.command_page import has_command
from everymode.explorer.errors import busy_page, failure_page, missing_page, refused_page
from everymode.explorer.images import Pictures
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import Busy, File, Missing, Page, Refused, Reply
from everymode.explorer.routes import ROUTES
from everymode.explorer.security import Gate, Keys
from everymode.explorer.shell import asset, document
from everymode.explorer.site import Site, site_of
from everymode.recipe import Recipe

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["application", "explore"]

IMMUTABLE = "private, max-age=31536000, immutable"
"""Cache-Control of addresses that name their content by hash."""
PAGES_AT_ONCE = 4
"""Pages that are made at the same time."""
PAGES_WAITING, PATIENCE = 64, 1.5
"""Most pages that wait, and the seconds that each waits; further ones are answered 503."""


def explore(
    runs: str | Path | Sequence[str | Path],
    data: str | Path | None = None,
    *,
    recipes: Sequence[Recipe] = (),
    hosts: Iterable[str] = (),
) -> Any:
    """Return the explorer of these runs as an ASGI application, for uvicorn or another server.

    Args:
        runs: run folders, checkpoints, saved generators or folders of runs; one or several.
        data: training data, for real images and for generators of label maps or pictures.
        recipes: recipes of custom runs (their code is never loaded from a file).
        hosts: host names that are allowed in addition to those of loopback.

    Raises:
        ImportError: if the extra `explore` is not installed.
        ValueError: if there are no runs.
    """
    paths = [runs] if isinstance(runs, str | Path) else list(runs)
    if not paths:
        raise ValueError(
            "explore needs at least one run: name a run folder, such as runs/00000-omni-gan-digits"
        )
    return application(site_of(paths, data, recipes), hosts=hosts)


def application(
    site: Site, *, hosts: Iterable[str] = (), port: int | None = None, keys: Keys | None = None
) -> Any:
    """Return the explorer of a site as an ASGI application; the arguments are those of `Gate`.

    Raises:
        ImportError: if the extra `explore` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as error:
        raise ImportError(
            "the explorer needs the packages starlette and uvicorn: pip install 'everymode[explore]', or in a clone "
            "pip install -e '.[explore]'"
        ) from error

    server = _Server(site)
    routes = [Route(each.path, server.page(each.answer)) for each in ROUTES]
    routes += [Route(path, server.picture(path)) for path in Pictures.PATHS]
    routes.append(Route("/asset/{name}", server.asset))
    routes.append(Route("/{path:path}", server.nothing))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        site.worker.close()

    return Gate(Starlette(routes=routes, lifespan=lifespan), hosts, port, keys)


class _Server:
    """The handlers of an application."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pictures = Pictures(site)
        self._pages: asyncio.Semaphore | None = None
        self._waiting = 0

    def page(self, answer: Callable[[Site, Parameters], Reply]) -> Callable[[Request], Any]:
        """Return the handler of a page."""

        async def handler(request: Request) -> Response:
            return await self._answered(request, lambda: self._in_thread(answer, request))

        return handler

    def picture(self, path: str) -> Callable[[Request], Any]:
        """Return the handler of generated images at this path."""

        async def handler(request: Request) -> Response:
            tag = _tag(request)
            if request.headers.get("if-none-match") == tag:
                return _response(
                    File(b"", "text/plain", immutable=True, headers={"ETag": tag}), request, code=304
                )
            return await self._answered(
                request, lambda: self._pictures.answer(path, _parameters(request), _gone(request))
            )

        return handler

    async def asset(self, request: Request) -> Response:
        """Answer with a style sheet, script or icon."""
        found = asset(request.path_params["name"])
        if found is None:
            return await self.nothing(request)
        return _response(File(found.content, found.media_type, immutable=True), request)

    async def nothing(self, request: Request) -> Response:
        """Answer an address that does not exist."""
        return _response(missing_page(Missing("There is no such page.")), request)

    async def _in_thread(self, answer: Callable[[Site, Parameters], Reply], request: Request) -> Reply:
        if self._pages is None:
            self._pages = asyncio.Semaphore(PAGES_AT_ONCE)
        if self._waiting >= PAGES_WAITING:
            raise Busy(f"{PAGES_WAITING} pages are waiting")
        self._waiting += 1
        arrived = asyncio.get_running_loop().time()
        try:
            async with self._pages:
                if asyncio.get_running_loop().time() - arrived > PATIENCE:
                    raise Busy("too many pages are waiting")
                await asyncio.to_thread(self._site.catalog.refresh)
                return await asyncio.to_thread(answer, self._site, _parameters(request))
        finally:
            self._waiting -= 1

    async def _answered(self, request: Request, work: Callable[[], Any]) -> Response:
        """Return the reply of a handler; errors become pages in words."""
        try:
            return _response(await work(), request)
        except Refused as error:
            return _response(refused_page(error, _default(request, error)), request)
        except Missing as error:
            return _response(missing_page(error), request)
        except Busy as error:
            return _response(busy_page(error), request, headers={"Retry-After": str(Busy.seconds)})
        except Exception:  # a fault of the explorer's own
            logging.getLogger("everymode.explorer").exception("%s failed", request.url.path)
            return _response(failure_page(), request)


def _parameters(request: Request) -> Parameters:
    return Parameters(dict(request.query_params), request.path_params)


def _gone(request: Request) -> Callable[[], Any]:
    """Return a function that waits until the client has left."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


def _tag(request: Request) -> str:
    import hashlib

    address = f"{request.url.path}?{request.url.query}".encode("utf-8", "replace")
    return f'"{hashlib.sha256(address).hexdigest()[:24]}"'


def _response(
    reply: Reply, request: Request, *, code: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    from starlette.responses import Response

    if isinstance(reply, File):
        cached = {"Cache-Control": IMMUTABLE, "ETag": _tag(request)} if reply.immutable else {}
        listed = {**cached, **reply.headers, **(headers or {})}
        return Response(reply.content, code or 200, listed, media_type=reply.media_type)
    content = document(reply, request.state.nonce, _kept_query(request, reply), _command(request, reply))
    return Response(content, code or reply.code, headers, media_type="text/html")


def _command(request: Request, page: Page) -> str:
    """Return the address of the command that draws what a page shows; "" if it has none."""
    path = request.url.path
    view = f"{path}?{request.url.query}" if request.url.query else path
    return address("/command", view=view) if page.code == 200 and has_command(path, view) else ""


def _default(request: Request, error: Refused) -> str:
    """Return the address of a page without the value that is not allowed: with its checkpoints alone."""
    named = {name: request.query_params.get(name, "") for name in ("checkpoint", "left", "right", "run")}
    kept = {name: value for name, value in named.items() if name != error.parameter and len(value) <= 100}
    return address(quote(request.url.path), **kept)


def _kept_query(request: Request, page: Page) -> str:
    """Return the query of the navigation's links: the checkpoint of the current page, if it exists."""
    name = request.query_params.get("checkpoint", "")
    fine = page.code == 200 and len(name) == 12 and name.isalnum() and name.isascii()
    return f"checkpoint={name}" if fine else ""
