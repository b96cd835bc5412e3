"""Scores at snapshots: metrics.jsonl, score cards, and the best checkpoints that are kept for them."""

from __future__ import annotations

from pathlib import Path

import pytest

import everymode
from everymode.evaluation.score_card import read_card
from everymode.runs.run import Run
from everymode.storage.checkpoint import checkpoints, step_of
from everymode.storage.run_folder import read_lines
from everymode.training.trainer import Trainer


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))

    def run(**numbers) -> Run:
        small = {"steps": 10, "tick": 2, "snapshot": 2, "width": 4, "batch_size": 16, "watch_samples": 0}
        small |= {"discriminator_steps": 1}
        scores = {"metrics": "fd,kd", "metric_extractor": "random", "metric_images": 48}
        return everymode.train(
            "omni-gan-digits", out=tmp_path / "runs", quiet=True, **(small | scores | numbers)
        )

    return run


def test_every_snapshot_has_numbers_and_a_card_that_repeat_themselves(train) -> None:
    run, again = train(steps=4), train(steps=4)
    lines = read_lines(run.folder / "metrics.jsonl")
    assert [line["step"] for line in lines] == [2, 4]
    assert lines == read_lines(again.folder / "metrics.jsonl")
    card = read_card(run.folder / lines[-1]["card"])
    assert {name.split("-")[0] for name in card.metrics} == {"fd", "kd"}
    name, measured = next(iter(card.metrics.items()))
    assert lines[-1][name] == lines[-1]["rank"] == measured.value
    assert measured.fake == 48


def test_the_best_checkpoints_are_kept_beside_the_last_two(train, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = {2: 5.0, 4: 1.0, 6: 1.0, 8: 7.0, 10: None}
    score = Trainer._score

    def known(trainer: Trainer) -> None:
        trainer._measure = lambda trainer: {"rank": ranks[trainer.completed]}
        score(trainer)

    monkeypatch.setattr(Trainer, "_score", known)
    assert [step_of(path) for path in checkpoints(train().folder / "checkpoints")] == [4, 8, 10]
    kept = checkpoints(train(keep_best=2).folder / "checkpoints")
    assert [step_of(path) for path in kept] == [4, 6, 8, 10]


def test_without_metrics_nothing_is_measured(train) -> None:
    run = train(steps=2, metrics="")
    assert not (run.folder / "metrics.jsonl").exists()


def test_unknown_metrics_are_refused_before_training(train) -> None:
    with pytest.raises(ValueError, match="fd"):
        train(metrics="fidd")
