"""Draws are functions of (seed, moment, stream, row), and of nothing else."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.draws import Draws, Rows, stable_seed

LAW = torch.tensor([0.1, 0.0, 0.6, 0.3])
KINDS = {
    "normal": lambda draws, stream="s": draws.normal(stream, 3),
    "uniform": lambda draws, stream="s": draws.uniform(stream, 2, 2),
    "integers": lambda draws, stream="s": draws.integers(stream, 1000, 2),
    "choice": lambda draws, stream="s": draws.choice(stream, LAW),
}


def whole(
    total: int = 12, *, seed: int = 5, moment: str = "step 3", dtype: torch.dtype = torch.float32
) -> Draws:
    return Draws(seed, moment, Rows.all(total), dtype=dtype)


def part(start: int, stop: int, total: int = 12) -> Draws:
    return Draws(5, "step 3", Rows(start, stop, total))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 12), max_size=4))
def test_parts_of_a_batch_draw_the_rows_of_the_whole(kind: str, cuts: list[int]) -> None:
    edges = sorted({0, 12, *cuts})
    parts = [KINDS[kind](part(start, stop)) for start, stop in itertools.pairwise(edges)]
    assert torch.equal(torch.cat(parts), KINDS[kind](whole()))


@pytest.mark.parametrize("kind", KINDS)
def test_seed_moment_stream_and_prefix_all_matter(kind: str) -> None:
    draw = KINDS[kind]
    base = draw(whole(200))
    assert torch.equal(draw(whole(200)), base)
    others = [
        draw(whole(200, seed=6)),
        draw(whole(200, moment="step 4")),
        draw(whole(200), "t"),
        draw(whole(200).named("part")),
    ]
    for first, second in itertools.combinations([base, *others], 2):
        assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_the_global_generator_is_neither_read_nor_moved(kind: str) -> None:
    torch.manual_seed(1)
    first, after = KINDS[kind](whole()), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    torch.manual_seed(2)
    assert torch.equal(KINDS[kind](whole()), first)


def test_the_order_of_streams_does_not_matter() -> None:
    draws = whole()
    forth = [draws.normal(stream, 2) for stream in "abc"]
    back = [draws.normal(stream, 2) for stream in "cba"][::-1]
    assert all(torch.equal(x, y) for x, y in zip(forth, back, strict=True))


def test_shapes_ranges_and_types() -> None:
    draws = whole(5)
    assert draws.normal("s").shape == (5,)
    assert draws.normal("s", 3, 2).shape == (5, 3, 2)
    assert draws.normal("s").dtype == torch.float32
    assert draws.integers("s", 3).dtype == torch.int64
    assert draws.choice("s", LAW).dtype == torch.int64
    assert part(4, 4).normal("s", 3).shape == (0, 3)
    uniform = whole(10_000).uniform("s")
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert whole(10_000).integers("s", 7).unique().tolist() == list(range(7))


def test_moments_of_the_normal_stream() -> None:
    x = whole(40_000).normal("s")
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02
    assert abs((x**4).mean() - 3) < 0.2


def test_double_precision_draws_are_the_same_numbers() -> None:
    double = whole(dtype=torch.float64).normal("s", 4)
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), whole().normal("s", 4))
    assert not torch.equal(double.float().double(), double)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_uniform_numbers_stay_below_one_when_rounded(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    def almost_one(words: np.ndarray) -> np.ndarray:
        return np.full(words.shape, 1 - 2.0**-53)

    monkeypatch.setattr("everymode.draws._unit_interval", almost_one)
    assert (whole(dtype=dtype).uniform("s") < 1).all()


def test_choice_follows_its_law() -> None:
    counts = whole(40_000).choice("s", LAW).bincount(minlength=4)
    assert counts[1] == 0
    assert (counts / 40_000 - LAW).abs().max() < 0.01


def test_choice_need_not_be_normalized_and_skips_zeros_at_both_ends() -> None:
    draws = whole(2000)
    assert torch.equal(draws.choice("s", LAW * 8), draws.choice("s", LAW))
    assert draws.choice("s", torch.tensor([0.0, 1.0, 1.0, 0.0])).unique().tolist() == [1, 2]
    assert draws.choice("s", torch.tensor([0.0, 2.0, 0.0])).unique().tolist() == [1]


def test_injected_draws_are_used_as_they_are_under_their_full_name() -> None:
    wanted = torch.arange(3.0)
    draws = Draws(5, "step 3", Rows(0, 3, 12), injected={"s": wanted, "part/inner/s": wanted + 10})
    assert draws.normal("s") is wanted
    assert torch.equal(draws.normal("t"), part(0, 3).normal("t"))
    assert torch.equal(draws.named("part").named("inner").uniform("s"), wanted + 10)
    assert torch.equal(draws.named("part").normal("s"), part(0, 3).named("part").normal("s"))


def test_stable_seed_is_pinned() -> None:
    assert stable_seed() == 8238016292129134938
    assert stable_seed(0) == 4761921975702974394
    assert stable_seed(0, "step 12", "z") == 6347356968759972169
    assert stable_seed("a", "b") == 8945880261400226312


def test_stable_seed_tells_parts_apart_and_stays_in_range() -> None:
    texts = ["", "a", "b", "ab", "a b", "1", "2", "12"]
    seeds = {stable_seed(*parts) for n in (1, 2) for parts in itertools.product(texts, repeat=n)}
    assert len(seeds) == len(texts) + len(texts) ** 2
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_stable_seed_is_the_same_in_another_process() -> None:
    without = (
        "import sys, unittest.mock; sys.modules['torch'] = unittest.mock.MagicMock()"  # it takes a second
    )
    code = f"{without}; from everymode.draws import stable_seed; print(stable_seed(3, 'step 1', 'z'))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None
    ).stdout
    assert int(printed) == stable_seed(3, "step 1", "z")


def test_rows_do_not_depend_on_the_size_of_the_batch() -> None:
    small = Draws(3, "now", Rows.all(5)).normal("s", 7)
    large = Draws(3, "now", Rows.all(500)).normal("s", 7)
    assert torch.equal(large[:5], small)


def test_normal_numbers_are_normal() -> None:
    from scipy.stats import kstest

    numbers = Draws(0, "law", Rows.all(2000), dtype=torch.float64).normal("s", 25)
    assert kstest(numbers.flatten().numpy(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(numbers.numpy().T)[~np.eye(25, dtype=bool)]).max() < 0.1
