"""Sets of runs: several cases over several seeds, in processes of one thread.

A set has a folder. Finished runs are not repeated, and an interrupted run resumes from its last checkpoint, so a set
can be stopped and started at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import everymode
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.data.order import random_permutation
from everymode.storage.run_folder import read_lines
from everymode.training.nonfinite import Diverged
from experiments.harness.results import OF_CLASS, Case, Outcome, kept, record_of, terms_of

Play = Callable[[Case, int, Path, Any], Outcome]
"""(case, seed, folder, judge) -> the outcome of one run; a function of a module."""


def run_all(
    cases: Sequence[Case],
    *,
    seeds: Iterable[int],
    out: Path,
    processes: int,
    judge: Any,
    play: Play | None = None,
) -> list[Outcome]:
    """Train and score every case with every seed, some in parallel, and print each when it ends.

    Cases that are one recipe on one dataset under two names are trained once.

    Args:
        judge: called with (run, data) for its scores, or whatever `play` takes; its `repr` must describe it completely.
        play: None = `train_and_judge`.
    """
    seeds = list(seeds)
    kinds = [terms_of(case, judge) for case in cases]
    names: dict[str, list[Case]] = {}
    for kind, case in zip(kinds, cases, strict=True):
        names.setdefault(kind, []).append(case)
    # Of several names the one under which an earlier set was finished, as far as there is one.
    played = {
        (kind, seed): next((case for case in same if record_of(case, seed, out, judge).is_file()), same[0])
        for seed in seeds
        for kind, same in names.items()
    }
    jobs = [(case, seed) for (_, seed), case in played.items()]
    done: dict[tuple[str, int], Outcome] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        pending = {
            pool.submit(_run_one, case, seed, out, judge, play or train_and_judge): (case.name, seed)
            for case, seed in jobs
        }
        for future in as_completed(pending):
            try:
                outcome = future.result()
            except Exception as error:
                pool.shutdown(wait=False, cancel_futures=True)  # not after all the others have run
                name, seed = pending[future]
                error.add_note(f"in the case {name}, seed {seed}")
                raise
            done[pending[future]] = outcome
            shown = "  ".join(
                f"{name} {value:.4g}"
                for name, value in outcome.scores.items()
                if not name.startswith(OF_CLASS)
            )
            print(
                f"{len(done)}/{len(jobs)}  {outcome.case}, seed {outcome.seed}: {shown}  {outcome.alarm}",
                flush=True,
            )
    return [
        done[played[kind, seed].name, seed]._replace(case=case.name)
        for seed in seeds
        for kind, case in zip(kinds, cases, strict=True)
    ]


def train_and_judge(
    case: Case,
    seed: int,
    folder: Path,
    judge: Callable[..., dict[str, float]],
    *,
    init_from: Path | None = None,
) -> Outcome:
    """Train a case with a seed in a folder, or resume there, and call judge(run, data).

    Args:
        init_from: a run from whose networks a new run starts.
    """
    recipe = case.recipe
    data: str | Dataset = case.data
    if case.prepare is not None:
        opened = open_images(case.data, resolution=recipe.size, label_column=recipe.label_column or None)
        data = case.prepare(opened, seed)
    # A recipe drops its held-out images on other data than its own, unless they are named.
    numbers = {"seed": seed, "held_out": recipe.held_out}
    try:
        run = everymode.train(
            recipe, data=data, out=folder, resume="auto", init_from=init_from, quiet=True, **numbers
        )
    except Diverged as error:
        newest = max(folder.glob("[0-9]*-*"), default=folder)
        return Outcome(case.name, seed, {}, f"diverged: {error}", error.bad.step, str(newest))
    alarms = read_lines(run.folder / "collapses.jsonl")
    scores = judge(run, case.data) | _watched(read_lines(run.folder / "log.jsonl"))
    scores |= _best(read_lines(run.folder / "metrics.jsonl"))
    first = alarms[0] if alarms else {"text": "", "step": None}
    return Outcome(case.name, seed, scores, first["text"], first["step"], str(run.folder))


def minutes_of(run: everymode.Run) -> float:
    """Return the minutes that training took by the log, without samples and checkpoints."""
    return sum(line.get("seconds", 0.0) for line in read_lines(run.folder / "log.jsonl")) / 60


def few_images(data: Dataset, seed: int, *, images: int) -> Dataset:
    """Return some images of a dataset, equally many of each class as far as available, chosen by the seed."""
    return data.subset(few_rows(data, seed, images=images))


def other_images(data: Dataset, seed: int, *, images: int) -> Dataset:
    """Return the images that `few_images` does not select."""
    return data.subset(np.setdiff1d(np.arange(len(data)), few_rows(data, seed, images=images)))


def few_rows(data: Dataset, seed: int, *, images: int) -> np.ndarray:
    """Return the rows of the dataset that `few_images` selects, in order."""
    order = random_permutation(seed, "few images", 0, len(data))
    labels = data.labels[order]
    rank = np.zeros(len(order), dtype=np.int64)  # how many of its class come before it
    for label in np.unique(labels):
        mine = labels == label
        rank[mine] = np.arange(mine.sum())
    return np.sort(order[np.argsort(rank, kind="stable")[:images]])


def _run_one(case: Case, seed: int, out: Path, judge: Any, play: Play) -> Outcome:
    import torch

    torch.set_num_threads(1)
    record = record_of(case, seed, out, judge)
    return kept(record, partial(play, case, seed, record.parent, judge))


def _best(measured: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the best Fréchet distance and inception score of a measured run, with their steps."""
    found: dict[str, float] = {}
    for metric, choose in (("fd", min), ("is", max)):
        values = values_of(measured, metric)
        if values:
            step = choose(values, key=values.__getitem__)
            found |= {f"best {metric}": values[step], f"best {metric} at": step}
    return found


def values_of(measured: Sequence[Mapping[str, Any]], metric: str) -> dict[int, float]:
    """Return step -> value of a metric, by its short name, from the records of metrics.jsonl."""
    return {
        int(line["step"]): value
        for line in measured
        for name, value in line.items()
        if short(name) == metric and isinstance(value, float)
    }


def short(metric: str) -> str:
    """Return a metric's name without its extractor: fd of fd-lite0-64."""
    return metric.split("-", 1)[0]


def _watched(log: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the last value of the collapse watch's signals, and the worst since their best."""
    found: dict[str, float] = {}
    for name in ("coverage", "self_accuracy", "validation_accuracy", "held_out_gap"):
        values = [line[f"watch/{name}"] for line in log if f"watch/{name}" in line]
        if values:
            found[f"last {name}"] = values[-1]
            if name == "coverage":
                found["best coverage"] = max(values)
    return found
