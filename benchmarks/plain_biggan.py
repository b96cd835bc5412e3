"""BigGAN on CIFAR written plainly: the baseline of this project's speed claims.

The same networks and hyper-parameters as the library's 32-pixel BigGAN (Brock et al. 2019; layouts of
ajbrock/BigGAN-PyTorch), one operation after the other: direct convolutions, spectral norm layer by layer with
ordinary autograd operations, separate discriminator passes for reals and fakes, Adam and the moving average
tensor by tensor. The code is neither slowed down nor optimized.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_CLASSES = 10
LATENT_DIM = 128


@dataclass
class PlainState:
    """State of an iteration: networks, averaged generator and optimizers."""

    generator: PlainGenerator
    discriminator: nn.Module
    average: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    average_decay: float = 0.9999


def build_plain(*, base: int = 64, num_classes: int = NUM_CLASSES) -> PlainState:
    """Return networks of `base` channels (64: 4.30 M and 4.21 M parameters), optimizers, and the averaged generator."""
    generator = PlainGenerator(4 * base, num_classes)
    discriminator = PlainDiscriminator(4 * base, num_classes)
    for network in (generator, discriminator):
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, 0, 0.02)
    average = copy.deepcopy(generator)
    of_generator, of_discriminator = (
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.0, 0.999), foreach=False, fused=False)
        for network in (generator, discriminator)
    )
    return PlainState(generator, discriminator, average, of_generator, of_discriminator)


def plain_iteration(state: PlainState, real: Tensor, labels: Tensor) -> None:
    """Make one discriminator update, one generator update and one step of the average.

    Args:
        real: [B, 3, 32, 32].
        labels: [B].
    """
    generator, discriminator = state.generator, state.discriminator
    batch, num_classes = len(real), generator.num_classes
    z = torch.randn(batch, LATENT_DIM, device=real.device)
    fake_labels = torch.randint(num_classes, (batch,), device=real.device)

    state.discriminator_optimizer.zero_grad()
    with torch.no_grad():
        fake = generator(z, fake_labels)
    on_real = discriminator(real, labels)
    on_fake = discriminator(fake, fake_labels)
    loss = F.relu(1 - on_real).mean() + F.relu(1 + on_fake).mean()
    loss.backward()
    state.discriminator_optimizer.step()

    state.generator_optimizer.zero_grad()
    z = torch.randn(batch, LATENT_DIM, device=real.device)
    fake_labels = torch.randint(num_classes, (batch,), device=real.device)
    discriminator.requires_grad_(False)
    loss = -discriminator(generator(z, fake_labels), fake_labels).mean()
    loss.backward()
    discriminator.requires_grad_(True)
    state.generator_optimizer.step()

    with torch.no_grad():
        current = generator.state_dict()
        for name, value in state.average.state_dict().items():
            value.copy_(value * state.average_decay + current[name] * (1 - state.average_decay))


class _Spectral(nn.Module):
    """Adds the vector u to a layer and divides its weight by the singular value."""

    weight: Tensor
    u: Tensor

    def start(self) -> None:
        self.register_buffer("u", torch.randn(1, len(self.weight)))

    def divided(self) -> Tensor:
        matrix = self.weight.view(len(self.weight), -1)
        with torch.no_grad():
            v = F.normalize(self.u @ matrix)
            u = F.normalize(v @ matrix.t())
            if self.training:
                self.u.copy_(u)
        return self.weight / (v @ matrix.t() @ u.t()).squeeze()


class SpectralConv2d(nn.Conv2d, _Spectral):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.start()

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.divided(), self.bias, padding=self.padding)


class SpectralLinear(nn.Linear, _Spectral):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.start()

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.divided(), self.bias)


class SpectralEmbedding(nn.Embedding, _Spectral):
    def __init__(self, num_classes: int, features: int) -> None:
        super().__init__(num_classes, features)
        self.start()

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.divided())


class ClassNorm(nn.Module):
    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(num_classes, channels)
        self.bias = nn.Embedding(num_classes, channels)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        gain = (1 + self.gain(labels))[:, :, None, None]
        return self.norm(x) * gain + self.bias(labels)[:, :, None, None]


class UpBlock(nn.Module):
    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm1 = ClassNorm(channels, num_classes)
        self.conv1 = SpectralConv2d(channels, channels, 3)
        self.norm2 = ClassNorm(channels, num_classes)
        self.conv2 = SpectralConv2d(channels, channels, 3)
        self.shortcut = SpectralConv2d(channels, channels, 1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.norm1(x, labels)), scale_factor=2)
        h = self.conv2(F.relu(self.norm2(self.conv1(h), labels)))
        return h + self.shortcut(F.interpolate(x, scale_factor=2))


class PlainGenerator(nn.Module):
    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = SpectralLinear(LATENT_DIM, channels * 16)
        self.blocks = nn.ModuleList(UpBlock(channels, num_classes) for _ in range(3))
        self.norm = nn.BatchNorm2d(channels)
        self.output = SpectralConv2d(channels, 3, 3)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        h = self.linear(z).view(len(z), -1, 4, 4)
        for block in self.blocks:
            h = block(h, labels)
        return torch.tanh(self.output(F.relu(self.norm(h))))


class DownBlock(nn.Module):
    def __init__(self, in_channels: int, channels: int, *, first: bool, halves: bool) -> None:
        super().__init__()
        self.first, self.halves = first, halves
        self.conv1 = SpectralConv2d(in_channels, channels, 3)
        self.conv2 = SpectralConv2d(channels, channels, 3)
        self.shortcut = SpectralConv2d(in_channels, channels, 1) if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if not self.halves:
            return h + x
        if self.first:
            return F.avg_pool2d(h, 2) + self.shortcut(F.avg_pool2d(x, 2))
        return F.avg_pool2d(h, 2) + F.avg_pool2d(self.shortcut(x), 2)


class PlainDiscriminator(nn.Module):
    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            DownBlock(3, channels, first=True, halves=True),
            DownBlock(channels, channels, first=False, halves=True),
            DownBlock(channels, channels, first=False, halves=False),
            DownBlock(channels, channels, first=False, halves=False),
        )
        self.linear = SpectralLinear(channels, 1)
        self.table = SpectralEmbedding(num_classes, channels)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = F.relu(self.blocks(x)).sum((2, 3))
        return self.linear(h) + (self.table(labels) * h).sum(1, keepdim=True)
