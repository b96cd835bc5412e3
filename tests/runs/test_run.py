"""`everymode.train`: what it makes of its arguments, what it writes, and what it goes on with."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from toy_games import ToyRecipe, differences, toy_data

import everymode
from everymode.data.dataset import Dataset
from everymode.data.errors import DataError, NoLabelsError
from everymode.data.holding_out import hold_out
from everymode.data.opening import open_images
from everymode.evaluation.score_card import read_card
from everymode.evaluation.sides import open_sides
from everymode.machine.stopping import Stopped
from everymode.recipes.omni_gan import DIGITS, IMAGES32
from everymode.runs.run import Run, train
from everymode.sampling.generator import Generator
from everymode.sampling.record import record_of
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.nonfinite import Diverged
from everymode.training.preparation import Preparation

TOY = ToyRecipe(steps=4, tick=1, snapshot=2)


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Run]:
    """Trains the toy in tmp_path, quietly, on the CPU."""

    def run(recipe: ToyRecipe = TOY, **options: object) -> Run:
        given = {"data": toy_data(), "out": tmp_path / "runs", "device": "cpu", "quiet": True}
        return train(recipe, **(given | options))

    return run


@pytest.mark.usefixtures("rendered_curves")
def test_a_run_leaves_a_folder_from_which_it_can_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"steps": 4, "tick": 2, "snapshot": 2, "width": 4, "batch_size": 16, "watch_samples": 20}
    run = everymode.train("omni-gan-digits", out=tmp_path, device="cpu", **small)
    assert run.folder == tmp_path / "00000-omni-gan-digits-digits-train"
    assert (run.steps, run.recipe.flat_numbers()["width"]) == (4, 4)
    names = {path.name for path in run.folder.iterdir()}
    files_of_run = {"config.json", "status.json", "log.jsonl", "curves.png", "reals.png"}
    assert names == files_of_run | {"samples", "checkpoints", "history"}
    assert [path.name for path in sorted((run.folder / "samples").iterdir())] == [
        "step-0000000.png",
        "step-0000002.png",
        "step-0000004.png",
    ]
    with Image.open(run.folder / "samples" / "step-0000004.png") as picture:
        assert picture.mode == "L"
        assert picture.height == 10 * (16 * 3 + 2) + 2
    config = json.loads((run.folder / "config.json").read_text())
    assert config["recipe"] == {"file": None} | json.loads(json.dumps(record_of(run.recipe)))
    assert config["data"]["source"] == "digits:train"
    assert len(config["data"]["classes"]) == 10 and config["data"]["fingerprint"]
    assert config["versions"]["torch"] == torch.__version__
    said = capsys.readouterr().out
    assert f"run {run.folder}" in said and "10 classes" in said and "discriminator steps" in said
    assert run.generator().sample(2, label=3).shape == (2, 1, 16, 16)
    assert torch.equal(everymode.load(run.folder).sample(2), run.generator().sample(2))
    monkeypatch.undo()  # curves are rendered once
    repeated = train(run.recipe, out=tmp_path, device="cpu", quiet=True)
    states = [files.read_state(each.folder / "checkpoints" / "step-0000004") for each in (run, repeated)]
    assert differences(*states) == []


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            DataLoader(toy_data()),
            TypeError,
            r"data is a DataLoader.*give its dataset instead, loader\.dataset",
        ),
        (
            {"images": 1},
            TypeError,
            "give the path or the name of a dataset, not dict; images in memory are given as",
        ),
        ([1, 2], DataError, r"list: item 0 is of type int; each item must be a pair"),
        (
            np.zeros((4, 3, 32, 32), np.uint8),
            NoLabelsError,
            "arrays has no labels, and omni-gan-32 needs them",
        ),
    ],
)
def test_data_that_can_not_be_used_are_refused_with_what_to_do(
    data: object, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        train(IMAGES32, data, tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


def test_data_in_memory_are_trained_on_as_the_same_images_in_a_dataset(tmp_path: Path) -> None:
    digits = open_images("digits:train", resolution=16, limit=200)
    pixels, labels = np.asarray(digits.images), digits.labels
    pairs = [(Image.fromarray(image[0]), int(label)) for image, label in zip(pixels, labels, strict=True)]
    options = {"device": "cpu", "quiet": True, "steps": 2, "width": 4, "batch_size": 16}
    runs = [
        train(DIGITS, data, tmp_path / str(number), **options)
        for number, data in enumerate(
            (pairs, (pixels, labels), (torch.from_numpy(pixels), torch.from_numpy(labels)))
        )
    ]
    configs = [json.loads((run.folder / "config.json").read_text())["data"] for run in runs]
    assert [config["source"] for config in configs] == ["list", "arrays", "arrays"]
    assert len({config["fingerprint"] for config in configs}) == 1
    states = [files.read_state(run.folder / "checkpoints" / "step-0000002") for run in runs]
    assert differences(states[0], states[1]) == differences(states[0], states[2]) == []
    resumed = train(DIGITS, pairs, resume=runs[0].folder, device="cpu", quiet=True, steps=3)
    assert resumed.steps == 3


def test_quiet_is_quiet(toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]) -> None:
    toy()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_numbers_are_checked_before_a_folder_is_made(toy: Callable[..., Run], tmp_path: Path) -> None:
    for wrong, words in (
        ({"stepz": 3}, "Did you mean steps?"),
        ({"steps": "3"}, "steps must be of type int"),
        ({"on_nonfinite": "ignore"}, 'on_nonfinite is "stop" or "rollback"'),
        ({"device": "tpu9"}, "device is"),
        ({"batch_size": 400}, "fewer than a batch of 400"),
    ):
        with pytest.raises(ValueError, match=words):
            toy(**wrong)
    assert not (tmp_path / "runs").exists()


def test_a_batch_that_can_not_be_cut_leaves_no_folder(toy: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be divided into 3 micro-batches"):
        toy(accumulation=3)
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_a_gpu_that_is_not_there(toy: Callable[..., Run]) -> None:
    with pytest.raises(ValueError, match="torch sees no GPU"):
        toy(device="cuda")


def test_labels_are_asked_for_where_they_are_needed(tmp_path: Path) -> None:
    bare = replace(toy_data(), labels=np.full(40, -1), classes=())
    with pytest.raises(
        ValueError, match=r"toy has no labels, and omni-gan-32 needs them: add labels.*--labels clusters"
    ):
        train(IMAGES32, bare, tmp_path, device="cpu", quiet=True)


def test_a_papers_label_column_does_not_hide_that_labels_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everymode.data.opening.prepare", lambda *_, **__: pytest.fail("decoded"))
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    with pytest.raises(
        ValueError, match="photos has no labels, and omni-gan-cifar100 needs them: add labels"
    ):
        train("omni-gan-cifar100", str(tmp_path / "photos"), tmp_path / "runs", device="cpu", quiet=True)


def test_a_recipe_without_data_asks_for_some(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="omni-gan-32 has no dataset by default: name one"):
        train("omni-gan-32", out=tmp_path, device="cpu", quiet=True)


def test_facts_of_the_data_reach_the_recipe(toy: Callable[..., Run]) -> None:
    run = toy(num_classes=99)
    assert run.recipe.num_classes == 3
    assert run.recipe.class_counts == toy_data().class_counts


# ---- going on


def test_a_new_run_is_prepared_once_before_its_first_step(
    toy: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[Path] = []

    def prepare(recipe: ToyRecipe, game: object, data: Dataset, preparation: Preparation) -> None:
        assert (preparation.folder / "config.json").is_file()  # a run that is killed here can be resumed
        assert not list((preparation.folder / "checkpoints").iterdir())
        game.generator.second.bias.data.fill_(0.25)
        prepared.append(preparation.folder)

    monkeypatch.setattr(ToyRecipe, "prepare", prepare)
    run = toy()
    assert prepared == [run.folder]
    first = files.read_state(run.folder / "checkpoints" / "step-0000002")
    assert float((first["modules"]["generator"]["second.bias"] - 0.25).abs().max()) < 0.05
    toy(resume=run.folder, steps=6)
    assert prepared == [run.folder]


def test_a_run_that_stops_while_it_is_prepared_keeps_its_folder(
    toy: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = ToyRecipe.prepare

    def stopping(recipe: ToyRecipe, game: object, data: Dataset, preparation: Preparation) -> None:
        raise Stopped("stopped while preparing", preparation.folder)

    monkeypatch.setattr(ToyRecipe, "prepare", stopping)
    with pytest.raises(Stopped) as stopped:
        toy()
    assert stopped.value.folder is not None and stopped.value.folder.is_dir()
    monkeypatch.setattr(ToyRecipe, "prepare", prepare)
    run = toy(resume="auto")
    assert run.folder == stopped.value.folder
    assert run.steps == TOY.steps


def test_a_run_from_other_networks_that_stops_while_it_is_prepared_still_starts_from_them(
    toy: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = toy().folder
    prepare = ToyRecipe.prepare

    def stopping(recipe: ToyRecipe, game: object, data: Dataset, preparation: Preparation) -> None:
        raise Stopped("stopped while preparing", preparation.folder)

    monkeypatch.setattr(ToyRecipe, "prepare", stopping)
    with pytest.raises(Stopped) as stopped:
        toy(init_from=first)
    monkeypatch.setattr(ToyRecipe, "prepare", prepare)
    resumed, whole = toy(resume=stopped.value.folder), toy(init_from=first)
    states = [files.read_state(run.folder / "checkpoints" / "step-0000004") for run in (resumed, whole)]
    assert differences(*states) == []


def test_resume_goes_on_with_more_steps(toy: Callable[..., Run]) -> None:
    first = toy()
    again = toy(resume=first.folder, steps=8)
    assert again.folder == first.folder
    assert again.steps == 8
    assert [record["step"] for record in read_lines(first.folder / "log.jsonl")] == list(range(1, 9))
    whole = toy(steps=8)
    assert whole.folder != first.folder
    ends = [files.read_state(run.folder / "checkpoints" / "step-0000008") for run in (again, whole)]
    assert differences(*ends) == []


def test_auto_takes_the_newest_run_of_this_recipe_on_this_data(toy: Callable[..., Run]) -> None:
    fresh = toy(resume="auto")
    other = toy(replace(TOY, name="other"))
    unfinished = toy()
    assert len({fresh.folder, other.folder, unfinished.folder}) == 3
    assert toy(resume="auto").folder == unfinished.folder
    elsewhere = replace(toy_data(), name="elsewhere", fingerprint="of other images")
    assert toy(data=elsewhere, resume="auto").folder.name.endswith("toy-elsewhere")


def test_auto_goes_on_with_the_same_parts_only(tmp_path: Path) -> None:
    tiny = {"out": tmp_path, "device": "cpu", "quiet": True, "steps": 1, "width": 4, "batch_size": 16}
    tiny |= {"watch_samples": 20}

    def run(**numbers: object) -> Path:
        return everymode.train("omni-gan-digits", **({"resume": "auto"} | tiny | numbers)).folder

    given, clusters = run(), run(labels="clusters", clusters=3)
    assert given != clusters
    assert run() == given and run(labels="clusters", clusters=3) == clusters
    assert run(labels="given") == given and run(norm="sparsity-aware") not in (given, clusters)
    config = json.loads((clusters / "config.json").read_text())
    assert config["format"] == 2 and config["recipe"]["parts"]["labels"]["name"] == "clusters"
    old = {
        "everymode": "0.1.0",
        "recipe": {"module": "m", "class": "C", "numbers": config["recipe"]["numbers"]},
    }
    checkpoint = clusters / "checkpoints" / "step-0000001"
    for file in (clusters / "config.json", checkpoint / "config.json"):
        file.write_text(json.dumps(config | old | {"format": 1}))
    (tmp_path / "00009-the-newest").mkdir()
    (tmp_path / "00009-the-newest" / "config.json").write_text((clusters / "config.json").read_text())
    for ask in (run, lambda: everymode.load(checkpoint), lambda: run(resume=clusters)):
        with pytest.raises(
            ValueError, match=r"was written by everymode 0\.1\.0, in format 1; this is everymode 0\.2"
        ):
            ask()


def content(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of every file of a run."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_finished_run_is_left_as_it_is(toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]) -> None:
    first = toy()
    before = content(first.folder)
    for how in ({"resume": "auto"}, {"resume": first.folder}, {"resume": first.folder, "generator_lr": 0.5}):
        again = toy(**how, quiet=False)
        assert again.folder == first.folder and again.steps == 4
        assert again.recipe.generator_lr == TOY.generator_lr
        said = capsys.readouterr().out
        assert f"{first.folder} is finished: it has 4 of 4 steps" in said and "add --steps 8" in said
    assert "nothing was changed (generator_lr stays 0.002)" in said
    fewer = toy(resume=first.folder, steps=3, quiet=False)
    assert fewer.steps == 4
    assert "it has 4 steps, more than the 3 requested" in capsys.readouterr().out
    assert content(first.folder) == before


@pytest.mark.usefixtures("rendered_curves")
def test_so_is_one_that_is_too_short_for_curves(toy: Callable[..., Run]) -> None:
    first = toy(tick=4, snapshot=4)
    assert not (first.folder / "curves.png").exists()
    before = content(first.folder)
    assert toy(tick=4, snapshot=4, resume="auto").folder == first.folder
    assert content(first.folder) == before


def test_config_keeps_the_first_numbers_and_lists_changes_by_step(toy: Callable[..., Run]) -> None:
    first = toy()
    config = json.loads((first.folder / "config.json").read_text())
    toy(resume=first.folder, steps=6, discriminator_lr=5e-4)
    toy(resume=first.folder, steps=7, data=replace(toy_data(), name="moved"))
    changed = json.loads((first.folder / "config.json").read_text())
    changes = changed.pop("changes")
    assert changed == config
    assert [{k: v for k, v in change.items() if k != "command"} for change in changes] == [
        {"step": 4, "numbers": {"steps": [4, 6], "discriminator_lr": [0.002, 0.0005]}},
        {"step": 6, "numbers": {"steps": [6, 7]}, "data": {"source": ["toy", "moved"]}},
    ]
    assert changes[0]["command"] == sys.argv
    now = RunFolder(first.folder).read_config()
    assert now["recipe"]["numbers"]["discriminator_lr"] == 5e-4 and now["data"]["source"] == "moved"
    checkpoint = first.folder / "checkpoints" / "step-0000007" / "config.json"
    assert json.loads(checkpoint.read_text())["recipe"] == now["recipe"]
    before = (first.folder / "config.json").read_bytes()
    assert toy(resume=first.folder).recipe.discriminator_lr == 5e-4, "the numbers of the last change count"
    assert (first.folder / "config.json").read_bytes() == before


def test_the_numbers_of_the_run_count_not_those_of_today(toy: Callable[..., Run]) -> None:
    first = toy(width=6)
    again = toy(replace(TOY, generator_lr=0.5), resume=first.folder, steps=6)
    assert again.recipe.width == 6
    assert again.recipe.generator_lr == TOY.generator_lr


def test_resuming_what_is_no_run(toy: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        toy(resume=tmp_path)


def test_resuming_on_other_data_is_refused(toy: Callable[..., Run]) -> None:
    first = toy()
    config = (first.folder / "config.json").read_text()
    with pytest.raises(ValueError, match=r"is not the data that .* was trained on"):
        toy(resume=first.folder, data=replace(toy_data(), fingerprint="other"))
    assert (first.folder / "config.json").read_text() == config


def test_a_run_of_another_recipe_is_not_gone_on_with(toy: Callable[..., Run]) -> None:
    first = toy()
    with pytest.raises(ValueError, match=r"was trained with toy, not with other: leave the recipe out"):
        toy(replace(TOY, name="other"), resume=first.folder)


def test_numbers_that_shape_the_networks_stay(toy: Callable[..., Run]) -> None:
    first = toy()
    with pytest.raises(ValueError, match=r"does not fit this recipe: .*can't change on resume"):
        toy(resume=first.folder, width=9, steps=6)
    again = toy(resume=first.folder, steps=5)
    assert (again.recipe.width, again.steps) == (4, 5)


def test_a_run_whose_checkpoints_are_all_damaged_starts_over(toy: Callable[..., Run]) -> None:
    first = toy()
    state = files.read_state(first.folder / "checkpoints" / "step-0000004")
    for checkpoint in files.checkpoints(first.folder / "checkpoints"):
        (checkpoint / files.MANIFEST).unlink()
    again = toy(resume=first.folder)
    assert [record["step"] for record in read_lines(again.folder / "log.jsonl")] == [1, 2, 3, 4]
    assert differences(state, files.read_state(again.folder / "checkpoints" / "step-0000004")) == []


def test_a_recipe_file_is_kept_with_the_run_and_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import dataclass, replace\n"
        "from everymode.recipes import omni_gan\n\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(omni_gan.Omni):\n"
        "    extra: float = 0.5\n\n"
        "NUMBERS = {'name': 'mine', 'width': 4, 'batch_size': 8, 'steps': 2}\n"
        "RECIPE = replace(omni_gan.DIGITS, loss=Mine()).with_numbers(**NUMBERS)\n"
    )
    options = {"out": tmp_path / "runs", "device": "cpu", "quiet": True, "snapshot": 2}
    run = train(str(path), **options, extra=0.25)
    assert (run.folder / "recipe.py").read_text() == path.read_text()
    assert json.loads((run.folder / "config.json").read_text())["recipe"]["file"] == str(path)
    kept = run.folder / "recipe.py"
    again = train(str(kept), **options, resume=run.folder, steps=3)
    assert again.recipe.loss.extra == 0.25 and again.steps == 3
    with pytest.raises(ValueError, match="a custom recipe"):
        everymode.load(run.folder)
    assert everymode.load(run.folder, recipe=run.recipe).sample(1).shape == (1, 1, 16, 16)


def test_the_watch_reads_the_generators_gradient(toy: Callable[..., Run]) -> None:
    lines = read_lines(toy(watch_samples=20, tick=2).folder / "log.jsonl")
    assert len(lines) == 2
    for line in lines:
        assert line["watch/generator_gradient"] == line["gradient_norm/generator"] > 0


# ---- starting from another run


def test_init_from_takes_weights_but_not_the_step(toy: Callable[..., Run]) -> None:
    first = toy()
    second = toy(init_from=first.folder, steps=2, generator_lr=0.0, discriminator_lr=0.0)
    old = files.read_state(first.folder / "checkpoints" / "step-0000004")
    new = files.read_state(second.folder / "checkpoints" / "step-0000002")
    assert differences(old["modules"]["generator"], new["modules"]["generator"]) == []
    assert new["completed"] == 2


def test_init_from_says_what_did_not_fit(toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]) -> None:
    first = toy()
    toy(init_from=first.folder / "checkpoints" / "step-0000002", quiet=False, latent_dim=7)
    said = capsys.readouterr().out
    assert "generator: 4 of 5 tensors loaded from" in said and "all but first.weight" in said


def test_init_from_something_else_is_refused(toy: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no checkpoint with a discriminator"):
        toy(init_from=tmp_path)


def test_init_from_a_run_with_damaged_checkpoints_only_says_so(toy: Callable[..., Run]) -> None:
    first = toy()
    for file in first.folder.glob("checkpoints/*/**/*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FileNotFoundError, match=r"every checkpoint of .* is damaged"):
        toy(init_from=first.folder)


# ---- other kinds of data


@pytest.mark.parametrize("precision", ["bf16", "float64"])
def test_samples_are_drawn_in_any_precision(toy: Callable[..., Run], precision: str) -> None:
    run = toy(precision=precision, steps=2)
    assert (run.folder / "samples" / "step-0000002.png").is_file()


def test_more_classes_than_rows_of_the_picture(toy: Callable[..., Run]) -> None:
    run = toy(data=many_classes(), steps=2)
    with Image.open(run.folder / "samples" / "step-0000002.png") as picture:
        assert picture.height == 20 * (8 * 6 + 2) + 2


def many_classes() -> Dataset:
    names = tuple(f"class {number}" for number in range(25))
    return replace(toy_data(50), labels=np.arange(50) % 25, classes=names)


def test_a_run_can_be_moved(toy: Callable[..., Run], tmp_path: Path) -> None:
    first = toy()
    moved = tmp_path / "moved" / "run"
    shutil.move(first.folder, moved)
    again = toy(resume=moved, steps=6)
    assert again.folder == moved
    assert RunFolder(moved).read_status() == RunFolder(moved).read_status() | {"state": "done", "step": 6}


def test_the_digits_recipe_is_what_the_name_stands_for() -> None:
    from everymode.recipes import find

    assert find("omni-gan-digits") is DIGITS


def test_auto_never_goes_on_with_another_seed(toy: Callable[..., Run]) -> None:
    first = toy(resume="auto", seed=0)
    second = toy(resume="auto", seed=1)
    assert first.folder != second.folder
    with pytest.raises(ValueError, match="was trained with seed 0"):
        toy(resume=first.folder, seed=1)


def test_numbers_that_change_on_resume_are_said(
    toy: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    first = toy()
    toy(resume=first.folder, steps=5, generator_lr=1e-5, quiet=False)
    said = capsys.readouterr().out
    assert "changed from here on: steps 4 -> 5" in said
    assert "changed from here on: generator_lr" in said


def test_a_run_that_does_not_begin_leaves_no_folder(toy: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no metric 'nonsense'"):
        toy(metrics="nonsense")
    assert list((tmp_path / "runs").iterdir()) == []


def test_held_out_data_belongs_to_the_recipes_own_data(tmp_path: Path) -> None:
    small = {"steps": 2, "tick": 1, "width": 4, "batch_size": 16, "quiet": True, "out": tmp_path}
    small |= {"watch_samples": 20}
    run = train(DIGITS, data="shapes:labels=shape,samples=64", **small)
    assert run.recipe.held_out == ""
    mine = replace(DIGITS, data="", held_out="digits:held-out")
    assert train(mine, data="digits:train", **small).recipe.held_out == "digits:held-out"
    with pytest.raises(ValueError, match="does not fit the training data"):
        train(DIGITS, data="shapes:labels=shape,samples=64", held_out="digits:held-out", **small)


def test_a_fraction_of_the_data_is_held_out_from_training_and_from_its_reference(tmp_path: Path) -> None:
    small = {"tick": 1, "snapshot": 2, "width": 4, "batch_size": 16, "quiet": True, "out": tmp_path / "runs"}
    scores = {"metrics": "fd", "metric_extractor": "random", "metric_images": 20, "watch_samples": 20}
    data = replace(toy_data(300, size=16), name="photos")
    recipe = replace(DIGITS, data="", held_out="")
    run = train(recipe, data=data, steps=2, held_out="0.1", augmentation="auto", **small, **scores)
    config = json.loads((run.folder / "config.json").read_text())
    training, unseen = hold_out(data, 0.1, DIGITS.seed)
    assert config["recipe"]["numbers"]["held_out"] == 0.1
    assert config["recipe"]["numbers"]["augmentation"] == "translation,cutout"
    assert config["data"] | {"num_images": 270, "fingerprint": training.fingerprint} == config["data"]
    assert "watch/held_out" in (run.folder / "log.jsonl").read_text()
    card = read_card(run.folder / "evaluations" / "step-0000002.json")
    assert card.protocol["real"]["fingerprint"] == training.fingerprint
    assert train(recipe, data=data, steps=3, resume=run.folder, quiet=True).recipe.held_out == 0.1
    with pytest.raises(ValueError, match=r"held_out 0.1, and the images that are held out can't change"):
        train(recipe, data=data, steps=4, resume=run.folder, held_out=0.2, quiet=True)
    np.savez(tmp_path / "photos.npz", images=data.images, labels=data.labels)
    generator = run.generator()
    generator.config["data"]["source"] = str(tmp_path / "photos.npz")
    sides = open_sides(generator, None)
    assert sides.held_out is not None
    np.testing.assert_array_equal(sides.real.images[:], training.images[:])
    np.testing.assert_array_equal(sides.held_out.images[:], unseen.images[:])


def test_a_recipes_own_label_column_is_for_data_that_have_columns(tmp_path: Path) -> None:
    """CIFAR-100 as a folder of classes needs no column; a column that was asked for is missed."""
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (32, 32), (60 * number, 0, 0)).save(tmp_path / "photos" / name / f"{number}.png")
    numbers = {
        "steps": 1,
        "tick": 1,
        "snapshot": 1,
        "width": 4,
        "batch_size": 4,
        "watch_samples": 0,
        "quiet": True,
    }
    run = everymode.train("omni-gan-cifar100", data=tmp_path / "photos", out=tmp_path / "runs", **numbers)
    assert run.recipe.label_column == "" and run.recipe.num_classes == 2
    more = numbers | {"steps": 2}
    again = everymode.train("omni-gan-cifar100", tmp_path / "photos", resume=run.folder, **more)
    assert again.steps == 2
    with pytest.raises(ValueError, match='no column "coarse"'):
        everymode.train(
            "omni-gan-cifar100", data=tmp_path / "photos", out=tmp_path, label_column="coarse", **numbers
        )


def test_a_sample_that_is_not_finite_is_no_picture(
    toy: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Generator.sample
    monkeypatch.setattr(
        Generator, "sample", lambda self, n, *args, **how: drawn(self, n, *args, **how) * torch.inf
    )
    with pytest.raises(Diverged, match="sample of the averaged generator"):
        toy()
    (run,) = (tmp_path / "runs").iterdir()
    assert not list((run / "samples").iterdir())
    assert [path.name for path in files.checkpoints(run / "checkpoints")] == ["step-0000000"]
    assert read_lines(run / "warnings.jsonl")[0]["step"] == 2
