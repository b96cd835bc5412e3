"""The Python in the documents runs, and what it defines works."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from everymode.data.opening import open_images
from everymode.data.order import DataOrder
from everymode.game import Game, Objective, Weighted
from everymode.losses.adversarial import hinge
from everymode.networks.biggan import BigGANDiscriminator
from everymode.networks.heads import ClassifierHead, ProjectionClassifierHead
from everymode.part import Loss, LossPieces
from everymode.recipe import Recipe
from everymode.recipes import RECIPES
from everymode.recipes.omni_gan import DIGITS
from everymode.training.trainer import Trainer

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def extending() -> list[dict[str, Any]]:
    """What each Python block of docs/extending.md defines, run one after the other."""
    images, labels = torch.randn(4, 1, 16, 16), torch.tensor([0, 1, 2, 3])
    known = {
        "images": images,
        "labels": labels,
        "fake_labels": labels,
        "scores_of_real": torch.randn(4, 12),
        "scores_of_fake": torch.randn(4, 12),
        "discriminator": BigGANDiscriminator(
            (16, 16), head=partial(ClassifierHead, num_outputs=12), widths=(8, 8), halvings=1, channels=1
        ),
    }
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "extending.md").read_text(), flags=re.DOTALL)
    found = []
    for number, block in enumerate(blocks):
        space = {**known, "__name__": f"extending_{number}"}
        module = types.ModuleType(space["__name__"])
        sys.modules[module.__name__] = module  # dataclasses look their module up
        module.__dict__.update(space)
        exec(compile(block, f"docs/extending.md block {number}", "exec"), module.__dict__)
        found.append(module.__dict__)
    return found


@dataclass(frozen=True, kw_only=True)
class Changed(Recipe):
    """A recipe whose game is changed once it is built."""

    change: Any = None

    def build(self) -> Game:
        game = super().build()
        if self.change is not None:
            self.change(game)
        return game


def train_two_steps(recipe: Recipe, change: Any = None) -> Trainer:
    data = open_images("digits:train", resolution=16)
    small = recipe.with_numbers(steps=2, batch_size=8, width=2, latent_dim=8, discriminator_steps=1)
    small = small.for_data(data.facts())
    trainer = Trainer(Changed(**vars(small), change=change), data, DataOrder(len(data), 8, 0))
    trainer.run()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.game.generator.parameters())
    return trainer


def named(blocks: list[dict[str, Any]], name: str) -> Any:
    return next(block[name] for block in blocks if name in block)


def recipes_in(blocks: list[dict[str, Any]]) -> dict[str, Recipe]:
    return {block["RECIPE"].name: block["RECIPE"] for block in blocks if "RECIPE" in block}


def test_mixtures_and_parts_of_ones_own(extending: list[dict[str, Any]]) -> None:
    found = recipes_in(extending)
    assert [*found] == ["omni-gan-64", "my-birds", "omni-margin", "omni-penalty"]
    assert found["my-birds"].flat_numbers()["width"] == 48
    assert found["my-birds"].flat_numbers()["clusters"] == 50
    trainer = train_two_steps(found["omni-penalty"])
    assert [term.name for term in trainer.game.objective.discriminator_terms] == ["zero_centered"]
    assert trainer.game.objective.discriminator_terms[0].weight == found["omni-penalty"].terms.zero_weight
    train_two_steps(found["omni-margin"])


def test_the_mixture_of_two_papers_plays(extending: list[dict[str, Any]]) -> None:
    mixture = recipes_in(extending)["omni-gan-64"]
    small = mixture.with_numbers(
        resolution=16, channels=1, shared_dim=8, clusters=4, cluster_images=100, refresh_every=2
    )
    trainer = train_two_steps(small.with_numbers(doublings=2))
    assert type(trainer.game.labels).__name__ == "ClusterLabels"
    assert trainer.game.discriminator.head.linear.out_features == 4 + 2
    weight = trainer.game.discriminator.blocks[0].conv1.parametrizations.weight[0]
    assert "SparsityAware" in type(weight).__name__


def test_a_loss_and_a_term(extending: list[dict[str, Any]]) -> None:
    loss, matching = named(extending, "soft_hinge")(), named(extending, "feature_matching")

    def change(game: Game) -> None:
        game.objective = Objective(loss, generator_terms=(Weighted("matching", matching, 1.0),))

    train_two_steps(recipes_in(extending)["omni-penalty"], change)
    sharp = named(extending, "soft_hinge")(200.0)
    real, fake = torch.randn(50, 1), torch.randn(50, 1)
    expected = hinge().discriminator(real, fake, None, None)
    torch.testing.assert_close(sharp.discriminator(real, fake, None, None), expected, rtol=0, atol=0.02)


def test_a_class_head(extending: list[dict[str, Any]]) -> None:
    (objective,) = [block["objective"] for block in extending if "objective" in block]

    def pieces(part: Loss, recipe: Recipe) -> LossPieces:
        head = partial(ProjectionClassifierHead, num_classes=10)
        adversarial, *terms = vars(objective).values()
        return LossPieces(adversarial, head, None, *terms)

    with_classes = type("WithClasses", (Loss,), {"called": "classes", "pieces": pieces})
    trainer = train_two_steps(replace(DIGITS, loss=with_classes()))
    trainer.step()
    means, _ = trainer.tally.read(trainer.world)
    assert {"discriminator/classes", "generator/classes"} <= means.keys()


def test_a_label_source(extending: list[dict[str, Any]]) -> None:
    source = named(extending, "HalfOfTheLabels")()

    def change(game: Game) -> None:
        game.labels = source
        game.modules["labels"] = source

    trainer = train_two_steps(recipes_in(extending)["omni-penalty"], change)
    turn_labels = source.assign(trainer.parts(0, 0)[0].batch, trainer.game.discriminator, None)
    assert set(turn_labels.tolist()) <= {0, 1}


def test_a_weight_rule(extending: list[dict[str, Any]]) -> None:
    block = next(block for block in extending if "UnitRows" in block)
    weight = block["discriminator"].blocks[0].conv1.weight
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.ones(len(weight)))


def test_a_part_in_ones_own_loop(extending: list[dict[str, Any]]) -> None:
    assert named(extending, "d_cost").isfinite() and named(extending, "g_cost").isfinite()


def test_four_costs_in_ones_own_loop(extending: list[dict[str, Any]]) -> None:
    block = next(block for block in extending if "discriminator_cost" in block)
    weight = torch.randn(12, 4 + 1 + 3, requires_grad=True)

    def net(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        features = images.flatten(1) @ weight
        return features[:, 0], features[:, 1:4], features[:, 4:]

    real, fake = torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2, requires_grad=True)
    labels = torch.tensor([0, 1, 2, -1, 0])
    (of_weight,) = torch.autograd.grad(
        block["discriminator_cost"](net, real, labels, fake, labels.clamp(min=0)), weight
    )
    scores = hinge().discriminator(net(real)[0], net(fake)[0], None, None)
    (of_scores,) = torch.autograd.grad(scores, weight)
    # The gradient of R1's half squared norm of the score's constant gradient, weight[:, 0], is that vector.
    torch.testing.assert_close(of_weight[:, 0] - of_scores[:, 0], 0.1 * weight[:, 0])
    assert (of_weight[:, 1:4] != 0).all() and (of_weight[:, 4:] == 0).all()
    partitioner = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    (of_fake,) = torch.autograd.grad(
        block["generator_cost"](net, partitioner, real, fake, labels.clamp(min=0)), fake
    )
    assert (of_fake != 0).any(dim=(1, 2, 3)).all()


def test_a_replayed_step(extending: list[dict[str, Any]]) -> None:
    block = next(block for block in extending if "trainer" in block)
    assert block["trainer"].completed == 1


def test_complete_recipes_of_ones_own_play() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "custom_recipes.md").read_text(), flags=re.DOTALL)
    found = {}
    for number, block in enumerate(blocks):
        module = types.ModuleType(f"custom_{number}")
        sys.modules[module.__name__] = module  # dataclasses look their module up
        exec(compile(block, f"docs/custom_recipes.md block {number}", "exec"), module.__dict__)
        found |= recipes_in([module.__dict__])
    assert [*found] == ["soft-hinge-32", "brightness-32", "small-networks-32"]
    small = {"resolution": 16, "channels": 1}
    hinged = train_two_steps(found["soft-hinge-32"].with_numbers(**small, shared_dim=8)).game
    assert type(hinged.discriminator.head).__name__ == "ProjectionHead"
    real, fake = torch.randn(50, 1), torch.randn(50, 1)
    sharp = found["soft-hinge-32"].with_numbers(sharpness=200.0, num_classes=3).loss
    costs = sharp.pieces(found["soft-hinge-32"]).adversarial.discriminator(real, fake, None, None)
    torch.testing.assert_close(costs, hinge().discriminator(real, fake, None, None), rtol=0, atol=0.02)
    levels = train_two_steps(found["brightness-32"].with_numbers(**small, shared_dim=8)).game.labels
    grays = torch.tensor([-1.0, -0.4, -0.3, 0.3, 0.4, 1.0]).view(6, 1, 1, 1).expand(6, 1, 2, 2)
    assert levels.label_unseen(grays).tolist() == [0, 0, 1, 1, 2, 2]
    plain = train_two_steps(found["small-networks-32"].with_numbers(**small)).game
    assert len(plain.generator.layers) == 11 and type(plain.discriminator.head).__name__ == "ClassifierHead"


def test_clusters_in_ones_own_loop() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "clusters.md").read_text(), flags=re.DOTALL)
    discriminator = BigGANDiscriminator(
        (16, 16), head=partial(ClassifierHead, num_outputs=12), widths=(8, 8), halvings=1, channels=1
    )
    space = {"torch": torch, "discriminator": discriminator}
    exec(compile(block, "docs/clusters.md", "exec"), space)
    assert space["clusters"].shape == (8,) and int(space["labels"].refreshes) == 2
    assert space["told"]["empty"] == 0


def test_documents_are_neither_empty_nor_long() -> None:
    pages = [path for path in DOCS.rglob("*.md") if path.parent.name != "api"]
    assert not [path.name for path in pages if len(path.read_text()) < 300]
    pages += [DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]
    assert not [path.name for path in pages if len(path.read_text().splitlines()) > 300]


def test_links_of_the_documents_lead_somewhere() -> None:
    root = DOCS.parent
    for page in [*root.glob("*.md"), *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_recipes_that_are_named_in_commands_exist() -> None:
    root = DOCS.parent
    texts = [root / "README.md", *DOCS.rglob("*.md"), *(root / "everymode").rglob("*.py")]
    texts += [*(root / "experiments").rglob("*.py"), *(root / "benchmarks").rglob("*.py")]
    named = [
        (path.name, name)
        for path in texts
        for name in re.findall(
            r"everymode (?:train|recipes show) ([a-z][a-z0-9-]+)(?![\w.*-])", path.read_text()
        )
    ]
    assert len(named) > 100
    assert not [where for where in named if where[1] not in RECIPES]


def test_the_table_of_rooms_is_the_one_that_the_structure_test_enforces() -> None:
    structure = sys.modules.get("tests.test_structure")  # where pytest has loaded it, which takes a second
    if structure is None:
        path = DOCS.parent / "tests" / "test_structure.py"
        spec = importlib.util.spec_from_file_location("structure", path)
        assert spec is not None and spec.loader is not None
        structure = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = structure  # its classes look their module up
        spec.loader.exec_module(structure)
    text = (DOCS / "architecture.md").read_text()
    rows = re.findall(
        r"^\| (`[^|]+) \|[^|]+\|([^|]*)\|$", text.partition("## Packages")[2], flags=re.MULTILINE
    )
    told = {}
    for rooms, imported in rows:
        names = set(re.findall(r"[a-z]+", imported.partition("(")[0]))
        told |= dict.fromkeys(re.findall(r"`([a-z]+)`", rooms), names)
    every = structure.MAY_IMPORT["runs"]
    told["runs"], told["explorer"], told["commands"] = every, {*every, "runs"}, {*every, "runs", "explorer"}
    assert told == {
        room: allowed for room, allowed in structure.MAY_IMPORT.items() if room not in ("cli", "__main__")
    }
