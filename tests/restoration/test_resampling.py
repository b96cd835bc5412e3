"""Shrinking and enlarging against reference vectors, Pillow, and the definition pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_prior import vectors
from torch import Tensor

from everymode.restoration.resampling import downsample, enlarge, resize

PILLOW = {
    "lanczos3": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}


def close(result: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(result, expected.to(result), atol=tolerance, rtol=0)


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def test_reference_vectors() -> None:
    known = vectors()
    image = known["degrade.img"]
    close(downsample(image, 2), known["degrade.lanczos2_x2"])
    small = downsample(image, 6, "lanczos2")
    close(small, known["degrade.lanczos2_x6"])
    close(enlarge(small, (24, 36)), known["degrade.lanczos2_x6_enlarged"])
    close(downsample(image, 2, "bicubic"), known["degrade.pil_bicubic_x2_float"], 2e-5)


@pytest.mark.parametrize("factor", [3.0, 2.5, 1.7, 8.0])
def test_lanczos2_is_its_definition_at_every_factor(factor: float) -> None:
    image = images(2, 1, 30, 20)

    def line(values: list[float], index: int) -> float:
        center = (index + 0.5) * factor - 0.5
        total = weights = 0.0
        for place in range(math.floor(center - 2 * factor), math.ceil(center + 2 * factor) + 1):
            t = (place - center) / factor
            if abs(t) >= 2:
                continue
            weight = (
                1.0 if t == 0 else 2 * math.sin(math.pi * t) * math.sin(math.pi * t / 2) / (math.pi * t) ** 2
            )
            total += weight * values[min(max(place, 0), len(values) - 1)]
            weights += weight
        return total / weights

    height, width = math.floor(30 / factor), math.floor(20 / factor)
    expected = torch.zeros(2, 1, height, width, dtype=torch.float64)
    for row in range(2):
        across = [[line(values, x) for x in range(width)] for values in image[row, 0].tolist()]
        columns = list(zip(*across, strict=True))
        for x in range(width):
            for y in range(height):
                expected[row, 0, y, x] = line(list(columns[x]), y)
    close(downsample(image, factor), expected)


def pillow(image: Tensor, size: tuple[int, int], name: str) -> Tensor:
    """The first channel of an image, resized by Pillow."""
    resized = Image.fromarray(image[0, 0].numpy()).resize(size[::-1], PILLOW[name])
    return torch.from_numpy(np.array(resized))


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("size", [(12, 17), (9, 13), (20, 53), (1, 1), (37, 53)])
def test_pillow_filters(name: str, size: tuple[int, int]) -> None:
    image = images(1, 1, 37, 53).float()
    close(downsample(image, size, name)[0, 0], pillow(image, size, name), 2e-5)  # pyright: ignore[reportArgumentType]
    close(resize(image, (41, 20), name)[0, 0], pillow(image, (41, 20), name), 2e-5)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["lanczos3", "bicubic"])
def test_pillow_enlarges_with_the_same_filters(name: str) -> None:
    image = images(1, 1, 6, 9).float()
    for size in ((24, 36), (28, 41)):
        close(enlarge(image, size, name)[0, 0], pillow(image, size, name), 2e-5)  # pyright: ignore[reportArgumentType]


def test_a_factor_rounds_sizes_down_and_pillows_filters_then_use_the_ratio_of_sizes() -> None:
    image = images(1, 3, 25, 33)
    close(downsample(image, 4, "bicubic"), downsample(image, (6, 8), "bicubic"))
    assert not torch.allclose(downsample(image, 4), downsample(image, (6, 8)))
    assert downsample(images(1, 1, 36, 12), 1.2).shape == (1, 1, 30, 10)
    close(downsample(image, 1), image)
    close(downsample(image, np.int64(2)), downsample(image, 2.0))
    close(downsample(image, [np.int64(6), 8], "area"), downsample(image, (6, 8), "area"))  # pyright: ignore[reportArgumentType]
    assert enlarge(image, (25, 33)) is image


def test_constant_images_stay_constant_and_gradients_flow() -> None:
    flat = torch.full((1, 3, 11, 7), 0.25)
    for name in ("lanczos2", "lanczos3", "bicubic", "area"):
        close(downsample(flat, 1.9, name), torch.full((1, 3, 5, 3), 0.25), 1e-6)
    x = images(1, 1, 6, 5).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: downsample(x, 2.5), x)
    assert torch.autograd.gradcheck(lambda x: enlarge(x, (9, 7), "bicubic"), x)


def test_errors() -> None:
    x = images(1, 3, 8, 6)
    for factor in (0.5, float("nan"), float("inf"), -2):
        with pytest.raises(ValueError, match="the factor is"):
            downsample(x, factor)
    with pytest.raises(ValueError, match="leaves no pixel"):
        downsample(x, 7)
    with pytest.raises(ValueError, match="use enlarge"):
        downsample(x, (9, 6))
    with pytest.raises(ValueError, match="use downsample"):
        enlarge(x, (9, 5))
    with pytest.raises(ValueError, match="choose among area, bicubic, lanczos2, lanczos3"):
        downsample(x, 2, "nearest")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="choose among bicubic, bilinear, lanczos3"):
        enlarge(x, (9, 9), "area")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="two integers"):
        downsample(x, (0, 3))
    with pytest.raises(ValueError, match="floats"):
        downsample(x[0], 2)
