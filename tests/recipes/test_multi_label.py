"""Omni-GAN on images with several labels each: heads, tables, joint draws, three steps, samples, and refusals."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import everymode
from everymode.commands.sample import sample as sample_command
from everymode.data.dataset import Dataset
from everymode.data.facts import DataFacts
from everymode.data.opening import open_images
from everymode.data.synthetic import in_memory
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.sides import open_data, open_sides
from everymode.networks.block_embedding import BlockEmbedding
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.multi_label import SHAPES, TWO_DOMAINS
from everymode.recipes.omni_gan import IMAGES32
from everymode.runs.run import Run, train
from everymode.sampling.record import recipe_from, record_of

SMALL = {
    "steps": 3,
    "tick": 1,
    "snapshot": 3,
    "batch_size": 8,
    "width": 4,
    "latent_dim": 8,
    "watch_samples": 60,
}
DATA = {
    "omni-gan-shapes": "shapes:labels=shape+color+size,samples=120",
    "omni-gan-two-domains": "two-domain-digits:held-out",
}


def small_run(name: str, out: Path, **numbers: object) -> Run:
    given = {"data": DATA[name], "out": out, "device": "cpu", "quiet": True, **SMALL}
    return train(name, **(given | numbers))


@pytest.fixture(scope="module")
def shapes_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run("omni-gan-shapes", tmp_path_factory.mktemp("shapes"))


@pytest.mark.parametrize(("recipe", "outputs"), [(TWO_DOMAINS, 10 + 2 + 2), (SHAPES, 5 + 6 + 3 + 2)])
def test_the_head_has_a_score_per_label_and_two_for_reality(recipe: Recipe, outputs: int) -> None:
    with torch.device("meta"):
        game = recipe.build()
    assert game.discriminator.head.linear.out_features == outputs
    tables = [each for each in game.generator.modules() if isinstance(each, BlockEmbedding)]
    assert len(tables) == 2 * 2 * len(game.generator.blocks)
    assert {table.sizes for table in tables} == {recipe.num_classes}


def test_a_shared_embedding_is_a_sum_too() -> None:
    game = TWO_DOMAINS.with_numbers(shared_dim=6, hierarchical=True, latent_dim=16, width=4).build()
    assert isinstance(game.generator.shared, BlockEmbedding)
    generator = game.generator.eval()
    z = torch.randn(1, generator.latent_dim).expand(3, -1)
    with torch.no_grad():
        images = generator(z, torch.tensor([[1, 0], [1, 1], [2, 0]]))
    assert not torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])


@pytest.mark.parametrize("name", DATA)
def test_three_steps_leave_finite_numbers_and_a_picture(name: str, tmp_path: Path) -> None:
    data = DATA[name]
    run = small_run(name, tmp_path, held_out=data)
    last = json.loads((run.folder / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 3
    assert all(math.isfinite(value) for value in last.values())
    assert {"watch/labels_hit", "watch/self_accuracy", "watch/validation_accuracy"} <= last.keys()
    with Image.open(run.folder / "samples" / "step-0000003.png") as picture:
        rows = open_images(data).num_classes[0]
        scale = round(48 / run.recipe.size[0])
        assert picture.height == rows * (run.recipe.size[0] * scale + 2) + 2


def test_samples_are_asked_for_by_names_or_numbers(shapes_run: Run) -> None:
    generator = everymode.load(shapes_run.folder)
    assert generator.num_labels == (5, 6, 3)
    seen: list[torch.Tensor] = []
    forward = generator.network.forward
    generator.network.forward = lambda z, condition: seen.append(condition) or forward(z, condition)
    by_name = generator.sample(3, label="star,blue,large")
    assert seen[-1].tolist() == [[3, 2, 2]] * 3
    assert torch.equal(generator.sample(3, label=(3, "blue", 2)), by_name)
    assert torch.equal(generator.sample(3, label=torch.tensor([[3, 2, 2]] * 3)), by_name)
    generator.sample(40, label="cross,,small")
    asked = seen[-1]
    assert (asked[:, 0] == 4).all() and (asked[:, 2] == 0).all() and len(asked[:, 1].unique()) == 6
    alone = generator.sample(1, label="cross,,small", seed=7)
    assert torch.equal(seen[-1], asked[7:8]), "what is drawn depends on the seed of the image alone"
    assert alone.shape == (1, 3, 16, 16)
    generator.sample(200)
    assert [len(torch.cat(seen[-4:])[:, block].unique()) for block in range(3)] == [5, 6, 3]
    with pytest.raises(ValueError, match=r"knows 0 to 5 \(red, green, blue"):
        generator.sample(1, label="star,pink,large")
    with pytest.raises(ValueError, match="does not name one label of each of 3 kinds"):
        generator.sample(1, label="star")


def test_the_command_takes_one_label_of_each_kind(shapes_run: Run, tmp_path: Path) -> None:
    sample_command(shapes_run.folder, label=["star,blue,large", "cross,,"], seeds="0-1", out=tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        f"label-{label}-seed000{seed}.png" for label in ("cross--", "star-blue-large") for seed in (0, 1)
    ]


def test_a_users_table_with_several_columns_from_training_to_samples(tmp_path: Path) -> None:
    """Train on labels.csv, sample by the names of both columns, and find the labels again to score."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rows = ["file,digit,place"]
    for number in range(30):
        Image.new("RGB", (32, 32), (number * 8, 0, 255 * (number % 2))).save(photos / f"{number:02}.png")
        rows.append(f"{number:02}.png,{number % 3},{'city' if number % 2 else 'wood'}")
    (photos / "labels.csv").write_text("\n".join(rows) + "\n")
    run = train(
        "omni-gan-32",
        photos,
        tmp_path / "runs",
        label_column="digit,place",
        device="cpu",
        quiet=True,
        **SMALL,
    )
    assert run.recipe.num_classes == (3, 2)
    assert run.recipe.class_counts == (10, 10, 10, 15, 15)
    generator = everymode.load(run.folder)
    assert generator.classes == ("0", "1", "2", "city", "wood")
    by_name = generator.sample(2, label="2,wood")
    assert torch.equal(by_name, generator.sample(2, label=(2, 1)))
    sample_command(run.folder, label=["1,city"], seeds="0", out=tmp_path / "samples")
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["label-1-city-seed0000.png"]
    sides = open_sides(run.folder, photos, sampling=Sampling())
    assert isinstance(sides.real, Dataset) and sides.real.num_classes == (3, 2)
    (photos / "labels.csv").write_text("file,label\n00.png,old\n")
    assert open_data(photos, label_column="digit,place").classes == ("old",), (
        "other data keep their own labels"
    )


def two_pairs() -> Dataset:
    """40 images; the first kind of label decides the second, which a fifth of the images lack."""
    labels = np.stack([np.arange(40) % 2, np.arange(40) % 2 + 1], axis=1)
    labels[2, 1] = 0  # every class has an image
    labels[::5, 1] = -1
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), dtype=np.uint8)
    names = [("a", "b"), ("x", "y", "z")]
    return in_memory("pairs", images, labels, ["a", "b", "x", "y", "z"], label_blocks=names)


def test_fakes_as_in_the_data_never_have_labels_that_do_not_meet_there(tmp_path: Path) -> None:
    data = two_pairs()
    assert data.combination_counts == ((0, 0, 1), (0, 1, 15), (1, 2, 16))
    run = train(
        replace(TWO_DOMAINS, data="", held_out=""),
        data,
        tmp_path,
        device="cpu",
        quiet=True,
        fake_labels="data",
        **SMALL,
    )
    generator = everymode.load(run.folder)
    rows = generator.labels.combinations
    assert rows.tolist() == [[0, 0], [0, 1], [1, 2]]
    seen: list[torch.Tensor] = []
    forward = generator.network.forward
    generator.network.forward = lambda z, condition: seen.append(condition) or forward(z, condition)
    generator.sample(30)
    generator.sample(30, label=(1, None))
    assert {(0, 1), (1, 2)} <= set(map(tuple, seen[0].tolist())) <= {(0, 0), (0, 1), (1, 2)}
    assert set(map(tuple, seen[1].tolist())) == {(1, 2)}
    assert recipe_from(json.loads(json.dumps(record_of(run.recipe)))) == run.recipe


def test_a_law_that_nothing_shows_is_refused() -> None:
    recipe = TWO_DOMAINS.with_numbers(fake_labels="data", combination_counts=())
    with pytest.raises(ValueError, match="joint frequencies are unknown: set fake_labels to uniform"):
        recipe.build()


def test_the_weight_decay_follows_the_images_of_a_class() -> None:
    facts = DataFacts("x", 6000, (3, 32, 32), (2, 4), (3000, 3000, *(1500,) * 4), 0, "f", ())
    fitted = IMAGES32.for_data(facts)
    # 2,000 images per class on average over both kinds, as if 6,000 were shared by three classes.
    alone = replace(facts, num_classes=3, class_counts=(2000,) * 3)
    assert fitted.discriminator_weight_decay == IMAGES32.for_data(alone).discriminator_weight_decay
    assert "2,000 images per label" in fitted.notes()[0]


# ---- what does not go together


@pytest.mark.parametrize("name", ["biggan-32", "biggan-digits"])
def test_recipes_for_one_label_refuse_several(name: str) -> None:
    facts = open_images(DATA["omni-gan-shapes"]).facts()
    with pytest.raises(ValueError, match=r"has 3 labels, but .* takes one: select one of them"):
        find(name).for_data(facts)


def test_data_whose_labels_are_all_missing_are_refused(tmp_path: Path) -> None:
    images = np.zeros((20, 1, 16, 16), np.uint8)
    bare = in_memory("bare", images, np.full(20, -1), ["a", "b"])
    with pytest.raises(ValueError, match="none of the 20 images of bare has one: label some"):
        find("omni-gan-digits").for_data(bare.facts())
    with pytest.raises(ValueError, match="bare has no labels, and omni-gan-digits needs them"):
        train("omni-gan-digits", bare, tmp_path, device="cpu", quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["ac-gan-digits", "multi-hinge-gan-digits"])
def test_a_class_head_needs_two_classes(name: str) -> None:
    with pytest.raises(
        ValueError,
        match="needs at least 2 labels, and there is 1: choose another loss, such as --loss projection",
    ):
        replace(find(name), num_classes=1).build()
