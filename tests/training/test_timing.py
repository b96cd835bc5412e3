"""The estimate of a game's time counts updates and steps, and leaves the game as it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from toy_games import differences, toy_data, toy_trainer

from everymode.recipes import find
from everymode.training import timing


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("partition-guided-digits", {}),
        ("partition-guided-digits", {"lecam_weight": 0.3}),  # a term with a state of its own
        ("gan-stacked-digits", {}),
    ],
)
def test_the_passes_of_both_players_are_timed_on_copies(
    name: str, numbers: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = find(name).shrunk().with_numbers(**numbers)
    recipe = recipe.with_numbers(discriminator_steps=3, accumulation=2, steps=50, reuse_fakes=False)
    data = toy_data(size=recipe.size[0])
    trainer = toy_trainer(recipe.for_data(data.facts()), data)
    before, random = {**trainer.state()}, torch.random.get_rng_state()
    copied = {kind: {k: v.clone() for k, v in each.items()} for kind, each in before["modules"].items()}
    # Passes of the discriminator and the generator in turn take these seconds; the first of each warms up.
    ends = [9, 9, 2, 3, 4, 1]
    times = iter([moment for end in ends for moment in (0, end)])
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert trainer.estimated_seconds() == 50 * 2 * (3 * 2 + 1)
    assert not differences(copied, trainer.state()["modules"])
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(each.grad is None for module in trainer.game.modules.values() for each in module.parameters())
    trainer.completed = 40
    times = iter([moment for end in ends for moment in (0, end)])
    assert trainer.estimated_seconds() == 10 * 2 * (3 * 2 + 1)
    trainer.world = SimpleNamespace(size=2)
    assert trainer.estimated_seconds() is None
