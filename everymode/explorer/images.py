"""Generated images: single ones, rows of them as one file (strips), and interpolations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from everymode.explorer.catalog import Checkpoint
from everymode.explorer.conditions import columns_of
from everymode.explorer.encoding import MOST_PIXELS, WIDEST, Cache, encoded, fits_in_one, media_type
from everymode.explorer.facts import Facts
from everymode.explorer.labels import Label, label_of, requested_labels
from everymode.explorer.parameters import MOST_SEED, Parameters
from everymode.explorer.replies import Busy, File, Refused
from everymode.explorer.site import Site
from everymode.explorer.tiles import Tile, Toward
from everymode.explorer.worker import Job

__all__ = ["MOST_STEPS", "MOST_TRUNCATION", "Pictures", "ends_of", "size_of"]

MOST_TRUNCATION = 2.0
"""Largest factor on the latent code."""
MOST_STEPS = 33
"""Most steps of an interpolation."""

Gone = Callable[[], Awaitable[None]]


class Pictures:
    """Answers requests for generated images.

    Args:
        site: the explorer's state.
    """

    PATHS = (
        "/image/{checkpoint}/{label}/{file}",
        "/strip/{checkpoint}/{file}",
        "/between/{checkpoint}/{file}",
        "/row/{checkpoint}/{file}",
        "/column/{checkpoint}/{file}",
    )
    """Their addresses; `file` is a seed, a label or "walk", with the ending .webp or .png."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cache = Cache()

    async def answer(self, path: str, parameters: Parameters, gone: Gone) -> File:
        """Return a picture, which is drawn unless the request was answered before.

        Args:
            path: one of PATHS.
            parameters: the values in the address.
            gone: waits until the client has left; the request is dropped then.

        Raises:
            Refused: for a value that is not allowed.
            Missing: for a checkpoint that doesn't exist.
            Busy: if the queue is full.
        """
        checkpoint = self._site.checkpoint(parameters)
        facts = await asyncio.to_thread(self._site.facts, checkpoint)
        stem, _, ending = parameters.text("file", allowed="a name ending in .webp or .png").rpartition(".")
        if ending not in ("webp", "png"):
            raise Refused("file", ending, ".webp or .png")
        size = size_of(parameters, facts)
        tiles = {"i": _image, "s": _strip, "b": _walk, "r": _row, "c": _column}[path[1]](
            parameters, facts, stem
        )
        height, width = size or facts.size
        if not fits_in_one(len(tiles), (height, width)):
            allowed = f"at most {MOST_PIXELS:,} pixels and a width of {WIDEST:,} in a picture of {len(tiles)}"
            raise Refused("size", f"{height}x{width}", allowed)
        key = (checkpoint.name, size, tuple(tiles), ending)
        content = self._cache.get(key)
        if content is None:
            content = await self._drawn(checkpoint, size, tiles, ending, gone)
            self._cache.put(key, content)
        return File(content, media_type(ending), immutable=True)

    async def _drawn(
        self,
        checkpoint: Checkpoint,
        size: tuple[int, int] | None,
        tiles: Sequence[Tile],
        ending: str,
        gone: Gone,
    ) -> bytes:
        job = self._site.worker.submit(checkpoint, size, tiles)
        arrays = await _first(job, gone, self._site)
        return await asyncio.to_thread(encoded, arrays, ending)


async def _first(job: Job, gone: Gone, site: Site) -> list[np.ndarray]:
    """Return the tiles of a job; if the client leaves before, leave the job."""
    done = asyncio.wrap_future(job.future)
    left = asyncio.ensure_future(gone())
    finished = False
    try:
        await asyncio.wait({done, left}, return_when=asyncio.FIRST_COMPLETED)
        finished = done.done()
        if not finished:
            raise Busy("the client has left")
        if done.cancelled():
            raise Busy("the explorer is closing")
        return done.result()
    finally:
        left.cancel()
        if not finished:
            site.worker.leave(job)


def size_of(parameters: Parameters, facts: Facts) -> tuple[int, int] | None:
    """Return the requested (height, width); None for the training resolution.

    Raises:
        Refused: if the generator can't draw the size.
    """
    size = parameters.size()
    if size is None or size == facts.size:
        return None
    if not facts.any_size:
        native = f"{facts.size[0]}x{facts.size[1]}"
        raise Refused("size", f"{size[0]}x{size[1]}", f"{native} only: this generator draws one size")
    return size


def truncation_of(parameters: Parameters) -> float:
    """Return the factor on the latent code."""
    return parameters.number("truncation", 1.0, least=0.0, most=MOST_TRUNCATION)


def ends_of(parameters: Parameters, facts: Facts, name: str, default: str) -> tuple[Label, int]:
    """Return label and seed of one end of an interpolation, such as 3:17.

    Raises:
        Refused: if it is not a label and a seed.
    """
    text = parameters.text(name, default, allowed="LABEL:SEED, such as 3:17")
    label, colon, seed = text.rpartition(":")
    if not colon:
        raise Refused(name, text, "LABEL:SEED, such as 3:17")
    return label_of(label, facts, name), Parameters({name: seed}).whole(name)


def _image(parameters: Parameters, facts: Facts, stem: str) -> list[Tile]:
    label = label_of(parameters.text("label"), facts)
    seed = Parameters({"seed": stem}).whole("seed", most=MOST_SEED)
    return [Tile(label, seed, truncation_of(parameters))]


def _strip(parameters: Parameters, facts: Facts, stem: str) -> list[Tile]:
    label, truncation = label_of(stem, facts), truncation_of(parameters)
    return [Tile(label, seed, truncation) for seed in parameters.seeds()]


def _row(parameters: Parameters, facts: Facts, stem: str) -> list[Tile]:
    label = label_of(stem, facts)
    if label.row is None:
        raise Refused("file", stem, "a row of the data, for generators of label maps or pictures")
    columns = columns_of(facts, label.row, parameters.seeds(), truncation_of(parameters))
    return [column.tile for column in columns]


def _column(parameters: Parameters, facts: Facts, stem: str) -> list[Tile]:
    seed, truncation = Parameters({"seed": stem}).whole("seed"), truncation_of(parameters)
    if facts.needs_data:
        raise Refused("file", stem, "a generator that needs no data")
    return [Tile(label, seed, truncation) for label in requested_labels(parameters, facts)]


def _walk(parameters: Parameters, facts: Facts, stem: str) -> list[Tile]:
    if stem != "walk":
        raise Refused("file", stem, "walk.webp or walk.png")
    first, second = (ends_of(parameters, facts, name, "") for name in ("from", "to"))
    return walk_tiles(parameters, first, second)


def walk_tiles(parameters: Parameters, first: tuple[Label, int], second: tuple[Label, int]) -> list[Tile]:
    """Return the tiles of an interpolation between two ends, each a label and a seed."""
    steps = parameters.whole("steps", 9, least=2, most=MOST_STEPS)
    spherical = parameters.choice("path", "line", ("line", "sphere")) == "sphere"
    truncation = truncation_of(parameters)
    return [
        Tile(*first, truncation, Toward(*second, round(step / (steps - 1), 6), spherical))
        for step in range(steps)
    ]
