"""The layout of a generator from its shapes: what fits, what is ambiguous and what is impossible."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from everymode.exchange.imported_layout import ImportedLayout, read_layout
from everymode.networks.biggan import BigGANGenerator


def weights_of(layout: ImportedLayout) -> dict[str, Tensor]:
    with torch.device("meta"):
        return BigGANGenerator(
            layout.size,
            widths=layout.widths,
            num_classes=layout.num_classes,
            latent_dim=layout.latent_dim,
            channels=layout.channels,
            shared_dim=layout.shared_dim,
            hierarchical=layout.hierarchical,
            attention=layout.attention,
        ).state_dict()


@pytest.mark.parametrize(
    "layout",
    [
        ImportedLayout((24, 24), 3, (8, 8, 16, 4), 5, 12, 7, True, ()),
        ImportedLayout((64, 64), 1, (16, 8, 8, 24, 8), 1000, 9, 4, False, (16, 64)),
        ImportedLayout((16, 16), 3, (4, 8, 4), 6, 10, None, False, ()),
        ImportedLayout((16, 16), 3, (4, 8, 4), None, 9, None, True, ()),
        ImportedLayout((16, 16), 4, (4, 8, 4), None, 9, None, False, ()),
        ImportedLayout((2, 2), 3, (4, 4), None, 9, None, False, ()),
    ],
)
def test_the_layout_of_a_network_is_read_again(layout: ImportedLayout) -> None:
    assert read_layout(weights_of(layout)) == layout
    assert read_layout(weights_of(layout), size=layout.size, tables=not layout.hierarchical) == layout


def test_more_pixels_than_can_be_drawn() -> None:
    weights = weights_of(ImportedLayout((2**14, 2**14), 3, (1,) * 13, None, 9, None, False, ()))
    with pytest.raises(ValueError, match="12 blocks that double a grid of 4x4 draw images of more than"):
        read_layout(weights)


def test_a_rectangle_is_read_with_its_size() -> None:
    layout = ImportedLayout((24, 16), 3, (8, 8, 8), 5, 12, 7, True, (8,))
    weights = weights_of(layout)
    with pytest.raises(ValueError, match=r"24 positions.*set resolution"):
        read_layout(weights)
    assert read_layout(weights, size=(24, 16)) == layout
    for size in ((16, 16), (24, 18), (25, 16), (24, 24)):
        with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} doesn't fit"):
            read_layout(weights, size=size)


def test_shapes_that_fit_tables_and_linear_maps() -> None:
    table = ImportedLayout((8, 8), 3, (4, 4), 4, 4, None, False, ())
    chunks = table._replace(num_classes=None, latent_dim=8, hierarchical=True)
    with pytest.raises(ValueError, match="set tables"):
        read_layout(weights_of(table))
    assert read_layout(weights_of(table), tables=True) == table
    assert read_layout(weights_of(chunks), tables=False) == chunks


def test_impossible_shapes_are_named() -> None:
    weights = weights_of(ImportedLayout((16, 16), 3, (8, 8, 4), 5, 12, 7, True, (8,)))

    def changed(name: str, *shape: int) -> dict[str, Tensor]:
        return {**weights, name: torch.zeros(shape, device="meta")}

    for given, message in (
        (changed("linear.weight", 130, 4), "130 outputs, which is not a multiple of the 8 channels"),
        (changed("linear.weight", 128), r"linear\.weight has shape \[128\], and 2 dimensions"),
        (changed("linear.weight", 0, 4), r"linear\.weight has shape \[0, 4\]"),
        (changed("blocks.1.conv1.weight", 4, 9, 3, 3), "block 0 has 8 output channels, and block 1 takes 9"),
        (changed("shared.weight", 5, 6), "take 11 numbers, which is neither the shared embedding"),
        (changed("attention.2.gamma"), "attention after block 2, and there are 2 blocks"),
        (changed("blocks.7.conv1.bias", 4), r"all tensors of block 2 are missing; .* \[0, 1, 7\]"),
        (changed(f"blocks.{10**9}.conv1.bias", 4), "all tensors of block 2 are missing"),
    ):
        with pytest.raises(ValueError, match=message):
            read_layout(given)
    for name in (
        "shared.weight",
        "output_conv.weight",
        "blocks.1.conv1.weight",
        "blocks.0.norm2.gain.weight",
    ):
        rest = {each: value for each, value in weights.items() if each != name}
        with pytest.raises(ValueError, match=name):
            read_layout(rest)
        with pytest.raises(ValueError, match=f"their {name}"):
            read_layout(rest, called=lambda each: f"their {each}")
