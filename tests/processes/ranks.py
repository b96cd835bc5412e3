"""What the processes of the distributed tests do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from paired_games import paired_trainer
from toy_games import ToyRecipe, toy_trainer

from everymode.machine.distributed import World
from everymode.storage import checkpoint as files
from everymode.training.trainer import Trainer

PLAIN = ToyRecipe(
    precision="float64", discriminator_steps=2, r1_weight=0.5, mirror=True, generator_weight_decay=1e-2
)
BATCH_NORM = replace(PLAIN, batch_norm=True)
ACCUMULATED = replace(PLAIN, accumulation=2, spectral=False)
STEPS = 10
PAIRS = {"omni-spade-textures": {"augmentation": "translation"}, "stargan-shapes": {}}
"""Games of pairs that two ranks play, with numbers that differ from the recipe's."""
PAIR_STEPS = 3


def play(trainer: Trainer, steps: int) -> Trainer:
    """The trainer, after some steps."""
    for _ in range(steps):
        trainer.step()
    return trainer


def save(trainer: Trainer, folder: Path) -> None:
    """The trainer's state and the mean losses, by the writing process."""
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None
    if trainer.world.is_writer:
        state = trainer.state() | {"means": means}
        files.write_checkpoint(folder, trainer.completed, generator={}, config={}, state=state)


def pairs(name: str, **options: World) -> Trainer:
    """A trainer of one of `PAIRS`."""
    return paired_trainer(name, precision="float64", batch_size=4, **PAIRS[name], **options)


def several_runs(out: Path) -> None:
    """All that two ranks are asked for, in one pair of processes."""
    torch.set_num_threads(1)
    world = World.from_environment()
    save(play(toy_trainer(PLAIN, world=world), STEPS), out / "plain")
    save(play(toy_trainer(PLAIN, world=world), STEPS // 2), out / "half")
    save(play(toy_trainer(BATCH_NORM, world=world), STEPS), out / "batch norm")
    save(play(toy_trainer(ACCUMULATED, world=world), STEPS), out / "accumulated")
    for name in PAIRS:
        save(play(pairs(name, world=world), PAIR_STEPS), out / name)
    _check_agreement(world)
    _check_refusals(world)
    world.barrier()
    print(f"rank {world.rank} of {world.size} came through")
    world.close()


def _check_agreement(world: World) -> None:
    assert world.any(world.rank == 1) is True
    assert world.any(False) is False
    assert world.share({"rank": world.rank}) == {"rank": 0}
    assert world.total(torch.tensor([1.0 + world.rank])).tolist() == [3.0]
    assert world.least(torch.tensor([5 - world.rank])).tolist() == [4]
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(3))]
    if world.rank == 0:
        parameters[0].grad = torch.tensor([2.0, 4.0])
    world.average_gradients(parameters)
    assert parameters[0].grad.tolist() == [1.0, 2.0]
    assert parameters[1].grad.tolist() == [0.0, 0.0, 0.0]


def _check_refusals(world: World) -> None:
    for recipe, words in (
        (replace(PLAIN, batch_size=9), "can't be shared equally by 2 processes"),
        (replace(PLAIN, batch_size=6, accumulation=2), "which can't be split into 2 micro-batches"),
    ):
        try:
            toy_trainer(recipe, world=world)
        except ValueError as error:
            assert words in str(error), error
        else:
            raise AssertionError(f"not refused: {words}")
    try:
        world.synchronize_statistics(torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    except ValueError as error:
        assert "everymode.norms.BatchNorm" in str(error)
    else:
        raise AssertionError("torch's own batch normalization was not refused")
