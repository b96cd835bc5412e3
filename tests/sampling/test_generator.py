"""A trained generator: where it is loaded from, what it draws, and that no file can name code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toy_games import ToyRecipe, toy_data, toy_trainer

from everymode.recipe import Recipe
from everymode.recipes.omni_gan import DIGITS
from everymode.sampling.generator import Generator, load
from everymode.sampling.record import FORMAT, recipe_of, record_of
from everymode.storage.run_folder import RunFolder

SMALL = DIGITS.with_numbers(width=4, latent_dim=8, num_classes=3, batch_size=8, steps=2, tick=1, snapshot=1)
CLASSES = ("ant", "bee", "7")
FILES = ["README.md", "config.json", "generator.safetensors", "samples.png"]


def config_of(recipe: Recipe, **changes: object) -> dict[str, object]:
    """What config.json says of a recipe, with some of it changed."""
    return {"format": FORMAT, "recipe": {"file": None, **record_of(recipe)} | changes}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a small Omni-GAN."""
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "small")
    config = config_of(SMALL) | {"data": {"classes": CLASSES}}
    folder.write_config(config)
    toy_trainer(SMALL, toy_data(size=16), folder=folder, config=config).run()
    return folder.path


@pytest.fixture
def generator(run: Path) -> Generator:
    return load(run)


def test_a_run_a_checkpoint_and_a_saved_folder_draw_the_same(run: Path, tmp_path: Path) -> None:
    expected = load(run).sample(4, seed=3)
    assert expected.shape == (4, 1, 16, 16)
    assert expected.abs().max() <= 1
    assert torch.equal(load(run / "checkpoints" / "step-0000002").sample(4, seed=3), expected)
    assert not torch.equal(load(str(run / "checkpoints" / "step-0000001")).sample(4, seed=3), expected)
    saved = load(run).save(tmp_path / "to" / "share")
    assert sorted(path.name for path in saved.iterdir()) == FILES
    again = load(saved)
    assert torch.equal(again.sample(4, seed=3), expected)
    assert again.classes == CLASSES


@pytest.mark.parametrize("existing", [False, True])
def test_a_save_that_fails_changes_nothing(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    folder = tmp_path / "saved"
    if existing:
        generator.save(folder)
        (folder / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()} if existing else {}

    def full_disk(state: object, path: Path) -> None:
        path.write_bytes(b"cut")
        raise OSError("no space left on device")

    monkeypatch.setattr("everymode.sharing.folder.save_file", full_disk)
    with pytest.raises(OSError, match="no space left"):
        generator.save(folder)
    assert [path.name for path in tmp_path.iterdir()] == (["saved"] if existing else [])
    assert ({path.name: path.read_bytes() for path in folder.iterdir()} if existing else {}) == before


def test_a_save_into_a_folder_replaces_its_generator_and_leaves_other_files(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "labels.safetensors").write_bytes(b"of another generator")
    generator.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "notes.txt"])
    expected = load(tmp_path).sample(2)

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        generator.save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has weights but no config\.json"):
        load(tmp_path)
    monkeypatch.undo()
    assert torch.equal(load(generator.save(tmp_path)).sample(2), expected)


def test_learned_label_state_is_saved(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"weights": torch.ones(3)[::2]}
    monkeypatch.setattr(generator.labels, "sampling_state", lambda: state)
    for folder in (tmp_path / "new", tmp_path):
        generator.save(folder)
        assert torch.equal(load_file(folder / "labels.safetensors")["weights"], torch.ones(2))
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_averaged_generator_is_what_is_shared(run: Path) -> None:
    trainer = toy_trainer(SMALL, toy_data(size=16))
    trainer.step()
    trainer.step()
    mine = Generator(trainer.average, trainer.game.labels)
    assert torch.equal(mine.sample(3), load(run).sample(3))


def test_image_i_depends_on_seed_plus_i_alone(generator: Generator) -> None:
    images = generator.sample(5, seed=10, batch_size=2)
    for row in range(5):
        torch.testing.assert_close(generator.sample(1, seed=10 + row)[0], images[row], rtol=0, atol=1e-5)
    torch.testing.assert_close(generator.sample(5, seed=10, batch_size=64), images, rtol=0, atol=1e-5)
    torch.testing.assert_close(generator.sample(3, seed=12), images[2:], rtol=0, atol=1e-5)
    assert torch.equal(generator.sample(5, seed=10, batch_size=2), images)


def test_each_image_may_have_a_seed_of_its_own(generator: Generator) -> None:
    whole = generator.sample(6, label=2, seed=10)
    picked = generator.sample(3, label=2, seed=[15, 10, 12], batch_size=2)
    torch.testing.assert_close(picked, whole[[5, 0, 2]], rtol=0, atol=1e-5)
    assert torch.equal(generator.sample(3, label=2, seed=np.array([15, 10, 12]), batch_size=2), picked)
    assert torch.equal(generator.sample(6, label=2, seed=range(10, 16)), whole)
    with pytest.raises(ValueError, match="2 seeds for 3 images"):
        generator.sample(3, seed=[1, 2])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"n": 2.0}, "n is the number of images, an integer such as 16, not 2.0"),
        ({"n": 2, "label": 1.5}, "label is a class by number or name, .* not 1.5"),
        ({"n": 2, "seed": 1.5}, "seed is an integer, .* not 1.5"),
        ({"n": 2, "seed": [1, "2"]}, "seed is an integer, .* not "),
    ],
)
def test_things_of_another_kind_are_refused_in_a_sentence(
    generator: Generator, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        generator.sample(**asked)


def test_sampling_leaves_the_generator_and_the_draws_of_others_alone(generator: Generator) -> None:
    before = {name: value.clone() for name, value in generator.network.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    generator.sample(3)
    assert torch.equal(torch.rand(1), expected)
    after = generator.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_labels_by_number_name_and_one_by_one(generator: Generator) -> None:
    bees = generator.sample(3, label=1)
    assert torch.equal(generator.sample(3, label="bee"), bees)
    assert torch.equal(generator.sample(3, label=[1, "bee", "1"]), bees)
    assert torch.equal(generator.sample(3, label=torch.tensor([1, 1, 1])), bees)
    assert torch.equal(generator.sample(3, label=torch.tensor(1)), bees)
    assert torch.equal(generator.sample(3, label=np.array([1, 1, 1])), bees)
    assert torch.equal(generator.sample(3, label=np.int64(1)), bees)
    # A class that is called 7 is meant by that name, not by the number.
    assert torch.equal(generator.sample(3, label="7"), generator.sample(3, label=2))
    assert not torch.equal(generator.sample(3, label=0), bees)


def test_drawn_labels_are_those_of_the_label_source(generator: Generator) -> None:
    seen: list[torch.Tensor] = []
    forward = generator.network.forward
    generator.network.forward = lambda z, condition: seen.append(condition) or forward(z, condition)
    generator.sample(60)
    assert sorted(set(torch.cat(seen).tolist())) == [0, 1, 2]


@pytest.mark.parametrize("label", [3, -1, "cat", "3", 1.5])
def test_unknown_labels_are_refused_with_those_that_are_known(generator: Generator, label: object) -> None:
    with pytest.raises(ValueError, match=r"there is no label .*knows 0 to 2 \(ant, bee, 7\)"):
        generator.sample(1, label=[label])


def test_wrong_counts_are_refused(generator: Generator) -> None:
    with pytest.raises(ValueError, match="2 labels for 3 images"):
        generator.sample(3, label=[0, 1])
    for wrong in ({"n": 0}, {"n": 1, "batch_size": 0}):
        with pytest.raises(ValueError, match="n and batch_size must be at least 1, not"):
            generator.sample(**wrong)


def test_a_generator_without_labels_refuses_one(generator: Generator) -> None:
    from everymode.labels.given import NoLabels

    bare = Generator(generator.network, NoLabels())
    with pytest.raises(ValueError, match="has no labels, so it can't draw label 'bee'"):
        bare.sample(1, label="bee")


def test_truncation_shrinks_the_latent_code(generator: Generator) -> None:
    seen: list[torch.Tensor] = []
    forward = generator.network.forward
    generator.network.forward = lambda z, condition: seen.append(z) or forward(z, condition)
    for truncation in (1.0, 0.5, 0.0):
        generator.sample(4, label=1, truncation=truncation)
    assert torch.equal(seen[1], seen[0] * 0.5)
    assert torch.equal(seen[2], torch.zeros(4, 8))


def test_another_size_is_the_networks_business(generator: Generator) -> None:
    assert generator.sample(1, size=(16, 16)).shape == (1, 1, 16, 16)
    with pytest.raises(ValueError, match="size"):
        generator.sample(1, size=(32, 32))


def test_double_precision_generators_are_drawn_from_too(generator: Generator) -> None:
    single = generator.sample(2)
    generator.network.double()
    double = generator.sample(2)
    assert double.dtype == torch.float32
    torch.testing.assert_close(double, single, rtol=0, atol=1e-5)


def test_loading_draws_no_random_numbers(run: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load(run)
    assert torch.equal(torch.rand(1), expected)


# ---- what can't be loaded


def test_a_folder_without_a_generator(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no generator: give a run folder"):
        load(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(FileNotFoundError, match="has no checkpoint yet"):
        load(tmp_path)


def test_a_damaged_newest_checkpoint_is_passed_over(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    expected = load(run / "checkpoints" / "step-0000001").sample(2)
    (copy / "checkpoints" / "step-0000002" / "generator.safetensors").write_bytes(b"cut")
    assert torch.equal(load(copy).sample(2), expected)
    assert "skipping a damaged checkpoint" in capsys.readouterr().err


def test_damaged_weights_are_named(run: Path, tmp_path: Path) -> None:
    for name in ("config.json", "generator.safetensors"):
        shutil.copy(run / "checkpoints" / "step-0000002" / name, tmp_path)
    path = tmp_path / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"generator\.safetensors is damaged"):
        load(tmp_path)


@pytest.mark.parametrize(
    "module",
    [
        "os",
        "everymode.recipes.x; import os",
        "everymode.recipes.",
        "everymode.recipes",
        "everymode.recipes.omni_gan.os",
        "everymode.recipesx.y",
        "everymode.runs.run",
        "__main__",
        "user_recipe_mine",
        "",
    ],
)
def test_a_config_can_not_name_code_elsewhere(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = config_of(SMALL, own=module)
    part, own_part = (
        config_of(SMALL, parts={"loss": {said: module, "numbers": {}}}) for said in ("name", "own")
    )
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"imported {name}"))
    with pytest.raises(ValueError, match="a custom recipe"):
        recipe_of(own)
    with pytest.raises(ValueError, match="no part for loss is called"):
        recipe_of(part)
    with pytest.raises(ValueError, match="a custom recipe"):
        recipe_of(own_part)


@pytest.mark.parametrize("name", ["Path", "replace", "math", "CIFAR10", "missing", "weight_decay_for"])
def test_only_parts_are_taken_from_recipe_modules(name: str) -> None:
    loss = record_of(SMALL)["parts"]["loss"]
    with pytest.raises(ValueError, match="its recipe is incomplete"):
        recipe_of(config_of(SMALL, parts={name: loss}))
    with pytest.raises(ValueError, match="no part for loss is called"):
        recipe_of(config_of(SMALL, parts={"loss": loss | {"name": name}}))


@pytest.mark.parametrize(
    "changes", [{"parts": 1}, {"numbers": 1}, {"parts": {"loss": {"name": "omni"}}}, {"parts": {"loss": 1}}]
)
def test_a_damaged_recipe_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="its recipe is incomplete"):
        recipe_of(config_of(SMALL, **changes))


def test_a_name_that_is_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="a custom recipe"):
        recipe_of(config_of(SMALL, own="OmniGAN().build"))


def test_a_part_that_is_not_there_is_another_versions() -> None:
    with pytest.raises(ValueError, match="another version of everymode"):
        recipe_of(config_of(SMALL, parts={"loss": {"name": "yet-to-come", "numbers": {}}}))


def test_a_run_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"in format 1; this is everymode .* which reads format 2"):
        recipe_of(config_of(SMALL) | {"format": 1})


@pytest.mark.parametrize("config", [{}, {"recipe": "omni-gan"}, {"recipe": {"module": "x"}}])
def test_a_config_of_something_else(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="names no recipe: everymode did not write it"):
        recipe_of(config)


def test_a_recipe_of_ones_own_is_passed_along(tmp_path: Path) -> None:
    recipe = ToyRecipe(width=6)
    trainer = toy_trainer(recipe)
    config = config_of(recipe) | {"data": {"classes": ["a", "b", "c"]}}
    folder = Generator(trainer.average, trainer.game.labels, config=config).save(tmp_path)
    with pytest.raises(ValueError, match=r"a custom recipe \(ToyRecipe .*recipe=RECIPE"):
        load(folder)
    # The numbers are the file's; the recipe brings the code.
    generator = load(folder, recipe=ToyRecipe())
    assert generator.network.first.out_features == 12
    assert generator.classes == ("a", "b", "c")
    assert json.loads((folder / "config.json").read_text()) == generator.config
