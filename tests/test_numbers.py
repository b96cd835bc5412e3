"""Numbers by name: values are checked against their types, changed in whichever part has them, and explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pytest

from everymode.cli import main
from everymode.numbers import (
    AUTO,
    UnknownNumber,
    changed,
    checked,
    names_of,
    types_of,
    unknown_number,
    with_tuples,
)
from everymode.partitioner.settings import DIGITS, PartitionSettings
from everymode.recipe import KINDS, Recipe
from everymode.recipes import find, omni_gan
from everymode.recipes.parts.biggan_networks import BigGAN
from everymode.recipes.parts.given_labels import Given
from everymode.recipes.parts.norms import NoNorm, Spectral
from everymode.recipes.parts.plain_losses import Hinge
from everymode.recipes.parts.small_networks import PointNetworks
from everymode.recipes.self_conditioned import Clusters
from everymode.resolution import Resolution
from everymode.sampling.record import recipe_from, record_of

RECIPE = omni_gan.IMAGES32
Choice = Literal["first", "second"]


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        (3, int, 3),
        (3.0, int, 3),
        (np.int64(3), int, 3),
        (np.float32(3.0), int, 3),
        (3, float, 3.0),
        (0.5, float, 0.5),
        (np.float64(0.5), float, 0.5),
        (np.array(2), int, 2),
        (True, bool, True),
        (np.True_, bool, True),
        ("", str, ""),
        ("first", Choice, "first"),
        ("second", Choice | None, "second"),
        (AUTO, Choice | None, None),
        (None, Choice | None, None),
        (AUTO, int | None, None),
        (None, float | None, None),
        (2, float | None, 2.0),
        (AUTO, str | None, None),
        (64, Resolution, 64),
        ("64x48", Resolution, (64, 48)),
        ([64, 48], Resolution, (64, 48)),
        ([3, 4], int | tuple[int, ...], (3, 4)),
        ([np.int64(3), [4, 5]], int | tuple[int, ...], (3, (4, 5))),
        (3, int | tuple[int, ...], 3),
        ((1, 2), tuple[int, ...], (1, 2)),
        (None, BigGAN | None, None),
        (DIGITS, PartitionSettings | None, DIGITS),
        ({"k": 4}, PartitionSettings | None, PartitionSettings(k=4)),
    ],
)
def test_values_that_are_taken(given: object, kind: Any, expected: object) -> None:
    taken = checked("number", given, kind)
    assert taken == expected and type(taken) is type(expected)


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (2.5, int, "number must be of type int, not 2.5"),
        ("2", int, "number must be of type int, not '2'"),
        (True, int, "number must be of type int, not True"),
        (False, float, "number must be of type float, not False"),
        (None, int, "number must be of type int, not None"),
        (AUTO, int, "number must be of type int, not 'auto'"),
        ("much", float | None, "number must be of type float, not 'much'"),
        (1, bool, "number must be of type bool, not 1"),
        (np.array([1, 2]), int, "number must be of type int"),
        ("third", Choice, "number is one of first, second, not 'third'"),
        (None, Choice, "number is one of first, second, not None"),
        ("third", Choice | None, "number is one of first, second, not 'third'"),
        (["first"], Choice, "number is one of first, second"),
        ("big", Resolution, "a resolution is a number or HEIGHTxWIDTH"),
        ([3, 4], int | None, r"number must be of type int, not \[3, 4\]"),
        ({"kk": 4}, PartitionSettings | None, r"there are no settings \['kk'\]"),
        (Spectral(), BigGAN | None, r"number must be of type BigGAN, not Spectral\("),
    ],
)
def test_values_that_are_refused(given: object, kind: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        checked("number", given, kind)


def test_tuples_are_made_of_lists_at_any_depth() -> None:
    assert with_tuples([1, [2, (3, [])]]) == (1, (2, (3, ())))
    assert with_tuples({"a": [1]}) == {"a": [1]}, "a mapping is left to who reads it"
    assert type(with_tuples(np.float32(0.5))) is float and type(with_tuples([np.int8(3)])[0]) is int


def test_names_and_types_are_the_fields() -> None:
    @dataclass(frozen=True)
    class Pair:
        first: int
        second: float | None = None

    assert names_of(Pair) == names_of(Pair(1)) == ["first", "second"]
    assert types_of(Recipe)["resolution"] == Resolution
    assert types_of(BigGAN)["doublings"] == (int | None)


def test_an_unknown_number_is_answered_with_the_nearest_or_with_all() -> None:
    assert str(unknown_number("widht", "mine", ["width", "steps"])) == (
        "mine has no hyper-parameter 'widht'. Did you mean width?"
    )
    said = str(unknown_number("zzz", "mine", iter(["width", "steps", "width"])))
    assert said == "mine has no hyper-parameter 'zzz'. It has: width, steps"
    assert isinstance(unknown_number("zzz", "mine", []), UnknownNumber) and issubclass(
        UnknownNumber, ValueError
    )


# ---- changing


def test_what_differs_is_returned_and_nothing_else() -> None:
    assert changed(RECIPE, KINDS, {}) == {}
    assert changed(RECIPE, KINDS, {"steps": 3}) == {"steps": 3}
    assert changed(RECIPE, KINDS, {"width": 3.0}) == {"networks": replace(RECIPE.networks, width=3)}
    labels = changed(RECIPE, KINDS, {"clusters": 9, "labels": Clusters(online=True)})
    assert labels == {"labels": Clusters(online=True, clusters=9)}
    assert changed(RECIPE, KINDS, {"norm": None}) == {"norm": None}


def test_several_numbers_of_a_part_are_changed_at_once() -> None:
    """One by one they would not fit: images are clustered that are fewer than the clusters."""
    found = changed(replace(RECIPE, labels=Clusters()), KINDS, {"cluster_images": 30_000, "clusters": 30_000})
    assert found["labels"].clusters == found["labels"].cluster_images == 30_000


def test_a_number_goes_to_every_part_that_has_it() -> None:
    both = changed(RECIPE, KINDS, {"spectral_epsilon": 1e-3})
    assert both.keys() == {"networks", "norm"}
    assert {part.spectral_epsilon for part in both.values()} == {1e-3}
    one = changed(RECIPE, KINDS, {"spectral_epsilon": 1e-3, "norm": NoNorm()})
    assert one["norm"] == NoNorm() and one["networks"].spectral_epsilon == 1e-3


def test_a_number_of_a_part_that_goes_is_unknown() -> None:
    with pytest.raises(UnknownNumber, match="omni-gan-32 has no hyper-parameter 'shared_dim'"):
        changed(RECIPE, KINDS, {"networks": PointNetworks(), "shared_dim": 3})
    with pytest.raises(UnknownNumber, match=r"no hyper-parameter 'clustres'\. Did you mean clusters\?"):
        changed(replace(RECIPE, labels=Clusters()), KINDS, {"clustres": 3})


def test_a_part_of_another_kind_or_a_name_is_no_part() -> None:
    for wrong in (Spectral(), BigGAN):
        with pytest.raises(ValueError, match="networks must be of type Networks, not"):
            changed(RECIPE, KINDS, {"networks": wrong})
    for wrong in ("biggan", "auto"):
        with pytest.raises(ValueError, match=f"networks must be a part, not the name '{wrong}'"):
            changed(RECIPE, KINDS, {"networks": wrong})


# ---- explaining


@pytest.mark.parametrize("make", [Recipe, lambda **numbers: replace(RECIPE, **numbers)])
def test_a_number_of_a_part_is_not_a_field_and_the_error_says_what_to_do(make: Any) -> None:
    with pytest.raises(TypeError) as caught:
        make(width=3)
    assert str(caught.value) == (
        "a recipe has no field 'width': change hyper-parameters of its parts by recipe.with_numbers(width=...), or in "
        "the part, as in replace(recipe, networks=replace(recipe.networks, width=48))"
    )
    assert RECIPE.with_numbers(width=3).networks.width == 3
    assert replace(RECIPE, networks=replace(RECIPE.networks, width=48)).networks.width == 48


def test_fields_of_a_recipe_of_ones_own_are_its_own() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine(Recipe):
        width: int = 4
        """Of this recipe."""

    assert replace(Mine(), width=3) == Mine(width=3) == Mine().with_numbers(width=3.0)
    assert Mine().flat_numbers()["width"] == 4
    with pytest.raises(TypeError, match="height"):
        Mine(height=3)


# ---- values of the wrong kind are refused when a part or a recipe is made


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Hinge(head="proj"), "head is one of scalar, projection, per-label, not 'proj'"),
        (lambda: Given(fake_labels="real"), "fake_labels is one of uniform, data, reused, not 'real'"),
        (lambda: Spectral(estimate="exakt"), "estimate is one of matrix, convolution, exact, not 'exakt'"),
        (lambda: Spectral(where="block"), "where is one of all, blocks, not 'block'"),
        (lambda: BigGAN(initialization="xavier"), "initialization is one of normal, orthogonal, glorot"),
        (lambda: BigGAN(width=1.5), "width must be of type int, not 1.5"),
        (lambda: BigGAN(width="48"), "width must be of type int, not '48'"),
        (lambda: Clusters(clusters="auto"), "clusters must be None for automatic, not 'auto'"),
        (lambda: Recipe(precision="fp8"), "precision is one of auto, float32, bf16, float64, not 'fp8'"),
        (lambda: Recipe(steps="5"), "steps must be of type int, not '5'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_when_it_is_given(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_numbers_in_their_old_spelling_are_read_from_calls_flags_and_files() -> None:
    recipe = find("multi-hinge-gan-digits").with_numbers(labelled_fraction=0.5, labelled_share=0.25)
    assert (recipe.labeled_fraction, recipe.labeled_share) == (0.5, 0.25)
    with pytest.raises(ValueError, match="labelled_share is the old name of labeled_share"):
        recipe.with_numbers(labelled_share=0.5, labeled_share=0.5)
    record = record_of(recipe)
    record["numbers"]["labelled_fraction"] = record["numbers"].pop("labeled_fraction")
    labels = record["parts"]["labels"]["numbers"]
    labels["labelled_share"] = labels.pop("labeled_share")
    assert recipe_from(record) == recipe
    settings = PartitionSettings(neighbors=7, gray=0.3).as_json()
    settings["neighbours"], settings["grey"] = settings.pop("neighbors"), settings.pop("gray")
    assert PartitionSettings.from_json(settings) == PartitionSettings(neighbors=7, gray=0.3)


def test_a_flag_in_its_old_spelling_is_the_new_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--labelled-share=2", "--data", "digits"]
    assert main(["train", "multi-hinge-gan-digits", *flags]) == 2
    assert "labeled_share must be a fraction of the batch" in capsys.readouterr().err
