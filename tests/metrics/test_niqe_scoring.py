"""NIQE's scores under the official model and others, fitted models, and mistakes."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.metrics import (
    NiqeModel,
    fit_niqe,
    niqe,
    niqe_features,
    niqe_score,
    niqe_scoring,
    official_niqe_model,
)
from everymode.pixels import bicubic_resize

VECTORS = {
    name.rpartition(".")[2]: value
    for name, value in np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz").items()
    if ".niqe_" in name
}
PHOTOGRAPH = VECTORS["niqe_a_rgb"]
MODEL = VECTORS["niqe_model_mu"], VECTORS["niqe_model_cov"]


def test_stored_scores() -> None:
    assert niqe(PHOTOGRAPH) == pytest.approx(float(VECTORS["niqe_a_score_live_model"]), abs=1e-6)
    assert niqe(PHOTOGRAPH, crop=4) == pytest.approx(
        float(VECTORS["niqe_a_score_live_model_crop4"]), abs=1e-6
    )
    expected = pytest.approx(float(VECTORS["niqe_a_score_own_model"]), abs=1e-6)
    tensors = [torch.from_numpy(values) for values in MODEL]
    for model in (MODEL, [MODEL[0][None], MODEL[1]], tensors, NiqeModel(*MODEL)):
        assert niqe(PHOTOGRAPH, model) == expected


def test_the_official_model_is_the_published_file_with_its_notice() -> None:
    folder = Path(niqe_scoring.__file__).parent / "data"
    content = (folder / "niqe_pris_params.npz").read_bytes()
    git_blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    assert git_blob == "204ddcee87c4cd39aca04a42b539f0a5bfccecc3"
    assert "Copyright (c) 2011 The University of Texas at Austin" in (
        folder / "niqe_pris_params.LICENSE.txt"
    ).read_text("utf-8")
    model = official_niqe_model()
    assert model.mean.shape == (36,) and model.covariance.shape == (36, 36) and model.name == "niqe-live"
    with pytest.raises(ValueError, match="read-only"):
        model.mean[0] = 0


def test_the_score_is_a_distance_of_gaussians() -> None:
    features = niqe_features(PHOTOGRAPH)
    identity = np.eye(36)
    distance = features.mean(0) - MODEL[0]
    # (C + 1e9 I) / 2 is nearly 5e8 I.
    assert niqe(PHOTOGRAPH, (MODEL[0], 1e9 * identity)) == pytest.approx(
        np.sqrt(distance @ distance / 5e8), rel=1e-6
    )
    with pytest.warns(UserWarning, match="fitted to 6 blocks"):
        own = fit_niqe([PHOTOGRAPH])
    assert niqe(PHOTOGRAPH, own) == pytest.approx(0, abs=1e-9)


def test_blurring_is_worse() -> None:
    planar = np.ascontiguousarray(PHOTOGRAPH.transpose(2, 0, 1))
    blurred = bicubic_resize(bicubic_resize(planar, 0.25), 4)
    assert niqe(blurred) > niqe(planar) + 1


def test_blocks_and_model_are_reported() -> None:
    score = niqe_score(PHOTOGRAPH)
    assert score == (niqe(PHOTOGRAPH), 6, 0, "niqe-live")
    assert niqe_score(PHOTOGRAPH, MODEL).model == "niqe-custom"
    half_flat = PHOTOGRAPH.copy()
    half_flat[:, :110] = 0
    score = niqe_score(half_flat)
    assert (score.blocks, score.flat_blocks) == (6, 2) and np.isfinite(score.value)


def test_a_fitted_model_holds_the_moments_of_all_blocks() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 200, 200), dtype=np.uint8)
    with pytest.warns(UserWarning, match="10 blocks"):
        model = fit_niqe([PHOTOGRAPH, noise])
    rows = np.concatenate([niqe_features(PHOTOGRAPH), niqe_features(noise)])
    np.testing.assert_allclose(model.mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(model.covariance, np.cov(rows.T), rtol=1e-12)
    assert (model.name, model.pictures, model.blocks) == ("niqe-fitted", 2, 10)
    assert niqe_score(PHOTOGRAPH, model).model == "niqe-fitted"
    assert model.digest == NiqeModel(model.mean, model.covariance).digest != official_niqe_model().digest


def test_sharp_blocks_only() -> None:
    picture = PHOTOGRAPH.copy()
    picture[:96, :96] = (picture[:96, :96] / 8).astype(np.uint8)
    with pytest.warns(UserWarning):
        everything, sharp = fit_niqe([picture]), fit_niqe([picture], sharpness=0.4)
    assert 2 <= sharp.blocks < everything.blocks == 6


def test_it_is_quick() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (500, 400, 3), dtype=np.uint8)
    start = time.process_time()
    niqe(picture)
    assert time.process_time() - start < 1


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match=r"6 blocks .* 0 are not flat"):
        niqe(np.zeros_like(PHOTOGRAPH))
    with pytest.raises(ValueError, match="at least 192"):
        niqe(PHOTOGRAPH[:150])
    for wrong in ("live", MODEL[0], (MODEL[0],)):
        with pytest.raises(ValueError, match="result of fit_niqe"):
            niqe(PHOTOGRAPH, wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="as from fit_niqe"):
        niqe(PHOTOGRAPH, (MODEL[0][:18], MODEL[1]))
    with pytest.raises(ValueError, match="NaN"):
        niqe(PHOTOGRAPH, (MODEL[0] * np.nan, MODEL[1]))
    with pytest.raises(ValueError, match="not symmetric"):
        niqe(PHOTOGRAPH, (MODEL[0], np.triu(MODEL[1])))
    with pytest.raises(ValueError, match="0 pictures has 0 blocks"):
        fit_niqe([])
    with pytest.raises(ValueError, match="pass a list"):
        fit_niqe(PHOTOGRAPH)
    for sharpness in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="in the paper"):
            fit_niqe([PHOTOGRAPH], sharpness=sharpness)
