"""Omni-INR-GAN's recipes: the published numbers and sizes, and a trained generator that draws at any size."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from toy_games import toy_data, toy_trainer

from everymode.cli import main
from everymode.data.facts import DataFacts
from everymode.networks import ImplicitHead
from everymode.recipes import omni_gan, omni_inr_gan
from everymode.recipes.omni_inr_gan import ImplicitBigGAN
from everymode.recipes.parts.biggan_networks import BigGAN
from everymode.sampling.generator import Generator, load
from everymode.sampling.record import FORMAT, record_of

PAIRS = {
    name: (getattr(omni_inr_gan, name), getattr(omni_gan, name))
    for name in (
        "DIGITS",
        "CIFAR10",
        "CIFAR100",
        "IMAGENET128",
        "IMAGENET256",
        "IMAGES32",
        "IMAGES64",
        "IMAGES128",
    )
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_numbers_are_those_of_omni_gan_but_for_what_the_paper_changes(name: str) -> None:
    ours, plain = PAIRS[name]
    changed = {each.name for each in fields(plain) if getattr(ours, each.name) != getattr(plain, each.name)}
    assert changed - {"accumulation"} == {"name", "networks"}
    assert ours.name == plain.name.replace("omni-gan", "omni-inr-gan")
    assert isinstance(ours.networks, ImplicitBigGAN) and type(plain.networks) is BigGAN
    of_networks = {each.name for each in fields(BigGAN)} - {"discriminator_attention"}
    for number in of_networks:
        assert getattr(ours.networks, number) == getattr(plain.networks, number), number
    assert ours.networks.discriminator_attention == 0  # so that D takes any size
    assert ours.networks.generator_attention == plain.networks.generator_attention


def test_the_published_numbers_at_256_pixels() -> None:
    recipe = omni_inr_gan.IMAGENET256
    # 128 images at once, accumulated twice (appendix J).
    assert (recipe.batch_size, recipe.accumulation, recipe.discriminator_steps) == (256, 2, 2)
    assert (recipe.generator_weight_decay, recipe.discriminator_weight_decay) == (1e-4, 1e-5)
    assert (recipe.networks.generator_attention, recipe.networks.head_width) == (64, 96)


@pytest.mark.parametrize(("name", "parameters"), [("IMAGENET128", 70_524_228), ("IMAGENET256", 82_198_788)])
def test_generators_are_of_the_published_size(name: str, parameters: int) -> None:
    # The paper prints 70.52 and 82.19 million (cut, not rounded).
    with torch.device("meta"):
        generator = PAIRS[name][0].build().generator
    assert sum(parameter.numel() for parameter in generator.parameters()) == parameters


def test_the_head_is_normalized_and_keeps_torchs_initial_weights() -> None:
    torch.manual_seed(0)
    recipe = omni_inr_gan.DIGITS.with_numbers(initialization="orthogonal")
    head = recipe.build().generator.output_head
    assert isinstance(head, ImplicitHead) and head.border_padding
    for layer in head.layers:
        original = layer.parametrizations.weight.original
        bound = layer.in_features**-0.5
        assert 0.9 * bound < original.abs().max() <= bound
    assert not recipe.with_numbers(border_padding=False).build().generator.output_head.border_padding
    with pytest.raises(ValueError, match="head_width must be at least 1"):
        recipe.with_numbers(head_width=0)


def test_recipes_for_images_take_the_decay_of_their_data() -> None:
    facts = DataFacts("photos", 5000, (3, 64, 64), 10, (500,) * 10, 0, "f", ())
    fitted = omni_inr_gan.IMAGES64.for_data(facts)
    assert isinstance(fitted.networks, ImplicitBigGAN) and fitted.networks.head_width == 96
    assert fitted.discriminator_weight_decay == 5e-4
    shrunk = fitted.shrunk()
    assert isinstance(shrunk.networks, ImplicitBigGAN) and shrunk.networks.head_width == 8


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator after two steps of training, in a folder to share."""
    recipe = replace(omni_inr_gan.DIGITS.shrunk(), num_classes=3, steps=2)
    trainer = toy_trainer(recipe, toy_data(size=16))
    trainer.step()
    trainer.step()
    config = {"format": FORMAT, "recipe": {"file": None, **record_of(recipe)}}
    generator = Generator(trainer.average, trainer.game.labels, config=config)
    return generator.save(tmp_path_factory.mktemp("saved") / "inr")


def test_a_loaded_generator_draws_at_any_size(saved: Path) -> None:
    generator = load(saved)
    native = generator.sample(3, seed=5)
    assert native.shape == (3, 1, 16, 16)
    assert torch.equal(generator.sample(3, seed=5, size=(16, 16)), native)
    for size in ((64, 40), (7, 33), (1, 1), (5, 16)):
        images = generator.sample(2, label=1, seed=3, size=size)
        assert images.shape == (2, 1, *size) and images.abs().max() <= 1
        again = generator.sample(1, label=1, seed=4, size=size)[0]
        torch.testing.assert_close(again, images[1], rtol=0, atol=1e-5)


def test_odd_factors_keep_the_native_pixels_centers(saved: Path) -> None:
    # Coordinates of these pixels are those of the native ones too, so their colors are the same.
    generator = load(saved)
    native, larger = generator.sample(2, seed=5), generator.sample(2, seed=5, size=(48, 80))
    torch.testing.assert_close(larger[:, :, 1::3, 2::5], native, rtol=0, atol=1e-5)


def test_large_images_are_drawn_in_smaller_passes(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.sampling.generator.MOST_PIXELS", 2000)
    generator = load(saved)
    passes: list[int] = []
    forward = generator.network.forward
    generator.network.forward = lambda z, *rest: passes.append(len(z)) or forward(z, *rest)
    generator.sample(5, size=(30, 30))
    assert passes == [2, 2, 1]


def test_the_command_draws_at_any_size(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    draw = partial(main, ["sample", str(saved), "--seeds", "3", "--out", "o", "--size", "64x40"])
    assert draw() == 0
    picture = Image.open("o/seed0003.png")
    assert picture.size == (40, 64)
    capsys.readouterr()
    for size in ("0x5", "100000x100000", "5x0"):
        assert main(["sample", str(saved), "--seeds", "3", "--out", "none", "--size", size]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and f"an image of {size} can't be drawn" in lines[0]
    assert not Path("none").exists()
