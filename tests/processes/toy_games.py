"""A small recipe with every part that the core must keep, toy data, and comparisons of states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.order import DataOrder
from everymode.game import Game, Objective, Term, Turn, Weighted
from everymode.labels.given import GivenLabels
from everymode.losses.adversarial import hinge
from everymode.losses.omni import omni
from everymode.losses.penalties import r1
from everymode.networks.biggan import BigGANDiscriminator
from everymode.networks.heads import ClassifierHead, ProjectionHead
from everymode.norms.conditional import BatchNorm
from everymode.norms.spectral import spectral_norm
from everymode.norms.weight import normalize_weights
from everymode.recipe import Recipe
from everymode.training.trainer import Trainer


class ToyGenerator(nn.Module):
    """z and label -> images, by two linear layers."""

    def __init__(self, recipe: ToyRecipe, *, batch_norm: bool) -> None:
        super().__init__()
        self.latent_dim = recipe.latent_dim
        self.shape = (recipe.channels, *recipe.size)
        self.table = nn.Embedding(recipe.num_classes, 4)
        self.first = nn.Linear(recipe.latent_dim + 4, 2 * recipe.width)
        self.norm = BatchNorm(2 * recipe.width) if batch_norm else None
        self.second = nn.Linear(2 * recipe.width, recipe.channels * recipe.size[0] * recipe.size[1])

    def forward(self, z: Tensor, condition: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        hidden = self.first(torch.cat((z, self.table(condition)), dim=1))
        hidden = F.leaky_relu(hidden if self.norm is None else self.norm(hidden), 0.2)
        return torch.tanh(self.second(hidden)).unflatten(1, self.shape)


class MovingMean(nn.Module):
    """A term with state: the distance of the real scores from their running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("turns", torch.zeros((), dtype=torch.int64))

    def forward(self, turn: Turn) -> Tensor:
        level = turn.real_verdict.scores[0].mean()
        self.mean.lerp_(level.detach(), 0.1)
        self.turns += 1
        return (level - self.mean).square()


@dataclass(frozen=True, kw_only=True)
class ToyRecipe(Recipe):
    """Two tiny networks on 8x8 images of three classes, built without parts: the numbers are its own."""

    name: str = "toy"
    resolution: int | tuple[int, int] = 8
    channels: int = 1
    num_classes: int = 3
    width: int = 4
    latent_dim: int = 5
    steps: int = 8
    batch_size: int = 8
    tick: int = 2
    snapshot: int = 4
    generator_lr: float = 2e-3
    discriminator_lr: float = 2e-3
    ema_decay: float = 0.9
    kind: Literal["omni", "hinge"] = "omni"
    batch_norm: bool = False
    spectral: bool = True
    r1_weight: float = 0.0
    r1_every: int = 1
    moving_mean: bool = False
    refresh_every: int = 0
    labeled_share: float | None = None

    def build(self) -> Game:
        heads = {
            "omni": partial(ClassifierHead, num_outputs=self.num_classes + 2),
            "hinge": partial(ProjectionHead, num_classes=self.num_classes),
        }
        losses = {"omni": omni(self.num_classes), "hinge": hinge()}
        generator = ToyGenerator(self, batch_norm=self.batch_norm)
        discriminator = BigGANDiscriminator(
            self.size,
            head=heads[self.kind],
            widths=(2 * self.width, 2 * self.width),
            halvings=2,
            channels=self.channels,
        )
        if self.spectral:
            images = torch.zeros(1, self.channels, *self.size)
            normalize_weights(discriminator, spectral_norm(), images, torch.zeros(1, dtype=torch.long))
        terms: list[Weighted] = []
        if self.r1_weight:
            terms.append(Weighted("r1", r1(), self.r1_weight, self.r1_every))
        if self.moving_mean:
            terms.append(Weighted("moving mean", MovingMean(), 0.1))
        objective = Objective(losses[self.kind], tuple(terms))
        return Game(generator, discriminator, GivenLabels(self.num_classes), objective)


@dataclass(frozen=True, kw_only=True)
class TermRecipe(ToyRecipe):
    """The toy with a discriminator term of the test's own."""

    def build(self) -> Game:
        game = super().build()
        terms = (*game.objective.discriminator_terms, Weighted("planted", PLANTED[self.name]))
        game.objective = Objective(game.objective.adversarial, terms)
        return game


PLANTED: dict[str, Term] = {}
"""Terms of TermRecipes by the recipe's name (a recipe holds plain values only)."""


def toy_data(count: int = 40, *, size: int = 8, classes: int = 3) -> Dataset:
    """Random gray images with unequally frequent labels."""
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (count, 1, size, size), dtype=np.uint8)
    labels = np.minimum(random.integers(0, 2 * classes, count), classes - 1)
    names = tuple("abcdefghij"[:classes])
    return Dataset(name="toy", images=images, labels=labels, classes=names, fingerprint="toy")


def toy_trainer(recipe: Recipe, data: Dataset | None = None, **options: Any) -> Trainer:
    """A trainer on toy data."""
    data = toy_data(size=recipe.size[0]) if data is None else data
    order = DataOrder(data.labels, recipe.batch_size, recipe.seed, sampling=recipe.class_sampling)
    return Trainer(recipe, data, order, **options)


def leaves(state: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a nested state with its path."""
    if isinstance(state, dict):
        for key, value in state.items():
            yield from leaves(value, f"{path}/{key}")
    else:
        yield path, state


def differences(first: Any, second: Any) -> list[str]:
    """Paths of two nested states at which they are not the same, bit for bit."""
    mine, theirs = dict(leaves(first)), dict(leaves(second))
    return sorted(mine.keys() ^ theirs.keys()) + [
        path for path in mine.keys() & theirs.keys() if not _same(mine[path], theirs[path])
    ]


def largest_difference(first: Any, second: Any) -> float:
    """The largest absolute difference between the tensors of two nested states with the same paths."""
    mine, theirs = dict(leaves(first)), dict(leaves(second))
    assert mine.keys() == theirs.keys()
    tensors = [path for path in mine if isinstance(mine[path], Tensor) and mine[path].numel()]
    return max(float((mine[path].double() - theirs[path].double()).abs().max()) for path in tensors)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    return first == second
