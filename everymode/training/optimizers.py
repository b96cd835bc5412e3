"""Adam with the recipe's hyper-parameters: construction, learning rate, and state by parameter name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from everymode.recipe import Recipe


def adam(network: nn.Module, recipe: Recipe, *, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return fused Adam over all parameters, or AdamW if the recipe decouples its weight decay."""
    kind = torch.optim.AdamW if recipe.decoupled_weight_decay else torch.optim.Adam
    return kind(
        network.parameters(),
        lr=lr,
        # torch refuses a pair of an int and a float.
        betas=(float(recipe.beta1), float(recipe.beta2)),
        eps=recipe.adam_epsilon,
        weight_decay=weight_decay,
        fused=True,
    )


def learning_rate_share(recipe: Recipe, step: int) -> float:
    """Return the factor on the learning rates at a step.

    It is 1, then falls linearly to 0 over the last `lr_decay` of training, and is halved at every share of training in
    `lr_halvings`: from step ceil(share * steps) on.
    """
    # In floating point, 0.07 * 100 is above 7.
    halvings = sum(step >= share * recipe.steps - 1e-9 * recipe.steps for share in recipe.lr_halvings)
    halved = 0.5**halvings
    if recipe.lr_decay == 0:
        return halved
    return halved * min(1.0, (recipe.steps - step) / (recipe.lr_decay * recipe.steps))


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def optimizer_state(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the optimizer's tensors by parameter name. Hyper-parameters are the recipe's and are not included."""
    return {
        name: dict(optimizer.state[parameter])
        for name, parameter in network.named_parameters()
        if parameter in optimizer.state
    }


def restore_optimizer(
    network: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Load a state that `optimizer_state` returned.

    Raises:
        KeyError: for parameters that the network does not have.
    """
    parameters = dict(network.named_parameters())
    positions = {name: position for position, name in enumerate(parameters)}

    def in_layout_of(parameter: nn.Parameter, value: Tensor) -> Tensor:
        # A fused optimizer walks parameter and moments in memory order, so their layouts must agree.
        return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value

    restored = {
        positions[name]: {
            key: value if key == "step" else in_layout_of(parameters[name], value)
            for key, value in tensors.items()
        }
        for name, tensors in state.items()
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": restored, "param_groups": groups})
