"""Labels that come with the data, and no labels at all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import UNLABELLED, Batch, Condition, LabelSource


class GivenLabels(LabelSource):
    """The data set's labels for reals; labels of the same range for fakes, drawn or reused.

    Fakes' labels are drawn from the stream "fake labels": uniformly, or by `probabilities`. With `reuse`,
    fakes take the real batch's labels instead, and only rows without a label (UNLABELLED) are drawn.

    Args:
        num_labels: K; labels are 0..K - 1, and UNLABELLED (-1) is allowed for reals.
        probabilities: K weights that need not sum to 1, such as the data set's label counts; None for
            uniform.
        reuse: whether fakes take the real batch's labels.

    Raises ValueError if num_labels isn't positive, or the weights are not K finite numbers >= 0 with a
    positive sum.
    """

    probabilities: Tensor | None
    """[K] float32, summing to 1; None for uniform. In checkpoints, so that the law survives a resume."""
    _drawn_from: Tensor | None

    def __init__(
        self,
        num_labels: int,
        probabilities: Tensor | Sequence[float] | None = None,
        *,
        reuse: bool = False,
    ) -> None:
        super().__init__()
        if num_labels < 1:
            raise ValueError(
                f"num_labels must be at least 1, not {num_labels}; without labels use NoLabels()"
            )
        self.num_labels = num_labels
        self.reuse = reuse
        weights = None if probabilities is None else _normalized(probabilities, num_labels)
        self.register_buffer("probabilities", weights)
        self.register_load_state_dict_post_hook(_keep_on_cpu)
        _keep_on_cpu(self)

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """The data set's labels as they are. Raises ValueError if it has none."""
        if batch.condition is None:
            raise ValueError(
                "the data has no labels: add labels to it, or use NoLabels() or a source that finds them"
            )
        return batch.condition

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """[B] int64 drawn labels, or the real batch's condition where labels are reused.

        Only labels [B] are filled up where they are missing; label maps and tuples are reused as they are.
        """
        if not self.reuse:
            return self.draw(random)
        given = batch.condition
        if given is None:
            raise ValueError("there are no labels to reuse: add labels to the data, or don't ask for reuse")
        if not isinstance(given, Tensor) or given.dim() != 1:
            return given
        return torch.where(given == UNLABELLED, self.draw(random), given)

    def draw(self, random: Draws) -> Tensor:
        """[rows] int64 labels, by the same law as the fakes' in training."""
        if self._drawn_from is None:
            return random.integers("fake labels", self.num_labels)
        return random.choice("fake labels", self._drawn_from)


class NoLabels(LabelSource):
    """No condition for anything, whether the data has labels or not."""

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        return None

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        return None

    def draw(self, random: Draws) -> Condition:
        return None


def _keep_on_cpu(source: GivenLabels, incompatible: object = None) -> None:
    """Copy the law to where draws are made: reading the buffer in every step would make the host wait."""
    law = source.probabilities
    source._drawn_from = None if law is None else law.detach().cpu().clone()


def _normalized(probabilities: Tensor | Sequence[float], num_labels: int) -> Tensor:
    weights = torch.as_tensor(probabilities, dtype=torch.float64, device="cpu")
    if weights.shape != (num_labels,):
        raise ValueError(
            f"probabilities must hold one number per label, shape [{num_labels}], not {list(weights.shape)}"
        )
    if not weights.isfinite().all() or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError("probabilities must be finite numbers >= 0, and not all 0")
    # Single precision, because not every accelerator has double; the copy for draws is rounded likewise, so
    # that a resumed run draws the same labels.
    return (weights / weights.sum()).float()
