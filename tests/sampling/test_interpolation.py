"""Interpolation between latent codes: the codes' own images, closed, on the sphere, with the nearer code's label."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.labels.given import GivenLabels, NoLabels
from everymode.sampling.generator import Generator
from everymode.sampling.interpolation import interpolated, spherical_walk


class Flat(nn.Module):
    """z and the label as gray values of an image of one row."""

    latent_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, condition: Tensor | None, size: tuple[int, int] = (1, 4)) -> Tensor:
        label = torch.zeros(len(z)) if condition is None else condition.float()
        values = torch.cat((z * self.scale, label[:, None]), 1)
        return values[:, None, None].expand(-1, -1, size[0], -1)


GENERATOR = Generator(Flat(), GivenLabels(3), classes=("a", "b", "c"))


def test_the_walk_begins_with_each_code_and_is_closed() -> None:
    frames = interpolated(GENERATOR, 3, label=["a", "c", "b"], seed=[5, 1, 9], frames=4, truncation=0.7)
    assert frames.shape == (12, 1, 1, 4)
    own = GENERATOR.sample(3, label=["a", "c", "b"], seed=[5, 1, 9], truncation=0.7)
    assert torch.equal(frames[::4], own)
    assert frames[:, 0, 0, 3].tolist() == [0, 0, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0]
    steps = (frames - frames.roll(-1, 0))[..., :3].flatten(1).norm(dim=1)
    assert float(steps.max()) < 0.6 * float((own - own.roll(-1, 0))[..., :3].flatten(1).norm(dim=1).max())
    drawn = interpolated(GENERATOR, 4, frames=1, batch_size=3)
    assert torch.equal(drawn, GENERATOR.sample(4))
    assert interpolated(Generator(Flat(), NoLabels()), 2, size=(2, 4)).shape == (32, 1, 2, 4)


def test_the_walk_is_on_the_sphere_at_constant_speed() -> None:
    codes = torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 4.0], [0.0, 0.0]])
    walk = spherical_walk(codes, 3).unflatten(0, (4, 3))
    root = 3**0.5
    expected = torch.tensor([[2, 0], [root, 1], [1, root]])
    torch.testing.assert_close(walk[0], expected)
    torch.testing.assert_close(walk[1], torch.tensor([[0, 2], [0, 8 / 3], [0, 10 / 3]]))  # a line, not NaN
    assert bool(walk.isfinite().all()) and torch.equal(walk[3, 0], codes[3])


def test_impossible_numbers_are_refused() -> None:
    for options in ({"n": 1}, {"n": 2, "frames": 0}, {"n": 2, "batch_size": 0}):
        with pytest.raises(ValueError, match="needs n of at least 2"):
            interpolated(GENERATOR, **options)
    with pytest.raises(ValueError, match="truncation is a factor"):
        interpolated(GENERATOR, 2, truncation=-1)
    with pytest.raises(ValueError, match="3 labels for 2 images"):
        interpolated(GENERATOR, 2, label=[0, 1, 2])
