"""The moves: a whole iteration replayed in plain sums, and how often each network is passed through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from plain_biggan import PlainAdam, PlainNetwork, generate, judge, omni_cost
from torch import Tensor, nn
from toy_games import ToyRecipe, differences, largest_difference, toy_trainer

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, Turn
from everymode.recipe import Recipe
from everymode.recipes import biggan, omni_gan
from everymode.training.moves import Part, frozen, gradient_norm, play_discriminator, play_generator
from everymode.training.optimizers import adam

ROWS, CLASSES, STEPS = 4, 3, 2
NUMBERS = {
    "width": 4,
    "latent_dim": 6,
    "num_classes": CLASSES,
    "resolution": 16,
    "channels": 1,
    "batch_size": ROWS,
    "discriminator_steps": STEPS,
    "generator_lr": 1e-3,
    "discriminator_lr": 2e-3,
    "generator_weight_decay": 1e-2,
    "discriminator_weight_decay": 3e-2,
    "beta1": 0.3,
    "beta2": 0.9,
    "adam_epsilon": 1e-5,
    "spectral_epsilon": 1e-6,
}


@dataclass(frozen=True)
class Given:
    """The real images, labels, latent codes and fake labels of one move."""

    real: Tensor
    labels: Tensor
    z: Tensor
    fake_labels: Tensor

    def part(self) -> Part:
        rows = torch.arange(ROWS)
        injected = {"z": self.z, "fake labels": self.fake_labels}
        draws = Draws(0, "replayed", Rows.all(ROWS), dtype=torch.float64, injected=injected)
        return Part(Batch(self.real, self.labels, rows), draws)


@pytest.fixture
def moves() -> list[Given]:
    """Two discriminator moves and a generator's."""
    random = torch.Generator().manual_seed(11)
    return [
        Given(
            torch.rand(ROWS, 1, 16, 16, generator=random, dtype=torch.float64) * 2 - 1,
            torch.randint(CLASSES, (ROWS,), generator=random),
            torch.randn(ROWS, 6, generator=random, dtype=torch.float64),
            torch.randint(CLASSES, (ROWS,), generator=random),
        )
        for _ in range(STEPS + 1)
    ]


def built(recipe: Recipe) -> Game:
    """The recipe's game in double precision, with parameters of a size that matters."""
    torch.manual_seed(4)
    game = recipe.build()
    for network in (game.generator, game.discriminator):
        network.double().train()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return game


def optimizers(recipe: Recipe, game: Game) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """The optimizers as the trainer makes them."""
    decays = recipe.generator_weight_decay, recipe.discriminator_weight_decay
    return (
        adam(game.generator, recipe, lr=recipe.generator_lr, weight_decay=decays[0]),
        adam(game.discriminator, recipe, lr=recipe.discriminator_lr, weight_decay=decays[1]),
    )


class Replay:
    """The same moves in plain sums."""

    def __init__(self, recipe: Recipe, game: Game) -> None:
        self.omni = isinstance(recipe.loss, omni_gan.Omni)
        self.generator = plain(game.generator, recipe.networks.spectral_epsilon)
        self.discriminator = plain(game.discriminator, recipe.norm.spectral_epsilon)
        numbers = {"betas": (recipe.beta1, recipe.beta2), "epsilon": recipe.adam_epsilon}
        self.generator_adam = PlainAdam(
            self.generator, lr=recipe.generator_lr, weight_decay=recipe.generator_weight_decay, **numbers
        )
        self.discriminator_adam = PlainAdam(
            self.discriminator,
            lr=recipe.discriminator_lr,
            weight_decay=recipe.discriminator_weight_decay,
            **numbers,
        )
        self.fake = torch.empty(0)

    def scores(self, images: Tensor, labels: Tensor) -> Tensor:
        return judge(self.discriminator, images, labels, blocks=4, halvings=2, projection=not self.omni)

    def discriminator_move(self, given: Given) -> Tensor:
        self.fake = generate(self.generator, given.z, given.fake_labels, blocks=2)
        images = torch.cat((self.fake.detach(), given.real))
        scores = self.scores(images, torch.cat((given.fake_labels, given.labels)))
        fake, real = scores[:ROWS], scores[ROWS:]
        if self.omni:
            on_real = omni_cost(real, [[label, CLASSES] for label in given.labels.tolist()])
            loss = on_real + omni_cost(fake, [[CLASSES + 1]] * ROWS)
        else:
            loss = (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean()
        self.discriminator_adam.step(loss)
        return loss

    def generator_move(self, given: Given, *, reuse: bool) -> Tensor:
        if not reuse:
            self.fake = generate(self.generator, given.z, given.fake_labels, blocks=2)
        scores = self.scores(self.fake, given.fake_labels)
        if self.omni:
            loss = omni_cost(scores, [[label, CLASSES] for label in given.fake_labels.tolist()])
        else:
            loss = -scores.mean()
        self.generator_adam.step(loss)
        return loss


def plain(network: nn.Module, epsilon: float) -> PlainNetwork:
    return PlainNetwork(
        network.state_dict(), [name for name, _ in network.named_parameters()], epsilon=epsilon
    )


@pytest.mark.parametrize("reuse", [False, True], ids=["fresh", "reused"])
@pytest.mark.parametrize("published", [omni_gan.CIFAR10, biggan.CIFAR10], ids=["omni", "hinge projection"])
def test_a_whole_iteration_replayed_in_plain_sums(moves: list[Given], published: Recipe, reuse: bool) -> None:
    recipe = published.with_numbers(**NUMBERS, reuse_fakes=reuse)
    game = built(recipe)
    replay = Replay(recipe, game)
    generator_optimizer, discriminator_optimizer = optimizers(recipe, game)
    for number, given in enumerate(moves[:STEPS]):
        played = play_discriminator(
            game,
            discriminator_optimizer,
            [given.part()],
            step=0,
            keep_fakes=reuse and number == STEPS - 1,
        )
        expected = replay.discriminator_move(given)
        assert played.losses["adversarial"].item() == pytest.approx(expected.item(), abs=1e-9)
    last = moves[STEPS - 1] if reuse else moves[STEPS]
    answered = play_generator(
        game, generator_optimizer, [last.part()], step=0, reused=played if reuse else None
    )
    expected = replay.generator_move(last, reuse=reuse)
    assert answered.losses["adversarial"].item() == pytest.approx(expected.item(), abs=1e-9)
    for network, mine in ((game.generator, replay.generator), (game.discriminator, replay.discriminator)):
        after = mine.parameters | mine.buffers
        state = network.state_dict()
        assert state.keys() == after.keys()
        for name, value in state.items():
            torch.testing.assert_close(value, after[name].detach(), rtol=0, atol=1e-9, msg=name)


def test_the_trainers_step_is_these_moves() -> None:
    recipe = ToyRecipe(discriminator_steps=3, precision="float64", batch_norm=True)
    trained, by_hand = toy_trainer(recipe), toy_trainer(recipe)
    trained.step()
    for index in range(3):
        played = play_discriminator(
            by_hand.game, by_hand.discriminator_optimizer, by_hand.parts(0, index), step=0
        )
    rows = Rows.all(recipe.batch_size)
    draws = Draws(recipe.seed, "0 generator", rows, dtype=torch.float64)
    parts = [Part(played.turns[0].batch, draws)]
    play_generator(by_hand.game, by_hand.generator_optimizer, parts, step=0)
    for name in ("generator", "discriminator"):
        mine, theirs = trained.game.modules[name].state_dict(), by_hand.game.modules[name].state_dict()
        assert differences(mine, theirs) == []


def test_accumulation_changes_nothing_without_batch_statistics() -> None:
    # Spectral normalization is off: it makes one power iteration per pass, and parts are passes of their own.
    whole = ToyRecipe(precision="float64", spectral=False, discriminator_steps=2, r1_weight=0.5)
    first, second = toy_trainer(whole), toy_trainer(replace(whole, accumulation=2))
    for _ in range(3):
        first.step()
        second.step()
    state, cut = first.state(), second.state()
    assert largest_difference(state["modules"], cut["modules"]) < 1e-9
    assert largest_difference(state["average"], cut["average"]) < 1e-9
    means, _ = first.tally.read(first.world)
    cut_means, _ = second.tally.read(second.world)
    assert cut_means == pytest.approx(means, abs=1e-9)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_gradient_norm_is_that_of_what_the_optimizer_gets(accumulation: int) -> None:
    trainer = toy_trainer(ToyRecipe(precision="float64", accumulation=accumulation, r1_weight=0.5))
    parameters = list(trainer.game.discriminator.parameters())
    seen: list[float] = []
    step = trainer.discriminator_optimizer.step

    def look_and_step() -> None:
        seen.append(sum(float(each.grad.square().sum()) for each in parameters if each.grad is not None))
        step()

    trainer.discriminator_optimizer.step = look_and_step

    def doubled(trained: list[nn.Parameter]) -> None:  # stands for the mean over processes
        for parameter in trained:
            parameter.grad *= 2

    optimizer, parts = trainer.discriminator_optimizer, trainer.parts(0, 0)
    played = play_discriminator(trainer.game, optimizer, parts, step=0, average=doubled)
    assert played.gradient_norm.item() ** 2 == pytest.approx(seen[0], rel=1e-12) and seen[0] > 0
    assert set(played.losses) == {"adversarial", "r1"}, "it is no part of what is minimized"
    again = toy_trainer(ToyRecipe(precision="float64", accumulation=accumulation, r1_weight=0.5))
    alone = play_discriminator(again.game, again.discriminator_optimizer, again.parts(0, 0), step=0)
    assert played.gradient_norm.item() == pytest.approx(2 * alone.gradient_norm.item(), rel=1e-12)


def test_gradient_norm_by_hand() -> None:
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1, 1)), nn.Parameter(torch.zeros(3))]
    parameters[0].grad, parameters[1].grad = torch.tensor([2.0, 3.0]), torch.tensor([[-6.0]])
    assert gradient_norm(parameters).item() == 7.0
    assert gradient_norm(parameters[2:]).item() == 0.0


def test_the_log_has_both_gradient_norms_as_means_over_moves() -> None:
    trainer = toy_trainer(ToyRecipe(discriminator_steps=2, precision="float64"))
    trainer.step()
    means, _ = trainer.tally.read(trainer.world)
    norms = {name for name in means if name.startswith("gradient_norm/")}
    assert norms == {"gradient_norm/generator", "gradient_norm/discriminator"}
    by_hand = toy_trainer(ToyRecipe(discriminator_steps=2, precision="float64"))
    played = [
        play_discriminator(by_hand.game, by_hand.discriminator_optimizer, by_hand.parts(0, index), step=0)
        for index in range(2)
    ]
    expected = sum(each.gradient_norm.item() for each in played) / 2
    assert means["gradient_norm/discriminator"] == pytest.approx(expected, rel=1e-12)


def test_batch_norm_makes_accumulated_parts_differ() -> None:
    # Each part is normalized by its own statistics, as in any code that accumulates.
    whole = ToyRecipe(precision="float64", spectral=False, batch_norm=True)
    first, second = toy_trainer(whole), toy_trainer(replace(whole, accumulation=2))
    first.step()
    second.step()
    assert largest_difference(first.state()["modules"], second.state()["modules"]) > 1e-6


class Counter:
    """Counts a network's passes and the rows of each."""

    def __init__(self, network: nn.Module) -> None:
        self.rows: list[int] = []
        network.register_forward_pre_hook(lambda module, inputs: self.rows.append(len(inputs[0])))


@pytest.mark.parametrize(
    ("one_pass", "reuse", "of_discriminator", "of_generator"),
    [
        (True, False, [16, 16, 8], [8, 8, 8]),
        (False, False, [8, 8, 8, 8, 8], [8, 8, 8]),
        (True, True, [16, 16, 8], [8, 8]),
        (False, True, [8, 8, 8, 8, 8], [8, 8]),
    ],
)
def test_passes_and_power_iterations_per_step(
    one_pass: bool, reuse: bool, of_discriminator: list[int], of_generator: list[int]
) -> None:
    recipe = ToyRecipe(
        discriminator_steps=2, one_pass=one_pass, reuse_fakes=reuse, discriminator_lr=0.0, precision="float64"
    )
    trainer = toy_trainer(recipe)
    discriminator = trainer.game.discriminator
    layer = discriminator.blocks[0].conv1.parametrizations.weight
    matrix, u = layer.original.detach().flatten(1).clone(), layer[0].u.clone()
    counts = Counter(discriminator), Counter(trainer.game.generator)
    trainer.step()
    assert counts[0].rows == of_discriminator
    assert counts[1].rows == of_generator
    for _ in of_discriminator:
        v = nn.functional.normalize(u @ matrix, dim=1)
        u = nn.functional.normalize(v @ matrix.T, dim=1)
    torch.testing.assert_close(layer[0].u, u, rtol=0, atol=1e-12)


def test_a_penalty_makes_one_pass_more() -> None:
    trainer = toy_trainer(ToyRecipe(r1_weight=1.0, r1_every=2))
    seen: list[int] = []
    forward = trainer.game.discriminator.forward
    trainer.game.discriminator.forward = lambda x, condition=None: (
        seen.append(len(x)) or forward(x, condition)
    )
    trainer.step()
    assert seen == [16, 8, 8]
    trainer.step()
    assert seen[3:] == [16, 8]


def test_a_discriminator_with_batch_statistics_gets_two_passes() -> None:
    trainer = toy_trainer(ToyRecipe(spectral=False))
    trainer.game.discriminator.head = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 5))
    trainer.game.discriminator.head.forward = lambda x, condition: nn.Sequential.forward(
        trainer.game.discriminator.head, x
    )
    trainer.discriminator_optimizer = adam(
        trainer.game.discriminator, trainer.recipe, lr=1e-3, weight_decay=0.0
    )
    counter = Counter(trainer.game.discriminator)
    trainer.step()
    assert counter.rows == [8, 8, 8]


def test_the_generators_move_leaves_the_discriminator_alone() -> None:
    trainer = toy_trainer(ToyRecipe(spectral=False))
    parts = trainer.parts(0, 0)
    played = play_discriminator(trainer.game, trainer.discriminator_optimizer, parts, step=0)
    before = {name: value.clone() for name, value in trainer.game.discriminator.state_dict().items()}
    gradients = [parameter.grad.clone() for parameter in trainer.game.discriminator.parameters()]
    again = [Part(played.turns[0].batch, parts[0].random)]
    play_generator(trainer.game, trainer.generator_optimizer, again, step=0)
    assert differences(before, trainer.game.discriminator.state_dict()) == []
    after = [parameter.grad for parameter in trainer.game.discriminator.parameters()]
    assert all(torch.equal(*pair) for pair in zip(gradients, after, strict=True))
    assert all(parameter.requires_grad for parameter in trainer.game.discriminator.parameters())


def test_the_discriminators_move_leaves_the_generators_parameters_alone() -> None:
    trainer = toy_trainer(ToyRecipe(reuse_fakes=True))
    before = [parameter.detach().clone() for parameter in trainer.game.generator.parameters()]
    played = play_discriminator(
        trainer.game, trainer.discriminator_optimizer, trainer.parts(0, 0), step=0, keep_fakes=True
    )
    after = list(trainer.game.generator.parameters())
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert all(parameter.grad is None for parameter in after)
    assert played.kept_fake is not None and played.kept_fake.requires_grad


def test_the_generators_move_sees_the_last_real_batch() -> None:
    trainer = toy_trainer(ToyRecipe(discriminator_steps=2))
    seen: list[Turn] = []
    objective = trainer.game.objective
    costs = objective.generator_losses
    object.__setattr__(objective, "generator_losses", lambda turn: seen.append(turn) or costs(turn))
    expected = trainer.parts(0, 1)[0].batch
    trainer.step()
    assert torch.equal(seen[0].batch.real, expected.real)
    assert torch.equal(seen[0].batch.index, expected.index)
    assert torch.equal(seen[0].batch.condition, expected.condition)


def test_fakes_are_kept_from_one_part_only() -> None:
    trainer = toy_trainer(ToyRecipe(accumulation=2))
    with pytest.raises(ValueError, match="from one micro-batch, not 2"):
        play_discriminator(
            trainer.game, trainer.discriminator_optimizer, trainer.parts(0, 0), step=0, keep_fakes=True
        )


def test_frozen_restores_what_was_trained_even_after_an_error() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].weight.requires_grad_(False)
    with pytest.raises(RuntimeError, match="planted"), frozen(network):
        assert not any(parameter.requires_grad for parameter in network.parameters())
        raise RuntimeError("planted")
    assert [parameter.requires_grad for parameter in network.parameters()] == [False, True, True, True]
