"""Pages of errors, in words: what was given, what is allowed, and where to go instead."""

from __future__ import annotations

from everymode.explorer.markup import Content, element, joined
from everymode.explorer.replies import Busy, Missing, Page, Refused

__all__ = ["busy_page", "failure_page", "missing_page", "refused_page"]


def refused_page(error: Refused, default: str) -> Page:
    """Return the page for a parameter that is not allowed (422): its name, the value given, the values allowed.

    Args:
        error: the error.
        default: address of the same page with the same checkpoint and no other value: a form without script keeps
            labels that another run doesn't have.
    """
    facts = element(
        "dl",
        *(
            (element("dt", name), element("dd", element("code", value) if name != "allowed" else value))
            for name, value in (
                ("field", error.parameter),
                ("given", error.given),
                ("allowed", error.allowed),
            )
        ),
    )
    link = element("p", element("a", "This page with its default values", href=default))
    return _page(
        422, "This value is not allowed", joined(facts, link), "The address has a value that is not allowed."
    )


def missing_page(error: Missing) -> Page:
    """Return the page for something that does not exist (404), with the nearest things that do."""
    offers: Content = None
    if error.offers:
        links = [element("li", element("a", link.text, href=link.address)) for link in error.offers]
        offers = joined(element("p", "Nearest:"), element("ul", links))
    home = element("p", element("a", "All runs and checkpoints", href="/"))
    return _page(404, "Not found", joined(element("p", str(error)), offers, home), str(error))


def busy_page(error: Busy) -> Page:
    """Return the page for a full queue (503)."""
    text = f"The explorer is busy ({error}). Try again in {Busy.seconds} seconds."
    return _page(503, "Busy", element("p", text), text)


def failure_page() -> Page:
    """Return the page for a fault of the explorer (500)."""
    text = "The explorer has a fault: the terminal has the details. Please report it with the address of this page."
    return _page(500, "A fault", element("p", text), text)


def _page(code: int, title: str, contents: Content, status: str) -> Page:
    return Page(title, element("div", contents, id="error", class_="error", role="alert"), status, code=code)
