"""Replacement of the luminance, against reference vectors."""

from __future__ import annotations

import pytest
import torch
from tiny_prior import vectors

from everymode.restoration import luminance
from everymode.restoration.luminance import with_luminance


def test_reference_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    known = vectors()
    expected = known["colour.output_with_target_luminance"]
    mixed = with_luminance(known["colour.output"], known["colour.target"])
    torch.testing.assert_close(mixed, expected, atol=1e-6, rtol=0)
    monkeypatch.setattr(luminance, "ROWS_OF_PIXELS", 45)  # strips of two rows
    strips = with_luminance(known["colour.output"], known["colour.target"])
    torch.testing.assert_close(strips, mixed)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="pass two"):
        with_luminance(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
