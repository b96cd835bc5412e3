"""Signals of the collapse watch: a few samples are compared with a few real examples, once per tick.

The reals, latent codes and labels are fixed at the start, so that signals of two ticks differ by the networks alone.
Samples come from the generator itself, because its average would show a collapse late. Networks and random draws of
training are unaffected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.order import random_permutation
from everymode.draws import Draws, Rows
from everymode.game import Condition, Verdict
from everymode.metrics.fidelity import density_coverage
from everymode.norms.spectral import singular_values
from everymode.training.examples import example_batch
from everymode.training.following import feature_shift
from everymode.training.moves import in_eval_mode
from everymode.training.stepper import Stepper

Drawn = tuple[Tensor, np.ndarray | None]
"""Examples and their labels, if they have any."""

NEIGHBORS = 5
SIDE = 8
"""Side of the images that are compared, in pixels: coarse, cheap, and enough to see a collapse."""
BATCH = 64


class SampleProbe:
    """Computes the signals of one run, by name.

    coverage: share of the reals that have a sample in their neighborhood (Naeem et al. 2020, k = 5; 8x8 pixels).
    variety: mean distance between two samples of a class, divided by the same of reals. 0 = one image per class.
    labels_hit: share of samples whose nearest reals have the sample's class; only with labels.
    held_out: D's mean realness of held-out examples. Only with `held_out`, as the next two.
    held_out_gap: D's mean realness of training examples minus `held_out`.
    training_above_0, held_out_above_0: fraction of training or held-out examples with a realness above 0.
    overfitting: that gap as a fraction of the distance from training examples to samples (function `overfitting`).
        0 = no difference, 1 = held-out examples look as fake as samples: D memorized its data. Only with `held_out`.
    self_accuracy: share of samples for which D's own class scores predict the sample's class; validation_accuracy: the
        same for `held_out` examples and their labels. Only if D scores classes (`class_scores`).
    feature_shift: how far one update of D moves the features of the reals, as a share of their spread (function
        `feature_shift`). Only if the labels follow D's features, as clusters of them do.
    discriminator_singular_value, generator_singular_value: the largest singular value of any spectrally normalized
        layer's raw weight; only if the network has such layers.

    With several label blocks, the classes of `variety` are combinations of labels (`comparable`), and labels_hit and
    the accuracies are means over the blocks. Real examples without a label are omitted where labels are compared;
    held-out ones also from the realness, unless the training data have such examples too.

    Args:
        data: training data.
        count: number of samples and of reals.
        seed: of the choice of reals, latent codes and labels.
        held_out: data that are not trained on.
    """

    def __init__(self, data: Dataset, *, count: int, seed: int, held_out: Dataset | None = None) -> None:
        rows = random_permutation(seed, "watch", 0, len(data))[:count]
        self._count = len(rows)
        self._seed = seed
        self._reals = data.gather(rows)
        self._real_labels = data.labels[rows] if data.num_classes else None
        self._wants_labels = bool(data.num_classes) and not data.num_unlabeled
        self._unseen: Drawn | None = None
        # Conditions with pictures or maps are gathered again at each tick, a few at a time: they can be large.
        self._data, self._rows = data, rows
        self._held_out = held_out
        if held_out is not None and count:
            self._unseen_rows = random_permutation(seed, "watch held out", 0, len(held_out))[:count]
            self._unseen = (held_out.gather(self._unseen_rows), held_out.labels[self._unseen_rows])

    @torch.no_grad()
    def __call__(self, stepper: Stepper) -> dict[str, float]:
        """Return the signals of the networks in their current state."""
        signals: dict[str, float] = {}
        drawn: Drawn | None = None
        if self._count > NEIGHBORS + 1:
            with in_eval_mode(stepper.game.generator):
                fakes, labels = self._samples(stepper)
            if torch.isfinite(fakes).all():
                signals |= self._compared(fakes, labels, stepper.game.labels.names_classes)
                if stepper.game.labels.names_classes:
                    signals |= _accuracy("self_accuracy", stepper, fakes, labels)
                drawn = (fakes, labels)
        if self._unseen is not None and stepper.game.objective.adversarial is not None:
            paired = stepper.game.labels.needs_examples
            signals |= self._on_unseen_pairs(stepper, drawn) if paired else self._on_unseen(stepper, drawn)
            if stepper.game.labels.names_classes:
                signals |= _accuracy("validation_accuracy", stepper, *self._unseen)
        return signals | self._feature_shift(stepper) | _largest_singular_values(stepper)

    def _feature_shift(self, stepper: Stepper) -> dict[str, float]:
        if len(self._reals) < 2 or stepper.game.objective.adversarial is None:
            return {}
        game = stepper.game
        shift = feature_shift(
            game.discriminator,
            stepper.discriminator_optimizer,
            game.labels.followed_features,
            self._reals.to(stepper.device, stepper.dtype),
            constraint=game.constraint,
            batch=BATCH,
        )
        return {} if shift is None else {"feature_shift": shift}

    def _on_unseen(self, stepper: Stepper, drawn: Drawn | None) -> dict[str, float]:
        """Return the signals that compare D's realness of held-out examples, training examples and samples."""
        assert self._unseen is not None
        examples, labels = self._unseen
        if not stepper.game.labels.names_classes:
            labels = None
        elif labels is not None and self._wants_labels:
            # A discriminator that never saw an example without a label may not take one.
            known = (labels >= 0).reshape(len(labels), -1).all(1)
            examples, labels = examples[torch.from_numpy(known)], labels[known]
            if not known.any():
                return {}
        with in_eval_mode(stepper.game.discriminator):
            seen = self._realness(stepper, self._reals, self._real_labels if labels is not None else None)
            unseen = self._realness(stepper, examples, labels)
            # A conditional D needs the labels of the samples, too.
            shown = drawn is not None and (drawn[1] is not None or not stepper.game.labels.num_labels)
            fake = self._realness(stepper, *drawn) if drawn is not None and shown else None
        return unseen_signals(seen, unseen, fake)

    def _on_unseen_pairs(self, stepper: Stepper, drawn: Drawn | None) -> dict[str, float]:
        """Return these signals for conditions that include pictures or maps; drawn samples belong to `self._rows`."""
        assert self._held_out is not None
        with in_eval_mode(stepper.game.discriminator):
            seen = self._realness_of_rows(stepper, self._data, self._rows)
            unseen = self._realness_of_rows(stepper, self._held_out, self._unseen_rows)
            fake = None
            if drawn is not None:
                fake = self._realness_of_rows(stepper, self._data, self._rows, fakes=drawn[0])
        return unseen_signals(seen, unseen, fake)

    def _realness_of_rows(
        self, stepper: Stepper, data: Dataset, indices: np.ndarray, fakes: Tensor | None = None
    ) -> Tensor:
        """Return D's realness of rows of the data, or of the fakes that belong to them."""
        levels = []
        for start in range(0, len(indices), BATCH):
            chosen = indices[start : start + BATCH]
            batch, fake_condition = example_batch(
                stepper.game, data, chosen, self._draws(stepper, start, len(indices))
            )
            shown, condition = batch.real, batch.condition
            if fakes is not None:
                shown, condition = fakes[start : start + BATCH].to(shown), fake_condition
            verdict = Verdict.of(stepper.game.discriminator(shown, condition))
            levels.append(stepper.game.objective.realness(verdict.scores, condition))
        return torch.cat(levels).double().cpu()

    def _draws(self, stepper: Stepper, start: int, total: int) -> Draws:
        rows = Rows(start, min(start + BATCH, total), total)
        return Draws(self._seed, "watch", rows, stepper.device, stepper.dtype)

    def _samples(self, stepper: Stepper) -> Drawn:
        images, labels = [], []
        for start in range(0, self._count, BATCH):
            draws = self._draws(stepper, start, self._count)
            if stepper.game.labels.needs_examples:
                rows = self._rows[start : start + BATCH]
                _, condition = example_batch(stepper.game, self._data, rows, draws)
            else:
                condition = stepper.game.labels.draw(draws)
            images.append(stepper.game.generate(draws, condition).float().cpu())
            if isinstance(condition, Tensor) and condition.ndim <= 2:
                labels.append(condition.cpu().numpy())
        return torch.cat(images), np.concatenate(labels) if labels else None

    def _compared(self, fakes: Tensor, labels: np.ndarray | None, names_classes: bool) -> dict[str, float]:
        real, fake = coarse(self._reals), coarse(fakes)
        if not names_classes:  # clusters, say: nothing that the data's own labels could be compared with
            labels = None
        known = self._real_labels if labels is not None else None
        signals = {"coverage": density_coverage(real, fake, k=NEIGHBORS).coverage}
        asked, of_reals = comparable(labels, known)
        variety = within_class_distance(fake, asked) / max(within_class_distance(real, of_reals), 1e-12)
        if np.isfinite(variety):  # with very many classes, no two of these samples are of one
            signals["variety"] = variety
        if labels is not None and known is not None and known.shape[1:] == labels.shape[1:]:
            shares = _labels_hit(real, _columns(known), fake, _columns(labels))
            signals |= {"labels_hit": float(np.mean(shares))} if shares else {}
        return signals

    def _realness(self, stepper: Stepper, images: Tensor, labels: np.ndarray | None) -> Tensor:
        levels = []
        for start in range(0, len(images), BATCH):
            shown = images[start : start + BATCH].to(stepper.device, stepper.dtype)
            condition: Condition = None
            if labels is not None and stepper.game.labels.num_labels:
                condition = torch.from_numpy(labels[start : start + BATCH]).to(stepper.device)
            elif labels is None:
                condition = stepper.game.labels.label_unseen(shown)
            verdict = Verdict.of(stepper.game.discriminator(shown, condition))
            levels.append(stepper.game.objective.realness(verdict.scores, condition))
        return torch.cat(levels).double().cpu()


def unseen_signals(seen: Tensor, unseen: Tensor, fake: Tensor | None) -> dict[str, float]:
    """Compare D's realness of training examples, held-out examples and, if given, samples."""
    signals = {
        "held_out": float(unseen.mean()),
        "held_out_gap": float(seen.mean() - unseen.mean()),
        "training_above_0": float((seen > 0).double().mean()),
        "held_out_above_0": float((unseen > 0).double().mean()),
    }
    if fake is not None and min(len(seen), len(unseen)) > 1:
        share = overfitting(seen, unseen, fake)
        signals |= {"overfitting": share} if np.isfinite(share) else {}
    return signals


def overfitting(training: Tensor, held_out: Tensor, fake: Tensor) -> float:
    """Compute how far D's realness of held-out examples is from training examples (0) toward fakes (1).

    (mean training - mean held-out) / (mean training - mean fake): the quantity r_v of Karras et al. 2020, equation 1.
    Here the numerator is first reduced by two standard errors, and the denominator is at least as large as these, so
    that noise alone gives about 0 even if the discriminator can't distinguish anything. It can exceed 1 and is never
    negative.

    Args:
        training, held_out, fake: realness [N]; at least two values of each of the first two.

    Returns:
        The fraction, as a float.
    """
    noise = 2 * (training.var() / len(training) + held_out.var() / len(held_out)).sqrt()
    gap = (training.mean() - held_out.mean() - noise).clamp(min=0)
    if gap == 0:
        return 0.0
    return float(gap / torch.maximum(training.mean() - fake.mean(), noise.clamp(min=1e-12)))


def class_scores(
    discriminator: nn.Module, examples: Tensor, labels: Tensor, num_labels: int
) -> Tensor | None:
    """Compute a discriminator's score of each class.

    The first of these that the discriminator has: the logits of an auxiliary head; the method `class_scores` of its
    head, D(x, k) for every k (projection: Multi-hinge GAN finds that its argmax is no better than chance); the first K
    of more than K scores (omni-loss, classification).

    Returns:
        [B, K], or None if the discriminator scores no classes.
    """
    answer = discriminator(examples, labels)
    if not isinstance(answer, Tensor) and answer.classes is not None:
        return answer.classes[:, :num_labels]  # ImAC-GAN's has a class for fakes behind them
    head = getattr(discriminator, "head", None)
    of_classes, features = getattr(head, "class_scores", None), getattr(discriminator, "features", None)
    if of_classes is not None and features is not None:
        return of_classes(features(examples))
    scores = answer if isinstance(answer, Tensor) else answer.scores[0]
    return scores[:, :num_labels] if scores.ndim == 2 and scores.shape[1] >= num_labels > 1 else None


def _accuracy(name: str, stepper: Stepper, examples: Tensor, labels: np.ndarray | None) -> dict[str, float]:
    """Return the share of examples whose label has D's highest class score, by name; {} if D scores no classes."""
    count = stepper.game.labels.num_labels
    sizes = count if isinstance(count, tuple) else (count,)
    if labels is None or labels.ndim > 2 or len(_columns(labels)) != len(sizes) or max(sizes) < 2:
        return {}
    hits, seen = np.zeros(len(sizes)), np.zeros(len(sizes))
    with in_eval_mode(stepper.game.discriminator):
        for start in range(0, len(examples), BATCH):
            shown = examples[start : start + BATCH].to(stepper.device, stepper.dtype)
            asked = torch.from_numpy(labels[start : start + BATCH]).to(stepper.device)
            scores = class_scores(stepper.game.discriminator, shown, asked.clamp(min=0), sum(sizes))
            if scores is None:
                return {}
            blocks = scores.split(sizes, dim=1) if len(sizes) > 1 else (scores,)
            for block, wanted in enumerate(_columns(asked)):
                hits[block] += int((blocks[block].argmax(1) == wanted).sum())
                seen[block] += int((wanted >= 0).sum())
    return {name: float((hits[seen > 0] / seen[seen > 0]).mean())} if seen.any() else {}


def _labels_hit(real: Tensor, known: list[np.ndarray], fake: Tensor, asked: list[np.ndarray]) -> list[float]:
    """Return `label_agreement` of each block in which enough real examples have a label."""
    shares = []
    for mine, wanted in zip(known, asked, strict=True):
        labeled = mine >= 0
        if labeled.sum() >= NEIGHBORS:
            shares.append(label_agreement(real[torch.from_numpy(labeled)], mine[labeled], fake, wanted))
    return shares


def _columns(labels: Any) -> list[Any]:
    """Return the labels of each block, [N] each."""
    return [labels] if labels.ndim == 1 else [labels[:, block] for block in range(labels.shape[1])]


def coarse(examples: Tensor) -> Tensor:
    """Return features [N, F] in float64: points unchanged, images [N, C, H, W] reduced to at most 8x8 pixels."""
    if examples.ndim == 4:
        height, width = (min(SIDE, side) for side in examples.shape[2:])
        examples = F.adaptive_avg_pool2d(examples.float(), (height, width))
    return examples.flatten(1).double()


def comparable(
    first: np.ndarray | None, second: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Drop trailing label blocks until at least half of the rows on each side share their combination with another row.

    At least one block is kept.

    Args:
        first, second: labels of the two sides, [N] or [N, blocks], or None.

    Returns:
        Both labels with the same blocks.
    """
    if first is None or second is None or first.ndim != 2 or second.ndim != 2:
        return first, second
    for blocks in range(first.shape[1], 1, -1):
        if min(_share_in_company(side[:, :blocks]) for side in (first, second)) >= 0.5:
            return first[:, :blocks], second[:, :blocks]
    return first[:, :1], second[:, :1]


def _share_in_company(labels: np.ndarray) -> float:
    """Return the share of fully labeled rows [N, blocks] whose combination of labels occurs in another row too."""
    known = labels[(labels >= 0).all(1)]
    if not len(known):
        return 0.0
    _, counts = np.unique(known, axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(known))


def within_class_distance(features: Tensor, labels: np.ndarray | None) -> float:
    """Compute the mean Euclidean distance between two members of a class, over classes with at least two.

    Without labels, it is over all pairs. With several label blocks [N, blocks], a class is a combination of labels: a
    generator that draws one image for each combination has no variety. Members that lack a label (-1) are omitted.
    """
    rows = None if labels is None or labels.ndim > 2 else labels.reshape(len(labels), -1)
    if rows is None or not (rows >= 0).all(1).any():
        return float(torch.pdist(features).mean())
    known = (rows >= 0).all(1)
    classes, members = np.unique(rows[known], axis=0), features[torch.from_numpy(known)]
    groups = [members[torch.from_numpy((rows[known] == each).all(1))] for each in classes]
    means = [float(torch.pdist(group).mean()) for group in groups if len(group) > 1]
    return float(np.mean(means)) if means else float("nan")


def label_agreement(
    real: Tensor, real_labels: np.ndarray, fake: Tensor, asked: np.ndarray, *, neighbors: int = NEIGHBORS
) -> float:
    """Return the share of fakes whose label is among the most frequent labels of their nearest reals.

    Args:
        real: features [N, F].
        real_labels: [N].
        fake: features [M, F].
        asked: [M], the labels under which the fakes were generated.
        neighbors: number of nearest reals.
    """
    nearest = torch.cdist(fake, real).topk(neighbors, largest=False).indices.numpy()
    votes = real_labels[nearest]
    counts = np.stack([(votes == label).sum(1) for label in range(int(real_labels.max()) + 1)], axis=1)
    inside = asked < counts.shape[1]
    mine = counts[np.arange(len(asked)), np.where(inside, asked, 0)]
    return float((inside & (mine == counts.max(1)) & (mine > 0)).mean())


def _largest_singular_values(stepper: Stepper) -> dict[str, float]:
    found = {player: singular_values(network) for player, network in stepper.players().items()}
    return {
        f"{player}_singular_value": float(torch.stack([*values.values()]).max())
        for player, values in found.items()
        if values
    }
