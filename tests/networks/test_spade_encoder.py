"""SPADE's encoder, against plain operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain_networks import enlarged, leaky, standard

from everymode.networks.spade_encoder import SpadeEncoder

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")


def test_parameter_count_is_the_published_one() -> None:
    with torch.device("meta"):
        encoder = SpadeEncoder()
    assert sum(parameter.numel() for parameter in encoder.parameters()) == STORED["nparams_spade_E_256"]


def test_encoder_agrees_with_plain_operations() -> None:
    torch.manual_seed(0)
    encoder = SpadeEncoder(3, width=2, resolution=16, channels=2).double()
    x = torch.randn(2, 2, 8, 8).double()
    h = enlarged(x, 2)
    for layer in encoder.convolutions:
        h = leaky(standard(F.conv2d(h, layer.weight, None, 2, 1), (2, 3)), 0.2)
    mean, log_variance = encoder(x)
    h = h.reshape(2, -1)
    assert h.shape[1] == 4 * 16
    for ours, layer in ((mean, encoder.mean), (log_variance, encoder.log_variance)):
        torch.testing.assert_close(ours, h @ layer.weight.T + layer.bias, rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="resolution is 24"):
        SpadeEncoder(resolution=24)
