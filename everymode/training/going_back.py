"""Rollback to an earlier checkpoint after a non-finite value or a collapse; or the end of the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from everymode.storage import checkpoint as files
from everymode.training.nonfinite import Diverged, write_evidence
from everymode.training.recovery import Recovery
from everymode.training.tally import BadStep
from everymode.training.watch import Alarm, Collapsed, CollapseWatch, OnCollapse

if TYPE_CHECKING:
    from everymode.training.trainer import Trainer


class GoingBack:
    """Checks whether a trainer's run went wrong, and rolls back with a remedy, at most three times, or ends it.

    All processes of the run call the same methods at the same step; the writing process decides for all.

    Args:
        trainer: the trainer to check.
        on_nonfinite: roll back if something is not finite, instead of stopping.
        on_collapse: reaction to an alarm of the collapse watch.
    """

    def __init__(self, trainer: Trainer, *, on_nonfinite: bool, on_collapse: OnCollapse) -> None:
        self.watch = CollapseWatch()
        self._trainer = trainer
        self._on_nonfinite = on_nonfinite
        self._on_collapse = on_collapse
        self._alarm: Alarm | None = None
        self._new_alarm = False
        self._alarmed = False

    def state(self) -> dict[str, Any]:
        """Return the state for `restore`, as JSON values."""
        return {"watch": self.watch.state(), "alarmed": self._alarmed}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore from a trainer's state."""
        self.watch.restore(state["watch"])
        self._alarmed = bool(state["alarmed"])

    # ---- what is not finite

    def from_nonfinite(self, bad: BadStep) -> None:
        """Write nonfinite.json, and roll back to the last good checkpoint with half the discriminator's learning rate.

        Raises:
            Diverged: if the run is to stop, has no good checkpoint, or no rollback left.
        """
        trainer = self._trainer
        good = self._evidence(bad)
        if self._on_nonfinite and good and not trainer.recovery.exhausted:
            self._roll_back(Path(good), trainer.recovery.remedy(lr=0.5))
            trainer.progress.say(
                f"{bad.name} was not finite at step {bad.step}: back to step {trainer.completed}, with "
                f"{trainer.recovery}"
            )
            return
        trainer.write_status("diverged", loss=bad.name, bad_step=bad.step)
        where = ""
        if trainer.folder:
            where = f" {trainer.folder.path / 'nonfinite.json'} describes how to investigate it."
        raise Diverged(
            bad,
            f"Lower the learning rates or raise the weight decay, or continue with --on-nonfinite rollback.{where}",
        )

    def _evidence(self, bad: BadStep) -> str:
        """Write nonfinite.json. Returns the path of the last good checkpoint, the same on every rank, or ""."""
        trainer = self._trainer
        if not trainer.folder:
            return ""
        good = ""
        if trainer.world.is_writer:
            good = str(files.newest_valid(trainer.folder.checkpoints, trainer.progress.say) or "")
        good = str(trainer.world.share(good))
        if trainer.world.is_writer:
            with trainer.saying_if_refused("nonfinite.json"):
                write_evidence(
                    trainer.folder.path / "nonfinite.json",
                    bad,
                    found_at=trainer.completed,
                    last_good=good or None,
                    rows=trainer.rows_seen(bad.step),
                    seed=trainer.recipe.seed,
                    networks=trainer.players(),
                )
        return good

    # ---- collapse

    def look(
        self, numbers: dict[str, float], probe: Callable[[Trainer], dict[str, float]] | None
    ) -> dict[str, float]:
        """Return the collapse watch's signals of this tick, for the log. An alarm is stored for `from_collapse`."""
        if probe is None:
            return {}
        trainer = self._trainer
        signals: dict[str, float] = {}
        alarm: Alarm | None = None
        if trainer.world.is_writer:
            signals = probe(trainer)
            on_reals, on_fakes = (numbers.get(f"judgment/{name}_above_0") for name in ("real", "fake"))
            if on_reals is not None and on_fakes is not None:
                signals["saturation"] = min(on_reals, 1 - on_fakes)
            gradient = numbers.get("gradient_norm/generator")
            if gradient is not None and math.isfinite(gradient):
                signals["generator_gradient"] = gradient
            alarm = self.watch.look(trainer.completed, signals)
            self._say_cautions()
        shared = (alarm, self.watch.state())
        alarm, state = cast(
            tuple[Alarm | None, dict[str, Any]], trainer.world.share(shared)
        )  # its type is object
        self.watch.restore(state)
        self._new_alarm = alarm is not None and not self._alarmed
        self._alarm, self._alarmed = alarm, alarm is not None
        return {f"watch/{name}": value for name, value in signals.items()}

    def _say_cautions(self) -> None:
        """Print the watch's warnings of this tick, and append them to warnings.jsonl."""
        trainer = self._trainer
        for caution in self.watch.cautions:
            trainer.progress.say(f"at step {caution.step} {caution.text}")
            if trainer.folder:
                with trainer.saying_if_refused("a line of warnings.jsonl"):
                    trainer.folder.add_line(trainer.folder.path / "warnings.jsonl", caution._asdict())

    def from_collapse(self) -> bool:
        """React to the alarm of this tick, if any.

        Returns:
            Whether the run was rolled back.

        Raises:
            Collapsed: if the run is to stop, has no healthy checkpoint, or no rollback left.
        """
        trainer, alarm = self._trainer, self._alarm
        if alarm is None:
            return False
        healthy = self._last_healthy_checkpoint(alarm)
        if self._new_alarm:
            self._note_collapse(alarm, healthy)
        where = f"the last healthy checkpoint is {healthy}" if healthy else "there is no healthy checkpoint"
        if self._on_collapse is OnCollapse.WARN:
            if self._new_alarm:
                trainer.progress.say(
                    f"this looks like a collapse: {alarm.text} at step {alarm.step}; {where}"
                )
            return False
        if self._on_collapse is OnCollapse.ROLLBACK and healthy and not trainer.recovery.exhausted:
            recipe = trainer.recipe
            remedy = trainer.recovery.remedy(lr=recipe.remedy_lr, weight_decay=recipe.remedy_weight_decay)
            self._roll_back(healthy, remedy)
            trainer.progress.say(
                f"collapse: {alarm.text} at step {alarm.step}: back to step {trainer.completed}, with {remedy}"
            )
            return True
        trainer.write_status("collapsed", alarm=alarm.text)
        raise Collapsed(alarm, f"Raise the weight decay or lower the discriminator's learning rate; {where}.")

    def _note_collapse(self, alarm: Alarm, healthy: Path | None) -> None:
        trainer = self._trainer
        if trainer.folder and trainer.world.is_writer:
            with trainer.saying_if_refused("a line of collapses.jsonl"):
                trainer.folder.add_line(
                    trainer.folder.path / "collapses.jsonl",
                    {**alarm._asdict(), "healthy_checkpoint": healthy.name if healthy else None},
                )

    def _last_healthy_checkpoint(self, alarm: Alarm) -> Path | None:
        trainer = self._trainer
        if not trainer.folder:
            return None
        found = ""
        if trainer.world.is_writer:
            healthy = files.newest_valid(
                trainer.folder.checkpoints, trainer.progress.say, up_to=alarm.last_healthy
            )
            found = str(healthy or "")
        found = str(trainer.world.share(found))
        return Path(found) if found else None

    # ---- both

    def _roll_back(self, checkpoint: Path, remedy: Recovery) -> None:
        trainer = self._trainer
        trainer.restore(files.read_state(checkpoint))
        trainer.recover_with(remedy)
        if trainer.folder and trainer.world.is_writer:
            # What lies behind belongs to the abandoned course: nobody may resume from it, or load it.
            files.drop_after(trainer.folder.checkpoints, trainer.completed)
        trainer.world.barrier()
        trainer.save()
