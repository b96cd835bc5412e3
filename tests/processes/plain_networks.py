"""Forwards of released networks in plain operations, from weights under their released names, for comparison."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


def formula_weights(names: list[str], shapes: list[tuple[int, ...]], *, star: bool = False) -> Weights:
    """s sin(0.9 j + 1.7 n + 0.3) for entry j of parameter n; s = 0.1 for vectors, else 1.5 / sqrt(fan in)."""
    weights = {}
    for number, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        size = math.prod(shape)
        scale = 0.1 if len(shape) == 1 else 1.5 / math.sqrt(size / shape[0])
        values = scale * torch.sin(0.9 * torch.arange(size, dtype=torch.float64) + 1.7 * number + 0.3)
        if star and len(shape) == 1 and name.endswith("weight"):
            values = values + 1
        weights[name] = values.reshape(shape)
    return weights


def conv(w: Weights, name: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
    return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), stride, padding)


def standard(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    mean = x.mean(axes, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(axes, keepdim=True) + 1e-5).sqrt()


def one_hot(label: Tensor, classes: int, height: int, width: int) -> Tensor:
    """Pixel by pixel: [B, H, W] -> [B, K, h, w]."""
    batch, tall, wide = label.shape
    planes = torch.zeros(batch, classes, height, width, dtype=torch.float64)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                value = int(label[b, math.floor(i * tall / height), math.floor(j * wide / width)])
                if 0 <= value < classes:
                    planes[b, value, i, j] = 1
    return planes


def spade_layer(w: Weights, name: str, x: Tensor, planes: Tensor, axes: tuple[int, ...] = (2, 3)) -> Tensor:
    pad = w[f"{name}.mlp_shared.0.weight"].shape[-1] // 2
    hidden = conv(w, f"{name}.mlp_shared.0", planes, padding=pad).relu()
    gamma, beta = (conv(w, f"{name}.mlp_{part}", hidden, padding=pad) for part in ("gamma", "beta"))
    return standard(x, axes) * (1 + gamma) + beta


def leaky(x: Tensor, slope: float) -> Tensor:
    return torch.where(x > 0, x, slope * x)


def spade_block(w: Weights, name: str, x: Tensor, planes: Tensor, axes: tuple[int, ...] = (2, 3)) -> Tensor:
    skip = x
    if f"{name}conv_s.weight" in w:
        skip = F.conv2d(spade_layer(w, f"{name}norm_s", x, planes, axes), w[f"{name}conv_s.weight"])
    h = conv(w, f"{name}conv_0", leaky(spade_layer(w, f"{name}norm_0", x, planes, axes), 0.2))
    return skip + conv(w, f"{name}conv_1", leaky(spade_layer(w, f"{name}norm_1", h, planes, axes), 0.2))


def spade_generator(
    w: Weights,
    label: Tensor,
    grid: tuple[int, int],
    plan: str,
    *,
    classes: int,
    axes: tuple[int, ...] = (2, 3),
    z: Tensor | None = None,
    further: Tensor | None = None,
) -> Tensor:
    """`plan`: block names and "x2" (upsampling), in order; `further`: planes [B, c, H, W] at the map's size."""

    def planes(x: Tensor | None) -> Tensor:
        height, width = grid if x is None else x.shape[2:]
        hot = one_hot(label, classes, height, width)
        if further is None:
            return hot
        rows = [i * label.shape[1] // height for i in range(height)]
        columns = [j * label.shape[2] // width for j in range(width)]
        return torch.cat((hot, further[:, :, rows][:, :, :, columns]), 1)

    first = conv(w, "fc", planes(None)) if z is None else z @ w["fc.weight"].T + w["fc.bias"]
    x = first.reshape(len(first), -1, *grid)
    for step in plan.split():
        if step == "x2":
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        else:
            x = spade_block(w, f"{step}.", x, planes(x), axes)
    return torch.tanh(conv(w, "conv_img", leaky(x, 0.2)))


def patch_scores(
    w: Weights, joined: Tensor, *, layers: int = 4, scales: int = 2, norm: bool = True
) -> list[list[Tensor]]:
    """Per scale the activations, then the scores."""
    results = []
    for scale in range(scales):
        if scale:
            total = F.avg_pool2d(joined, 3, 2, 1) * 9
            joined = total / (F.avg_pool2d(torch.ones_like(joined), 3, 2, 1) * 9)
        x, kept = joined, []
        for layer in range(layers):
            name = f"discriminator_{scale}.model{layer}.0" + (".0" if layer else "")
            stride = 1 if layer == layers - 1 and layer else 2
            x = conv(w, name, x, stride=stride, padding=2)
            x = leaky(standard(x, (2, 3)) if norm and layer else x, 0.2)
            kept.append(x)
        kept.append(conv(w, f"discriminator_{scale}.model{layers}.0", x, padding=2))
        results.append(kept)
    return results


def star_generator(w: Weights, x: Tensor, attributes: Tensor, *, halvings: int, blocks: int) -> Tensor:
    def norm(name: str, h: Tensor) -> Tensor:
        gain, bias = w[f"{name}.weight"], w[f"{name}.bias"]
        return standard(h, (2, 3)) * gain[:, None, None] + bias[:, None, None]

    planes = attributes.double()[:, :, None, None] * torch.ones(x.shape[2:], dtype=torch.float64)
    h = norm("main.1", conv(w, "main.0", torch.cat((x, planes), 1), padding=3)).relu()
    number = 3
    for _ in range(halvings):
        h = norm(f"main.{number + 1}", conv(w, f"main.{number}", h, stride=2)).relu()
        number += 3
    for _ in range(blocks):
        inner = norm(f"main.{number}.main.1", conv(w, f"main.{number}.main.0", h)).relu()
        h = h + norm(f"main.{number}.main.4", conv(w, f"main.{number}.main.3", inner))
        number += 1
    for _ in range(halvings):
        h = norm(
            f"main.{number + 1}", F.conv_transpose2d(h, w[f"main.{number}.weight"], stride=2, padding=1)
        ).relu()
        number += 3
    return torch.tanh(conv(w, f"main.{number}", h, padding=3))


def star_discriminator(w: Weights, x: Tensor, *, layers: int) -> tuple[Tensor, Tensor]:
    for layer in range(layers):
        x = leaky(conv(w, f"main.{2 * layer}", x, stride=2), 0.01)
    return conv(w, "conv1", x), conv(w, "conv2", x, padding=0).flatten(1)


def shuffle(x: Tensor, factor: int) -> Tensor:
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels // factor**2, factor, factor, height, width).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, channels // factor**2, height * factor, width * factor)


def enlarged(x: Tensor, factor: int) -> Tensor:
    """Bilinear with half-pixel centers, as two matrix products."""

    def matrix(size: int) -> Tensor:
        rows = torch.zeros(size * factor, size, dtype=torch.float64)
        for i in range(size * factor):
            at = max((i + 0.5) / factor - 0.5, 0.0)
            low = min(int(at), size - 1)
            high = min(low + 1, size - 1)
            rows[i, low] += 1 - (at - low)
            rows[i, high] += at - low
        return rows

    return matrix(x.shape[2]) @ x @ matrix(x.shape[3]).T


def srresnet(w: Weights, x: Tensor, *, blocks: int, factors: tuple[int, ...]) -> Tensor:
    h = leaky(conv(w, "conv_first", x), 0.1)
    for block in range(blocks):
        h = h + conv(w, f"body.{block}.conv2", conv(w, f"body.{block}.conv1", h).relu())
    for index, factor in enumerate(factors, 1):
        h = leaky(shuffle(conv(w, f"upconv{index}", h), factor), 0.1)
    return conv(w, "conv_last", leaky(conv(w, "conv_hr", h), 0.1)) + enlarged(x, math.prod(factors))


def rrdb(w: Weights, x: Tensor, *, blocks: int, doublings: int) -> Tensor:
    first = h = conv(w, "conv_first", x)
    for block in range(blocks):
        outer = h
        for part in (1, 2, 3):
            name = f"body.{block}.rdb{part}.conv"
            x1 = leaky(conv(w, f"{name}1", h), 0.2)
            x2 = leaky(conv(w, f"{name}2", torch.cat((h, x1), 1)), 0.2)
            x3 = leaky(conv(w, f"{name}3", torch.cat((h, x1, x2), 1)), 0.2)
            x4 = leaky(conv(w, f"{name}4", torch.cat((h, x1, x2, x3), 1)), 0.2)
            h = h + 0.2 * conv(w, f"{name}5", torch.cat((h, x1, x2, x3, x4), 1))
        h = outer + 0.2 * h
    h = first + conv(w, "conv_body", h)
    for index in range(1, doublings + 1):
        h = leaky(conv(w, f"conv_up{index}", h.repeat_interleave(2, 2).repeat_interleave(2, 3)), 0.2)
    return conv(w, "conv_last", leaky(conv(w, "conv_hr", h), 0.2))


def vgg_critic(w: Weights, x: Tensor, *, halvings: int, train: bool) -> Tensor:
    for level in range(halvings):
        for half, stride in ((0, 1), (1, 2)):
            x = conv(w, f"conv{level}_{half}", x, stride=stride)
            if f"bn{level}_{half}.weight" in w:
                bn = f"bn{level}_{half}"
                if train:
                    x = standard(x, (0, 2, 3))
                else:
                    mean, variance = w[f"{bn}.running_mean"], w[f"{bn}.running_var"]
                    x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
                x = x * w[f"{bn}.weight"][:, None, None] + w[f"{bn}.bias"][:, None, None]
            x = leaky(x, 0.2)
    h = leaky(x.flatten(1) @ w["linear1.weight"].T + w["linear1.bias"], 0.2)
    return h @ w["linear2.weight"].T + w["linear2.bias"]
