"""Every refusal of a recipe's numbers and of parts that don't fit, in the sentence that a user reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from everymode import fit
from everymode.data.facts import DataFacts
from everymode.part import Labels
from everymode.recipe import KINDS, Recipe
from everymode.recipes.logo_gan import ClassifierClusters
from everymode.recipes.mgan import Generators
from everymode.recipes.multi_hinge_gan import MultiHinge
from everymode.recipes.omni_gan import Omni
from everymode.recipes.partition_guided import Partition
from everymode.recipes.parts.biggan_networks import BigGAN
from everymode.recipes.parts.given_labels import Given, NoLabels
from everymode.recipes.parts.norms import BatchNorm, LayerNorm, NoNorm, Orthonormal, Spectral
from everymode.recipes.parts.picture_labels import Attributes, Maps, Pictures
from everymode.recipes.parts.picture_terms import PictureWeights
from everymode.recipes.parts.plain_losses import (
    Hinge,
    Logistic,
    NoAdversary,
    Relativistic,
    RelativisticAverage,
    Wasserstein,
)
from everymode.recipes.parts.small_networks import DeepDCGAN, PointNetworks
from everymode.recipes.parts.standard_networks import Standard
from everymode.recipes.parts.terms import Weights
from everymode.recipes.random_labels_gan import RandomLabels
from everymode.recipes.rotnet_gan import RotationClusters
from everymode.recipes.san_gan import SparsityAware
from everymode.recipes.self_conditioned import Clusters
from everymode.recipes.spade import Spade
from everymode.recipes.stargan import StarGAN
from everymode.recipes.super_resolution import RRDB, SRResNet

PLAIN = Recipe(
    name="mine", networks=DeepDCGAN(), loss=Logistic(), labels=NoLabels(), norm=Spectral(), terms=Weights()
)
"""A recipe that fits, to which one thing is done at a time."""
TOLD = replace(PLAIN, networks=BigGAN(), loss=Omni(), labels=Given(), num_classes=10)
PLANE = replace(PLAIN, networks=PointNetworks(), channels=2)
SPADE = replace(PLAIN, networks=Spade(), loss=Hinge(), labels=Maps())
STARGAN = replace(SPADE, networks=StarGAN(critic_layers=3), labels=Attributes())
SHARP = replace(SPADE, networks=SRResNet(), labels=Pictures())
PIXEL = replace(SHARP, loss=NoAdversary(), terms=PictureWeights(pixel_weight=1.0))
PHOTOS = DataFacts("photos", 40, (3, 32, 32), 3, (20, 15, 5), 0, "f", ("a", "b", "c"))

NUMBERS = [
    *(
        (name, wrong, f"{name} must be at least 1, not {wrong}")
        for name in ("steps", "batch_size", "accumulation", "discriminator_steps", "tick", "snapshot")
        for wrong in (0, -3)
    ),
    *(
        (name, wrong, f"{name} must be at least 0 and finite, not {wrong}")
        for name in (
            *("generator_lr", "discriminator_lr", "adam_epsilon"),
            *("generator_weight_decay", "discriminator_weight_decay", "remedy_weight_decay"),
        )
        for wrong in (-1e-9, float("inf"), float("nan"))
    ),
    *(
        (name, wrong, f"{name} must be above 0 and finite, not {wrong}: it is a factor of a learning rate")
        for name in ("remedy_lr", "settling_lr")
        for wrong in (0.0, -1.0, float("inf"), float("nan"))
    ),
    *(
        (name, -1, f"{name} must be at least 0, not -1")
        for name in ("seed", "ema_start", "keep_best", "keep_history", "watch_samples")
    ),
    *(
        (name, wrong, f"{name} must be at least 0 and below 1, not {wrong}")
        for name in ("ema_decay", "beta1", "beta2")
        for wrong in (1.0, -0.1, float("nan"))
    ),
    *(
        (
            "labeled_fraction",
            wrong,
            f"labeled_fraction must be above 0 and at most 1, not {wrong}: it is the fraction of the images of each "
            "class that keep their label",
        )
        for wrong in (0.0, 1.5, float("nan"))
    ),
    *(
        (name, wrong, f"{name} must be a fraction of training between 0 and 1, not {wrong}")
        for name in ("lr_decay", "settling")
        for wrong in (-0.1, 1.1, float("nan"))
    ),
    *(
        (
            "lr_halvings",
            wrong,
            "lr_halvings must be increasing fractions of training above 0 and below 1, such as (0.125, 0.25, 0.5, "
            f"0.75), not {wrong!r}: both learning rates are halved at each",
        )
        for wrong in ((0.0,), (1.0,), (0.5, 0.5), (0.5, 0.25), (float("nan"),), ("0.5",), 0.5)
    ),
    ("resolution", 0, "resolution must be positive, not 0"),
    ("resolution", (32, 0), "resolution must be positive, not (32, 0)"),
    (
        "held_out",
        1.0,
        "held_out must be a fraction of at least 0 and below 1, such as 0.1, or a dataset, not 1.0",
    ),
    ("augmentation", "rainbow", "hue; not 'rainbow'. For no augmentation, set it to none."),
    ("augmentation_target", 1.0, "augmentation_target must be a mean sign between 0 and 1, not 1.0"),
    ("augmentation_images", 0, "augmentation_images must be at least 1, not 0"),
    (
        "accumulation",
        3,
        "a batch of 64 can't be divided into 3 micro-batches of equal size: set accumulation to a divisor of",
    ),
]


def refused(make: Callable[[], object]) -> str:
    """The sentence with which it is refused."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(("name", "wrong", "sentence"), NUMBERS)
def test_impossible_numbers(name: str, wrong: object, sentence: str) -> None:
    assert sentence in refused(lambda: replace(PLAIN, **{name: wrong}))


def test_the_edges_of_numbers_are_possible() -> None:
    edges = {"generator_lr": 0.0, "adam_epsilon": 0.0, "ema_decay": 0.0, "beta1": 0.0, "lr_decay": 1.0}
    edges |= {"settling": 1.0, "labeled_fraction": 1.0, "watch_samples": 0, "seed": 0, "keep_best": 0}
    edges["keep_history"] = 0
    assert replace(PLAIN, **edges, discriminator_weight_decay=None).discriminator_weight_decay is None


def test_metrics_need_images_and_kept_fakes_whole_batches() -> None:
    assert replace(PLAIN, metric_images=3).metric_images == 3, "nothing is measured"
    assert "metric_images must be at least 10 to measure anything, not 9" in refused(
        lambda: replace(PLAIN, metrics="fd", metric_images=9)
    )
    said = refused(lambda: replace(PLAIN, reuse_fakes=True, accumulation=2))
    assert said.startswith("reuse_fakes can't be combined with accumulation: ")
    assert said.endswith("Set accumulation to 1, or reuse_fakes to off")


# ---- parts


@pytest.mark.parametrize(
    ("kind", "wrong", "contract"),
    [
        ("networks", Hinge(), "Networks"),
        ("loss", Given(), "Loss"),
        ("labels", "clusters", "Labels"),
        ("norm", LayerNorm, "Norm"),
        ("terms", {"r1_weight": 1.0}, "Terms"),
    ],
)
def test_a_kind_holds_parts_of_that_kind_only(kind: str, wrong: object, contract: str) -> None:
    said = refused(lambda: replace(PLAIN, **{kind: wrong}))
    assert said == f"{kind} must be a part of class {contract} (everymode.part), not {wrong!r}"


GENERATORS = {"labels": Generators(generators=3)}
PARTS = [
    (
        "generators and a loss that is told labels",
        lambda: replace(PLAIN, **GENERATORS, loss=Omni()),
        "several generators need a loss without labels, and omni-loss uses them: choose a loss with a scalar head, "
        "such as --loss logistic",
    ),
    (
        "generators on networks that don't support their first layers",
        lambda: replace(PLAIN, **GENERATORS, networks=Standard()),
        "several generators need networks with one first layer per generator, which these don't support: choose "
        "--networks dcgan-deep, dcgan-shallow, stability-resnet or points",
    ),
    (
        "a loss that is told labels, and none",
        lambda: replace(PLAIN, loss=MultiHinge()),
        "multi-hinge needs a label for each image, and there are none: choose --labels clusters, which needs no "
        "labels, or a loss without labels, such as --loss hinge --head scalar",
    ),
    (
        "a head per label, and none",
        lambda: replace(PLAIN, loss=Hinge(head="per-label")),
        "the hinge loss needs a label for each image, and there are none: choose --labels clusters, which needs no ",
    ),
    (
        "a scalar head, and labels",
        lambda: replace(PLAIN, labels=Clusters(), loss=Logistic(head="scalar")),
        "there are labels, but the logistic loss has a scalar head, which ignores them: set head to per-label or "
        "projection, or labels to none",
    ),
    (
        "several labels an image, and a loss for one",
        lambda: replace(TOLD, loss=Hinge(head="projection"), num_classes=(3, 4), num_images=9),
        "each image has 2 labels, but mine takes one: select one of them (for shapes: --data shapes:labels=shape), or "
        "choose --loss omni with --networks biggan, which take several",
    ),
    (
        "several labels an image, and networks for one",
        lambda: replace(TOLD, networks=DeepDCGAN(), num_classes=(3, 4, 5), num_images=9),
        "each image has 3 labels, but mine takes one",
    ),
    (
        "several labels an image, split into parts",
        lambda: replace(TOLD, labels=Partition(parts_per_class=2), num_classes=(3, 4), num_images=9),
        "each image has 2 labels, but parts_per_class takes one: select one of them",
    ),
    (
        "packs, and labels",
        lambda: replace(PLAIN, networks=DeepDCGAN(pack=2), labels=RandomLabels()),
        "packs of 2 examples can't have a label: set pack to 1, or labels to none",
    ),
    (
        "packs, and generators",
        lambda: replace(PLAIN, networks=DeepDCGAN(pack=2), **GENERATORS),
        "packs of 2 examples can't have a label",
    ),
    (
        "one label of its own, and a loss that tells labels apart",
        lambda: replace(TOLD, labels=Clusters(clusters=1)),
        "omni-loss needs at least 2 labels, and there is 1: choose another loss, such as --loss projection, which "
        "works with one",
    ),
    (
        "a batch that packs don't divide",
        lambda: replace(PLAIN, networks=DeepDCGAN(pack=3)),
        "a batch of 64 can't be divided into packs of 3: set batch_size to a value such as 63 or 66",
    ),
    (
        "a batch smaller than a pack",
        lambda: replace(PLAIN, networks=DeepDCGAN(pack=3), batch_size=2),
        "a batch of 2 can't be divided into packs of 3: set batch_size to a value such as 3",
    ),
    (
        "parts of a batch that packs don't divide",
        lambda: replace(PLAIN, networks=DeepDCGAN(pack=4), accumulation=32),
        "a batch of 64 in 32 micro-batches can't be divided into packs of 4: set batch_size to a value such as 128",
    ),
    (
        "packs that accumulation doesn't divide",
        lambda: replace(PLAIN, networks=DeepDCGAN(pack=2, packs=3), accumulation=4),
        "a batch of 6 in 4 micro-batches can't be divided into packs of 2: set packs to a value such as 4",
    ),
    (
        "layer norm on networks that don't support it",
        lambda: replace(PLAIN, norm=LayerNorm()),
        "--norm layer normalizes features, which this discriminator does not support: choose --networks standard, or "
        "another norm",
    ),
    (
        "batch norm in a residual critic",
        lambda: replace(PLAIN, networks=Standard(residual=True), norm=BatchNorm()),
        "--norm batch normalizes features, which this discriminator does not support",
    ),
    (
        "a norm of blocks, and no blocks",
        lambda: replace(PLAIN, norm=SparsityAware(where="blocks")),
        "where is blocks, but this discriminator has no residual blocks: set where to all, or choose --networks biggan "
        "or --networks standard-resnet",
    ),
    (
        "quarter turns of rectangles",
        lambda: replace(PLAIN, labels=RotationClusters(), resolution=(32, 48)),
        "--labels rotation rotates images by quarter turns, so they must be square, not 32x48: set resolution to one "
        "number",
    ),
    (
        "an image classifier on points",
        lambda: replace(PLANE, labels=ClassifierClusters()),
        "--labels classifier needs images, but mine generates points: choose other labels, such as --labels clusters",
    ),
    (
        "quarter turns of points",
        lambda: replace(PLANE, labels=RotationClusters()),
        "--labels rotation needs images, but mine generates points",
    ),
    (
        "augmented points",
        lambda: replace(PLANE, augmentation="color"),
        "augmentation 'color' changes pixels, but mine generates points: set augmentation to none, or choose a",
    ),
    (
        "shifted points",
        lambda: replace(PLANE, terms=Weights(consistency_weight=1.0)),
        "consistency_weight compares shifted images, but mine generates points: set consistency_weight to 0",
    ),
    (
        "shifted points of the generator",
        lambda: replace(PLANE, terms=Weights(fake_consistency_weight=1.0)),
        "fake_consistency_weight compares shifted images, but mine generates points: set fake_consistency_weight to 0",
    ),
    (
        "LeCam without a zero",
        lambda: replace(PLAIN, loss=Wasserstein(), terms=Weights(lecam_weight=0.3)),
        "lecam_weight needs scores where 0 means undecided, and those of the Wasserstein loss have no such zero: set "
        "lecam_weight to 0",
    ),
    (
        "ada without a zero",
        lambda: replace(PLAIN, loss=Relativistic(), augmentation="ada"),
        "augmentation ada needs scores where 0 means undecided, and those of the relativistic loss have no such zero: "
        "choose from color, translation and cutout",
    ),
    (
        "feature matching in parts of the batch",
        lambda: replace(PLAIN, terms=Weights(matching_weight=1.0), accumulation=2),
        "matching_weight compares means over the whole batch, which accumulation divides into micro-batches: set "
        "accumulation to 1, or matching_weight to 0",
    ),
    (
        "label maps, and networks of labels",
        lambda: replace(PLAIN, labels=Maps()),
        "these networks generate images from labels, or none, and these labels provide label maps: choose --labels "
        "clusters, which needs no labels, or --networks spade",
    ),
    (
        "pictures, and networks of labels",
        lambda: replace(PLAIN, labels=Pictures()),
        "these networks generate images from labels, or none, and these labels provide pictures of lower resolution: "
        "choose --labels clusters, which needs no labels, or --networks sr-resnet or rrdb",
    ),
    (
        "attributes, and networks of labels",
        lambda: replace(TOLD, labels=Attributes()),
        "these networks generate images from labels, or none, and these labels provide pictures with attributes",
    ),
    (
        "networks of label maps, and clusters",
        lambda: replace(SPADE, labels=Clusters()),
        "these networks generate images from label maps, and these labels provide labels, or none: choose --labels "
        "maps, or networks such as --networks biggan",
    ),
    (
        "networks of label maps, and several generators",
        lambda: replace(SPADE, **GENERATORS),
        "these networks generate images from label maps, and these labels provide labels, or none: choose --labels",
    ),
    (
        "networks of attributes, and none",
        lambda: replace(STARGAN, labels=NoLabels()),
        "these networks generate images from pictures with attributes, and these labels provide labels, or none: "
        "choose --labels attributes, or networks such as --networks biggan",
    ),
    (
        "networks of super-resolution, and label maps",
        lambda: replace(SHARP, networks=RRDB(), labels=Maps()),
        "these networks generate images from pictures of lower resolution, and these labels provide label maps: choose "
        "--labels pictures, or --networks spade",
    ),
    (
        "multi-hinge on score maps",
        lambda: replace(SPADE, loss=MultiHinge()),
        "multi-hinge doesn't work on the score maps of networks that take label maps: choose --loss hinge (or another "
        "one on one score, without head), relativistic-average or none, or --loss omni without one_sided",
    ),
    (
        "one-sided omni on score maps",
        lambda: replace(SPADE, loss=Omni(one_sided=True)),
        "omni-loss doesn't work on the score maps of networks that take label maps",
    ),
    (
        "omni on scores of attributes",
        lambda: replace(STARGAN, loss=Omni()),
        "omni-loss doesn't work on the score maps of networks that take pictures with attributes: choose --loss hinge "
        "(or another one on one score, without head), relativistic-average or none",
    ),
    (
        "omni on scores of pictures",
        lambda: replace(SHARP, loss=Omni()),
        "omni-loss doesn't work on the score maps of networks that take pictures of lower resolution",
    ),
    (
        "projection on score maps",
        lambda: replace(SPADE, loss=Hinge(head="projection")),
        "projection doesn't work on the score maps of networks that take label maps",
    ),
    (
        "metrics in training, and maps",
        lambda: replace(SPADE, metrics="fd"),
        "metrics fd in training need samples that are drawn from seeds alone, and these networks generate images from "
        "label maps: omit metrics, and score the run with `everymode evaluate`",
    ),
    (
        "packs of images with maps",
        lambda: replace(SPADE, networks=Spade(pack=2)),
        "packs of 2 images can't be combined with label maps: set pack to 1",
    ),
    (
        "consistency under shifts that maps don't follow",
        lambda: replace(SPADE, terms=Weights(consistency_weight=1.0)),
        "consistency_weight shifts images, and their label maps would stay: set consistency_weight to 0",
    ),
    (
        "ada without a zero, on means",
        lambda: replace(SHARP, loss=RelativisticAverage(), augmentation="ada"),
        "augmentation ada needs scores where 0 means undecided, and those of the relativistic average loss have no",
    ),
    (
        "means over parts of a batch",
        lambda: replace(SHARP, loss=RelativisticAverage(), accumulation=2),
        "the relativistic average loss compares with means over the whole batch, which accumulation divides into "
        "micro-batches: set accumulation to 1",
    ),
    (
        "crops that are no squares",
        lambda: replace(SHARP, resolution=(32, 64)),
        "crops are square: set resolution to one number, not (32, 64)",
    ),
    (
        "crops that are no multiple of the scale",
        lambda: replace(SHARP, resolution=30),
        "crops of 30 pixels can't be 4 times a whole number of pixels: set resolution to a multiple of 4",
    ),
    (
        "two normalizations of one critic",
        lambda: replace(SPADE, networks=Spade(critic_spectral=True)),
        "critic_spectral already normalizes the critic's inner convolutions: set critic_spectral to off, or norm to "
        "none",
    ),
    (
        "no adversary, and nothing to compare fakes with",
        lambda: replace(PLAIN, loss=NoAdversary()),
        "--loss none leaves terms that compare each fake with an image, and these networks draw fakes from noise: "
        "choose --loss hinge, or --networks spade, stargan, sr-resnet or rrdb",
    ),
    (
        "no adversary, and no terms",
        lambda: replace(PIXEL, terms=PictureWeights()),
        "--loss none leaves the generator without a loss: set pixel_weight, perceptual_weight or cycle_weight above 0, "
        "or choose --loss hinge",
    ),
    (
        "no adversary, and a perceptual term without network",
        lambda: replace(PIXEL, terms=PictureWeights(perceptual_weight=1.0, perceptual="none")),
        "--loss none leaves the generator without a loss",
    ),
    (
        "no adversary, and a penalty of the discriminator",
        lambda: replace(PIXEL, terms=PictureWeights(pixel_weight=1.0, r1_weight=1.0)),
        "r1_weight needs a trained discriminator, and --loss none trains none: set r1_weight to 0, or choose --loss",
    ),
    (
        "no adversary, and features of a discriminator",
        lambda: replace(PIXEL, terms=PictureWeights(pixel_weight=1.0, paired_matching_weight=1.0)),
        "paired_matching_weight needs a trained discriminator, and --loss none trains none: set",
    ),
    (
        "no adversary, and a norm that is a term",
        lambda: replace(PIXEL, norm=Orthonormal()),
        "Orthonormal is a term of the discriminator, and --loss none trains none: set norm to none",
    ),
    (
        "pairs without a pair",
        lambda: replace(STARGAN, terms=PictureWeights(pixel_weight=1.0)),
        "pixel_weight needs images that are paired with label maps or pictures: set pixel_weight to 0, or choose",
    ),
    (
        "a cycle without attributes",
        lambda: replace(SPADE, terms=PictureWeights(cycle_weight=1.0)),
        "cycle_weight needs pictures with attributes: set cycle_weight to 0, or choose other labels and networks",
    ),
    (
        "a divergence without an encoder",
        lambda: replace(SPADE, terms=PictureWeights(divergence_weight=0.1)),
        "divergence_weight needs SPADE's generator with an encoder: set latent_dim, or divergence_weight to 0",
    ),
    (
        "less than a row of labeled images",
        lambda: replace(TOLD, labels=Given(labeled_share=0.001)),
        "labeled_share 0.001 is less than one image of a batch of 64: set labeled_share to at least 0.0156, or to 0 "
        "for the same ratio as the dataset",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), [row[1:] for row in PARTS], ids=[row[0] for row in PARTS])
def test_parts_that_do_not_fit(make: Callable[[], Recipe], sentence: str) -> None:
    assert refused(make).startswith(sentence)


def test_their_neighbors_fit() -> None:
    assert replace(PLAIN, **GENERATORS).num_labels is None
    assert replace(PLAIN, labels=Clusters(clusters=7)).num_labels == 7
    assert replace(TOLD, num_classes=(3, 4)).num_labels == (3, 4)
    assert replace(TOLD, loss=Hinge(head="projection"), labels=Clusters(clusters=1)).num_labels == 1
    assert replace(PLAIN, networks=DeepDCGAN(pack=4), accumulation=16).networks.pack == 4
    assert replace(PLAIN, networks=Standard(), norm=BatchNorm()).norm == BatchNorm()
    assert replace(PLAIN, networks=Standard(residual=True), norm=SparsityAware(where="blocks"))
    assert replace(PLAIN, labels=RotationClusters(), resolution=(32, 32)).num_labels == 100
    assert replace(PLANE, resolution=(32, 48), labels=Clusters()).takes_points
    assert replace(PLAIN, loss=Wasserstein(), augmentation="color", terms=Weights(r1_weight=1.0))


def test_a_recipe_with_its_own_build_is_not_asked_about_parts() -> None:
    assert Recipe(augmentation="ada", num_classes=(3, 4)).parts() == []
    assert replace(PLAIN, loss=None, labels=Generators()).num_labels is None


# ---- data


def test_games_of_images_with_images_fit() -> None:
    for loss in (Hinge(), Hinge(head="scalar"), Relativistic(), RelativisticAverage(), Omni()):
        assert replace(SPADE, loss=loss).build().labels.pairs
    assert replace(SPADE, augmentation="ada,flip", networks=Spade(latent_dim=8)).build().augment is not None
    assert replace(SHARP, terms=Weights(consistency_weight=1.0)).terms.moves_pixels
    assert PIXEL.build().objective.adversarial is None
    assert replace(PIXEL, terms=PictureWeights(perceptual_weight=1.0, perceptual="lite0"))
    assert replace(PIXEL, norm=NoNorm()).notes() == []
    without_effect = replace(PIXEL, augmentation="color").notes()
    assert without_effect == ["norm and augmentation has no effect: --loss none trains no discriminator"]


MAPS = DataFacts("streets", 40, (3, 32, 32), 0, (), 40, "f", (), map_classes=5, has_edges=True)


def test_images_need_the_maps_or_pictures_that_they_are_generated_from() -> None:
    assert refused(lambda: SPADE.for_data(PHOTOS)) == (
        "photos has no label maps, and mine generates images from them: name their folder with --maps, or a folder "
        "with the folders images and maps"
    )
    assert refused(lambda: SHARP.for_data(PHOTOS)).startswith(
        "photos is not paired with pictures of 4 times lower resolution: pass a folder of sharp pictures"
    )
    assert "of 4 times lower" in refused(lambda: SHARP.for_data(data(scale=2)))
    assert SHARP.for_data(data(scale=4)) and replace(SHARP, networks=SRResNet(scale=2)).for_data(
        data(scale=2)
    )


def test_classes_and_edges_of_maps_are_those_of_the_data_or_the_recipes() -> None:
    filled = SPADE.for_data(MAPS).labels
    assert (filled.map_classes, filled.map_edges) == (5, True)
    assert SPADE.for_data(MAPS).labels.notes(SPADE) == [
        "label maps of 5 classes, with the edges of instances; 255 = no class"
    ]
    more = replace(SPADE, labels=Maps(map_classes=7, map_edges=False)).for_data(MAPS).labels
    assert (more.map_classes, more.map_edges) == (7, False)
    assert refused(lambda: replace(SPADE, labels=Maps(map_classes=4)).for_data(MAPS)) == (
        "streets has label maps with the class 4, and map_classes is 4: set map_classes to at least 5, or to auto"
    )
    assert "no instance maps, and map_edges is on" in refused(
        lambda: replace(SPADE, labels=Maps(map_edges=True)).for_data(replace(MAPS, has_edges=False))
    )
    assert "255 means no class" in refused(lambda: Maps(map_classes=256))


def test_attributes_must_be_given_and_nothing_else_is_proposed() -> None:
    none = data(num_classes=0, class_counts=(), classes=(), num_unlabeled=40)
    assert refused(lambda: STARGAN.for_data(none)) == ("mine needs labels, and the data has none: add labels")
    blocks = data(num_classes=(3, 2), class_counts=(20, 15, 5, 20, 20), classes=())
    assert refused(STARGAN.for_data(blocks).build) == (
        "no image has all of its attributes, so no targets can be drawn: complete some rows of the labels"
    )
    known = replace(blocks, combination_counts=((0, 1, 15), (2, 0, 25)))
    assert STARGAN.for_data(known).build().labels.sizes == (3, 2)
    assert STARGAN.for_data(PHOTOS).build().labels.sizes == (3,)


def test_the_network_of_a_perceptual_term_must_be_named() -> None:
    published = replace(SHARP, terms=PictureWeights(perceptual_weight=1.0, perceptual=None))
    sharp = data(scale=4)
    assert refused(lambda: published.for_data(sharp)).startswith(
        "mine has a perceptual term, whose network must be named: --perceptual vgg=FILE"
    )
    without = published.with_numbers(perceptual="none").for_data(sharp)
    assert "no perceptual term (perceptual none): the published loss has one" in without.notes()
    assert any("EfficientNet-Lite0" in note for note in published.with_numbers(perceptual="lite0").notes())
    with pytest.raises(FileNotFoundError, match="there is no nowhere"):
        published.with_numbers(perceptual="vgg=nowhere").for_data(sharp)
    for wrong in ("vgg", "vgg=", "alexnet", ""):
        assert refused(lambda wrong=wrong: published.with_numbers(perceptual=wrong)).startswith(
            "perceptual must be"
        )


def data(**facts: object) -> DataFacts:
    return replace(PHOTOS, **facts)


def test_points_and_images_are_not_mistaken_for_each_other() -> None:
    points = data(name="ring", image_shape=(2,))
    assert refused(lambda: PLAIN.for_data(points)) == (
        "ring contains points, but mine generates images: choose a recipe for points"
    )
    assert refused(lambda: PLANE.for_data(PHOTOS)) == (
        "photos contains images, but mine generates points: choose a recipe for images, or --data ring or --data grid"
    )
    assert PLANE.for_data(points).channels == 2
    fit.check_kind(Recipe(), points)  # one with its own build may draw what it likes


@pytest.mark.parametrize("labels", [Given(), Partition(parts_per_class=2)])
def test_given_labels_must_be_given(labels: Labels) -> None:
    recipe = replace(TOLD, labels=labels)
    none = data(num_classes=0, class_counts=(), classes=(), num_unlabeled=40)
    said = "mine needs labels, and the data has none: add labels, or choose --labels clusters, which needs no labels"
    assert refused(lambda: recipe.for_data(none)).startswith(said)
    assert refused(replace(recipe, num_classes=0).build).startswith(said)
    hidden = data(class_counts=(0, 0, 0), num_unlabeled=40)
    assert refused(lambda: recipe.for_data(hidden)).startswith(
        "mine needs labels, and none of the 40 images of photos has one: label some of them, or choose --labels "
    )


def test_a_loss_that_asks_for_every_label() -> None:
    few = data(class_counts=(20, 10, 5), num_unlabeled=5)
    assert refused(lambda: replace(TOLD, loss=Hinge(head="projection")).for_data(few)) == (
        "projection needs a label for each image, and 5 of 40 images of photos have none: label them, or choose "
        "--loss multi-hinge, which guesses missing labels, or --loss omni, which only asks that these images look real"
    )
    assert "5 of 40 points of photos" in refused(
        lambda: replace(PLANE, labels=Given()).for_data(replace(few, image_shape=(2,)))
    )
    for loss in (Omni(), MultiHinge()):
        assert replace(TOLD, loss=loss).for_data(few).num_images == 40
    assert PLAIN.for_data(few).num_labels is None


def test_a_loss_that_tells_labels_apart_needs_two() -> None:
    one = data(num_classes=1, class_counts=(40,), classes=("a",))
    assert refused(lambda: TOLD.for_data(one)).startswith(
        "omni-loss needs at least 2 labels, and there is 1: choose "
    )
    assert replace(TOLD, loss=Hinge(head="projection")).for_data(one).num_labels == 1
    blocks = data(num_classes=(3, 1), class_counts=(20, 15, 5, 40), classes=())
    assert refused(lambda: TOLD.for_data(blocks)) == (
        "omni-loss needs at least 2 classes per label, and one of an image's labels has 1: omit that label"
    )


def test_several_labels_are_found_in_the_data_too() -> None:
    blocks = data(num_classes=(3, 2), class_counts=(20, 15, 5, 20, 20), classes=())
    with pytest.raises(ValueError, match="each image has 2 labels, but mine takes one"):
        replace(TOLD, loss=Hinge(head="projection")).for_data(blocks)
    assert TOLD.for_data(blocks).num_labels == (3, 2)
    assert replace(TOLD, labels=Clusters()).for_data(blocks).num_labels == 4


def test_an_automatic_decay_needs_labels_to_go_by() -> None:
    own = Recipe(name="own", discriminator_weight_decay=None)
    assert refused(lambda: own.for_data(PHOTOS)) == (
        "discriminator_weight_decay is auto, which is derived from the images per label, but own has no labels part "
        "that counts them: set discriminator_weight_decay to a number"
    )
    assert replace(own, discriminator_weight_decay=0.1).for_data(PHOTOS).discriminator_weight_decay == 0.1


def test_what_a_sentence_tells_to_set_can_be_set() -> None:
    known = {*KINDS, *TOLD.flat_numbers(), *PLAIN.flat_numbers(), *SPADE.flat_numbers(), "parts_per_class"}
    known |= {*PIXEL.flat_numbers(), *STARGAN.flat_numbers()}
    told = {number for _, _, sentence in PARTS for number in re.findall(r"set (\w+) to", sentence)}
    assert {"head", "pack", "where", "accumulation", "lecam_weight"} <= told <= known
