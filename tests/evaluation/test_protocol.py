"""The protocol of an evaluation: what is left out, what is refused, and that it is passed on as it is."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from everymode.data.opening import open_images
from everymode.evaluation import Protocol, Sampling, evaluate
from everymode.evaluation.sides import open_sides


def test_what_is_left_out_depends_on_fast() -> None:
    assert Protocol().metric_names() is None
    assert Protocol(fast=True).metric_names() == ("fd", "kd")
    assert Protocol(fast=True, metrics="pr, fd,pr").metric_names() == ("pr", "fd")
    assert (Protocol().most_images, Protocol(fast=True).most_images) == (10_000, 2000)
    with pytest.raises(FrozenInstanceError):
        Protocol().num = 3  # type: ignore[misc]


def test_what_can_be_seen_to_be_wrong_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no metric 'fdd'"):
        Protocol(metrics=["fd", "fdd"]).metric_names()
    for name in ("num", "num_real"):
        with pytest.raises(ValueError, match=rf"{name} is 1; an evaluation needs at least 2 images"):
            Protocol(**{name: 1}).check_counts()


def test_a_protocol_and_its_choices_one_by_one_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path))
    digits = open_images("digits", resolution=16)
    fake, real = digits.subset(np.arange(60)), digits.subset(np.arange(60, 160))
    choices = {"extractor": "random:16", "metrics": "fd", "num": 50, "sampling": Sampling(seed=2)}
    protocol = Protocol(**choices)
    cards = [evaluate(fake, real, protocol=protocol), evaluate(fake, real, **choices)]
    assert cards[0].as_json() | {"times": 0} == cards[1].as_json() | {"times": 0}
    assert evaluate(fake, real, protocol=protocol, num=40).protocol["fake_images"] == 40
    with pytest.raises(TypeError, match="metric"):
        evaluate(fake, real, metric="fd")
    assert open_sides(fake, real).sampling == Sampling()
    assert open_sides(fake, real, protocol).sampling == Sampling(seed=2)
