"""Makes the steps of a recipe's game: holds the networks, optimizers, averaged generator, and their state.

No step waits for the device: losses go into a tally that stays there.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from everymode.augmentation_names import parse_augmentation
from everymode.draws import Draws, Rows, stable_seed
from everymode.game import Batch, Game
from everymode.machine.device import checked_device
from everymode.machine.distributed import World
from everymode.recipe import Recipe
from everymode.training.contracts import Data, Order, adapts
from everymode.training.ema import update_average
from everymode.training.injection import Injected, Injection
from everymode.training.moves import Part, Played, label_reals, play_discriminator, play_generator
from everymode.training.nonfinite import first_bad_weight
from everymode.training.optimizers import (
    adam,
    optimizer_state,
    restore_optimizer,
    set_learning_rate,
)
from everymode.training.recovery import Recovery
from everymode.training.scalars import discriminator_scalars, generator_scalars, realness_of
from everymode.training.settling import Easing, keep_statistics, learning_rates, settles
from everymode.training.tally import BadStep, Tally
from everymode.training.timing import seconds_per_step


class Stepper:
    """Makes the steps of one recipe on one dataset, in one process of `world`. It knows no loss and no paper.

    Args:
        recipe: fitted to the data.
        data: the dataset.
        order: dataset rows of each discriminator update.
        device: device of the networks.
        world: the processes that train together.

    Raises:
        ValueError: if the batch can't be divided among the processes or into micro-batches.
    """

    def __init__(
        self, recipe: Recipe, data: Data, order: Order, device: torch.device | str, world: World
    ) -> None:
        self.recipe = recipe
        self.data = data
        self.order = order
        self.device = checked_device(device)
        self.world = world
        self.completed = 0
        """Generator steps made so far."""
        self.refreshed: dict[str, float] = {}
        """Results of the label source's refresh, if this step began with one."""
        self.recovery = Recovery()
        self.easing: Easing | None = None
        """Return of a settled generator to training, if the run resumed after it had settled."""
        self._settling = False
        self._injection: Injection | None = None
        choice = {"auto": "bf16" if self.device.type == "cuda" else "float32"}
        precision = choice.get(recipe.precision, recipe.precision)
        self.dtype = torch.float64 if precision == "float64" else torch.float32
        self._autocast = precision == "bf16"
        self._part_rows = self.world.parts(recipe.batch_size, recipe.accumulation)
        self.game = self._build_game(precision)
        self.average = copy.deepcopy(self.game.generator).requires_grad_(False)
        self.generator_optimizer = adam(
            self.game.generator,
            recipe,
            lr=recipe.generator_lr,
            weight_decay=recipe.generator_weight_decay,
        )
        self.discriminator_optimizer = adam(
            self.game.discriminator,
            recipe,
            lr=recipe.discriminator_lr,
            # None is resolved by Recipe.for_data; a recipe that was not fitted to its data has no decay.
            weight_decay=recipe.discriminator_weight_decay or 0.0,
        )
        self._compile()
        self.tally = Tally(self.device)

    def step(self, injected: Injected | None = None) -> None:
        """Make one generator step: its discriminator updates and one generator update.

        The label source is refreshed first, if a refresh is due.

        Args:
            injected: tensors that replace random draws, by moment and stream. Moments: "refresh" (if one is due),
                "discriminator 0", "discriminator 1", ... and "generator"; docs/extending.md lists the streams. Tensors
                hold this process's rows, of all micro-batches, and are used as they are (device, precision).

        Raises:
            ValueError: if `injected` has an unknown moment, a tensor with another number of rows than the step draws,
                or a stream that the step didn't draw. The last error is raised after the step was made.
        """
        self._injection = None if injected is None else Injection(injected, self._moments())
        try:
            self._step()
            if self._injection is not None:
                self._injection.require_used()
        finally:
            self._injection = None

    def _moments(self) -> list[str]:
        """Return the moments of the next step, at which random numbers are drawn."""
        updates = [f"discriminator {index}" for index in range(self.recipe.discriminator_steps)]
        return [*(["refresh"] if self.refresh_is_due() else []), *updates, "generator"]

    def _step(self) -> None:
        recipe, step = self.recipe, self.completed
        self.refreshed = {}
        if self.refresh_is_due():
            random = self._draws(step, "refresh", Rows.all(1))
            self.refreshed = self.game.labels.refresh(self.game.discriminator, self.data, random)
        self._set_learning_rates(step)
        self._settle(step)
        played: Played | None = None
        for index in range(recipe.discriminator_steps):
            if self.game.objective.adversarial is None:
                played = label_reals(self.game, self.parts(step, index), step=step)
                continue
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
            numbers = discriminator_scalars(self.game, played, device=self.device, dtype=self.dtype)
            numbers |= self._adapt_augmentation(played)
            self.tally.add(numbers, step)
        assert played is not None
        parts = [
            Part(turn.batch, self._draws(step, "generator", rows))
            for turn, rows in zip(played.turns, self._part_rows, strict=True)
        ]
        answered = play_generator(
            self.game,
            self.generator_optimizer,
            parts,
            step=step,
            reused=played if recipe.reuse_fakes and played.kept_fake is not None else None,
            precision=self._precision,
            average=self.world.average_gradients,
        )
        self.tally.add(generator_scalars(answered, device=self.device, dtype=self.dtype), step)
        self.completed = step + 1
        decay = 0.0 if self.completed < recipe.ema_start else recipe.ema_decay
        update_average(self.average, self.game.generator, decay)

    def estimated_seconds(self) -> float | None:
        """Return roughly how long the remaining steps take, measured on copies; None with several processes."""
        if self.world.size > 1:  # networks that exchange statistics would wait for the other processes
            return None
        seconds = seconds_per_step(
            self.game,
            self.parts(self.completed, 0)[0],
            discriminator_steps=self.recipe.discriminator_steps,
            micro_batches=len(self._part_rows),
            precision=self._precision,
        )
        return (self.recipe.steps - self.completed) * seconds

    def parts(self, step: int, index: int) -> list[Part]:
        """Return this rank's micro-batches of a step's index-th discriminator update, each with its random draws."""
        rows_of_move = self.order.indices(step * self.recipe.discriminator_steps + index)
        draws = [self._draws(step, f"discriminator {index}", rows) for rows in self._part_rows]
        return [self._part(rows_of_move, random) for random in draws]

    def _part(self, rows_of_move: np.ndarray, random: Draws) -> Part:
        rows = random.rows
        indices = rows_of_move[rows.start : rows.stop]
        mirror = None
        if self.recipe.mirror:
            mirror = random.uniform("mirror") < 0.5
        real = self.data.gather(indices, self.device, mirror=mirror, dtype=self.dtype)
        if self._channels_last and real.ndim == 4:
            real = real.contiguous(memory_format=torch.channels_last)
        if self.game.labels.pairs:
            condition = self.data.gather_condition(indices, self.device, mirror=mirror, dtype=self.dtype)
        else:  # data may have label maps or small pictures, too
            condition = self.data.gather_labels(indices, self.device)
        index = torch.from_numpy(indices)
        if self.device.type == "cuda":
            index = index.pin_memory().to(self.device, non_blocking=True)
        return Part(Batch(real, condition, index, mirror), random)

    def judged_reals(self, indices: np.ndarray) -> Tensor:
        """Return dataset rows [B] as the discriminator gets them: mirrored and augmented; for pictures."""
        rows = Rows.all(len(indices))
        random = Draws(self.recipe.seed, "pictures of reals", rows, self.device, self.dtype)
        augment = self.game.augment
        with torch.no_grad():
            real = self._part(indices, random).batch.real
            return real if augment is None else augment(real, random.named("augment real"))

    def _draws(self, step: int, moment: str, rows: Rows) -> Draws:
        draws = Draws(self.recipe.seed, f"{step} {moment}", rows, self.device, self.dtype)
        if self._injection is None:
            return draws
        first, last = self._part_rows[0], self._part_rows[-1]
        return replace(
            draws,
            injected=self._injection.tensors.get(moment),
            injected_rows=None if moment == "refresh" else Rows(first.start, last.stop, first.total),
            drawn=self._injection.drawn[moment],
        )

    def _adapt_augmentation(self, played: Played) -> dict[str, Tensor]:
        """Pass D's realness of the reals to an adaptive augmentation. Returns its strength, for the log."""
        augment = self.game.augment
        if not adapts(augment):
            return {}
        strength = augment.strength.clone()
        with torch.no_grad():
            signs = torch.cat([realness_of(turn, "real").sign() for turn in played.turns])
            # A sum of signs is exact, so any number of processes gets the same one.
            total = self.world.total(signs.to(self.dtype).sum())
            # With packing, a pack of examples has one sign: count signs, not examples.
            augment.observe(total / (len(signs) * self.world.size))
        return {"augmentation/strength": strength.to(self.dtype)}

    def players(self) -> dict[str, nn.Module]:
        """Return both networks, by name."""
        return {"generator": self.game.generator, "discriminator": self.game.discriminator}

    def refresh_is_due(self) -> bool:
        """Return whether the next step begins with a refresh of the label source."""
        return bool(self.recipe.refresh_every) and self.completed % self.recipe.refresh_every == 0

    def first_bad(self) -> BadStep | None:
        """Return the first non-finite loss since the tally was read, or else weight. The host waits for it."""
        return self.tally.first_bad(self.world) or self.bad_weight()

    def bad_weight(self) -> BadStep | None:
        """Return a weight that is not finite although every loss was, or None. No checkpoint may hold one."""
        name = first_bad_weight(self.players() | {"averaged generator": self.average}, self.world)
        return None if name is None else BadStep(name, self.completed - 1)

    def rows_seen(self, step: int) -> list[list[int]]:
        """Return the dataset rows of each discriminator update of a step."""
        moves = self.recipe.discriminator_steps
        return [self.order.indices(step * moves + index).tolist() for index in range(moves)]

    # ---- state

    def state(self) -> dict[str, Any]:
        """Return everything that a resumed run needs: nested dicts of tensors and JSON values."""
        return {
            "completed": self.completed,
            "recovery": self.recovery.state(),
            "easing": None if self.easing is None else self.easing._asdict(),
            "modules": {name: module.state_dict() for name, module in self.game.modules.items()},
            "average": self.average.state_dict(),
            "tally": self.tally.state(),
            "optimizers": {
                player: optimizer_state(self.game.modules[player], optimizer)
                for player, optimizer in self._optimizers().items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Load a state that `state` returned.

        Raises:
            RuntimeError: if it does not fit this game; the message names the tensors.
        """
        self.completed = int(state["completed"])
        for name, module in self.game.modules.items():
            module.load_state_dict(state["modules"][name])
        self.average.load_state_dict(state["average"])
        for player, optimizer in self._optimizers().items():
            restore_optimizer(self.game.modules[player], optimizer, state["optimizers"][player])
        self.recover_with(Recovery(**state["recovery"]))
        easing = state.get("easing")  # missing from checkpoints of everymode 0.2 and before
        self.easing = None if easing is None else Easing(**easing)
        self.tally = Tally(self.device)
        self.tally.restore(state["tally"])

    def recover_with(self, recovery: Recovery) -> None:
        """Apply a recovery's factors to the discriminator's hyper-parameters."""
        self.recovery = recovery
        decay = recovery.weight_decay(self.recipe.discriminator_weight_decay or 0.0)
        for group in self.discriminator_optimizer.param_groups:
            group["weight_decay"] = decay

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator_optimizer,
        }

    # ---- set-up

    def _build_game(self, precision: str) -> Game:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(self.recipe.seed, "initial weights"))
            game = self.recipe.build()
        if parse_augmentation(self.recipe.augmentation) and game.augment is None:
            raise ValueError(
                f"{self.recipe.name or type(self.recipe).__name__} builds its game without the augmentation "
                f"{self.recipe.augmentation!r}: set augmentation to none, or pass the game find_augmentation(...)"
            )
        choice = {"auto": self.device.type == "cuda" or precision == "bf16", "yes": True, "no": False}
        self._channels_last = choice[self.recipe.channels_last]
        for module in game.modules.values():
            module.to(device=self.device, dtype=self.dtype)
            if self._channels_last:
                module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  no overload has it
            self.world.broadcast(module)
            self.world.synchronize_statistics(module)
            module.train()
        return game

    def _compile(self) -> None:
        choice = {"auto": self.device.type == "cuda", "yes": True, "no": False}
        if choice[self.recipe.compile]:
            # In place, so that names, copies and the uncompiled forward (which penalties use) survive.
            self.game.generator.compile()
            self.game.discriminator.compile()

    def _precision(self) -> AbstractContextManager[Any]:
        if not self._autocast:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _set_learning_rates(self, step: int) -> None:
        rates = learning_rates(self.recipe, step, self.recovery.discriminator_lr)
        if self.easing is not None:
            rates = self.easing.applied(rates, step)
        set_learning_rate(self.generator_optimizer, rates.generator)
        set_learning_rate(self.discriminator_optimizer, rates.discriminator)

    def _settle(self, step: int) -> None:
        """Freeze the statistics of the generator's batch normalization from the step at which it begins to settle."""
        settling = settles(self.recipe, step)
        if settling != self._settling:
            keep_statistics(self.game.generator, settling)
            self._settling = settling
