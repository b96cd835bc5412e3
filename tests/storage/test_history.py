"""History of a run: which steps stay, and that a kill or a rollback leaves a history of complete generators."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import everymode
from everymode.storage import checkpoint as files
from everymode.storage import history
from everymode.storage.history import forget_after, keep_history, spread_steps
from everymode.storage.run_folder import RunFolder

STEPS = st.lists(st.integers(0, 5000), max_size=60)


def write(folder: Path, step: int) -> Path:
    weights = {"w": torch.full((3,), float(step))}
    return files.write_checkpoint(folder, step, generator=weights, config={"step": step}, state={"a": step})


def test_multiples_of_the_interval_are_thinned_by_doubling_the_stride() -> None:
    assert spread_steps(range(0, 1001, 100), 20, 100) == list(range(0, 1001, 100))
    assert spread_steps(range(0, 1001, 100), 6, 100) == [0, 200, 400, 600, 800, 1000]
    assert spread_steps(range(0, 1001, 100), 5, 100) == [0, 400, 800]
    assert spread_steps([1000, 0, 50, 1000], 1, 100) == [0]
    assert spread_steps([7], 0) == spread_steps([], 20) == []


@settings(deadline=None, max_examples=60)
@given(steps=STEPS, limit=st.integers(1, 24), interval=st.integers(1, 400))
def test_the_steps_are_few_spread_and_begin_with_the_first(
    steps: list[int], limit: int, interval: int
) -> None:
    selected = spread_steps(steps, limit, interval)
    assert selected == sorted(set(selected)) and set(selected) <= set(steps)
    assert len(selected) <= limit
    assert selected[:1] == sorted(steps)[:1]
    if len(set(steps)) > limit:
        # A coarser cell size is chosen only if the finer one had too many.
        size = interval
        while len({step // size for step in steps}) > limit:
            size *= 2
        assert [step // size for step in selected] == sorted({step // size for step in steps})


@settings(deadline=None, max_examples=60)
@given(
    steps=STEPS.map(sorted), cut=st.integers(0, 60), limit=st.integers(1, 24), interval=st.integers(1, 400)
)
def test_thinning_on_the_way_gives_what_thinning_at_the_end_would(
    steps: list[int], cut: int, limit: int, interval: int
) -> None:
    early = spread_steps(steps[:cut], limit, interval)
    assert spread_steps([*early, *steps[cut:]], limit, interval) == spread_steps(steps, limit, interval)


@given(count=st.integers(1, 3000), limit=st.integers(1, 30))
@settings(deadline=None, max_examples=60)
def test_snapshots_at_equal_distances_keep_equal_distances(count: int, limit: int) -> None:
    selected = spread_steps(range(0, 10 * count, 10), limit, 10)
    assert len({b - a for a, b in pairwise(selected)}) <= 1
    assert len(selected) >= min(count, (limit + 1) // 2)


def test_impossible_numbers_are_refused() -> None:
    for steps, limit, interval in (([1], -1, 1), ([1], 1, 0), ([-1], 1, 1)):
        with pytest.raises(ValueError, match="at least"):
            spread_steps(steps, limit, interval)


def test_a_damaged_checkpoint_and_its_state_stay_out_of_the_history(tmp_path: Path) -> None:
    whole, damaged = (write(tmp_path / "checkpoints", step) for step in (0, 100))
    (damaged / "generator.safetensors").write_bytes(b"damaged")
    keep_history(tmp_path / "history", tmp_path / "checkpoints", [whole, damaged], limit=20, interval=100)
    assert [path.name for path in files.checkpoints(tmp_path / "history")] == ["step-0000000"]
    names = {path.name for path in (tmp_path / "history" / "step-0000000").iterdir()}
    assert names == {"generator.safetensors", "config.json", "manifest.json"}
    files.verify(tmp_path / "history" / "step-0000000")


def test_without_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(history.os, "link", refuse)
    checkpoint = write(tmp_path / "checkpoints", 0)
    keep_history(tmp_path / "history", tmp_path / "checkpoints", [checkpoint], limit=1, interval=1)
    shutil.rmtree(checkpoint)
    files.verify(tmp_path / "history" / "step-0000000")


def test_a_full_disk_stops_the_history_but_not_the_pruning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "no space left")

    for step in (0, 100, 200):
        write(tmp_path / "checkpoints", step)
    monkeypatch.setattr(history.os, "link", refuse)
    monkeypatch.setattr(history.shutil, "copyfile", refuse)
    with pytest.raises(OSError, match="no space left"):
        RunFolder(tmp_path).prune([None], 20, 100)
    assert [files.step_of(path) for path in files.checkpoints(tmp_path / "checkpoints")] == [100, 200]
    assert list((tmp_path / "history").iterdir()) == []


def test_a_limit_of_zero_leaves_the_history_alone(tmp_path: Path) -> None:
    past = write(tmp_path / "history", 0)
    checkpoint = write(tmp_path / "checkpoints", 100)
    keep_history(tmp_path / "history", tmp_path / "checkpoints", [checkpoint], limit=0, interval=100)
    assert files.checkpoints(tmp_path / "history") == [past]


class Killed(BaseException):
    """The end of the process, at one of its operations on files."""


def test_a_kill_at_any_operation_leaves_complete_generators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, left, remove, unlink = 0, 0, shutil.rmtree, Path.unlink

    def counted(function):
        def call(*args, **options):
            nonlocal left
            left -= 1
            if left == 0:
                if function is remove:  # which has deleted a first file
                    inside = [each for each in sorted(Path(args[0]).rglob("*")) if each.is_file()]
                    for first in inside[:1]:
                        unlink(first)
                raise Killed
            return function(*args, **options)

        return call

    for name in ("replace", "unlink", "write_text"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(history.os, "link", counted(history.os.link))
    monkeypatch.setattr(history.shutil, "rmtree", counted(remove))
    for calls in range(1, 100):
        run = tmp_path / str(calls)
        left = 0
        write(run / "checkpoints", 100)
        for step in (0, 100, 200):
            write(run / "history", step)
        leaving = [write(run / "checkpoints", 400)]
        write(run / "checkpoints", 800)
        left = calls
        try:
            keep_history(run / "history", run / "checkpoints", leaving, limit=3, interval=100)
        except Killed:
            finished = False
        else:
            finished = True
        left = 0
        for past in files.checkpoints(run / "history"):
            files.verify(past)
        assert (run / "history" / "step-0000000").is_dir()
        keep_history(run / "history", run / "checkpoints", leaving, limit=3, interval=100)
        kept = [files.step_of(path) for path in files.checkpoints(run / "history")]
        assert kept == [0, 400], "the next snapshot completes what the kill prevented"
        if finished:
            break
    assert calls > 5, "the kill has hit several operations"


def test_a_rollback_forgets_the_abandoned_course(tmp_path: Path) -> None:
    for step in (0, 100, 200):
        write(tmp_path / "history", step)
    RunFolder(tmp_path).cut_back(100)
    assert [files.step_of(path) for path in files.checkpoints(tmp_path / "history")] == [0, 100]
    forget_after(tmp_path / "history", 0)
    assert [files.step_of(path) for path in files.checkpoints(tmp_path / "history")] == [0]


def test_a_run_keeps_its_history_through_an_extension_and_never_resumes_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "everymode.runs.run.draw_samples", lambda *_, **__: None
    )  # plots take most of the time
    monkeypatch.setattr("everymode.training.trainer.save_curves", lambda *_, **__: None)
    numbers = {"tick": 1, "snapshot": 1, "batch_size": 8, "watch_samples": 0, "metrics": "", "settling": 0.0}
    run = everymode.train("gan-ring", out=tmp_path, quiet=True, steps=6, keep_history=2, **numbers)
    past = files.checkpoints(run.folder / "history")
    assert [files.step_of(path) for path in past] == [0, 4]
    assert not torch.equal(everymode.load(past[1]).sample(4), everymode.load(run.folder).sample(4))
    shutil.rmtree(run.folder / "checkpoints" / "step-0000006")
    longer = everymode.train("gan-ring", resume=run.folder, out=tmp_path, quiet=True, steps=10)
    assert [files.step_of(path) for path in files.checkpoints(longer.folder / "history")] == [0, 8]
    for each in files.checkpoints(longer.folder / "checkpoints"):
        shutil.rmtree(each)
    with pytest.raises(FileNotFoundError, match="no checkpoint yet"):
        everymode.load(longer.folder)
