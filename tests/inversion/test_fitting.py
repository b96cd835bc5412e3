"""Encoders: they learn, the losses of both stages are those of their definition, classes, repeatability."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from everymode.inversion import ClassLogits, UnitRows, class_target, cosine_error, fit_encoder, shared_rows
from everymode.inversion.encoder import Encoder, pixel_normalized
from everymode.networks.biggan import BigGANGenerator
from everymode.networks.dcgan import DCGANGenerator
from tests.inversion.conftest import TinyGenerator, tiny


@pytest.fixture(scope="module")
def fitted() -> Encoder:
    return fit_encoder(tiny(3), steps=30, layer_steps=60, width=16, seed=1, layer_rate=0.01, rate=0.01)


def test_the_encoder_learns_codes_classes_and_images(fitted: Encoder) -> None:
    start = fit_encoder(tiny(3), steps=1, layer_steps=0, width=16, seed=1).facts
    assert fitted.facts["latent_cosine"] > 0.6 > start["latent_cosine"]
    assert fitted.facts["class_accuracy"] > 0.8
    assert fitted.facts["squared_error"] < 0.5 * start["squared_error"]


def test_shapes_and_layers(any_generator: TinyGenerator) -> None:
    encoder = fit_encoder(any_generator, steps=1, width=4, batch=2)
    encoded = encoder(torch.zeros(2, 3, 6, 6, dtype=torch.float64))
    assert encoder.layers == (0, 1)
    assert [list(each.shape) for each in encoded.layers] == [[2, 4, 3, 3], [2, 4, 6, 6]]
    assert torch.equal(encoded.features, encoded.layers[0])
    assert encoded.z.shape == (2, 6)
    classes = any_generator.num_classes
    if classes is None:
        assert encoded.label is None
    elif isinstance(classes, tuple):
        assert [each.shape[1] for each in encoded.class_logits] == [3, 2]
        assert encoded.label.shape == (2, 2)
    else:
        assert encoded.label.shape == (2,)


def test_layers_can_be_selected(generator: TinyGenerator) -> None:
    encoder = fit_encoder(generator, layers=[1], steps=1, width=4)
    assert len(encoder.links) == 1
    assert encoder.features(torch.zeros(1, 3, 6, 6, dtype=torch.float64)).shape == (1, 4, 6, 6)


def test_the_fit_is_repeatable_and_leaves_the_generator_alone(generator: TinyGenerator) -> None:
    state = torch.random.get_rng_state()
    generator.train()
    with torch.no_grad():
        first = fit_encoder(generator, steps=2, width=4)
    second = fit_encoder(generator, steps=2, width=4)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert generator.training and generator.linear.weight.requires_grad
    assert generator.linear.weight.grad is None
    assert not first.training and not next(first.parameters()).requires_grad


def test_gradients_are_cleared(generator: TinyGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared = 0
    original = torch.optim.Adam.zero_grad

    def count(self: torch.optim.Adam, set_to_none: bool = True) -> None:
        nonlocal cleared
        cleared += 1
        original(self, set_to_none)

    monkeypatch.setattr(torch.optim.Adam, "zero_grad", count)
    fit_encoder(generator, steps=3, layer_steps=2, width=4)
    assert cleared == 5


def test_one_step_of_the_layers_agrees_with_a_second_computation(generator: TinyGenerator) -> None:
    """The first update of Adam is the sign of the gradient times the rate, from the loss written out here."""
    unmoved = fit_encoder(generator, steps=1, layer_steps=0, width=4, rate=0.0, batch=4)
    moved = fit_encoder(generator, steps=1, layer_steps=1, width=4, rate=0.0, layer_rate=1e-3, batch=4)
    from everymode.draws import Draws, Rows

    draws = Draws(0, "encoder-layers-0", Rows.all(4), dtype=torch.float64)
    z, label = draws.normal("z", 6), draws.integers("label", 3)
    first, second = generator.eval().activations(z, label)
    x = generator.from_activation(1, second, label)
    encoder = unmoved.train().requires_grad_()
    second_hat, pooled_second = encoder.links[0](x)
    first_hat, pooled_first = encoder.links[1](second)
    z_hat, logits = encoder.read_out(first, [pooled_second, pooled_first])
    second_again = torch.tanh(
        generator.block(F.interpolate(first_hat, scale_factor=2)) + generator.table(label)[:, :, None, None]
    )
    loss = (
        cosine_error(z_hat, z)
        + F.cross_entropy(logits, label)
        + cosine_error(second_hat, second)
        + cosine_error(first_hat, first)
        + 0.01 * F.mse_loss(generator.from_activation(1, second_hat, label), x)
        + 0.01 * cosine_error(second_again, second)
    )
    names, parameters = zip(*encoder.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss, parameters)
    for name, before, gradient in zip(names, parameters, gradients, strict=True):
        expected = before - 1e-3 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(moved.get_parameter(name), expected.detach(), rtol=0, atol=2e-6, msg=name)


def test_pixel_normalization() -> None:
    h = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    expected = torch.tensor([3.0, 4.0]) / 12.5**0.5
    torch.testing.assert_close(pixel_normalized(h).flatten(), expected)


def test_classes_follow_from_the_generator() -> None:
    biggan = BigGANGenerator((8, 8), widths=(4, 4), num_classes=5, latent_dim=4, shared_dim=3)
    target = class_target(biggan)
    assert isinstance(target, ClassLogits)
    assert target.outputs == 5
    rows = shared_rows(biggan)
    torch.testing.assert_close(rows.rows, F.normalize(biggan.shared.weight.detach(), dim=1))
    predicted = torch.randn(2, 3)
    torch.testing.assert_close(rows.logits(predicted), predicted @ rows.rows.T)
    dcgan = DCGANGenerator((8, 8), num_classes=4, latent_dim=4, base=2)
    target = class_target(dcgan)
    assert isinstance(target, UnitRows)
    assert target.rows.shape[0] == 4
    torch.testing.assert_close(target.rows.norm(dim=1), torch.ones(4))
    blocks = ClassLogits((3, 2))
    assert [each.shape[1] for each in blocks.logits(torch.zeros(1, 5))] == [3, 2]
    assert class_target(SimpleNamespace(num_classes=None)) is None


@pytest.mark.parametrize("hierarchical", [False, True])
def test_the_projects_generators_are_inverted_by_layers(hierarchical: bool) -> None:
    biggan = BigGANGenerator(
        (8, 16), widths=(4, 4), num_classes=3, latent_dim=8, shared_dim=4, hierarchical=hierarchical
    )
    encoder = fit_encoder(biggan, steps=2, width=4, batch=4, classes=shared_rows(biggan))
    encoded = encoder(torch.zeros(2, 3, 8, 16))
    assert encoded.z.shape == (2, biggan.latent_dim)
    assert encoded.class_logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": [1, 0]}, "increasing"),
        ({"layers": [2]}, "increasing"),
        ({"layers": []}, "increasing"),
        ({"steps": 0}, "steps is 0"),
        ({"batch": 1}, "batch is 1"),
        ({"layer_steps": -1}, "layer_steps is -1"),
    ],
)
def test_bad_arguments_are_named(generator: TinyGenerator, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_encoder(generator, **({"steps": 1} | arguments))


def test_generators_without_layers_are_named() -> None:
    with pytest.raises(ValueError, match="ForeignGenerator"):
        fit_encoder(nn.Linear(2, 2), steps=1)
    with pytest.raises(ValueError, match="unconditional"):
        fit_encoder(tiny(None), steps=1, classes=ClassLogits(3))
    with pytest.raises(ValueError, match="rows of zeros"):
        UnitRows(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="no shared embedding"):
        shared_rows(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="num_classes"):
        class_target(nn.Linear(2, 2))


def test_images_of_other_channels_are_rejected(generator: TinyGenerator) -> None:
    encoder = fit_encoder(generator, steps=1, layer_steps=0, width=4)
    with pytest.raises(ValueError, match=r"shape \[2, 1, 6, 6\].*3 channels"):
        encoder(torch.zeros(2, 1, 6, 6, dtype=torch.float64))
