"""Layers before instance normalization are recorded, and the diagnosis names them in words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.networks.patch import PatchDiscriminator
from everymode.norms import diagnose, normalize_weights, remove_normalization, sparsity_aware_norm
from everymode.norms.cancelled import record_cancelled


class Two(nn.Module):
    """Two convolutions, of which the second is followed by instance normalization, after an activation or not."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.between, self.norm = between, nn.InstanceNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.between(self.second(self.first(x).relu())))


@pytest.mark.parametrize(("between", "expected"), [(nn.Identity(), {"second"}), (nn.ReLU(), set())])
def test_only_what_follows_directly_counts(between: nn.Module, expected: set[str]) -> None:
    network = Two(between)
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)}
    with record_cancelled(network, layers) as cancelled:
        network(torch.randn(2, 3, 6, 6))
    assert cancelled == expected
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_the_diagnosis_says_on_which_layers_a_rule_has_no_effect() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 32, 32)
    critic = PatchDiscriminator(3, width=4, scales=1, instance_norm=True)
    names = ", ".join(f'"critics.0.convolutions.{index}"' for index in (1, 2, 3))
    without = diagnose(critic, x, exact=False).advice()
    assert (
        f"{names}: instance normalization follows directly, so a weight rule would have no effect" in without
    )
    normalize_weights(critic, sparsity_aware_norm(), x)
    found = diagnose(critic, x, exact=False)
    assert [layer.cancelled for layer in found.layers] == [False, True, True, True, False]
    assert all(layer.has_rule for layer in found.layers)
    assert f"{names}: instance normalization follows directly and cancels every scale" in found.advice()
    assert "the weight rule has no effect on these layers" in found.advice()
    remove_normalization(critic)
    normalize_weights(critic, sparsity_aware_norm(), x, include=lambda name, layer: name.endswith("1"))
    some = diagnose(critic, x, exact=False).advice()
    assert '"critics.0.convolutions.1": instance normalization follows directly and cancels' in some
    assert (
        '"critics.0.convolutions.2", "critics.0.convolutions.3": instance normalization follows directly, so'
        in some
    )
    plain = PatchDiscriminator(3, width=4, scales=1)
    assert "instance normalization" not in diagnose(plain, x, exact=False).advice()
