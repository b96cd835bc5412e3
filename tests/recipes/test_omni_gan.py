"""Omni-GAN's recipes: the published numbers, and the weight decay that follows the data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everymode.data.facts import DataFacts
from everymode.decay import weight_decay_for
from everymode.recipes.omni_gan import (
    CIFAR10,
    CIFAR100,
    IMAGENET128,
    IMAGENET256,
    IMAGES64,
    ONE_SIDED_CIFAR10,
)


@pytest.mark.parametrize(
    ("num_images", "num_classes", "decay"),
    [
        (50_000, 100, 5e-4),
        (50_000, 10, 1e-4),
        (1_281_167, 1000, 1e-5),
        (100, 10, 5e-4),
        (900_000, 10, 1e-4),
        (1_000_000, 2, 1e-5),
        (5, 10, 5e-4),
    ],
)
def test_weight_decay_at_the_published_points_and_outside(
    num_images: int, num_classes: int, decay: float
) -> None:
    assert weight_decay_for(num_images, num_classes) == pytest.approx(decay, rel=1e-9)


def test_weight_decay_falls_between_them() -> None:
    # Half way on the logarithm, 500 * sqrt(10) images per class: the geometric mean of 5e-4 and 1e-4.
    assert weight_decay_for(15_811, 10) == pytest.approx((5e-4 * 1e-4) ** 0.5, rel=5e-3)
    decays = [weight_decay_for(10 * per_class, 10) for per_class in (500, 700, 1500, 3000, 5000)]
    assert decays == sorted(decays, reverse=True) and len(set(decays)) == 5


def test_recipes_for_images_take_the_decay_of_their_data() -> None:
    facts = DataFacts("photos", 5000, (3, 64, 64), 10, (500,) * 10, 0, "f", ())
    fitted = IMAGES64.for_data(facts)
    assert fitted.discriminator_weight_decay == 5e-4
    assert "500 images per label: discriminator weight decay 0.0005" in fitted.notes()[0]
    chosen = replace(IMAGES64, discriminator_weight_decay=0.0).for_data(facts)
    assert chosen.discriminator_weight_decay == 0.0
    assert CIFAR10.for_data(facts).discriminator_weight_decay == 1e-4


def test_the_published_numbers() -> None:
    assert (CIFAR10.batch_size, CIFAR10.discriminator_steps) == (32, 3)
    assert (CIFAR100.discriminator_steps, CIFAR100.discriminator_weight_decay) == (4, 5e-4)
    assert ONE_SIDED_CIFAR10.loss.one_sided and not CIFAR10.loss.one_sided
    for recipe in (CIFAR10, CIFAR100):
        assert recipe.generator_lr == recipe.discriminator_lr == 2e-4
        assert (recipe.beta1, recipe.beta2, recipe.adam_epsilon) == (0.0, 0.999, 1e-8)
        assert recipe.generator_weight_decay == 1e-3 and not recipe.decoupled_weight_decay
        assert (recipe.ema_decay, recipe.ema_start) == (0.9999, 5000)
        images = recipe.steps * recipe.discriminator_steps * recipe.batch_size
        assert images == pytest.approx(1000 * 50_000, rel=0.01)
    for recipe, steps, decay in ((IMAGENET128, 1, 1e-3), (IMAGENET256, 2, 1e-4)):
        assert (recipe.generator_lr, recipe.discriminator_lr, recipe.batch_size) == (1e-4, 4e-4, 256)
        assert (recipe.discriminator_steps, recipe.generator_weight_decay) == (steps, decay)
        assert recipe.discriminator_weight_decay == 1e-5
        assert (recipe.adam_epsilon, recipe.ema_start) == (1e-6, 20_000)
