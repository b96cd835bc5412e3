"""The gate in front of the explorer: who may ask, and the headers of every reply.

Host names are compared with a list, against DNS rebinding. Requests from pages of other sites are rejected, except
that a link may open a page. Beyond loopback a token, which is exchanged once for a cookie, is required.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

__all__ = ["COOKIE", "Gate", "Keys", "is_loopback", "policy"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

COOKIE = "everymode"
"""Name of the cookie."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
FILES = (
    "/image/",
    "/strip/",
    "/between/",
    "/row/",
    "/column/",
    "/real/",
    "/picture/",
    "/api/",
    "/asset/",
)
"""Addresses that are not pages, which other sites can't link to."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def policy(nonce: str) -> str:
    """Return the content security policy of a reply; style and script with this nonce are allowed."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self'",
            f"style-src 'nonce-{nonce}'",
            f"script-src 'nonce-{nonce}'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Keys:
    """The token of the printed address, and the cookies that were exchanged for one.

    A token is exchanged once; `announce` then gets the next one, for another browser.

    Args:
        announce: called with each token.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._cookies: list[str] = []
        self._renew()

    def exchange(self, token: str) -> str | None:
        """Return a new cookie for the current token; None for any other token. Compares in constant time."""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        cookie = secrets.token_urlsafe(32)
        self._cookies = [*self._cookies[-31:], cookie]
        self._renew()
        return cookie

    def knows(self, cookie: str) -> bool:
        """Return whether a cookie was exchanged for a token. Compares in constant time."""
        found = [hmac.compare_digest(cookie.encode(), each.encode()) for each in self._cookies]
        return any(found)

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(32)
        self._announce(self._token)


class Gate:
    """ASGI application in front of another one.

    Args:
        inner: the application.
        hosts: further allowed names of the Host header, with or without a port.
        port: port of the server; None accepts loopback names with any port.
        keys: token and cookies; None = no token is needed.
    """

    def __init__(
        self,
        inner: Application,
        hosts: Iterable[str] = (),
        port: int | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._inner, self._port, self._keys = inner, port, keys
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        if scope["type"] != "http":  # web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        nonce = secrets.token_urlsafe(16)
        scope["state"] = {**scope.get("state", {}), "nonce": nonce}
        headers = {name.lower(): value for name, value in scope["headers"]}
        guarded = _with_headers(send, nonce)
        refusal = self._refusal(
            scope, {name.decode(): value.decode("latin-1") for name, value in headers.items()}
        )
        if refusal is not None:
            await _reply(guarded, *refusal)
            return
        await self._inner(scope, receive, guarded)

    def _refusal(self, scope: Message, headers: dict[str, str]) -> tuple[int, str, dict[str, str]] | None:
        """Return status, text and headers of the reply to a request that may not pass; None if it may."""
        if sum(name.lower() == b"host" for name, _ in scope["headers"]) != 1 or not self._allows(
            headers.get("host", "")
        ):
            text = "This host name is not allowed. Open the address that the explorer printed, or add --allow-host."
            return 400, text, {}
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "Only GET is allowed.", {"Allow": "GET, HEAD"}
        if len(scope.get("query_string", b"")) > 4096 or len(scope["path"]) > 1024:
            return 414, "The address is too long.", {}
        if not _same_site(scope["path"], headers):
            return 403, "Requests of other sites are not answered. Open the page itself.", {}
        return None if self._keys is None else self._unknown(scope, headers, self._keys)

    def _allows(self, host: str) -> bool:
        host = host.lower()
        if host in self._hosts:
            return True
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal() or name.endswith(":"):
            name, port = host, ""
        if name in self._hosts:
            return True
        if name not in LOOPBACK:
            return False
        return self._port is None or port == str(self._port) or (not port and self._port == 80)

    def _unknown(
        self, scope: Message, headers: dict[str, str], keys: Keys
    ) -> tuple[int, str, dict[str, str]] | None:
        """Return the reply to a request without a valid cookie, or to one that brings the token."""
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in query if name == "token"]
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # The path of a redirection must not begin with two slashes, which would name another host.
        clean = "/" + scope["path"].lstrip("/\\") + (f"?{rest}" if rest else "")
        known = keys.knows(_cookie(headers.get("cookie", "")))
        if tokens:
            cookie = None if known else keys.exchange(tokens[0])
            if cookie is not None:
                value = f"{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/"
                return 303, "", {"Location": _ascii(clean), "Set-Cookie": value}
            if known:
                return 303, "", {"Location": _ascii(clean)}
        if known:
            return None
        text = (
            "This explorer needs the token of the address that it printed in its terminal. A token opens one browser; "
            "the terminal then shows the next one."
        )
        return 401, text, {}


def is_loopback(host: str) -> bool:
    """Return whether a server at this address is reachable from its own machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _same_site(path: str, headers: dict[str, str]) -> bool:
    """Return whether a request is the explorer's own, the user's, or a link of another site that opens a page."""
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    opens = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return opens and not path.startswith(FILES)


def _cookie(header: str) -> str:
    pairs = (piece.strip().partition("=") for piece in header.split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")


def _ascii(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="/?&=%,-._~+:@!$'()*;")


def _with_headers(send: Send, nonce: str) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = {**HEADERS, "Content-Security-Policy": policy(nonce), "Cache-Control": "no-store"}
            message["headers"] = [
                *message.get("headers", ()),
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in added.items()
                    if name.lower().encode() not in present
                ),
            ]
        await send(message)

    return guarded


async def _reply(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = text.encode()
    listed = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in listed.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
