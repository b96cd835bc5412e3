"""Restoration of images: a trained generator as the prior, and baselines without one."""

from everymode.restoration.degradations import central_hole, grayscale, mask
from everymode.restoration.distance import feature_distance
from everymode.restoration.image_prior import deep_image_prior
from everymode.restoration.implicit import LocalImplicit
from everymode.restoration.implicit_fitting import fit_local_implicit
from everymode.restoration.implicit_weights import load_local_implicit
from everymode.restoration.optimization import Losses, Progress, Stop
from everymode.restoration.photo_size import fitting_size, prepare
from everymode.restoration.pooling import MeanPooled
from everymode.restoration.prior import Restored, restore
from everymode.restoration.resampling import downsample, enlarge, resize
from everymode.restoration.search import latent_search
from everymode.restoration.stages import (
    COLORIZATION,
    INPAINTING,
    RECONSTRUCTION,
    SMALL,
    SUPER_RESOLUTION,
    SUPER_RESOLUTION_MSE,
    Stage,
)

__all__ = [
    "COLORIZATION",
    "INPAINTING",
    "RECONSTRUCTION",
    "SMALL",
    "SUPER_RESOLUTION",
    "SUPER_RESOLUTION_MSE",
    "LocalImplicit",
    "Losses",
    "MeanPooled",
    "Progress",
    "Restored",
    "Stage",
    "Stop",
    "central_hole",
    "deep_image_prior",
    "downsample",
    "enlarge",
    "feature_distance",
    "fit_local_implicit",
    "fitting_size",
    "grayscale",
    "latent_search",
    "load_local_implicit",
    "mask",
    "prepare",
    "resize",
    "restore",
]
