"""The pages and files of the explorer, by address.

A page is a function of (site, parameters) that returns a `Page` or a `File`, and runs in a thread. It raises `Refused`
for a parameter that is not allowed, and `Missing` for something that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from everymode.explorer.command_page import command
from everymode.explorer.comparing import compare
from everymode.explorer.curves_page import curves, curves_json
from everymode.explorer.history import history
from everymode.explorer.home import home, last_picture, runs_json, worker_json
from everymode.explorer.interpolation import interpolate
from everymode.explorer.labels_page import labels, labels_json, one_label
from everymode.explorer.nearest_page import nearest_images
from everymode.explorer.parameters import Parameters
from everymode.explorer.real_images import real_image
from everymode.explorer.replies import Reply
from everymode.explorer.samples import sample, samples
from everymode.explorer.site import Site
from everymode.explorer.sizes import sizes

__all__ = ["ROUTES", "Route"]


class Route(NamedTuple):
    """An address, with {names} for components that become parameters, and the function that answers it."""

    path: str
    answer: Callable[[Site, Parameters], Reply]


ROUTES = (
    Route("/", home),
    Route("/samples", samples),
    Route("/sample", sample),
    Route("/compare", compare),
    Route("/history", history),
    Route("/interpolate", interpolate),
    Route("/sizes", sizes),
    Route("/api/runs.json", runs_json),
    Route("/api/worker.json", worker_json),
    Route("/picture/last", last_picture),
    Route("/labels", labels),
    Route("/labels/{label}", one_label),
    Route("/nearest", nearest_images),
    Route("/curves", curves),
    Route("/command", command),
    Route("/real/{fingerprint}/{file}", real_image),
    Route("/api/labels.json", labels_json),
    Route("/api/curves.json", curves_json),
)
"""All pages and files but the generated images, whose addresses `app` handles, because they wait for the worker."""
