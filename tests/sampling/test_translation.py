"""Images for given maps, pictures and attributes: what the generator gets, seeds, batches, and wrong conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.labels.given import GivenLabels
from everymode.labels.pairs import PairedCondition
from everymode.labels.targets import TargetLabels
from everymode.sampling.generator import Generator
from everymode.sampling.translation import translate


class Noting(nn.Module):
    """A generator that notes what it gets, and answers with the code, or with the mean of the first part."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.weight = nn.Parameter(torch.ones(()))
        self.given: list[tuple[Tensor | None, Any]] = []

    def forward(self, z: Tensor | None, condition: Any) -> Tensor:
        self.given.append((z, condition))
        first = condition[0] if isinstance(condition, tuple) else condition
        level = first.flatten(1).double().mean(1).float() if z is None else z.sum(1)
        return (self.weight * level)[:, None, None, None].expand(-1, 3, 2, 2)


def generator_of(labels: Any = None, latent_dim: int = 0) -> tuple[Generator, Noting]:
    network = Noting(latent_dim)
    return Generator(network, PairedCondition() if labels is None else labels, classes=()), network


MAPS = torch.arange(5 * 4).view(5, 2, 2)
SMALL = torch.linspace(-1, 1, 5 * 3 * 4).view(5, 3, 2, 2)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 16])
def test_batches_change_nothing(batch_size: int) -> None:
    generator, network = generator_of()
    images = translate(generator, MAPS, batch_size=batch_size)
    assert (
        images.shape == (5, 3, 2, 2)
        and images[:, 0, 0, 0].tolist() == MAPS.flatten(1).float().mean(1).tolist()
    )
    assert max(len(condition) for _, condition in network.given) == min(batch_size, 5)
    assert all(z is None for z, _ in network.given) and not images.requires_grad


def test_parts_keep_their_kind_in_the_networks_precision() -> None:
    generator, network = generator_of()
    network.double()
    for condition, types in (
        (MAPS.to(torch.uint8), (torch.int64,)),
        ((MAPS.int(), (MAPS % 2).float()), (torch.int64, torch.float64)),
        (SMALL, (torch.float64,)),
        ((SMALL, torch.ones(5, 2, dtype=torch.int32)), (torch.float64, torch.int64)),
    ):
        network.given.clear()
        generator.translate(condition)
        ((_, given),) = network.given
        assert isinstance(given, tuple) == isinstance(condition, tuple)
        parts = given if isinstance(given, tuple) else (given,)
        assert tuple(part.dtype for part in parts) == types
        originals = condition if isinstance(condition, tuple) else (condition,)
        assert all(torch.equal(a.double(), b.double()) for a, b in zip(parts, originals, strict=True))


def test_image_i_depends_on_seed_plus_i_or_on_its_own_seed() -> None:
    generator, _ = generator_of(latent_dim=3)
    images = generator.translate(MAPS, seed=4, batch_size=2)
    assert torch.equal(images[2:], generator.translate(MAPS[2:], seed=6))
    assert torch.equal(images[[3, 0]], generator.translate(MAPS[[3, 0]], seed=[7, 4]))
    assert torch.equal(images[[3, 0]], generator.translate(MAPS[[3, 0]], seed=np.array([7, 4])))
    assert len(images[:, 0, 0, 0].unique()) == 5
    with pytest.raises(ValueError, match="2 seeds for 5 images"):
        generator.translate(MAPS, seed=[1, 2])


def test_without_a_code_the_seed_changes_nothing() -> None:
    generator, _ = generator_of()
    assert torch.equal(generator.translate(MAPS, seed=1), generator.translate(MAPS, seed=2))


def test_a_generator_of_attributes_takes_pictures_with_values() -> None:
    labels = TargetLabels((3, 2), [[0, 1]], [1])
    generator, network = generator_of(labels)
    generator.translate((SMALL, torch.tensor([[2, 1]]).expand(5, -1)))
    ((_, (picture, values)),) = network.given
    assert torch.equal(picture, SMALL) and values.tolist() == [[2, 1]] * 5


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (None, "not NoneType"),
        (torch.zeros(4), "needs label maps"),
        ((MAPS, None), "not tuple"),
        ((), "not tuple"),
        (np.zeros((5, 2, 2)), "not ndarray"),
        ((MAPS, SMALL[:4]), r"these have \[5, 4\]"),
        (MAPS[:0], "at least one condition"),
    ],
)
def test_wrong_conditions_are_explained(condition: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translate(generator_of()[0], condition)


def test_batches_of_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        translate(generator_of()[0], MAPS, batch_size=0)


def test_generators_of_samples_and_of_translations_are_not_mistaken_for_each_other() -> None:
    with pytest.raises(ValueError, match="use sample"):
        translate(generator_of(GivenLabels(3), latent_dim=2)[0], MAPS)
    with pytest.raises(
        ValueError, match=r"Generator\.translate.*`everymode translate` and `everymode upscale`"
    ):
        generator_of()[0].sample(2)
