"""Number of operators that one BigGAN iteration dispatches: on a GPU each is a launch. Widths do not change it."""

from __future__ import annotations

import copy
from collections import Counter
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from everymode.networks import (
    BigGANDiscriminator,
    BigGANGenerator,
    ProjectionHead,
    discriminator_layout,
    generator_widths,
)
from everymode.norms import normalize_weights, spectral_norm, without_embeddings


class CountOperators(TorchDispatchMode):
    """Counts what is dispatched, views excluded."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        if not function.is_view:
            self.operators[function.overloadpacket.__name__] += 1
        return function(*arguments, **(keywords or {}))


def test_one_iteration_takes_few_operators_and_never_waits_for_the_device() -> None:
    torch.manual_seed(0)
    size, labels = (32, 32), torch.tensor([0, 1])
    generator = BigGANGenerator(size, widths=generator_widths(size, 2), num_classes=10)
    layout = discriminator_layout(size, 2)
    head = partial(ProjectionHead, num_classes=10)
    discriminator = BigGANDiscriminator(size, head=head, widths=layout.widths, halvings=layout.halvings)
    normalize_weights(generator, spectral_norm(), torch.zeros(1, 128), labels[:1], include=without_embeddings)
    normalize_weights(discriminator, spectral_norm(), torch.zeros(1, 3, 32, 32), labels[:1])
    average = copy.deepcopy(generator).requires_grad_(False)
    optimizers = [torch.optim.Adam(net.parameters(), fused=True) for net in (generator, discriminator)]
    real = torch.randn(2, 3, 32, 32)

    def iteration() -> None:
        with torch.no_grad():
            fake = generator(torch.randn(2, 128), labels)
        scores = discriminator(torch.cat((fake, real)), torch.cat((labels, labels))).scores[0]
        (torch.relu(1 + scores[:2]).mean() + torch.relu(1 - scores[2:]).mean()).backward()
        optimizers[1].step()
        discriminator.zero_grad()
        discriminator.requires_grad_(False)
        (-discriminator(generator(torch.randn(2, 128), labels), labels).scores[0].mean()).backward()
        discriminator.requires_grad_(True)
        optimizers[0].step()
        generator.zero_grad()
        pairs = [[*net.parameters(), *net.buffers()] for net in (average, generator)]
        with torch.no_grad():
            torch._foreach_lerp_(*pairs, 1e-4)

    iteration()
    with CountOperators() as counted:
        iteration()
    assert counted.operators.total() <= 700
    assert counted.operators["_local_scalar_dense"] == 0
