"""Sets of runs: several cases over several seeds, in processes of one thread, with their scores, tables and curves.

A set lives in a folder. What is finished there is not done again, and a run that was interrupted goes on where its last
checkpoint stands, so a set can be stopped and started at will.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import everymode
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.data.order import random_permutation
from everymode.data.source import digest_of
from everymode.evaluation import evaluate
from everymode.pictures import new_figure, save_figure
from everymode.recipe import Recipe


class Case(NamedTuple):
    """One row of a table: a recipe on a data set."""

    name: str
    recipe: Recipe
    data: str
    prepare: Callable[[Dataset, int], Dataset] | None = None
    """(the data, the seed) -> what to train on; a function of a module, or a partial of one."""


class Outcome(NamedTuple):
    """One finished run: its scores by name, the watch's first alarm ("" where there was none), its curves' file."""

    case: str
    seed: int
    scores: dict[str, float]
    alarm: str
    alarm_step: int | None
    folder: str


@dataclass(frozen=True)
class Judge:
    """How a finished run is scored. It is sent to other processes, so it is data, not a function.

    Attributes:
        samples: generated images.
        metrics: of `everymode evaluate`.
        classifier: data set whose classifier says what class a sample shows ("" on digits: a support vector machine
            fitted on 500 digits that the GAN never saw).
        extractor: of the metrics; None = the default.
    """

    samples: int = 1000
    metrics: tuple[str, ...] = ("fd", "pr")
    classifier: str = ""
    extractor: str | None = None

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        scores = self.measured(run, data)
        generator = run.generator()
        if self.classifier:
            scores["agreement"] = agreement(generator, self.classifier, self.samples)
        else:
            from experiments.demo import score

            of_digits = score(generator, samples=self.samples)
            scores |= {"agreement": float(of_digits.agreement), "variety": float(of_digits.variety)}
        return scores

    def measured(self, run: everymode.Run, data: str) -> dict[str, float]:
        """The metrics that have a value, by name."""
        card = evaluate(
            run.folder,
            data,
            num=self.samples,
            metrics=self.metrics,
            extractor=self.extractor,
            recipe=run.recipe,  # it may be a recipe of an experiment, which no file can name
        )
        return {each.metric: float(each.value) for each in card.metrics.values() if each.value is not None}


def agreement(generator: everymode.Generator, classifier: str, samples: int) -> float:
    """Share of samples, equally many of each class, that the data set's classifier sees as the class asked for."""
    import torch

    from everymode.metrics.features import extract, find_extractor, image_batches, quantized

    extractor = find_extractor(f"classifier:{classifier}", open_data=open_images)
    labels = torch.arange(samples) % generator.num_labels
    images = generator.sample(samples, label=labels, seed=20_000)
    logits = extract(extractor, image_batches(quantized(images))).logits
    assert logits is not None
    return float((logits.argmax(1).cpu() == labels).float().mean())


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
    """Train and judge every case with every seed, some at a time, and say each as it ends.

    Args:
        judge: a Judge, or whatever `play` takes; its `repr` says all that it does.
        play: None = `train_and_judge`.
    """
    jobs = [(case, seed) for seed in seeds for case in cases]
    done: dict[tuple[str, int], Outcome] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        pending = {
            pool.submit(_run_one, case, seed, out, judge, play or train_and_judge): (case.name, seed)
            for case, seed in jobs
        }
        for future in as_completed(pending):
            outcome = future.result()
            done[pending[future]] = outcome
            shown = "  ".join(f"{name} {value:.4g}" for name, value in outcome.scores.items())
            print(
                f"{len(done)}/{len(jobs)}  {outcome.case}, seed {outcome.seed}: {shown}  {outcome.alarm}",
                flush=True,
            )
    return [done[case.name, seed] for case, seed in jobs]


def _run_one(case: Case, seed: int, out: Path, judge: Any, play: Play) -> Outcome:
    import torch

    torch.set_num_threads(1)
    # Everything that makes the run what it is is part of its folder's name, so that no set takes another's results.
    numbers_of_case = json.dumps(case.recipe.as_json(), sort_keys=True)
    terms = digest_of(numbers_of_case, case.data, _described(case.prepare), repr(judge))
    place = out / f"{case.name.replace(' ', '-').replace(',', '')}-seed{seed}-{terms[:8]}"
    record = place / "outcome.json"
    if record.is_file():
        return Outcome(**json.loads(record.read_text()))
    outcome = play(case, seed, place, judge)
    record.write_text(json.dumps(outcome._asdict(), indent=1))
    return outcome


def train_and_judge(case: Case, seed: int, place: Path, judge: Callable[..., dict[str, float]]) -> Outcome:
    """Train a case with a seed in the folder `place`, or go on there, and call judge(run, data)."""
    recipe = case.recipe
    data: str | Dataset = case.data
    if case.prepare is not None:
        opened = open_images(case.data, resolution=recipe.size, label_column=recipe.label_column or None)
        data = case.prepare(opened, seed)
    # A recipe drops its held-out images on other data than its own, unless they are named.
    numbers = {"seed": seed, "held_out": recipe.held_out}
    run = everymode.train(recipe, data=data, out=place, resume="auto", quiet=True, **numbers)
    alarms = _lines(run.folder / "collapses.jsonl")
    scores = judge(run, case.data) | _watched(_lines(run.folder / "log.jsonl"))
    first = alarms[0] if alarms else {"text": "", "step": None}
    return Outcome(case.name, seed, scores, first["text"], first["step"], str(run.folder))


def _described(prepare: Callable[[Dataset, int], Dataset] | None) -> str:
    """The function's name and what it is given: the same in every process, unlike its address."""
    if isinstance(prepare, partial):
        return f"{_described(prepare.func)} {prepare.args} {sorted(prepare.keywords.items())}"
    return "" if prepare is None else f"{prepare.__module__}.{prepare.__qualname__}"


def _watched(log: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The last, and the worst since they were best, of the watch's signals."""
    found: dict[str, float] = {}
    for name in ("coverage", "self_accuracy", "validation_accuracy", "held_out_gap"):
        values = [line[f"watch/{name}"] for line in log if f"watch/{name}" in line]
        if values:
            found[f"last {name}"] = values[-1]
            if name == "coverage":
                found["best coverage"] = max(values)
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def few_images(data: Dataset, seed: int, *, images: int) -> Dataset:
    """Some images of a data set, equally many of each class as far as they go, chosen by the seed."""
    order = random_permutation(seed, "few images", 0, len(data))
    labels = data.labels[order]
    rank = np.zeros(len(order), dtype=np.int64)  # how many of its class come before it
    for label in np.unique(labels):
        mine = labels == label
        rank[mine] = np.arange(mine.sum())
    return data.subset(np.sort(order[np.argsort(rank, kind="stable")[:images]]))


def scaled(recipe: Recipe, budget: float, **numbers: Any) -> Recipe:
    """The recipe at `budget` times its steps: 20 ticks, two checkpoints, and every step it names scaled with it.

    So is the memory of the averaged generator: what a step weighs at the end depends on how far back it lies in the
    run, as a share of it. Else a short run is judged by an average that still holds its first weights.
    """
    steps = max(20, round(recipe.steps * budget))
    share = steps / recipe.steps
    named: dict[str, Any] = {
        name: max(1, round(getattr(recipe, name) * share))
        for name in ("ema_start", "hinge_start", "refresh_every", "guide_steps", "feature_steps")
        if getattr(recipe, name, 0)
    }
    named["ema_decay"] = recipe.ema_decay ** (1 / share)
    tick = max(1, steps // 20)
    return replace(recipe, steps=steps, tick=tick, snapshot=max(1, steps // 2), **(named | numbers))


def mean_and_spread(values: Sequence[float], *, share: bool = False) -> str:
    """ "12.3 ± 0.4": mean and sample standard deviation; one value alone; a dash for none. Shares in percent."""
    if not values:
        return "-"
    values = [100 * value for value in values] if share else list(values)
    unit = " %" if share else ""
    middle = f"{statistics.fmean(values):.4g}"
    if len(values) == 1:
        return middle + unit
    return f"{middle} ± {statistics.stdev(values):.2g}{unit}"


SHARES = ("agreement", "last self_accuracy", "last validation_accuracy")


def table(
    outcomes: Sequence[Outcome], columns: Sequence[str], paper: Mapping[str, Sequence[str]], head: str
) -> str:
    """Markdown: one row a case, the paper's cells beside ours.

    Args:
        columns: names of scores.
        paper: case -> its cells, as many as `head` names.
        head: titles of the paper's columns, joined by " | ".
    """
    cells = len(head.split(" | ")) if head else 0
    titles = ["case", *([head] if head else []), *columns, "alarms", "seeds"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * (len(columns) + cells + 3)]
    for name in dict.fromkeys(outcome.case for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.case == name]
        ours = [
            mean_and_spread(
                [outcome.scores[column] for outcome in mine if column in outcome.scores],
                share=column in SHARES,
            )
            for column in columns
        ]
        alarms = sum(bool(outcome.alarm) for outcome in mine)
        row = [name, *paper.get(name, ["-"] * cells), *ours, f"{alarms} of {len(mine)}", str(len(mine))]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def plot(outcomes: Sequence[Outcome], signals: Mapping[str, str], path: Path) -> Path:
    """Curves of the log, one panel a signal, one color a case: the mean over seeds, and all seeds thin beside it.

    Args:
        signals: name in log.jsonl -> title; those that no run has are left out.
    """
    logs = {outcome.folder: _lines(Path(outcome.folder) / "log.jsonl") for outcome in outcomes}
    logged = {signal for log in logs.values() for line in log for signal in line}
    signals = {signal: title for signal, title in signals.items() if signal in logged} or signals
    columns = min(3, len(signals))
    rows = -(-len(signals) // columns)
    figure, panels = new_figure(rows, columns, size=(5 * columns, 3.6 * rows))
    names = list(dict.fromkeys(outcome.case for outcome in outcomes))
    for panel, (signal, title) in zip(panels, signals.items(), strict=False):
        for number, name in enumerate(names):
            series = []
            for outcome in outcomes:
                if outcome.case == name:
                    points = [(line["step"], line[signal]) for line in logs[outcome.folder] if signal in line]
                    if points:
                        panel.plot(*zip(*points, strict=True), color=f"C{number}", linewidth=0.5, alpha=0.4)
                        series.append(dict(points))
            steps = sorted(set.intersection(*(set(one) for one in series))) if series else []
            if steps:
                means = [statistics.fmean(one[step] for one in series) for step in steps]
                panel.plot(steps, means, color=f"C{number}", linewidth=1.5, label=name)
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("generator steps", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=6)
    for panel in panels[len(signals) :]:
        panel.set_axis_off()
    return save_figure(figure, path)


def parser(description: str | None, *, out: str) -> argparse.ArgumentParser:
    """The flags that every experiment has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--budget", type=float, default=1.0, help="share of each recipe's steps (default: all)")
    made.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    made.add_argument("--processes", type=int, default=2, help="runs at a time, one thread each (default: 2)")
    made.add_argument("--out", type=Path, default=Path(f"runs/{out}"), help="folder of the set")
    made.add_argument("--only", default="", help="cases whose name contains one of these words (a,b,c)")
    return made


def chosen(cases: Sequence[Case], only: str) -> list[Case]:
    """The cases that `--only` names: a case's whole name means that case alone. Raises ValueError if there are none."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    whole = {case.name for case in cases}.intersection(words)
    parts = [word for word in words if word not in whole]
    found = [
        case for case in cases if not words or case.name in whole or any(part in case.name for part in parts)
    ]
    if not found:
        raise ValueError(f"no case has any of {words} in its name: {', '.join(case.name for case in cases)}")
    return found


def report(title: str, facts: Sequence[str], text: str, out: Path) -> None:
    """Print the table, and write it with its terms to report.md in the set's folder."""
    whole = "\n".join([f"# {title}", "", *[f"- {fact}" for fact in facts], "", text, ""])
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text(whole)
    print("\n" + whole)
