"""Progress of a run: a progress bar on a terminal, otherwise one line per tick."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from tqdm import tqdm

_SHOWN = {
    "discriminator/adversarial": "D",
    "generator/adversarial": "G",
    "generator/pixel": "pixel",
    "judgment/real": "real",
    "judgment/fake": "fake",
    "pretext/loss": "loss",
    "partition/loss": "loss",
    "fit/loss": "loss",
}


class Progress:
    """Progress display of a run.

    Args:
        total: steps of the run.
        verbose: False prints nothing; so in all processes but one.
    """

    def __init__(self, total: int, *, verbose: bool = True) -> None:
        self.total = total
        self._verbose = verbose
        self._begin = time.perf_counter()
        self._first_step = 0
        self._bar: tqdm | None = None

    def start(self, step: int) -> None:
        """Start the clock at this step."""
        self._begin = time.perf_counter()
        self._first_step = step
        if self._verbose and sys.stderr.isatty():
            self._bar = tqdm(total=self.total, initial=step, unit="step", dynamic_ncols=True, smoothing=0.05)

    def step(self) -> None:
        """Advance by one step."""
        if self._bar is not None:
            self._bar.update()

    def tick(self, step: int, numbers: Mapping[str, float]) -> None:
        """Show the losses and scores of a tick; on a terminal, beside the bar."""
        shown = {short: numbers[name] for name, short in _SHOWN.items() if name in numbers}
        if not shown:  # no adversarial loss: the terms of the generator
            losses = [name for name in numbers if name.startswith("generator/")]
            shown = {name.removeprefix("generator/"): numbers[name] for name in losses}
        text = "  ".join(f"{short} {value:.3f}" for short, value in shown.items())
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        elif self._verbose:
            seconds = time.perf_counter() - self._begin
            pace = seconds / max(step - self._first_step, 1)
            left = (self.total - step) * pace
            print(f"step {step}/{self.total}  {pace:.3f} s/step  {duration(left)} left  {text}", flush=True)

    def say(self, text: str) -> None:
        """Print a message; on a terminal, above the bar."""
        if not self._verbose:
            return
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def duration(seconds: float) -> str:
    """Return a duration as text, in a suitable unit: 40 s, 12 min, 3.5 h, 2.1 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 129_600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"
