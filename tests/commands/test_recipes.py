"""`everymode recipes` and `everymode recipes show`."""

from __future__ import annotations

import json

from everymode.cli import main
from everymode.recipes import RECIPES


def test_the_list_names_every_recipe_aligned(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()[: len(RECIPES)]
    assert [line.split()[0] for line in lines] == list(RECIPES)
    starts = {line.index(RECIPES[name][2]) for name, line in zip(RECIPES, lines, strict=True)}
    assert starts == {max(map(len, RECIPES)) + 2}


def test_show_tells_the_paper_and_the_numbers(capsys):
    assert main(["recipes", "show", "omni-gan-digits"]) == 0
    shown = capsys.readouterr().out
    assert "Omni-GAN: On the Secrets of cGANs and Beyond" in shown
    row = next(line for line in shown.splitlines() if line.startswith("batch_size"))
    assert row.split()[1] == "64"
    assert "Real images per discriminator move" in row


def test_show_as_json_can_be_read_by_programs(capsys):
    assert main(["recipes", "show", "omni-gan-32", "--json"]) == 0
    recipe = json.loads(capsys.readouterr().out)
    assert recipe["name"] == "omni-gan-32"
    assert recipe["class"] == "everymode.recipes.omni_gan.OmniGANForImages"
    assert recipe["numbers"]["steps"] == {"value": 100_000, "help": "Generator steps."}
    assert recipe["numbers"]["discriminator_weight_decay"]["value"] is None
    assert "num_classes" not in recipe["numbers"]


def test_show_a_recipe_of_ones_own(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        '"""What I changed, and why."""\n'
        "from dataclasses import dataclass\n"
        "from everymode.recipe import Recipe\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(Recipe):\n"
        "    patience: int = 3\n"
        '    """How long to wait."""\n'
        'RECIPE = Mine(name="mine", resolution=(64, 48))\n'
    )
    assert main(["recipes", "show", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "What I changed, and why." in shown
    assert "How long to wait." in shown
    assert "64x48" in shown
