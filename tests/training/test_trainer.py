"""The trainer: optimizers, averages, label sources, no wait for the device, losses that are not finite."""

from __future__ import annotations

import copy
import itertools
import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toy_games import PLANTED, TermRecipe, ToyRecipe, differences, toy_data, toy_trainer

from everymode.data.order import DataOrder
from everymode.draws import Draws, Rows
from everymode.game import Game, Turn
from everymode.machine.progress import Progress
from everymode.machine.stopping import Stopped, StopRequest
from everymode.numbers import NotFinite
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.nonfinite import Diverged
from everymode.training.recovery import MAX_ROLLBACKS
from everymode.training.trainer import Trainer

# ---- optimizers


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weight_decay_by_hand(player: str, decoupled: bool) -> None:
    recipe = ToyRecipe(
        precision="float64",
        decoupled_weight_decay=decoupled,
        generator_weight_decay=0.1,
        discriminator_weight_decay=0.1,
        generator_lr=0.01,
        discriminator_lr=0.01,
    )
    trainer = toy_trainer(recipe)
    network, optimizer = trainer.game.modules[player], trainer._optimizers()[player]
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    random = torch.Generator().manual_seed(1)
    gradients = {
        name: torch.randn(value.shape, generator=random, dtype=value.dtype) for name, value in before.items()
    }
    for name, parameter in network.named_parameters():
        parameter.grad = gradients[name].clone()
    optimizer.step()
    for name, parameter in network.named_parameters():
        # Adam's first step moves by lr * g / (|g| + epsilon), with beta1 = 0 and its second moment unbiased.
        start, gradient = before[name], gradients[name]
        if decoupled:
            start = start * (1 - 0.01 * 0.1)
        else:
            gradient = gradient + 0.1 * start
        expected = start - 0.01 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(parameter.detach(), expected, rtol=0, atol=1e-12, msg=name)
    assert len(before) == sum(len(group["params"]) for group in optimizer.param_groups)
    assert any(name.endswith("bias") for name in before)


def test_betas_and_epsilon_are_the_recipes() -> None:
    trainer = toy_trainer(ToyRecipe(beta1=0, beta2=0.9, adam_epsilon=1e-6))
    for optimizer in trainer._optimizers().values():
        assert optimizer.defaults["betas"] == (0.0, 0.9)
        assert optimizer.defaults["eps"] == 1e-6


def test_learning_rates_fall_linearly_at_the_end() -> None:
    trainer = toy_trainer(ToyRecipe(steps=10, lr_decay=0.4, generator_lr=1.0, discriminator_lr=2.0))
    shares = [rates(trainer, step)["generator"] for step in range(10)]
    assert shares == pytest.approx([1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    assert rates(trainer, 8) == pytest.approx({"generator": 0.5, "discriminator": 1.0})


def test_learning_rates_stay_without_decay() -> None:
    trainer = toy_trainer(ToyRecipe(generator_lr=1.0, discriminator_lr=2.0))
    assert rates(trainer, 0) == rates(trainer, 7) == {"generator": 1.0, "discriminator": 2.0}


def rates(trainer: Trainer, step: int) -> dict[str, float]:
    trainer._set_learning_rates(step)
    return {player: optimizer.param_groups[0]["lr"] for player, optimizer in trainer._optimizers().items()}


def test_the_generator_settles_at_the_end_and_the_discriminator_does_not() -> None:
    trainer = toy_trainer(
        ToyRecipe(steps=8, settling=0.5, settling_lr=0.25, generator_lr=1.0, discriminator_lr=2.0)
    )
    assert [rates(trainer, step)["generator"] for step in range(8)] == [1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25]
    assert [rates(trainer, step)["discriminator"] for step in range(8)] == [2] * 8


def test_statistics_stay_and_are_used_while_the_generator_settles() -> None:
    trainer = toy_trainer(ToyRecipe(steps=4, settling=0.5, batch_norm=True, precision="float64"))
    norm, moved = trainer.game.generator.get_submodule("norm"), []
    for _ in range(4):
        before = norm.get_buffer("running_mean").clone()
        trainer.step()
        moved.append(not torch.equal(before, norm.get_buffer("running_mean")))
    assert moved == [True, True, False, False]
    assert not norm.training
    assert trainer.game.generator.training


def test_going_back_before_the_settling_takes_the_statistics_of_batches_again() -> None:
    trainer = toy_trainer(ToyRecipe(steps=4, settling=0.5, batch_norm=True, precision="float64"))
    trainer.step()
    early = copy.deepcopy(trainer.state())
    for _ in range(3):
        trainer.step()
    trainer.restore(early)
    trainer.step()
    assert trainer.game.generator.get_submodule("norm").training


# ---- the averaged generator


def test_the_average_is_a_copy_up_to_its_start_and_then_moves() -> None:
    trainer = toy_trainer(ToyRecipe(ema_start=3, ema_decay=0.75, precision="float64", batch_norm=True))
    for _ in range(2):
        trainer.step()
        assert differences(trainer.average.state_dict(), trainer.game.generator.state_dict()) == []
    for _ in range(2):
        before = {name: value.clone() for name, value in trainer.average.state_dict().items()}
        trainer.step()
        for name, value in trainer.game.generator.state_dict().items():
            expected = 0.75 * before[name] + 0.25 * value
            torch.testing.assert_close(trainer.average.state_dict()[name], expected, rtol=0, atol=1e-12)
    assert "norm.running_var" in before
    assert not any(parameter.requires_grad for parameter in trainer.average.parameters())


# ---- label sources and terms


def test_observe_once_per_discriminator_move_and_refresh_as_often_as_asked() -> None:
    trainer = toy_trainer(ToyRecipe(discriminator_steps=3, refresh_every=2))
    labels = trainer.game.labels
    observed: list[Tensor] = []
    refreshed: list[int] = []
    labels.observe = lambda batch: observed.append(batch.condition)
    draws: list[Tensor] = []

    def refresh(discriminator: nn.Module, data: object, random: Draws) -> dict[str, float]:
        assert discriminator is trainer.game.discriminator
        assert data is trainer.data
        refreshed.append(trainer.completed)
        draws.append(random.over(6).uniform("anything"))
        return {"seen": float(len(refreshed))}

    labels.refresh = refresh
    expected = [trainer.parts(step, index)[0].batch.condition for step in range(5) for index in range(3)]
    said = []
    for _ in range(5):
        trainer.step()
        said.append(trainer.refreshed)
    assert len(observed) == 15
    assert all(torch.equal(*pair) for pair in zip(observed, expected, strict=True))
    assert refreshed == [0, 2, 4]  # each before its step
    assert said == [{"seen": 1.0}, {}, {"seen": 2.0}, {}, {"seen": 3.0}]
    assert not torch.equal(draws[0], draws[1])
    again = Draws(trainer.recipe.seed, "2 refresh", Rows.all(6)).uniform("anything")
    assert torch.equal(draws[1], again)


def test_what_refreshes_said_is_written_and_cut_back_on_resume(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "refreshed")
    trainer = toy_trainer(ToyRecipe(steps=4, refresh_every=2, snapshot=2), folder=folder)
    trainer.game.labels.refresh = lambda discriminator, data, random: {"found": 0.5}
    trainer.run()
    assert read_lines(folder.labels) == [{"step": 0, "found": 0.5}, {"step": 2, "found": 0.5}]
    # The refresh before step 2 comes after the checkpoint of two completed steps: it will be made again.
    folder.cut_back(2)
    assert read_lines(folder.labels) == [{"step": 0, "found": 0.5}]


def test_the_constraint_follows_each_discriminator_step_and_is_kept() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros((), dtype=torch.long))

        def forward(self, discriminator: nn.Module) -> None:
            assert not torch.is_grad_enabled()
            self.calls += 1
            for parameter in discriminator.parameters():
                parameter.clamp_(-0.01, 0.01)

    trainer = toy_trainer(ToyRecipe(discriminator_steps=3))
    game = trainer.game
    trainer.game = Game(
        game.generator, game.discriminator, game.labels, game.objective, constraint=Counting()
    )
    trainer.step()
    assert int(trainer.game.constraint.calls) == 3
    assert all(float(each.detach().abs().max()) <= 0.01 for each in game.discriminator.parameters())
    assert int(trainer.state()["modules"]["constraint"]["calls"]) == 3


def test_refresh_is_never_called_by_default() -> None:
    trainer = toy_trainer(ToyRecipe())
    trainer.game.labels.refresh = lambda discriminator, data, random: pytest.fail("refreshed")
    trainer.step()


def test_every_draw_is_fresh_and_a_function_of_the_step() -> None:
    trainer = toy_trainer(ToyRecipe(discriminator_steps=2, mirror=True))
    drawn = [
        trainer.parts(step, index)[0].random.normal("z", 4) for step in range(2) for index in range(2)
    ] + [trainer._draws(0, "generator", trainer._part_rows[0]).normal("z", 4)]
    assert all(not torch.equal(*pair) for pair in itertools.combinations(drawn, 2))
    again = toy_trainer(ToyRecipe(discriminator_steps=2, mirror=True))
    assert torch.equal(again.parts(1, 0)[0].random.normal("z", 4), drawn[2])
    assert torch.equal(again.parts(1, 0)[0].batch.real, trainer.parts(1, 0)[0].batch.real)


def test_half_of_the_images_are_mirrored() -> None:
    data = toy_data()
    trainer = toy_trainer(ToyRecipe(mirror=True, batch_size=40), data)
    batch = trainer.parts(0, 0)[0].batch
    plain = data.gather(batch.index.numpy())
    flipped = [torch.equal(*pair) for pair in zip(batch.real, plain.flip(-1), strict=True)]
    kept = [torch.equal(*pair) for pair in zip(batch.real, plain, strict=True)]
    assert all(one != other for one, other in zip(flipped, kept, strict=True))
    assert 10 < sum(flipped) < 30


def test_two_trainers_of_one_seed_are_equal_and_of_two_are_not() -> None:
    torch.manual_seed(1)
    first = toy_trainer(ToyRecipe())
    torch.manual_seed(2)
    second, third = toy_trainer(ToyRecipe()), toy_trainer(ToyRecipe(seed=1))
    assert differences(first.state(), second.state()) == []
    assert differences(first.state(), third.state()) != []
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(2)))


# ---- no wait for the device


def on_meta(recipe: ToyRecipe) -> Trainer:
    """A trainer whose tensors have no values: whatever reads one on the host fails."""
    data = toy_data()
    trainer = Trainer(recipe, data, DataOrder(data.labels, recipe.batch_size, recipe.seed), device="meta")
    # torch has no fused Adam for this device.
    for player in ("generator", "discriminator"):
        network = trainer.game.modules[player]
        setattr(trainer, f"{player}_optimizer", torch.optim.Adam(network.parameters(), foreach=True))
    return trainer


@pytest.mark.parametrize(
    "recipe",
    [
        ToyRecipe(mirror=True, discriminator_steps=2, r1_weight=1.0, moving_mean=True),
        ToyRecipe(kind="hinge", batch_norm=True, reuse_fakes=True),
        ToyRecipe(accumulation=2, one_pass=False),
    ],
    ids=["omni", "hinge", "accumulated"],
)
def test_no_step_reads_a_tensor(recipe: ToyRecipe) -> None:
    trainer = on_meta(recipe)
    for _ in range(3):
        trainer.step()
    assert trainer.completed == 3
    with pytest.raises((RuntimeError, NotImplementedError)):
        trainer.tally.read(trainer.world)


@pytest.mark.parametrize(
    "reading",
    [
        lambda x: x.item(),
        lambda x: bool(x > 0),
        lambda x: x.cpu() + 0,
        lambda x: x.numpy(),
        lambda x: x.reshape(1).tolist(),
        lambda x: torch.nonzero(x.reshape(1)),
    ],
    ids=["item", "bool", "cpu", "numpy", "tolist", "nonzero"],
)
def test_a_step_that_reads_one_would_fail(planted: Callable[..., TermRecipe], reading: Callable) -> None:
    def reads(turn: Turn) -> Tensor:
        level = turn.real_verdict.scores[0].mean()
        reading(level.detach())
        return level * 0

    trainer = on_meta(planted(reads))
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)) as caught:
        trainer.step()
    assert any(entry.name == "<lambda>" for entry in caught.traceback)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_no_step_waits_for_the_gpu() -> None:
    trainer = toy_trainer(ToyRecipe(mirror=True, r1_weight=1.0, compile="no"), device="cuda")
    for _ in range(2):
        trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


# ---- losses that are not finite


@pytest.fixture
def planted() -> Iterator[Callable[..., TermRecipe]]:
    """A recipe with a discriminator term of the test's own."""

    def recipe(term: Callable[[Turn], Tensor], **numbers: object) -> TermRecipe:
        PLANTED["planted"] = term
        given = {"name": "planted", "steps": 10, "tick": 2, "snapshot": 4, "discriminator_steps": 2}
        return TermRecipe(**(given | numbers))

    yield recipe
    PLANTED.clear()


def nan_at(*steps: int, times: int = 10**9) -> Callable[[Turn], Tensor]:
    """Zero, but not a number at these steps, as often as given."""
    left = [times]

    def term(turn: Turn) -> Tensor:
        zero = turn.real_verdict.scores[0].sum() * 0
        if turn.step in steps and left[0] > 0:
            left[0] -= 1
            return zero * torch.nan
        return zero

    return term


def test_diverged_names_the_term_and_the_step(tmp_path: Path, planted: Callable[..., TermRecipe]) -> None:
    folder = RunFolder.create(tmp_path, "run")
    trainer = toy_trainer(planted(nan_at(4)), folder=folder)
    with pytest.raises(Diverged, match=r"discriminator/planted was not finite at step 4\.") as caught:
        trainer.run()
    assert caught.value.bad == ("discriminator/planted", 4)
    assert "Lower the learning rates" in str(caught.value)
    status = folder.read_status()
    assert (status["state"], status["loss"], status["bad_step"]) == ("diverged", "discriminator/planted", 4)
    evidence = json.loads((folder.path / "nonfinite.json").read_text())
    assert (evidence["loss"], evidence["step"], evidence["found_at_step"]) == ("discriminator/planted", 4, 6)
    rows = evidence["data_rows_of_each_discriminator_move"]
    assert rows == [trainer.order.indices(move).tolist() for move in (8, 9)]
    assert evidence["last_good_checkpoint"].endswith("step-0000004")
    assert any(name.startswith("discriminator.") for name in evidence["parameters_that_are_not_finite"])
    assert [record["step"] for record in read_lines(folder.log)] == [2, 4]
    state = files.read_state(folder.checkpoints / "step-0000004")
    assert all(torch.isfinite(value).all() for value in state["modules"]["discriminator"].values())


def test_a_bad_step_on_the_way_to_a_checkpoint_is_not_saved(
    tmp_path: Path, planted: Callable[..., TermRecipe]
) -> None:
    folder = RunFolder.create(tmp_path, "run")
    with pytest.raises(Diverged, match="step 3"):
        toy_trainer(planted(nan_at(3), tick=100), folder=folder).run()
    assert [path.name for path in files.checkpoints(folder.checkpoints)] == ["step-0000000"]


def test_weights_that_are_not_finite_are_not_saved_either(
    tmp_path: Path, planted: Callable[..., TermRecipe]
) -> None:
    folder = RunFolder.create(tmp_path, "run")
    trainer = toy_trainer(planted(nan_at()), folder=folder)

    def spoil(discriminator: nn.Module, data: object, random: Draws) -> dict[str, float]:
        with torch.no_grad():
            if trainer.completed:
                trainer.average.second.bias[3] = torch.inf
        return {}

    trainer.recipe = replace(trainer.recipe, refresh_every=7)
    trainer.game.labels.refresh = spoil
    with pytest.raises(Diverged, match=r"averaged generator's second.bias was not finite at step 7"):
        trainer.run()
    assert files.checkpoints(folder.checkpoints)[-1].name == "step-0000004"
    assert folder.read_status()["loss"] == "averaged generator's second.bias"


@pytest.mark.parametrize("where", ["snapshot", "measure"])
@pytest.mark.parametrize("times", [1, 9])
def test_samples_that_are_not_finite_are_noted_and_decided_like_a_loss(
    tmp_path: Path, planted: Callable[..., TermRecipe], times: int, where: str
) -> None:
    folder = RunFolder.create(tmp_path, "run")
    left = [times]

    def look(trainer: Trainer) -> dict[str, float]:
        if trainer.completed == 6 and left[0]:
            left[0] -= 1
            raise NotFinite("an image holds NaN")
        return {"rank": 0.0}

    trainer = toy_trainer(
        planted(nan_at(), snapshot=3, tick=1), folder=folder, on_nonfinite_rollback=True, **{where: look}
    )
    if times == 1:
        trainer.run()
        assert (trainer.completed, trainer.recovery.rollbacks) == (10, 1)
    else:
        with pytest.raises(Diverged, match="a sample of the averaged generator was not finite at step 5"):
            trainer.run()
        assert files.checkpoints(folder.checkpoints)[-1].name == "step-0000003"
        assert folder.read_status()["state"] == "diverged"
    noted = read_lines(folder.path / "warnings.jsonl")
    assert [line["step"] for line in noted] == [6] * min(times, MAX_ROLLBACKS + 1)
    assert "holds NaN" in noted[0]["text"]


def test_labels_are_not_looked_for_in_what_is_not_finite(
    tmp_path: Path, planted: Callable[..., TermRecipe]
) -> None:
    folder = RunFolder.create(tmp_path, "run")
    trainer = toy_trainer(planted(nan_at(3), tick=100, snapshot=100), folder=folder)
    trainer.recipe = replace(trainer.recipe, refresh_every=5)
    asked: list[int] = []
    trainer.game.labels.refresh = lambda *_: asked.append(trainer.completed) or {}
    with pytest.raises(Diverged, match="step 3"):
        trainer.run()
    assert asked == [0] and (folder.path / "nonfinite.json").is_file()


def test_without_a_folder_divergence_is_reported_all_the_same(planted: Callable[..., TermRecipe]) -> None:
    with pytest.raises(Diverged, match="step 1"):
        toy_trainer(planted(nan_at(1)), on_nonfinite_rollback=True).run()


def test_rollback_goes_back_with_half_the_learning_rate(
    tmp_path: Path, planted: Callable[..., TermRecipe], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder.create(tmp_path, "run")
    trainer = toy_trainer(
        planted(nan_at(5, times=2), snapshot=3, tick=1),
        folder=folder,
        on_nonfinite_rollback=True,
        progress=Progress(10),
    )
    trainer.run()
    assert trainer.completed == 10
    assert folder.read_status()["state"] == "done"
    assert [record["step"] for record in read_lines(folder.log)] == list(range(1, 11))
    said = capsys.readouterr().out
    assert "was not finite at step 5: back to step 3" in said and "rollback 1 of 3" in said
    assert trainer.recovery.discriminator_lr == 0.5
    assert rates(trainer, 9) == pytest.approx({"generator": 2e-3, "discriminator": 1e-3})
    resumed = toy_trainer(trainer.recipe)
    resumed.restore(files.read_state(folder.checkpoints / "step-0000010"))
    assert (resumed.recovery.rollbacks, resumed.recovery.discriminator_lr) == (1, 0.5)


def test_rollback_gives_up_after_three(tmp_path: Path, planted: Callable[..., TermRecipe]) -> None:
    folder = RunFolder.create(tmp_path, "run")
    trainer = toy_trainer(planted(nan_at(5)), folder=folder, on_nonfinite_rollback=True)
    with pytest.raises(Diverged, match="step 5"):
        trainer.run()
    assert trainer.recovery.rollbacks == MAX_ROLLBACKS == 3
    assert trainer.recovery.discriminator_lr == 1 / 8
    assert folder.read_status()["state"] == "diverged"


# ---- the run


@pytest.mark.parametrize("minute", [0.0, 60.0])
def test_samples_are_drawn_at_once_after_a_minute_and_at_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minute: float
) -> None:
    monkeypatch.setattr("everymode.training.trainer.FIRST_MINUTE", minute)
    drawn: list[int] = []
    stop = StopRequest()

    def draw(trainer: Trainer) -> None:
        drawn.append(trainer.completed)
        if trainer.completed == 0:
            raise NotFinite("an image holds NaN")  # which at a step without a snapshot decides nothing

    def look(trainer: Trainer) -> dict[str, float]:
        if trainer.completed == 6:
            stop.request(signal.SIGTERM)
        return {}

    trainer = toy_trainer(
        ToyRecipe(steps=9, tick=1, snapshot=5),
        folder=RunFolder.create(tmp_path, "run"),
        snapshot=draw,
        probe=look,
        stop=stop,
    )
    with pytest.raises(Stopped):
        trainer.run()
    assert drawn == ([0, 3, 5, 7] if minute == 0 else [0, 5, 7])
    assert trainer.recovery.rollbacks == 0


@pytest.mark.usefixtures("rendered_curves")
def test_what_a_run_leaves_behind(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    drawn: list[int] = []
    recipe = ToyRecipe(steps=7, tick=3, snapshot=4, discriminator_steps=2)
    trainer = toy_trainer(recipe, folder=folder, snapshot=lambda trainer: drawn.append(trainer.completed))
    trainer.run()
    assert drawn == [0, 4, 7]
    assert [path.name for path in files.checkpoints(folder.checkpoints)] == ["step-0000004", "step-0000007"]
    records = read_lines(folder.log)
    assert [record["step"] for record in records] == [3, 4, 6, 7]
    assert records[0]["images"] == 3 * 2 * 8
    assert set(records[0]) == {
        "step",
        "images",
        "seconds",
        "discriminator/adversarial",
        "generator/adversarial",
        "adversarial/real",
        "adversarial/fake",
        "gradient_norm/discriminator",
        "gradient_norm/generator",
        "judgment/real",
        "judgment/real_above_0",
        "judgment/fake_above_0",
        "judgment/fake",
    }
    for record in records:
        both = record["adversarial/real"] + record["adversarial/fake"]
        assert both == pytest.approx(record["discriminator/adversarial"], rel=1e-5)
    assert (folder.path / "curves.png").is_file()
    assert folder.read_status()["state"] == "done"


def test_a_finished_run_is_not_trained_on(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    trainer = toy_trainer(ToyRecipe(steps=2), folder=folder)
    trainer.run()
    before = files.read_state(folder.checkpoints / "step-0000002")
    trainer.run()
    assert differences(before, trainer.state()) == []


def test_lazy_terms_are_averaged_over_the_moves_they_were_in() -> None:
    trainer = toy_trainer(ToyRecipe(r1_weight=1.0, r1_every=2, discriminator_steps=2))
    for _ in range(3):
        trainer.step()
    groups = {names: trainer.tally._counts[names] for names in trainer.tally._counts}
    counts = {("discriminator/r1" in names): n for names, n in groups.items() if "judgment/real" in names}
    assert counts == {True: 4, False: 2}


def test_accumulation_must_divide_the_batch_of_a_process() -> None:
    with pytest.raises(ValueError, match="can't be divided into 3 micro-batches"):
        ToyRecipe(batch_size=8, accumulation=3)


@pytest.mark.parametrize("precision", ["bf16", "float64"])
def test_other_precisions_train(precision: str) -> None:
    trainer = toy_trainer(ToyRecipe(precision=precision, r1_weight=0.1, batch_norm=True))
    for _ in range(2):
        trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None and means.keys() >= {"discriminator/r1", "generator/adversarial"}
    kept = torch.float64 if precision == "float64" else torch.float32
    assert {parameter.dtype for parameter in trainer.game.generator.parameters()} == {kept}
