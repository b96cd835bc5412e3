"""Recipes on labels: the papers' numbers, their objectives' parts, and combinations that make no sense."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch
from toy_games import toy_data, toy_trainer

from everymode.data.facts import DataFacts
from everymode.data.hiding import hide_labels
from everymode.game import Game
from everymode.networks.heads import ClassifierHead, ProjectionClassifierHead, ScalarHead
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.ac_gan import AuxiliaryClassifier
from everymode.recipes.multi_hinge_gan import FakeClass, MultiHinge, SharedMultiHinge
from everymode.recipes.parts.plain_losses import Hinge

TELLS_CLASSES_APART = ("ac-gan", "imac-gan", "multi-hinge", "omni", "one-sided")


def built(recipe: Recipe) -> Game:
    with torch.device("meta"):
        return recipe.build()


def test_numbers_of_the_multi_hinge_paper() -> None:
    for name in ("sagan-imagenet128", "multi-hinge-gan-imagenet128", "multi-hinge-ssl-imagenet128"):
        recipe = find(name)
        assert (recipe.batch_size, recipe.networks.width, recipe.networks.latent_dim) == (1024, 64, 128)
        assert (recipe.generator_lr, recipe.discriminator_lr, recipe.discriminator_steps) == (1e-4, 4e-4, 1)
        assert recipe.steps == 1_000_000
    auxiliary, guessing = find("ac-gan-imagenet128"), find("ac-gan-ssl-imagenet128")
    assert isinstance(auxiliary.loss, AuxiliaryClassifier)
    assert auxiliary.loss.projection and auxiliary.loss.class_weight == 0.1
    assert not auxiliary.loss.aux_on_fake
    assert auxiliary.discriminator_steps == guessing.discriminator_steps == 2
    assert (guessing.discriminator_lr, guessing.networks.latent_dim) == (5e-4, 120)
    assert guessing.labeled_fraction == 0.1
    margins = find("multi-hinge-gan-imagenet128").loss
    assert type(margins) is MultiHinge and not margins.aux_on_fake
    assert (margins.class_weight, margins.margin) == (0.1, 1.0)
    shared = find("multi-hinge-shared-gan-imagenet128")
    assert isinstance(shared.loss, SharedMultiHinge)
    assert (shared.loss.hinge_start, shared.steps) == (580_000, 585_000)
    k_plus_1 = find("multi-hinge-k1-gan-cifar10")
    assert isinstance(k_plus_1.loss, FakeClass)
    assert (k_plus_1.loss.class_weight, k_plus_1.terms.matching_weight) == (0.05, 1.0)


def test_biggan_on_imagenet_is_omni_gan_without_decay_and_with_its_own_batch() -> None:
    for size in (128, 256):
        biggan, omni = find(f"biggan-imagenet{size}"), find(f"omni-gan-imagenet{size}")
        differing = {
            each.name for each in fields(omni) if getattr(biggan, each.name) != getattr(omni, each.name)
        }
        own = {"steps", "batch_size", "accumulation"}
        assert differing == own | {"name", "loss", "generator_weight_decay", "discriminator_weight_decay"}
        assert (biggan.batch_size, biggan.accumulation) == (2048, 8)
        shown = biggan.steps * biggan.discriminator_steps * biggan.batch_size
        assert shown == 307_200_000 == pytest.approx(240 * 1_281_167, rel=1e-3)
        assert biggan.loss == Hinge(head="projection")
        assert (biggan.generator_weight_decay, biggan.discriminator_weight_decay) == (0, 0)
    assert find("biggan-imagenet256").discriminator_steps == 2


def test_k_plus_1_on_stl10_takes_images_without_a_label() -> None:
    recipe = find("multi-hinge-k1-gan-stl10")
    assert isinstance(recipe.loss, FakeClass) and recipe.size == (48, 48)
    assert (recipe.labeled_share, recipe.num_classes, recipe.terms.matching_weight) == (0.5, 10, 1.0)
    assert recipe.discriminator_weight_decay == recipe.generator_weight_decay == 0
    with torch.device("meta"):
        game = replace(recipe, num_images=105_000).build()
        images = game.generator(torch.zeros(2, 128), torch.zeros(2, dtype=torch.long))
    assert images.shape == (2, 3, 48, 48)


OWN_IMAGES = (
    *("omni-gan", "one-sided-omni-gan", "omni-inr-gan", "biggan", "sagan", "ac-gan", "imac-gan"),
    *("multi-hinge-gan", "multi-hinge-shared-gan", "multi-hinge-k1-gan", "multi-hinge-ssl", "ac-gan-ssl"),
)


@pytest.mark.parametrize("family", OWN_IMAGES)
def test_every_method_takes_your_own_images(family: str) -> None:
    for size in (32, 64):
        recipe = find(f"{family}-{size}")
        assert recipe.data == "" and recipe.size == (size, size)
        assert find(f"{family}-digits").data == "digits:train"


def test_ac_gan_on_cifar_is_omni_gans_and_on_imagenet_multi_hinges() -> None:
    plain, beside = built(find("ac-gan-cifar10")), built(find("ac-gan-imagenet128"))
    assert isinstance(plain.discriminator.head, ScalarHead)
    assert isinstance(plain.discriminator.class_head, ClassifierHead)
    assert isinstance(beside.discriminator.head, ProjectionClassifierHead)
    assert plain.objective.generator_terms[0].weight == 1.0
    assert beside.objective.generator_terms[0].weight == 0.1
    improved = built(find("imac-gan-cifar10"))
    assert improved.discriminator.class_head.linear.weight.shape[0] == 11
    same = ("steps", "batch_size", "discriminator_weight_decay", "generator_lr", "discriminator_steps")
    omni = find("omni-gan-cifar10")
    for name in same:
        assert getattr(find("ac-gan-cifar10"), name) == getattr(omni, name)


def test_sagan_at_32_pixels_has_the_published_widths() -> None:
    game = built(find("sagan-cifar10"))
    widths = [block.conv2.weight.shape[0] for block in game.generator.blocks]
    assert widths == [256, 256, 64]
    judged = [block.conv1.weight.shape[0] for block in game.discriminator.blocks]
    assert judged == [64, 256, 256, 256]
    normalized = [name for name, _ in game.generator.named_parameters() if "parametrizations" in name]
    assert any("table" in name or "gain" in name for name in normalized)


def test_the_shared_margin_costs_nothing_before_its_step() -> None:
    recipe = find("multi-hinge-shared-gan-digits").with_numbers(hinge_start=2)
    weighted = built(recipe).objective.discriminator_terms[0]
    assert callable(weighted.weight)
    assert [weighted.weight(step) for step in (0, 1, 2, 3)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "name", [name for name in RECIPES if name.startswith(TELLS_CLASSES_APART) and "-spade-" not in name]
)
def test_a_class_head_needs_two_classes(name: str) -> None:
    with pytest.raises(
        ValueError,
        match="needs at least 2 labels, and there is 1: choose another loss, such as --loss projection",
    ):
        find(name).with_numbers(num_classes=1).build()


def test_a_label_that_can_only_be_one_class_is_named() -> None:
    with pytest.raises(ValueError, match="one of an image's labels has 1: omit that label"):
        find("omni-gan-digits").with_numbers(num_classes=(10, 1)).build()


def test_combinations_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="improved and projection exclude each other"):
        AuxiliaryClassifier(improved=True, projection=True)
    with pytest.raises(ValueError, match="set accumulation to 1, or matching_weight to 0"):
        find("multi-hinge-k1-gan-digits").with_numbers(accumulation=2)
    half = hide_labels(toy_data(), 0.4).facts()
    for name in ("biggan-digits", "multi-hinge-shared-gan-digits"):
        with pytest.raises(ValueError, match=r"needs a label for each image, and 24 of 40 .* have none"):
            find(name).for_data(half)
    halving = (
        "multi-hinge-gan-digits",
        "ac-gan-digits",
        "multi-hinge-ssl-64",
        "ac-gan-ssl-32",
        "reacgan-digits",
    )
    for name in (*halving, "multi-hinge-k1-gan-digits"):
        assert find(name).for_data(half).labeled_share == 0.5
        assert find(name).for_data(toy_data().facts()).labeled_share is None
        assert find(name).with_numbers(labeled_share=0.0).for_data(half).labeled_share == 0
    with pytest.raises(ValueError, match="improved needs aux_on_fake"):
        AuxiliaryClassifier(improved=True, aux_on_fake=False)
    with pytest.raises(ValueError, match="hinge_start must be a step, at least 0, not -5"):
        find("multi-hinge-shared-gan-digits").with_numbers(hinge_start=-5)
    third = find("multi-hinge-gan-digits").with_numbers(labeled_share=0.3, batch_size=64)
    assert third.for_data(half).labeled_share == 0.3
    assert third.labeled_rows_share() == 19 / 64
    for name in ("ac-gan-digits", "multi-hinge-k1-gan-digits", "biggan-digits", "reacgan-digits"):
        with pytest.raises(ValueError, match=r"each image has 2 labels, but .* takes one"):
            find(name).with_numbers(num_classes=(3, 4)).build()
    with pytest.raises(ValueError, match="gamma already sets the weights of R1 and R2"):
        find("r3gan-digits").with_numbers(r1_weight=1.0)
    with pytest.raises(
        ValueError,
        match="ada needs scores where 0 means undecided, and those of the relativistic loss have no such",
    ):
        find("r3gan-digits").with_numbers(augmentation="ada")


@pytest.mark.parametrize("name", ["multi-hinge-gan-digits", "ac-gan-digits", "imac-gan-digits"])
def test_class_costs_are_logged_apart(name: str) -> None:
    recipe = replace(find(name).shrunk(), channels=1)
    data = toy_data(size=16)
    trainer = toy_trainer(recipe.for_data(data.facts()), data)
    trainer.step()
    means, _ = trainer.tally.read(trainer.world)
    assert {"discriminator/classes", "generator/classes"} <= means.keys()


def test_regularization_by_number() -> None:
    weights = {
        "r1_weight": 0.5,
        "lecam_weight": 0.3,
        "consistency_weight": 10.0,
        "fake_consistency_weight": 1.0,
    }
    recipe = find("biggan-digits").shrunk().with_numbers(channels=1, **weights)
    data = toy_data(size=16)
    trainer = toy_trainer(recipe.for_data(data.facts()), data)
    assert "terms/discriminator/lecam" in trainer.game.modules
    trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None
    assert {"discriminator/r1", "discriminator/lecam", "discriminator/consistency"} <= means.keys()
    with pytest.raises(ValueError, match="lecam_weight must be 0"):
        recipe.with_numbers(lecam_weight=-1.0)


def strays(unlabeled: int) -> DataFacts:
    """1,000 images of three classes, some without a label."""
    counts = (300, 300, 400 - unlabeled)
    facts = replace(toy_data().facts(), num_images=1000, num_unlabeled=unlabeled)
    return replace(facts, num_classes=3, class_counts=counts)


@pytest.mark.parametrize("name", ["multi-hinge-gan-32", "ac-gan-32", "imac-gan-64", "multi-hinge-ssl-32"])
def test_a_few_strays_are_not_shown_again_and_again(name: str) -> None:
    recipe = find(name).with_numbers(batch_size=64)
    fitted = recipe.for_data(strays(100))
    assert fitted.labeled_share == 0.9 and fitted.labeled_rows_share() == 58 / 64
    assert "100 of 1,000 images have no label: 58 images of each batch of 64" in " ".join(fitted.notes())
    fitted = recipe.for_data(strays(3))
    assert fitted.labeled_rows_share() == 1
    assert "3 images have no label, fewer than one per batch: they are not used" in fitted.notes()
    assert not any("no label" in note for note in recipe.for_data(strays(0)).notes())


def test_the_embeddings_cost_is_that_of_labeled_rows() -> None:
    for share, weight in ((None, 1.0), (0.25, 4.0)):
        recipe = find("reacgan-digits").with_numbers(labeled_share=share, batch_size=64)
        terms = built(recipe).objective
        assert terms.discriminator_terms[0].weight == pytest.approx(weight * recipe.loss.class_weight)
        assert terms.generator_terms[0].weight == recipe.loss.class_weight


def test_margins_that_never_count_are_told() -> None:
    recipe = find("multi-hinge-shared-gan-digits")
    assert not recipe.notes()
    (note,) = replace(recipe, steps=300).notes()
    assert "starts at step 600, but training ends at 300, so this is only projection" in note


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("multi-hinge-gan-digits", number) for number in ("margin", "generator_margin", "class_weight")),
        *(("multi-hinge-k1-gan-digits", number) for number in ("margin", "class_weight", "matching_weight")),
        ("ac-gan-digits", "class_weight"),
        ("reacgan-digits", "class_weight"),
        ("contragan-digits", "class_weight"),
    ],
)
def test_weights_and_margins_are_numbers_from_0_on(name: str, number: str) -> None:
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"{number} must be 0"):
            find(name).with_numbers(**{number: wrong})


def test_a_share_of_labeled_images_below_one_row_is_refused_at_once() -> None:
    for name in ("omni-gan-digits", "reacgan-digits", "multi-hinge-k1-gan-digits"):
        with pytest.raises(
            ValueError,
            match=r"labeled_share 0.004 is less than one image of a batch of 64: set labeled_share to at least 0.0156",
        ):
            find(name).with_numbers(labeled_share=0.004)
        assert find(name).with_numbers(labeled_share=0.01).labeled_share == 0.01


@pytest.mark.parametrize(
    "name", ["omni-gan-32", "ac-gan-64", "imac-gan-32", "multi-hinge-k1-gan-32", "ac-gan-ssl-32"]
)
def test_fewer_images_a_class_more_decay(name: str) -> None:
    for per_class, decay in ((500, 5e-4), (5000, 1e-4)):
        facts = DataFacts(
            "photos", 10 * per_class, (3, 64, 64), 10, (per_class,) * 10, 0, "photos", tuple("abcdefghij")
        )
        fitted = find(name).for_data(facts)
        assert fitted.discriminator_weight_decay == decay
        assert any("fewer images, more decay" in note for note in fitted.notes())
    assert (
        find(name).with_numbers(discriminator_weight_decay=0.0).for_data(facts).discriminator_weight_decay
        == 0
    )


@pytest.mark.parametrize(
    ("projection", "hinged", "realness"),
    [(False, None, "logistic"), (True, None, "hinge"), (False, True, "hinge"), (True, False, "logistic")],
)
def test_ac_gan_with_and_without_projection_by_either_loss(
    projection: bool, hinged: bool | None, realness: str
) -> None:
    recipe = find("ac-gan-digits").with_numbers(projection=projection, hinge=hinged)
    score = torch.tensor([[3.0]])
    cost = built(recipe).objective.adversarial.discriminator(score, -score, None, None)
    assert float(cost) == pytest.approx(0 if realness == "hinge" else 2 * math.log1p(math.exp(-3)))
