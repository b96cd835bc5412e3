"""Whether a recipe's numbers are possible and its parts fit together: the one place that asks, in words that a user
knows. Free of torch.

`check_recipe` goes by the recipe alone, whenever one is made; `check_data` goes by the data too. What is not refused
here is built.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from everymode.augmentation_names import ADAPTIVE, parse_augmentation
from everymode.numbers import require_finite
from everymode.part import Labels, Loss, Networks, Norm, Terms

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.recipe import Recipe

MORE_LABELS = "--labels clusters finds labels of its own"


def check_recipe(recipe: Recipe) -> None:
    """Raise ValueError, in a sentence, for an impossible number, or where two parts don't fit."""
    check_numbers(recipe)
    require_finite(recipe)
    check_parts(recipe)


def check_numbers(recipe: Recipe) -> None:
    """Raise ValueError, in a sentence, for an impossible number of data, training or the run."""

    def each(*names: str) -> list[tuple[str, Any]]:
        return [(name, getattr(recipe, name)) for name in names]

    for name, value in each("steps", "batch_size", "accumulation", "discriminator_steps", "tick", "snapshot"):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    rates = each("generator_lr", "discriminator_lr", "adam_epsilon")
    decays = each("generator_weight_decay", "discriminator_weight_decay", "remedy_weight_decay")
    for name, value in rates + decays:
        if not 0 <= (value or 0) < math.inf:
            raise ValueError(f"{name} can't be negative, infinite or not a number: {value}")
    for name, value in each("remedy_lr", "settling_lr"):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is a factor on a learning rate, above 0 and finite, not {value}")
    for name, value in each("seed", "ema_start", "keep_best", "watch_samples"):
        if value < 0:
            raise ValueError(f"{name} must be at least 0, not {value}")
    for name, value in each("ema_decay", "beta1", "beta2"):
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
    if not 0 < recipe.labeled_fraction <= 1:
        raise ValueError(
            "labeled_fraction is the share of each class that keeps its labels, above 0 and at most 1, not "
            f"{recipe.labeled_fraction}"
        )
    for name, value in each("lr_decay", "settling"):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is a share of training between 0 and 1, not {value}")
    if min(recipe.size) < 1:
        raise ValueError(f"resolution must be positive, not {recipe.resolution}")
    if recipe.metrics and recipe.metric_images < 10:
        raise ValueError(f"metric_images must be at least 10 to measure anything, not {recipe.metric_images}")
    _check_augmentation(recipe)
    _check_batch(recipe)


def _check_augmentation(recipe: Recipe) -> None:
    parse_augmentation(recipe.augmentation)
    if not 0 < recipe.augmentation_target < 1:
        raise ValueError(
            f"augmentation_target is a mean sign between 0 and 1, not {recipe.augmentation_target}"
        )
    if recipe.augmentation_images < 1:
        raise ValueError(f"augmentation_images must be at least 1, not {recipe.augmentation_images}")


def _check_batch(recipe: Recipe) -> None:
    if recipe.reuse_fakes and recipe.accumulation > 1:
        raise ValueError(
            "reuse_fakes can't be combined with accumulation: keeping the generator's pass for its own move would "
            "keep the graphs of all parts in memory. Set accumulation to 1, or reuse_fakes to False"
        )
    if recipe.batch_size % recipe.accumulation:
        raise ValueError(
            f"a batch of {recipe.batch_size} can't be cut into {recipe.accumulation} equal parts: choose an "
            "accumulation that divides the batch size"
        )


def check_parts(recipe: Recipe) -> None:
    """Raise ValueError, in a sentence, where two parts of the recipe don't fit."""
    for contract in (Networks, Loss, Labels, Norm, Terms):
        value = getattr(recipe, contract.kind)
        if value is not None and not isinstance(value, contract):
            raise ValueError(
                f"{contract.kind} holds a part, one of the kind {contract.__name__} (everymode.part), not {value!r}"
            )
    for part in recipe.parts():
        part.check_in(recipe)
    if recipe.loss is None or recipe.labels is None or recipe.networks is None:
        return  # a recipe with its own build
    _check_labels(recipe)
    _check_packs(recipe)
    _check_networks(recipe)
    _check_points(recipe)
    _check_zero(recipe)


def check_kind(recipe: Recipe, facts: DataFacts) -> None:
    """Raise ValueError for points where images are drawn, and for images where points are."""
    if recipe.networks is None:
        return
    images = len(facts.image_shape) == 3
    if recipe.takes_points and images:
        raise ValueError(
            f"{facts.name} holds images, and {recipe.called} draws points: choose another recipe, or ring or grid"
        )
    if not recipe.takes_points and not images:
        raise ValueError(
            f"{facts.name} holds points, and {recipe.called} draws images: choose a recipe for points"
        )


def check_data(recipe: Recipe, facts: DataFacts | None = None) -> None:
    """Raise ValueError where the parts don't fit the data that the recipe was filled in with.

    Args:
        facts: of the data, where they are at hand; without them missing labels can't be counted.
    """
    if recipe.loss is None or recipe.labels is None:
        return
    if recipe.labels.needs_given:
        _check_given(recipe, facts)
    _check_blocks(recipe)
    loss, labels = recipe.loss, recipe.num_labels
    if not loss.needs_labels(recipe) or labels is None:
        return
    fewest = min(labels) if isinstance(labels, tuple) else labels
    if loss.tells_apart and isinstance(labels, tuple) and fewest < 2:
        raise ValueError(
            f"{loss.called} tells classes apart, and one of an image's labels has {fewest}: leave that label out"
        )
    if loss.tells_apart and fewest < 2:
        raise ValueError(
            f"{loss.called} tells labels apart, and there is {fewest}: choose another loss, such as projection, "
            "which needs one only"
        )


def _check_given(recipe: Recipe, facts: DataFacts | None) -> None:
    """Labels that come with the data: there are some, of one kind where only one is taken, and no more are missing than
    the loss can do without.
    """
    loss, count = recipe.loss, recipe.num_classes
    assert loss is not None
    if not count:
        raise ValueError(
            f"{recipe.called} conditions on labels, and the data has none: add labels, or choose other labels "
            f"({MORE_LABELS})"
        )
    if facts is None:
        return
    if not any(facts.class_counts):
        raise ValueError(
            f"none of the {facts.num_images:,} images of {facts.name} has a label, and {recipe.called} conditions on "
            f"labels: label some of them, or choose other labels ({MORE_LABELS})"
        )
    assert recipe.labels is not None
    if facts.num_unlabeled and recipe.labels.leaves_unlabeled and not loss.takes_unlabeled(recipe):
        kind = "points" if recipe.takes_points else "images"
        raise ValueError(
            f"{loss.called} asks for a label of each image, and {facts.num_unlabeled:,} of {facts.num_images:,} "
            f"{kind} of {facts.name} have no label: choose multi-hinge, which guesses them, or omni, which passes over "
            "their class, or label them"
        )


def _check_labels(recipe: Recipe) -> None:
    """The loss against the label source."""
    loss, labels, networks = recipe.loss, recipe.labels, recipe.networks
    assert loss is not None and labels is not None and networks is not None
    count, asks = recipe.num_labels, loss.needs_labels(recipe)
    if labels.several_generators:
        if asks:
            raise ValueError(
                f"several generators play with a loss that is told no label, and {loss.called} is: choose a plain loss "
                "with a scalar head, such as logistic"
            )
        if not networks.takes_first_layer:
            raise ValueError(
                "several generators have a first layer each, which these networks have no place for: choose DCGAN's or "
                "the stability networks, or those of points"
            )
    elif asks and count is None:
        raise ValueError(
            f"{loss.called} asks for a label of each image, and there are none: {MORE_LABELS}, and --loss hinge or "
            "logistic needs none"
        )
    elif not asks and count is not None:
        raise ValueError(
            f"there are labels, and {loss.called} has a scalar head, which judges without them: set head to per-label "
            "or projection, or labels to none"
        )
    if (
        recipe.num_images
    ):  # the data are known: a literal says how many labels its own data have, and may get others
        _check_blocks(recipe)
    if networks.pack > 1 and (count is not None or labels.several_generators):
        raise ValueError(
            f"packs of {networks.pack} examples have no label of their own: set pack to 1, or labels to none"
        )
    if loss.tells_apart and isinstance(count, int) and count == 1 and not labels.needs_given:
        check_data(recipe)


def _check_blocks(recipe: Recipe) -> None:
    """Several labels an image against the loss and the networks."""
    loss, networks, count = recipe.loss, recipe.networks, recipe.num_labels
    assert loss is not None
    taken = loss.takes_label_blocks and networks is not None and networks.takes_label_blocks
    if isinstance(count, tuple) and not taken:
        raise ValueError(
            f"each image has {len(count)} labels, and {recipe.called} conditions on one: choose one of them (for "
            "shapes: --data shapes:labels=shape), or omni-loss on BigGAN's networks, which takes several"
        )


def _check_packs(recipe: Recipe) -> None:
    """The batch against the packs that the discriminator judges."""
    networks = recipe.networks
    assert networks is not None
    if networks.pack == 1:
        return
    counted = (networks.packs or 0) * networks.pack or recipe.batch_size
    if counted // recipe.accumulation % networks.pack or counted % recipe.accumulation:
        parts = f" in {recipe.accumulation} parts" if recipe.accumulation > 1 else ""
        step = networks.pack * recipe.accumulation
        sizes = [size for size in (counted // step * step, -(-counted // step) * step) if size]
        fitting = " or ".join(str(size // networks.pack if networks.packs else size) for size in sizes)
        raise ValueError(
            f"a batch of {counted}{parts} can't be cut into packs of {networks.pack}: choose "
            f"{'packs' if networks.packs else 'a batch size'} such as {fitting}"
        )


def _check_networks(recipe: Recipe) -> None:
    """The norm against the discriminator."""
    norm, networks = recipe.norm, recipe.networks
    assert networks is not None
    if norm is None:
        return
    if norm.normalizes_features and not networks.takes_feature_norm:
        raise ValueError(
            f"{type(norm).__name__} normalizes features, which this discriminator has no place for: choose the "
            "standard convolutional networks (--networks standard), or another norm"
        )
    if norm.blocks_only and not networks.has_blocks:
        raise ValueError(
            'where is "blocks", and this discriminator has no residual blocks: set where to all, or choose BigGAN\'s '
            "networks or the standard residual ones"
        )


def _check_points(recipe: Recipe) -> None:
    """What is made for pixels where points are drawn, and for squares where rectangles are."""
    labels, (height, width) = recipe.labels, recipe.size
    assert labels is not None
    if not recipe.takes_points:
        if labels.needs_squares and height != width:
            raise ValueError(
                f"images are turned by quarter turns, so they must be square: choose one number as resolution, not "
                f"{height}x{width}"
            )
        return
    if recipe.mirror:
        raise ValueError(f"points are not mirrored, and {recipe.called} draws points: set mirror to off")
    if labels.needs_pixels:
        raise ValueError(
            f"{type(labels).__name__} looks at images, and {recipe.called} draws points: choose other labels, such as "
            "clusters"
        )
    if recipe.augmentation:
        raise ValueError(
            f"augmentation {recipe.augmentation!r} changes pixels, and {recipe.called} draws points: leave it empty, "
            "or choose a recipe for images"
        )
    moved = recipe.terms.moves_pixels if recipe.terms is not None else ""
    if moved:
        raise ValueError(
            f"{moved} compares shifted images, and {recipe.called} draws points: set {moved} to 0"
        )


def _check_zero(recipe: Recipe) -> None:
    """What goes by the zero of the scores, where only their differences mean anything."""
    loss = recipe.loss
    assert loss is not None
    if loss.has_zero:
        return
    if recipe.terms is not None and recipe.terms.needs_zero:
        number = recipe.terms.needs_zero
        raise ValueError(
            f"{number} goes by the zero of the scores, and {loss.called} has none of its own: set {number} to 0"
        )
    if ADAPTIVE in parse_augmentation(recipe.augmentation):
        raise ValueError(
            f"ada goes by the zero of the scores, and {loss.called} has none of its own: choose augmentation among "
            "color, translation and cutout"
        )
