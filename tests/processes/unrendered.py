"""Curves of a run that are plotted but not rendered, which takes a run of a few steps nearly all of its time.

The file is there all the same, with a picture of one pixel. Tests that look at the picture ask for `rendered_curves`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from everymode.pictures import save_curves

PLACE = "everymode.training.trainer.save_curves"


def unrendered_curves(records: list[dict[str, Any]], path: Path) -> Path | None:
    """As `save_curves`, up to the rendering."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("everymode.pictures.save_figure", _one_pixel)
        return save_curves(records, path)


def _one_pixel(figure: object, path: Path) -> Path:
    Image.new("L", (1, 1)).save(path)
    return path
