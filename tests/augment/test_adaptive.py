"""Adaptive augmentation: how its strength moves, that its state resumes, and that processes agree on it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from children import run, run_ranks
from safetensors.torch import load_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from toy_games import differences, toy_trainer
from train_digits import train_digits

from everymode.augment.adaptive import AdaptiveAugmentation
from everymode.augment.choosing import find_augmentation
from everymode.augment.coloring import brightness, contrast, luma_flip
from everymode.augment.geometry import Movement, flip, rotation, scale, shift
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.draws import Draws, Rows
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines
from everymode.training.trainer import Trainer

ALL = ("ada", "flip", "quarter-turn", "rotation", "luma-flip", "hue")


def draws(count: int, injected: dict[str, Tensor] | None = None) -> Draws:
    return Draws(3, "moment", Rows.all(count), dtype=torch.float64, injected=injected)


def images(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


def watched(sign: float, moves: int, augment: AdaptiveAugmentation) -> list[float]:
    """The strength after each of some moves in which D's mean sign is `sign`."""
    levels = []
    for _ in range(moves):
        augment.observe(torch.tensor(sign))
        levels.append(round(augment.strength.item(), 6))
    return levels


# ---- images


def test_without_strength_images_come_out_bit_for_bit() -> None:
    augment = find_augmentation(ALL, batch_size=8)
    x = images(5, 3, 7, 9)
    assert torch.equal(augment(x, draws(5)), x)


def test_each_augmentation_is_applied_to_the_images_that_draw_it() -> None:
    augment = AdaptiveAugmentation([flip(), shift()], [brightness()], batch_size=8, strength=0.5)
    x = images(4, 1, 8, 8)
    never, always = 0.5, 0.49  # applied where the draw is below the strength
    applied = [[never, never, never], [always, never, never], [never, always, never], [always, never, always]]
    injected = {
        "applied": torch.tensor(applied),
        "flip": torch.ones(4),
        "shift": torch.tensor([[0.5, 1.0]] * 4),  # one row down
        "brightness": torch.full((4,), 2.0),
    }
    changed = augment(x, draws(4, injected))
    assert torch.equal(changed[0], x[0])
    torch.testing.assert_close(changed[1], x[1].flip(2))
    torch.testing.assert_close(changed[2][:, 1:], x[2][:, :-1])
    torch.testing.assert_close(changed[3], x[3].flip(2) + 0.4)


def test_geometry_and_colors_happen_in_the_order_listed() -> None:
    x = images(2, 3, 8, 8)
    draw = {
        "brightness": torch.full((2,), 2.0),
        "luma flip": torch.ones(2),
        "contrast": torch.full((2,), 2.0),
    }
    draw |= {"applied": torch.zeros(2, 3)}
    orders = [
        ((brightness(), luma_flip(), contrast()), lambda x: 2 * negative(x + 0.4)),
        ((contrast(), brightness(), luma_flip()), lambda x: negative(2 * x + 0.4)),
    ]
    for colorings, expected in orders:
        augment = AdaptiveAugmentation([], colorings, batch_size=8, strength=0.1)
        torch.testing.assert_close(augment(x, draws(2, draw)), expected(x))


def negative(x: Tensor) -> Tensor:
    return x - 2 * x.mean(1, keepdim=True)


def test_how_often_each_is_applied() -> None:
    count = 4000
    augment = AdaptiveAugmentation([one_down("first"), one_down("second")], batch_size=8, strength=0.3)
    x = torch.zeros(count, 1, 4, 4, dtype=torch.float64)
    x[:, :, 0] = 1
    seen = Counter(augment(x, draws(count))[:, 0, :3, 0].argmax(1).tolist())
    assert {moves: seen[moves] / count for moves in range(3)} == pytest.approx(
        {0: 0.49, 1: 0.42, 2: 0.09}, abs=0.03
    )


def one_down(name: str) -> Movement:
    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        maps = torch.eye(3, dtype=torch.float64)
        maps[1, 2] = -1
        return maps.expand(random.rows.stop - random.rows.start, 3, 3)

    return Movement(name, draw)


def test_gradients_pass_through_the_whole_pipeline() -> None:
    augment = find_augmentation(ALL, batch_size=8).double()
    augment.strength.fill_(0.8)
    x = images(3, 3, 5, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augment(x, draws(3)), x, fast_mode=True)


@pytest.mark.parametrize("shape", [(4, 1, 8, 8), (4, 3, 6, 11), (4, 3, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_shape_and_precision_stay(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    augment = find_augmentation(ALL, batch_size=8)
    augment.strength.fill_(0.8)
    changed = augment(images(*shape).to(dtype), draws(4))
    assert changed.shape == shape and changed.dtype == dtype and changed.isfinite().all()


def test_parts_of_the_batch_are_augmented_as_the_whole_is() -> None:
    augment = find_augmentation(ALL, batch_size=8)
    augment.strength.fill_(0.8)
    x = images(6, 3, 8, 8)
    whole = augment(x, draws(6))
    parts = [
        augment(x[a:b], Draws(3, "moment", Rows(a, b, 6), dtype=torch.float64)) for a, b in ((0, 2), (2, 6))
    ]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-12)
    assert not torch.equal(whole, x)


def test_anything_but_images_is_refused() -> None:
    augment = AdaptiveAugmentation([shift()], batch_size=8)
    with pytest.raises(ValueError, match="such as points"):
        augment(torch.zeros(4, 2), draws(4))
    with pytest.raises(ValueError, match="not for 2 channels"):
        AdaptiveAugmentation([], [contrast()], batch_size=8)(torch.zeros(4, 2, 8, 8), draws(4))
    assert augment(torch.zeros(4, 2, 8, 8), draws(4)).shape == (4, 2, 8, 8)


# ---- strength


def test_strength_follows_the_discriminators_confidence() -> None:
    # 50 images a move, adjusted every second move: a tenth of the way per adjustment.
    augment = AdaptiveAugmentation([flip()], batch_size=50, interval=2, images_to_one=1000)
    assert watched(0.7, 5, augment) == [0.0, 0.1, 0.1, 0.2, 0.2]
    assert watched(0.4, 1, augment) == [0.1]  # the mean of 0.7 and 0.4 is below 0.6
    assert watched(-1.0, 6, augment) == [0.1, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert watched(1.0, 20, augment)[-4:] == [0.8, 0.8, 0.8, 0.8]
    assert watched(0.5, 2, augment) == [0.8, 0.7]


def test_at_the_target_strength_stays() -> None:
    augment = AdaptiveAugmentation(
        [flip()], batch_size=50, interval=1, images_to_one=1000, target=0.5, strength=0.3
    )
    assert watched(0.5, 3, augment) == [0.3, 0.3, 0.3]


def test_the_papers_numbers() -> None:
    # 64 images x 4 moves of 500,000 images: 1,954 adjustments to 1, and four fifths of them to the bound.
    augment = find_augmentation(("ada",), batch_size=64)
    assert (augment.target, augment.interval, augment.highest) == (0.6, 4, 0.8)
    assert watched(1.0, 4, augment)[-1] == pytest.approx(64 * 4 / 500_000, abs=1e-6)


def test_a_sign_that_is_not_finite_spoils_nothing() -> None:
    augment = AdaptiveAugmentation([flip()], batch_size=50, interval=2, images_to_one=1000, strength=0.5)
    assert watched(float("nan"), 2, augment) == [0.5, pytest.approx(0.4)]
    assert watched(1.0, 2, augment) == [pytest.approx(0.4), 0.5]


def test_the_state_goes_on_in_the_middle_of_an_interval() -> None:
    first, second = (
        AdaptiveAugmentation([flip()], batch_size=50, images_to_one=1000, strength=0.4) for _ in range(2)
    )
    watched(1.0, 7, first)
    assert set(first.state_dict()) == {"strength", "_sum", "_moves"}
    second.load_state_dict(first.state_dict())
    assert watched(0.0, 9, first) == watched(0.0, 9, second)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"batch_size": 0}, "batch_size and an interval of at least 1"),
        ({"interval": 0}, "batch_size and an interval of at least 1"),
        ({"images_to_one": 0}, "positive images_to_one"),
        ({"target": 1.0}, "mean sign, between -1 and 1, not 1.0"),
        ({"highest": 1.1}, "highest is a probability above 0, not 1.1"),
        ({"strength": 0.9}, "between 0 and 0.8, not 0.9"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AdaptiveAugmentation([flip()], **({"batch_size": 8} | numbers))


def test_a_pipeline_names_each_augmentation_once() -> None:
    with pytest.raises(ValueError, match="each one once"):
        AdaptiveAugmentation([rotation(), scale(), rotation()], batch_size=8)
    with pytest.raises(ValueError, match="each one once"):
        AdaptiveAugmentation(batch_size=8)


def test_nothing_is_read_back_from_the_device() -> None:
    class Refuse(TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            assert "_local_scalar_dense" not in str(operator) and "nonzero" not in str(operator)
            return operator(*args, **(kwargs or {}))

    augment = find_augmentation(ALL, batch_size=8)
    with Refuse():
        augment(images(4, 3, 8, 8), draws(4))
        augment.observe(torch.tensor(1.0))


# ---- in training

FEW: dict[str, object] = {
    "augmentation": "ada,flip",
    "augmentation_images": 640,
    "batch_size": 16,
    "width": 4,
}
"""Strength moves by 0.1 every four discriminator moves, which are two steps."""


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_images("digits:train", resolution=16)


def trainer_on(digits: Dataset, **numbers: object) -> Trainer:
    recipe: Recipe = find("omni-gan-digits").for_data(digits.facts()).with_numbers(**(FEW | numbers))
    return toy_trainer(recipe, digits)


def test_the_steps_adapt_it_and_log_it(digits: Dataset) -> None:
    trainer = trainer_on(digits)
    for level in (0.0, -10.0, 10.0):
        # Realness is the score of "real" minus that of "fake": the bias of the last layer decides it here.
        with torch.no_grad():
            trainer.game.discriminator.head.linear.bias[-2:] = torch.tensor([level, -level])
        for _ in range(2):
            trainer.step()
    means, bad = trainer.tally.read(trainer.world)
    assert bad is None
    assert trainer.game.augment.strength.item() == pytest.approx(0.1)
    # Logged is the strength under which each of the twelve moves was made.
    assert means["augmentation/strength"] <= 0.1
    assert trainer.state()["modules"]["augment"]["strength"].item() == pytest.approx(0.1)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, digits: Dataset) -> None:
    through, first, second = (trainer_on(digits, augmentation_target=0.01) for _ in range(3))
    for _ in range(7):
        through.step()
    for _ in range(3):
        first.step()
    path = files.write_checkpoint(
        tmp_path, 3, generator=first.average.state_dict(), config={}, state=first.state()
    )
    second.restore(files.read_state(path))
    for _ in range(4):
        second.step()
    assert differences(through.state(), second.state()) == []
    moves = {
        name: int(stepped.game.augment._moves) for name, stepped in (("through", through), ("cut", first))
    }
    assert moves == {"through": 2, "cut": 2}  # of 4: the checkpoint lies within an interval


def test_without_augmentation_nothing_is_logged(digits: Dataset) -> None:
    for augmentation in ("", "translation,cutout"):
        trainer = trainer_on(digits, augmentation=augmentation)
        trainer.step()
        assert "augment" not in trainer.game.modules
        assert "augmentation/strength" not in trainer.tally.read(trainer.world)[0]


@pytest.mark.parametrize("augmentation", ["ada", "color,translation,cutout"])
def test_two_ranks_train_what_one_does(tmp_path: Path, augmentation: str) -> None:
    # Three steps are six moves: one adjustment, and the sum of two more moves.
    numbers = FEW | {"augmentation": augmentation, "augmentation_target": 0.01, "steps": 3, "tick": 1}
    numbers |= {"precision": "float64", "watch_samples": 0}
    one = run(train_digits, tmp_path / "one", numbers, None, output=tmp_path / "said one")
    assert one.code == 0, one.said
    for ended in run_ranks(2, train_digits, tmp_path / "two", numbers, None, output=tmp_path / "said two"):
        assert ended.code == 0, ended.said
    states, logs = [], []
    for name in ("one", "two"):
        (path,) = (tmp_path / name).iterdir()
        states.append(load_file(path / "checkpoints" / "step-0000003" / "state" / "state.safetensors"))
        logs.append([record.get("augmentation/strength") for record in read_lines(RunFolder(path).log)])
    assert states[0].keys() == states[1].keys()
    worst = max(float((states[0][key].double() - states[1][key].double()).abs().max()) for key in states[0])
    assert worst < 1e-8
    # Two moves a step; the fourth one raises the strength.
    assert logs[0] == logs[1] == ([0.0, 0.0, 0.1] if augmentation == "ada" else [None] * 3)
