"""Resampling of pictures that several packages need: MATLAB-like bicubic resizing."""

from everymode.pixels.bicubic import bicubic_resize

__all__ = ["bicubic_resize"]
