"""The gate alone, in front of an application that answers everything."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from everymode.explorer.security import COOKIE, Gate, Keys, is_loopback


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(
    gate: Gate,
    path: str = "/",
    query: str = "",
    method: str = "GET",
    host: str | None = "127.0.0.1:8000",
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the reply to one request."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if host is not None:
        listed.append((b"host", host.encode()))
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": listed,
    }

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(gate(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(each.get("body", b"") for each in sent[1:])


GATE = Gate(_inner, ["box.local", "proxy.example:8443"], 8000)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "localhost:8000",
        "LOCALHOST:8000",
        "[::1]:8000",
        "box.local",
        "box.local:81",
        "proxy.example:8443",
    ],
)
def test_listed_hosts_pass(host: str) -> None:
    assert ask(GATE, host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "127.0.0.1",
            "127.0.0.1:8001",
            "localhost:80",
            "localhost.evil.example:8000",
            "",
            None,
        ),
        *(
            "proxy.example",
            "[::1]",
            "127.0.0.1:8000:8000",
            "127.0.0.1:8000@evil",
            "0.0.0.0:8000",
            "127.0.0.2:8000",
        ),
    ],
)
def test_foreign_hosts_are_rejected(host: str | None) -> None:
    status, headers, body = ask(GATE, host=host)
    assert status == 400
    assert b"--allow-host" in body
    assert headers["x-content-type-options"] == "nosniff"


def test_two_host_headers_are_rejected() -> None:
    assert ask(GATE, Host="127.0.0.1:8000")[0] == 400


def test_without_a_port_loopback_passes_with_any() -> None:
    gate = Gate(_inner)
    assert ask(gate, host="127.0.0.1")[0] == ask(gate, host="localhost:1234")[0] == 200
    assert ask(gate, host="evil.example")[0] == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_head_pass(method: str) -> None:
    status, headers, _ = ask(GATE, method=method)
    assert status == 405
    assert headers["allow"] == "GET, HEAD"
    assert ask(GATE, method="HEAD")[0] == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_other_sites_may_open_pages_and_nothing_else(site: str) -> None:
    navigation = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert ask(GATE, "/samples", **navigation)[0] == 200
    for path in ("/image/a/b/1.webp", "/strip/a/b.webp", "/real/0.webp", "/api/runs.json", "/row/a/r1.webp"):
        assert ask(GATE, path, **navigation)[0] == 403
    assert ask(GATE, "/samples", **{**navigation, "sec_fetch_dest": "iframe"})[0] == 403
    assert ask(GATE, "/samples", **{**navigation, "sec_fetch_mode": "no-cors"})[0] == 403
    assert ask(GATE, "/samples", sec_fetch_site=site)[0] == 403
    assert ask(GATE, "/image/a/b/1.webp", sec_fetch_site="same-origin", sec_fetch_mode="no-cors")[0] == 200


def test_every_reply_has_the_headers_and_its_own_nonce() -> None:
    policies = set()
    for reply in (ask(GATE), ask(GATE), ask(GATE, host="evil.example"), ask(GATE, method="POST")):
        headers = reply[1]
        policies.add(policy := headers["content-security-policy"])
        for part in (
            *(
                "default-src 'none'",
                "img-src 'self'",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'self'",
            ),
            "frame-ancestors 'none'",
        ):
            assert part in policy.split("; ")
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    assert len(policies) == 4


def test_long_addresses_are_rejected() -> None:
    assert ask(GATE, "/" + "a" * 2000)[0] == ask(GATE, query="a" * 5000)[0] == 414


def test_a_token_is_exchanged_once_for_a_cookie() -> None:
    tokens: list[str] = []
    gate = Gate(_inner, (), 8000, Keys(tokens.append))
    assert len(tokens) == 1
    assert ask(gate)[0] == ask(gate, query="token=wrong")[0] == ask(gate, cookie=f"{COOKIE}=wrong")[0] == 401
    status, headers, _ = ask(gate, "/samples", f"labels=0-9&token={tokens[0]}&seeds=1")
    assert status == 303
    assert headers["location"] == "/samples?labels=0-9&seeds=1"
    cookie, *flags = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags)
    assert tokens[0] not in cookie
    assert ask(gate, cookie=f"a=b; {cookie}")[0] == 200
    assert len(tokens) == 2  # the next browser's
    assert ask(gate, query=f"token={tokens[0]}")[0] == 401
    # A browser that is known already gets rid of the token, and doesn't spend the next one.
    assert ask(gate, query=f"token={tokens[1]}", cookie=cookie)[:2][0] == 303
    assert len(tokens) == 2


def test_the_token_redirects_to_no_other_host() -> None:
    tokens: list[str] = []
    gate = Gate(_inner, (), 8000, Keys(tokens.append))
    for path in ("//evil.example/x", "/\\evil.example", "///evil.example"):
        location = ask(gate, path, f"token={tokens[-1]}")[1]["location"]
        assert location.startswith("/")
        assert location[1] not in "/\\"
    assert "\n" not in ask(gate, "/a\r\nx: y", f"token={tokens[-1]}")[1]["location"]


def test_loopback_addresses() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "box.local", "")))
