"""Recipes: numbers are changed by name and checked, whichever part they belong to, and filled in from the data."""

from __future__ import annotations

import inspect
import json
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from everymode.data.facts import DataFacts
from everymode.numbers import FROM_DATA
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.omni_gan import CIFAR10
from everymode.recipes.parts.catalog import PARTS
from everymode.recipes.parts.given_labels import NoLabels
from everymode.recipes.parts.plain_losses import Hinge
from everymode.recipes.self_conditioned import Clusters
from everymode.sampling.record import record_of


@dataclass(frozen=True, kw_only=True)
class Optional(Recipe):
    """A recipe with a number that may be left out."""

    decay: float | None = None
    """Left out, or a number."""


def test_numbers_are_changed_by_name() -> None:
    changed = CIFAR10.with_numbers(steps=7, generator_lr=1, mirror=True, batch_size=16.0, fit="pad")
    assert (changed.steps, changed.generator_lr, changed.mirror, changed.fit) == (7, 1.0, True, "pad")
    assert isinstance(changed.generator_lr, float) and isinstance(changed.batch_size, int)
    assert CIFAR10.steps == 520_000


def test_numbers_of_numpy_are_numbers() -> None:
    recipe = find("omni-gan-digits").with_numbers(
        steps=np.int64(7), generator_lr=np.float32(0.5), mirror=np.True_
    )
    expected = find("omni-gan-digits").with_numbers(steps=7, generator_lr=0.5, mirror=True)
    assert record_of(recipe) == record_of(expected)
    assert type(recipe.steps) is int
    several = find("omni-gan-two-domains").with_numbers(num_classes=(np.int64(10), np.int32(2)))
    assert json.dumps(record_of(several)) and several.num_classes == (10, 2)


def test_none_where_it_is_allowed() -> None:
    assert Optional(decay=0.5).with_numbers(decay=None).decay is None
    assert Optional().with_numbers(decay=1).decay == 1.0
    with pytest.raises(ValueError, match="steps must be of type int, not None"):
        Optional().with_numbers(steps=None)
    with pytest.raises(ValueError, match="decay must be of type float, not 'much'"):
        Optional().with_numbers(decay="much")


def test_an_unknown_number_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no hyper-parameter 'batchsize'.* Did you mean batch_size?"):
        CIFAR10.with_numbers(batchsize=3)
    with pytest.raises(
        ValueError, match=r"omni-gan-cifar10 has no hyper-parameter 'zzzzzz'. It has: name, networks, loss"
    ):
        CIFAR10.with_numbers(zzzzzz=3)


@pytest.mark.parametrize(
    ("number", "value", "words"),
    [
        ("steps", "many", "steps must be of type int, not 'many'"),
        ("steps", 2.5, "steps must be of type int, not 2.5"),
        ("steps", True, "steps must be of type int, not True"),
        ("mirror", 1, "mirror must be of type bool, not 1"),
        ("generator_lr", False, "generator_lr must be of type float"),
        ("fit", "squash", "fit is one of crop, pad, stretch, not 'squash'"),
        ("precision", "fp8", "precision is one of auto, float32, bf16, float64"),
        ("resolution", "big", "a resolution is a number or HEIGHTxWIDTH"),
        ("resolution", "1x2x3", "a resolution is a number or HEIGHTxWIDTH"),
        ("resolution", (64, 48, 3), "a resolution is a number or HEIGHTxWIDTH"),
        ("resolution", 64.5, "a resolution is a number or HEIGHTxWIDTH"),
        ("resolution", None, "a resolution is a number or HEIGHTxWIDTH"),
        ("resolution", True, "a resolution is a number or HEIGHTxWIDTH"),
        ("resolution", 0, "resolution must be positive"),
        ("batch_size", 0, "batch_size must be at least 1"),
        ("discriminator_steps", 0, "discriminator_steps must be at least 1"),
        ("latent_dim", 0, "latent_dim must be at least 1"),
        ("generator_lr", -0.1, "generator_lr must be at least 0"),
        ("generator_lr", float("nan"), "generator_lr"),
        ("discriminator_weight_decay", float("inf"), "discriminator_weight_decay"),
        ("ema_decay", 1.0, "ema_decay must be at least 0 and below 1"),
        ("beta1", -0.5, "beta1 must be at least 0 and below 1"),
        ("keep_best", -1, "keep_best must be at least 0, not -1"),
        ("watch_samples", -1, "watch_samples must be at least 0"),
        ("seed", -1, "seed must be at least 0, not -1"),
        ("refresh_every", -5, "refresh_every must be at least 1, not -5"),
        ("ema_start", -1, "ema_start must be at least 0"),
        ("remedy_lr", -0.5, "remedy_lr must be above 0 and finite"),
        ("remedy_lr", 0.0, "remedy_lr must be above 0 and finite"),
        ("remedy_lr", float("nan"), "remedy_lr"),
        ("remedy_weight_decay", -3.0, "remedy_weight_decay must be at least 0"),
        ("adam_epsilon", -1e-8, "adam_epsilon must be at least 0"),
        ("adam_epsilon", float("inf"), "adam_epsilon must be at least 0 and finite, not inf"),
        ("lr_decay", 1.5, "lr_decay must be a fraction of training between 0 and 1"),
        ("accumulation", 3, "a batch of 32 can't be divided into 3 micro-batches of equal size"),
    ],
)
def test_impossible_numbers_are_refused_in_a_sentence(number: str, value: object, words: str) -> None:
    recipe = find("self-conditioned-digits") if number == "refresh_every" else CIFAR10
    with pytest.raises(ValueError, match=words):
        recipe.with_numbers(**{number: value})


def test_kept_fakes_and_accumulation_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="reuse_fakes can't be combined with accumulation"):
        replace(CIFAR10, reuse_fakes=True, accumulation=2)


@pytest.mark.parametrize(
    ("given", "size"), [(64, (64, 64)), ("64", (64, 64)), ("64x48", (64, 48)), ([64, 48], (64, 48))]
)
def test_resolutions(given: object, size: tuple[int, int]) -> None:
    assert CIFAR10.with_numbers(resolution=given).size == size


def test_a_recipe_can_not_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        CIFAR10.steps = 3


def test_a_recipe_without_build_says_what_to_do() -> None:
    with pytest.raises(
        NotImplementedError, match=r"this recipe has no networks, loss or labels: .* define build\(\)"
    ):
        Optional().build()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_made_of_its_numbers(name: str) -> None:
    recipe = find(name)
    assert recipe.name == name
    assert recipe.with_numbers(**recipe.flat_numbers()) == recipe


def test_what_only_the_data_knows() -> None:
    facts = DataFacts("photos", 5, (1, 32, 32), 2, (2, 3), 0, "f", ("cat", "dog"))
    fitted = CIFAR10.for_data(facts)
    assert (fitted.channels, fitted.num_classes, fitted.class_counts, fitted.num_images) == (1, 2, (2, 3), 5)
    known = {field.name for field in fields(CIFAR10) if field.metadata == FROM_DATA}
    assert known == {
        *("channels", "num_classes", "class_counts", "combination_counts", "num_images"),
        *("automatic_decay", "automatic_augmentation"),
    }
    assert fitted.notes() == []


def test_every_number_a_user_may_set_is_explained() -> None:
    holders: set[type] = {type(each) for recipe in map(find, RECIPES) for each in (recipe, *recipe.parts())}
    holders |= {entry.part_class for entries in PARTS.values() for entry in entries.values()}
    assert len(holders) > 30
    for holder in holders:
        source = "".join(inspect.getsource(kind) for kind in holder.__mro__[:-1])
        for field in fields(holder):
            if field.metadata != FROM_DATA:
                line = source.index(f"\n    {field.name}: ")
                after = source[line + 1 :].split("\n", 2)[1]
                assert after.strip().startswith('"""'), f"{holder.__name__}.{field.name}"


def test_a_part_and_its_numbers_are_changed_at_once() -> None:
    mixed = CIFAR10.with_numbers(labels=Clusters(), clusters=30, width=8, steps=5)
    assert (mixed.labels, mixed.networks.width, mixed.steps) == (Clusters(clusters=30), 8, 5)
    assert mixed.loss == CIFAR10.loss and CIFAR10.networks.width == 64
    assert mixed.num_labels == 30 and mixed.refresh_every == 5000
    assert not mixed.needs_labels() and CIFAR10.needs_labels()
    with pytest.raises(ValueError, match="no hyper-parameter 'clusters'"):
        CIFAR10.with_numbers(clusters=30)


def test_a_number_of_two_parts_is_changed_in_both() -> None:
    changed = CIFAR10.with_numbers(spectral_epsilon=1e-4)
    assert changed.networks.spectral_epsilon == changed.norm.spectral_epsilon == 1e-4


def test_what_the_labels_say_of_a_recipe() -> None:
    plain = CIFAR10.with_numbers(labels=NoLabels(), loss=Hinge())
    assert (CIFAR10.num_labels, CIFAR10.refresh_every, CIFAR10.labeled_share) == (10, 0, None)
    assert (plain.num_labels, plain.takes_points, plain.needs_labels()) == (None, False, False)
    assert find("gan-grid").takes_points
    bare = Optional()
    assert (bare.num_labels, bare.refresh_every, bare.labeled_share, bare.parts()) == (None, 0, None, [])
    assert not bare.takes_points and not bare.needs_labels() and bare.notes() == []


def test_the_automatic_decay_without_labels_is_none_and_says_so() -> None:
    facts = DataFacts("photos", 5, (1, 32, 32), 2, (2, 3), 0, "f", ("cat", "dog"))
    automatic = CIFAR10.with_numbers(discriminator_weight_decay="auto")
    assert automatic.discriminator_weight_decay is None
    fitted = automatic.for_data(facts)
    assert (fitted.discriminator_weight_decay, fitted.automatic_decay) == (5e-4, True)
    assert fitted.notes()[0].startswith("2 images per label: discriminator weight decay 0.0005")
    unlabeled = automatic.with_numbers(labels=NoLabels(), loss=Hinge()).for_data(facts)
    assert (unlabeled.discriminator_weight_decay, unlabeled.automatic_decay) == (0.0, True)
    assert unlabeled.notes() == ["there are no labels, so the discriminator has no weight decay (automatic)"]


@pytest.mark.parametrize(
    ("numbers", "images", "augmentation", "reason"),
    [
        ({}, 1999, "translation,cutout", "1,000 images per class"),
        ({}, 2000, "none", "1,000 images per class"),
        ({"labels": NoLabels(), "loss": Hinge()}, 9999, "translation,cutout", "9,999 images"),
        ({"labels": Clusters()}, 10_000, "none", "10,000 images"),
    ],
)
def test_few_images_are_augmented(
    numbers: dict[str, Any], images: int, augmentation: str, reason: str
) -> None:
    facts = DataFacts("photos", images, (3, 32, 32), 2, (1, images - 1), 0, "f", ("cat", "dog"))
    recipe = find("omni-gan-32").with_numbers(discriminator_weight_decay=0.0, **numbers)
    fitted = recipe.for_data(facts)
    assert (fitted.augmentation, fitted.automatic_augmentation) == (augmentation, True)
    assert fitted.notes()[-1] == f"augmentation: {augmentation}, because there are {reason} (automatic)"
    assert fitted.with_numbers(augmentation="color").notes() == fitted.notes()[:-1]
    off = recipe.with_numbers(augmentation="none").for_data(facts)
    assert (off.augmentation, off.automatic_augmentation) == ("none", False)


def test_recipes_for_custom_images_alone_augment_automatically() -> None:
    automatic = {name for name in RECIPES if find(name).augmentation is None}
    assert automatic == {name for name, (_, _, line) in RECIPES.items() if " your " in line}
    assert len(automatic) == 46
    points = find("gan-grid").with_numbers(augmentation="auto")
    assert points.for_data(DataFacts("grid", 50, (2,), 0, (), 50, "f", ())).augmentation == "none"
    with torch.device("meta"):
        built = [
            find("gan-32").with_numbers(augmentation=each).build().augment
            for each in ("auto", "none", "color")
        ]
    assert built[:2] == [None, None] and built[2] is not None
