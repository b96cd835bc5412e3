"""`everymode recipes` and `everymode recipes show`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import everymode
from everymode.cli import main
from everymode.commands.data_kinds import DataKind
from everymode.commands.numbers import numbers_of
from everymode.commands.origins import origin_of
from everymode.recipes import RECIPES, find
from everymode.recipes.parts.catalog import PARTS


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
    row = next(line for line in shown.splitlines() if line.startswith("  batch_size"))
    assert row.split()[1] == "64"
    assert "Real images per discriminator update" in row


def test_show_as_json_can_be_read_by_programs(capsys):
    assert main(["recipes", "show", "omni-gan-32", "--json"]) == 0
    recipe = json.loads(capsys.readouterr().out)
    assert recipe["name"] == "omni-gan-32"
    assert recipe["parts"] == {
        "networks": "biggan",
        "loss": "omni",
        "labels": "given",
        "norm": "spectral",
        "terms": "weights",
    }
    assert recipe["numbers"]["steps"] == {"value": 100_000, "help": "Generator steps."}
    assert recipe["numbers"]["discriminator_weight_decay"]["value"] is None
    assert recipe["numbers"]["width"] == {"value": 64, "help": "Base number of channels of the networks."}
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


def test_parts_are_listed_by_kind_with_a_line_each(capsys):
    assert main(["recipes", "parts"]) == 0
    shown = capsys.readouterr().out
    for kind, entries in PARTS.items():
        assert f"{kind}:" in shown
        for name, entry in entries.items():
            assert any(line.split()[:1] == [name] and entry.line in line for line in shown.splitlines())


def origins(capsys, name):
    """{number: where it comes from} as `recipes show --origins` prints it, and the rest."""
    assert main(["recipes", "show", name, "--origins"]) == 0
    text = capsys.readouterr().out
    rows = re.findall(r"^  (\w+) .*((?:set in|computed in|default of) .*)$", text, flags=re.MULTILINE)
    return dict(rows), text


def line_of(file, text):
    """The number of the only line of a file of the package that holds this text."""
    lines = (Path(everymode.__file__).parent / file).read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if text in line]
    return f"everymode/{file}:{number}"


def test_origins_name_the_literal_or_the_default_that_a_number_comes_from(capsys):
    found, text = origins(capsys, "multi-hinge-gan-digits")
    here = line_of("recipes/multi_hinge_gan.py", 'name="multi-hinge-gan-digits"')
    assert found["beta1"] == found["initialization"] == f"set in {here}"
    assert found["lr_decay"] == f"set in {line_of('recipes/omni_gan.py', 'lr_decay=0.3')}"
    assert found["generator_margin"].startswith(
        "default of MultiHinge (everymode/recipes/multi_hinge_gan.py:"
    )
    assert found["seed"] == f"default of Recipe ({line_of('recipe.py', 'seed: int = 0')})"
    assert f"BigGANGenerator ({line_of('networks/biggan.py', 'class BigGANGenerator')})" in text
    assert "classification.term (everymode/losses/classification.py:" in text


def test_origins_follow_dictionaries_parts_and_other_files(capsys):
    found, _ = origins(capsys, "sagan-digits")
    assert found["initialization"].startswith("set in everymode/recipes/sagan.py:")
    found, text = origins(capsys, "self-conditioned-ring")
    assert (
        found["clusters"]
        == f"set in {line_of('recipes/self_conditioned.py', 'clusters=numbers.POINT_LABELS')}"
    )
    assert found["settling_lr"].startswith("set in everymode/recipes/self_conditioned.py:")
    assert "ClusterLabels (everymode/labels/clusters.py:" in text


def test_every_number_of_every_fifth_recipe_comes_from_somewhere():
    for name in [*RECIPES][::5]:
        for number in numbers_of(find(name)):
            assert origin_of(name, number), (name, number.name)
