"""Damaged and forged folders: none loads with other weights or other draws of labels, and none takes memory first."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from shared_folders import edit, generator_of

from everymode.recipe import Recipe
from everymode.sampling.generator import Generator, load
from everymode.sharing import folder

KINDS = ("multi-hinge-gan-digits", "partition-guided-digits", "self-conditioned-digits")
READ = ("config.json", "generator.safetensors", "labels.safetensors")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sound folder of each kind, and another one of the same recipe with other weights."""
    root = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "draw_picture", lambda generator, path: "")
        made = {}
        for name in KINDS:
            generator = generator_of(name)
            made[name] = generator.save(root / name)
            with torch.no_grad():
                for tensor in (*generator.network.parameters(), *generator.labels.sampling_state().values()):
                    tensor.add_(1)
            generator.save(root / f"other {name}")
    return made


def drawn_labels(generator: Generator) -> list[int]:
    return torch.cat([generator.labels.draw(draw) for draw in generator.draws(range(30))]).tolist()


def fingerprint(generator: Generator) -> tuple[Any, ...]:
    """Weights, state of the labels, and labels that are drawn."""
    states = (generator.network.state_dict(), generator.labels.sampling_state())
    tensors = [(name, tensor.dtype, tensor.tolist()) for state in states for name, tensor in state.items()]
    return repr(tensors), drawn_labels(generator), generator.num_labels, generator.classes


def flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def cut(path: Path, dice: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: dice.randrange(path.stat().st_size)])


def swap(path: Path, dice: random.Random) -> None:
    shutil.copy(path.parent.parent / "original" / f"other {dice.choice(KINDS)}" / path.name, path)


def edit_number(path: Path, dice: random.Random) -> None:
    """Change, delete or add one value of config.json, in its text's order."""
    config = json.loads((path.parent / "config.json").read_text())
    where: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            where.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    walk(config)
    parent, key = dice.choice(where)
    old = parent[key]
    new = [0, 1, 7, -1, 10**6, 2**40, 0.5, True, None, "x", [], {}]
    if isinstance(old, int) and not isinstance(old, bool):
        new += [old + 1, old - 1, old * 2]
    choice = dice.choice([*new, "delete"])
    if choice == "delete":
        del parent[key]
    else:
        parent[key] = choice
    (path.parent / "config.json").write_text(json.dumps(config))


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (flip, flip, cut, swap, edit_number, edit_number)


def failures(
    folders: dict[str, Path], work: Path, first: int, count: int, kinds: tuple[str, ...] = KINDS
) -> list[str]:
    """Damage folders, and describe those that load as something else or fail with another error than ValueError."""
    expected = {name: fingerprint(load(folders[name])) for name in kinds}
    original = work / "original"
    shutil.copytree(folders[KINDS[0]].parent, original)
    wrong = []
    for number in range(first, first + count):
        dice = random.Random(f"folder {number}")
        name = dice.choice(kinds)
        damaged = work / "damaged"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(original / name, damaged)
        present = [each for each in READ if (original / name / each).exists()]
        damage, file = dice.choice(DAMAGES), dice.choice(present)
        if damage is swap and not (original / "other multi-hinge-gan-digits" / file).exists():
            file = "generator.safetensors"
        damage(damaged / file, dice)
        try:
            found = fingerprint(load(damaged))
        except (ValueError, FileNotFoundError):
            continue
        except Exception as error:
            wrong.append(f"{number}: {damage.__name__} of {name}/{file} raised {error!r}")
            continue
        if found != expected[name]:
            wrong.append(f"{number}: {damage.__name__} of {name}/{file} loads as something else")
    return wrong


def test_sixty_damaged_folders(folders: dict[str, Path], tmp_path: Path) -> None:
    assert failures(folders, tmp_path, 0, 60, ("self-conditioned-digits", "multi-hinge-gan-digits")) == []


@pytest.mark.slow
def test_two_thousand_damaged_folders(folders: dict[str, Path], tmp_path: Path) -> None:
    assert failures(folders, tmp_path, 60, 2000) == []


@pytest.fixture
def copy(folders: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders["self-conditioned-digits"], tmp_path / "copy"))


def numbers(config: dict[str, Any], part: str) -> dict[str, Any]:
    return config["recipe"]["numbers"] if part == "recipe" else config["recipe"]["parts"][part]["numbers"]


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("networks", "width", 1_000_000),
        ("networks", "width", 2**47),
        ("networks", "latent_dim", 10**9),
        ("recipe", "channels", 10**9),
        ("labels", "clusters", 10**9),
        ("recipe", "resolution", 2**20),
    ],
)
def test_impossible_sizes_are_rejected_before_memory_is_taken(
    copy: Path, part: str, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(copy, lambda config: numbers(config, part).__setitem__(name, value))
    build = Recipe.build_for_sampling

    def on_meta_alone(recipe: Recipe) -> Any:
        assert torch.empty(0).is_meta, "networks were built"
        return build(recipe)

    monkeypatch.setattr(Recipe, "build_for_sampling", on_meta_alone)
    with pytest.raises(
        ValueError, match=r"does not fit|no networks can be built|must be|can't|need at least"
    ):
        load(copy)


def test_a_network_of_too_many_layers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.sampling.building.MOST_UNUSED", 50)
    shared = generator_of("san-sr-photos").save(tmp_path / "a")
    edit(shared, lambda config: numbers(config, "networks").__setitem__("blocks", 10**9))
    with pytest.raises(ValueError, match="many more than"):
        load(shared)


def test_a_huge_dataset_takes_no_memory(copy: Path) -> None:
    expected = fingerprint(load(copy))
    edit(copy, lambda config: numbers(config, "recipe").__setitem__("num_images", 2**40))
    assert fingerprint(load(copy)) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.pop("sha256"), r"lacks the SHA-256 of config\.json"),
        (lambda config: config["sha256"].pop("generator.safetensors"), "lacks the SHA-256 of generator"),
        (lambda config: config["sha256"].pop("labels.safetensors"), "does not belong to the config"),
        (lambda config: config["sha256"].update({"labels.safetensors": 1}), "SHA-256 differs"),
        (lambda config: config.update(folder_format=2), "another SHA-256"),
        (lambda config: config["recipe"]["numbers"].update(seed=9), "another SHA-256"),
        (lambda config: config["data"].update(classes=["x"]), "another SHA-256"),
    ],
)
def test_missing_hashes_and_edited_numbers_are_rejected(
    copy: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    path = copy / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "labels.safetensors").unlink()
    with pytest.raises(ValueError, match=r"lacks the file labels\.safetensors"):
        load(copy)


def test_the_card_may_be_edited(copy: Path) -> None:
    (copy / "README.md").write_text("mine")
    load(copy)


def test_without_hashes_names_and_shapes_are_still_strict(copy: Path) -> None:
    path = copy / "config.json"
    config = json.loads(path.read_text())
    del config["sha256"], config["folder_format"]
    path.write_text(json.dumps(config))
    assert load(copy).num_labels == 3
    numbers(config, "networks")["width"] = 1_000_000
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not fit the config"):
        load(copy)
    numbers(config, "networks")["width"] = 4
    (copy / "labels.safetensors").unlink()
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"does not fit|lacks the file labels"):
        load(copy)
