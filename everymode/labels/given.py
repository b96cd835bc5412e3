"""Labels that come with the data, and no labels at all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from everymode.draws import Distribution, Draws
from everymode.game import UNLABELED, Batch, Condition, LabelSource


class GivenLabels(LabelSource):
    """The dataset's labels for reals; labels of the same range for fakes, drawn or reused.

    Fakes' labels are drawn from the stream "fake labels": uniformly, or by `probabilities`. With `reuse`, fakes take
    the real batch's labels instead, and only missing labels (UNLABELED) are drawn.

    With several labels per image (label blocks), either each block is drawn uniformly and independently (streams
    "fake labels 0", "fake labels 1", ...), or whole combinations are drawn from `combinations`, so that labels that
    never occur together in the data are never drawn together (stream "fake labels", by index of the combination).

    Args:
        num_labels: K; labels are 0..K - 1, and UNLABELED (-1) is allowed for reals. With several label blocks, a
            tuple of one K per block; labels are then [B, blocks].
        probabilities: K weights that need not sum to 1, such as the dataset's label counts; None = uniform. With
            several blocks, one weight for each of the `combinations`.
        reuse: whether fakes take the real batch's labels.
        combinations: the label combinations that occur, [M, blocks]; only for several blocks, together with
            `probabilities`.
    Raises:
        ValueError: if a number of labels isn't positive, the weights are not one finite number >= 0 per label with a
            positive sum, or the combinations don't fit the blocks or the weights.
    """

    probabilities: Tensor | None
    """[K] (or [M], one per combination) float32, summing to 1; None = uniform. Saved in checkpoints, so that a resumed
    run draws from the same distribution."""
    combinations: Tensor | None
    """[M, blocks] int64, the label combinations that are drawn; None if the blocks are drawn independently."""
    _drawn_from: Tensor | None
    """Copy of `probabilities` on the CPU."""

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
                f"num_labels must be at least 1, not {num_labels}; for data without labels use NoLabels()"
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
        """Return the dataset's labels unchanged.

        Raises:
            ValueError: if the dataset has no labels.
        """
        if batch.condition is None:
            raise ValueError(
                "the data has no labels: add labels to it, or use NoLabels() or a source that finds them"
            )
        return batch.condition

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """Return the fakes' labels, [B] (or [B, blocks]) int64: drawn ones, or the real batch's condition with `reuse`.

        If labels are reused, missing ones in labels [B] (or [B, blocks]) are drawn; label maps and tuples are reused
        unchanged.

        Raises:
            ValueError: if there are no labels to reuse.
        """
        if not self.reuse:
            return self.draw(random)
        condition = batch.condition
        if condition is None:
            raise ValueError("there are no labels to reuse: add labels to the data, or set reuse=False")
        dimensions = 2 if isinstance(self.num_labels, tuple) else 1
        if not isinstance(condition, Tensor) or condition.dim() != dimensions:
            return condition
        return self.complete(condition, random)

    def draw(self, random: Draws) -> Tensor:
        """Draw labels, [rows] (or [rows, blocks]) int64, from the distribution of the fakes' labels in training."""
        if self.combinations is not None and self._drawn_from is not None:
            indices = random.choice("fake labels", self._drawn_from)
            return self.combinations.to(indices.device)[indices]
        if isinstance(self.num_labels, tuple):
            blocks = [random.integers(f"fake labels {i}", size) for i, size in enumerate(self.num_labels)]
            return torch.stack(blocks, dim=1)
        if self._drawn_from is None:
            return random.integers("fake labels", self.num_labels)
        return random.choice("fake labels", self._drawn_from)

    def distributions(self) -> tuple[Distribution, ...]:
        if isinstance(self.num_labels, tuple) and self.combinations is None:
            return tuple(Distribution(f"fake labels {i}", size) for i, size in enumerate(self.num_labels))
        weights = None if self._drawn_from is None else tuple(self._drawn_from.tolist())
        rows = self.combinations
        if rows is not None:
            combinations = tuple(tuple(row) for row in rows.tolist())
            return (Distribution("fake labels", len(combinations), weights, combinations),)
        assert isinstance(self.num_labels, int)
        return (Distribution("fake labels", self.num_labels, weights),)

    def complete(self, labels: Tensor, random: Draws) -> Tensor:
        """Return the labels with missing ones (UNLABELED) replaced by drawn ones, from the distribution of `draw`.

        With combinations, a row's missing labels are drawn conditional on its known ones (stream "missing labels"); if
        no combination contains the known ones, they are drawn unconditionally.
        """
        drawn = self.draw(random)
        if self.combinations is not None and self.probabilities is not None:
            rows = self.combinations.to(labels.device)
            fits = ((labels[:, None] == rows) | (labels[:, None] == UNLABELED)).all(2)  # [B, M]
            edges = (fits * self.probabilities.to(labels.device)).cumsum(1)
            total = edges[:, -1:]
            # Strictly below the total, even if the product rounds up to it, because later combinations may not fit.
            points = random.uniform("missing labels", 1).to(total) * total
            points = torch.minimum(points, torch.nextafter(total, torch.zeros_like(total)))
            indices = torch.searchsorted(edges, points, right=True)[:, 0].clamp_(max=len(rows) - 1)
            drawn = torch.where(total > 0, rows[indices], drawn)
        return torch.where(labels == UNLABELED, drawn, labels)


class NoLabels(LabelSource):
    """A source without conditions, whether the data has labels or not."""

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        return None

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        return None

    def draw(self, random: Draws) -> Condition:
        return None

    def distributions(self) -> tuple[Distribution, ...]:
        return ()


def _keep_on_cpu(source: GivenLabels, incompatible: object = None) -> None:
    """Copy the probabilities to the CPU, where draws are made; reading the buffer in each step would synchronize."""
    weights = source.probabilities
    source._drawn_from = None if weights is None else weights.detach().cpu().clone()


def _checked_combinations(
    combinations: Tensor | Sequence[Sequence[int]], num_labels: int | tuple[int, ...]
) -> Tensor:
    if not isinstance(num_labels, tuple):
        raise ValueError(
            f"combinations are for several label blocks, and num_labels is {num_labels}: pass a tuple such as (10, 2), "
            "or omit the combinations"
        )
    rows = torch.as_tensor(combinations, dtype=torch.int64, device="cpu")
    sizes = torch.tensor(num_labels, device="cpu")
    if not len(rows) or rows.shape[1:] != sizes.shape or (rows < 0).any() or (rows >= sizes).any():
        raise ValueError(
            f"combinations must be labels 0..K - 1 for each of the blocks {num_labels}, shape [M, {len(sizes)}] with M "
            f"at least 1; these have shape {list(rows.shape)}, or a label outside its range"
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
    # float32, because not every accelerator supports float64. Draws use the rounded values too, so that a resumed run
    # draws the same labels.
    return (weights / weights.sum()).float()
