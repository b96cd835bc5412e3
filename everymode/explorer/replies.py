"""Replies of the explorer: pages, files and JSON, and the errors that become pages in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from everymode.explorer.markup import Html

__all__ = ["Busy", "File", "Link", "Missing", "Page", "Refused", "Reply", "json_file"]


class Link(NamedTuple):
    """A link that an error page offers."""

    text: str
    address: str


@dataclass(frozen=True)
class Page:
    """A page of the explorer; `shell.document` adds the head, the navigation and the status line.

    Attributes:
        title: the heading.
        body: contents of the main element below the heading.
        status: first text of the live status line, such as "80 samples".
        current: address of the navigation's entry that is shown as the current one, such as "/samples".
        style: CSS of this page alone; values in it must be numbers or literals.
        code: status code.
    """

    title: str
    body: Html
    status: str = ""
    current: str = ""
    style: str = ""
    code: int = 200


@dataclass(frozen=True)
class File:
    """A reply other than a page.

    Attributes:
        content: the bytes.
        media_type: such as "image/webp".
        immutable: whether the address names the content by hash, so that the browser may keep it for a year.
        headers: further headers.
    """

    content: bytes
    media_type: str
    immutable: bool = False
    headers: dict[str, str] = field(default_factory=dict)


Reply = Page | File


def json_file(value: Any) -> File:
    """Return plain values as a JSON reply."""
    return File(json.dumps(value, allow_nan=False).encode(), "application/json")


class Refused(ValueError):
    """Raised for a parameter outside its type or range; the reply is 422.

    Args:
        parameter: its name.
        given: the value in the address.
        allowed: the values that are allowed, in words.
    """

    def __init__(self, parameter: str, given: object, allowed: str) -> None:
        self.parameter, self.given, self.allowed = parameter, str(given)[:200], allowed
        super().__init__(f"{parameter} is {self.given!r}; allowed: {allowed}")


class Missing(LookupError):
    """Raised for something that does not exist, such as a deleted checkpoint; the reply is 404.

    Args:
        message: what does not exist, and why if it is known.
        offers: links to the nearest things that exist.
    """

    def __init__(self, message: str, offers: Sequence[Link] = ()) -> None:
        self.offers = tuple(offers)
        super().__init__(message)


class Busy(RuntimeError):
    """Raised if the queue is full; the reply is 503 with Retry-After."""

    seconds = 2
    """Seconds after which to try again."""
