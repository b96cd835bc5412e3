"""Detection of values that are not finite, and the record that helps to investigate them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from everymode.machine.distributed import World
from everymode.storage.atomic import write_text_atomic
from everymode.training.tally import BadStep


class Diverged(RuntimeError):
    """Raised if a loss, weight or sample is not finite."""

    def __init__(self, bad: BadStep, advice: str) -> None:
        super().__init__(f"{bad.name} was not finite at step {bad.step}. {advice}")
        self.bad = bad


def first_bad_weight(networks: Mapping[str, nn.Module], world: World) -> str | None:
    """Return the name of a weight or buffer that is not finite on some rank, or None. Waits for the device once."""
    named = {
        f"{player}'s {name}": tensor
        for player, network in networks.items()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }
    finite = torch.stack([torch.isfinite(tensor).all() for tensor in named.values()])
    for name, good in zip(named, world.least(finite.int()).tolist(), strict=True):
        if not good:
            return name
    return None


def write_evidence(
    path: Path,
    bad: BadStep,
    *,
    found_at: int,
    last_good: str | None,
    rows: list[list[int]],
    seed: int,
    networks: Mapping[str, nn.Module],
) -> None:
    """Write the facts that are needed to replay a step that was not finite. Random draws are functions of the step.

    Args:
        path: JSON file to write, atomically.
        bad: the value and step.
        found_at: step at which it was noticed.
        last_good: path of the last good checkpoint.
        rows: dataset rows of each of the step's discriminator updates.
        seed: of the run.
        networks: by name; their non-finite parameters are listed.
    """
    evidence: dict[str, Any] = {
        "loss": bad.name,
        "step": bad.step,
        "found_at_step": found_at,
        "last_good_checkpoint": last_good,
        "data_rows_of_each_discriminator_move": rows,
        "seed": seed,
        "parameters_that_are_not_finite": [
            f"{player}.{name}"
            for player, network in networks.items()
            for name, parameter in network.named_parameters()
            if not torch.isfinite(parameter).all()
        ],
        "how_to_replay": "resume from the last good checkpoint: the same draws lead to the same step",
    }
    write_text_atomic(path, json.dumps(evidence, indent=1))
