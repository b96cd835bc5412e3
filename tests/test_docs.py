"""The Python in the documents runs, and what it defines works."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import replace
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
from everymode.recipe import Recipe
from everymode.recipes import RECIPES
from everymode.recipes.omni_gan import DIGITS, OmniGAN
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


def train_two_steps(recipe: Recipe, change: Any = None) -> Trainer:
    data = open_images("digits:train", resolution=16)
    small = replace(recipe, steps=2, batch_size=8, width=2, latent_dim=8, discriminator_steps=1)
    small = small.for_data(data.facts())

    class Changed(type(small)):
        def build(self) -> Game:
            game = super().build()
            if change is not None:
                change(game)
            return game

    trainer = Trainer(Changed(**vars(small)), data, DataOrder(len(data), 8, 0))
    trainer.run()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.game.generator.parameters())
    return trainer


def named(blocks: list[dict[str, Any]], name: str) -> Any:
    return next(block[name] for block in blocks if name in block)


def test_recipes_of_ones_own(extending: list[dict[str, Any]]) -> None:
    recipes = [block["RECIPE"] for block in extending if "RECIPE" in block]
    assert [recipe.name for recipe in recipes] == ["my-birds", "omni-penalty"]
    assert recipes[0].width == 48
    trainer = train_two_steps(recipes[1])
    assert [term.name for term in trainer.game.objective.discriminator_terms] == ["penalty"]
    assert trainer.game.objective.discriminator_terms[0].weight == recipes[1].penalty_weight


def test_a_loss_and_a_term(extending: list[dict[str, Any]]) -> None:
    loss, matching = named(extending, "soft_hinge")(), named(extending, "feature_matching")

    def change(game: Game) -> None:
        game.objective = Objective(loss, generator_terms=(Weighted("matching", matching, 1.0),))

    train_two_steps(named(extending, "RECIPE"), change)
    sharp = named(extending, "soft_hinge")(200.0)
    real, fake = torch.randn(50, 1), torch.randn(50, 1)
    expected = hinge().discriminator(real, fake, None, None)
    torch.testing.assert_close(sharp.discriminator(real, fake, None, None), expected, rtol=0, atol=0.02)


def test_a_class_head(extending: list[dict[str, Any]]) -> None:
    (objective,) = [block["objective"] for block in extending if "objective" in block]

    class WithClasses(OmniGAN):
        def build(self) -> Game:
            return self.game(objective, partial(ProjectionClassifierHead, num_classes=10))

    trainer = train_two_steps(WithClasses(**vars(DIGITS)))
    trainer.step()
    means, _ = trainer.tally.read(trainer.world)
    assert {"discriminator/classes", "generator/classes"} <= means.keys()


def test_a_label_source(extending: list[dict[str, Any]]) -> None:
    source = named(extending, "HalfOfTheLabels")()

    def change(game: Game) -> None:
        game.labels = source
        game.modules["labels"] = source

    trainer = train_two_steps(named(extending, "RECIPE"), change)
    turn_labels = source.assign(trainer.parts(0, 0)[0].batch, trainer.game.discriminator, None)
    assert set(turn_labels.tolist()) <= {0, 1}


def test_a_weight_rule(extending: list[dict[str, Any]]) -> None:
    block = next(block for block in extending if "UnitRows" in block)
    weight = block["discriminator"].blocks[0].conv1.weight
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.ones(len(weight)))


def test_a_part_in_ones_own_loop(extending: list[dict[str, Any]]) -> None:
    last = extending[-1]
    assert last["d_cost"].isfinite() and last["g_cost"].isfinite()


def test_clusters_in_ones_own_loop() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "clusters.md").read_text(), flags=re.DOTALL)
    discriminator = BigGANDiscriminator(
        (16, 16), head=partial(ClassifierHead, num_outputs=12), widths=(8, 8), halvings=1, channels=1
    )
    space = {"torch": torch, "discriminator": discriminator}
    exec(compile(block, "docs/clusters.md", "exec"), space)
    assert space["clusters"].shape == (8,) and int(space["labels"].refreshes) == 2
    assert space["told"]["empty"] == 0


def test_no_document_is_empty() -> None:
    assert not [path.name for path in DOCS.rglob("*.md") if len(path.read_text()) < 300]


def test_links_of_the_documents_lead_somewhere() -> None:
    root = DOCS.parent
    for page in [root / "README.md", *DOCS.rglob("*.md")]:
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
