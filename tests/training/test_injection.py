"""One step replayed with other draws: of any moment and stream, over micro-batches, and mistakes in their names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_games import ToyRecipe, differences, toy_data, toy_trainer

from everymode.data.opening import open_images
from everymode.draws import Draws, Rows
from everymode.recipes import find
from everymode.training.injection import Injection
from everymode.training.stepper import Stepper

DOCS = Path(__file__).parents[2] / "docs" / "extending.md"


def weights(stepper: Stepper) -> dict[str, torch.Tensor]:
    return {**stepper.game.generator.state_dict(), **stepper.game.discriminator.state_dict()}


def same_draws(stepper: Stepper, moment: str, rows: int) -> dict[str, torch.Tensor]:
    """The draws that the first step makes by itself."""
    draws = Draws(stepper.recipe.seed, f"0 {moment}", Rows.all(rows), stepper.device, stepper.dtype)
    return {
        "z": draws.normal("z", stepper.game.generator.latent_dim),
        "fake labels": draws.integers("fake labels", 3),
    }


@pytest.mark.parametrize("accumulation", [1, 2, 4])
def test_its_own_draws_injected_change_nothing(accumulation: int) -> None:
    by_itself, replayed = (toy_trainer(ToyRecipe(accumulation=accumulation)) for _ in range(2))
    by_itself.step()
    replayed.step(injected={m: same_draws(replayed, m, 8) for m in ("discriminator 0", "generator")})
    assert differences(weights(by_itself), weights(replayed)) == []
    by_itself.step()
    replayed.step()
    assert differences(weights(by_itself), weights(replayed)) == []


def test_another_latent_code_in_one_moment_changes_that_players_update_only() -> None:
    by_itself, replayed = toy_trainer(ToyRecipe()), toy_trainer(ToyRecipe())
    by_itself.step()
    z = torch.zeros(8, replayed.game.generator.latent_dim)
    replayed.step(injected={"generator": {"z": z}})
    pairs = [
        (each.game.generator.state_dict(), each.game.discriminator.state_dict())
        for each in (by_itself, replayed)
    ]
    assert differences(pairs[0][0], pairs[1][0]) != []
    parameters = dict(by_itself.game.discriminator.named_parameters())
    assert [name for name in differences(pairs[0][1], pairs[1][1]) if name in parameters] == []


def test_a_micro_batch_gets_its_own_rows() -> None:
    whole, halves = (
        toy_trainer(ToyRecipe(spectral=False)),
        toy_trainer(ToyRecipe(spectral=False, accumulation=2)),
    )
    z = torch.randn(8, whole.game.generator.latent_dim)
    for each in (whole, halves):
        each.step(injected={"discriminator 0": {"z": z}})
    first, second = (dict(each.game.discriminator.named_parameters()) for each in (whole, halves))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, msg=name)


def test_mistakes_are_named() -> None:
    stepper = toy_trainer(ToyRecipe(discriminator_steps=2))
    moments = "discriminator 0, discriminator 1, generator"
    with pytest.raises(ValueError, match=re.escape(f"no moments ['discriminator']; it has: {moments}")):
        stepper.step(injected={"discriminator": {}})
    assert stepper.completed == 0
    with pytest.raises(ValueError, match=r"stream 'z' must have 8 rows; its shape is \[7, 4\]"):
        stepper.step(injected={"discriminator 1": {"z": torch.zeros(7, 4)}})
    wrong = {"generator": {"latent": torch.zeros(8, 4)}}
    with pytest.raises(
        ValueError, match=r"nothing drew the injected streams \['latent'\] at the moment 'generator'"
    ) as caught:
        toy_trainer(ToyRecipe()).step(injected=wrong)
    assert "its streams are: fake labels, z" in str(caught.value)


def test_refresh_is_a_moment_where_one_is_due() -> None:
    stepper = toy_trainer(ToyRecipe())
    with pytest.raises(ValueError, match=r"no moments \['refresh'\]"):
        stepper.step(injected={"refresh": {}})


def streams_of_the_docs() -> dict[str, list[re.Pattern[str]]]:
    """The streams that docs/extending.md lists, by moment, as patterns: NAME and N stand for any."""
    rows = re.findall(r"^\| `(refresh|discriminator|generator)[^|]*\| (.*) \|$", DOCS.read_text(), flags=re.M)
    assert [moment for moment, _ in rows] == ["refresh", "discriminator", "generator"]
    return {
        moment: [
            re.compile(re.escape(each).replace("NAME", r"[\w ]+").replace("N", r"\d+"))
            for each in re.findall("`([^`]+)`", streams)
        ]
        for moment, streams in rows
    }


def toy_stepper(name: str, numbers: dict[str, Any]) -> Stepper:
    """A recipe at toy size, changed, on random images of its shape."""
    recipe = replace(find(name).shrunk(), channels=1).with_numbers(**numbers)
    data = open_images("ring:modes=3") if recipe.takes_points else toy_data(size=recipe.size[0])
    return toy_trainer(recipe.for_data(data.facts()), data)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        (
            "omni-gan-digits",
            {"mirror": True, "augmentation": "color,translation,cutout", "penalty_weight": 1.0},
        ),
        (
            "omni-gan-digits",
            {"augmentation": "ada", "consistency_weight": 1.0, "fake_consistency_weight": 1.0},
        ),
        ("self-conditioned-digits", {}),
        ("mgan-grid", {}),
        ("random-labels-gan-stacked-digits", {}),
        ("partition-guided-digits", {}),
        ("biggan-cifar10", {}),
    ],
)
def test_the_docs_list_every_stream(
    name: str, numbers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = streams_of_the_docs()
    drawn: dict[str, set[str]] = {}
    monkeypatch.setattr(Injection, "require_used", lambda injection: drawn.update(injection.drawn))
    stepper = toy_stepper(name, numbers)
    stepper.step(injected={})
    assert "z" in drawn["discriminator 0"]
    for moment, streams in drawn.items():
        for stream in streams:
            assert any(each.fullmatch(stream) for each in listed[moment.split()[0]]), (moment, stream)
