"""Image sizes (height, width) that a network can produce by doublings or halvings, and errors for all others."""

from __future__ import annotations

from torch import Tensor

Size = tuple[int, int]
"""(height, width)."""


def as_size(size: int | Size) -> Size:
    """Return (height, width) of a size that may also be one number for both sides.

    Args:
        size: (height, width), or the side of a square.
    Raises:
        ValueError: if a side is below 1.
    """
    height, width = (size, size) if isinstance(size, int) else size
    return require_positive((int(height), int(width)))


MOST_DOUBLINGS = 48
"""Largest number of doublings: more than any image has."""


def starting_grid(size: Size, doublings: int) -> Size:
    """Return the grid that becomes `size` after the given number of doublings.

    Args:
        size: (height, width).
        doublings: number of doublings.
    Raises:
        ValueError: if a side is not a multiple of 2 ** doublings; the message names the nearest sizes that are.
    """
    height, width = size
    if doublings > MOST_DOUBLINGS:  # 2 ** doublings might take minutes and gigabytes
        raise ValueError(f"doublings must be at most {MOST_DOUBLINGS}, not {doublings}")
    step = 2**doublings
    if height < 1 or width < 1 or height % step or width % step:
        below = tuple(max(side // step, 1) * step for side in size)
        above = tuple(max(-(-side // step), 1) * step for side in size)
        choices = f"{above}" if below == above else f"{below} and {above}"
        raise ValueError(
            f"size {tuple(size)} is not possible: the network doubles (or halves) its grid {doublings} times, "
            f"so height and width must be multiples of {step}; the nearest sizes that work: {choices}."
        )
    return height // step, width // step


def default_doublings(size: Size, smallest: int = 4) -> int:
    """Return the number of times that the shorter side can be halved and stay at `smallest` or above; at least 1."""
    doublings = 1
    while min(size) // 2 ** (doublings + 1) >= smallest:
        doublings += 1
    return doublings


def require_native(size: Size | None, native: Size) -> None:
    """Check that no other size than the native one is requested.

    Args:
        size: requested (height, width), or None.
        native: the size that the network was built for.
    Raises:
        ValueError: if the requested size differs.
    """
    if size is not None and tuple(size) != tuple(native):
        raise ValueError(
            f"size {tuple(size)} is requested, but this generator makes {tuple(native)} only; omit size, or "
            "resize the images."
        )


def require_shape(x: Tensor, size: Size, who: str) -> None:
    """Check that pictures have the size that a critic was built for.

    Args:
        x: [B, C, H, W].
        size: (H, W).
        who: subject of the error message.
    Raises:
        ValueError: if they have another one.
    """
    if tuple(x.shape[2:]) != tuple(size):
        raise ValueError(
            f"{who} was built for pictures of {tuple(size)} and was given {tuple(x.shape[2:])}; build it with that "
            "size, or crop or resize the pictures"
        )


def require_positive(size: Size) -> Size:
    """Return the size, whose sides must be at least 1.

    Args:
        size: (height, width).
    Raises:
        ValueError: if a side is below 1.
    """
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size {tuple(size)} has no pixels; pass a height and a width of at least 1.")
    return height, width


def require_latent(z: Tensor, latent_dim: int) -> None:
    """Check that latent codes have the shape [B, latent_dim].

    Args:
        z: latent codes.
        latent_dim: their required length.
    Raises:
        ValueError: if the shape differs.
    """
    if z.dim() != 2 or z.shape[1] != latent_dim:
        raise ValueError(
            f"the latent codes have shape {tuple(z.shape)}, but this generator takes [B, {latent_dim}]; draw them with "
            "its latent_dim."
        )


def require_no_latent(z: Tensor | None, who: str) -> None:
    """Check that a generator without noise receives none.

    Args:
        z: None, or [B, 0].
        who: subject of the error message.
    Raises:
        ValueError: if z has values.
    """
    if z is not None and z.numel() > 0:
        raise ValueError(
            f"{who} has no noise (latent_dim 0) and was given z of shape {tuple(z.shape)}; pass None"
        )


def require_codes(z: Tensor | None, latent_dim: int, who: str) -> Tensor:
    """Return the latent codes [B, latent_dim].

    Args:
        z: latent codes, which must not be None.
        latent_dim: their required length.
        who: subject of the error message.
    Raises:
        ValueError: if they are None or have another shape.
    """
    if z is None:
        raise ValueError(
            f"{who} with an encoder takes z of shape [B, {latent_dim}] and was given None; draw it"
        )
    require_latent(z, latent_dim)
    return z
