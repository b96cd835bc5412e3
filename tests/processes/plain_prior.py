"""Deep generative prior written a second time: plain functions of dictionaries of weights, and Adam by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


@dataclass
class Plan:
    """The numbers of one stage."""

    steps: int
    last: int
    groups: int
    ratio: float
    rate: float
    latent_rate: float
    w_feature: float = 1.0
    w_mse: float = 0.0


def tiny_image(g: Weights, z: Tensor, label: int) -> Tensor:
    """The reference vectors' generator."""
    code = g["shared.weight"][label : label + 1]
    h = F.linear(z, g["linear.weight"], g["linear.bias"]).view(-1, 4, 4, 4)
    for i in range(2):
        h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
        h = F.conv2d(h, g[f"blocks.{i}.conv.weight"], g[f"blocks.{i}.conv.bias"], padding=1)
        h = h + (code @ g[f"blocks.{i}.cls.weight"].T)[:, :, None, None]
        h = torch.where(h > 0, h, 0.2 * h)
    return torch.tanh(F.conv2d(h, g["output_layer.weight"], g["output_layer.bias"], padding=1))


def implicit_image(g: Weights, z: Tensor, size: tuple[int, int]) -> Tensor:
    """Linear, nearest x2, convolution, leaky ReLU; then an implicit head on unfolded features, zeros outside."""
    h = F.linear(z, g["linear.weight"], g["linear.bias"]).view(-1, 4, 4, 4)
    h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = F.leaky_relu(F.conv2d(h, g["block.weight"], g["block.bias"], padding=1), 0.2)
    unfolded = F.unfold(h, 3, padding=1).view(1, 36, 8, 8)
    rows, columns = (((2 * torch.arange(n, dtype=z.dtype) + 1) / n - 1) for n in size)
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)
    x = F.grid_sample(
        unfolded, grid.flip(-1)[None], mode="bilinear", padding_mode="zeros", align_corners=False
    )
    x = torch.cat((x, grid.permute(2, 0, 1)[None], torch.full_like(x[:, :2], 2.0)), 1)
    for i in range(3):
        x = torch.einsum("oi,bihw->bohw", g[f"head.layers.{i}.weight"], x)
        x = x + g[f"head.layers.{i}.bias"][None, :, None, None]
        x = torch.relu(x) if i < 2 else torch.tanh(x)
    return x


def tiny_features(d: Weights, x: Tensor) -> list[Tensor]:
    """The reference vectors' discriminator."""
    first = F.conv2d(x, d["c0.weight"], d["c0.bias"], stride=2, padding=1)
    second = F.conv2d(F.leaky_relu(first, 0.2), d["c1.weight"], d["c1.bias"], stride=2, padding=1)
    return [first, second, F.leaky_relu(second, 0.2).sum((2, 3))]


def gray(x: Tensor) -> Tensor:
    return torch.stack([0.2989 * x[:, 0] + 0.5870 * x[:, 1] + 0.1140 * x[:, 2]] * 3, 1)


def holed(x: Tensor) -> Tensor:
    keep = torch.ones(16, 16, dtype=x.dtype)
    keep[5:10, 5:10] = 0  # 16 // 3 pixels from (16 - 5) // 2 on
    return x * keep


def lanczos2_by_4(x: Tensor) -> Tensor:
    """As released: one 16x16 convolution with stride 4 on repeated borders."""
    t = (torch.arange(16, dtype=x.dtype) + 0.5 - 8) / 4
    taps = torch.sinc(t) * torch.sinc(t / 2)
    kernel = torch.outer(taps, taps)
    kernel = (kernel / kernel.sum()).expand(3, 1, 16, 16)
    return F.conv2d(F.pad(x, (6, 6, 6, 6), mode="replicate"), kernel, stride=4, groups=3)


def run(
    generate: Callable[[Weights, Tensor], Tensor],
    features: Callable[[Tensor], Sequence[Tensor]],
    start: Weights,
    z: Tensor,
    groups: Sequence[Sequence[str]],
    target: Tensor,
    degrade: Callable[[Tensor], Tensor],
    plan: Sequence[Plan],
    *,
    warm_up: int = 0,
    fresh: bool,
) -> tuple[Weights, Tensor, list[list[float]]]:
    """Return the weights, z and [feature, MSE, latent, total] before each step."""
    g = {name: value.clone() for name, value in start.items()}
    z = z.clone()
    second = {name: torch.zeros_like(value) for name, value in g.items()} | {"z": torch.zeros_like(z)}
    count = dict.fromkeys(second, 0)
    seen_target = target
    losses, made = [], 0

    def adam(name: str, value: Tensor, gradient: Tensor, rate: float) -> Tensor:
        count[name] += 1
        second[name] = 0.999 * second[name] + 0.001 * gradient**2
        root = (second[name] / (1 - 0.999 ** count[name])).sqrt() + 1e-8
        return value - rate * gradient / root

    for stage in plan:
        for _ in range(stage.steps):
            made += 1
            factor = made / warm_up if made < warm_up else 1.0
            leaves = {name: value.clone().requires_grad_(True) for name, value in g.items()}
            latent = z.clone().requires_grad_(True)
            seen = degrade(generate(leaves, latent))
            pairs = list(zip(features(seen_target), features(seen), strict=True))[-stage.last :]
            feature = sum(((a - b).abs().mean() for a, b in pairs), torch.zeros((), dtype=z.dtype))
            mse = ((seen - seen_target) ** 2).mean()
            prior = (latent**2).mean() / 2
            total = stage.w_feature * feature + stage.w_mse * mse + 0.02 * prior
            losses.append([float(each.detach()) for each in (feature, mse, prior, total)])
            total.backward()
            for index, group in enumerate(groups):
                thawed = index < stage.groups
                for name in group:
                    gradient = leaves[name].grad
                    if gradient is not None and (thawed or not fresh):
                        rate = stage.rate * factor * stage.ratio**index if thawed else 0.0
                        g[name] = adam(name, g[name], gradient, rate)
            assert latent.grad is not None
            z = adam("z", z, latent.grad, stage.latent_rate * factor)
    return g, z, losses
