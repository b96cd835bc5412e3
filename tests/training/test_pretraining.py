"""Training one network before a game: it learns, says how far it is, and a kill changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toy_games import toy_data

from everymode.machine.stopping import Stopped, StopRequest
from everymode.norms.conditional import BatchNorm
from everymode.training.preparation import Preparation
from everymode.training.pretraining import Pretraining, pretrain

HOW = Pretraining(name="mean", steps=20, batch_size=8, learning_rate=0.05, mirror=True, seed=0, keep_every=7)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), BatchNorm(4), nn.ReLU(), nn.Linear(4, 64))


def cost(network: nn.Module, images: Tensor) -> Tensor:
    return (network(images) - images.flatten(1)).square().mean()


def preparation(folder: Path, said: list[str] | None = None) -> Preparation:
    said = [] if said is None else said
    return Preparation(folder, torch.device("cpu"), StopRequest(), said.append, True)


def test_it_learns_and_says_so(tmp_path: Path) -> None:
    trained, said = network().requires_grad_(False), []
    images = toy_data().gather(range(40))
    before = float(cost(trained, images))
    pretrain(trained, cost, toy_data(), HOW, preparation(tmp_path, said))
    assert float(cost(trained, images)) < 0.9 * before
    assert not trained.training and not any(each.requires_grad for each in trained.parameters())
    assert len(said) == 10 and said[-1].startswith("mean: step 20 of 20, cost ")
    # Found again as it is, without a step.
    again = network()
    pretrain(again, cost, toy_data(), HOW, preparation(tmp_path, said := []))
    assert not said
    for name, value in trained.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


@pytest.mark.parametrize("at", [3, 9])
def test_a_stopped_one_ends_as_one_that_was_not(tmp_path: Path, at: int) -> None:
    whole = network()
    pretrain(whole, cost, toy_data(), HOW, preparation(tmp_path / "whole"))
    stopping = preparation(tmp_path / "cut")
    calls = 0

    def interrupted(network: nn.Module, images: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == at:
            stopping.stop.request(15)
        return cost(network, images)

    with pytest.raises(Stopped, match=f"stopped at step {at} of 20 of the mean"):
        pretrain(network(), interrupted, toy_data(), HOW, stopping)
    assert calls == at
    resumed = network()
    pretrain(resumed, cost, toy_data(), HOW, preparation(tmp_path / "cut"))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_a_kill_loses_what_came_after_the_last_kept_state(tmp_path: Path) -> None:
    whole = network()
    pretrain(whole, cost, toy_data(), HOW, preparation(tmp_path / "whole"))
    steps: list[int] = []

    def killed(network: nn.Module, images: Tensor) -> Tensor:
        steps.append(1)
        if len(steps) == 12:
            raise MemoryError
        return cost(network, images)

    with pytest.raises(MemoryError):
        pretrain(network(), killed, toy_data(), HOW, preparation(tmp_path / "cut"))
    counted: list[int] = []

    def counting(network: nn.Module, images: Tensor) -> Tensor:
        counted.append(1)
        return cost(network, images)

    resumed = network()
    pretrain(resumed, counting, toy_data(), HOW, preparation(tmp_path / "cut"))
    assert len(counted) == 13  # steps 8 to 20
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_a_batch_is_never_larger_than_the_data(tmp_path: Path) -> None:
    pretrain(network(), cost, toy_data(5), replace(HOW, steps=2), preparation(tmp_path))
