"""Every number that a user gives is finite: of each recipe and part, of a partition, of samples, of built-in data."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import pytest

from everymode.cli import main
from everymode.data.opening import open_images
from everymode.part import Terms
from everymode.partitioner.settings import PartitionSettings
from everymode.recipes import find
from everymode.recipes.catalog import RECIPES
from everymode.sampling.generator import require_truncation

WRONG = (math.nan, math.inf, -math.inf)


def test_numbers_of_recipes_and_their_parts() -> None:
    seen = set()
    for name in RECIPES:
        recipe = find(name)
        for number, value in recipe.flat_numbers().items():
            owners = (number, *(type(part) for part in recipe.parts() if hasattr(part, number)))
            if not isinstance(value, float) or owners in seen:
                continue
            seen.add(owners)
            for wrong in WRONG:
                with pytest.raises(ValueError, match=r"."):
                    recipe.with_numbers(**{number: wrong})
    assert len(seen) > 40


def test_numbers_of_a_part_of_ones_own() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Own(Terms):
        strength: float = 1.0
        shares: tuple[float, ...] = ()

    assert Own(strength=2.0, shares=(0.5,)).strength == 2
    for wrong in ({"strength": math.nan}, {"shares": (1.0, math.inf)}):
        with pytest.raises(ValueError, match="must be a finite number, not"):
            Own(**wrong)


def test_numbers_of_a_partition() -> None:
    for field in fields(PartitionSettings):
        if field.type in (float, "float"):
            for wrong in WRONG:
                with pytest.raises(ValueError, match=r"."):
                    PartitionSettings(**{"k": 4, field.name: wrong})


def test_truncation() -> None:
    require_truncation(0.0)
    for wrong in (*WRONG, -0.1):
        with pytest.raises(ValueError, match="finite"):
            require_truncation(wrong)


@pytest.mark.parametrize("name", ["ring:std=nan", "ring:radius=inf", "grid:spacing=nan", "grid:std=-inf"])
def test_options_of_built_in_data(name: str) -> None:
    with pytest.raises(ValueError, match="must be a finite number"):
        open_images(name)


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "omni-gan-digits", "--ema-decay", "nan"]) == 2
    assert main(["partition", "--data", "digits", "--k", "4", "--out", "o", "--temperature", "inf"]) == 2
    assert capsys.readouterr().err.count("error:") == 2
