"""The game: how many passes a move costs, what is concatenated, how an objective adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import (
    AdversarialLoss,
    Batch,
    Condition,
    Game,
    LabelSource,
    Objective,
    Turn,
    Verdict,
    Weighted,
)
from everymode.losses import hinge, r1, r2, relativistic

ROWS = 4


class Counting(nn.Module):
    """A discriminator on images that notes each pass: the images, the condition, whether gradients are on."""

    def __init__(self, *layers: nn.Module, scales: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.weight = nn.Parameter(torch.linspace(-1, 1, 3))
        self.scales = scales
        self.passes: list[tuple[Tensor, Any, bool]] = []

    def forward(self, x: Tensor, condition: Condition) -> Tensor | Verdict:
        self.passes.append((x, condition, torch.is_grad_enabled()))
        features = self.layers(x).mean((2, 3)) * self.weight
        scores = features.sum(1, keepdim=True)
        scales = tuple(scores * (scale + 1) for scale in range(self.scales))
        return scores if self.scales == 1 else Verdict(scales, classes=features, features=(features,))

    @property
    def sizes(self) -> list[int]:
        return [len(x) for x, _, _ in self.passes]


def images(seed: int, rows: int = ROWS, size: int = 2) -> Tensor:
    return torch.randn(rows, 3, size, size, generator=torch.Generator().manual_seed(seed))


REAL, FAKE = images(0), images(1)
LABELS, FAKE_LABELS = torch.tensor([0, 1, 2, 3]), torch.tensor([3, 3, 1, 0])


def a_turn(
    discriminator: nn.Module,
    *,
    objective: Objective | None = None,
    generator_moves: bool = False,
    one_pass: bool = True,
    step: int = 0,
    fake: Tensor = FAKE,
    condition: Condition = LABELS,
    fake_condition: Condition = FAKE_LABELS,
    augment: Callable[[Tensor, Draws], Tensor] | None = None,
) -> Turn:
    objective = Objective(hinge()) if objective is None else objective
    game = Game(nn.Identity(), discriminator, LabelSource(), objective, augment=augment)
    batch = Batch(REAL, condition, torch.arange(ROWS))
    random = Draws(0, f"step {step}", Rows.all(ROWS))
    return Turn(
        game,
        batch,
        step,
        random,
        fake,
        fake_condition,
        generator_moves=generator_moves,
        one_pass=one_pass,
    )


def test_nothing_is_judged_before_it_is_read() -> None:
    discriminator = Counting()
    a_turn(discriminator)
    assert discriminator.passes == []


@pytest.mark.parametrize("first", ["real_verdict", "fake_verdict"])
def test_discriminators_move_is_one_pass_over_fakes_then_reals(first: str) -> None:
    discriminator = Counting()
    turn = a_turn(discriminator)
    getattr(turn, first)
    assert discriminator.sizes == [2 * ROWS]
    (seen, condition, _), *_ = discriminator.passes
    assert torch.equal(seen, torch.cat((FAKE, REAL)))
    assert torch.equal(condition, torch.cat((FAKE_LABELS, LABELS)))
    on_real, on_fake = turn.real_verdict.scores[0], turn.fake_verdict.scores[0]
    assert turn.real_verdict.scores[0] is on_real
    assert discriminator.sizes == [2 * ROWS]
    torch.testing.assert_close(on_real, discriminator(REAL, None))
    torch.testing.assert_close(on_fake, discriminator(FAKE, None))


def test_discriminators_move_in_two_passes_gives_the_same() -> None:
    one, two = Counting(), Counting()
    joint, apart = a_turn(one), a_turn(two, one_pass=False)
    torch.testing.assert_close(joint.real_verdict.scores[0], apart.real_verdict.scores[0])
    torch.testing.assert_close(joint.fake_verdict.scores[0], apart.fake_verdict.scores[0])
    assert one.sizes == [2 * ROWS]
    assert two.sizes == [ROWS, ROWS]
    assert torch.equal(two.passes[0][0], REAL)
    assert torch.equal(two.passes[0][1], LABELS)
    assert torch.equal(two.passes[1][0], FAKE)
    assert torch.equal(two.passes[1][1], FAKE_LABELS)


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.Sequential(nn.SyncBatchNorm(3))])
def test_batch_normalization_gets_two_passes(layer: nn.Module) -> None:
    discriminator = Counting(layer).eval()
    turn = a_turn(discriminator)
    assert turn.fake_verdict.scores[0].shape == (ROWS, 1)
    assert discriminator.sizes == [ROWS, ROWS]
    assert torch.equal(discriminator.passes[0][0], REAL)


def test_other_norms_get_one_pass() -> None:
    discriminator = Counting(nn.GroupNorm(1, 3), nn.LayerNorm(2), nn.InstanceNorm2d(3))
    assert a_turn(discriminator).real_verdict.scores[0].shape == (ROWS, 1)
    assert discriminator.sizes == [2 * ROWS]


def test_different_shapes_get_two_passes_and_different_numbers_of_rows_one() -> None:
    discriminator = Counting()
    assert a_turn(discriminator, fake=images(1, size=3)).real_verdict.scores[0].shape == (ROWS, 1)
    assert discriminator.sizes == [ROWS, ROWS]
    discriminator = Counting()
    turn = a_turn(discriminator, fake=images(1, rows=6), fake_condition=torch.zeros(6, dtype=torch.long))
    assert len(turn.fake_verdict.scores[0]) == 6
    assert len(turn.real_verdict.scores[0]) == ROWS
    assert discriminator.sizes == [6 + ROWS]


def test_generators_move_judges_fakes_alone() -> None:
    discriminator = Counting()
    objective = Objective(hinge())
    fake = FAKE.clone().requires_grad_()
    turn = a_turn(discriminator, objective=objective, generator_moves=True, fake=fake)
    objective.generator_losses(turn)["adversarial"].backward()
    assert discriminator.sizes == [ROWS]
    assert torch.equal(discriminator.passes[0][1], FAKE_LABELS)
    assert fake.grad.abs().sum() > 0


def test_generators_move_judges_reals_only_when_read_and_without_a_graph() -> None:
    discriminator = Counting()
    turn = a_turn(discriminator, generator_moves=True)
    assert not turn.real_verdict.scores[0].requires_grad
    assert turn.fake_verdict.scores[0].requires_grad
    assert turn.real_verdict is turn.real_verdict
    assert discriminator.sizes == [ROWS, ROWS]
    assert [graph for _, _, graph in discriminator.passes] == [False, True]


def test_paired_generator_reads_the_reals() -> None:
    discriminator = Counting()
    objective = Objective(relativistic())
    turn = a_turn(discriminator, objective=objective, generator_moves=True)
    losses = objective.generator_losses(turn)
    expected = relativistic().paired_generator(
        discriminator(REAL, None), discriminator(FAKE, None), None, None
    )
    torch.testing.assert_close(losses["adversarial"], expected)
    assert discriminator.sizes[:-2] == [ROWS, ROWS]


@pytest.mark.parametrize(
    ("terms", "sizes"),
    [
        ((), [2 * ROWS]),
        ((Weighted("r1", r1()),), [2 * ROWS, ROWS]),
        ((Weighted("r1", r1()), Weighted("r2", r2())), [2 * ROWS, ROWS, ROWS]),
        ((Weighted("drift", lambda turn: turn.real_verdict.scores[0].square().mean()),), [2 * ROWS]),
        ((Weighted("lazy", r1(), every=2),), [2 * ROWS]),
    ],
)
def test_passes_of_a_discriminators_move(terms: tuple[Weighted, ...], sizes: list[int]) -> None:
    discriminator = Counting()
    objective = Objective(hinge(), terms)
    objective.discriminator_losses(a_turn(discriminator, objective=objective, step=1))
    assert discriminator.sizes == sizes


def test_augmentation_is_drawn_once_per_side_and_seen_by_penalties() -> None:
    drawn = []

    def augment(x: Tensor, random: Draws) -> Tensor:
        drawn.append(random.normal("noise", *x.shape[1:]))
        return x + drawn[-1]

    discriminator = Counting()
    objective = Objective(hinge(), (Weighted("r1", r1()), Weighted("r2", r2())))
    turn = a_turn(discriminator, objective=objective, augment=augment)
    objective.discriminator_losses(turn)
    assert len(drawn) == 2
    assert not torch.equal(*drawn)
    joint, on_real, on_fake = (x for x, _, _ in discriminator.passes)
    assert torch.equal(on_real, REAL + drawn[0])
    assert torch.equal(on_fake, FAKE + drawn[1])
    assert torch.equal(joint, torch.cat((on_fake, on_real)))


def test_conditions_as_tuples_maps_or_none() -> None:
    discriminator = Counting()
    pair, fake_pair = (LABELS, REAL), (FAKE_LABELS, FAKE)
    assert a_turn(discriminator, condition=pair, fake_condition=fake_pair).real_verdict
    labels, maps = discriminator.passes[0][1]
    assert torch.equal(labels, torch.cat((FAKE_LABELS, LABELS)))
    assert torch.equal(maps, torch.cat((FAKE, REAL)))
    assert a_turn(discriminator, condition=None, fake_condition=None).real_verdict
    assert discriminator.passes[1][1] is None
    assert len(discriminator.passes[1][0]) == 2 * ROWS


def test_verdict_of_scores_and_of_half_precision() -> None:
    scores = torch.zeros(2, 1)
    assert Verdict.of(scores).scores == (scores,)
    verdict = Verdict.of(Verdict((scores.half(),), scores.bfloat16(), (scores.half(),)))
    assert verdict.scores[0].dtype == verdict.classes.dtype == torch.float32
    assert verdict.features[0].dtype == torch.float16
    assert Verdict.of(scores.double()).scores[0].dtype == torch.float64


def test_verdict_splits_all_it_holds() -> None:
    discriminator = Counting(scales=2)
    turn = a_turn(discriminator)
    for verdict, x in ((turn.real_verdict, REAL), (turn.fake_verdict, FAKE)):
        expected = discriminator(x, None)
        torch.testing.assert_close(verdict.scores, expected.scores)
        torch.testing.assert_close(verdict.classes, expected.classes)
        torch.testing.assert_close(verdict.features, expected.features)


def test_scales_are_averaged() -> None:
    discriminator = Counting(scales=2)
    objective = Objective(hinge())
    turn = a_turn(discriminator, objective=objective, generator_moves=True)
    one = -discriminator(FAKE, None).scores[0].mean()
    torch.testing.assert_close(objective.generator_losses(turn)["adversarial"], 1.5 * one)
    losses = objective.discriminator_losses(a_turn(discriminator))
    real, fake = discriminator(REAL, None).scores, discriminator(FAKE, None).scores
    expected = sum(hinge().discriminator(r, f, None, None) for r, f in zip(real, fake, strict=True)) / 2
    torch.testing.assert_close(losses["adversarial"], expected)


def test_adversarial_loss_gets_the_conditions_of_its_side() -> None:
    seen: dict[str, Any] = {}

    def discriminator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        seen["discriminator"] = (real_condition, fake_condition)
        return real.mean() - fake.mean()

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        seen["generator"] = fake_condition
        return fake.mean()

    objective = Objective(AdversarialLoss(discriminator, generator, lambda scores, condition: scores))
    objective.discriminator_losses(a_turn(Counting()))
    objective.generator_losses(a_turn(Counting(), generator_moves=True))
    assert seen["discriminator"] == (LABELS, FAKE_LABELS)
    assert seen["generator"] is FAKE_LABELS


def test_weights_schedules_and_laziness() -> None:
    def three(turn: Turn) -> Tensor:
        return torch.tensor(3.0)

    terms = (
        Weighted("plain", three),
        Weighted("weighted", three, 0.5),
        Weighted("scheduled", three, lambda step: step / 10),
        Weighted("lazy", three, 0.5, every=4),
    )
    objective = Objective(hinge(), terms, terms[:1])
    at_eight = objective.discriminator_losses(a_turn(Counting(), step=8))
    assert list(at_eight) == ["adversarial", "plain", "weighted", "scheduled", "lazy"]
    assert at_eight["plain"].item() == 3.0
    assert at_eight["weighted"].item() == 1.5
    assert at_eight["scheduled"].item() == pytest.approx(2.4)
    assert at_eight["lazy"].item() == 6.0
    assert "lazy" not in objective.discriminator_losses(a_turn(Counting(), step=9))
    assert list(objective.generator_losses(a_turn(Counting(), generator_moves=True))) == [
        "adversarial",
        "plain",
    ]


def test_lazy_terms_keep_their_mean_pull() -> None:
    weighted = Weighted("lazy", lambda turn: torch.tensor(1.0), 0.7, every=3)
    costs = [weighted.cost(a_turn(Counting(), step=s)).item() for s in range(12) if weighted.active(s)]
    assert sum(costs) == pytest.approx(12 * 0.7)


def test_names_of_terms_are_unique_per_player() -> None:
    def term(turn: Turn) -> Tensor:
        return torch.zeros(())

    with pytest.raises(ValueError, match=r"repeated: \['r1'\]"):
        Objective(hinge(), (Weighted("r1", term), Weighted("r1", term)))
    with pytest.raises(ValueError, match="adversarial"):
        Objective(hinge(), (), (Weighted("adversarial", term),))
    assert Objective(hinge(), (Weighted("same", term),), (Weighted("same", term),))


def test_whatever_carries_state_is_found() -> None:
    class Stateful(nn.Module):
        def forward(self, turn: Turn) -> Tensor:
            return torch.zeros(())

    class Augment(nn.Module):
        def forward(self, x: Tensor, random: Draws) -> Tensor:
            return x

    module, augment, network, labels = Stateful(), Augment(), Counting(), LabelSource()
    objective = Objective(
        hinge(), (Weighted("lecam", module), Weighted("r1", r1())), (Weighted("lecam", module),)
    )
    game = Game(nn.Identity(), network, labels, objective, augment=augment)
    assert set(game.modules) == {
        "generator",
        "discriminator",
        "labels",
        "terms/discriminator/lecam",
        "terms/generator/lecam",
        "augment",
    }
    assert game.modules["discriminator"] is network
    assert game.modules["augment"] is augment
    plain = Game(nn.Identity(), network, labels, Objective(hinge()), augment=lambda x, random: x)
    assert set(plain.modules) == {"generator", "discriminator", "labels"}


def test_fakes_come_from_the_stream_of_latent_codes() -> None:
    class Generator(nn.Module):
        latent_dim = 5

        def forward(self, z: Tensor, condition: Condition, size: tuple[int, int] = (1, 1)) -> Tensor:
            return z.view(-1, 5, 1, 1).expand(-1, -1, *size)

    game = Game(Generator(), Counting(), LabelSource(), Objective(hinge()))
    random = Draws(3, "step 0", Rows.all(ROWS))
    z = random.normal("z", 5)
    assert torch.equal(game.generate(random, LABELS)[:, :, 0, 0], z)
    assert game.generate(random, LABELS, (2, 3)).shape == (ROWS, 5, 2, 3)
    wanted = torch.ones(ROWS, 5)
    injected = Draws(3, "step 0", Rows.all(ROWS), injected={"z": wanted})
    assert torch.equal(game.generate(injected, None).flatten(1), wanted)


def test_label_source_passes_labels_on_by_default() -> None:
    source, random = LabelSource(), Draws(0, "step 0", Rows.all(ROWS))
    batch = Batch(REAL, None, torch.arange(ROWS)).with_condition(LABELS)
    assert source.assign(batch, nn.Identity(), random) is LABELS
    assert source.for_fakes(batch, random) is LABELS
    assert batch.real is REAL
    source.observe(batch)
    assert source.refresh(nn.Identity(), None, random) == {}
    assert source.label_unseen(REAL) is None
    assert source.accepts(REAL, LABELS) is None
    assert source.sampling_state() == {}
    with pytest.raises(NotImplementedError, match="LabelSource can't draw"):
        source.draw(random)


# ---- games of images with images: nested features, no adversary, no latent code, pairs


class TwoScales(nn.Module):
    """A discriminator with two scales, each with a tuple of feature maps."""

    def forward(self, x: Tensor, condition: Condition) -> Verdict:
        scales = (x, x[:, :, ::2, ::2])
        features = tuple((each, each.mean(1, keepdim=True)) for each in scales)
        return Verdict(tuple(each.mean(1, keepdim=True) for each in scales), features=features)


def test_verdict_splits_features_of_several_scales() -> None:
    turn = a_turn(TwoScales(), condition=None, fake_condition=None)
    for verdict, x in ((turn.real_verdict, REAL), (turn.fake_verdict, FAKE)):
        torch.testing.assert_close(verdict.features, TwoScales()(x, None).features)
    rows = Verdict((REAL,), features=((REAL, LABELS), (FAKE,))).rows(slice(1, 3))
    assert torch.equal(rows.features[0][1], torch.tensor([1, 2]))
    assert [[len(each) for each in scale] for scale in rows.features] == [[2, 2], [2]]


def zero(turn: Turn) -> Tensor:
    return turn.fake.mean()


def test_an_objective_without_an_adversary_is_the_generators_terms_alone() -> None:
    pixel = Weighted("pixel", lambda turn: (turn.fake - turn.batch.real).square().mean(), 2.0)
    objective = Objective(None, generator_terms=(pixel, Weighted("rare", zero, every=2)))
    discriminator = Counting()
    turn = a_turn(discriminator, objective=objective, generator_moves=True, step=1)
    losses = objective.generator_losses(turn)
    assert losses.keys() == {"pixel"}
    torch.testing.assert_close(losses["pixel"], 2 * (FAKE - REAL).square().mean())
    assert not discriminator.passes and objective.discriminator_parts(turn) == {}
    with pytest.raises(ValueError, match="without an adversarial loss has no discriminator updates"):
        objective.discriminator_losses(turn)


def test_without_an_adversary_there_are_terms_of_the_generator_and_none_of_the_discriminator() -> None:
    pixel = Weighted("pixel", zero)
    with pytest.raises(ValueError, match="needs at least one term of the generator"):
        Objective(None)
    with pytest.raises(ValueError, match="it can't have the terms r1, r2: omit them, or add a loss"):
        Objective(None, (Weighted("r1", r1()), Weighted("r2", r2())), (pixel,))


@pytest.mark.parametrize("loss", [hinge(), relativistic()], ids=["hinge", "paired"])
def test_the_adversarial_weight_is_of_the_generators_adversarial_loss_alone(loss: AdversarialLoss) -> None:
    pixel = Weighted("pixel", zero, 3.0)
    plain, weighted = (
        Objective(loss, generator_terms=(pixel,), adversarial_weight=weight) for weight in (1.0, 0.25)
    )
    first, second = (
        each.generator_losses(a_turn(Counting(scales=2), objective=each, generator_moves=True))
        for each in (plain, weighted)
    )
    torch.testing.assert_close(second["adversarial"], 0.25 * first["adversarial"])
    assert second["pixel"] == first["pixel"] and first["adversarial"] != 0
    losses = [each.discriminator_losses(a_turn(Counting(), objective=each)) for each in (plain, weighted)]
    assert losses[0] == losses[1]


class Echo(nn.Module):
    """A generator that returns what it is given."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def forward(self, z: Tensor | None, condition: Any, size: object = None) -> tuple[Any, ...]:
        return z, condition, size


@pytest.mark.parametrize("latent_dim", [0, 3])
def test_without_a_latent_code_nothing_is_drawn(latent_dim: int) -> None:
    game = Game(Echo(latent_dim), nn.Identity(), LabelSource(), Objective(hinge()))
    drawn: set[str] = set()
    z, condition, size = game.generate(Draws(0, "step 0", Rows.all(2), drawn=drawn), REAL, (4, 4))
    assert drawn == ({"z"} if latent_dim else set())
    assert condition is REAL and size == (4, 4)
    assert z is None if latent_dim == 0 else z.shape == (2, 3)


@pytest.mark.parametrize("wrong", [None, (LABELS, REAL), (LABELS,)])
def test_conditions_of_two_forms_are_refused(wrong: Condition) -> None:
    turn = a_turn(Counting(), condition=wrong, fake_condition=FAKE_LABELS)
    with pytest.raises(
        ValueError, match=r"of one type: the label source returned \w+ for reals and Tensor for"
    ):
        assert turn.real_verdict


class Paired(LabelSource):
    pairs = True


class Turning:
    """An augmentation that turns each image and each map to the left by a drawn number of pixels."""

    def __call__(self, x: Tensor, random: Draws) -> Tensor:
        shifts = random.integers("turn", 1000).tolist()
        return torch.stack([torch.roll(image, shift, 2) for image, shift in zip(x, shifts, strict=True)])

    def move_maps(self, maps: Tensor, random: Draws) -> Tensor:
        return self(maps.unsqueeze(1), random).squeeze(1)


WIDE, WIDE_FAKE = (torch.randn(ROWS, 3, 2, 50, generator=torch.Generator().manual_seed(i)) for i in (2, 3))
MAPS = torch.arange(ROWS * 100).view(ROWS, 2, 50)


def a_turn_of(source: LabelSource, condition: Condition, *, augment: Any = None) -> Turn:
    augment = Turning() if augment is None else augment
    game = Game(nn.Identity(), Counting(), source, Objective(hinge()), augment=augment)
    random = Draws(0, "step 0", Rows.all(ROWS))
    batch = Batch(WIDE, condition, torch.arange(ROWS))
    return Turn(game, batch, 0, random, WIDE_FAKE, condition, generator_moves=False)


def test_a_pair_is_augmented_alike_and_its_map_with_it() -> None:
    turn = a_turn_of(Paired(), (MAPS, WIDE))
    maps, picture = turn.judged_real_condition
    fake_maps, _ = turn.judged_fake_condition
    assert picture is WIDE, "what the discriminator does not see stays"
    for row in range(ROWS):
        shift = int((MAPS[row, 0] == maps[row, 0, 0]).nonzero()) * -1
        for moved, original in (
            (maps, MAPS),
            (fake_maps, MAPS),
            (turn.judged_real, WIDE),
            (turn.judged_fake, WIDE_FAKE),
        ):
            assert torch.equal(moved[row], torch.roll(original[row], shift, -1))
    assert not torch.equal(maps, MAPS)
    joint, condition, _ = _passes(turn)[0]
    assert torch.equal(joint, torch.cat((turn.judged_fake, turn.judged_real)))
    assert torch.equal(condition[0], torch.cat((fake_maps, maps)))


def _passes(turn: Turn) -> list[tuple[Tensor, Any, bool]]:
    assert turn.real_verdict
    return turn.game.discriminator.passes


def test_a_single_map_moves_too_and_an_augmentation_without_moves_leaves_it() -> None:
    moved = a_turn_of(Paired(), MAPS).judged_fake_condition
    assert torch.equal(moved, a_turn_of(Paired(), (MAPS, WIDE)).judged_fake_condition[0])
    assert a_turn_of(Paired(), MAPS, augment=lambda x, random: x).judged_real_condition is MAPS
    assert a_turn_of(Paired(), None).judged_real_condition is None


def test_images_that_are_no_pairs_are_augmented_by_draws_of_their_own() -> None:
    turn = a_turn_of(LabelSource(), LABELS)
    shifts = [
        [
            next(by for by in range(50) if torch.equal(torch.roll(x[row], by, 2), moved[row]))
            for row in range(ROWS)
        ]
        for x, moved in ((WIDE, turn.judged_real), (WIDE_FAKE, turn.judged_fake))
    ]
    assert shifts[0] != shifts[1]
    assert turn.judged_real_condition is LABELS and turn.judged_fake_condition is LABELS


def test_losses_and_their_parts_get_the_moved_maps() -> None:
    seen = []

    def discriminator(real: Tensor, fake: Tensor, real_condition: Any, fake_condition: Any) -> Tensor:
        seen.append((real_condition, fake_condition))
        return real.mean() - fake.mean()

    def generator(fake: Tensor, condition: Any) -> Tensor:
        seen.append((condition,))
        return fake.mean()

    loss = AdversarialLoss(
        discriminator,
        generator,
        lambda scores, condition: scores[:, 0],
        parts=lambda *all: (discriminator(*all), all[0].mean()),
    )
    turn = a_turn_of(Paired(), MAPS)
    Objective(loss).discriminator_losses(turn)
    Objective(loss).discriminator_parts(turn)
    Objective(loss).generator_losses(turn)
    moved = turn.judged_real_condition
    assert not torch.equal(moved, MAPS)
    assert [len(each) for each in seen] == [2, 2, 1]
    assert all(torch.equal(condition, moved) for each in seen for condition in each)
