"""Tiles cover each pixel once, and enlarge a picture as one pass over it does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor, nn

from everymode.networks.restorer import SRGenerator
from everymode.sampling.tiling import enlarged, tiles


@given(side=some.integers(1, 300), kept=some.integers(1, 40), overlap=some.integers(0, 25))
def test_tiles_cover_each_pixel_once_and_are_no_larger_than_asked(side: int, kept: int, overlap: int) -> None:
    tile = kept + 2 * overlap
    position = 0
    for start, stop, first, last in tiles(side, tile, overlap):
        assert first == position < last
        assert 0 <= start <= first and last <= stop <= side and stop - start <= tile
        # beside what is kept there is the overlap, or the picture ends
        assert first - start == overlap or start == 0
        assert stop - last == overlap or stop == side
        position = last
    assert position == side


def test_a_picture_that_fits_is_one_tile() -> None:
    assert list(tiles(20, 20, 6)) == [(0, 20, 0, 20)]
    assert list(tiles(21, 20, 6)) == [(0, 14, 0, 8), (2, 21, 8, 16), (10, 21, 16, 21)]


@pytest.mark.parametrize(("tile", "overlap"), [(12, 6), (10, 6), (5, -1), (0, 0)])
def test_a_tile_must_leave_something(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"a tile of {tile} pixels with an overlap of {overlap}"):
        list(tiles(30, tile, overlap))


@pytest.fixture(scope="module")
def networks() -> dict[int, SRGenerator]:
    torch.manual_seed(0)
    made = {scale: SRGenerator(scale, width=4, blocks=1).eval() for scale in (2, 4)}
    for network in made.values():  # not so small that any seam is below the tolerance
        for parameter in network.parameters():
            parameter.data.mul_(2)
    return made


@settings(max_examples=12, deadline=None)
@given(
    height=some.integers(1, 40),
    width=some.integers(1, 40),
    kept=some.integers(1, 20),
    scale=some.sampled_from([2, 4]),
)
def test_tiles_that_overlap_by_the_receptive_radius_give_what_one_pass_gives(
    networks: dict[int, SRGenerator], height: int, width: int, kept: int, scale: int
) -> None:
    network = networks[scale]
    radius = network.receptive_radius
    picture = torch.rand(3, height, width, generator=torch.Generator().manual_seed(height)) * 2 - 1
    result = enlarged(network, picture, scale=scale, tile=kept + 2 * radius, overlap=radius)
    with torch.no_grad():
        expected = network(None, picture[None])[0]
    assert result.shape == (3, scale * height, scale * width)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def test_too_small_an_overlap_shows(networks: dict[int, SRGenerator]) -> None:
    network, radius = networks[4], networks[4].receptive_radius
    picture = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        expected = network(None, picture[None])[0]
    seamed = enlarged(network, picture, scale=4, tile=16, overlap=0)
    assert (seamed - expected).abs().max() > 1e-3
    exact = enlarged(network, picture, scale=4, tile=2 * radius + 2, overlap=radius)
    assert (exact - expected).abs().max() < 1e-5


class Noting(nn.Module):
    """Nearest enlargement, which notes what passes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.sizes: list[tuple[int, int]] = []

    def forward(self, z: None, pictures: Tensor) -> Tensor:
        assert z is None and pictures.dtype == torch.float64
        self.sizes.append((pictures.shape[2], pictures.shape[3]))
        return self.weight * pictures.repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_memory_is_bounded_by_the_tile_and_the_precision_is_the_networks() -> None:
    network = Noting()
    picture = torch.rand(1, 33, 50)
    result = enlarged(network, picture, scale=2, tile=12, overlap=2)
    assert torch.equal(result, picture.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert max(map(max, network.sizes)) == 12 and not result.requires_grad


def test_one_picture_at_a_time() -> None:
    with pytest.raises(
        ValueError, match=r"needs one picture \[C, h, w\], not a tensor of shape \[1, 3, 4, 4\]"
    ):
        enlarged(Noting(), torch.zeros(1, 3, 4, 4), scale=2, tile=8, overlap=1)
