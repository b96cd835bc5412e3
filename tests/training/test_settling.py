"""The step at which a generator settles, learning rates meanwhile, and the return of a settled one to training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_games import ToyRecipe, differences, toy_trainer

from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder
from everymode.training.settling import Easing, LearningRates, learning_rates, settles, settling_start

TOY = ToyRecipe(batch_norm=True, settling=0.5, settling_lr=0.1, watch_samples=0, steps=8, snapshot=3, tick=1)


@pytest.mark.parametrize("steps", [1, 7, 10, 300])
@pytest.mark.parametrize("settling", [0.0, 0.1, 0.3, 0.75, 1.0])
def test_the_start_is_the_first_step_that_settles(steps: int, settling: float) -> None:
    recipe = ToyRecipe(steps=steps, settling=settling)
    settled = [step for step in range(steps) if settles(recipe, step)]
    assert settling_start(recipe) == (settled[0] if settled else None)


def test_learning_rates_of_a_schedule() -> None:
    recipe = ToyRecipe(
        steps=10, settling=0.2, settling_lr=0.5, lr_decay=0.4, generator_lr=1.0, discriminator_lr=2.0
    )
    assert learning_rates(recipe, 0, 1.0) == (1.0, 2.0)
    assert learning_rates(recipe, 9, 0.5) == (0.125, 0.25)


STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")


def test_published_schedules_of_image_to_image_games() -> None:
    halved = ToyRecipe(
        steps=400_000, lr_halvings=(0.125, 0.25, 0.5, 0.75), generator_lr=2e-4, discriminator_lr=4e-4
    )
    for step, expected in zip(STORED["sr_lr_iterations"], STORED["sr_lr"], strict=True):
        assert learning_rates(halved, int(step), 1.0) == pytest.approx((expected, 2 * expected), rel=1e-12)
    # The stored iterations and epochs count from 1; the rates of SPADE change between epochs only.
    linear = ToyRecipe(steps=200_000, lr_decay=0.5, generator_lr=1e-4, discriminator_lr=1e-4)
    for step, expected in zip(STORED["star_lr_iterations"], STORED["star_lr_linear"], strict=True):
        assert learning_rates(linear, int(step) - 1, 1.0).generator == pytest.approx(expected, rel=1e-9)
    epochs = ToyRecipe(steps=200 * 7, lr_decay=0.5, generator_lr=1e-4, discriminator_lr=4e-4)
    stored = zip(STORED["spade_lr_epochs"], STORED["spade_lr_G"], STORED["spade_lr_D"], strict=True)
    for epoch, *expected in stored:
        assert learning_rates(epochs, 7 * (int(epoch) - 1), 1.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 7, 10, 30, 100, 400])
def test_rates_are_halved_at_the_first_step_at_or_after_each_share(steps: int) -> None:
    recipe = ToyRecipe(steps=steps, lr_halvings=(0.07, 0.3, 0.55), generator_lr=1.0)
    for step in range(steps):
        # Hundredths of all steps in whole numbers, which do not round.
        halvings = sum(100 * step >= share * steps for share in (7, 30, 55))
        assert learning_rates(recipe, step, 1.0).generator == 0.5**halvings


def test_halvings_multiply_the_decay_and_the_easing_applies_to_them() -> None:
    recipe = ToyRecipe(steps=10, lr_halvings=(0.5, 0.8), lr_decay=0.4, generator_lr=1.0, discriminator_lr=2.0)
    assert learning_rates(recipe, 9, 0.5) == (0.25 * 0.25, 0.25 * 0.25)
    easing = Easing(5, 2, generator_lr=0.1, discriminator_lr=0.0)
    assert easing.applied(learning_rates(recipe, 5, 1.0), 5) == pytest.approx((0.3, 0.5))


def test_rates_rise_from_the_settled_ones_to_those_of_the_schedule() -> None:
    easing = Easing(10, 4, generator_lr=0.2, discriminator_lr=0.0)
    rates = LearningRates(1.0, 4.0)
    eased = [easing.applied(rates, step) for step in range(9, 15)]
    assert [rate.discriminator for rate in eased] == [4.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert [rate.generator for rate in eased] == pytest.approx([1.0, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_a_generator_that_eases_in_keeps_doing_so_after_a_resume() -> None:
    trainer = toy_trainer(TOY.with_numbers(settling=0.0))
    trainer.easing = Easing(0, 4, 0.0, 0.0)
    rates = []
    for _ in range(2):
        trainer.step()
        rates.append(trainer.generator_optimizer.param_groups[0]["lr"] / TOY.generator_lr)
    assert trainer.game.generator.norm.training
    again = toy_trainer(TOY.with_numbers(settling=0.0))
    again.restore(trainer.state())
    for _ in range(3):
        again.step()
        rates.append(again.generator_optimizer.param_groups[0]["lr"] / TOY.generator_lr)
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


def test_the_checkpoint_from_before_is_kept_and_knows_nothing_of_the_end(tmp_path) -> None:
    short = RunFolder.create(tmp_path, "short")
    toy_trainer(TOY, folder=short).run()
    kept = [files.step_of(path) for path in files.checkpoints(short.checkpoints)]
    assert kept == [4, 6, 8]
    trainer = toy_trainer(TOY.with_numbers(steps=4, settling=0.0))
    for _ in range(4):
        trainer.step()
    state = files.read_state(short.checkpoints / "step-0000004")
    assert [path for path in differences(state, trainer.state()) if not path.startswith("/tally")] == []
