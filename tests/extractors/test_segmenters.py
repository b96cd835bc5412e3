"""Fitted segmenters: learning, protocol, repeatability, inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.extractors import fit_segmenter, segmenter_facts
from everymode.extractors.hashing import tensors_hash
from everymode.extractors.segmenters import VOID, FittedSegmenter, _accuracy


def stripes(count: int, seed: int, shape: tuple[int, int] = (8, 16)) -> tuple[np.ndarray, np.ndarray]:
    """Vertical stripes beside horizontal ones, of equal mean color: no pixel alone shows its label."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    border = random.integers(4, shape[1] - 4, (count, 1, 1))
    maps = (columns >= border).astype(np.uint8)
    phase = random.integers(0, 4, (count, 1, 1))
    waves = np.where(maps == 1, (rows + phase) % 4 < 2, (columns + phase) % 4 < 2)
    images = 100 + 60 * waves + random.integers(-8, 9, (count, *shape))
    return np.repeat(images[:, None], 3, 1).astype(np.uint8), maps


@pytest.fixture(scope="module")
def fitted() -> FittedSegmenter:
    return fit_segmenter(*stripes(200, 0), 2, steps=40, seed=1)


def test_textures_are_told_apart(fitted: FittedSegmenter) -> None:
    images, maps = stripes(40, 7)
    right = (fitted(torch.from_numpy(images)).numpy() == maps).mean()
    assert right > 0.95
    assert fitted.pixel_accuracy > 0.95
    assert fitted.held_out_count == 20
    shuffled = (fitted(torch.from_numpy(images)).numpy() == np.roll(maps[:, :, ::-1], 1, 0)).mean()
    assert shuffled < 0.75


def test_bytes_and_floats_give_the_same_map(fitted: FittedSegmenter) -> None:
    images = torch.from_numpy(stripes(3, 2)[0])
    assert torch.equal(fitted(images), fitted(images.double() / 127.5 - 1))


@pytest.mark.parametrize("shape", [(2, 2), (7, 5), (13, 32)])
def test_any_size_is_labeled(fitted: FittedSegmenter, shape: tuple[int, int]) -> None:
    labels = fitted(torch.zeros(2, 3, *shape))
    assert labels.shape == (2, *shape)
    assert labels.dtype == torch.int64


def test_the_result_is_frozen_and_repeatable(fitted: FittedSegmenter) -> None:
    state = torch.random.get_rng_state()
    again, other = (fit_segmenter(*stripes(20, 0), 2, steps=2, seed=seed) for seed in (1, 2))
    with torch.no_grad():
        third = fit_segmenter(*stripes(20, 0), 2, steps=2, seed=1)
    assert torch.equal(state, torch.random.get_rng_state())
    assert again.weights_hash == third.weights_hash != other.weights_hash
    assert not fitted.training
    assert not any(parameter.requires_grad for parameter in fitted.parameters())
    assert segmenter_facts(fitted) == ("fitted", tensors_hash(fitted.state_dict()))


def test_void_pixels_neither_teach_nor_count(fitted: FittedSegmenter) -> None:
    images, maps = (torch.from_numpy(each) for each in stripes(4, 0))
    maps[:, :, 8:] = VOID
    expected = (fitted(images) == maps)[:, :, :8].double().mean()
    assert _accuracy(fitted, images, maps) == pytest.approx(expected)
    fitted_on_nothing = fit_segmenter(images, torch.full_like(maps, VOID), 2, steps=2)
    assert np.isnan(fitted_on_nothing.pixel_accuracy)
    assert all(torch.isfinite(value).all() for value in fitted_on_nothing.state_dict().values())


def test_every_segmenter_has_a_name_and_modules_a_hash() -> None:
    def darkest(images: Tensor) -> Tensor:
        return images.argmin(1)

    module = nn.Conv2d(3, 2, 1)
    assert segmenter_facts(darkest) == ("darkest", "")
    assert segmenter_facts(module) == ("Conv2d", tensors_hash(module.state_dict()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": np.zeros((4, 8, 9), np.uint8)}, "of one size"),
        ({"maps": np.zeros((4, 8, 8))}, "integers"),
        ({"maps": np.full((4, 8, 8), 2)}, "maps hold 2"),
        ({"maps": np.full((4, 8, 8), -1)}, "maps hold -1"),
        ({"images": np.zeros((4, 3, 8, 8), np.int64)}, "pass uint8"),
        ({"images": np.full((4, 3, 8, 8), np.nan)}, "NaN"),
        ({"images": np.zeros((1, 3, 8, 8)), "maps": np.zeros((1, 8, 8), int)}, "at least two images"),
        ({"num_classes": 1}, "2 to 255"),
        ({"steps": 0}, "steps is 0"),
        ({"held_out": 1.0}, "held_out is 1.0"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    arguments = {
        "images": np.zeros((4, 3, 8, 8)),
        "maps": np.zeros((4, 8, 8), int),
        "num_classes": 2,
    } | change
    with pytest.raises(ValueError, match=message):
        fit_segmenter(**arguments)  # pyright: ignore[reportArgumentType]


def test_images_of_other_channels_are_refused(fitted: FittedSegmenter) -> None:
    with pytest.raises(ValueError, match="made for 3 channels"):
        fitted(torch.zeros(1, 1, 8, 8))
