"""What takes a run of a few steps nearly all of its time, replaced where no test looks at it.

Curves of a run: everything is plotted, but on panels that draw nothing, and the file holds a picture of one pixel.
Tests that look at the picture ask for `rendered_curves`. The disk: what is written is not flushed, which only a machine
that loses power would show. The digits: their text file is read once. Networks on the "meta" device, which holds shapes
and no values: power iterations give the shapes of what they give, which torch takes a millisecond a step to find.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets
from torch import Tensor, nn

from everymode.norms import spectral
from everymode.partitioner import constrained
from everymode.pictures import save_curves

CURVES = "everymode.training.trainer.save_curves"


def quick_runs(patch: pytest.MonkeyPatch) -> None:
    """Make the runs of this process quick."""
    patch.setattr(CURVES, unrendered_curves)
    patch.setattr(os, "fsync", unflushed)
    patch.setattr(datasets, "load_digits", read_once(datasets.load_digits))
    patch.setattr(spectral, "power_iteration", shapes_on_meta(spectral.power_iteration))
    patch.setattr(constrained, "_iterate", once_on_meta(constrained._iterate))


def unrendered_curves(records: list[dict[str, Any]], path: Path, **options: bool) -> Path | None:
    """As `save_curves`, with all that is plotted checked and nothing of it drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("everymode.pictures.new_figure", _checked_figure)
        patch.setattr("everymode.pictures.save_figure", _one_pixel)
        return save_curves(records, path, **options)


def unflushed(file: int) -> None:
    """As `os.fsync`, without waiting for the disk: the file must be open."""
    os.fstat(file)


def read_once(load: Callable[..., Any]) -> Callable[..., Any]:
    """As `sklearn.datasets.load_digits`, which parses a text file for 50 ms at every call."""
    once = cache(load)

    def loaded(**options: Any) -> Any:
        return deepcopy(once(**options))

    return loaded


def shapes_on_meta(iterate: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> Callable[..., Any]:
    """As `power_iteration`, and on meta without its steps."""

    def iterated(matrices: Tensor, u: Tensor, *, iterations: int, epsilon: float) -> tuple[Tensor, ...]:
        if not matrices.is_meta:
            return iterate(matrices, u, iterations=iterations, epsilon=epsilon)
        count, rows, columns = matrices.shape
        assert u.is_meta and u.shape == (count, 1, rows) and iterations >= 1 and epsilon > 0
        return tuple(matrices.new_empty(count, 1, size) for size in (rows, columns, 1))

    return iterated


def once_on_meta(iterate: Callable[[nn.Module, int], None]) -> Callable[[nn.Module, int], None]:
    """As the iterations of a constrained layer, and on meta one of them."""

    def iterated(layer: nn.Module, times: int) -> None:
        iterate(layer, min(times, 1) if layer.weight.is_meta else times)

    return iterated


class _CheckedPanel:
    """Axes that take what matplotlib's take: methods that exist, arguments that fit them, and as many x as y."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        signature = _signature(name)

        def checked(*arguments: Any, **options: Any) -> None:
            signature.bind(self, *arguments, **options)
            if name == "plot":
                x, y = (np.asarray(values, dtype=float) for values in arguments)
                assert x.ndim == 1 and x.shape == y.shape, (x, y)

        return checked


@cache
def _signature(name: str) -> inspect.Signature:
    from matplotlib.axes import Axes

    return inspect.signature(getattr(Axes, name))


def _checked_figure(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float]
) -> tuple[object, list[_CheckedPanel]]:
    assert all(inches > 0 for inches in size)
    return object(), [_CheckedPanel() for _ in range(rows * columns)]


def _one_pixel(figure: object, path: Path) -> Path:
    Image.new("L", (1, 1)).save(path)
    return path
