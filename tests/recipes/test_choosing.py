"""Parts by name and numbers of whichever part, as a person writes them: `train` and the command line go by it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from everymode.numbers import UnknownNumber
from everymode.part import Labels
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.ac_gan import AuxiliaryClassifier
from everymode.recipes.choosing import ZERO_WAS_AUTO, chosen, of_another_part, with_choices
from everymode.recipes.parts.catalog import holders_of
from everymode.recipes.parts.given_labels import Given, NoLabels
from everymode.recipes.parts.norms import NoNorm, Spectral
from everymode.recipes.parts.plain_losses import PROJECTION, Hinge
from everymode.recipes.parts.standard_networks import Standard
from everymode.recipes.self_conditioned import Clusters

OMNI, PLAIN = find("omni-gan-digits"), find("gan-32")


def test_parts_are_chosen_by_name() -> None:
    mixed = with_choices(OMNI, labels="clusters", loss="projection", norm="exact-spectral")
    assert (mixed.labels, mixed.loss, mixed.norm) == (Clusters(), PROJECTION, Spectral(estimate="exact"))
    assert mixed.networks == OMNI.networks and mixed.terms == OMNI.terms
    assert with_choices(OMNI, loss="imac").loss == AuxiliaryClassifier(improved=True)
    assert with_choices(OMNI, labels="none", loss="hinge").labels == NoLabels()
    assert with_choices(OMNI, networks="standard-resnet").networks == Standard(residual=True)
    assert with_choices(OMNI) == OMNI


def test_parts_may_be_parts_and_numbers_go_with_them() -> None:
    mixed = with_choices(OMNI, labels="clusters", clusters=7, norm=NoNorm(), steps=3, width=5)
    assert mixed.labels == Clusters(clusters=7) and mixed.norm == NoNorm()
    assert (mixed.steps, mixed.networks.width) == (3, 5)


def test_a_part_that_is_there_keeps_its_numbers() -> None:
    recipe = find("self-conditioned-digits")
    assert recipe.labels.refresh_every == 250
    again = with_choices(recipe, labels="clusters", clusters=9)
    assert again.labels == replace(recipe.labels, clusters=9)
    other = with_choices(recipe, labels="online-clusters")
    assert other.labels == replace(recipe.labels, online=True), "of the same class, only the mark differs"
    parts = find("partition-guided-classes-digits")
    assert with_choices(parts, labels="partition").labels == replace(
        parts.labels, parts_per_class=0, guide_weight=6.0
    )
    assert chosen(recipe, "labels", "clusters") is recipe.labels
    assert chosen(recipe, "labels", "given") == Given()


def test_a_name_that_there_is_not_gets_near_ones() -> None:
    with pytest.raises(
        ValueError, match=r"labels is one of none, given, clusters, .*, not 'clustrs'\. Did you mean c"
    ):
        with_choices(OMNI, labels="clustrs")
    with pytest.raises(ValueError, match=r"norm is one of none, spectral, .*, not 'qqqq'\.$"):
        with_choices(OMNI, norm="qqqq")


def test_a_number_of_a_part_that_is_not_chosen_says_which_have_it() -> None:
    with pytest.raises(ValueError, match="clusters is a hyper-parameter of labels") as caught:
        with_choices(PLAIN, clusters=3)
    assert str(caught.value) == (
        "clusters is a hyper-parameter of labels clusters, online-clusters, autoencoder, classifier, rotation, but "
        "gan-32 has labels none. Choose --labels clusters or --labels online-clusters or --labels autoencoder to set it"
    )
    with pytest.raises(
        ValueError, match=r"shortened is a hyper-parameter of networks standard, .*, but .* biggan\."
    ):
        with_choices(OMNI, shortened=True)
    with pytest.raises(ValueError, match=r"where is a hyper-parameter of norm .*, but gan-32 has norm none"):
        with_choices(PLAIN, where="blocks")
    with pytest.raises(ValueError, match=r"mine has no labels part\. Choose --labels clusters"):
        with_choices(Recipe(name="mine"), clusters=3)
    with pytest.raises(ValueError, match="but omni-gan-digits has labels Own"):
        with_choices(replace(OMNI, labels=Own()), clusters=3)


def test_what_was_chosen_in_the_same_call_counts() -> None:
    with pytest.raises(
        ValueError, match=r"clusters is a hyper-parameter of labels .* but gan-32 has labels given"
    ):
        with_choices(PLAIN, labels="given", num_classes=3, clusters=3)
    with pytest.raises(
        ValueError, match="is a hyper-parameter of labels given, but omni-gan-digits has labels clusters"
    ):
        with_choices(OMNI, labels="clusters", fake_labels="data")


def test_a_number_that_nothing_has_gets_the_nearest() -> None:
    with pytest.raises(UnknownNumber, match=r"gan-32 has no hyper-parameter 'widht'\. Did you mean width\?"):
        with_choices(PLAIN, widht=3)


@pytest.mark.parametrize("name", ZERO_WAS_AUTO)
def test_zero_no_longer_means_automatic(name: str) -> None:
    wrong = "" if name == "metric_extractor" else 0
    with pytest.raises(
        ValueError, match=rf"{name} can't be (0|''): for automatic, set it to auto \(None in Python\)"
    ):
        with_choices(OMNI, **{name: wrong})


def test_auto_and_none_mean_automatic() -> None:
    recipe = find("self-conditioned-digits")
    for automatic in ("auto", None):
        found = with_choices(recipe, clusters=automatic, metric_extractor=automatic)
        assert found.labels.clusters is None and found.metric_extractor is None
    assert with_choices(recipe, metric_extractor="lite0:64").metric_extractor == "lite0:64"


def test_numbers_that_were_automatic_with_zero_are_those_that_may_be_none() -> None:
    for name in ZERO_WAS_AUTO:
        assert holders_of(name) or name == "metric_extractor"


@pytest.mark.parametrize("value", [True, False])
def test_conditional_is_labels_now(value: bool) -> None:
    for numbers in ({}, {"labels": "none"}):
        with pytest.raises(
            ValueError,
            match="conditional is not a hyper-parameter any more: use --labels given or",
        ):
            with_choices(PLAIN, conditional=value, **numbers)


def test_values_of_a_wrong_kind_are_refused_as_anywhere() -> None:
    with pytest.raises(ValueError, match="clusters must be of type int, not 'many'"):
        with_choices(OMNI, labels="clusters", clusters="many")
    with pytest.raises(ValueError, match="loss must be of type Loss, not Given"):
        with_choices(OMNI, loss=Given())
    with pytest.raises(ValueError, match="there are labels, but the hinge loss has a scalar head"):
        with_choices(OMNI, loss="hinge", head="scalar")
    assert with_choices(PLAIN, loss="hinge").loss == Hinge()


def test_there_is_nothing_to_say_of_a_number_that_is_there() -> None:
    assert {
        of_another_part(OMNI, number, {part.kind: part for part in OMNI.parts()})
        for number in ("width", "zzz")
    } == {""}


@dataclass(frozen=True, kw_only=True)
class Own(Labels):
    """Labels of the user's own."""

    def num_labels(self, recipe: Recipe) -> int:
        return 3
