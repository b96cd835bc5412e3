"""The trainer: plays a recipe's game, step by step, and knows no loss and no paper.

It owns what the game must not know: devices, precision, optimizers, the averaged generator, ranks, checkpoints, logs.
No step waits for the device: losses are tallied there and read once per tick and before every checkpoint.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from everymode import checkpoint as files
from everymode.distributed import World
from everymode.draws import Draws, Rows, stable_seed
from everymode.ema import update_average
from everymode.game import Batch, Game, Turn
from everymode.moves import Part, Played, play_discriminator, play_generator
from everymode.pictures import save_curves
from everymode.progress import Progress, duration
from everymode.recipe import Recipe
from everymode.run_folder import RunFolder, read_lines
from everymode.stopping import StopRequest
from everymode.tally import BadStep, Tally

MAX_ROLLBACKS = 3


class Data(Protocol):
    """What the trainer asks of a data set."""

    def __len__(self) -> int: ...
    def gather(
        self, indices: np.ndarray, device: torch.device, *, mirror: Tensor | None, dtype: torch.dtype
    ) -> Tensor: ...
    def gather_labels(self, indices: np.ndarray, device: torch.device) -> Tensor: ...


class Order(Protocol):
    """Which rows of the data set each discriminator move sees."""

    def indices(self, move: int) -> np.ndarray: ...


class Diverged(RuntimeError):
    """A loss was not finite."""

    def __init__(self, bad: BadStep, advice: str) -> None:
        super().__init__(f"{bad.name} was not finite at step {bad.step}. {advice}")
        self.bad = bad


class Stopped(RuntimeError):
    """A signal asked the run to stop; a valid checkpoint was written first, in `folder`."""

    def __init__(self, text: str, folder: Path | None) -> None:
        super().__init__(text)
        self.folder = folder


Snapshot = Callable[["Trainer"], None]
"""Called at every snapshot in the writing process, with the averaged generator up to date: draws the pictures."""


class Trainer:
    """Trains one recipe on one data set, in one process of `world`.

    Args:
        order: rows of the data set by discriminator move.
        folder: where to write, or None to write nothing (a trainer in a test or notebook).
        config: JSON values that say how to build the generator again; written into every checkpoint.
        on_nonfinite_rollback: go back to the last good checkpoint with half the discriminator's learning rate, at most
            three times, in place of stopping.

    Raises ValueError where the batch can't be shared by the processes or cut into the accumulated parts.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Data,
        order: Order,
        *,
        folder: RunFolder | None = None,
        config: dict[str, Any] | None = None,
        device: torch.device | str = "cpu",
        world: World | None = None,
        progress: Progress | None = None,
        stop: StopRequest | None = None,
        snapshot: Snapshot | None = None,
        on_nonfinite_rollback: bool = False,
    ) -> None:
        self.recipe = recipe
        self.data = data
        self.order = order
        self.folder = folder
        self.config = config or {}
        self.device = torch.device(device)
        self.world = world or World()
        self.progress = progress or Progress(recipe.steps, talk=False)
        self._stop = stop or StopRequest()
        self._snapshot = snapshot
        self._rollback = on_nonfinite_rollback
        self.completed = 0
        """Generator steps made so far."""
        self._rollbacks = 0
        self._lr_scale = 1.0

        choice = {"auto": "bf16" if self.device.type == "cuda" else "float32"}
        precision = choice.get(recipe.precision, recipe.precision)
        self.dtype = torch.float64 if precision == "float64" else torch.float32
        self._autocast = precision == "bf16"
        self._part_rows = self._cut_rows()
        self.game = self._build_game(precision)
        self.average = copy.deepcopy(self.game.generator).requires_grad_(False)
        self.generator_optimizer = self._optimizer(
            self.game.generator, recipe.generator_lr, recipe.generator_weight_decay
        )
        self.discriminator_optimizer = self._optimizer(
            self.game.discriminator, recipe.discriminator_lr, recipe.discriminator_weight_decay
        )
        self._compile()
        self._tally = Tally(self.device)
        self._tick_began = time.perf_counter()

    # ---- one step

    def step(self) -> None:
        """One generator step and its discriminator steps."""
        recipe, step = self.recipe, self.completed
        self._set_learning_rates(step)
        played: Played | None = None
        for index in range(recipe.discriminator_steps):
            last = index == recipe.discriminator_steps - 1
            played = play_discriminator(
                self.game,
                self.discriminator_optimizer,
                self.parts(step, index),
                step=step,
                one_pass=recipe.one_pass,
                keep_fakes=recipe.reuse_fakes and last,
                precision=self._precision,
                average=self.world.average_gradients,
            )
            self._tally.add(self._discriminator_numbers(played), step)
        assert played is not None
        moment = f"{step} generator"
        parts = [
            Part(turn.batch, self._draws(moment, rows))
            for turn, rows in zip(played.turns, self._part_rows, strict=True)
        ]
        answered = play_generator(
            self.game,
            self.generator_optimizer,
            parts,
            step=step,
            reused=played if recipe.reuse_fakes else None,
            precision=self._precision,
            average=self.world.average_gradients,
        )
        self._tally.add(_prefixed("generator", answered.losses), step)
        self.completed = step + 1
        decay = 0.0 if self.completed < recipe.ema_start else recipe.ema_decay
        update_average(self.average, self.game.generator, decay)
        if recipe.refresh_every and self.completed % recipe.refresh_every == 0:
            self.game.labels.refresh(self.game.discriminator, self.data)

    def parts(self, step: int, index: int) -> list[Part]:
        """The real batches and draws of step's index-th discriminator move: this rank's rows, part by part."""
        rows_of_move = self.order.indices(step * self.recipe.discriminator_steps + index)
        moment = f"{step} discriminator {index}"
        return [self._part(rows_of_move, moment, rows) for rows in self._part_rows]

    def _part(self, rows_of_move: np.ndarray, moment: str, rows: Rows) -> Part:
        random = self._draws(moment, rows)
        indices = rows_of_move[rows.start : rows.stop]
        mirror = None
        if self.recipe.mirror:
            mirror = random.uniform("mirror") < 0.5
        real = self.data.gather(indices, self.device, mirror=mirror, dtype=self.dtype)
        if self._channels_last and real.ndim == 4:
            real = real.contiguous(memory_format=torch.channels_last)
        labels = self.data.gather_labels(indices, self.device)
        index = torch.from_numpy(indices)
        if self.device.type == "cuda":
            index = index.pin_memory().to(self.device, non_blocking=True)
        return Part(Batch(real, labels, index), random)

    def _draws(self, moment: str, rows: Rows) -> Draws:
        return Draws(self.recipe.seed, moment, rows, self.device, self.dtype)

    def _discriminator_numbers(self, played: Played) -> dict[str, Tensor]:
        numbers = _prefixed("discriminator", played.losses)
        with torch.no_grad():
            for name in ("real", "fake"):
                levels = [self._realness(turn, name) for turn in played.turns]
                mean = levels[0].mean() if len(levels) == 1 else torch.cat(levels).mean()
                numbers[f"judgement/{name}"] = mean.to(self.dtype)
        return numbers

    def _realness(self, turn: Turn, name: str) -> Tensor:
        realness = self.game.objective.adversarial.realness
        if name == "real":
            return realness(turn.real_verdict.scores[0], turn.batch.condition)
        return realness(turn.fake_verdict.scores[0], turn.fake_condition)

    # ---- the run

    def run(self) -> None:
        """Train to the recipe's last step, from wherever this trainer stands.

        Raises Stopped after a signal (with a checkpoint written) and Diverged where a loss was not finite.
        """
        recipe = self.recipe
        if self.completed == 0:
            self._save()
        self._write_status("running")
        self.progress.start(self.completed)
        first, began = self.completed, time.perf_counter()
        self._tick_began = began
        try:
            while self.completed < recipe.steps:
                self.step()
                self.progress.step()
                if self.completed == first + 1:
                    began = time.perf_counter()  # the first step warms up
                if self.completed == first + 2 and recipe.steps - self.completed > 10:
                    self._say_estimate(time.perf_counter() - began)
                at_end = self.completed == recipe.steps
                at_tick = at_end or self.completed % recipe.tick == 0
                at_snapshot = at_end or self.completed % recipe.snapshot == 0
                stopping = self._agree_to_stop()
                saving = at_snapshot or stopping
                if (at_tick or saving) and not self._tick(saving=saving):
                    continue  # rolled back
                if at_snapshot:
                    self._save()
                    self._draw_pictures()
                elif stopping:
                    self._save()
                if stopping and not at_end:
                    self._write_status("stopped")
                    where = self.folder.path if self.folder else None
                    raise Stopped(f"stopped at step {self.completed} of {recipe.steps}", where)
        finally:
            self.progress.close()
        self._write_status("done")

    def _agree_to_stop(self) -> bool:
        # Agreeing costs a round trip between ranks, so several of them ask only on some steps, the same ones on all.
        if self.world.size > 1 and self.completed % 5:
            return False
        return self.world.any(self._stop.requested)

    def _tick(self, *, saving: bool) -> bool:
        """Read the tally and log it. False if something was not finite and the run was rolled back."""
        numbers, bad = self._tally.read(self.world)
        if bad is None and saving:
            bad = self._bad_weight()
        now = time.perf_counter()
        if bad is not None:
            self._handle_nonfinite(bad)
            return False
        if not numbers:
            return True
        record = {
            "step": self.completed,
            "images": self.completed * self.recipe.discriminator_steps * self.recipe.batch_size,
            "seconds": round(now - self._tick_began, 4),
            **{name: float(f"{value:.6g}") for name, value in numbers.items()},
        }
        self._tick_began = now
        if self.folder and self.world.is_writer:
            with self._saying_if_refused("a line of the log"):
                self.folder.add_line(self.folder.log, record)
            self._write_status("running")
        self.progress.tick(self.completed, numbers)
        return True

    def _say_estimate(self, seconds_per_step: float) -> None:
        left = (self.recipe.steps - self.completed) * seconds_per_step
        self.progress.say(
            f"about {seconds_per_step:.3g} s a step: {duration(left)} for the {self.recipe.steps - self.completed} "
            "steps that remain"
        )

    def _draw_pictures(self) -> None:
        if not (self.folder and self.world.is_writer):
            return
        with self._saying_if_refused("the pictures"):
            if self._snapshot is not None:
                self._snapshot(self)
            save_curves(read_lines(self.folder.log), self.folder.path / "curves.png")

    def _write_status(self, state: str, **more: Any) -> None:
        if self.folder and self.world.is_writer:
            with self._saying_if_refused("status.json"):
                self.folder.write_status(state, self.completed, self.recipe.steps, **more)

    # ---- losses that are not finite

    def _handle_nonfinite(self, bad: BadStep) -> None:
        good = None
        if self.folder:
            good = self.world.share(str(files.newest_valid(self.folder.checkpoints, self.progress.say) or ""))
            if self.world.is_writer:
                with self._saying_if_refused("nonfinite.json"):
                    self._write_evidence(bad, good)
        if self._rollback and good and self._rollbacks < MAX_ROLLBACKS:
            rollbacks, scale = self._rollbacks + 1, self._lr_scale / 2
            self.restore(files.read_state(Path(str(good))))
            self._rollbacks, self._lr_scale = rollbacks, scale
            self.progress.say(
                f"{bad.name} was not finite at step {bad.step}: back to step {self.completed}, with the "
                f"discriminator's learning rate at {scale:g} of the recipe's (rollback {rollbacks} of {MAX_ROLLBACKS})"
            )
            return
        self._write_status("diverged", loss=bad.name, bad_step=bad.step)
        where = f" {self.folder.path / 'nonfinite.json'} says how to look into it." if self.folder else ""
        raise Diverged(
            bad,
            f"Lower the learning rates or raise the weight decay, or go on with --on-nonfinite rollback.{where}",
        )

    def _bad_weight(self) -> BadStep | None:
        """A weight that is not finite, though every loss was: no checkpoint may hold it. Waits for the device once."""
        networks = {
            "generator": self.game.generator,
            "discriminator": self.game.discriminator,
            "averaged generator": self.average,
        }
        named = {
            f"{player}'s {name}": tensor
            for player, network in networks.items()
            for name, tensor in network.state_dict().items()
            if tensor.is_floating_point()
        }
        finite = torch.stack([torch.isfinite(tensor).all() for tensor in named.values()])
        for name, good in zip(named, self.world.least(finite.int()).tolist(), strict=True):
            if not good:
                return BadStep(name, self.completed - 1)
        return None

    def _write_evidence(self, bad: BadStep, good: object) -> None:
        """What is needed to look into a bad step: because draws are functions of the step, it can be replayed."""
        assert self.folder is not None
        moves = [
            self.order.indices(bad.step * self.recipe.discriminator_steps + index).tolist()
            for index in range(self.recipe.discriminator_steps)
        ]
        evidence = {
            "loss": bad.name,
            "step": bad.step,
            "found_at_step": self.completed,
            "last_good_checkpoint": good,
            "data_rows_of_each_discriminator_move": moves,
            "seed": self.recipe.seed,
            "parameters_that_are_not_finite": [
                f"{player}.{name}"
                for player in ("generator", "discriminator")
                for name, parameter in self.game.modules[player].named_parameters()
                if not torch.isfinite(parameter).all()
            ],
            "how_to_replay": "resume from the last good checkpoint: the same draws lead to the same step",
        }
        files.write_text_whole(self.folder.path / "nonfinite.json", json.dumps(evidence, indent=1))

    # ---- state

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs: nested dicts of tensors and JSON values."""
        return {
            "completed": self.completed,
            "rollbacks": self._rollbacks,
            "lr_scale": self._lr_scale,
            "modules": {name: module.state_dict() for name, module in self.game.modules.items()},
            "average": self.average.state_dict(),
            "optimizers": {
                player: _optimizer_state(self.game.modules[player], optimizer)
                for player, optimizer in self._optimizers().items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises RuntimeError, naming the tensors, if it does not fit this game."""
        self.completed = int(state["completed"])
        self._rollbacks = int(state["rollbacks"])
        self._lr_scale = float(state["lr_scale"])
        for name, module in self.game.modules.items():
            module.load_state_dict(state["modules"][name])
        self.average.load_state_dict(state["average"])
        for player, optimizer in self._optimizers().items():
            _restore_optimizer(self.game.modules[player], optimizer, state["optimizers"][player])
        self._tally = Tally(self.device)
        if self.folder and self.world.is_writer:
            self.folder.cut_back(self.completed)

    def _save(self) -> None:
        """Write a checkpoint, and delete all but the last two."""
        if self.folder and self.world.is_writer:
            with self._saying_if_refused(f"the checkpoint of step {self.completed}"):
                files.write_checkpoint(
                    self.folder.checkpoints,
                    self.completed,
                    generator=self.average.state_dict(),
                    config=self.config | {"step": self.completed},
                    state=self.state(),
                )
                files.prune(self.folder.checkpoints)
        self.world.barrier()

    @contextmanager
    def _saying_if_refused(self, what: str) -> Iterator[None]:
        """A full disk costs what was to be written, not the run."""
        try:
            yield
        except OSError as error:
            self.progress.say(
                f"{what} could not be written ({error}): training goes on from memory; free some space"
            )

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator_optimizer,
        }

    # ---- set-up

    def _cut_rows(self) -> list[Rows]:
        total = self.recipe.batch_size
        start, stop = self.world.rows(total)
        parts = self.recipe.accumulation
        if (stop - start) % parts:
            raise ValueError(
                f"each of {self.world.size} processes has {stop - start} rows of the batch of {total}, which can't be "
                f"cut into {parts} equal parts: choose an accumulation that divides {stop - start}"
            )
        share = (stop - start) // parts
        return [Rows(start + part * share, start + (part + 1) * share, total) for part in range(parts)]

    def _build_game(self, precision: str) -> Game:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(self.recipe.seed, "initial weights"))
            game = self.recipe.build()
        choice = {"auto": self.device.type == "cuda" or precision == "bf16", "yes": True, "no": False}
        self._channels_last = choice[self.recipe.channels_last]
        for module in game.modules.values():
            module.to(device=self.device, dtype=self.dtype)
            if self._channels_last:
                module.to(memory_format=torch.channels_last)
            self.world.synchronize_statistics(module)
            module.train()
        return game

    def _compile(self) -> None:
        choice = {"auto": self.device.type == "cuda", "yes": True, "no": False}
        if choice[self.recipe.compile]:
            # In place, so that names, copies and the uncompiled forward (which penalties use) survive.
            self.game.generator.compile()
            self.game.discriminator.compile()

    def _precision(self) -> AbstractContextManager[None]:
        if not self._autocast:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _optimizer(self, network: nn.Module, lr: float, weight_decay: float) -> torch.optim.Optimizer:
        recipe = self.recipe
        kind = torch.optim.AdamW if recipe.decoupled_weight_decay else torch.optim.Adam
        return kind(
            network.parameters(),
            lr=lr,
            betas=(float(recipe.beta1), float(recipe.beta2)),
            eps=recipe.adam_epsilon,
            weight_decay=weight_decay,
            fused=True,
        )

    def _set_learning_rates(self, step: int) -> None:
        recipe = self.recipe
        share = 1.0
        if recipe.lr_decay > 0:
            span = recipe.lr_decay * recipe.steps
            share = min(1.0, (recipe.steps - step) / span)
        rates = {
            "generator": recipe.generator_lr * share,
            "discriminator": recipe.discriminator_lr * share * self._lr_scale,
        }
        for player, optimizer in self._optimizers().items():
            for group in optimizer.param_groups:
                group["lr"] = rates[player]


def _prefixed(prefix: str, losses: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": loss for name, loss in losses.items()}


def _optimizer_state(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimizer's tensors by parameter name. Its numbers are the recipe's, so they are not kept."""
    return {
        name: dict(optimizer.state[parameter])
        for name, parameter in network.named_parameters()
        if parameter in optimizer.state
    }


def _restore_optimizer(
    network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, dict[str, Tensor]]
) -> None:
    positions = {name: position for position, (name, _) in enumerate(network.named_parameters())}
    parameters = dict(network.named_parameters())

    def in_layout_of(parameter: nn.Parameter, value: Tensor) -> Tensor:
        # A fused optimizer walks parameter and moments in memory order, so their layouts must agree.
        return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value

    restored = {
        positions[name]: {
            key: value if key == "step" else in_layout_of(parameters[name], value)
            for key, value in tensors.items()
        }
        for name, tensors in state.items()
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": restored, "param_groups": groups})
