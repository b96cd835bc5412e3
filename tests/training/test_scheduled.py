"""What schedules change, and at which step; no alarm for it, and one for a collapse at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from toy_games import ToyRecipe, toy_trainer

from everymode.game import Game, Objective, Turn, Weighted
from everymode.recipes import find
from everymode.training.scheduled import scheduled_changes
from everymode.training.schedules import constant, linear, switched_on
from everymode.training.trainer import Trainer
from everymode.training.watch import GRACE_TICKS, CollapseWatch

AT = 8
TOY = ToyRecipe(steps=16, tick=1, snapshot=16, batch_size=4)


@dataclass(frozen=True, kw_only=True)
class LateTerm(ToyRecipe):
    """The toy with a term of the generator that is switched on."""

    def build(self) -> Game:
        game = super().build()
        late = Weighted("late", weightless, switched_on(1.0, at=AT))
        game.objective = Objective(game.objective.adversarial, game.objective.discriminator_terms, (late,))
        return game


def weightless(turn: Turn) -> Any:
    return 0 * turn.fake.sum()


def changes(recipe: Any, objective: Objective | None = None, **more: Any) -> dict[int, list[str]]:
    objective = objective or recipe.build().objective
    every = {step: scheduled_changes(recipe, objective, step, **more) for step in range(recipe.steps)}
    return {step: words for step, words in every.items() if words}


def test_each_schedule_names_its_step() -> None:
    assert changes(TOY) == {}
    assert changes(TOY.with_numbers(settling=0.5)) == {8: ["the generator settles"]}
    assert changes(TOY.with_numbers(settling=1.0)) == {}
    assert changes(TOY.with_numbers(lr_decay=0.5)) == {9: ["the learning rates begin to fall"]}
    late = find("multi-hinge-shared-gan-digits").with_numbers(hinge_start=5, steps=9, width=4, lr_decay=0.0)
    facts = {"num_classes": 3, "class_counts": (4, 4, 4), "num_images": 12, "channels": 1}
    switched = [f"{player}/classes is switched" for player in ("discriminator", "generator")]
    assert changes(late.with_numbers(**facts)) == {5: switched}
    assert scheduled_changes(TOY, TOY.build().objective, 8, refreshed=True) == ["labels are refreshed"]


def test_a_weight_that_moves_slowly_is_no_switch() -> None:
    weights = {"fixed": 0.5, "constant": constant(0.5), "slow": linear(1.0, 3.0, over=10)}
    terms = tuple(Weighted(name, weightless, weight) for name, weight in weights.items())
    slow = Objective(TOY.build().objective.adversarial, terms)
    assert changes(TOY, slow) == {}


def settling() -> Trainer:
    return toy_trainer(TOY.with_numbers(settling=0.5, settling_lr=0.5, batch_norm=True))


def falling_rates() -> Trainer:
    return toy_trainer(TOY.with_numbers(lr_decay=0.5))


def late_loss() -> Trainer:
    return toy_trainer(LateTerm(steps=16, tick=1, snapshot=16, batch_size=4))


def new_clusters() -> Trainer:
    trainer = toy_trainer(TOY.with_numbers(refresh_every=AT))
    trainer.game.labels.refresh = lambda *_: {"kept": 0.3}
    return trainer


@pytest.mark.parametrize("make", [settling, falling_rates, late_loss, new_clusters])
def test_a_schedule_raises_no_alarm_and_a_collapse_at_the_same_time_does(
    make: Callable[[], Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    dip = dict(zip(range(AT + 1, AT + 5), (0.05, 0.0, 0.1, 0.3), strict=True))
    gone = dict.fromkeys(range(AT + 1, 17), 0.0)

    def alarms(coverage: dict[int, float]) -> list[int]:
        trainer, said = make(), []
        monkeypatch.setattr(trainer.progress, "say", said.append)
        trainer._probe = lambda trainer: {"coverage": coverage.get(trainer.completed, 0.62)}
        trainer.run()
        return [int(step) for step in re.findall(r"collapse: .* at step (\d+)", "\n".join(said))]

    assert alarms(dip) == []
    (noticed,) = alarms(gone)
    assert noticed <= AT + 1 + GRACE_TICKS + 2
    monkeypatch.setattr(CollapseWatch, "expect_change", lambda self, ticks=0: None)
    assert alarms(dip) == [AT + 2]
