"""Checks of labels, loss and networks against each other: how many labels there are, and which of them use any."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everymode.recipe import Recipe

MORE_LABELS = "--labels clusters, which needs no labels"


def check_labels(recipe: Recipe) -> None:
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
        check_blocks(recipe)
    if networks.pack > 1 and (count is not None or labels.several_generators):
        raise ValueError(
            f"packs of {networks.pack} examples can't have a label: set pack to 1, or labels to none"
        )
    if loss.tells_apart and isinstance(count, int) and count == 1 and not labels.needs_given:
        require_two_labels(recipe)


def check_blocks(recipe: Recipe) -> None:
    """Check several labels per image against the loss and the networks."""
    loss, networks, count = recipe.loss, recipe.networks, recipe.num_labels
    assert loss is not None
    supported = loss.takes_label_blocks and networks is not None and networks.takes_label_blocks
    if isinstance(count, tuple) and not supported:
        raise ValueError(
            f"each image has {len(count)} labels, but {recipe.called} takes one: select one of them (for shapes: "
            "--data shapes:labels=shape), or choose --loss omni with --networks biggan, which take several"
        )


def require_two_labels(recipe: Recipe) -> None:
    """Check the number of labels for a loss that classifies.

    Raises:
        ValueError: if there are fewer than two.
    """
    loss, labels = recipe.loss, recipe.num_labels
    assert loss is not None
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
