"""Image sizes (height, width) that a stack of doublings or halvings can make, and the sentences where it
can't.
"""

from __future__ import annotations

from torch import Tensor

Size = tuple[int, int]


def starting_grid(size: Size, doublings: int) -> Size:
    """The grid that becomes `size` after so many doublings.

    Raises:
        ValueError: a side is not a multiple of 2 ** doublings; the sentence names the nearest sizes that are.
    """
    height, width = size
    step = 2**doublings
    if height < 1 or width < 1 or height % step or width % step:
        below = tuple(max(side // step, 1) * step for side in size)
        above = tuple(max(-(-side // step), 1) * step for side in size)
        choices = f"{above}" if below == above else f"{below} and {above}"
        raise ValueError(
            f"size {tuple(size)} can't be made: the network doubles (or halves) its grid {doublings} times, "
            f"so height and width must be multiples of {step}; the nearest sizes that work: {choices}."
        )
    return height // step, width // step


def default_doublings(size: Size, smallest: int = 4) -> int:
    """How often the shorter side can be halved and stay at `smallest` or above; at least 1."""
    doublings = 1
    while min(size) // 2 ** (doublings + 1) >= smallest:
        doublings += 1
    return doublings


def require_native(size: Size | None, native: Size) -> None:
    """Refuses to generate at another size than the one the network was built for.

    Raises:
        ValueError: size is given and differs.
    """
    if size is not None and tuple(size) != tuple(native):
        raise ValueError(
            f"size {tuple(size)} was asked for, but this generator makes {tuple(native)} only; leave size "
            "out, or resize the images."
        )


def require_positive(size: Size) -> Size:
    """The size as it is, refused where a side is below 1.

    Raises:
        ValueError: a side is below 1.
    """
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size {tuple(size)} has no pixels: give a height and a width of at least 1.")
    return height, width


def require_latent(z: Tensor, latent_dim: int) -> None:
    """Refuses latent codes of another shape than [B, latent_dim].

    Raises:
        ValueError: the shape differs.
    """
    if z.dim() != 2 or z.shape[1] != latent_dim:
        raise ValueError(
            f"the latent codes have shape {tuple(z.shape)}; this generator takes [B, {latent_dim}]: draw "
            "them with its latent_dim."
        )
