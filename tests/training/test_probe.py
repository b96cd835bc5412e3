"""The watch's signals on samples whose state is known, and a run that is forced to collapse."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from everymode.data.opening import open_images
from everymode.data.order import DataOrder, random_permutation
from everymode.draws import Draws, Rows
from everymode.game import Game, Weighted
from everymode.machine.distributed import World
from everymode.machine.progress import Progress
from everymode.recipe import Recipe
from everymode.recipes.omni_gan import DIGITS
from everymode.storage.checkpoint import checkpoints, step_of
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.moves import in_eval_mode
from everymode.training.probe import (
    SampleProbe,
    class_scores,
    coarse,
    comparable,
    label_agreement,
    overfitting,
    within_class_distance,
)
from everymode.training.schedules import switched_on
from everymode.training.stepper import Stepper
from everymode.training.trainer import Collapsed, OnCollapse, Trainer

SMALL = DIGITS.with_numbers(width=4, latent_dim=8, batch_size=16, discriminator_steps=1)


@dataclass(frozen=True, kw_only=True)
class OneMode(Recipe):
    """From step `at` on, every sample is pulled to the first one of its batch."""

    at: int = 8

    def build(self) -> Game:
        game = super().build()

        def pull(turn):
            return (turn.fake - turn.fake[:1].detach()).square().mean()

        term = Weighted("one mode", pull, switched_on(1e4, at=self.at))
        game.objective = replace(game.objective, generator_terms=(term,))
        return game


class Fixed(nn.Module):
    """A generator that draws chosen images."""

    latent_dim = 2

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("images", images)
        self.norm = nn.BatchNorm1d(1)
        self.next = 0

    def forward(self, z, condition):
        rows = torch.arange(self.next, self.next + len(z)) % len(self.images)
        self.next += len(z)
        return self.images[rows]


@pytest.fixture(scope="module")
def digits():
    return open_images("digits:train", resolution=16)


def stepper(data, recipe=SMALL) -> Stepper:
    fitted = recipe.for_data(data.facts())
    return Stepper(fitted, data, DataOrder(len(data), fitted.batch_size, 0), "cpu", World())


def test_real_examples_look_healthy_and_one_image_does_not(digits) -> None:
    probe = SampleProbe(digits, count=200, seed=0, held_out=open_images("digits:held-out", resolution=16))
    steps = stepper(digits)
    steps.game.generator = Fixed(digits.gather(np.arange(600, 800)))
    healthy = probe(steps)
    assert healthy["coverage"] > 0.8
    steps.game.generator = Fixed(digits.gather(np.zeros(1, dtype=int)))
    collapsed = probe(steps)
    assert collapsed["coverage"] < 0.1 and collapsed["variety"] < 1e-6 and collapsed["labels_hit"] < 0.3
    assert abs(collapsed["held_out_gap"]) < 1.0
    name = "discriminator_singular_value"
    assert collapsed[name] == healthy[name] > 0
    assert "generator_singular_value" not in healthy, "the stand-in has no normalized layer"


class Scores(nn.Module):
    """A discriminator of three classes and two more scores that is right on bright images only."""

    def forward(self, x, condition):
        bright = (x.mean((1, 2, 3)) > 0).long()
        right = nn.functional.one_hot(condition, 5) * bright[:, None]
        wrong = nn.functional.one_hot((condition + 1) % 3, 5) * (1 - bright)[:, None]
        return (right + wrong).float() + torch.tensor([0.0, 0, 0, 9, 9])


def test_class_scores_leave_out_what_is_no_class() -> None:
    images = torch.cat((torch.ones(3, 1, 2, 2), -torch.ones(1, 1, 2, 2)))
    labels = torch.tensor([0, 1, 2, 2])
    scores = class_scores(Scores(), images, labels, 3)
    assert scores.argmax(1).tolist() == [0, 1, 2, 0]
    assert class_scores(nn.Bilinear(1, 1, 1), torch.ones(2, 1), torch.ones(2, 1), 3) is None


class Told(nn.Module):
    """A discriminator whose highest class score is that of the label it is given, plus an offset."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x, condition):
        return nn.functional.one_hot((condition + self.offset) % 10, 12).float()


@pytest.mark.parametrize(("offset", "accuracy"), [(0, 1.0), (1, 0.0)])
def test_accuracy_of_the_discriminators_class_scores(digits, offset: int, accuracy: float) -> None:
    steps = stepper(digits)
    steps.game.discriminator = Told(offset)
    probe = SampleProbe(digits, count=70, seed=0, held_out=open_images("digits:held-out", resolution=16))
    signals = probe(steps)
    assert signals["self_accuracy"] == signals["validation_accuracy"] == accuracy


class Embedded(nn.Module):
    """A discriminator that looks its label up in a table, as projection does: there is no row -1."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 12)

    def forward(self, x, condition):
        return self.table(condition)


def test_held_out_examples_without_a_label_are_left_out_where_every_training_example_has_one(digits) -> None:
    held_out = open_images("digits:held-out", resolution=16)
    few = replace(held_out, labels=np.where(np.arange(len(held_out)) % 3 == 0, -1, held_out.labels))
    none = replace(held_out, labels=np.full(len(held_out), -1))
    steps = stepper(digits)
    steps.game.discriminator = Embedded()
    assert "held_out_gap" in SampleProbe(digits, count=70, seed=0, held_out=few)(steps)
    assert "held_out_gap" not in SampleProbe(digits, count=70, seed=0, held_out=none)(steps)
    steps.game.discriminator = Told(0)
    signals = SampleProbe(digits, count=70, seed=0, held_out=few)(steps)
    assert signals["validation_accuracy"] == 1.0


def test_overfitting_by_hand() -> None:
    training = torch.tensor([2.0, 4.0], dtype=torch.float64).repeat(200)  # mean 3, variance 400/399
    noise = 2 * (2 * 400 / 399 / 400) ** 0.5
    fake = training - 4
    assert overfitting(training, training - 4, fake) == pytest.approx((4 - noise) / 4)
    assert overfitting(training, training - 1, fake) == pytest.approx((1 - noise) / 4)
    assert overfitting(training, training - 0.9 * noise, fake) == 0.0, "that much may be noise"
    assert overfitting(training, training + 1, fake) == 0.0
    # Where fakes look as real as training examples, the distance is no less than the noise.
    assert overfitting(training, training - 1, training) == pytest.approx((1 - noise) / noise)
    constant = torch.ones(4, dtype=torch.float64)
    assert overfitting(constant, constant, constant) == 0.0
    assert overfitting(constant, constant - 1, constant - 2) == 0.5


class Memory(nn.Module):
    """A discriminator that knows the examples it was given by heart: omni-scores of 10 classes, "real" and "fake"."""

    def __init__(self, known: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("known", known.flatten(1))

    def forward(self, x, condition):
        exact = "donot_use_mm_for_euclid_dist"
        near = torch.cdist(x.flatten(1), self.known, compute_mode=exact).amin(1) < 1e-3
        scores = torch.zeros(len(x), 12)
        scores[:, 10] = torch.where(near, 2.0, -2.0) + torch.linspace(0, 0.1, len(x))
        return scores


def test_a_discriminator_that_knows_its_data_by_heart_is_seen(digits) -> None:
    probe = SampleProbe(digits, count=70, seed=0, held_out=open_images("digits:held-out", resolution=16))
    steps = stepper(digits)
    steps.game.discriminator = Memory(digits.gather(np.arange(len(digits))))
    signals = probe(steps)
    assert signals["overfitting"] > 0.8
    assert signals["held_out_gap"] > 1
    assert (signals["training_above_0"], signals["held_out_above_0"]) == (1.0, 0.0)
    steps.game.discriminator = Memory(torch.zeros(1, 256))
    signals = probe(steps)
    assert signals["overfitting"] == 0.0
    assert signals["training_above_0"] == signals["held_out_above_0"] == 0.0


def test_looking_changes_nothing_and_repeats_itself(digits) -> None:
    probe, steps = SampleProbe(digits, count=40, seed=0), stepper(digits)
    before = {
        f"{player}.{name}": value.clone()
        for player, network in steps.players().items()
        for name, value in network.state_dict().items()
    }
    assert probe(steps) == probe(steps)
    for player, network in steps.players().items():
        assert network.training
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[f"{player}.{name}"]), name


def test_few_examples_give_what_signals_they_can(digits) -> None:
    assert set(SampleProbe(digits, count=0, seed=0)(stepper(digits))) == {
        "discriminator_singular_value",
        "generator_singular_value",
    }
    assert "coverage" in SampleProbe(digits, count=8, seed=0)(stepper(digits))


def test_samples_that_are_not_finite_are_no_signal(digits) -> None:
    steps = stepper(digits)
    steps.game.generator = Fixed(torch.full((1, 1, 16, 16), torch.nan))
    assert set(SampleProbe(digits, count=20, seed=0)(steps)) == {"discriminator_singular_value"}


def test_within_class_distance_by_hand() -> None:
    points = torch.tensor([[0.0, 0], [0, 1], [0, 5], [3, 5]], dtype=torch.float64)
    assert within_class_distance(points, np.array([0, 0, 1, 1])) == pytest.approx(2.0)
    assert within_class_distance(points, np.array([0, 0, 0, 1])) == pytest.approx((1 + 5 + 4) / 3)
    assert within_class_distance(points[:2], None) == pytest.approx(1.0)


def test_label_agreement_by_hand() -> None:
    real = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], dtype=torch.float64)
    labels = np.array([0, 0, 0, 1, 1, 1])
    fake = torch.tensor([[0.1], [5.1], [5.0], [0.0]], dtype=torch.float64)
    assert label_agreement(real, labels, fake, np.array([0, 1, 0, 7]), neighbors=3) == 0.5


def test_coarse_keeps_points_and_shrinks_images() -> None:
    assert coarse(torch.rand(3, 2)).shape == (3, 2)
    assert coarse(torch.rand(3, 3, 64, 32)).shape == (3, 3 * 64)
    assert coarse(torch.rand(3, 1, 4, 6)).shape == (3, 24)


def test_as_in_use_restores_every_layers_mode() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    network[1].eval()
    with pytest.raises(RuntimeError), in_eval_mode(network):
        assert not network[0].training
        raise RuntimeError
    assert network[0].training and not network[1].training


def trainer(digits, tmp_path: Path, on_collapse: OnCollapse, **numbers) -> Trainer:
    recipe = OneMode(**{**vars(SMALL), "steps": 60, "tick": 2, "snapshot": 4, "name": "one-mode"} | numbers)
    recipe = recipe.for_data(digits.facts())
    return Trainer(
        recipe,
        digits,
        DataOrder(len(digits), recipe.batch_size, 0),
        folder=RunFolder.create(tmp_path, "run"),
        probe=SampleProbe(digits, count=60, seed=0),
        on_collapse=on_collapse,
    )


def test_a_forced_collapse_is_seen_noted_and_stops_the_run(digits, tmp_path: Path) -> None:
    run = trainer(digits, tmp_path, OnCollapse.STOP)
    with pytest.raises(Collapsed, match="the last healthy checkpoint is") as caught:
        run.run()
    alarm = caught.value.alarm
    assert 8 <= alarm.last_healthy < alarm.step < 60
    noted = json.loads((run.folder.path / "collapses.jsonl").read_text().splitlines()[-1])
    assert noted["step"] == alarm.step
    assert run.folder.read_status()["state"] == "collapsed"
    kept = [int(path.name[5:]) for path in checkpoints(run.folder.checkpoints)]
    assert any(step <= alarm.last_healthy for step in kept), "the healthy one is kept beside the last two"


def test_a_rollback_goes_to_a_healthy_checkpoint_with_the_remedy_and_ends_after_three(
    digits, tmp_path: Path
) -> None:
    run = trainer(digits, tmp_path, OnCollapse.ROLLBACK)
    with pytest.raises(Collapsed):
        run.run()
    assert run.recovery.rollbacks == 3
    assert run.recovery.discriminator_lr == 1 / 8
    group = run.discriminator_optimizer.param_groups[0]
    assert group["weight_decay"] == pytest.approx(27 * SMALL.discriminator_weight_decay)
    steps = [step_of(path) for path in checkpoints(run.folder.checkpoints)]
    assert max(steps) <= run.completed, "nothing of the abandoned courses is left"
    again = trainer(digits, tmp_path, OnCollapse.ROLLBACK)
    again.restore(run.state())
    assert again.recovery == run.recovery
    assert again.discriminator_optimizer.param_groups[0]["weight_decay"] == group["weight_decay"]


def test_a_warning_lets_the_run_go_on(digits, tmp_path: Path) -> None:
    run = trainer(digits, tmp_path, OnCollapse.WARN, steps=36, snapshot=30)  # pictures take longer than steps
    run.run()
    assert run.completed == 36
    assert (run.folder.path / "collapses.jsonl").read_text().count("\n") >= 1


def test_a_discriminator_that_overfits_is_warned_of_and_does_not_stop_the_run(
    digits, tmp_path: Path, capsys
) -> None:
    run = trainer(digits, tmp_path, OnCollapse.STOP, steps=14, at=1000, settling=0.0, lr_decay=0.0)
    run.progress = Progress(14)
    run._probe = lambda stepper: {"overfitting": 0.9, "coverage": 0.8}
    run.run()
    assert run.completed == 14
    (noted,) = read_lines(run.folder.path / "warnings.jsonl")
    assert noted["step"] == 2 * (3 + 3) and "overfits its training examples" in noted["text"]
    assert f"at step {noted['step']} overfitting is 0.9" in capsys.readouterr().out
    assert not (run.folder.path / "collapses.jsonl").exists()
    assert run.watch.last_healthy == 14


# ---- several labels an image, and labels that are missing


class OfBoth(nn.Module):
    """A discriminator of digit (10), domain (2) and two more scores: the digit it is told, and always domain 1."""

    def forward(self, x, condition):
        digit = nn.functional.one_hot(condition[:, 0], 10)
        domain = torch.tensor([0, 1]).expand(len(x), 2)
        return torch.cat((digit, domain, torch.full((len(x), 2), 9)), dim=1).float()


def test_signals_of_several_labels_are_means_over_them() -> None:
    data = open_images("two-domain-digits:held-out", resolution=16)
    steps = stepper(data)
    steps.game.discriminator = OfBoth()
    samples = data.gather(np.arange(400, 600))
    steps.game.generator = Fixed(samples)
    signals = SampleProbe(data, count=200, seed=0, held_out=data)(steps)
    asked = steps.game.labels.draw(Draws(0, "watch", Rows.all(200)))
    assert signals["self_accuracy"] == pytest.approx((1 + float(asked[:, 1].double().mean())) / 2)
    shown = data.labels[random_permutation(0, "watch held out", 0, len(data))[:200]]
    assert signals["validation_accuracy"] == pytest.approx((1 + shown[:, 1].mean()) / 2)
    rows = random_permutation(0, "watch", 0, len(data))[:200]
    real, fake, known = coarse(data.gather(rows)), coarse(samples), data.labels[rows]
    hits = [label_agreement(real, known[:, i], fake, asked[:, i].numpy()) for i in (0, 1)]
    assert signals["labels_hit"] == pytest.approx(sum(hits) / 2)


def test_where_combinations_have_one_member_each_fewer_labels_make_the_classes() -> None:
    random = np.random.default_rng(0)
    many, few = random.integers(0, 2, (256, 40)), random.integers(0, 2, (256, 4))
    for sides in (comparable(many, many), comparable(many, random.integers(0, 2, (200, 40)))):
        assert 4 <= sides[0].shape[1] <= 8 and sides[0].shape[1] == sides[1].shape[1]
    assert comparable(few, few)[0].shape == (256, 4)
    lacking = many.copy()
    lacking[:, 1] = -1
    assert comparable(many, lacking)[0].shape[1] == 1
    assert comparable(many[:, 0], many[:, 1])[0].shape == (256,)


def test_distances_go_by_combinations_of_labels_and_pass_over_missing_ones() -> None:
    points = torch.tensor([[0.0, 0], [0, 1], [0, 5], [3, 5], [90, 90]], dtype=torch.float64)
    blocks = np.array([[0, 1], [0, 1], [0, 0], [0, 0], [0, -1]])
    assert within_class_distance(points, blocks) == pytest.approx((1 + 3) / 2)
    assert within_class_distance(points, np.array([0, 0, 1, 1, -1])) == pytest.approx(2.0)
    # One image for each combination: no variety, though the first label alone would show some.
    assert within_class_distance(points[[0, 0, 2, 2]], blocks[:4]) == 0
    assert within_class_distance(points[:2], np.array([-1, -1])) == pytest.approx(1.0)
