"""The trainer: runs a recipe's game to its last step. It knows no loss and no paper.

It adds to the steps (everymode/training/stepper.py) the logs, checkpoints, pictures and stopping of a run. If a loss is
not finite or the run collapses, everymode/training/going_back.py takes over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import torch

from everymode.machine.distributed import World
from everymode.machine.progress import Progress, duration
from everymode.machine.stopping import Stopped, StopRequest
from everymode.numbers import NotFinite
from everymode.pictures import save_curves
from everymode.recipe import Recipe
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.contracts import Data, Order
from everymode.training.going_back import GoingBack
from everymode.training.nonfinite import Diverged
from everymode.training.scheduled import scheduled_changes
from everymode.training.settling import Easing, learning_rates, settling_start
from everymode.training.stepper import Stepper
from everymode.training.tally import BadStep
from everymode.training.watch import GRACE_TICKS, Collapsed, CollapseWatch, OnCollapse

__all__ = ["Collapsed", "Diverged", "Measure", "OnCollapse", "Probe", "Snapshot", "Trainer"]

Probe = Callable[["Trainer"], dict[str, float]]
"""Called at every tick in the writing process; returns signals for the collapse watch, by name."""

Measure = Callable[["Trainer"], dict[str, Any]]
"""Called at every snapshot in the writing process; returns a record for metrics.jsonl ("rank": lower is better)."""

Snapshot = Callable[["Trainer"], object]
"""Called at every snapshot in the writing process, after the averaged generator was updated; draws the pictures.

It is also called before the first step, after the first minute, and when a signal stops the run.
"""

FIRST_MINUTE = 60.0
"""Seconds of training after which samples are drawn once if there was no snapshot yet."""


EASING_TICKS = 4
"""Ticks over which a settled generator returns to training, if it can't resume from before it settled."""


class Trainer(Stepper):
    """Trains one recipe on one dataset, in one process of `world`.

    Args:
        recipe: fitted to the data (`Recipe.for_data`).
        data: the dataset.
        order: dataset rows of each discriminator update.
        folder: run folder to write to; None writes nothing (a trainer in a test or notebook).
        config: JSON values from which the generator can be rebuilt; written into every checkpoint.
        device: device of the networks.
        world: the processes that train together; by default this one alone.
        progress: prints progress; by default nothing is printed.
        stop: a request to stop after the current step.
        snapshot: draws pictures at every snapshot.
        on_nonfinite_rollback: if something is not finite, roll back to the last good checkpoint with half the
            discriminator's learning rate, at most three times, instead of stopping.
        probe: computes the collapse watch's signals, beside those of the log; None = no watch.
        on_collapse: reaction to an alarm of the watch.
        measure: scores the averaged generator at every snapshot; the best checkpoints are kept.

    Raises:
        ValueError: if the batch can't be divided among the processes or into micro-batches.
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
        probe: Probe | None = None,
        on_collapse: OnCollapse = OnCollapse.WARN,
        measure: Measure | None = None,
    ) -> None:
        super().__init__(recipe, data, order, device, world or World())
        self.folder = folder
        self.config = config or {}
        self.progress = progress or Progress(recipe.steps, verbose=False)
        self._stop = stop or StopRequest()
        self._snapshot = snapshot
        self._probe = probe
        self._measure = measure
        self._going_back = GoingBack(self, on_nonfinite=on_nonfinite_rollback, on_collapse=on_collapse)
        self._tick_began = time.perf_counter()

    @property
    def watch(self) -> CollapseWatch:
        """The collapse watch. It is active only with a probe."""
        return self._going_back.watch

    # ---- the run

    def run(self) -> None:
        """Train from the current step to the recipe's last one.

        Raises:
            Stopped: after a signal; a checkpoint was written.
            Diverged: if a loss, weight or sample is not finite and the run doesn't roll back.
            Collapsed: if an alarm of the watch ends the run.
        """
        recipe = self.recipe
        if self.completed == 0:
            self.save()
            self._draw_between()
        else:
            self._make_up()
        self.write_status("running")
        self.progress.start(self.completed)
        first, start = self.completed, time.perf_counter()
        self._tick_began = began = start
        minute_is_due = first == 0
        try:
            while self.completed < recipe.steps:
                if self.refresh_is_due() and not self._sound():
                    continue  # rolled back: a refresh needs finite networks
                self.step()
                self.progress.step()
                if self.refreshed:
                    self._record_refresh()
                self._announce_changes()
                if self.completed <= first + 2 and self.device.type == "cuda":
                    torch.cuda.synchronize(self.device)  # two steps that are timed
                if self.completed == first + 1:
                    began = time.perf_counter()  # the first step warms up
                if self.completed == first + 2 and recipe.steps - self.completed > 10:
                    self._say_estimate(time.perf_counter() - began)
                at_end = self.completed == recipe.steps
                at_tick = at_end or self.completed % recipe.tick == 0
                at_snapshot = at_end or self.completed % recipe.snapshot == 0
                stopping = self._agree_to_stop()
                # A run that is extended later resumes from before the generator settled.
                saving = at_snapshot or stopping or self.completed == settling_start(recipe)
                if (at_tick or at_snapshot) and not self._tick(saving=saving):
                    continue  # rolled back
                if saving and not (at_tick or at_snapshot) and not self._sound():
                    continue  # rolled back
                if at_snapshot and (self._draw_samples() or self._score()):
                    continue  # rolled back
                if saving:
                    self.save(last=at_end or stopping)
                    minute_is_due = minute_is_due and not (at_snapshot or stopping)
                if minute_is_due and time.perf_counter() - start >= FIRST_MINUTE and self.completed > 2:
                    minute_is_due = False
                    self._draw_between()
                if at_snapshot:
                    self._draw_curves()
                if stopping and not at_end:
                    if not at_snapshot:
                        self._draw_between()
                    self.write_status("stopped")
                    where = self.folder.path if self.folder else None
                    raise Stopped(f"stopped at step {self.completed} of {recipe.steps}", where)
        finally:
            self.progress.close()
        self.write_status("done")

    def _make_up(self) -> None:
        """Make the scores and pictures of the resumed checkpoint, if a kill prevented them."""
        recipe, folder = self.recipe, self.folder
        if folder is None or not (self.completed == recipe.steps or self.completed % recipe.snapshot == 0):
            return
        picture, curves = folder.sample_picture(self.completed), folder.path / "curves.png"
        if self.world.any(self.world.is_writer and not picture.is_file()) and self._draw_samples():
            return  # rolled back
        scored = any(record.get("step") == self.completed for record in read_lines(folder.metrics))
        if self.world.any(self.world.is_writer and not scored):
            self._score()
        if not curves.is_file():
            self._draw_curves()

    def _agree_to_stop(self) -> bool:
        # Agreement costs a round trip between ranks, so with several ranks it happens on every fifth step only.
        if self.world.size > 1 and self.completed % 5:
            return False
        return self.world.any(self._stop.requested)

    def _tick(self, *, saving: bool) -> bool:
        """Read the tally and log it. Returns False if the run was rolled back."""
        numbers, bad = self.tally.read(self.world)
        if bad is None and saving:
            bad = self.bad_weight()
        now = time.perf_counter()
        if bad is not None:
            self._going_back.from_nonfinite(bad)
            return False
        if not numbers:
            return True
        numbers |= self._going_back.look(numbers, self._probe)
        record = {
            "step": self.completed,
            "images": self.completed * self.recipe.discriminator_steps * self.recipe.batch_size,
            "seconds": round(now - self._tick_began, 4),
            **{name: float(f"{value:.6g}") for name, value in numbers.items()},
        }
        self._tick_began = now
        if self.folder and self.world.is_writer:
            with self.saying_if_refused("a line of the log"):
                self.folder.add_line(self.folder.log, record)
            self.write_status("running")
        self.progress.tick(self.completed, numbers)
        return not self._going_back.from_collapse()

    def _announce_changes(self) -> None:
        """Tell the collapse watch of what a schedule has changed in this step."""
        refreshed = bool(self.refreshed)
        if scheduled_changes(self.recipe, self.game.objective, self.completed - 1, refreshed=refreshed):
            self.watch.expect_change()

    def _record_refresh(self) -> None:
        """Print the results of the label source's refresh before this step, and append them to labels.jsonl."""
        step = self.completed - 1
        shown = "  ".join(f"{name} {value:.4g}" for name, value in self.refreshed.items())
        self.progress.say(f"labels refreshed at step {step}: {shown}")
        if self.folder and self.world.is_writer:
            with self.saying_if_refused("a line of labels.jsonl"):
                self.folder.add_line(self.folder.labels, {"step": step, **self.refreshed})

    def _sound(self) -> bool:
        """Return whether all is finite. The tally isn't reset, so stopping here leaves the log unchanged."""
        bad = self.first_bad()
        if bad is not None:
            self._going_back.from_nonfinite(bad)
        return bad is None

    def _say_estimate(self, seconds_per_step: float) -> None:
        left = (self.recipe.steps - self.completed) * seconds_per_step
        self.progress.say(
            f"about {seconds_per_step:.3g} s a step: {duration(left)} for the {self.recipe.steps - self.completed} "
            "steps that remain"
        )

    def _draw_samples(self) -> bool:
        """Draw the picture of samples. Returns whether a sample was not finite and the run was rolled back."""

        def draw() -> None:
            if self._snapshot is not None:
                with self.saying_if_refused("the pictures"):
                    self._snapshot(self)

        return self._rolled_back_by(draw)

    def _draw_between(self) -> None:
        """Draw the picture of samples of a step that is no snapshot; none if a sample is not finite."""
        # In the writing process only: the clocks of the ranks differ.
        if self._snapshot is not None and self.folder and self.world.is_writer:
            with suppress(NotFinite), self.saying_if_refused("the pictures"):
                self._snapshot(self)

    def _rolled_back_by(self, use_samples: Callable[[], None]) -> bool:
        """Use samples in the writing process. Returns whether one was not finite and the run was rolled back."""
        refused = False
        if self.folder and self.world.is_writer:
            try:
                use_samples()
            except NotFinite as error:
                refused = True
                caution = {"step": self.completed, "text": f"a sample was not finite: {error}"}
                with self.saying_if_refused("a line of warnings.jsonl"):
                    self.folder.add_line(self.folder.path / "warnings.jsonl", caution)
        refused = self.world.any(refused)
        if refused:
            self._going_back.from_nonfinite(BadStep("a sample of the averaged generator", self.completed - 1))
        return refused

    def _draw_curves(self) -> None:
        if not (self.folder and self.world.is_writer):
            return
        with self.saying_if_refused("the curves"):
            records = read_lines(self.folder.log) + read_lines(self.folder.metrics)
            augmented = self.game.augment is not None
            save_curves(records, self.folder.path / "curves.png", augmented=augmented)

    def write_status(self, state: str, **more: Any) -> None:
        """Write status.json, in the writing process."""
        if self.folder and self.world.is_writer:
            with self.saying_if_refused("status.json"):
                self.folder.write_status(state, self.completed, self.recipe.steps, **more)

    # ---- state

    def state(self) -> dict[str, Any]:
        return super().state() | self._going_back.state()

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._going_back.restore(state)
        if self.folder and self.world.is_writer:
            self.folder.cut_back(self.completed)

    def ease_in(self, before: Recipe) -> None:
        """Start the return of a settled generator to training (`Easing`), and save it in the checkpoint.

        Args:
            before: the recipe by which the generator settled.
        """
        rates = learning_rates(before, self.completed - 1, self.recovery.discriminator_lr)
        self.easing = Easing(self.completed, EASING_TICKS * self.recipe.tick, *rates)
        self.watch.expect_change(EASING_TICKS + GRACE_TICKS)
        self.save()

    def save(self, *, last: bool = False) -> None:
        """Write a checkpoint, and delete all others except those that are kept.

        These are the last two, the best, the last healthy one, and the one from before the generator settled. The
        generators of others stay in the history (`keep_history`).

        Args:
            last: whether it is the run's last checkpoint.

        Raises:
            OSError: if the last checkpoint can't be written. Others are skipped with a message.
        """
        if self.folder and self.world.is_writer:
            what = f"the checkpoint of step {self.completed}"
            with nullcontext() if last else self.saying_if_refused(what):
                files.write_checkpoint(
                    self.folder.checkpoints,
                    self.completed,
                    generator=self.average.state_dict(),
                    config=self.config | {"step": self.completed},
                    state=self.state(),
                    labels=self.game.labels.sampling_state(),
                )
                kept = (*self._healthy_steps(), *self._best_steps(), settling_start(self.recipe))
                with self.saying_if_refused("the history"):
                    self.folder.prune(kept, self.recipe.keep_history, self.recipe.snapshot)
        self.world.barrier()

    @contextmanager
    def saying_if_refused(self, what: str) -> Iterator[None]:
        """Print a message if the disk refuses a write in this block (it may be full), and continue training."""
        try:
            yield
        except OSError as error:
            self.progress.say(
                f"{what} could not be written ({error}): training continues from memory; free some space"
            )

    def _score(self) -> bool:
        """Measure the averaged generator, and write its scores. Returns whether the run was rolled back."""

        def measure() -> None:
            if self._measure is not None and self.folder is not None:
                record = {"step": self.completed, **self._measure(self)}
                with self.saying_if_refused("a line of metrics.jsonl"):
                    self.folder.add_line(self.folder.metrics, record)

        return self._measure is not None and self._rolled_back_by(measure)

    def _best_steps(self) -> list[int]:
        """Return the steps of the checkpoints with the best scores; ties go to the earlier one."""
        assert self.folder is not None
        there = {files.step_of(path) for path in files.checkpoints(self.folder.checkpoints)}
        ranks: dict[int, float | None] = {
            record["step"]: record.get("rank")
            for record in read_lines(self.folder.metrics)
            if "step" in record
        }
        measured = [(rank, step) for step, rank in ranks.items() if step in there and rank is not None]
        return [step for _, step in sorted(measured)[: self.recipe.keep_best]]

    def _healthy_steps(self) -> list[int]:
        """Return the step of the newest healthy checkpoint, which rollbacks need; at most one."""
        assert self.folder is not None
        if self._probe is None:
            return []
        steps = [files.step_of(path) or 0 for path in files.checkpoints(self.folder.checkpoints)]
        return [step for step in steps if step <= self.watch.last_healthy][-1:]
