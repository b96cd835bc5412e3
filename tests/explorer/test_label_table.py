"""Labels as rows: numbers from config.json, the checkpoint, score cards and the report of clusters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from explored import write_run

from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Measured
from everymode.explorer.catalog import Catalog
from everymode.explorer.facts import Block, Facts
from everymode.explorer.label_table import (
    LabelRow,
    LabelTable,
    history_of,
    members_of,
    problems_first,
    table_of,
)
from everymode.storage.checkpoint import write_checkpoint

FACTS = Facts(
    "labels", False, (1, 8, 8), (Block("class", ("cat", "dog", "elk")),), True, True, False, False, {}
)
NUMBERS = {"recipe": {"numbers": {"class_counts": [90, 0, 1]}}, "data": {"num_images": 91}}


def card(step: int, date: str, **distances: Any) -> ScoreCard:
    classes = {
        name: {"value": value, "real": 9, "fake": 8, "few": True, "coverage": 0.5}
        for name, value in distances.items()
    }
    measured = Measured("fd-per-class", None, "lower", 9, 8, {}, {"classes": classes})
    subject = {"facts": {"step": step}, "seeds": {}, "identity": {"step": step}, "label": "", "real": ""}
    return ScoreCard(
        {"fd-per-class-x": measured},
        {},
        subject | {"source": None, "real_source": None, "real_split": ""},
        {},
        times={"date": date},
    )


def test_classes_have_counts_and_the_numbers_of_their_step(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=(10, 20))
    card(10, "2026-01-02", cat=1.0, dog=None).save(path / "evaluations" / "b.json")
    card(20, "2026-01-01", cat=2.0, elk=7.0).save(path / "evaluations" / "a.json")
    (path / "evaluations" / "broken.json").write_text("{")
    run = Catalog([path]).runs[0]
    facts = replace(FACTS, config=NUMBERS)
    first, second = (table_of(run, checkpoint, facts) for checkpoint in run.checkpoints)
    assert [row.count for row in first.rows] == [90, 0, 1]
    assert [row.distance for row in first.rows] == [1.0, None, None]
    assert [row.distance for row in second.rows] == [2.0, None, 7.0]
    assert first.rows[0].coverage == 0.5 and first.rows[0].fakes == 8 and first.rows[0].few
    assert [row.empty for row in first.rows] == [False, True, False]
    assert [first.starved(row) for row in first.rows] == [False, False, True]
    assert [each.step for each in history_of(run, "cat")] == [10, 20]
    assert history_of(run, "nothing") == []


def test_problems_come_first() -> None:
    rows = [
        LabelRow(0, "a", 50, 0.5, distance=1.0),
        LabelRow(1, "b", 1, 0.01, distance=0.5),
        LabelRow(2, "c", 49, 0.49, distance=3.0),
        LabelRow(3, "d", 0, 0.0),
        LabelRow(4, "e", 40, 0.4),
    ]
    assert [row.index for row in problems_first(LabelTable(tuple(rows)))] == [3, 1, 2, 0, 4]


def test_clusters_have_their_counts_and_members_from_the_checkpoint(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=(10,))
    facts = replace(FACTS, names_classes=False, config={"data": {"num_images": 4}})
    table = torch.tensor([[0, 0, 2, 0], [0, 2, 2, 0]])
    write_checkpoint(
        path / "checkpoints",
        20,
        generator={"w": torch.zeros(1)},
        config={"step": 20},
        state={"modules": {"labels": {"table": table}}},
        labels={"counts": torch.tensor([5.0, 0.0, 3.0])},
    )
    scores = {
        "extractor": "x",
        "samples": 50,
        "distances": [2.0, None, 1],
        "coverages": [0.5, None, None],
        "few": [True],
    }
    report = {
        "step": 20,
        "sizes": [5, 0, 3],
        "classes": [["cat", 0.75], ["", 0.0], ["dog", 1.0]],
        "scores": scores,
    }
    (path / "clusters").mkdir()
    (path / "clusters" / "report.json").write_text(json.dumps(report))
    run = Catalog([path]).runs[0]
    earlier, newest = run.checkpoints
    found = table_of(run, newest, facts)
    assert [row.count for row in found.rows] == [5, 0, 3] and found.mirrored and found.clustered == 20
    assert [(row.most, row.purity) for row in found.rows] == [("cat", 0.75), ("", None), ("dog", 1.0)]
    assert [(row.distance, row.coverage, row.few) for row in found.rows] == [
        *((2.0, 0.5, True), (None, None, False), (1.0, None, False)),
    ]
    labels = np.zeros(4, np.int64)
    for checkpoint in (newest, earlier):  # the earlier one has no table
        members, step = members_of(run, checkpoint, labels, names_classes=False)
        assert members is not None and members.tolist() == [0, 0, 2, 0] and step == 20
    assert members_of(run, newest, np.zeros(5, np.int64), names_classes=False) == (None, None)
    assert members_of(run, newest, labels, names_classes=True) == (labels, None)


def test_numbers_of_other_shapes_are_left_out(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=(10,))
    run = Catalog([path]).runs[0]
    wrong = replace(FACTS, config={"recipe": {"numbers": {"class_counts": [1, 2]}}})
    assert [row.count for row in table_of(run, run.checkpoints[0], wrong).rows] == [None] * 3
    wrong = replace(FACTS, config={"recipe": {"numbers": {"class_counts": ["a"] * 3}}})
    assert [row.count for row in table_of(run, run.checkpoints[0], wrong).rows] == [None] * 3
    (path / "clusters").mkdir()
    (path / "clusters" / "report.json").write_text('{"step": 1, "classes": 3}')
    found = table_of(run, run.checkpoints[0], replace(FACTS, names_classes=False))
    assert all(row == LabelRow(row.index, row.name) for row in found.rows)
