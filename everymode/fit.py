"""Checks of a recipe: whether its hyper-parameters are possible and its parts fit together. Does not import torch.

`check_recipe` checks a recipe alone, whenever one is created; `check_data` also checks it against the data. A recipe
that passes can be built. Error messages name parts and hyper-parameters as users type them.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from everymode.augmentation_names import ADAPTIVE, parse_augmentation
from everymode.numbers import held_out_fraction, require_finite
from everymode.part import Conditioning, Labels, Loss, Networks, Norm, Terms

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.recipe import Recipe

MORE_LABELS = "--labels clusters, which needs no labels"


def check_recipe(recipe: Recipe) -> None:
    """Check the hyper-parameters and the parts of a recipe.

    Raises:
        ValueError: if a hyper-parameter is impossible, or if two parts don't fit together.
    """
    check_numbers(recipe)
    require_finite(recipe)
    check_parts(recipe)


def check_numbers(recipe: Recipe) -> None:
    """Check the recipe's hyper-parameters of the data, of training and of the run.

    Raises:
        ValueError: if one of them is impossible.
    """

    def values(*names: str) -> list[tuple[str, Any]]:
        return [(name, getattr(recipe, name)) for name in names]

    counts = values("steps", "batch_size", "accumulation", "discriminator_steps", "tick", "snapshot")
    for name, value in counts:
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    rates = values("generator_lr", "discriminator_lr", "adam_epsilon")
    decays = values("generator_weight_decay", "discriminator_weight_decay", "remedy_weight_decay")
    for name, value in rates + decays:
        if not 0 <= (value or 0) < math.inf:
            raise ValueError(f"{name} must be at least 0 and finite, not {value}")
    for name, value in values("remedy_lr", "settling_lr"):
        if not 0 < value < math.inf:
            raise ValueError(
                f"{name} must be above 0 and finite, not {value}: it is a factor of a learning rate"
            )
    for name, value in values("seed", "ema_start", "keep_best", "watch_samples"):
        if value < 0:
            raise ValueError(f"{name} must be at least 0, not {value}")
    for name, value in values("ema_decay", "beta1", "beta2"):
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
    if not 0 < recipe.labeled_fraction <= 1:
        raise ValueError(
            f"labeled_fraction must be above 0 and at most 1, not {recipe.labeled_fraction}: it is the fraction of the "
            "images of each class that keep their label"
        )
    for name, value in values("lr_decay", "settling"):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be a fraction of training between 0 and 1, not {value}")
    _check_halvings(recipe.lr_halvings)
    if min(recipe.size) < 1:
        raise ValueError(f"resolution must be positive, not {recipe.resolution}")
    if recipe.metrics and recipe.metric_images < 10:
        raise ValueError(f"metric_images must be at least 10 to measure anything, not {recipe.metric_images}")
    held_out_fraction(recipe.held_out)
    _check_augmentation(recipe)
    _check_batch(recipe)


def _check_halvings(shares: tuple[float, ...]) -> None:
    plain = isinstance(shares, tuple) and all(
        isinstance(share, float | int) and not isinstance(share, bool) and 0 < share < 1 for share in shares
    )
    if not plain or any(later <= earlier for earlier, later in pairwise(shares)):
        raise ValueError(
            "lr_halvings must be increasing fractions of training above 0 and below 1, such as (0.125, 0.25, 0.5, "
            "0.75), "
            f"not {shares!r}: both learning rates are halved at each"
        )


def _check_augmentation(recipe: Recipe) -> None:
    parse_augmentation(recipe.augmentation)
    if not 0 < recipe.augmentation_target < 1:
        raise ValueError(
            f"augmentation_target must be a mean sign between 0 and 1, not {recipe.augmentation_target}"
        )
    if recipe.augmentation_images < 1:
        raise ValueError(f"augmentation_images must be at least 1, not {recipe.augmentation_images}")


def _check_batch(recipe: Recipe) -> None:
    if recipe.reuse_fakes and recipe.accumulation > 1:
        raise ValueError(
            "reuse_fakes can't be combined with accumulation: the generator update would need the graphs of all "
            "micro-batches in memory. Set accumulation to 1, or reuse_fakes to off"
        )
    if recipe.batch_size % recipe.accumulation:
        raise ValueError(
            f"a batch of {recipe.batch_size} can't be divided into {recipe.accumulation} micro-batches of equal size: "
            "set accumulation to a divisor of the batch size"
        )


def check_parts(recipe: Recipe) -> None:
    """Check that the parts of the recipe fit together.

    Raises:
        ValueError: if two parts don't.
    """
    for contract in (Networks, Loss, Labels, Norm, Terms):
        value = getattr(recipe, contract.kind)
        if value is not None and not isinstance(value, contract):
            raise ValueError(
                f"{contract.kind} must be a part of class {contract.__name__} (everymode.part), not {value!r}"
            )
    for part in recipe.parts():
        part.check_in(recipe)
    if recipe.loss is None or recipe.labels is None or recipe.networks is None:
        return  # a recipe with a custom build()
    if _takes_pictures(recipe):
        _check_pictures(recipe)
    else:
        _check_labels(recipe)
    _check_packs(recipe)
    _check_networks(recipe)
    _check_points(recipe)
    _check_zero(recipe)


def check_kind(recipe: Recipe, facts: DataFacts) -> None:
    """Check that points are generated from points, and images from images.

    Raises:
        ValueError: if they are not.
    """
    if recipe.networks is None:
        return
    images = len(facts.image_shape) == 3
    if recipe.takes_points and images:
        raise ValueError(
            f"{facts.name} contains images, but {recipe.called} generates points: choose a recipe for images, or "
            "--data ring or --data grid"
        )
    if not recipe.takes_points and not images:
        raise ValueError(
            f"{facts.name} contains points, but {recipe.called} generates images: choose a recipe for points"
        )
    kind = recipe.networks.conditioned_on
    if kind == "maps" and not facts.map_classes:
        raise ValueError(
            f"{facts.name} has no label maps, and {recipe.called} generates images from them: name their folder with "
            "--maps, or a folder with the folders images and maps"
        )
    if kind == "pictures" and facts.scale != recipe.networks.magnification:
        raise ValueError(
            f"{facts.name} is not paired with pictures of {recipe.networks.magnification} times lower resolution: "
            "pass a folder of sharp pictures, or the dataset that open_sharp returns for this scale"
        )


def check_data(recipe: Recipe, facts: DataFacts | None = None) -> None:
    """Check the parts against the data from which the recipe was filled in.

    Args:
        facts: facts of the data; None = missing labels are not checked.

    Raises:
        ValueError: if a part doesn't fit the data.
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
            f"{loss.called} needs at least 2 classes per label, and one of an image's labels has {fewest}: omit that "
            "label"
        )
    if loss.tells_apart and fewest < 2:
        raise ValueError(
            f"{loss.called} needs at least 2 labels, and there is {fewest}: choose another loss, such as "
            "--loss projection, which works with one"
        )


def _check_given(recipe: Recipe, facts: DataFacts | None) -> None:
    """Check labels that come with the data: there are some, and none is missing if the loss needs all of them."""
    loss, count = recipe.loss, recipe.num_classes
    assert loss is not None
    if not count:
        raise ValueError(
            f"{recipe.called} needs labels, and the data has none: add labels, or choose {MORE_LABELS}"
        )
    if facts is None:
        return
    if not any(facts.class_counts):
        raise ValueError(
            f"{recipe.called} needs labels, and none of the {facts.num_images:,} images of {facts.name} has one: label "
            f"some of them, or choose {MORE_LABELS}"
        )
    assert recipe.labels is not None
    if facts.num_unlabeled and recipe.labels.leaves_unlabeled and not loss.takes_unlabeled(recipe):
        kind = "points" if recipe.takes_points else "images"
        raise ValueError(
            f"{loss.called} needs a label for each image, and {facts.num_unlabeled:,} of {facts.num_images:,} "
            f"{kind} of {facts.name} have none: label them, or choose --loss multi-hinge, which guesses missing "
            "labels, or --loss omni, which only asks that these images look real"
        )


def _takes_pictures(recipe: Recipe) -> bool:
    """Return whether the networks or the labels work with label maps, pictures or attributes."""
    assert recipe.networks is not None and recipe.labels is not None
    return not recipe.networks.conditioned_on == recipe.labels.provides == "labels"


def _check_pictures(recipe: Recipe) -> None:
    """Check the parts of a game whose conditions are label maps, pictures, or pictures with attributes."""
    networks, labels, loss = recipe.networks, recipe.labels, recipe.loss
    assert networks is not None and labels is not None and loss is not None
    kind = networks.conditioned_on
    if kind != labels.provides:
        raise ValueError(
            f"these networks generate images from {_CONDITIONS[kind]}, and these labels provide "
            f"{_CONDITIONS[labels.provides]}: choose {_LABELS_FOR[kind]}, or {_NETWORKS_FOR[labels.provides]}"
        )
    if not loss.takes_condition(kind):
        raise ValueError(
            f"{loss.called} doesn't work on the score maps of networks that take {_CONDITIONS[kind]}: choose --loss hinge "
            "(or another one on one score, without head), relativistic-average or none"
            + (", or --loss omni without one_sided" if kind == "maps" else "")
        )
    if networks.pack > 1:
        raise ValueError(
            f"packs of {networks.pack} images can't be combined with {_CONDITIONS[kind]}: set pack to 1"
        )
    moving = recipe.terms.moves_pixels if recipe.terms is not None else ""
    if moving and kind == "maps":
        raise ValueError(f"{moving} shifts images, and their label maps would stay: set {moving} to 0")


_CONDITIONS: dict[Conditioning, str] = {
    "labels": "labels, or none",
    "maps": "label maps",
    "pictures": "pictures of lower resolution",
    "attributes": "pictures with attributes",
}
_LABELS_FOR: dict[Conditioning, str] = {
    "labels": MORE_LABELS,
    "maps": "--labels maps",
    "pictures": "--labels pictures",
    "attributes": "--labels attributes",
}
_NETWORKS_FOR: dict[Conditioning, str] = {
    "labels": "networks such as --networks biggan",
    "maps": "--networks spade",
    "pictures": "--networks sr-resnet or rrdb",
    "attributes": "--networks stargan",
}


def _check_labels(recipe: Recipe) -> None:
    """Check the loss against the labels."""
    loss, labels, networks = recipe.loss, recipe.labels, recipe.networks
    assert loss is not None and labels is not None and networks is not None
    count, needs_labels = recipe.num_labels, loss.needs_labels(recipe)
    if labels.several_generators:
        if needs_labels:
            raise ValueError(
                f"several generators need a loss without labels, and {loss.called} uses them: choose a loss with a "
                "scalar head, such as --loss logistic"
            )
        if not networks.takes_first_layer:
            raise ValueError(
                "several generators need networks with one first layer per generator, which these don't support: "
                "choose --networks dcgan-deep, dcgan-shallow, stability-resnet or points"
            )
    elif needs_labels and count is None:
        raise ValueError(
            f"{loss.called} needs a label for each image, and there are none: choose {MORE_LABELS}, or a loss "
            "without labels, such as --loss hinge --head scalar"
        )
    elif not needs_labels and count is not None:
        raise ValueError(
            f"there are labels, but {loss.called} has a scalar head, which ignores them: set head to per-label or "
            "projection, or labels to none"
        )
    # Once the data are known: the literal of a recipe has the number of labels of its own data, and may get others.
    if recipe.num_images:
        _check_blocks(recipe)
    if networks.pack > 1 and (count is not None or labels.several_generators):
        raise ValueError(
            f"packs of {networks.pack} examples can't have a label: set pack to 1, or labels to none"
        )
    if loss.tells_apart and isinstance(count, int) and count == 1 and not labels.needs_given:
        check_data(recipe)


def _check_blocks(recipe: Recipe) -> None:
    """Check several labels per image against the loss and the networks."""
    loss, networks, count = recipe.loss, recipe.networks, recipe.num_labels
    assert loss is not None
    supported = loss.takes_label_blocks and networks is not None and networks.takes_label_blocks
    if isinstance(count, tuple) and not supported:
        raise ValueError(
            f"each image has {len(count)} labels, but {recipe.called} takes one: select one of them (for shapes: "
            "--data shapes:labels=shape), or choose --loss omni with --networks biggan, which take several"
        )


def _check_packs(recipe: Recipe) -> None:
    """Check the batch size against the packs."""
    networks = recipe.networks
    assert networks is not None
    if networks.pack == 1:
        return
    batch = (networks.packs or 0) * networks.pack or recipe.batch_size
    if batch // recipe.accumulation % networks.pack or batch % recipe.accumulation:
        accumulated = f" in {recipe.accumulation} micro-batches" if recipe.accumulation > 1 else ""
        step = networks.pack * recipe.accumulation
        sizes = [size for size in (batch // step * step, -(-batch // step) * step) if size]
        fitting = " or ".join(str(size // networks.pack if networks.packs else size) for size in sizes)
        raise ValueError(
            f"a batch of {batch}{accumulated} can't be divided into packs of {networks.pack}: set "
            f"{'packs' if networks.packs else 'batch_size'} to a value such as {fitting}"
        )


def _check_networks(recipe: Recipe) -> None:
    """Check the norm against the discriminator."""
    norm, networks = recipe.norm, recipe.networks
    assert networks is not None
    if norm is None:
        return
    if norm.normalizes_features and not networks.takes_feature_norm:
        raise ValueError(
            f"{norm.display_name} normalizes features, which this discriminator does not support: choose --networks "
            "standard, or another norm"
        )
    if norm.blocks_only and not networks.has_blocks:
        raise ValueError(
            "where is blocks, but this discriminator has no residual blocks: set where to all, or choose --networks "
            "biggan or --networks standard-resnet"
        )


def _check_points(recipe: Recipe) -> None:
    """Check that nothing for images is used on points, and nothing for squares on rectangles."""
    labels, (height, width) = recipe.labels, recipe.size
    assert labels is not None
    if not recipe.takes_points:
        if labels.needs_squares and height != width:
            raise ValueError(
                f"{labels.display_name} rotates images by quarter turns, so they must be square, not {height}x{width}: "
                "set resolution to one number"
            )
        return
    if recipe.mirror:
        raise ValueError(f"points can't be mirrored, and {recipe.called} generates points: set mirror to off")
    if labels.needs_pixels:
        raise ValueError(
            f"{labels.display_name} needs images, but {recipe.called} generates points: choose other labels, such as "
            "--labels clusters"
        )
    if parse_augmentation(recipe.augmentation):
        raise ValueError(
            f"augmentation {recipe.augmentation!r} changes pixels, but {recipe.called} generates points: set "
            "augmentation to none, or choose a recipe for images"
        )
    shifting = recipe.terms.moves_pixels if recipe.terms is not None else ""
    if shifting:
        raise ValueError(
            f"{shifting} compares shifted images, but {recipe.called} generates points: set {shifting} to 0"
        )


def _check_zero(recipe: Recipe) -> None:
    """Check that nothing needs scores where 0 means undecided if only differences of the scores are defined."""
    loss = recipe.loss
    assert loss is not None
    if loss.has_zero:
        return
    if recipe.terms is not None and recipe.terms.needs_zero:
        weight = recipe.terms.needs_zero
        raise ValueError(
            f"{weight} needs scores where 0 means undecided, and those of {loss.called} have no such zero: set "
            f"{weight} to 0"
        )
    if ADAPTIVE in parse_augmentation(recipe.augmentation):
        raise ValueError(
            f"augmentation ada needs scores where 0 means undecided, and those of {loss.called} have no such zero: "
            "choose from color, translation and cutout"
        )
