"""Inversion: it descends on Eq. 4, images don't influence each other, residuals, classes, state of the networks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.inversion import ForeignGenerator, invert, reconstruction_loss
from tests.inversion.conftest import TinyGenerator, tiny


def samples(generator: TinyGenerator, count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(count, 6, generator=random, dtype=torch.float64)
    label = torch.randint(3, (count,), generator=random)
    with torch.no_grad():
        return generator.eval()(z, label), z, label


def near(images: Tensor) -> Any:
    """An encoder whose features are the images' means, and which estimates codes of zeros and class 1."""
    return SimpleNamespace(
        z=torch.zeros(len(images), 6, dtype=images.dtype),
        label=torch.ones(len(images), dtype=torch.int64),
        features=images.mean((2, 3)),
    )


@pytest.mark.parametrize(("method", "steps"), [("lbfgs", 60), ("adam", 150)])
def test_own_samples_are_found_again(generator: TinyGenerator, method: str, steps: int) -> None:
    x, z, label = samples(generator, 3)
    start = z + 0.3 * torch.randn(z.shape, generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    found = invert(generator, x, label=label, z=start, steps=steps, method=method)
    assert (found.loss < 0.2 * found.first_loss).all()
    torch.testing.assert_close(found.image, generator.eval()(found.z, label))
    torch.testing.assert_close(found.loss, (found.image - x).abs().mean((1, 2, 3)))
    assert found.z.shape == z.shape
    assert torch.equal(found.label, label)


def test_adam_takes_the_steps_of_a_second_computation(generator: TinyGenerator) -> None:
    x, z, label = samples(generator, 2)
    found = invert(
        generator,
        x,
        label=label,
        z=z * 0,
        steps=3,
        method="adam",
        encoder=near,
        feature_weight=0.25,
        learning_rate=0.01,
        halvings=[2],
    )
    code, first, second = np.zeros((2, 6)), 0.0, 0.0
    for step in range(3):
        leaf = torch.from_numpy(code).requires_grad_()
        gx = generator.eval()(leaf, label)
        means = (gx - x).abs().mean((1, 2, 3)) + 0.25 * (gx - x).mean((2, 3)).square().mean(1)
        gradient = torch.autograd.grad(means.sum(), leaf)[0].numpy()
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        rate = 0.01 * (0.5 if step == 2 else 1)
        root = np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8
        code = code - rate * first / (1 - 0.9 ** (step + 1)) / root
    torch.testing.assert_close(found.z, torch.from_numpy(code), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_images_do_not_influence_each_other(generator: TinyGenerator, method: str) -> None:
    x, z, label = samples(generator, 3)
    both = invert(generator, x, label=label, z=z * 0, steps=5, method=method)
    alone = invert(generator, x[1:2], label=label[1:2], z=z[1:2] * 0, steps=5, method=method)
    torch.testing.assert_close(both.z[1:2], alone.z)
    joint = invert(generator, x, label=label, z=z * 0, steps=5, together=3)
    assert not torch.allclose(joint.z[1:2], alone.z)


def test_the_encoder_gives_start_class_and_features(generator: TinyGenerator) -> None:
    x, _, _ = samples(generator, 2)
    found = invert(generator, x, encoder=near, steps=0, feature_weight=2.0, reduction="sum")
    assert torch.equal(found.label, torch.ones(2, dtype=torch.int64))
    assert not found.z.any()
    f, gf = x.mean((2, 3)), found.image.mean((2, 3))
    torch.testing.assert_close(found.loss, reconstruction_loss(found.image, x, gf, f, 2.0, "sum"))
    assert torch.equal(found.first_loss, found.loss)
    other = invert(
        generator, x, encoder=near, steps=0, feature_weight=2.0, reduction="sum", features=torch.sin
    )
    torch.testing.assert_close(
        other.loss, reconstruction_loss(found.image, x, found.image.sin(), x.sin(), 2.0, "sum")
    )


def test_random_starts_are_a_function_of_the_seed(generator: TinyGenerator) -> None:
    x, _, label = samples(generator, 2)
    starts = [invert(generator, x, label=label, steps=0, seed=seed).z for seed in (1, 1, 2)]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
    assert len({row.sum().item() for row in starts[0]}) == 2


def test_residuals_follow_their_definition(generator: TinyGenerator) -> None:
    x, z, label = samples(generator, 2)
    found = invert(
        generator, x, label=label, z=z * 0, steps=4, method="adam", residuals=(0, 1), residual_weight=0.5
    )
    assert sorted(found.residuals) == [0, 1]
    first = generator.linear(found.z).view(-1, 4, 3, 3) + found.residuals[0]
    shift = generator.table(label)[:, :, None, None]
    second = torch.tanh(generator.block(F.interpolate(first, scale_factor=2)) + shift) + found.residuals[1]
    image = torch.tanh(generator.output(second))
    torch.testing.assert_close(found.image, image)
    squares = sum(d.square().mean((1, 2, 3)) for d in found.residuals.values())
    torch.testing.assert_close(found.loss, (image - x).abs().mean((1, 2, 3)) + 0.5 * squares)
    assert all(d.abs().max() > 0 for d in found.residuals.values())


def test_residuals_reach_what_codes_cannot(generator: TinyGenerator) -> None:
    x, z, label = samples(generator, 2)
    strange = x.flip(0) * 0.5
    plain = invert(generator, strange, label=label, z=z, steps=40)
    freer = invert(generator, strange, label=label, z=z, steps=40, residuals=(1,), residual_weight=1e-3)
    assert (freer.loss < 0.7 * plain.loss).all()


def test_networks_are_left_as_they_were(generator: TinyGenerator) -> None:
    x, _, label = samples(generator, 1)
    generator.train()
    generator.output.eval()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    invert(generator, x, label=label, steps=2)
    assert generator.training and not generator.output.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in generator.parameters())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_foreign_generators_are_functions() -> None:
    own = tiny(None)
    foreign = ForeignGenerator(
        own, latent_dim=6, layers=own.activations, from_layer=own.from_activation, module=own
    )
    x, z, _ = samples(own, 2)
    for arguments in ({}, {"residuals": (0,)}):
        one, other = (invert(g, x, z=z * 0, steps=3, **arguments) for g in (own, foreign))
        torch.testing.assert_close(one.image, other.image)
    plain = invert(lambda codes, _: own.eval()(codes), x, z=z * 0, steps=3)
    torch.testing.assert_close(plain.image, invert(own, x, z=z * 0, steps=3).image)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sgd"}, 'choose "lbfgs" or "adam"'),
        ({"reduction": "none"}, 'choose "mean" or "sum"'),
        ({"steps": -1}, "steps is -1"),
        ({"together": 0}, "together 0"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"halvings": [1]}, "halvings"),
        ({"label": None}, "has classes"),
        ({"label": torch.zeros(1, dtype=torch.int64)}, r"label has shape \[1\]"),
        ({"label": torch.tensor([0, 3])}, r"values \[0, 3\]"),
        ({"label": torch.tensor([0, -1])}, "generator's classes, 3"),
        ({"feature_weight": -1.0}, "feature_weight is -1"),
        ({"residual_weight": torch.nan}, "residual_weight is nan"),
        ({"residuals": (2,)}, r"0 \.\. 1"),
        ({"residuals": (0, 0)}, "different layers"),
        ({"z": torch.zeros(3, 6)}, "one latent code for each"),
        ({"x": torch.full((2, 3, 6, 6), torch.nan)}, "NaN"),
        ({"x": torch.zeros(2, 3, 6, 6, dtype=torch.uint8)}, "float images"),
        ({"method": "adam", "learning_rate": 1e400}, "became NaN"),
    ],
)
def test_bad_arguments_are_named(generator: TinyGenerator, change: dict[str, Any], message: str) -> None:
    arguments = {
        "x": torch.zeros(2, 3, 6, 6),
        "label": torch.zeros(2, dtype=torch.int64),
        "steps": 2,
    } | change
    with pytest.raises(ValueError, match=message):
        invert(generator, arguments.pop("x"), **arguments)


def test_a_callable_without_layers_or_length_is_named() -> None:
    x = torch.zeros(1, 3, 6, 6)
    with pytest.raises(ValueError, match="latent_dim"):
        invert(lambda z, c: x, x)
    with pytest.raises(ValueError, match="ForeignGenerator"):
        invert(lambda z, c: x, x, z=torch.zeros(1, 2), residuals=(0,))
    with pytest.raises(ValueError, match="`from_layer`"):
        invert(ForeignGenerator(lambda z, c: x, latent_dim=2), x, residuals=(0,))
