"""Training of games of images with images: no adversary, pairs in the log and the watch, exact resume, accumulation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from paired_games import paired_data, paired_trainer, shrunk_pair
from torch import Tensor
from toy_games import differences, largest_difference, toy_data, toy_trainer

from everymode.data.dataset import Dataset
from everymode.data.paired import Paired
from everymode.draws import Draws, Rows
from everymode.game import AdversarialLoss, Objective, Turn
from everymode.recipes import find
from everymode.storage import checkpoint as files
from everymode.training.examples import example_batch
from everymode.training.moves import in_eval_mode, label_reals
from everymode.training.probe import SampleProbe
from everymode.training.scalars import realness_of
from everymode.training.trainer import Trainer

GAMES = ("omni-spade-textures", "stargan-shapes", "san-sr-photos")
FEW = {"batch_size": 2, "steps": 4}


def after(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.step()
    return trainer


# ---- no adversary


def test_without_an_adversary_the_generator_is_trained_and_the_discriminator_is_left_alone() -> None:
    trainer = paired_trainer("sr-pixel-photos", discriminator_steps=2, discriminator_weight_decay=0.1)
    before = {name: module.state_dict() for name, module in trainer.game.modules.items()}
    before = {name: {key: value.clone() for key, value in each.items()} for name, each in before.items()}
    after(trainer, 3)
    assert differences(before["discriminator"], trainer.game.discriminator.state_dict()) == []
    moved = differences(before["generator"], trainer.game.generator.state_dict())
    assert len(moved) == len(before["generator"])
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None and set(means) == {"generator/pixel", "gradient_norm/generator"}, means


def test_its_steps_are_those_of_the_pixel_loss_alone() -> None:
    recipe, data = shrunk_pair("sr-pixel-photos", precision="float64", reuse_fakes=True, batch_size=3)
    trainer, by_hand = toy_trainer(recipe, data), toy_trainer(recipe, data)
    generator, optimizer = by_hand.game.generator, by_hand.generator_optimizer
    for step in range(2):
        trainer.step()
        rows = trainer.order.indices(step)
        mirror = Draws(recipe.seed, f"{step} discriminator 0", Rows.all(3), dtype=torch.float64).uniform(
            "mirror"
        )
        real = data.gather(rows, mirror=mirror < 0.5, dtype=torch.float64)
        small = data.gather_condition(rows, mirror=mirror < 0.5, dtype=torch.float64)
        optimizer.zero_grad()
        (generator(None, small) - real).abs().mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = recipe.generator_lr * (recipe.steps - step) / recipe.steps
        optimizer.step()
    assert recipe.lr_decay == 1 and recipe.mirror
    assert largest_difference(trainer.game.generator.state_dict(), generator.state_dict()) < 1e-12


def test_reals_are_labeled_for_a_generator_that_plays_alone() -> None:
    trainer = paired_trainer("sr-pixel-photos", batch_size=4, accumulation=2, reuse_fakes=False)
    parts = trainer.parts(0, 0)
    played = label_reals(trainer.game, parts, step=7)
    assert played.losses == {} and played.kept_fake is None and played.gradient_norm.item() == 0
    for turn, part in zip(played.turns, parts, strict=True):
        assert turn.step == 7 and turn.batch.real is part.batch.real
        assert turn.batch.condition is turn.fake_condition is part.batch.condition


# ---- realness in the log


def test_realness_is_the_mean_over_scales_with_the_conditions_that_were_judged() -> None:
    trainer = paired_trainer("spade-textures")
    seen: list[object] = []

    def realness(scores: Tensor, condition: object) -> Tensor:
        seen.append(condition)
        return scores.mean((1, 2, 3))

    def no_loss(*arguments: object) -> Tensor:
        return torch.zeros(())

    trainer.game.objective = Objective(AdversarialLoss(no_loss, no_loss, realness))
    turn = _a_turn(trainer)
    scales = turn.real_verdict.scores
    assert len(scales) == 2 and scales[0].shape != scales[1].shape
    expected = (scales[0].mean((1, 2, 3)) + scales[1].mean((1, 2, 3))) / 2
    torch.testing.assert_close(realness_of(turn, "real"), expected)
    assert all(each is turn.judged_real_condition for each in seen) and len(seen) == 2
    realness_of(turn, "fake")
    assert all(each is turn.judged_fake_condition for each in seen[2:]) and len(seen) == 4


def _a_turn(trainer: Trainer) -> Turn:
    part = trainer.parts(0, 0)[0]
    game, batch = trainer.game, part.batch
    batch = batch.with_condition(game.labels.assign(batch, game.discriminator, part.random))
    condition = game.labels.for_fakes(batch, part.random)
    fake = game.generate(part.random, condition).detach()
    return Turn(game, batch, 0, part.random, fake, condition, generator_moves=False)


def test_without_an_adversary_there_is_no_realness() -> None:
    with pytest.raises(ValueError, match=r"no adversarial loss|without an adversarial loss"):
        realness_of(_a_turn(paired_trainer("sr-pixel-photos")), "real")


# ---- the watch and the estimate


SIGNALS = {"held_out", "held_out_gap", "training_above_0", "held_out_above_0", "overfitting"}


@pytest.mark.parametrize("name", [*GAMES, "sr-pixel-photos", "spade-with-encoder"])
def test_the_watch_compares_the_fakes_of_fixed_pairs_and_changes_nothing(name: str) -> None:
    encoder = {"latent_dim": 4, "divergence_weight": 0.05} if name == "spade-with-encoder" else {}
    trainer = paired_trainer("spade-textures" if encoder else name, **encoder)
    data, unseen = trainer.data, paired_data(trainer.recipe, seed=6, count=12)
    probe = SampleProbe(data, count=8, seed=0, held_out=unseen)
    before = {key: value.clone() for key, value in trainer.game.generator.state_dict().items()}
    random = torch.random.get_rng_state()
    signals = probe(trainer)
    assert signals == probe(trainer)
    assert all(math.isfinite(value) for value in signals.values())
    judged = {} if trainer.game.objective.adversarial is None else SIGNALS
    assert set(signals) & SIGNALS == set(judged) and "coverage" in signals
    assert not differences(before, trainer.game.generator.state_dict())
    assert torch.equal(random, torch.random.get_rng_state())


def test_the_watch_gives_each_fake_the_map_of_its_row() -> None:
    trainer = paired_trainer("spade-textures")
    probe = SampleProbe(trainer.data, count=6, seed=0)
    with in_eval_mode(trainer.game.generator), torch.no_grad():
        images, labels = probe._samples(trainer)
        maps = trainer.data.gather_condition(probe._rows)
        torch.testing.assert_close(images, trainer.game.generator(None, maps))
    assert labels is None and len(images) == 6


def test_examples_have_the_condition_of_their_rows_and_fakes_that_of_the_label_source() -> None:
    trainer = paired_trainer("stargan-shapes")
    rows = np.array([5, 0, 11])
    random = Draws(0, "examples", Rows.all(3))
    batch, condition = example_batch(trainer.game, trainer.data, rows, random)
    assert batch.index.tolist() == [5, 0, 11]
    picture, own = batch.condition
    assert picture is batch.real and own.tolist() == trainer.data.labels[rows].tolist()
    assert condition[0] is batch.real
    assert torch.equal(condition[1], trainer.game.labels.draw_targets(random))


@pytest.mark.parametrize("name", [*GAMES, "sr-pixel-photos"])
def test_the_time_of_a_game_is_estimated(name: str) -> None:
    trainer = paired_trainer(name, **FEW)
    seconds = trainer.estimated_seconds()
    assert seconds is not None and 0 < seconds < 1000
    assert all(each.grad is None for each in trainer.game.generator.parameters())


# ---- resume and accumulation


@pytest.mark.parametrize("name", GAMES)
def test_k_and_k_are_2k_bit_for_bit(name: str, tmp_path: Path) -> None:
    # The scores of Wasserstein critics have no zero that adaptive augmentation could go by.
    numbers = {"augmentation": "translation" if name == "stargan-shapes" else "ada", **FEW}
    through, first, second = (paired_trainer(name, **numbers) for _ in range(3))
    after(through, 2)
    after(first, 1)
    written = files.write_checkpoint(tmp_path, 1, generator={}, config={}, state=first.state())
    second.restore(files.read_state(written))
    after(second, 1)
    assert differences(through.state(), second.state()) == []
    assert differences(first.state(), second.state()) != []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("stargan-shapes", {"discriminator_steps": 2}),
        ("sr-no-norm-photos", {}),
        ("spade-textures", {"statistics": "instance", "critic_spectral": False, "latent_dim": 4}),
    ],
)
def test_two_micro_batches_train_what_one_batch_does(name: str, numbers: dict[str, object]) -> None:
    # Spectral normalization of SPADE's generator makes an iteration at each pass, of which there are twice as many.
    options = {"precision": "float64", "reuse_fakes": False, "batch_size": 4, **numbers}
    first, second = (paired_trainer(name, accumulation=count, **options) for count in (1, 2))
    for trainer in (first, second):
        _without_power_iterations(trainer)
        after(trainer, 2)
    assert largest_difference(first.state()["modules"], second.state()["modules"]) < 1e-8


def _without_power_iterations(trainer: Trainer) -> None:
    for module in trainer.game.generator.modules():
        if hasattr(module, "iterations"):
            module.eval()


@pytest.mark.parametrize("name", ["omni-gan-digits", "unnormalized-gan-cnn-digits"])
def test_games_of_labels_take_the_labels_of_data_that_have_maps_too(name: str) -> None:
    recipe = replace(find(name).shrunk(), batch_size=4)
    data = toy_data(size=recipe.size[0])
    maps = np.zeros((len(data), *recipe.size), dtype=np.uint8)
    states = []
    for each in (data, replace(data, paired=Paired(maps=maps, num_classes=2))):
        trainer = after(toy_trainer(recipe.for_data(each.facts()), each), 1)
        states.append(trainer.game.generator.state_dict())
    assert differences(*states) == []


def test_other_data_give_another_state() -> None:
    recipe, data = shrunk_pair("spade-textures", **FEW)
    flipped = paired_data(recipe)
    assert isinstance(data, Dataset)
    first, second = toy_trainer(recipe, data), toy_trainer(recipe, flipped)
    flipped.paired.maps[:] = flipped.paired.maps[:, ::-1].copy()
    after(first, 1), after(second, 1)
    assert differences(first.game.generator.state_dict(), second.game.generator.state_dict())
