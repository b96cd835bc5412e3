"""A run's numbers as TensorBoard reads them, where that package is installed (`pip install everymode[track]`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardEvents:
    """Writes the numbers of a run's log into `folder`, from the first record on; nothing without the package.

    A run that is resumed opens a new file, and TensorBoard hides what earlier ones hold from that step on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None
        self._installed = True

    def write(self, record: Mapping[str, Any]) -> None:
        """Every number of a record of the log, under its own name, at the record's `step`."""
        if not self._installed:
            return
        step = record["step"]
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:  # also where a mere folder of that name is all there is
                self._installed = False
                return
            self._writer = SummaryWriter(str(self.folder), purge_step=step)
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
                self._writer.add_scalar(name, value, step)
        self._writer.flush()  # a killed run keeps what it has shown

    def restart(self) -> None:
        """What is written next hides what was written of its step and later ones: the run went back."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
