"""BigGAN, its losses and Adam once more, in plain sums on dictionaries: what training is compared with.

Nothing of everymode is used here: direct convolutions (no fused resampling), one power iteration per layer
and pass, batch normalization and Adam written out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]
"""Tensors by the names in a network's state_dict."""


class PlainNetwork:
    """The tensors of one network: leaves that take gradients, and buffers that passes move on."""

    def __init__(self, state: State, parameters: list[str], *, epsilon: float) -> None:
        self.parameters = {name: state[name].clone().requires_grad_() for name in parameters}
        self.buffers = {name: value.clone() for name, value in state.items() if name not in parameters}
        self.epsilon = epsilon
        self.passes = 0
        self._normalized: State = {}

    def begin_pass(self) -> None:
        """Normalize every weight once: v = u W / |u W|, u' = v W^T / |v W^T|, W / (u' W v^T)."""
        self.passes += 1
        self._normalized = {}
        for name, weight in self.parameters.items():
            if not name.endswith(".parametrizations.weight.original"):
                continue
            layer = name.removesuffix(".parametrizations.weight.original")
            matrix = weight.reshape(len(weight), -1)
            u_name = f"{layer}.parametrizations.weight.0.u"
            with torch.no_grad():
                v = self.buffers[u_name] @ matrix
                v = v / v.norm().clamp_min(self.epsilon)
                u = v @ matrix.T
                u = u / u.norm().clamp_min(self.epsilon)
            self.buffers[u_name] = u
            self._normalized[layer] = weight / (u @ matrix @ v.T).squeeze()

    def weight(self, layer: str) -> Tensor:
        return self._normalized[layer] if layer in self._normalized else self.parameters[f"{layer}.weight"]

    def convolve(self, x: Tensor, layer: str) -> Tensor:
        weight = self.weight(layer)
        return F.conv2d(x, weight, self.parameters[f"{layer}.bias"], padding=weight.shape[-1] // 2)

    def linear(self, x: Tensor, layer: str) -> Tensor:
        return x @ self.weight(layer).T + self.parameters[f"{layer}.bias"]

    def batch_norm(self, x: Tensor, layer: str, gain: Tensor, bias: Tensor) -> Tensor:
        count = x.numel() / x.shape[1]
        mean = x.mean((0, 2, 3))
        variance = (x - mean[:, None, None]).square().mean((0, 2, 3))
        for name, value in (("mean", mean), ("var", variance * count / (count - 1))):
            key = f"{layer}.running_{name}"
            self.buffers[key] = 0.9 * self.buffers[key] + 0.1 * value.detach()
        normalized = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        return gain[..., None, None] * normalized + bias[..., None, None]


def generate(network: PlainNetwork, z: Tensor, labels: Tensor, *, blocks: int) -> Tensor:
    """The 32-pixel layout of BigGAN's generator: a table of gains and biases per class in every block."""
    network.begin_pass()

    def conditional_norm(x: Tensor, layer: str) -> Tensor:
        gain = 1 + network.weight(f"{layer}.gain")[labels]
        return network.batch_norm(x, layer, gain, network.weight(f"{layer}.bias")[labels])

    hidden = network.linear(z, "linear")
    hidden = hidden.reshape(len(z), -1, 4, 4)
    for index in range(blocks):
        block = f"blocks.{index}"
        inner = _doubled(F.relu(conditional_norm(hidden, f"{block}.norm1")))
        inner = network.convolve(inner, f"{block}.conv1")
        inner = network.convolve(F.relu(conditional_norm(inner, f"{block}.norm2")), f"{block}.conv2")
        hidden = inner + network.convolve(_doubled(hidden), f"{block}.shortcut")
    gain, bias = network.parameters["output_norm.gain"], network.parameters["output_norm.bias"]
    hidden = network.batch_norm(hidden, "output_norm", gain[None], bias[None])
    return torch.tanh(network.convolve(F.relu(hidden), "output_conv"))


def judge(
    network: PlainNetwork, images: Tensor, labels: Tensor, *, blocks: int, halvings: int, projection: bool
) -> Tensor:
    """BigGAN's discriminator with a linear head, or a projection one."""
    network.begin_pass()
    hidden = images
    for index in range(blocks):
        block = f"blocks.{index}"
        inner = network.convolve(F.relu(hidden) if index else hidden, f"{block}.conv1")
        inner = network.convolve(F.relu(inner), f"{block}.conv2")
        shortcut = network.convolve(hidden, f"{block}.shortcut") if index < halvings else hidden
        hidden = inner + shortcut
        if index < halvings:
            hidden = hidden.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean((3, 5))
    features = F.relu(hidden).sum((2, 3))
    scores = network.linear(features, "head.linear")
    if projection:
        scores = scores + (network.weight("head.embedding")[labels] * features).sum(1, keepdim=True)
    return scores


def omni_cost(scores: Tensor, positives: list[list[int]]) -> Tensor:
    """Mean over rows of log(1 + sum over negatives e^s) + log(1 + sum over positives e^-s), row by row."""
    costs = []
    for row, positive in zip(scores, positives, strict=True):
        negative = [slot for slot in range(len(row)) if slot not in positive]
        costs.append(torch.log1p(row[negative].exp().sum()) + torch.log1p((-row[positive]).exp().sum()))
    return torch.stack(costs).mean()


class PlainAdam:
    """Adam with L2 added to the gradient of every parameter, or with decoupled decay."""

    def __init__(
        self,
        network: PlainNetwork,
        *,
        lr: float,
        betas: tuple[float, float],
        epsilon: float,
        weight_decay: float,
        decoupled: bool = False,
    ) -> None:
        self.network = network
        self.lr, self.betas, self.epsilon = lr, betas, epsilon
        self.weight_decay, self.decoupled = weight_decay, decoupled
        self.count = 0
        self.first = {name: torch.zeros_like(value) for name, value in network.parameters.items()}
        self.second = {name: torch.zeros_like(value) for name, value in network.parameters.items()}

    def step(self, loss: Tensor) -> None:
        """Minimize the loss by one step; parameters without a gradient stay as they are."""
        names = list(self.network.parameters)
        parameters = list(self.network.parameters.values())
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        self.count += 1
        with torch.no_grad():
            for name, parameter, gradient in zip(names, parameters, gradients, strict=True):
                if gradient is None:
                    continue
                if self.decoupled:
                    parameter -= self.lr * self.weight_decay * parameter
                else:
                    gradient = gradient + self.weight_decay * parameter
                self.first[name] = self.betas[0] * self.first[name] + (1 - self.betas[0]) * gradient
                self.second[name] = self.betas[1] * self.second[name] + (1 - self.betas[1]) * gradient**2
                mean = self.first[name] / (1 - self.betas[0] ** self.count)
                square = self.second[name] / (1 - self.betas[1] ** self.count)
                parameter -= self.lr * mean / (square.sqrt() + self.epsilon)


def _doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
