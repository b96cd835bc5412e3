"""TensorBoard event files of a run, if that package is installed (`pip install everymode[track]`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def tensorboard_writer() -> type[SummaryWriter] | None:
    """Return the class that writes event files, or None if the package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # raised too if there is only a folder of that name
        return None
    return SummaryWriter


class TensorBoardEvents:
    """Writer of a run's log to TensorBoard event files in `folder`; without the package, nothing is written.

    A resumed run opens a new file, and TensorBoard hides the values of earlier files from that step on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None
        self._installed = True

    def write(self, record: Mapping[str, Any]) -> None:
        """Write every number of a record as a scalar of the same name, at the record's `step`."""
        if not self._installed:
            return
        step = record["step"]
        if self._writer is None:
            writer = tensorboard_writer()
            if writer is None:
                self._installed = False
                return
            self._writer = writer(str(self.folder), purge_step=step)
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
                self._writer.add_scalar(name, value, step)
        self._writer.flush()  # so that a killed run loses nothing

    def restart(self) -> None:
        """Start a new file: the run went back, and the next record hides those of its step and later steps."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
