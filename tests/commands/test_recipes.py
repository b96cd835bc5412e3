"""`everymode recipes` and `everymode recipes show`."""

from __future__ import annotations

import json

import pytest

from everymode.cli import main
from everymode.commands.data_kinds import DataKind
from everymode.recipes import RECIPES


def listing(capsys, *words):
    """{heading: [(name, description), ...]} as the command prints it."""
    assert main(["recipes", *words]) == 0
    found = {}
    for line in capsys.readouterr().out.splitlines():
        if line.endswith(":"):
            group = found.setdefault(line.removesuffix(":"), [])
        elif line.startswith("  "):
            name, description = line.split(maxsplit=1)
            group.append((name, description))
            assert name in RECIPES
    return found


def test_the_list_names_every_recipe_once_aligned(capsys):
    assert main(["recipes"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    names = [line.split()[0] for line in lines]
    assert sorted(names) == sorted(RECIPES)
    starts = {line.index(RECIPES[name][2]) for name, line in zip(names, lines, strict=True)}
    assert starts == {max(map(len, RECIPES)) + 4}


def test_recipes_stand_with_the_data_that_they_are_for(capsys):
    found = listing(capsys)
    assert list(found) == [kind.value for kind in DataKind]
    names = {kind: [name for name, _ in found[kind.value]] for kind in DataKind}
    assert {
        "omni-gan-32",
        "conditional-gan-digits",
        "partition-guided-classes-digits",
        "san-biggan-digits",
    } <= set(names[DataKind.LABELS])
    assert all("-ssl-" in name for name in names[DataKind.FEW_LABELS])
    assert {"self-conditioned-omni-digits", "partition-guided-32", "gan-digits"} <= set(
        names[DataKind.NO_LABELS]
    )
    assert all(name.endswith(("-ring", "-grid")) for name in names[DataKind.POINTS])
    assert not any(name.endswith(("-ring", "-grid")) for kind in list(DataKind)[:3] for name in names[kind])


def test_words_pick_recipes_by_name_and_description(capsys):
    (found,) = listing(capsys, "omni", "CIFAR-10").values()
    assert ("omni-gan-cifar10", RECIPES["omni-gan-cifar10"][2]) in found
    assert ("ac-gan-cifar10", "AC-GAN on CIFAR-10, as Omni-GAN compares it") in found
    assert all("omni" in f"{name} {line}".lower() and "cifar-10" in line.lower() for name, line in found)
    assert list(listing(capsys, "guided", "grid")) == ["points in the plane"]
    assert len(listing(capsys, "points")["points in the plane"]) == 20
    assert list(listing(capsys, "without", "labels", "64")) == [DataKind.NO_LABELS.value]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["omny"], 'no recipe has "omny" in its name, description or heading. Did you mean omni?'),
        (["omnigan-cifar10"], "omni-gan-cifar10"),
        (
            ["ring", "qqqq"],
            'no recipe has "qqqq" in its name, description or heading. `everymode recipes` lists them all.',
        ),
        (["omni", "places"], 'have "omni", 10 have "places"): leave one out'),
    ],
)
def test_words_that_pick_nothing_get_a_sentence_and_near_names(words, said, capsys):
    assert main(["recipes", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]


def test_every_description_stands_alone():
    assert [name for name, (_, _, line) in RECIPES.items() if "the same" in line] == []
    assert len({line for _, _, line in RECIPES.values()}) == len(RECIPES)


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
