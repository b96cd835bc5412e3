"""Labels that come with the data, and no labels at all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import UNLABELED, Batch, Condition, LabelSource


class GivenLabels(LabelSource):
    """The data set's labels for reals; labels of the same range for fakes, drawn or reused.

    Fakes' labels are drawn from the stream "fake labels": uniformly, or by `probabilities`. With `reuse`,
    fakes take the real batch's labels instead, and only labels that are missing (UNLABELED) are drawn.

    Several labels an image (label blocks) are drawn together: uniformly, which makes each block uniform and
    independent of the others (streams "fake labels 0", "fake labels 1", ...); or from `combinations`, so that what
    never occurs together in the data is never drawn together (stream "fake labels", by number of combination).

    Args:
        num_labels: K; labels are 0..K - 1, and UNLABELED (-1) is allowed for reals. With several label blocks a
            tuple of such numbers; labels are then [B, blocks].
        probabilities: K weights that need not sum to 1, such as the data set's label counts; None for
            uniform. With several blocks one weight for each of the `combinations`.
        reuse: whether fakes take the real batch's labels.
        combinations: for several blocks drawn by `probabilities`: the combinations of labels that occur, one label a
            block.

    Raises ValueError if a number of labels isn't positive, the weights are not one finite number >= 0 each with a
    positive sum, or the combinations don't fit the blocks or the weights.
    """

    probabilities: Tensor | None
    """[K] (or one a combination) float32, summing to 1; None for uniform. In checkpoints, so that the law survives a
    resume."""
    combinations: Tensor | None
    """[M, blocks] int64, the label combinations that are drawn; None where the blocks are drawn one by one."""
    _drawn_from: Tensor | None

    def __init__(
        self,
        num_labels: int | tuple[int, ...],
        probabilities: Tensor | Sequence[float] | None = None,
        *,
        reuse: bool = False,
        combinations: Tensor | Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        sizes = num_labels if isinstance(num_labels, tuple) else (num_labels,)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"num_labels must be at least 1, not {num_labels}; without labels use NoLabels()"
            )
        self.num_labels = num_labels
        self.reuse = reuse
        rows = None if combinations is None else _checked_combinations(combinations, num_labels)
        if isinstance(num_labels, tuple) and (rows is None) != (probabilities is None):
            raise ValueError(
                f"several label blocks {num_labels} are drawn uniformly, or by the combinations that occur and "
                "a weight for each: give both combinations and probabilities, or neither"
            )
        count = sizes[0] if rows is None else len(rows)
        weights = None if probabilities is None else _normalized(probabilities, count)
        self.register_buffer("probabilities", weights)
        self.register_buffer("combinations", rows)
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
        """[B] (or [B, blocks]) int64 drawn labels, or the real batch's condition where labels are reused.

        Labels [B], and [B, blocks] of several blocks, are filled up where they are missing; label maps and tuples are
        reused as they are.
        """
        if not self.reuse:
            return self.draw(random)
        given = batch.condition
        if given is None:
            raise ValueError("there are no labels to reuse: add labels to the data, or don't ask for reuse")
        if not isinstance(given, Tensor) or given.dim() != (2 if isinstance(self.num_labels, tuple) else 1):
            return given
        return self.complete(given, random)

    def draw(self, random: Draws) -> Tensor:
        """[rows] (or [rows, blocks]) int64 labels, by the same law as the fakes' in training."""
        if self.combinations is not None and self._drawn_from is not None:
            numbers = random.choice("fake labels", self._drawn_from)
            return self.combinations.to(numbers.device)[numbers]
        if isinstance(self.num_labels, tuple):
            blocks = [random.integers(f"fake labels {i}", size) for i, size in enumerate(self.num_labels)]
            return torch.stack(blocks, dim=1)
        if self._drawn_from is None:
            return random.integers("fake labels", self.num_labels)
        return random.choice("fake labels", self._drawn_from)

    def complete(self, labels: Tensor, random: Draws) -> Tensor:
        """The labels with those that are missing (UNLABELED) drawn, by the law of `draw`.

        With combinations, what is missing in a row is drawn given what is there (stream "missing labels"); where no
        combination has what is there, it is drawn regardless of it.
        """
        drawn = self.draw(random)
        if self.combinations is not None and self.probabilities is not None:
            rows = self.combinations.to(labels.device)
            fits = ((labels[:, None] == rows) | (labels[:, None] == UNLABELED)).all(2)  # [B, M]
            edges = (fits * self.probabilities.to(labels.device)).cumsum(1)
            total = edges[:, -1:]
            # Below the total even where the product is rounded up to it: what lies behind may not fit.
            points = random.uniform("missing labels", 1).to(total) * total
            points = torch.minimum(points, torch.nextafter(total, torch.zeros_like(total)))
            chosen = torch.searchsorted(edges, points, right=True)[:, 0].clamp_(max=len(rows) - 1)
            drawn = torch.where(total > 0, rows[chosen], drawn)
        return torch.where(labels == UNLABELED, drawn, labels)


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


def _checked_combinations(
    combinations: Tensor | Sequence[Sequence[int]], num_labels: int | tuple[int, ...]
) -> Tensor:
    if not isinstance(num_labels, tuple):
        raise ValueError(
            f"combinations are for several label blocks, and num_labels is {num_labels}: give a tuple such as (10, 2), "
            "or leave the combinations out"
        )
    rows = torch.as_tensor(combinations, dtype=torch.int64, device="cpu")
    sizes = torch.tensor(num_labels, device="cpu")
    if not len(rows) or rows.shape[1:] != sizes.shape or (rows < 0).any() or (rows >= sizes).any():
        raise ValueError(
            f"combinations must be labels 0..K - 1 of each of the blocks {num_labels}, shape [M, {len(sizes)}] with M "
            f"at least 1, not {list(rows.shape)} numbers with a label outside its range or a missing block"
        )
    return rows


def _normalized(probabilities: Tensor | Sequence[float], count: int) -> Tensor:
    weights = torch.as_tensor(probabilities, dtype=torch.float64, device="cpu")
    if weights.shape != (count,):
        raise ValueError(
            f"probabilities must hold one number per label (or combination), shape [{count}], not "
            f"{list(weights.shape)}"
        )
    if not weights.isfinite().all() or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError("probabilities must be finite numbers >= 0, and not all 0")
    # Single precision, because not every accelerator has double; the copy for draws is rounded likewise, so
    # that a resumed run draws the same labels.
    return (weights / weights.sum()).float()
