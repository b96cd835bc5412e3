"""Layer normalization: over all entries of an example, and as a replacement for batch normalization."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from everymode.norms import LayerNorm


def test_it_normalizes_each_example_over_channels_and_positions() -> None:
    torch.manual_seed(0)
    layer, x = LayerNorm(3).double(), torch.randn(4, 3, 5, 2).double()
    out = layer(x, torch.tensor([1, 2, 3, 0]))
    torch.testing.assert_close(out, F.layer_norm(x, (3, 5, 2)))
    torch.testing.assert_close(layer(x[:1]), out[:1])
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2, 3]))
        layer.bias.copy_(torch.tensor([0.0, 0, 1]))
    expected = F.layer_norm(x, (3, 5, 2)) * layer.weight.view(3, 1, 1) + layer.bias.view(3, 1, 1)
    torch.testing.assert_close(layer(x), expected)
    points = torch.randn(4, 3).double()
    torch.testing.assert_close(LayerNorm(3).double()(points), F.layer_norm(points, (3,)))
