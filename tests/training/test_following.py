"""The move of features per discriminator update: by hand, from the steps of a trainer, and of which label sources."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from everymode.data.opening import open_images
from everymode.data.order import DataOrder
from everymode.game import LabelSource
from everymode.machine.distributed import World
from everymode.recipes import find
from everymode.training.following import feature_shift
from everymode.training.moves import in_eval_mode
from everymode.training.probe import SampleProbe
from everymode.training.stepper import Stepper
from everymode.training.watch import CollapseWatch

ONLINE = {"batch_size": 32, "clusters": 20, "cluster_starts": 1}


class Scaled(nn.Module):
    """x -> w x, with the features w x."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.0))

    def features(self, x: Tensor) -> Tensor:
        return self.w * x


def of(network: nn.Module, x: Tensor) -> Tensor:
    return network.features(x)  # pyright: ignore[reportCallIssue]


def stepper_of(name: str, steps: int, **numbers: object) -> Stepper:
    recipe = find(name).with_numbers(watch_samples=32, **numbers)
    data = open_images(recipe.data).subset(range(200))
    recipe = recipe.for_data(data.facts())
    stepper = Stepper(recipe, data, DataOrder(data.labels, recipe.batch_size, 0), "cpu", World())
    for _ in range(steps):
        stepper.step()
    return stepper


def test_by_hand() -> None:
    network = Scaled()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    examples = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    assert feature_shift(network, optimizer, of, examples) is None  # no gradient yet
    network.w.grad = torch.tensor(1.0)
    # w moves by 0.5: features by 0.5 |x|, mean 0.5 * 2 = 1; their spread is 2 |x|, mean 4
    for batch in (1, 3, 4):
        assert feature_shift(network, optimizer, of, examples, batch=batch) == pytest.approx(0.25)
    assert network.w.item() == 2.0 and network.w.grad.item() == 1.0
    clipped = feature_shift(network, optimizer, of, examples, constraint=lambda copy: copy.w.clamp_(min=1.9))
    assert clipped == pytest.approx(0.05)
    assert feature_shift(network, optimizer, of, torch.ones(3, 2)) is None  # features don't differ
    assert feature_shift(network, optimizer, lambda network, x: None, examples) is None
    network.w.grad = torch.tensor(float("nan"))
    assert feature_shift(network, optimizer, of, examples) is None
    with pytest.raises(ValueError, match="at least 2 examples, not 1"):
        feature_shift(network, optimizer, of, examples[:1])


def test_adams_state_is_used_and_not_changed() -> None:
    network = Scaled()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1, betas=(0.0, 0.9))
    for _ in range(3):
        network.w.grad = torch.tensor(4.0)
        optimizer.step()
    before, state = network.w.item(), copy.deepcopy(optimizer.state_dict())
    examples = torch.tensor([[1.0], [-1.0]])
    # an update by the learning rate, as Adam's first moment over the root of the second is 1
    assert feature_shift(network, optimizer, of, examples) == pytest.approx(0.1 / before, rel=1e-5)
    assert str(optimizer.state_dict()) == str(state) and network.w.item() == before


@pytest.fixture(scope="module")
def online() -> Stepper:
    return stepper_of("online-self-conditioned-grid", 12, refresh_every=4, **ONLINE)


def test_it_is_the_move_of_a_true_step(online: Stepper) -> None:
    data, game = open_images("grid"), online.game
    signals = SampleProbe(data, count=32, seed=0)(online)
    weights = copy.deepcopy(game.discriminator.state_dict())
    reals = SampleProbe(data, count=32, seed=0)._reals.to(online.dtype)

    def features() -> Tensor:
        with torch.no_grad(), in_eval_mode(game.discriminator):
            found = game.labels.followed_features(game.discriminator, reals)
        assert found is not None
        return found

    before = features()
    online.discriminator_optimizer.step()  # the last gradient again, in earnest
    moved = (features() - before).norm(dim=1).mean() / (before - before.mean(0)).norm(dim=1).mean()
    assert signals["feature_shift"] == pytest.approx(float(moved), rel=1e-4)
    game.discriminator.load_state_dict(weights)


def test_a_lower_rate_moves_features_less() -> None:
    shifts = []
    for rate in (1e-3, 1e-4):
        stepper = stepper_of("online-self-conditioned-grid", 5, discriminator_lr=rate, **ONLINE)
        shifts.append(SampleProbe(open_images("grid"), count=64, seed=0)(stepper)["feature_shift"])
    assert shifts[0] > 4 * shifts[1] > 0


@pytest.mark.parametrize("name", ["gan-grid", "random-labels-gan-grid", "conditional-gan-grid"])
def test_sources_that_do_not_follow_have_no_such_signal(name: str) -> None:
    stepper = stepper_of(name, 1, batch_size=16)
    assert "feature_shift" not in SampleProbe(open_images("grid"), count=16, seed=0)(stepper)
    assert LabelSource().followed_features(nn.Identity(), torch.zeros(1)) is None


def test_three_ticks_above_a_tenth_are_a_caution() -> None:
    watch = CollapseWatch()
    for tick in range(1, 8):
        assert watch.look(tick, {"feature_shift": 0.3 if tick > 1 else 0.05}) is None  # never an alarm
        if watch.cautions:
            assert tick == 6  # three ticks in a row after the first three
            assert "feature_shift is 0.3, above 0.1" in watch.cautions[0].text
            break
    else:
        pytest.fail("no caution")
    healthy = CollapseWatch()
    for tick in range(9):
        healthy.look(tick, {"feature_shift": 0.09})
        assert not healthy.cautions
