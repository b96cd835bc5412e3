"""ESRGAN's critic against plain operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from plain_networks import vgg_critic

from everymode.exchange import save_released
from everymode.networks.vgg_discriminator import VGGDiscriminator

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")


@pytest.mark.parametrize(("batch_norm", "train"), [(True, True), (True, False), (False, True)])
def test_critic_agrees_with_plain_operations(batch_norm: bool, train: bool) -> None:
    torch.manual_seed(0)
    critic = VGGDiscriminator((16, 8), width=2, batch_norm=batch_norm, halvings=3, hidden=5).double()
    for name, value in critic.state_dict().items():
        if "norms" in name:
            value.copy_(torch.rand_like(value) + 0.5)
    x = torch.randn(3, 3, 16, 8).double()
    expected = vgg_critic(save_released(critic, "esrgan"), x, halvings=3, train=train)
    verdict = critic.train(train)(x, "any condition")
    torch.testing.assert_close(verdict.scores[0], expected, rtol=1e-9, atol=1e-9)
    assert verdict.features[-1].shape == (3, 5)


def test_parameter_count_is_the_published_one() -> None:
    with torch.device("meta"):
        critic, without = VGGDiscriminator(128), VGGDiscriminator(128, batch_norm=False)
    assert sum(parameter.numel() for parameter in critic.parameters()) == STORED["nparams_vgg128_D"]
    assert all(layer.bias is not None for layer in without.convolutions)
    with pytest.raises(ValueError, match="multiples of 32"):
        VGGDiscriminator(100)
    with pytest.raises(ValueError, match="was built for pictures of"):
        VGGDiscriminator(32, width=2)(torch.zeros(1, 3, 64, 64))
