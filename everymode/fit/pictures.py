"""Checks of games whose conditions are label maps, pictures, or pictures with attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everymode.fit.labels import MORE_LABELS
from everymode.numbers import held_out_fraction
from everymode.part import Conditioning

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def takes_pictures(recipe: Recipe) -> bool:
    """Return whether the networks or the labels work with label maps, pictures or attributes."""
    assert recipe.networks is not None and recipe.labels is not None
    return not recipe.networks.conditioned_on == recipe.labels.provides == "labels"


def check_pictures(recipe: Recipe) -> None:
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
            f"{loss.called} doesn't work on the score maps of networks that take {_CONDITIONS[kind]}: choose --loss "
            "hinge (or another one on one score, without head), relativistic-average or none"
            + (", or --loss omni without one_sided" if kind == "maps" else "")
        )
    if recipe.metrics:
        raise ValueError(
            f"metrics {recipe.metrics} in training need samples that are drawn from seeds alone, and these networks "
            f"generate images from {_CONDITIONS[kind]}: omit metrics, and score the run with `everymode evaluate`"
        )
    if kind == "pictures" and held_out_fraction(recipe.held_out):
        raise ValueError(
            f"held_out {recipe.held_out} would hold out crops that overlap those of the training data: name other "
            "pictures with held_out"
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
