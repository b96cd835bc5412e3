"""Training with few labels: hidden labels, batches of a fixed labeled share, and resuming both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_games import ToyRecipe, differences, toy_data, toy_trainer

from everymode.data.hiding import hide_labels
from everymode.data.order import MixedOrder
from everymode.machine.distributed import World
from everymode.recipes.omni_gan import IMAGES32
from everymode.runs.run import Run, train
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder
from everymode.training.probe import SampleProbe
from everymode.training.trainer import Trainer

FEW = ToyRecipe(
    steps=6,
    tick=1,
    snapshot=3,
    discriminator_steps=2,
    labeled_fraction=0.5,
    labeled_share=0.25,
    watch_samples=30,
)


@pytest.fixture
def few(tmp_path: Path) -> Callable[..., Run]:
    """Trains the toy with few labels in tmp_path, quietly, on the CPU."""

    def run(recipe: ToyRecipe = FEW, **options: object) -> Run:
        given = {"data": toy_data(), "out": tmp_path / "runs", "device": "cpu", "quiet": True}
        return train(recipe, **(given | options))

    return run


def test_a_run_sees_the_labels_that_are_kept(
    few: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[torch.Tensor] = []
    parts = Trainer.parts

    def watched(trainer: Trainer, step: int, index: int) -> object:
        made = parts(trainer, step, index)
        batches.extend(part.batch.condition for part in made)
        return made

    monkeypatch.setattr(Trainer, "parts", watched)
    run = few()
    hidden = hide_labels(toy_data(), 0.5, seed=0)
    assert run.recipe.class_counts == hidden.class_counts != toy_data().class_counts
    config = RunFolder(run.folder).read_config()
    assert config["data"]["fingerprint"] == hidden.fingerprint
    assert len(batches) == 12
    assert all((labels >= 0).sum() == 2 for labels in batches)


def test_numbers_follow_the_labels_that_are_kept() -> None:
    data = replace(toy_data(6000, size=32), labels=np.arange(6000) % 3)
    recipe = replace(IMAGES32, labeled_fraction=0.25)
    fitted = recipe.for_data(hide_labels(data, recipe.labeled_fraction).facts())
    assert fitted.class_counts == (500, 500, 500)
    assert fitted.discriminator_weight_decay == 5e-4
    assert "500 images per label" in fitted.notes()[0]


def test_the_note_says_how_many_labels_are_left(
    few: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    few(steps=1, quiet=False)
    assert "of 40 images of toy keep their labels" in capsys.readouterr().out


def test_a_run_with_few_labels_goes_on_as_if_it_had_not_stopped(few: Callable[..., Run]) -> None:
    whole = few()
    cut = few(steps=3, lr_decay=0.0)
    again = few(resume=cut.folder, steps=6)
    assert again.folder == cut.folder
    ends = [files.read_state(run.folder / "checkpoints" / "step-0000006") for run in (whole, again)]
    assert differences(*ends) == []


def test_other_labels_are_other_data_on_resume(few: Callable[..., Run]) -> None:
    first = few(steps=1)
    with pytest.raises(ValueError, match=r"or the number of labels differs\): name that data .* --init-from"):
        few(resume=first.folder, labeled_fraction=1.0, labeled_share=0.0, steps=2)


def test_the_share_asks_for_both_kinds(few: Callable[..., Run]) -> None:
    with pytest.raises(
        ValueError, match=r"all 40 images have a label; .* hide some labels with labeled_fraction"
    ):
        few(labeled_fraction=1.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"labeled_fraction": 0.0}, "above 0 and at most 1, not 0.0"),
        ({"labeled_fraction": 1.2}, "above 0 and at most 1, not 1.2"),
        ({"labeled_fraction": float("nan")}, "above 0 and at most 1"),
        ({"labeled_share": -0.1}, "from 0 .* to 1, not -0.1"),
        ({"labeled_share": 1.1}, "from 0 .* to 1, not 1.1"),
    ],
)
def test_shares_outside_their_range_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        IMAGES32.with_numbers(**wrong)


def test_accumulated_parts_and_processes_share_the_labeled_rows() -> None:
    data = hide_labels(toy_data(), 0.5)
    order = MixedOrder(data.labels, 8, 0, labeled_share=0.5)
    trainers = [
        Trainer(replace(FEW, accumulation=2), data, order),
        *(Trainer(FEW, data, order, world=_Rank(rank, 2)) for rank in (0, 1)),
    ]
    whole = toy_trainer(FEW, data)
    whole.order = order
    expected = whole.parts(0, 0)[0].batch.index
    parts = [part for trainer in trainers for part in trainer.parts(0, 0)]
    assert all((part.batch.condition >= 0).sum() == 2 for part in parts)
    indices = [part.batch.index for part in parts]
    assert torch.equal(torch.cat(indices[:2]), expected), "accumulated"
    assert torch.equal(torch.cat(indices[2:]), expected), "of two processes"


class _Rank(World):
    """A process of several that never talks to the others: enough to ask for its rows."""

    def broadcast(self, module: torch.nn.Module) -> None: ...

    def synchronize_statistics(self, network: torch.nn.Module) -> None: ...


def test_the_watch_leaves_hidden_labels_out() -> None:
    data = toy_data(120)
    few = hide_labels(data, 0.3)
    trainer = toy_trainer(FEW, few)
    probe = SampleProbe(few, count=120, seed=0)
    signals = probe(trainer)
    assert {"labels_hit", "variety"} <= signals.keys()
    labeled = few.subset(np.flatnonzero(few.labels >= 0))
    alone = SampleProbe(labeled, count=120, seed=0)
    probe._count = alone._count  # as many samples of both
    assert probe(trainer)["labels_hit"] == pytest.approx(alone(trainer)["labels_hit"])


@pytest.mark.parametrize(
    ("name", "data"),
    [("biggan-digits", "digits:held-out"), ("conditional-gan-grid", "grid:samples=500")],
)
def test_recipes_that_need_every_label_refuse_hidden_ones(name: str, data: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs a label for each image, and .* have none"):
        train(name, data, tmp_path, device="cpu", quiet=True, labeled_fraction=0.5)
    assert not list(tmp_path.iterdir())
