"""Rejection sampling: what is drawn again, what stays, and that images remain functions of their seeds."""

from __future__ import annotations

import pytest
import torch
from painters import painter
from torch import Tensor, nn

from everymode.cli import main
from everymode.evaluation.sampling import Drawer, Sampling
from everymode.evaluation.streams import images_of_generator
from everymode.game import Condition
from everymode.labels.table import FixedParts
from everymode.pictures import to_uint8
from everymode.sampling.generator import Generator
from everymode.sampling.rejection import redraw_rejected, sample_accepted


class Flat(nn.Module):
    """The first number of z as a flat gray picture, whatever the label."""

    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, condition: Condition, size: tuple[int, int] = (4, 4)) -> Tensor:
        return torch.tanh(z[:, :1] + self.shift)[:, :, None, None].expand(-1, 1, *size)


class Sides(FixedParts):
    """Two parts, dark and bright, of which nine images in ten are dark; both are hit by half of all draws."""

    def __init__(self) -> None:
        super().__init__(2, 10)
        self.take(torch.tensor([[0] * 9 + [1]]))

    def accepts(self, fake: Tensor, condition: Condition) -> Tensor:
        assert isinstance(condition, Tensor)
        return (fake.mean((1, 2, 3)) > 0) == (condition == 1)


def generator() -> Generator:
    return Generator(Flat(), Sides())


def test_accepted_first_draws_are_what_sample_gives_and_others_are_redrawn() -> None:
    plain = generator().sample(40, label=1, seed=3)
    images, accepted = sample_accepted(generator(), 40, label=1, seed=3, batch_size=7)
    assert accepted.all() and (images.mean((1, 2, 3)) > 0).all()
    same = plain.mean((1, 2, 3)) > 0
    assert 10 < same.sum() < 30
    assert torch.equal(images[same], plain[same])
    assert not torch.equal(images[~same], plain[~same])


def test_image_i_is_a_function_of_its_seed_alone() -> None:
    whole, _ = sample_accepted(generator(), 12, seed=5)
    for number in (0, 7, 11):
        alone, _ = sample_accepted(generator(), 1, seed=5 + number)
        assert torch.equal(alone[0], whole[number])


def test_each_image_may_have_a_seed_of_its_own() -> None:
    whole, _ = sample_accepted(generator(), 12, seed=5)
    picked, _ = sample_accepted(generator(), 3, seed=[16, 5, 12], batch_size=2)
    assert torch.equal(picked, whole[[11, 0, 7]])
    with pytest.raises(TypeError, match="n is the number of images"):
        sample_accepted(generator(), 2.0)


def test_the_last_draw_is_kept_where_all_are_rejected() -> None:
    source = generator()
    once = redraw_rejected(source, 60, label=0, retries=0)
    assert torch.equal(once.images, source.sample(60, label=0))
    assert once.draws.tolist() == [1] * 60
    twice = redraw_rejected(source, 60, label=0, retries=2)
    left = ~twice.accepted
    assert 0 < left.sum() < 20
    assert (twice.draws[left] == 3).all()
    assert (twice.images[left].mean((1, 2, 3)) > 0).all()
    assert twice.rate == int(twice.accepted.sum()) / int(twice.draws.sum())
    assert 0.35 < redraw_rejected(source, 300).rate < 0.65


def test_proportions_of_the_labels_stay() -> None:
    images, accepted = sample_accepted(generator(), 400)
    assert accepted.all()
    assert abs(int((images.mean((1, 2, 3)) > 0).sum()) - 40) < 20


def test_what_cannot_tell_is_refused() -> None:
    for source in (painter(), painter(labels=False)):
        with pytest.raises(ValueError, match="can't tell whether a sample matches its label"):
            sample_accepted(source, 3)
    with pytest.raises(ValueError, match="retries at least 0, not 3, 64 and -1"):
        sample_accepted(generator(), 3, retries=-1)
    with pytest.raises(ValueError, match="truncation is a factor"):
        sample_accepted(generator(), 3, truncation=-1.0)


# ---- in evaluations


def test_evaluations_judge_what_is_accepted_and_say_the_rate() -> None:
    drawer = Drawer(generator(), Sampling(rejection=20, batch_size=16))
    drawn = torch.cat(list(drawer.batches(32)))
    assert torch.equal(drawn, to_uint8(sample_accepted(generator(), 32)[0]))
    found = drawer.found()
    assert 0.3 < found["acceptance_rate"] < 0.7 and found["accepted_images"] == 1.0
    assert torch.equal(drawer.take(torch.tensor([20, 3]).numpy()), drawn[[20, 3]])
    assert drawer.found() == found
    plain = Drawer(generator(), Sampling())
    list(plain.batches(5))
    assert plain.found() == {"acceptance_rate": None, "accepted_images": None}


def test_rejection_is_part_of_the_protocol() -> None:
    images = images_of_generator(generator(), num=10, sampling=Sampling(rejection=4))
    assert images.facts["rejection"] == 4 and "acceptance_rate" not in images.facts
    list(images.batches())
    assert images.found()["acceptance_rate"] > 0
    assert Sampling().protocol()["rejection"] is None


def test_rejection_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="rejection is -1 redraws"):
        Sampling(rejection=-1)
    with pytest.raises(ValueError, match="which changes batch statistics"):
        Sampling(rejection=3, batch_norm="batch")


# ---- on the command line


def test_sample_rejects(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr("everymode.sampling.generator.find_generator", lambda path: path)
    monkeypatch.setattr(
        "everymode.sampling.generator.load", lambda path, recipe=None, device=None: generator()
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    command = ["sample", "run", "--label", "1", "--seeds", "0-9", "--grid", "grid.png"]
    assert main([*command, "--reject", "20"]) == 0
    assert "10 of 10 samples are in their part of the partition, after " in capsys.readouterr().out
    assert main([*command, "--reject", "3", "--size", "8"]) == 2
    assert "leave --size out" in capsys.readouterr().err
