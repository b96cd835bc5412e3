"""The latent search: the nearest candidate wins, whatever the batch."""

from __future__ import annotations

import pytest
import torch
from plain_prior import tiny_features, tiny_image
from tiny_prior import TinyGenerator, tiny_discriminator, tiny_generator, vectors
from torch import Tensor

from everymode.restoration.degradations import grayscale
from everymode.restoration.resampling import downsample
from everymode.restoration.search import latent_search


def target() -> Tensor:
    return vectors()["tiny.target"]


def weights(prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): v for name, v in vectors().items() if name.startswith(prefix)}


def test_distances_of_given_candidates() -> None:
    random = torch.Generator().manual_seed(0)
    latents = torch.randn(7, 6, generator=random, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 4, 0, 1])
    gray = grayscale(target())
    z, label, losses = latent_search(
        tiny_generator(),
        tiny_discriminator(),
        gray,
        grayscale,
        label=labels,
        candidates=latents,
        last=2,
        batch=3,
    )
    real = tiny_features(weights("tiny.d."), gray)[-2:]
    for row in range(7):
        image = tiny_image(weights("tiny.g0."), latents[row : row + 1], int(labels[row]))
        fake = tiny_features(weights("tiny.d."), grayscale(image))[-2:]
        expected = sum(float((a - b).abs().mean()) for a, b in zip(real, fake, strict=True))
        assert float(losses[row]) == pytest.approx(expected, abs=1e-12)
    best = int(losses.argmin())
    assert torch.equal(z, latents[best : best + 1]) and label is not None and label.tolist() == [labels[best]]


def search(**options: object) -> tuple[Tensor, Tensor | None, Tensor]:
    return latent_search(tiny_generator(), tiny_discriminator(), target(), lambda x: x, **options)  # pyright: ignore[reportArgumentType]


def test_draws_do_not_depend_on_the_batch_and_classes_are_drawn_too() -> None:
    z, label, losses = search(num=30, seed=3)
    assert z.shape == (1, 6) and z.dtype == torch.float64 and losses.shape == (30,)
    again = search(num=30, seed=3, batch=7)
    assert torch.equal(again[0], z) and label is not None and again[1] is not None
    assert torch.equal(again[1], label)
    torch.testing.assert_close(again[2], losses)
    assert not torch.equal(search(num=30, seed=4)[2], losses)
    winners = {int(search(num=6, seed=seed)[1]) for seed in range(8)}  # pyright: ignore[reportArgumentType]
    assert len(winners) > 1 and winners <= set(range(5))
    fixed = search(num=30, seed=3, label=4)[1]
    assert fixed is not None and fixed.tolist() == [4]


def test_the_spread_of_candidates() -> None:
    wide, narrow = search(num=1, std=0.001)[0], search(num=2, std=0.001)[0]
    assert wide.abs().max() > 0.1 and narrow.abs().max() < 0.01
    z, _, losses = search(num=0)
    assert torch.equal(z, torch.zeros(1, 6, dtype=torch.float64)) and losses.shape == (1,)


def test_the_generators_modes_and_label_blocks() -> None:
    class Blocks(TinyGenerator):
        num_classes = (5, 2)  # pyright: ignore[reportAssignmentType]

        def forward(self, z: Tensor, condition: Tensor | None) -> Tensor:
            assert condition is not None and condition.shape[1] == 2 and not self.training
            return super().forward(z, condition[:, 0])

    generator = Blocks().double()
    _, label, _ = latent_search(generator, tiny_discriminator(), target(), lambda x: x, num=3)
    assert label is not None and label.shape == (1, 2) and generator.training


def test_small_targets() -> None:
    small = downsample(target(), 4)
    _, _, losses = latent_search(
        tiny_generator(), tiny_discriminator(), small, lambda x: downsample(x, 4), num=3, label=0
    )
    assert losses.shape == (3,)


def test_errors() -> None:
    for options in ({"num": -1}, {"batch": 0}, {"last": 0}, {"std": -0.5}, {"std": float("nan")}):
        with pytest.raises(ValueError, match="pass at least 0, 1, 1"):
            search(**options)
    with pytest.raises(ValueError, match="int64 labels"):
        search(num=3, label=torch.tensor([0, 1]))
    with pytest.warns(UserWarning, match="all 3 features"):
        search(num=2, last=4)
