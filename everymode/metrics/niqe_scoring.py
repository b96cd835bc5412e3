"""NIQE, a quality score of one photograph without a reference (Mittal, Soundararajan and Bovik 2013).

The score is the distance between a Gaussian fitted to the features of a picture's blocks and one fitted to sharp
photographs, the model. The official model is that of LIVE (UT Austin), 125 photographs; its notice is in
data/niqe_pris_params.LICENSE.txt. MATLAB's built-in `niqe` has another model, so its values differ.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from everymode.metrics.inputs import Values, as_tensor, check_finite
from everymode.metrics.niqe_statistics import block_sharpness, niqe_features

_FILE = Path(__file__).parent / "data" / "niqe_pris_params.npz"
_FEATURES = 36


class NiqeModel(NamedTuple):
    """Gaussian to which NIQE compares a picture.

    Attributes:
        mean: float64 [36].
        covariance: float64 [36, 36].
        name: name that is reported with every score: "niqe-live" for the official model, "niqe-fitted" for one of
            `fit_niqe`, "niqe-custom" for a mean and covariance that were passed.
        pictures: number of pictures that it was fitted to; 0 if unknown.
        blocks: number of blocks that it was fitted to; 0 if unknown.
    """

    mean: np.ndarray
    covariance: np.ndarray
    name: str = "niqe-custom"
    pictures: int = 0
    blocks: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the mean and covariance as little-endian float64, 64 hexadecimal digits."""
        values = np.concatenate([self.mean.ravel(), self.covariance.ravel()])
        return hashlib.sha256(values.astype("<f8").tobytes()).hexdigest()


class NiqeScore(NamedTuple):
    """NIQE of one picture, and its protocol.

    Attributes:
        value: the score; lower is better.
        blocks: number of blocks of the picture; with fewer than 37 their covariance is singular and the score is
            biased.
        flat_blocks: number of these blocks without features because they are flat.
        model: name of the model.
    """

    value: float
    blocks: int
    flat_blocks: int
    model: str


def niqe(rgb: Values, model: NiqeModel | Sequence[Values] | None = None, *, crop: int = 0) -> float:
    """Compute NIQE of one picture; lower is better. `niqe_score` also returns the number of blocks.

    Noise of any kind lowers it, so compare it at equal PSNR. Rounding errors in flat areas can change it by up to
    0.01.

    Args:
        rgb: one picture, [H, W, 3] or [3, H, W], 0 .. 255, at least 192 pixels a side.
        model: the official one by default; a result of `fit_niqe`, or (mean [36], covariance [36, 36]).
        crop: number of pixels to crop from each side first.
    Returns:
        The score, at least 0: about 2 to 5 for sharp photographs, above 7 for bicubic enlargement by 4.
    Raises:
        ValueError: if it is not one RGB picture in 0 .. 255, is below 192 pixels a side after cropping, has fewer
            than 2 blocks that are not flat, or the model is not a Gaussian of 36 features.
    """
    return niqe_score(rgb, model, crop=crop).value


def niqe_score(rgb: Values, model: NiqeModel | Sequence[Values] | None = None, *, crop: int = 0) -> NiqeScore:
    """Compute NIQE of one picture, with the number of its blocks and the name of the model.

    Arguments and errors are those of `niqe`.
    """
    reference = official_niqe_model() if model is None else _checked_model(model)
    features = niqe_features(rgb, crop=crop)
    picture = _fitted(features, "the picture")
    distance = picture.mean - reference.mean
    precision = np.linalg.pinv((picture.covariance + reference.covariance) / 2)
    value = float(np.sqrt(max(0.0, distance @ precision @ distance)))
    return NiqeScore(value, len(features), len(features) - picture.blocks, reference.name)


def fit_niqe(pictures: Iterable[Values], *, sharpness: float = 0.0) -> NiqeModel:
    """Fit a model to photographs. Its scores are not comparable with those of the official model: report its name.

    Args:
        pictures: RGB pictures as in `niqe`.
        sharpness: share of the sharpest block's sharpness that a block of the same picture must exceed to be used,
            from 0 to below 1: 0.75 in the paper, 0 for all blocks, because few photographs have few blocks.
    Returns:
        The model, named "niqe-fitted", with the numbers of pictures and blocks. A warning is issued if there are
        fewer than 37 blocks, whose covariance is singular.
    Raises:
        ValueError: if `niqe` rejects a picture, there are fewer than 2 blocks, or sharpness is out of range.
    """
    if not 0 <= sharpness < 1:
        raise ValueError(f"sharpness is {sharpness}; give 0 (all blocks) to below 1 (0.75 in the paper)")
    if isinstance(pictures, np.ndarray | Tensor) and pictures.ndim < 4:
        raise ValueError("fit_niqe takes several pictures; pass a list, even for one picture")
    rows = []
    for picture in pictures:
        features = niqe_features(picture)
        if sharpness > 0:
            measured = block_sharpness(picture)
            features = features[measured > sharpness * measured.max()]
        rows.append(features)
    features = np.concatenate(rows) if rows else np.empty((0, _FEATURES))
    model = _fitted(features, f"the set of {len(rows)} pictures")
    if model.blocks <= _FEATURES:
        warnings.warn(
            f"the NIQE model is fitted to {model.blocks} blocks, so its covariance of {_FEATURES} features is "
            f"singular and scores are biased; pass photographs with more than {_FEATURES} blocks of 96 x 96 pixels",
            stacklevel=2,
        )
    return model._replace(name="niqe-fitted", pictures=len(rows))


@functools.cache
def official_niqe_model() -> NiqeModel:
    """Return the model of LIVE (UT Austin), which published scores use. See data/niqe_pris_params.LICENSE.txt."""
    with np.load(_FILE, allow_pickle=False) as arrays:
        mean, covariance = arrays["mu_pris_param"].ravel(), arrays["cov_pris_param"]
    for array in (mean, covariance):
        array.setflags(write=False)
    return NiqeModel(mean, covariance, "niqe-live", pictures=125)


def _fitted(features: np.ndarray, name: str) -> NiqeModel:
    """Return the mean over blocks, NaN ignored, and the covariance over the blocks without NaN."""
    complete = features[~np.isnan(features).any(1)]
    if len(complete) < 2:
        raise ValueError(
            f"{name} has {len(features)} blocks of 96 x 96 pixels, of which {len(complete)} are not flat; NIQE needs "
            "at least 2: pass pictures with texture"
        )
    return NiqeModel(np.nanmean(features, axis=0), np.cov(complete, rowvar=False), blocks=len(complete))


def _checked_model(model: NiqeModel | Sequence[Values]) -> NiqeModel:
    if not isinstance(model, tuple | list) or len(model) < 2:
        raise ValueError(
            f"the model is {type(model).__name__}; pass the result of fit_niqe, (mean [36], covariance [36, 36]), or "
            "None for the official one"
        )
    mean, covariance = as_tensor("the model's mean", model[0]), as_tensor("its covariance", model[1])
    if mean.numel() != _FEATURES or tuple(covariance.shape) != (_FEATURES, _FEATURES):
        raise ValueError(
            f"the model's mean has shape {list(mean.shape)} and its covariance {list(covariance.shape)}; [36] and "
            "[36, 36] are needed, as from fit_niqe"
        )
    mean, covariance = mean.double().flatten(), covariance.double()
    check_finite("the model's mean", mean[None])
    check_finite("the model's covariance", covariance)
    if not np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-9):
        raise ValueError("the model's covariance is not symmetric; pass the one of fit_niqe")
    name = model.name if isinstance(model, NiqeModel) else "niqe-custom"
    return NiqeModel(mean.numpy(), covariance.numpy(), name)
