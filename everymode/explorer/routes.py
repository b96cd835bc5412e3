"""The pages and files of the explorer, by address.

A page is a function of (site, parameters) that returns a `Page` or a `File`, and runs in a thread. It raises `Refused`
for a parameter that is not allowed, and `Missing` for something that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from everymode.explorer.home import home, last_picture, runs_json
from everymode.explorer.parameters import Parameters
from everymode.explorer.replies import Reply
from everymode.explorer.samples import sample, samples
from everymode.explorer.site import Site

__all__ = ["ROUTES", "Route"]


class Route(NamedTuple):
    """An address, with {names} for components that become parameters, and the function that answers it."""

    path: str
    answer: Callable[[Site, Parameters], Reply]


ROUTES = (
    Route("/", home),
    Route("/samples", samples),
    Route("/sample", sample),
    Route("/api/runs.json", runs_json),
    Route("/picture/last", last_picture),
)
"""All pages and files but the generated images, whose addresses `app` handles, because they wait for the worker."""
