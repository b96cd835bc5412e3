"""Losses: adversarial losses as values, and terms that are added to them."""

from everymode.losses.adversarial import hinge, least_squares, logistic, relativistic, wasserstein
from everymode.losses.omni import omni, omni_loss, omni_signs
from everymode.losses.penalties import gradient_norm_squared, r1, r2

__all__ = [
    "gradient_norm_squared",
    "hinge",
    "least_squares",
    "logistic",
    "omni",
    "omni_loss",
    "omni_signs",
    "r1",
    "r2",
    "relativistic",
    "wasserstein",
]
