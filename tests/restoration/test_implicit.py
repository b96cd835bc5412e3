"""Learned enlargement: reference vectors, a second computation by grid_sample, and fitting."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from tiny_prior import vectors
from torch import Tensor

from everymode.restoration.implicit import LocalImplicit, implicit_colors, implicit_image


@pytest.mark.parametrize("size", [(10, 14), (13, 9), (5, 7), (3, 4)])
def test_reference_vectors(size: tuple[int, int]) -> None:
    known = vectors()
    layers = [(known[f"liif.full.w{i}"], known[f"liif.full.b{i}"]) for i in (0, 1)]
    expected = known[f"liif.full.out_{size[0]}x{size[1]}"]
    image = implicit_image(known["liif.feat"], layers, size)
    torch.testing.assert_close(image, expected, atol=1e-9, rtol=0)
    with torch.no_grad():
        pieces = implicit_image(known["liif.feat"], layers, size, max_points=7)
    torch.testing.assert_close(pieces, expected, atol=1e-9, rtol=0)


def by_grid_sample(
    features: Tensor,
    layers: list[tuple[Tensor, Tensor]],
    size: tuple[int, int],
    *,
    unfold: bool,
    ensemble: bool,
    cell: bool,
) -> Tensor:
    """The definition: inputs of the point network built for every pixel, looked up by torch's grid_sample."""
    height, width = features.shape[2:]
    maps = F.unfold(features, 3, padding=1).unflatten(2, (height, width)) if unfold else features

    def numbers(*values: float) -> Tensor:
        return torch.tensor(values, dtype=features.dtype)

    def centers(rows: int, columns: int) -> Tensor:
        y, x = ((2 * torch.arange(n, dtype=features.dtype) + 1) / n - 1 for n in (rows, columns))
        return torch.stack(torch.meshgrid(y, x, indexing="ij"))

    wanted, own = centers(*size), centers(height, width)
    results, areas = [], []
    for dy, dx in itertools.product((-1, 1), (-1, 1)) if ensemble else [(0, 0)]:
        shift = numbers(dy / height, dx / width)[:, None, None] + (1e-6 if ensemble else 0)
        grid = (wanted + shift).clamp(-1 + 1e-6, 1 - 1e-6).permute(1, 2, 0).flip(-1)[None]
        found = F.grid_sample(maps, grid, mode="nearest", align_corners=False)
        there = F.grid_sample(own[None], grid, mode="nearest", align_corners=False)
        relative = (wanted - there) * numbers(height, width)[None, :, None, None]
        sides = numbers(2 * height / size[0], 2 * width / size[1])[None, :, None, None]
        x = torch.cat((found, relative, sides.expand(1, 2, *size)) if cell else (found, relative), 1)
        for i, (weight, bias) in enumerate(layers):
            x = torch.einsum("oi,bihw->bohw", weight, F.relu(x) if i else x) + bias[:, None, None]
        results.append(x)
        areas.append((relative[:, :1] * relative[:, 1:]).abs() + 1e-9)
    return sum(r * a for r, a in zip(results, reversed(areas), strict=True)) / sum(areas)  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize(
    ("unfold", "ensemble", "cell"), [(False, True, True), (True, False, True), (True, True, False)]
)
def test_ablations_agree_with_a_second_computation(unfold: bool, ensemble: bool, cell: bool) -> None:
    torch.manual_seed(0)
    network = LocalImplicit(
        blocks=1, width=3, hidden=(5, 4), unfold=unfold, ensemble=ensemble, cell=cell
    ).double()
    x = torch.rand(1, 3, 5, 7, dtype=torch.float64)
    for size in ((10, 14), (13, 9), (3, 4), (5, 7)):
        expected = by_grid_sample(
            network.encode(x), network.weights(), size, unfold=unfold, ensemble=ensemble, cell=cell
        )
        torch.testing.assert_close(network(x, size), expected, atol=1e-9, rtol=0)
        torch.testing.assert_close(
            network.enlarge(x, size), expected.clamp(-1, 1).detach(), atol=1e-9, rtol=0
        )


def test_points_of_several_images_at_once() -> None:
    torch.manual_seed(0)
    network = LocalImplicit(blocks=1, width=3, hidden=(4,))
    features = network.encode(torch.rand(2, 3, 4, 5))
    points = torch.tensor([[[-0.75, 0.5]], [[0.0, 0.0]]]).double()  # pixel (0, 1) of 4x2; the middle of 3x3
    colors = implicit_colors(features, network.weights(), points, torch.tensor([[4, 2], [3, 3]]))
    one = implicit_image(features[:1], network.weights(), (4, 2))[0, :, 0, 1]
    other = implicit_image(features[1:], network.weights(), (3, 3))[0, :, 1, 1]
    torch.testing.assert_close(colors[..., 0], torch.stack((one, other)))
    assert LocalImplicit().enlarge(torch.rand(2, 3, 4, 5), (9, 6)).shape == (2, 3, 9, 6)


def test_errors() -> None:
    with pytest.raises(ValueError, match="each is at least 1"):
        LocalImplicit(blocks=0)
    with pytest.raises(ValueError, match="pass floats"):
        LocalImplicit().enlarge(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), (8, 8))
    with pytest.raises(ValueError, match="pass floats \\[B, 3, h, w\\]"):
        LocalImplicit().enlarge(torch.zeros(1, 1, 4, 4), (8, 8))
    with pytest.raises(ValueError, match="no pixels"):
        LocalImplicit().enlarge(torch.zeros(1, 3, 4, 4), (0, 8))
    with pytest.raises(ValueError, match="does not fit 4 features"):
        implicit_image(torch.zeros(1, 4, 2, 2), [(torch.zeros(3, 9), torch.zeros(3))], (4, 4))
