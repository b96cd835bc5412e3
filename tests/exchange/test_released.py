"""Released BigGAN weights: a state dict is made under the released names, its forward stated here in plain
operations.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.exchange.released import load_released, save_released
from everymode.networks.biggan import BigGANDiscriminator, BigGANGenerator
from everymode.networks.heads import ClassifierHead, ProjectionHead
from everymode.networks.implicit import ImplicitHead
from everymode.norms import normalize_weights, sparsity_aware_norm, spectral_norm, without_embeddings

CLASSES, SHARED, CHUNK, LATENT = 5, 6, 4, 12
Weights = dict[str, Tensor]


def normalized(weights: Weights, layer: str) -> Tensor:
    weight, u = weights[f"{layer}.weight"], weights[f"{layer}.u0"]
    matrix = weight.reshape(len(weight), -1)
    v = F.normalize(u @ matrix)
    u = F.normalize(v @ matrix.T)
    return weight / (v @ matrix.T @ u.T).squeeze()


def convolve(weights: Weights, layer: str, x: Tensor) -> Tensor:
    weight = normalized(weights, layer)
    return F.conv2d(x, weight, weights.get(f"{layer}.bias"), padding=weight.shape[-1] // 2)


def conditional_norm(weights: Weights, layer: str, x: Tensor, code: Tensor) -> Tensor:
    gain = 1 + code @ normalized(weights, f"{layer}.gain").T
    bias = code @ normalized(weights, f"{layer}.bias").T
    mean, variance = weights[f"{layer}.stored_mean"], weights[f"{layer}.stored_var"]
    standard = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    return standard * gain[:, :, None, None] + bias[:, :, None, None]


def attend(weights: Weights, layer: str, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    query = convolve(weights, f"{layer}.theta", x).reshape(batch, -1, height * width)
    key = F.max_pool2d(convolve(weights, f"{layer}.phi", x), 2).reshape(batch, -1, height * width // 4)
    value = F.max_pool2d(convolve(weights, f"{layer}.g", x), 2).reshape(batch, -1, height * width // 4)
    attention = torch.einsum("bci,bcj->bij", query, key).softmax(2)
    mixed = torch.einsum("bcj,bij->bci", value, attention).reshape(batch, channels // 2, height, width)
    return weights[f"{layer}.gamma"] * convolve(weights, f"{layer}.o", mixed) + x


def double(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def trunk(weights: Weights, z: Tensor, labels: Tensor) -> Tensor:
    embedded = weights["shared.weight"][labels]
    h = F.linear(z[:, :CHUNK], normalized(weights, "linear"), weights["linear.bias"]).reshape(
        len(z), -1, 4, 4
    )
    for index in range(2):
        block = f"blocks.{index}.0"
        code = torch.cat((embedded, z[:, CHUNK * (index + 1) : CHUNK * (index + 2)]), 1)
        inner = convolve(
            weights, f"{block}.conv1", double(conditional_norm(weights, f"{block}.bn1", h, code).relu())
        )
        inner = convolve(
            weights, f"{block}.conv2", conditional_norm(weights, f"{block}.bn2", inner, code).relu()
        )
        h = inner + convolve(weights, f"{block}.conv_sc", double(h))
        if index == 1:
            h = attend(weights, "blocks.1.1", h)
    return h


def generate(weights: Weights, z: Tensor, labels: Tensor) -> Tensor:
    h = F.batch_norm(
        trunk(weights, z, labels),
        weights["output_layer.0.stored_mean"],
        weights["output_layer.0.stored_var"],
        weights["output_layer.0.gain"],
        weights["output_layer.0.bias"],
    )
    return convolve(weights, "output_layer.2", h.relu()).tanh()


def generate_at(weights: Weights, z: Tensor, labels: Tensor, height: int, width: int) -> Tensor:
    """Point by point: neighborhoods of the features there, its place, a cell of 2, and the small network."""
    h = trunk(weights, z, labels)
    neighborhoods = F.unfold(h, 3, padding=1).reshape(len(h), -1, *h.shape[2:])
    rows = -1 + (2 * torch.arange(height) + 1) / height
    columns = -1 + (2 * torch.arange(width) + 1) / width
    place = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
    grid = place.flip(-1).expand(len(h), height, width, 2)
    found = F.grid_sample(neighborhoods, grid, align_corners=False).permute(0, 2, 3, 1)
    place = place.expand(len(h), height, width, 2)
    hidden = torch.cat((found, place, torch.full_like(place, 2)), dim=-1)
    for layer in (0, 2, 4):
        name = f"inr_net.layers.{layer}"
        hidden = F.linear(hidden, normalized(weights, name), weights[f"{name}.bias"])
        hidden = hidden.relu() if layer < 4 else hidden.tanh()
    return hidden.permute(0, 3, 1, 2)


def pool(weights: Weights, x: Tensor) -> Tensor:
    inner = convolve(weights, "blocks.0.0.conv2", convolve(weights, "blocks.0.0.conv1", x).relu())
    h = F.avg_pool2d(inner, 2) + convolve(weights, "blocks.0.0.conv_sc", F.avg_pool2d(x, 2))
    h = attend(weights, "blocks.0.1", h)
    inner = convolve(weights, "blocks.1.0.conv2", convolve(weights, "blocks.1.0.conv1", h.relu()).relu())
    h = F.avg_pool2d(inner + convolve(weights, "blocks.1.0.conv_sc", h), 2)
    h = convolve(weights, "blocks.2.0.conv2", convolve(weights, "blocks.2.0.conv1", h.relu()).relu()) + h
    return h.relu().sum((2, 3))


def discriminate(weights: Weights, x: Tensor, labels: Tensor) -> Tensor:
    h = pool(weights, x)
    score = F.linear(h, normalized(weights, "linear"), weights["linear.bias"])
    return score + (normalized(weights, "embed")[labels] * h).sum(1, keepdim=True)


class Released:
    """Collects random tensors under released names."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(7)
        self.weights: Weights = {}

    def draw(self, *shape: int) -> Tensor:
        return 0.3 * torch.randn(*shape, generator=self.random)

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        self.weights[f"{name}.weight"] = self.draw(*shape)
        self.weights[f"{name}.u0"] = self.draw(1, shape[0])
        self.weights[f"{name}.sv0"] = torch.ones(1)
        if bias:
            self.weights[f"{name}.bias"] = self.draw(shape[0])

    def statistics(self, name: str, channels: int) -> None:
        self.weights[f"{name}.stored_mean"] = self.draw(channels)
        self.weights[f"{name}.stored_var"] = 1 + self.draw(channels).abs()

    def attention(self, name: str, channels: int) -> None:
        self.layer(f"{name}.theta", channels // 8, channels, 1, 1, bias=False)
        self.layer(f"{name}.phi", channels // 8, channels, 1, 1, bias=False)
        self.layer(f"{name}.g", channels // 2, channels, 1, 1, bias=False)
        self.layer(f"{name}.o", channels, channels // 2, 1, 1, bias=False)
        self.weights[f"{name}.gamma"] = torch.tensor(0.7)

    def block(self, name: str, ins: int, outs: int, *, shortcut: bool = True) -> None:
        self.layer(f"{name}.conv1", outs, ins, 3, 3)
        self.layer(f"{name}.conv2", outs, outs, 3, 3)
        if shortcut:
            self.layer(f"{name}.conv_sc", outs, ins, 1, 1)


def released_generator() -> Weights:
    made = Released()
    made.weights["shared.weight"] = made.draw(CLASSES, SHARED)
    made.layer("linear", 16 * 16, CHUNK)
    for index, (ins, outs) in enumerate(((16, 16), (16, 8))):
        made.block(f"blocks.{index}.0", ins, outs)
        for norm, channels in (("bn1", ins), ("bn2", outs)):
            made.layer(f"blocks.{index}.0.{norm}.gain", channels, SHARED + CHUNK, bias=False)
            made.layer(f"blocks.{index}.0.{norm}.bias", channels, SHARED + CHUNK, bias=False)
            made.statistics(f"blocks.{index}.0.{norm}", channels)
    made.attention("blocks.1.1", 8)
    made.weights["output_layer.0.gain"] = 1 + made.draw(8)
    made.weights["output_layer.0.bias"] = made.draw(8)
    made.statistics("output_layer.0", 8)
    made.layer("output_layer.2", 3, 8, 3, 3)
    return made.weights


def released_implicit_generator() -> Weights:
    """The output layer gives way to a small network, of which the entries 1 and 3 are ReLUs."""
    weights = {name: value for name, value in released_generator().items() if "output_layer" not in name}
    made = Released()
    made.layer("inr_net.layers.0", 7, 9 * 8 + 4)
    made.layer("inr_net.layers.2", 6, 7)
    made.layer("inr_net.layers.4", 3, 6)
    return weights | made.weights


def released_discriminator(outputs: int = 1) -> Weights:
    made = Released()
    made.block("blocks.0.0", 3, 8)
    made.attention("blocks.0.1", 8)
    made.block("blocks.1.0", 8, 16)
    made.block("blocks.2.0", 16, 16, shortcut=False)
    made.layer("linear", outputs, 16)
    made.layer("embed", CLASSES, 16, bias=False)
    return made.weights


def our_generator(output: Callable[[int, int], nn.Module] | None = None) -> BigGANGenerator:
    return BigGANGenerator(
        (16, 16),
        widths=(16, 16, 8),
        num_classes=CLASSES,
        latent_dim=LATENT,
        shared_dim=SHARED,
        hierarchical=True,
        attention=(16,),
        output=output,
    )


def our_discriminator(head: object = None) -> BigGANDiscriminator:
    head = head or partial(ProjectionHead, num_classes=CLASSES)
    return BigGANDiscriminator((16, 16), head=head, widths=(8, 16, 16), halvings=2, attention=(8,))


def example(count: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    z = torch.randn(count, LATENT, generator=random)
    return z, torch.tensor([0, 4, 2])[:count], torch.rand(count, 3, 16, 16, generator=random) * 2 - 1


@pytest.mark.parametrize("under_spectral_norm", [True, False])
def test_generator_agrees_with_the_released_forward(under_spectral_norm: bool) -> None:
    z, labels, _ = example()
    generator = our_generator()
    if under_spectral_norm:
        normalize_weights(generator, spectral_norm(), z, labels, include=without_embeddings)
    weights = released_generator()
    load_released(generator, weights).eval()
    with torch.no_grad():
        images = generator(z, labels)
    torch.testing.assert_close(images, generate(weights, z, labels), rtol=0, atol=5e-5)
    assert images.std() > 0.05


@pytest.mark.parametrize("under_spectral_norm", [True, False])
def test_implicit_generator_agrees_with_the_released_forward_at_any_size(under_spectral_norm: bool) -> None:
    z, labels, _ = example()
    generator = our_generator(partial(ImplicitHead, hidden=(7, 6), border_padding=False))
    if under_spectral_norm:
        normalize_weights(generator, spectral_norm(), z, labels, include=without_embeddings)
    weights = released_implicit_generator()
    load_released(generator, weights).eval()
    for size in ((16, 16), (24, 37)):
        with torch.no_grad():
            images = generator(z, labels, size)
        torch.testing.assert_close(images, generate_at(weights, z, labels, *size), rtol=0, atol=5e-5)
        assert images.std() > 0.05


def test_weights_of_an_implicit_generator_do_not_fit_another() -> None:
    with pytest.raises(ValueError, match=r"missing.*output_conv"):
        load_released(our_generator(), released_implicit_generator())
    with pytest.raises(ValueError, match=r"missing.*output_head"):
        load_released(our_generator(partial(ImplicitHead, hidden=(7, 6))), released_generator())
    with pytest.raises(ValueError, match=r"output_head\.layers\.0\..*weight.*\(7, 76\)"):
        load_released(our_generator(partial(ImplicitHead, hidden=(9, 6))), released_implicit_generator())


@pytest.mark.parametrize("under_spectral_norm", [True, False])
def test_discriminator_agrees_with_the_released_forward(under_spectral_norm: bool) -> None:
    _, labels, images = example()
    discriminator = our_discriminator()
    if under_spectral_norm:
        normalize_weights(discriminator, spectral_norm(), images, labels)
    weights = released_discriminator()
    load_released(discriminator, {f"module.{name}": value for name, value in weights.items()}).eval()
    with torch.no_grad():
        verdict = discriminator(images, labels)
    torch.testing.assert_close(verdict.scores[0], discriminate(weights, images, labels), rtol=5e-5, atol=5e-5)
    torch.testing.assert_close(verdict.features[0], pool(weights, images), rtol=5e-5, atol=5e-5)


def test_training_mode_moves_the_released_vectors_as_the_released_code_does() -> None:
    _, labels, images = example()
    discriminator = our_discriminator()
    normalize_weights(discriminator, spectral_norm(), images, labels)
    weights = released_discriminator()
    load_released(discriminator, weights).train()
    discriminator(images, labels)
    matrix = weights["linear.weight"]
    expected = F.normalize(F.normalize(weights["linear.u0"] @ matrix) @ matrix.T)
    torch.testing.assert_close(discriminator.head.linear.parametrizations.weight[0].u, expected)


def test_omni_discriminator_drops_the_unused_class_table() -> None:
    discriminator = our_discriminator(partial(ClassifierHead, num_outputs=CLASSES + 2))
    weights = released_discriminator(outputs=CLASSES + 2)
    load_released(discriminator, weights).eval()
    _, _, images = example()
    with torch.no_grad():
        scores = discriminator(images, None).scores[0]
    expected = F.linear(pool(weights, images), normalized(weights, "linear"), weights["linear.bias"])
    torch.testing.assert_close(scores, expected, rtol=5e-5, atol=5e-5)


def test_an_unused_class_table_is_saved_again() -> None:
    discriminator = our_discriminator(partial(ClassifierHead, num_outputs=CLASSES + 2))
    _z, labels, images = example()
    normalize_weights(discriminator, spectral_norm(), images, labels)
    weights = released_discriminator(outputs=CLASSES + 2)
    saved = save_released(load_released(discriminator, weights))
    assert saved.keys() == weights.keys()
    assert all(torch.equal(saved[name], value) for name, value in weights.items())


def test_misfits_are_named_and_leave_the_network_as_it_was() -> None:
    generator = our_generator()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    weights = released_generator()
    missing = {name: value for name, value in weights.items() if name != "linear.bias"}
    with pytest.raises(ValueError, match=r"missing.*linear\.bias"):
        load_released(generator, missing)
    with pytest.raises(ValueError, match=r"unknown.*surprise"):
        load_released(generator, {**weights, "surprise": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"shared\.weight.*\(9, 6\)"):
        load_released(generator, {**weights, "shared.weight": torch.zeros(9, SHARED)})
    z, labels, _ = example()
    normalize_weights(generator, spectral_norm(), z, labels, include=without_embeddings)
    with pytest.raises(ValueError, match="no u0"):
        load_released(generator, {name: value for name, value in weights.items() if name != "linear.u0"})
    assert all(
        torch.equal(value, generator.state_dict()[_current(name)])
        for name, value in before.items()
        if _current(name) in generator.state_dict()
    )


def _current(name: str) -> str:
    return name.replace(".weight", ".parametrizations.weight.original")


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["generator", "implicit generator", "discriminator", "class scores"])
def test_what_is_saved_is_what_was_loaded(kind: str, precision: torch.dtype) -> None:
    z, labels, x = example()
    if kind == "discriminator":
        weights, network, given = released_discriminator(), our_discriminator(), (x, labels)
    elif kind == "class scores":
        weights = released_discriminator()
        weights |= {
            name.replace("embed", "linear_c"): weights.pop(name) for name in list(weights) if "embed" in name
        }
        weights["linear_c.bias"] = torch.arange(CLASSES) / 7
        network = our_discriminator(partial(ProjectionHead, num_classes=CLASSES, class_bias=True))
        given = (x, labels)
    else:
        implicit = kind == "implicit generator"
        weights = released_implicit_generator() if implicit else released_generator()
        network = our_generator(partial(ImplicitHead, hidden=(7, 6)) if implicit else None)
        given = (z, labels)
    include = without_embeddings if "generator" in kind else None
    normalize_weights(network, spectral_norm(), *given, include=include)
    weights = {
        name: value.to(precision) * (3 if name.endswith(".sv0") else 1) for name, value in weights.items()
    }
    load_released(network, weights, layout="biggan-pytorch")
    saved = save_released(network, "biggan-pytorch")
    assert saved.keys() == weights.keys()
    for name, value in weights.items():
        assert saved[name].dtype == precision and torch.equal(saved[name], value), name
    again = load_released(type_of(network), saved)
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    network.train()
    with torch.no_grad():
        network(*(tensor.to(precision) if tensor.is_floating_point() else tensor for tensor in given))
    trained = save_released(network)
    assert trained.keys() == weights.keys()
    values = [name for name in weights if name.endswith(".sv0")]
    # Each layer that was passed through has moved its u, so its singular value is estimated anew.
    assert not any(torch.equal(trained[name], weights[name]) for name in values if "shortcut" not in name)


def type_of(network: nn.Module) -> nn.Module:
    """A network of the same layers, of other weights."""
    other = copy.deepcopy(network).float()
    for tensor in (*other.parameters(), *other.buffers()):
        tensor.data.normal_()
    return other


def test_without_spectral_norm_the_divided_weights_are_saved() -> None:
    generator = load_released(our_generator(), released_generator())
    saved = save_released(generator)
    assert not any(name.endswith(("u0", "sv0")) for name in saved)
    again = load_released(our_generator(), saved)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in generator.state_dict().items())


def test_layouts_and_rules_that_released_code_has_not() -> None:
    with pytest.raises(ValueError, match="there is no layout 'tensorflow'"):
        load_released(our_generator(), {}, layout="tensorflow")
    with pytest.raises(ValueError, match="there is no layout 'x'"):
        save_released(our_generator(), "x")
    _, labels, x = example()
    with pytest.raises(ValueError, match="a weight normalization that released BigGAN code doesn't have"):
        save_released(normalize_weights(our_discriminator(), sparsity_aware_norm(), x, labels))
