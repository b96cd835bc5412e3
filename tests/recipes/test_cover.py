"""Parts mix: what is refused is what the list below says, and every pair of values plays together in some game."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import pytest
import torch
from paired_games import paired_data
from torch.nn.utils import parametrize
from toy_games import toy_data, toy_trainer

from everymode.data.opening import open_images
from everymode.part import Part
from everymode.recipe import Recipe
from everymode.recipes.ac_gan import AuxiliaryClassifier
from everymode.recipes.multi_hinge_gan import FakeClass
from everymode.recipes.parts.catalog import PARTS, part_called
from everymode.recipes.parts.given_labels import Given
from everymode.recipes.parts.picture_terms import PictureWeights
from everymode.recipes.parts.plain_losses import Hinge, Logistic, PlainLoss
from everymode.recipes.parts.small_networks import DeepDCGAN
from everymode.recipes.parts.terms import Weights
from everymode.recipes.san_gan import SparsityAware
from everymode.training.trainer import Trainer

NONE = "none"
PLAIN = {"hinge", "logistic", "wasserstein", "least-squares", "relativistic", "relativistic-average"}
WITHOUT_ZERO = {"wasserstein", "relativistic", "relativistic-average"}
WITH_FIRST_LAYER = {"dcgan-shallow", "dcgan-deep", "stability-resnet", "points", "packs"}
WITH_BLOCKS = {"biggan", "biggan-tapered", "biggan-imported", "biggan-implicit", "standard-resnet"}
KINDS_OF_CONDITION = {
    **dict.fromkeys(("spade", "maps"), "maps"),
    **dict.fromkeys(("sr-resnet", "rrdb", "pictures"), "pictures"),
    **dict.fromkeys(("stargan", "attributes"), "attributes"),
}
"""What networks take and labels provide, other than labels."""
OF_PAIRS, OF_ATTRIBUTES = {"pixels", "paired"}, {"cycle", "classification"}
CONSISTENCY = {"consistency_weight", "fake_consistency_weight"}
FURTHER: dict[str, dict[str, Part]] = {
    "networks": {"packs": DeepDCGAN(pack=2)},
    "loss": {
        "scalar": Logistic(head="scalar"),
        "projection with bias": Hinge(head="projection", class_bias=True),
        "k1 of any class": FakeClass(complement=True),
        "ac beside projection": AuxiliaryClassifier(projection=True, aux_on_fake=False),
    },
    "labels": {"reused": Given(fake_labels="reused"), "as in the data": Given(fake_labels="data")},
    "norm": {"blocks": SparsityAware(where="blocks"), "in place": SparsityAware(in_place=True)},
    "terms": {
        each.name: Weights(**{each.name: 0.1}) for each in fields(Weights) if each.name != "final_gamma"
    }
    | {
        "pixels": PictureWeights(pixel_weight=0.1, squared_pixels=True),
        "paired": PictureWeights(paired_matching_weight=0.1, adversarial=0.5),
        "cycle": PictureWeights(cycle_weight=0.1),
        "classification": PictureWeights(classification_weight=0.1),
    },
}
AUGMENTATIONS = ("", "translation,cutout", "ada")


@dataclass(frozen=True)
class Mixture:
    """One value of each kind, by name."""

    networks: str
    loss: str
    labels: str
    norm: str
    terms: str
    augmentation: str

    def pairs(self) -> set[tuple[tuple[str, str], ...]]:
        """All pairs of (kind, value) in it."""
        chosen = [(each.name, getattr(self, each.name)) for each in fields(self)]
        return set(itertools.combinations(chosen, 2))


@cache
def values(kind: str) -> dict[str, Any]:
    """What a kind may be, by name."""
    if kind == "augmentation":
        return {name or NONE: name for name in AUGMENTATIONS}
    return {name: part_called(kind, name) for name in PARTS[kind]} | FURTHER.get(kind, {})


def recipe_of(mixture: Mixture) -> Recipe:
    """The mixture's recipe. Raises ValueError where its parts don't fit."""
    parts = {
        each.name: values(each.name)[getattr(mixture, each.name)]
        for each in fields(mixture)
        if each.name != "augmentation"
    }
    return Recipe(
        name="mixture",
        resolution=16,
        channels=1,
        num_classes=3,
        augmentation=values("augmentation")[mixture.augmentation],
        **parts,
    )


def may_be_refused(mixture: Mixture) -> bool:
    """The refusals that there may be, and no others."""
    kind = KINDS_OF_CONDITION.get(mixture.networks, "labels")
    if kind != KINDS_OF_CONDITION.get(mixture.labels, "labels"):
        return True
    if kind != "labels":
        return may_be_refused_of_pictures(mixture, kind)
    unlabeled = mixture.labels == NONE
    several = mixture.labels == "generators"
    asks = mixture.loss not in PLAIN | {"scalar"}
    return any(
        (
            mixture.loss == NONE,
            mixture.terms in OF_PAIRS | OF_ATTRIBUTES,
            asks and unlabeled,
            mixture.loss == "scalar" and not unlabeled and not several,
            several and asks,
            several and mixture.networks not in WITH_FIRST_LAYER,
            mixture.networks == "packs" and not unlabeled,
            mixture.norm in ("layer", "batch") and mixture.networks != "standard",
            mixture.norm == "blocks" and mixture.networks not in WITH_BLOCKS,
            needs_a_zero(mixture),
            mixture.networks == "points"
            and (
                mixture.augmentation != NONE
                or mixture.labels in ("classifier", "rotation")
                or mixture.terms in CONSISTENCY
            ),
        )
    )


def may_be_refused_of_pictures(mixture: Mixture, kind: str) -> bool:
    """The same where the conditions are label maps, pictures or attributes."""
    losses = PLAIN | {"scalar", NONE} | ({"omni"} if kind == "maps" else set())
    alone = {"cycle"} if kind == "attributes" else {"pixels"}  # terms that train a generator
    return any(
        (
            mixture.loss not in losses,
            mixture.norm in ("layer", "batch", "blocks"),
            mixture.terms in (OF_PAIRS if kind == "attributes" else OF_ATTRIBUTES),
            mixture.terms in CONSISTENCY and kind == "maps",
            needs_a_zero(mixture),
            mixture.loss == NONE and (mixture.terms not in alone or mixture.norm == "orthonormal"),
        )
    )


def needs_a_zero(mixture: Mixture) -> bool:
    """Whether something goes by the sign of scores that have none."""
    signs = mixture.terms == "lecam_weight" or mixture.augmentation == "ada"
    return mixture.loss in WITHOUT_ZERO and signs


def is_refused(mixture: Mixture) -> str:
    """The sentence with which a mixture is refused, or ""."""
    try:
        recipe_of(mixture)
    except ValueError as error:
        return str(error)
    return ""


def some_mixtures(count: int, seed: int) -> list[Mixture]:
    """Mixtures at random."""
    draw = random.Random(seed)
    kinds = [each.name for each in fields(Mixture)]
    drawn = [{kind: draw.choice(list(values(kind))) for kind in kinds} for _ in range(count)]
    # Few networks and labels are for each other by chance, so in every third mixture they are.
    pictures = [name for name in PARTS["networks"] if name in KINDS_OF_CONDITION]
    for chosen in drawn[::3]:
        chosen["networks"] = draw.choice(pictures)
        chosen["labels"] = KINDS_OF_CONDITION[chosen["networks"]]
    return [Mixture(**chosen) for chosen in drawn]


def cover(seed: int, *, singles: bool) -> list[Mixture]:
    """Mixtures that fit and together have every value (singles), or every pair of values that fits at all."""
    draw, kinds = random.Random(seed), [each.name for each in fields(Mixture)]
    items = [(kind, value) for kind in kinds for value in values(kind)]
    wanted = {(item,) for item in items} if singles else set(itertools.combinations(items, 2))
    wanted = {each for each in wanted if len({kind for kind, _ in each}) == len(each)}
    found = []
    for goal in sorted(wanted):
        if goal not in wanted:
            continue
        best, most = None, 0
        for _ in range(12):
            mixture = _completed(dict(goal), draw, kinds)
            if mixture is None:
                continue
            covered = _covered(mixture, singles=singles) & wanted
            if len(covered) > most:
                best, most = mixture, len(covered)
        if best is not None:
            found.append(best)
            wanted -= _covered(best, singles=singles)
        wanted.discard(goal)
    return found


def _covered(mixture: Mixture, *, singles: bool) -> set[Any]:
    if singles:
        return {((each.name, getattr(mixture, each.name)),) for each in fields(mixture)}
    return mixture.pairs()


def _completed(given: dict[str, str], draw: random.Random, kinds: list[str]) -> Mixture | None:
    """A mixture that fits, with these values; None where none is found."""
    for _ in range(60):
        chosen = {kind: given.get(kind) or draw.choice(list(values(kind))) for kind in kinds}
        for one, other in (("networks", "labels"), ("labels", "networks")):
            kind = KINDS_OF_CONDITION.get(chosen[one])
            if one in given and kind and other not in given:
                fitting = [name for name in values(other) if KINDS_OF_CONDITION.get(name) == kind]
                chosen[other] = draw.choice(fitting)
        mixture = Mixture(**chosen)
        if not may_be_refused(mixture):
            return mixture
    return None


def play(mixture: Mixture) -> Trainer:
    """Three shrunk steps of the mixture's game, on images or points with three labels."""
    recipe = recipe_of(mixture).shrunk()
    data = open_images("ring:modes=3") if recipe.takes_points else toy_data(size=recipe.size[0])
    if mixture.networks in KINDS_OF_CONDITION:
        data = paired_data(recipe)
    recipe = recipe.for_data(data.facts())
    trainer = toy_trainer(recipe, data)
    for _ in range(3):
        trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None, bad
    assert all(math.isfinite(value) for value in means.values())
    look_at(trainer, recipe, mixture, means)
    return trainer


HEADS = {
    **dict.fromkeys(("projection", "projection with bias"), "ProjectionHead"),
    **dict.fromkeys(("omni", "one-sided-omni", "multi-hinge-k1", "k1 of any class"), "ClassifierHead"),
    **dict.fromkeys(("multi-hinge", "ac beside projection"), "ProjectionClassifierHead"),
    **dict.fromkeys(("2c", "d2d-ce"), "EmbeddingHead"),
    **dict.fromkeys(("ac", "imac", "scalar"), "ScalarHead"),
    "multi-hinge-shared": "SharedProjectionHead",
}
"""The head of each loss; of the plain ones left to themselves, SelectHead with labels and ScalarHead without."""
SOURCES = {
    **dict.fromkeys(("given", "reused", "as in the data"), "GivenLabels"),
    **dict.fromkeys(("autoencoder", "classifier", "rotation"), "FixedClusters"),
    NONE: "NoLabels",
    "clusters": "ClusterLabels",
    "online-clusters": "OnlineClusterLabels",
    "partition": "PartitionLabels",
    "random-partition": "FixedParts",
    "class-parts": "ClassPartLabels",
    "random": "RandomLabels",
    "generators": "GeneratorLabels",
    **dict.fromkeys(("maps", "pictures"), "PairedCondition"),
    "attributes": "TargetLabels",
}
RULES = {
    "spectral": {"SpectralNorm"},
    "convolution-spectral": {"ConvolutionSpectralNorm"},
    "exact-spectral": {"ExactSpectralNorm"},
    "weight": {"WeightNorm"},
    "sparsity-aware": {"SparsityAware"},
    "blocks": {"SparsityAware", "SpectralNorm"},
}
"""What parametrizes D's convolutions, and in "blocks" what is outside them too."""
TERMS = {
    "r1_weight": {"r1"},
    "r2_weight": {"r2"},
    "gamma": {"r1", "r2"},
    "penalty_weight": {"gradient_penalty"},
    "lecam_weight": {"lecam"},
    "consistency_weight": {"consistency"},
    "fake_consistency_weight": {"consistency"},
    "matching_weight": {"feature_matching"},
    "pixels": {"pixel"},
    "paired": {"paired_matching"},
    "cycle": {"cycle"},
    "classification": {"attributes"},
}


def look_at(trainer: Trainer, recipe: Recipe, mixture: Mixture, means: dict[str, float]) -> None:
    """The game has the mixture's head, label source, weight rule and terms, as the tables above say."""
    game, critic = trainer.game, trainer.game.discriminator
    critic = getattr(critic, "discriminator", critic)
    by_itself = "ScalarHead" if mixture.labels in (NONE, "generators") else "SelectHead"
    if mixture.networks not in KINDS_OF_CONDITION:
        assert type(critic.head).__name__ == HEADS.get(mixture.loss, by_itself)
    assert (game.objective.adversarial is None) == (mixture.loss == NONE)
    assert game.objective.adversarial_weight == (0.5 if mixture.terms == "paired" else 1)
    assert type(game.labels).__name__ == SOURCES[mixture.labels]
    ruled = {
        name: type(layer.parametrizations.weight[0]).__name__
        for name, layer in critic.named_modules()
        if parametrize.is_parametrized(layer, "weight")
    }
    convolutions = {rule for name, rule in ruled.items() if critic.get_submodule(name).weight.dim() == 4}
    if mixture.norm == "blocks":
        inside = {rule for name, rule in ruled.items() if name.startswith("blocks.")}
        outside = {rule for name, rule in ruled.items() if not name.startswith("blocks.")}
        assert (inside, outside) == ({"SparsityAware"}, {"SpectralNorm"})
    elif mixture.norm not in RULES:
        assert not ruled
    elif mixture.networks != "points":  # which have no convolutions
        assert convolutions == RULES[mixture.norm]
    else:
        assert ruled
    assert (game.constraint is not None) == (mixture.norm in ("clipping", "in place"))
    logged = {name.partition("/")[2] for name in means}
    wanted = TERMS.get(mixture.terms, set())
    assert wanted <= logged and not (set().union(*TERMS.values()) - wanted) & logged
    assert ("orthonormal" in logged) == (mixture.norm == "orthonormal")
    assert ("guide" in logged) == (mixture.labels in ("partition", "class-parts"))
    assert ("generator of fakes" in logged) == (mixture.labels == "generators")
    assert (game.augment is None) == (mixture.augmentation == NONE)


def shown(mixture: Mixture) -> str:
    return "+".join(getattr(mixture, each.name) for each in fields(mixture))


def test_what_is_refused_is_on_the_list_and_nothing_else() -> None:
    for mixture in some_mixtures(1500, seed=1):
        sentence = is_refused(mixture)
        assert bool(sentence) == may_be_refused(mixture), (mixture, sentence)
        assert "set" in sentence or "choose" in sentence or not sentence or "--labels" in sentence, sentence


def test_every_loss_is_plain_or_asks_for_labels() -> None:
    plain = {name for name, part in values("loss").items() if isinstance(part, PlainLoss)}
    assert plain == PLAIN | {"scalar", "projection", "projection with bias"}


SINGLES = cover(3, singles=True)


@pytest.mark.parametrize("mixture", SINGLES, ids=shown)
def test_every_value_plays(mixture: Mixture) -> None:
    torch.manual_seed(0)
    play(mixture)


@pytest.mark.slow
def test_every_pair_of_values_plays() -> None:
    mixtures = cover(5, singles=False)
    wrong = []
    for mixture in mixtures:
        try:
            play(mixture)
        except Exception as error:
            wrong.append(f"{shown(mixture)}: {type(error).__name__}: {error}")
    assert not wrong, f"{len(wrong)} of {len(mixtures)}:\n" + "\n".join(wrong)
    assert len(mixtures) > 150
