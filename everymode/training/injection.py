"""Tensors that replace the random draws of one step, so that the step can be replayed with other numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

Injected = Mapping[str, Mapping[str, Tensor]]
"""Moment of a step -> name of a random stream -> the tensor that is used in place of its draws."""


class Injection:
    """The injected tensors of one step, and the streams that the step drew.

    Args:
        tensors: by moment and stream. Tensors hold this process's rows of the batch, of all micro-batches.
        moments: the moments that the step has.

    Raises:
        ValueError: if a moment is unknown.
    """

    def __init__(self, tensors: Injected, moments: Iterable[str]) -> None:
        self.tensors = tensors
        self.drawn: dict[str, set[str]] = {moment: set() for moment in moments}
        if unknown := sorted(set(tensors) - set(self.drawn)):
            raise ValueError(f"this step has no moments {unknown}; it has: {', '.join(self.drawn)}")

    def require_used(self) -> None:
        """Check that the step drew every stream for which there is a tensor.

        Raises:
            ValueError: if it didn't; the message lists the streams that it drew.
        """
        for moment, streams in self.tensors.items():
            if unused := sorted(set(streams) - self.drawn[moment]):
                raise ValueError(
                    f"the step was made, but nothing drew the injected streams {unused} at the moment {moment!r}; its "
                    f"streams are: {', '.join(sorted(self.drawn[moment])) or 'none'}"
                )
