"""Pooled features as a mean: the share of the last features does not grow with the image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everymode.networks.biggan import BigGANDiscriminator
from everymode.networks.heads import ScalarHead
from everymode.restoration.photo_size import takes_rectangles
from everymode.restoration.pooling import MeanPooled


def test_the_pooled_vector_is_the_mean_of_the_last_map() -> None:
    torch.manual_seed(0)
    critic = BigGANDiscriminator((8, 8), head=ScalarHead, widths=(4, 4), halvings=1).eval()
    averaged = MeanPooled(critic)
    x = torch.randn(2, 3, 8, 16)
    *maps, vector = averaged.block_features(x)
    *own_maps, _ = critic.block_features(x)
    assert all(torch.equal(one, other) for one, other in zip(maps, own_maps, strict=True))
    torch.testing.assert_close(vector, maps[-1].relu().mean((2, 3)))
    assert averaged.stride == critic.stride and takes_rectangles(averaged, critic)


def test_errors() -> None:
    with pytest.raises(ValueError, match="Linear has no block_features"):
        MeanPooled(nn.Linear(2, 2))
    flat = nn.Linear(2, 2)
    flat.block_features = lambda x: (x, x)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match=r"a map \[B, C, h, w\] and its sum"):
        MeanPooled(flat).block_features(torch.zeros(1, 2))
