"""The frame of every page: head, navigation, heading, error and status line."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from everymode.explorer.markup import Content, Html, element, joined
from everymode.explorer.replies import Page

__all__ = ["NAVIGATION", "Asset", "asset", "assets", "document"]

NAVIGATION = (
    ("/", "Runs"),
    ("/samples", "Samples"),
    ("/labels", "Labels"),
    ("/history", "History"),
    ("/compare", "Compare"),
    ("/interpolate", "Interpolate"),
    ("/sizes", "Sizes"),
    ("/nearest", "Nearest"),
    ("/curves", "Curves"),
)
"""Address and text of each entry of the navigation."""
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A style sheet, script or icon of the explorer."""

    address: str
    content: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return the style sheet, script and icon by file name; their addresses have the hash of the content."""
    found = {}
    for name in ("explorer.css", "explorer.js", "icon.svg"):
        content = files("everymode.explorer").joinpath("assets", name).read_bytes()
        stem, dot, ending = name.rpartition(".")
        digest = hashlib.sha256(content).hexdigest()[:12]
        found[name] = Asset(f"/asset/{stem}.{digest}.{ending}", content, _TYPES[dot + ending])
    return found


def asset(name: str) -> Asset | None:
    """Return the asset with this last component of its address, or None."""
    return next((each for each in assets().values() if each.address == f"/asset/{name}"), None)


def document(page: Page, nonce: str, query: str = "", command: str = "") -> bytes:
    """Return a page as a complete HTML document.

    Args:
        page: the page.
        nonce: random text that allows the page's style and script.
        query: query of the navigation's links, which keeps the checkpoint.
        command: address of the page's command, if it has one.
    """
    style, script, icon = (assets()[name].address for name in ("explorer.css", "explorer.js", "icon.svg"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{page.title} · everymode"),
        element("link", rel="icon", href=icon, type="image/svg+xml"),
        element("link", rel="stylesheet", href=style, nonce=nonce),
        element("style", Html(page.style), nonce=nonce, id="page-style"),
        element("script", "", src=script, nonce=nonce, defer=True),
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#main", class_="skip"),
        element(
            "header",
            element("a", _mark(), element("span", "everymode"), href="/", class_="brand"),
            element("nav", _entries(page, query), aria_label="Pages"),
            class_="top",
        ),
        element(
            "main",
            element("h1", page.title),
            page.body,
            id="main",
            tabindex="-1",
        ),
        element(
            "footer",
            element("p", page.status, id="status", role="status", aria_live="polite"),
            element("a", "Command", href=command, id="command-link") if command else None,
        ),
    )
    return f'<!doctype html><html lang="en">{head}{body}</html>'.encode("utf-8", "replace")


def _entries(page: Page, query: str) -> Html:
    links: list[Content] = []
    for path, text in NAVIGATION:
        current = "page" if path == page.current else None
        address = f"{path}?{query}" if query and path != "/" else path
        links.append(element("a", text, href=address, aria_current=current))
    return joined(links)


def _mark() -> Html:
    """Return the sign of the project: modes as dots, none missing."""
    centers = ((4, 4), (12, 4), (20, 4), (4, 12), (12, 12), (20, 12), (4, 20), (12, 20), (20, 20))
    dots = [element("circle", cx=x, cy=y, r="2.6") for x, y in centers]
    return element("svg", dots, viewBox="0 0 24 24", width="22", height="22", aria_hidden="true")
