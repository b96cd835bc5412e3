"""The implicit output head: the released results, its shortcuts against the plain computation, borders, chunks."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks import (
    BigGANGenerator,
    DCGANGenerator,
    ImplicitHead,
    ResNetGenerator,
    implicit,
    orthogonal_initialization,
)
from everymode.networks.implicit import bilinear_lookup, cell_size, lookup_matrix, pixel_centers
from everymode.norms import normalize_weights, spectral_norm, without_embeddings

VECTORS = {
    name: torch.from_numpy(value)
    for name, value in np.load(Path(__file__).parents[1] / "vectors_inr.npz").items()
}


def double_head(**options: object) -> ImplicitHead:
    torch.manual_seed(0)
    return ImplicitHead(3, 2, **{"hidden": (5, 4), **options}).double()


def features(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def the_plain_way(head: ImplicitHead, x: Tensor, size: tuple[int, int]) -> Tensor:
    """Unfold, grid_sample, concatenate, linear layers point by point: as in the paper."""
    batch, channels, *grid = x.shape
    if head.kernel == 3:
        x = F.unfold(x, 3, padding=1).view(batch, 9 * channels, *grid)
    rows, columns = (pixel_centers(side, x) for side in size)
    positions = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
    padding = "border" if head.border_padding else "zeros"
    positions = positions.expand(batch, -1, -1, -1)
    found = F.grid_sample(x, positions.flip(-1), padding_mode=padding, align_corners=False)
    parts = [found.permute(0, 2, 3, 1)]
    if head.coordinates:
        parts.append(positions)
    if head.cell:
        both = cell_size(size, (grid[0], grid[1]), relative=head.relative_cell)
        parts.append(x.new_tensor(both).expand(batch, *size, 2))
    points = torch.cat(parts, dim=-1)
    for number, layer in enumerate(head.layers):
        points = layer(points if number == 0 else points.relu())
    return points.tanh().permute(0, 3, 1, 2)


def test_released_results() -> None:
    head = ImplicitHead(4, 3, hidden=(8, 8), border_padding=False).double()
    weights = {
        f"layers.{n}.{kind}": VECTORS[f"{kind[0]}{n}"] for n in range(3) for kind in ("weight", "bias")
    }
    head.load_state_dict(weights)
    sizes = [(int(height), int(width)) for height, width in VECTORS["sizes"]]
    assert len(sizes) == 7
    for size in sizes:
        expected = VECTORS[f"test.square_{size[0]}x{size[1]}"]
        torch.testing.assert_close(head(VECTORS["feat_square"], size), expected, rtol=0, atol=1e-6)
    native = head(VECTORS["feat_square"])
    torch.testing.assert_close(native, VECTORS["test.square_6x6"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("border_padding", [True, False])
@pytest.mark.parametrize(
    "ablation", [{}, {"unfold": False}, {"coordinates": False}, {"cell": False}, {"relative_cell": True}]
)
def test_the_short_way_is_the_plain_way(border_padding: bool, ablation: dict[str, bool]) -> None:
    head = double_head(border_padding=border_padding, **ablation)
    x = features(2, 3, 4, 6)
    for size in ((4, 6), (4, 9), (13, 6), (7, 11), (2, 3), (1, 1), (16, 24)):
        torch.testing.assert_close(head(x, size), the_plain_way(head, x, size), rtol=0, atol=1e-12)


def test_gradients_are_those_of_the_plain_way() -> None:
    head = double_head()
    for size in ((4, 6), (7, 5)):
        results = []
        for draw in (head, partial(the_plain_way, head)):
            x = features(2, 3, 4, 6).requires_grad_()
            results.append(torch.autograd.grad(draw(x, size).square().sum(), [x, *head.parameters()]))
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_gradcheck() -> None:
    head = ImplicitHead(1, 1, hidden=(3,)).double()
    x = features(1, 1, 2, 3).requires_grad_()
    parameters = tuple(head.parameters())
    for size in ((2, 3), (3, 4)):
        assert torch.autograd.gradcheck(lambda *inputs, size=size: head(inputs[0], size), (x, *parameters))


def test_input_width_is_as_released() -> None:
    assert ImplicitHead(96).layers[0].weight.shape == (96, 9 * 96 + 4)
    assert [layer.out_features for layer in ImplicitHead(8, 1, hidden=(6, 5)).layers] == [6, 5, 1]
    # Two inputs fewer without the cell, as in the paper's tables 7 and 8.
    assert ImplicitHead(96, cell=False).layers[0].in_features == 9 * 96 + 2
    assert ImplicitHead(96, cell=False, coordinates=False, unfold=False).layers[0].in_features == 96


def test_pixel_centers_and_cells() -> None:
    like = torch.zeros((), dtype=torch.float64)
    assert pixel_centers(4, like).tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert pixel_centers(1, like).tolist() == [0.0]
    assert cell_size((8, 4), (4, 8)) == (2.0, 2.0)
    assert cell_size((8, 4), (4, 8), relative=True) == (1.0, 4.0)
    assert cell_size((4, 8), (4, 8), relative=True) == (2.0, 2.0)


def test_lookup_weights_by_hand() -> None:
    like = torch.zeros((), dtype=torch.float64)
    # Four pixels on two cells: centers at -0.25, 0.25, 0.75, 1.25 in cells.
    held = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    faded = [[0.75, 0], [0.75, 0.25], [0.25, 0.75], [0, 0.75]]
    assert lookup_matrix(4, 2, like).tolist() == held
    assert lookup_matrix(4, 2, like, border_padding=False).tolist() == faded
    for border_padding in (True, False):
        assert torch.equal(lookup_matrix(5, 5, like, border_padding=border_padding), torch.eye(5).double())
    assert (lookup_matrix(7, 3, like).sum(1) == 1).all()


def test_a_lookup_has_the_values_of_grid_sample_and_keeps_the_precision() -> None:
    x = features(2, 3, 5, 4)
    rows, columns = lookup_matrix(8, 5, x), lookup_matrix(3, 4, x)
    positions = torch.meshgrid(pixel_centers(8, x), pixel_centers(3, x), indexing="ij")
    positions = torch.stack(positions[::-1], dim=-1).expand(2, -1, -1, -1)
    expected = F.grid_sample(x, positions, padding_mode="border", align_corners=False)
    torch.testing.assert_close(bilinear_lookup(x, rows, columns), expected, rtol=0, atol=1e-12)
    coarse = bilinear_lookup(x.bfloat16(), rows.float(), columns.float())
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.double(), expected, rtol=0.02, atol=0.02)


def test_the_native_size_is_exactly_what_no_size_gives() -> None:
    head = ImplicitHead(3, 3, hidden=(6,))
    x = torch.randn(2, 3, 8, 6)
    assert torch.equal(head(x, (8, 6)), head(x))


@pytest.mark.parametrize("max_points", [1, 7, 40, 2000])
def test_chunks_change_no_value(max_points: int) -> None:
    head = double_head(max_points=max_points)
    x = features(3, 3, 4, 6)
    for size in ((4, 6), (9, 14), (1, 30)):
        at_once = head(x, size)
        assert at_once.requires_grad
        with torch.no_grad():
            torch.testing.assert_close(head(x, size), at_once.detach(), rtol=0, atol=1e-13)


def test_no_chunk_holds_more_points_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    head = double_head(max_points=50)
    seen: list[int] = []
    other_layers = head._other_layers
    monkeypatch.setattr(
        head, "_other_layers", lambda x: seen.append(x.numel() // x.shape[1]) or other_layers(x)
    )
    x = features(3, 3, 4, 6)
    with torch.no_grad():
        for size in ((4, 6), (9, 14), (1, 30), (30, 1)):
            seen.clear()
            head(x, size)
            assert max(seen) <= 50 and sum(seen) == 3 * size[0] * size[1]
    seen.clear()
    head(x, (9, 14))
    assert seen == [3 * 9 * 14]


def test_narrow_images_are_looked_up_in_no_more_rows_than_the_features_width_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Rows are looked up in the whole width of the features, whatever the width of the image.
    head, held = double_head(max_points=50), []
    lookup = implicit.bilinear_lookup
    monkeypatch.setattr(
        implicit,
        "bilinear_lookup",
        lambda x, rows, columns: held.append(len(rows)) or lookup(x, rows, columns),
    )
    with torch.no_grad():
        head(features(3, 3, 4, 6), (60, 1))
    assert max(held) * 6 * 3 <= 50 and sum(held) == 60


def test_held_borders_have_no_edge_and_faded_ones_do() -> None:
    # Features that are the same everywhere, single positions, no coordinates: one color is right.
    x = torch.full((1, 3, 4, 4), 0.7, dtype=torch.float64)
    head = double_head(unfold=False, coordinates=False)
    image = head(x, (16, 16))
    torch.testing.assert_close(image, image[:, :, 8:9, 8:9].expand_as(image))
    head.border_padding = False
    faded = head(x, (16, 16))
    torch.testing.assert_close(faded[:, :, 2:-2, 2:-2], image[:, :, 2:-2, 2:-2])
    ring = torch.ones(16, 16, dtype=torch.bool)
    ring[2:-2, 2:-2] = False
    assert ((faded - image).abs().amax(1)[0][ring] > 1e-4).all()


def test_the_fixed_cell_keeps_a_picture_that_the_relative_one_changes() -> None:
    x = features(1, 3, 4, 4)
    fixed, relative = double_head(), double_head(relative_cell=True)
    assert torch.equal(fixed(x), relative(x))
    # Odd factors put every third pixel on a cell's center, where the native pixel must come back.
    torch.testing.assert_close(
        double_head(coordinates=False)(x, (12, 12))[:, :, 1::3, 1::3], double_head(coordinates=False)(x)
    )
    assert (fixed(x, (12, 12)) - relative(x, (12, 12))).abs().max() > 1e-2


def test_initialization_leaves_the_head_as_it_is() -> None:
    torch.manual_seed(0)
    generator = BigGANGenerator((8, 8), widths=(8, 8), num_classes=None, output=ImplicitHead)
    before = copy.deepcopy(generator.output_head.state_dict())
    trunk = generator.blocks[0].conv1.weight.detach().clone()
    orthogonal_initialization(generator)
    after = generator.output_head.state_dict()
    assert len(after) == 6 and all(torch.equal(value, after[name]) for name, value in before.items())
    assert not torch.equal(generator.blocks[0].conv1.weight, trunk)


BODIES = {
    "biggan": partial(BigGANGenerator, widths=(8, 8, 8), num_classes=3, latent_dim=6),
    "resnet": partial(ResNetGenerator, widths=(8, 8, 8), num_classes=3, latent_dim=6),
    "dcgan": partial(DCGANGenerator, num_classes=3, latent_dim=6, base=4, doublings=2),
}


@pytest.mark.parametrize("body", BODIES)
def test_bodies_with_the_head_draw_at_any_size(body: str) -> None:
    torch.manual_seed(0)
    generator = BODIES[body]((12, 8), channels=1, output=partial(ImplicitHead, hidden=(6, 5)))
    names = dict(generator.named_modules())
    assert not {"output_norm", "output_conv", "output"} & names.keys()
    z, labels = torch.randn(4, 6), torch.tensor([0, 2, 1, 1])
    normalize_weights(generator, spectral_norm(), z[:2], labels[:2], include=without_embeddings)
    head = generator.output_head
    assert all(nn.utils.parametrize.is_parametrized(layer, "weight") for layer in head.layers)
    for size in (None, (12, 8), (5, 31), (1, 1)):
        images = generator(z, labels, size)
        assert images.shape == (4, 1, *(size or (12, 8))) and images.abs().max() <= 1
    generator(z, labels, (24, 16)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())
    assert all(bool(layer.parametrizations.weight.original.grad.any()) for layer in head.layers)
    with pytest.raises(ValueError, match=r"\(0, 5\) has no pixels"):
        generator(z, labels, (0, 5))


@pytest.mark.parametrize("body", BODIES)
def test_bodies_without_it_are_as_before(body: str) -> None:
    generator = BODIES[body]((12, 8))
    names = {name for name, _ in generator.named_parameters()}
    assert generator.output_head is None and not any("output_head" in name for name in names)
    with pytest.raises(ValueError, match=r"makes \(12, 8\) only"):
        generator(torch.randn(2, 6), torch.tensor([0, 1]), (16, 16))


def test_reduced_precision() -> None:
    torch.manual_seed(0)
    head = ImplicitHead(8, 3, hidden=(16, 16))
    x = torch.randn(2, 8, 6, 6).to(memory_format=torch.channels_last)
    for size in ((6, 6), (15, 11)):
        exact = head(x, size)
        with torch.autocast("cpu", torch.bfloat16):
            coarse = head(x, size)
        assert coarse.dtype == torch.bfloat16
        torch.testing.assert_close(coarse.float(), exact, rtol=0.05, atol=0.05)


def test_mistakes_are_refused() -> None:
    for wrong in ({"max_points": 0}, {"hidden": (4, 0)}, {"channels": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            ImplicitHead(3, **wrong)


@pytest.mark.parametrize(
    "options", [{}, {"border_padding": False}, {"relative_cell": True}, {"unfold": False}]
)
def test_an_image_at_coordinates_is_that_of_its_size(options: dict[str, bool]) -> None:
    head, x = double_head(**options), features(2, 3, 4, 6)
    for size in ((4, 6), (7, 5), (1, 13)):
        rows, columns = (
            (torch.arange(count, dtype=torch.float64) + 0.5) * (cells / count) - 0.5
            for count, cells in zip(size, (4, 6), strict=True)
        )
        torch.testing.assert_close(
            head.at(x, rows, columns), the_plain_way(head, x, size), rtol=0, atol=1e-13
        )
        if "relative_cell" not in options:  # a part of the image
            part = head.at(x, rows[-1:], columns[2:4])
            torch.testing.assert_close(part, head(x, size)[:, :, -1:, 2:4], rtol=0, atol=1e-13)
