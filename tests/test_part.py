"""Parts: each refuses impossible numbers by itself, says what a part of one's own must define, and is a value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from everymode.data.facts import DataFacts
from everymode.game import LabelSource
from everymode.labels.given import GivenLabels
from everymode.networks.heads import ScalarHead
from everymode.part import Labels, Loss, LossPieces, NetworkNeeds, Networks, Norm, Part, Terms
from everymode.recipe import KINDS, Recipe
from everymode.recipes.ac_gan import AuxiliaryClassifier
from everymode.recipes.contragan import Contrastive
from everymode.recipes.logo_gan import AutoencoderClusters, ClassifierClusters
from everymode.recipes.mgan import Generators
from everymode.recipes.multi_hinge_gan import FakeClass, MultiHinge, SharedMultiHinge
from everymode.recipes.omni_gan import DIGITS
from everymode.recipes.omni_inr_gan import ImplicitBigGAN
from everymode.recipes.partition_guided import Partition
from everymode.recipes.parts.biggan_networks import BigGAN
from everymode.recipes.parts.catalog import PARTS, name_of
from everymode.recipes.parts.given_labels import Given, NoLabels
from everymode.recipes.parts.norms import Orthonormal, Spectral, WeightClipping, WeightRuleNorm
from everymode.recipes.parts.plain_losses import Hinge, PlainLoss
from everymode.recipes.parts.small_networks import DeepDCGAN, PointNetworks
from everymode.recipes.parts.terms import Weights
from everymode.recipes.random_labels_gan import RandomLabels
from everymode.recipes.reacgan import DataToData
from everymode.recipes.rotnet_gan import RotationClusters
from everymode.recipes.san_gan import SparsityAware
from everymode.recipes.self_conditioned import Clusters

NAN, INFINITE = float("nan"), float("inf")
BELOW_ONE = [
    *((BigGAN, name) for name in ("width", "latent_dim", "pack", "packs", "doublings")),
    (PointNetworks, "discriminator_width"),
    (ImplicitBigGAN, "head_width"),
    *((Clusters, name) for name in ("clusters", "refresh_every", "cluster_images", "cluster_starts")),
    *((Partition, name) for name in ("pretext_steps", "partition_steps")),
    *((RotationClusters, name) for name in ("feature_steps", "feature_batch", "feature_width")),
    (AutoencoderClusters, "code_dim"),
]
NEGATIVE = [
    *((BigGAN, name) for name in ("shared_dim", "generator_attention", "discriminator_attention")),
    *((MultiHinge, name) for name in ("margin", "generator_margin", "class_weight")),
    *((FakeClass, name) for name in ("margin", "class_weight")),
    *((each, "class_weight") for each in (AuxiliaryClassifier, Contrastive, DataToData)),
    *((Generators, name) for name in ("diversity_weight", "classifier_weight")),
    (Orthonormal, "orthonormal_weight"),
    *((Weights, name) for name in ("r1_weight", "r2_weight", "penalty_weight", "lecam_weight")),
    *((Weights, name) for name in ("consistency_weight", "fake_consistency_weight", "matching_weight")),
]
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (
        Hinge,
        {"class_bias": True},
        "class_bias needs head projection: set head to projection, or class_bias to off",
    ),
    (
        AuxiliaryClassifier,
        {"improved": True, "projection": True},
        "improved and projection exclude each other",
    ),
    (AuxiliaryClassifier, {"improved": True, "aux_on_fake": False}, "improved needs aux_on_fake"),
    (SharedMultiHinge, {"hinge_start": -5}, "hinge_start must be a step, at least 0, not -5"),
    *(
        (each, {name: value}, "embedding_dim must be at least 1 and temperature above 0")
        for each in (Contrastive, DataToData)
        for name, value in (("embedding_dim", 0), ("temperature", 0.0), ("temperature", NAN))
    ),
    (Given, {"labeled_share": 1.5}, r"from 0 \(same ratio as the dataset\) to 1, not 1.5"),
    (Given, {"labeled_share": NAN}, r"from 0 \(same ratio as the dataset\) to 1, not nan"),
    (Generators, {"generators": 1}, "generators must be at least 2, not 1; for one: --labels none"),
    (
        Clusters,
        {"clusters": 9, "cluster_images": 8},
        "9 clusters need at least as many images, not 8: raise cluster_images",
    ),
    (
        Clusters,
        {"online_memory": -1},
        r"online_memory must be a number of images, or 0 for all of a center, not -1",
    ),
    (RotationClusters, {"clusters": 0}, "clusters must be at least 1, not 0"),
    (
        RotationClusters,
        {"cluster_starts": 0},
        "cluster_starts must be at least 1, not 0",
    ),
    (
        RotationClusters,
        {"cluster_images": 99},
        "100 clusters need at least as many images, not 99: raise cluster_images",
    ),
    *(
        (RotationClusters, {"feature_lr": value}, f"feature_lr must be above 0 and finite, not {value}")
        for value in (0.0, -1.0, NAN, INFINITE)
    ),
    (ClassifierClusters, {"feature_size": 31}, "feature_size must be at least 32 pixels, not 31"),
    (Partition, {"parts": 1}, r"parts must be 2 or more \(with random_parts also 1: a plain GAN\), not 1"),
    (
        Partition,
        {"parts_per_class": 1},
        "parts_per_class must be at least 2, or 0 for off, not 1; for classes .* choose --labels given",
    ),
    (Partition, {"parts_per_class": -2}, "parts_per_class must be at least 2, or 0 for off, not -2"),
    *(
        (Partition, wrong, "guide_weight must be finite, guide_floor between 0 and guide_weight")
        for wrong in ({"guide_weight": -1.0}, {"guide_weight": NAN}, {"guide_floor": 7.0}, {"guide_steps": 0})
    ),
    (Partition, {"random_parts": True, "parts_per_class": 2}, "random_parts can't split classes"),
    (Partition, {"random_parts": True}, "random_parts has no partitioner and no guide"),
    (Partition, {"random_parts": True, "guide_weight": 0.0, "partitioner": "p"}, "and omit partitioner"),
    *((Spectral, {"spectral_epsilon": value}, "at least 0 and finite") for value in (-1e-8, NAN, INFINITE)),
    *((SparsityAware, {"fraction": value}, "above 0 and at most 1") for value in (0.0, 1.5, NAN)),
    *(
        (SparsityAware, {"gain": value}, "gain must be above 0 and finite")
        for value in (0.0, -1.0, NAN, INFINITE)
    ),
    (SparsityAware, {"interval": 0}, "interval must be at least 1 critic step, not 0"),
    *(
        (SparsityAware, {"momentum": value}, "momentum must be at least 0 and below 1")
        for value in (-0.1, 1.0, NAN)
    ),
    (
        SparsityAware,
        {"in_place": True, "momentum": 0.5},
        r"momentum 0.5 .* set momentum to 0, or in_place to off",
    ),
    *(
        (WeightClipping, {"clip": value}, "clip must be above 0 and finite")
        for value in (0.0, -1.0, NAN, INFINITE)
    ),
    *(
        (Weights, {"gamma": value}, "gamma and final_gamma must be at least 0 and finite")
        for value in (-1.0, NAN, INFINITE)
    ),
    (Weights, {"gamma": 1.0, "final_gamma": -0.1}, "finite, not 1.0 and -0.1"),
    *(
        (Weights, {"gamma": 1.0, name: 0.5}, "gamma already sets the weights of R1 and R2")
        for name in ("r1_weight", "r2_weight")
    ),
]


@pytest.mark.parametrize(("part", "name"), BELOW_ONE)
def test_counts_are_1_or_more(part: type[Part], name: str) -> None:
    for wrong in (0, -3):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, not {wrong}"):
            part(**{name: wrong})


@pytest.mark.parametrize(("part", "name"), NEGATIVE)
def test_weights_and_margins_are_0_or_more(part: type[Part], name: str) -> None:
    for wrong in (-1, NAN, INFINITE):
        kind = rf"{name} must be (0 \(none\) or more|of type int), not {wrong}"
        with pytest.raises(ValueError, match=kind):
            part(**{name: wrong})
    assert getattr(part(**{name: 0}), name) == 0


@pytest.mark.parametrize(("part", "numbers", "sentence"), REFUSED)
def test_what_a_part_refuses(part: type[Part], numbers: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        part(**numbers)


def test_a_part_is_a_value() -> None:
    assert Clusters() == Clusters(clusters=None) != Clusters(online=True)
    assert len({Clusters(), Clusters(), Spectral()}) == 2
    with pytest.raises(FrozenInstanceError):
        Clusters().clusters = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        Clusters(3)  # type: ignore[misc]
    with pytest.raises(ValueError, match="clusters must be at least 1"):
        replace(Clusters(), clusters=0)


def test_each_contract_is_of_its_kind() -> None:
    assert tuple(each.kind for each in (Networks, Loss, Labels, Norm, Terms)) == KINDS


def test_what_a_part_of_ones_own_must_define() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Own(Networks, WeightRuleNorm):
        """Of several kinds, to ask for what each must define."""

    needs = NetworkNeeds((8, 8), 1, None, ScalarHead)
    for ask, sentence in (
        (lambda: Networks().pair(needs), r"Networks has no pair\(\): define it"),
        (lambda: Own().pair(needs), r"Own has no pair\(\): define it"),
        (lambda: Loss().pieces(DIGITS), r"Loss has no pieces\(\): define it"),
        (lambda: PlainLoss().pieces(DIGITS), r"PlainLoss has no adversarial\(\): define it"),
        (lambda: Labels().num_labels(DIGITS), r"Labels has no num_labels\(\): define it"),
        (lambda: Labels().source(DIGITS), r"Labels has no source\(\): define it"),
        (lambda: WeightRuleNorm().rule(), r"WeightRuleNorm has no rule\(\): define it"),
    ):
        with pytest.raises(NotImplementedError, match=sentence):
            ask()


def test_what_the_contracts_say_where_a_part_says_nothing() -> None:
    facts = DataFacts("photos", 5, (1, 32, 32), 2, (2, 3), 0, "f", ("cat", "dog"))
    for part in (Loss(), Labels(), Norm(), Terms()):
        assert part.notes(DIGITS) == []
        assert part.for_data(DIGITS, facts) is part.shrunk(DIGITS) is DIGITS
    assert Terms().build(DIGITS) == Labels().terms(NoLabels().source(DIGITS)) == ((), ())
    assert Norm().terms() == () and Norm().constraint(nn.Identity()) is None and Norm().feature_norm() is None
    labels = Labels()
    assert (labels.needs_given, labels.refresh_interval, labels.share_labeled) == (False, 0, None)
    assert labels.class_head() is None and labels.first_layer() is None
    assert Loss().needs_labels(DIGITS) and Loss().takes_unlabeled(DIGITS)


def test_an_example_is_what_a_discriminator_takes() -> None:
    needs = NetworkNeeds((8, 6), 3, None, ScalarHead)
    example = DeepDCGAN().example
    images, label = example(needs)
    assert images.shape == (1, 3, 8, 6) and label is None
    assert DeepDCGAN(pack=2).example(needs)[0].shape == (2, 3, 8, 6)
    assert PointNetworks(pack=3).example(needs)[0].shape == (3, 2)
    _, label = example(replace(needs, num_labels=4))
    assert label.shape == (1,) and label.dtype == torch.long
    assert example(replace(needs, num_labels=(4, 2)))[1].shape == (1, 2)


def test_networks_for_codes_judge_one_example_by_itself() -> None:
    assert DeepDCGAN(pack=3, packs=5, width=7).for_codes(9) == DeepDCGAN(width=7, latent_dim=9)
    plain = BigGAN(shared_dim=8, hierarchical=True).for_codes(9)
    assert (plain.latent_dim, plain.hierarchical) == (9, False)


def test_images_per_label() -> None:
    recipe = replace(DIGITS, num_images=100, num_classes=4, class_counts=(20, 20, 20, 20))
    assert Given().images_per_label(recipe) == (80, 4)
    assert NoLabels().images_per_label(recipe) is None and Generators().images_per_label(recipe) is None
    assert Clusters(clusters=5).images_per_label(recipe) == (100, 5)
    assert RandomLabels().images_per_label(recipe)[0] == 100
    several = replace(recipe, num_classes=(2, 4), class_counts=(50, 50, 20, 20, 20, 20))
    assert Given().images_per_label(several) == (90, 3.0)


# ---- of one's own


@dataclass(frozen=True, kw_only=True)
class EvenAndOdd(Labels):
    """An image's label is whether its number is odd."""

    swapped: bool = False
    """The other way round."""

    def num_labels(self, recipe: Recipe) -> int:
        return 2

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        return GivenLabels(2)


@dataclass(frozen=True, kw_only=True)
class Squared(Loss):
    """Scores to 1 and to 0."""

    called: ClassVar[str] = "my loss"
    target: float = 1.0
    """What reals are drawn to."""

    def needs_labels(self, recipe: Recipe) -> bool:
        return False

    def pieces(self, recipe: Recipe) -> LossPieces:
        return LossPieces(SquaredDistance(self.target), partial(ScalarHead))


class SquaredDistance:
    """Of one score per image."""

    def __init__(self, target: float) -> None:
        self.target = target

    def discriminator(self, real: Tensor, fake: Tensor, *conditions: object) -> Tensor:
        return (real - self.target).square().mean() + fake.square().mean()

    def generator(self, fake: Tensor, condition: object) -> Tensor:
        return (fake - self.target).square().mean()


def test_parts_of_ones_own_mix_with_those_that_ship() -> None:
    recipe = replace(DIGITS.shrunk(), loss=Squared(), labels=NoLabels()).with_numbers(target=2.0)
    assert recipe.loss == Squared(target=2.0) and recipe.flat_numbers()["target"] == 2.0
    game = recipe.build()
    assert isinstance(game.discriminator.head, ScalarHead)
    assert float(game.objective.adversarial.generator(torch.tensor([[1.0], [2.0]]), None)) == 0.5
    with pytest.raises(
        ValueError, match="there are labels, but my loss has a scalar head, which ignores them"
    ):
        replace(recipe, labels=EvenAndOdd())
    told = replace(DIGITS.shrunk(), labels=EvenAndOdd()).with_numbers(swapped=True)
    assert told.num_labels == 2 and told.labels.swapped and not told.needs_labels()
    assert told.build().discriminator.head.linear.out_features == 4


def test_hyper_parameters_without_effect_are_noted() -> None:
    def notes(**parts: Any) -> list[str]:
        return replace(DIGITS, **parts).notes()

    without = "final_gamma 0.01 has no effect: gamma is 0"
    assert without in notes(terms=Weights(final_gamma=0.01))
    assert without not in notes(terms=Weights(gamma=0.1, final_gamma=0.01))
    assert not [note for note in notes(terms=Weights()) if "final_gamma" in note]

    unused = "spectral_epsilon 1e-06 has no effect on the discriminator: only --norm spectral and --where blocks use it"
    for norm in (Spectral(estimate="exact", spectral_epsilon=1e-6), SparsityAware(spectral_epsilon=1e-6)):
        assert unused in notes(norm=norm)
        assert unused not in notes(norm=replace(norm, where="blocks"))
        assert unused not in notes(norm=replace(norm, spectral_epsilon=1e-8))
    assert unused not in notes(norm=Spectral(spectral_epsilon=1e-6))


def test_options_in_error_messages_are_those_of_the_catalog() -> None:
    classes = {entry.part_class for entries in PARTS.values() for entry in entries.values()}
    shown = {each.option: f"--{each.kind} {name_of(each())}" for each in classes if each.option}
    assert len(shown) == 4 and all(option == expected for option, expected in shown.items())
    assert Squared().display_name == "Squared"
