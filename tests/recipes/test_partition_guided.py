"""Partition-Guided GAN's recipes: published sizes, the schedule, preparing before the first step, what is refused."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from toy_games import toy_data, toy_trainer

import everymode
from everymode.data.dataset import Dataset
from everymode.game import Game
from everymode.labels.class_parts import ClassPartLabels
from everymode.labels.partition import PartitionLabels
from everymode.machine.stopping import Stopped, StopRequest
from everymode.partitioner import PartitionStopped, learn_partition
from everymode.partitioner.settings import PAPER
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.partition_guided import Partition
from everymode.recipes.partition_learning import learned_partitioner, parts_for
from everymode.sampling.record import recipe_from, record_of
from everymode.sampling.rejection import sample_accepted
from everymode.training.preparation import Preparation


def built(name: str, **numbers: Any) -> Game:
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr("everymode.partitioner.constrained.FIRST_ITERATIONS", 1)  # there are no values
        return find(name).with_numbers(**numbers).build()


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def small(name: str = "partition-guided-digits", **numbers: Any) -> Recipe:
    """The recipe at toy size, not yet fitted to data."""
    recipe = find(name).shrunk()
    assert isinstance(recipe.labels, Partition)
    return recipe.with_numbers(resolution=8, channels=1, num_images=0, held_out="", **numbers)


def digits(count: int = 40) -> Dataset:
    return toy_data(count, size=8)


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In place of learning a partition: weights by the seed; the folders that were asked for."""
    asked: list[Path] = []

    def learn(data: Dataset, settings: Any, out: Path, *, seed: int, **options: Any) -> nn.Module:
        asked.append(out)
        recipe = small(partition=settings, parts=settings.k)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            return recipe.labels.source(recipe).partitioner.eval()

    monkeypatch.setattr("everymode.partitioner.learning.learn_partition", learn)
    return asked


# ---- sizes and numbers


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [("cifar10", 4_888_067, 4_256_201), ("stl10", 32_993_539, 19_747_721)],
)
def test_networks_are_of_the_released_size(name: str, generator: int, discriminator: int) -> None:
    game = built(f"partition-guided-{name}", partition=small().labels.partition)
    assert (size(game.generator), size(game.discriminator)) == (generator, discriminator)


def test_the_guides_weight_falls_as_released() -> None:
    lighter = {"width": 4, "parts": 3, "partition": small().labels.partition}
    (guide,) = built("partition-guided-cifar10", **lighter).objective.generator_terms
    assert guide.name == "guide"
    assert [guide.weight(step) for step in (0, 10_000, 50_000)] == [6.0, pytest.approx(4.8), 0.0]
    (guide,) = built("partition-guided-stl10", **lighter).objective.generator_terms
    assert guide.weight(10**6) == 1e-4


def test_ablations_have_no_guide() -> None:
    for name in ("partition-gan-digits", "random-partition-gan-digits"):
        assert not built(name).objective.generator_terms
    assert not isinstance(built("random-partition-gan-digits").labels, PartitionLabels)


def test_default_number_of_parts() -> None:
    assert [parts_for(images) for images in (25, 90, 1_000, 10_000, 50_000, 10**6)] == [
        2,
        9,
        10,
        40,
        200,
        200,
    ]
    fitted = small(parts=None).for_data(digits().facts())
    assert (fitted.labels.parts, fitted.labels.partition.k) == (4, 4)
    numbers = small(pretext_steps=7, partition_steps=9).for_data(digits().facts()).labels.partition
    assert (numbers.pretext_steps, numbers.partition_steps) == (7, 9)


def test_imagenet_has_the_papers_rates_steps_and_epochs() -> None:
    recipe = find("partition-guided-imagenet128")
    assert (recipe.generator_lr, recipe.discriminator_lr, recipe.discriminator_steps) == (2e-4, 2e-4, 4)
    assert (recipe.batch_size, recipe.accumulation) == (2048, 8)
    shown = recipe.steps * recipe.discriminator_steps * recipe.batch_size
    assert shown == pytest.approx(100 * 1_281_167, rel=1e-3)
    labels = recipe.labels
    assert isinstance(labels, Partition) and labels.partition is not None
    # the paper's batches of 400 and 128; the last, incomplete batch of an epoch is omitted
    assert labels.stage_steps(labels.partition, 1_281_167) == (500 * 3202, 100 * 10_009)
    assert labels.stage_steps(labels.partition, 50_000) == (
        labels.partition.pretext_steps,
        labels.partition.partition_steps,
    )
    shorter = replace(labels, pretext_steps=7, partition_steps=9)
    assert shorter.stage_steps(labels.partition, 1_281_167) == (7, 9)


def test_epochs_become_steps_of_complete_batches() -> None:
    recipe = small(pretext_epochs=2.5, partition_epochs=3.0)
    assert isinstance(recipe.labels, Partition)
    batches = replace(recipe.labels.settings(recipe), pretext_batch=16, partition_batch=400)
    fitted = recipe.with_numbers(partition=batches).for_data(digits(40).facts())
    numbers = fitted.labels.partition
    assert (numbers.pretext_steps, numbers.partition_steps) == (5, 3)
    assert Partition().stage_steps(batches, 40) == (None, None)
    with pytest.raises(ValueError, match="pretext_epochs must be 0"):
        Partition(pretext_epochs=-1.0)


def test_the_papers_partitioner_has_twenty_blocks_and_a_squeeze_after_every_four() -> None:
    blocks = PAPER.blocks
    assert (sum(blocks), len(blocks) - 1, set(blocks)) == (20, 4, {4})


def test_json_keeps_the_settings() -> None:
    recipe = find("partition-guided-digits")
    again = recipe_from(json.loads(json.dumps(record_of(recipe))))
    assert again == recipe and again.labels.partition.k == 10


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"parts": 1}, "parts must be 2 or more .*, not 1"),
        ({"pretext_steps": -1}, "pretext_steps must be at least 1, not -1"),
        ({"guide_floor": 7.0}, "guide_floor between 0 and guide_weight"),
        ({"guide_weight": -1.0}, "guide_floor between 0 and guide_weight"),
        ({"random_parts": True}, "random_parts has no partitioner and no guide"),
    ],
)
def test_nonsense_is_refused(numbers: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        find("partition-guided-digits").with_numbers(**numbers)


def test_data_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="41 parts need at least as many examples, not the 40 of toy"):
        small(parts=41).for_data(digits().facts())
    with pytest.raises(FileNotFoundError, match="contains no partition"):
        small(partitioner=str(tmp_path)).for_data(digits().facts())
    with pytest.raises(ValueError, match="parts_per_class must be at least 2"):
        small("partition-guided-classes-digits", parts_per_class=1)


# ---- before the first step


def test_the_partition_is_learned_and_kept(learning: list[Path], tmp_path: Path) -> None:
    run = everymode.train(small(), data=digits(), out=tmp_path, quiet=True)
    assert learning == [run.folder / "partitioner"]
    generator = everymode.load(run.folder)
    labels = generator.labels
    assert isinstance(labels, PartitionLabels)
    with torch.no_grad():
        expected = labels.partitioner(digits().gather(np.arange(40))).argmax(1)
    assert torch.equal(labels.counts, torch.bincount(expected, minlength=3).float())
    assert len(set(labels.counts.tolist())) > 1
    images, accepted = sample_accepted(generator, 5, retries=2)
    own = labels.accepts(images, generator.conditions(None, generator.draws(range(5))))
    assert torch.equal(accepted, own)


def test_a_killed_preparation_goes_on(learning: list[Path], tmp_path: Path, monkeypatch) -> None:
    whole = everymode.train(small(), data=digits(), out=tmp_path / "whole", quiet=True)

    def killed(self: PartitionLabels, data: Dataset, after_batch: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PartitionLabels, "label_all", killed)
        with pytest.raises(KeyboardInterrupt):
            everymode.train(small(), data=digits(), out=tmp_path / "cut", quiet=True)
    (folder,) = (tmp_path / "cut").iterdir()
    assert not (folder / "parts.safetensors").exists()
    again = everymode.train(small(), data=digits(), out=tmp_path / "cut", resume="auto", quiet=True)
    assert again.folder == folder
    first, second = (everymode.load(run.folder).network.state_dict() for run in (whole, again))
    assert all(torch.equal(first[name], second[name]) for name in first)
    # What was kept is used as it is.
    asked = len(learning)
    shutil.rmtree(folder / "checkpoints")
    everymode.train(small(), data=digits(), out=tmp_path / "cut", resume="auto", quiet=True)
    assert len(learning) == asked


def test_a_stop_while_the_partition_is_learned_says_where(tmp_path: Path, monkeypatch) -> None:
    def stopped(data: Dataset, settings: Any, out: Path, *, stop: Any, **options: Any) -> nn.Module:
        raise PartitionStopped(str(out))

    monkeypatch.setattr("everymode.partitioner.learning.learn_partition", stopped)
    with pytest.raises(Stopped, match="stopped while learning the partition") as caught:
        everymode.train(small(), data=digits(), out=tmp_path, quiet=True)
    assert caught.value.folder == next(tmp_path.iterdir())


def test_a_stop_while_images_are_labeled_says_where(
    learning: list[Path], tmp_path: Path, monkeypatch
) -> None:
    whole = PartitionLabels.label_all

    def stopped(self: PartitionLabels, data: Dataset, after_batch: Any) -> torch.Tensor:
        signal.raise_signal(signal.SIGTERM)
        return whole(self, data, after_batch)

    monkeypatch.setattr(PartitionLabels, "label_all", stopped)
    with pytest.raises(Stopped, match="stopped after 40 images were assigned to parts") as caught:
        everymode.train(small(), data=digits(), out=tmp_path, quiet=True)
    assert caught.value.folder == next(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("game", "words"), [(7200.0, "about 2.0 h"), (None, "a time that is known after its first steps")]
)
def test_the_time_of_both_stages_is_estimated_in_one_line(
    game: float | None, words: str, learning: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everymode.partitioner.estimating.estimated_seconds", lambda *given, **options: 600.0)
    lines: list[str] = []
    preparation = Preparation(tmp_path, torch.device("cpu"), StopRequest(), lines.append, True, lambda: game)
    learned_partitioner("", small().labels.partition, digits(), preparation, 0)
    assert lines == [f"time left: about 10 min for the partition, then {words} for the GAN"]
    learned_partitioner("", small().labels.partition, digits(), replace(preparation, verbose=False), 0)
    assert len(lines) == 1


def test_classes_are_split(learning: list[Path], tmp_path: Path) -> None:
    recipe = small("partition-guided-classes-digits", steps=2)
    fitted = recipe.for_data(digits().facts())
    trainer = toy_trainer(fitted, digits())
    labels = trainer.game.labels
    assert isinstance(labels, ClassPartLabels) and labels.num_labels == 9
    run = everymode.train(recipe, data=digits(), out=tmp_path, quiet=True)
    counts = everymode.load(run.folder).labels.counts
    assert counts.unflatten(0, (3, 3)).sum(1).tolist() == np.bincount(digits().labels).tolist()


def test_training_sees_the_table_and_the_guide(learning: list[Path]) -> None:
    recipe = small().for_data(digits().facts())
    trainer = toy_trainer(recipe, digits())
    trainer.step()
    numbers, bad = trainer.tally.read(trainer.world)
    assert bad is None and numbers["generator/guide"] >= 0
    (part,) = trainer.parts(0, 0)
    labels = trainer.game.labels
    condition = labels.assign(part.batch, trainer.game.discriminator, part.random)
    assert torch.equal(condition, part.batch.index % 3)
    assert torch.equal(labels.for_fakes(part.batch.with_condition(condition), part.random), condition)


def test_a_partition_that_is_given_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "partition"
    settings = replace(small().labels.partition, k=4, full_width=6)
    learned = learn_partition(digits(), settings, folder)
    recipe = small(partitioner=str(folder), parts=None)
    fitted = recipe.for_data(digits().facts())
    assert isinstance(fitted.labels, Partition)
    assert (fitted.labels.parts, fitted.labels.partition) == (4, settings)
    assert any("read from" in note for note in fitted.notes())
    run = everymode.train(recipe, data=digits(), out=tmp_path / "runs", quiet=True)
    labels = everymode.load(run.folder).labels
    with torch.no_grad():
        parts = learned(digits().gather(np.arange(40))).argmax(1)
    assert torch.equal(labels.counts, torch.bincount(parts, minlength=4).float())
    # The run goes on without the folder.
    shutil.rmtree(folder)
    everymode.train(recipe, data=digits(), out=tmp_path / "runs", resume=run.folder, quiet=True, steps=4)


def test_a_partition_of_something_else_is_refused(tmp_path: Path) -> None:
    learn_partition(digits(), small().labels.partition, tmp_path)
    with pytest.raises(
        ValueError, match=r"for examples of shape \(1, 8, 8\), but those of toy have shape \(1, 16, 16\)"
    ):
        small(partitioner=str(tmp_path), parts=None).for_data(toy_data(size=16).facts())
    with pytest.raises(ValueError, match="has 3 parts, not 4: set parts to 3 or auto"):
        small(partitioner=str(tmp_path), parts=4).for_data(digits().facts())
