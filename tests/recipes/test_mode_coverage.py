"""The methods that Self-Conditioned GAN is compared with: equal terms, published numbers, preparation, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from toy_games import toy_data, toy_trainer

from everymode.data.opening import open_images
from everymode.game import Game
from everymode.machine.stopping import Stopped, StopRequest
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, benchmark_numbers, find
from everymode.recipes.logo_gan import ClassifierClusters
from everymode.recipes.mgan import Generators
from everymode.recipes.parts.fixed_features import FixedFeatures
from everymode.recipes.self_conditioned_backbone import OMNI_DIGITS
from everymode.sampling.record import recipe_from, record_of
from everymode.training.preparation import Preparation

SETS = {
    "ring": benchmark_numbers.RING,
    "grid": benchmark_numbers.GRID,
    "stacked-digits": benchmark_numbers.STACKED_DIGITS,
    "cifar10": benchmark_numbers.CIFAR10,
    "imagenet128": benchmark_numbers.IMAGENET128,
    "places128": benchmark_numbers.IMAGENET128,
}
MODULES = ("plain_gan", "pac_gan", "random_labels_gan", "mgan", "logo_gan", "rotnet_gan")
MODE_COVERAGE = [
    name for name, (module, _, _) in RECIPES.items() if module.removeprefix("everymode.recipes.") in MODULES
]
METHODS = ("gan-", "conditional-gan-", "pac-gan", "random-labels-gan-", "mgan-", "logo-gan-", "rotnet-gan-")
METHODS += ("self-conditioned-", "online-self-conditioned-")


def preparation(folder: Path, stop: StopRequest | None = None) -> Preparation:
    said: list[str] = []
    return Preparation(folder, torch.device("cpu"), stop or StopRequest(), said.append, True)


def built(recipe: Recipe) -> Game:
    with torch.device("meta"):
        return recipe.build()


@pytest.mark.parametrize("on", SETS)
def test_all_methods_play_on_equal_terms(on: str) -> None:
    names = [name for name in RECIPES if name.startswith(METHODS) and name.endswith(f"-{on}")]
    assert len(names) >= 8
    for name in names:
        recipe = find(name)
        ours = recipe.flat_numbers()
        different = {key for key, value in SETS[on].flat_numbers().items() if ours[key] != value}
        # Three does not divide the others' batches.
        batch = {"batch_size"} if name.startswith("pac-gan3") else set()
        told = {"num_classes"} if name.startswith("conditional-") else set()
        assert different <= {"name", "pack", "r1_weight", *batch, *told}, name
        assert type(recipe.networks) is type(SETS[on].networks) and recipe.loss == SETS[on].loss
        weight = recipe.terms.r1_weight
        assert weight == (0 if on not in ("imagenet128", "places128") else 0.1 if "self-" in name else 10)


def test_every_name_in_the_table_is_its_recipes() -> None:
    assert len(MODE_COVERAGE) == 65
    for name in MODE_COVERAGE:
        assert find(name).name == name


def test_published_numbers_of_the_large_data_sets() -> None:
    recipe = find("self-conditioned-imagenet128")
    assert (recipe.steps, recipe.batch_size, recipe.networks.latent_dim, recipe.ema_decay) == (
        200_000,
        128,
        256,
        0.999,
    )
    assert (recipe.refresh_every, recipe.beta1, recipe.beta2, recipe.generator_lr) == (75_000, 0, 0.99, 1e-4)
    game = built(replace(recipe, num_images=1000))
    count = sum(parameter.numel() for parameter in game.generator.parameters())
    assert count == 100_305_347


def test_a_batch_that_packs_do_not_divide_is_refused_with_those_that_they_do() -> None:
    recipe = find("pac-gan2-cifar10")
    with pytest.raises(ValueError, match=r"batch of 64 can't be divided into packs of 3.* such as 63 or 66"):
        recipe.with_numbers(pack=3)
    with pytest.raises(ValueError, match=r"batch of 64 in 32 micro-batches can't be divided into packs of 4"):
        recipe.with_numbers(pack=4, accumulation=32, reuse_fakes=False)
    with pytest.raises(ValueError, match="pack must be at least 1"):
        recipe.with_numbers(pack=0)
    assert recipe.with_numbers(pack=4, accumulation=16, reuse_fakes=False).networks.pack == 4


def test_as_many_packs_as_the_others_have_examples() -> None:
    recipe = find("pac-gan3-grid").with_numbers(packs=100)
    fitted = recipe.for_data(open_images("grid:samples=1000").facts())
    assert fitted.batch_size == 300
    assert fitted.for_data(open_images("grid:samples=1000").facts()) == fitted
    small = find("pac-gan2-digits").shrunk().with_numbers(channels=1, packs=4)
    data = toy_data(size=16)
    trainer = toy_trainer(small.for_data(data.facts()), data)
    (part,) = trainer.parts(0, 0)
    assert len(part.batch.real) == 8
    verdict = trainer.game.discriminator(part.batch.real, None)
    assert verdict.scores[0].shape == (4, 1)


def test_the_reference_has_as_many_parameters_with_packs() -> None:
    game = built(find("pac-gan2-stacked-digits"))
    assert sum(each.numel() for each in game.discriminator.parameters()) == 2_763_585
    game = built(find("pac-gan2-cifar10"))
    assert sum(each.numel() for each in game.discriminator.parameters()) == 2_937_601


def test_mgan_weighs_diversity_as_published_and_has_generators_of_their_own() -> None:
    plane, images = find("mgan-grid"), find("mgan-cifar10")
    assert plane.labels == Generators(generators=50, diversity_weight=0.125, classifier_weight=0.125)
    assert images.labels == Generators(generators=10, diversity_weight=0.01, classifier_weight=1)
    game = built(plane)
    assert game.generator.layers[0].weight.shape == (50, 2, 400)
    assert game.generator.layers[1].weight.shape == (400, 400)
    (told_apart,) = game.objective.generator_terms
    assert told_apart.weight == 0.125
    with pytest.raises(ValueError, match="generators must be at least 2"):
        plane.with_numbers(generators=1)


def test_mgans_classifier_tells_its_generators_apart() -> None:
    recipe = find("mgan-ring").shrunk()
    recipe = recipe.with_numbers(diversity_weight=1.0, classifier_weight=1.0, width=16)
    recipe = replace(recipe, steps=150, generator_lr=5e-3, discriminator_lr=5e-3, batch_size=30)
    data = open_images("ring:samples=300")
    trainer = toy_trainer(recipe.for_data(data.facts()), data)
    for _ in range(150):
        trainer.step()
    means, _ = trainer.tally.read(trainer.world)
    assert means["generator/generator of fakes"] < 0.9 * np.log(3)  # below what guessing costs


def test_class_conditional_gans_refuse_data_that_do_not_say_the_class() -> None:
    facts = toy_data(size=16).facts()
    recipe = find("conditional-gan-digits")
    with pytest.raises(
        ValueError, match=r"a label for each image, and 4 of 40 images .* have none: label them"
    ):
        recipe.for_data(replace(facts, num_unlabeled=4))
    with pytest.raises(ValueError, match="each image has 2 labels, but conditional-gan-digits takes one"):
        recipe.for_data(replace(facts, num_classes=(2, 3)))
    assert recipe.needs_labels() and not find("gan-digits").needs_labels()


def test_points_and_their_networks_are_as_they_were() -> None:
    recipe = find("conditional-gan-grid")
    known = recipe.flat_numbers()
    assert (known["width"], known["latent_dim"], known["discriminator_width"]) == (400, 2, 200)
    assert recipe.terms.r1_weight == 0 and recipe.needs_labels()
    assert recipe_from(record_of(recipe)) == recipe


# ---- features that are learned first


def prepared(recipe: Recipe, folder: Path, stop: StopRequest | None = None) -> Game:
    data = toy_data(size=16)
    game = toy_trainer(recipe, data).game
    recipe.prepare(game, data, preparation(folder, stop))
    return game


def fitted(name: str) -> Recipe:
    recipe = replace(find(name).shrunk(), channels=1).for_data(toy_data(size=16).facts())
    assert isinstance(recipe.labels, FixedFeatures)
    return recipe


@pytest.mark.parametrize("name", ["logo-gan-ae-digits", "logo-gan-ae-stacked-digits", "rotnet-gan-digits"])
def test_features_are_learned_and_clustered_once(name: str, tmp_path: Path) -> None:
    recipe = fitted(name).with_numbers(feature_steps=5, resolution=16)
    first = prepared(recipe, tmp_path)
    labels = first.labels
    assert labels.counts.sum() == 40 and int(labels.refreshes) == 1
    assert not torch.equal(labels.table[0], torch.arange(40) % 3)
    again = prepared(recipe, tmp_path)  # from what was kept
    for key, value in first.labels.state_dict().items():
        assert torch.equal(value, again.labels.state_dict()[key]), key
    elsewhere = prepared(recipe, tmp_path / "elsewhere")
    assert torch.equal(elsewhere.labels.table, labels.table)


def test_preparation_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    recipe = fitted("logo-gan-ae-digits").with_numbers(feature_steps=5)
    whole = prepared(recipe, tmp_path / "whole")
    stop = StopRequest()
    stop.request(15)
    for step in (1, 2):
        with pytest.raises(Stopped, match=f"stopped at step {step} of 5 of the autoencoder"):
            prepared(recipe, tmp_path / "cut", stop)
    resumed = prepared(recipe, tmp_path / "cut")
    for key, value in whole.labels.state_dict().items():
        assert torch.equal(value, resumed.labels.state_dict()[key]), key


def test_a_classifiers_features_need_the_classifier_in_preparation_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brightness(labels: ClassifierClusters, images: Tensor) -> Tensor:
        return images.flatten(1).mean(1, keepdim=True).expand(-1, 1280)

    monkeypatch.setattr(ClassifierClusters, "classifier_features", brightness)
    recipe = fitted("logo-gan-rc-digits")
    game = prepared(recipe, tmp_path)
    assert game.labels.centers.shape == (3, 1280)
    monkeypatch.setattr(ClassifierClusters, "classifier_features", None)
    again = prepared(recipe, tmp_path)
    assert torch.equal(again.labels.table, game.labels.table)


def test_recipes_on_learned_features_refuse_what_they_can_not_do() -> None:
    recipe = find("rotnet-gan-cifar10")
    with pytest.raises(ValueError, match="they must be square"):
        recipe.with_numbers(resolution="32x48")
    with pytest.raises(ValueError, match="100 clusters need at least as many examples, not the 40"):
        recipe.for_data(toy_data(size=32).facts())
    with pytest.raises(ValueError, match="need at least as many images, not 50"):
        recipe.with_numbers(cluster_images=50)
    with pytest.raises(ValueError, match="at least 32 pixels"):
        find("logo-gan-rc-cifar10").with_numbers(feature_size=16)


# ---- clusters as BigGAN's classes


def test_clusters_stand_for_the_classes_whatever_labels_there_are() -> None:
    data = toy_data(60, size=16)
    recipe = OMNI_DIGITS.shrunk().with_numbers(channels=1, clusters=5)
    unlabeled = replace(data.facts(), num_classes=0, class_counts=(), num_unlabeled=60, classes=())
    for facts in (data.facts(), unlabeled):
        taken = recipe.for_data(facts)
        assert (taken.num_labels, taken.labels.clusters, taken.labeled_share) == (5, 5, None)
        assert not taken.needs_labels()
    game = recipe.for_data(data.facts()).build()
    assert game.labels.num_labels == 5
    assert game.discriminator.head.linear.out_features == 7


def test_every_packs_recipe_keeps_its_pack_at_toy_size() -> None:
    for pack in (2, 3, 4):
        small = find(f"pac-gan{pack}-digits").shrunk()
        assert (small.networks.pack, small.batch_size) == (pack, 4 * pack)


@pytest.mark.parametrize("name", ["logo-gan-ae-digits", "rotnet-gan-digits"])
@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_features_are_learned_at_a_rate_above_0(name: str, rate: float) -> None:
    with pytest.raises(ValueError, match="feature_lr must be above 0 and finite"):
        find(name).with_numbers(feature_lr=rate)


@pytest.mark.parametrize("name", ["biggan", "omni", "multi-hinge"])
def test_other_clusters_make_other_networks(name: str) -> None:
    """Also before the recipe has seen data: as many classes as there are clusters."""
    recipe = find(f"self-conditioned-{name}-digits").with_numbers(clusters=40, width=4)
    with torch.device("meta"):
        game = recipe.build()
    assert game.labels.num_labels == 40
    assert any(40 in parameter.shape for parameter in game.generator.parameters())


def test_few_images_are_at_least_two_clusters_where_clusters_are_told_apart() -> None:
    facts = replace(open_images("digits:train", resolution=16).facts(), num_images=15)
    recipe = find("self-conditioned-multi-hinge-digits").with_numbers(clusters="auto")
    fitted = recipe.for_data(facts)
    assert (fitted.labels.clusters, fitted.num_labels) == (2, 2)
    with pytest.raises(
        ValueError, match="multi-hinge needs at least 2 labels, and there is 1: choose another loss"
    ):
        recipe.with_numbers(clusters=1)


def test_numbers_of_clusters_are_checked() -> None:
    recipe = find("online-self-conditioned-grid")
    for numbers, said in (
        ({"clusters": -1}, "clusters must be at least 1, not -1"),
        ({"cluster_images": 10}, "50 clusters need at least as many images, not 10"),
        ({"online_memory": -1}, "online_memory must be a number of images, or 0 .* not -1"),
        ({"refresh_every": 0}, "refresh_every must be at least 1, not 0"),
    ):
        with pytest.raises(ValueError, match=said):
            recipe.with_numbers(**numbers)
    assert recipe.with_numbers(online_memory=300).build().labels.memory == 300
