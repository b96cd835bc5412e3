"""The work of `everymode dissect`: segmenter, conditions, dissection, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from everymode.commands.sample import labels_of

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.data.dataset import Dataset
    from everymode.dissection.dissecting import Dissection
    from everymode.draws import Draws
    from everymode.evaluation.segmenter_judges import SegmenterJudge
    from everymode.sampling.generator import Generator

PAGE, RECORD = "index.html", "dissection.json"
"""Files of every dissection."""


class Settings(NamedTuple):
    """Numbers of a dissection, as the flags of the command."""

    num: int
    tail: float
    iou: float
    rule: str
    layers: tuple[int, ...] | None
    strongest: int
    seed: int
    batch_size: int


class Condition(NamedTuple):
    """A class, cluster or combination of labels; None: labels are drawn."""

    label: str | None

    @property
    def name(self) -> str:
        """The condition as text."""
        return "labels drawn" if self.label is None else self.label


@dataclass(frozen=True)
class Job:
    """A dissection of a generator.

    Attributes:
        generator: the generator.
        source: path that the user named.
        recipe: name of a custom recipe's file.
        segmenter, data: flags of the command.
        settings: numbers of the command.
    """

    generator: Generator
    source: Path
    recipe: str | None
    segmenter: str
    data: str | None
    settings: Settings

    def write(self, out: Path, conditions: Sequence[Condition], report: Callable[[str], None]) -> None:
        """Dissect for each condition, write the pages atomically and report the curves.

        Raises:
            ValueError: if the generator's layers can't be dissected, or no segmenter fits.
        """
        from everymode.storage.atomic import atomic_folder

        if self.settings.strongest < 1:
            raise ValueError(
                f"--strongest is {self.settings.strongest}: at least 1 picture per unit is needed"
            )
        judge = self._judge()
        results: dict[str, Dissection] = {}
        with atomic_folder(out.expanduser()) as folder:
            for number, condition in enumerate(conditions):
                inside = folder if len(conditions) == 1 else folder / f"condition-{number}"
                inside.mkdir(exist_ok=True)
                results[condition.name] = self._one(inside, condition, judge, report)
            if len(conditions) > 1:
                self._changes(folder, results, judge, report)
        report(f"wrote {out / PAGE}")

    def _one(
        self, folder: Path, condition: Condition, judge: SegmenterJudge, report: Callable[[str], None]
    ) -> Dissection:
        """Dissect for one condition, and write its pages."""
        from dataclasses import replace

        from everymode.dissection.curves import curve_table
        from everymode.dissection.dissecting import dissect
        from everymode.dissection.pages import write_pages
        from everymode.dissection.records import record_of
        from everymode.dissection.strongest import strongest_images
        from everymode.evaluation.image_scores import progress_bar

        settings, network = self.settings, self.generator.network
        draw = drawing(self.generator, condition.label)
        passes = (3 if settings.rule == "iqr" else 2) * settings.num
        with progress_bar(f"dissection, {condition.name}", passes, True) as progress:
            result = dissect(
                network,
                judge.segment,
                layers=settings.layers,
                num=settings.num,
                tail=settings.tail,
                iou=settings.iou,
                rule=settings.rule,
                num_labels=len(judge.labels),
                none=judge.none,
                draw=draw,
                batch=settings.batch_size,
                seed=settings.seed,
                progress=lambda done, _: progress(done),
            )
        result = replace(result, segmenter=judge.name, segmenter_hash=judge.digest)
        pictures = strongest_images(
            network, result, count=settings.strongest, draw=draw, batch=settings.batch_size
        )
        facts = self._facts(judge, condition)
        title = f"Dissection of {self._name()}"
        write_pages(folder, result, pictures, names=judge.labels, title=title, facts=facts)
        _write_json(folder / RECORD, record_of(result, judge.labels, facts))
        if condition.label is not None:
            report(f"condition {condition.name}")
        report(curve_table(result))
        return result

    def _changes(
        self,
        folder: Path,
        results: dict[str, Dissection],
        judge: SegmenterJudge,
        report: Callable[[str], None],
    ) -> None:
        """Write and report the units that change between conditions."""
        from everymode.dissection.changes import changed_units
        from everymode.dissection.pages import write_conditions

        changed = changed_units(list(results.values()))
        facts = self._facts(judge, None)
        pages = [f"condition-{number}/{PAGE}" for number in range(len(results))]
        title = f"Dissection of {self._name()}"
        write_conditions(folder, results, pages, changed, names=judge.labels, title=title, facts=facts)
        layers = next(iter(results.values())).layers
        units = {layer.name: changed[layer.index].nonzero().flatten().tolist() for layer in layers}
        _write_json(folder / RECORD, {"facts": facts, "conditions": list(results), "changed_units": units})
        report(f"units that show different labels under {len(results)} conditions:")
        for layer in layers:
            report(f"{layer.name}: {len(units[layer.name])} of {len(layer.best_label)}")

    def _judge(self) -> SegmenterJudge:
        from torch import nn

        from everymode.data.opening import open_images
        from everymode.evaluation.image_scores import progress_bar
        from everymode.evaluation.labeled_segmenters import SegmentedData, labeled_segmenter

        shape = self.generator.sample(1).shape
        if len(shape) != 4:
            raise ValueError(
                "this generator draws points, which have no pixels to label: dissect one of images"
            )
        size = (int(shape[2]), int(shape[3]))
        trained = self.generator.config.get("data", {}).get("source")
        candidates = []
        if self.data is not None:
            candidates.append(
                SegmentedData(
                    self.data,
                    lambda: open_images(str(self.data), resolution=size, channels=int(shape[1])),
                )
            )
        elif trained:
            candidates.append(SegmentedData(str(trained), self._training))
        device = self.generator.device
        with progress_bar("steps of the segmenter's fit", 600, True, unit="step") as progress:
            judge = labeled_segmenter(
                self.segmenter, candidates, size, device=device, progress=lambda done, _: progress(done)
            )
        if isinstance(judge.segment, nn.Module):
            judge.segment.to(device)
        return judge

    def _training(self) -> Dataset:
        """Open the data that the run was trained on."""
        from everymode.data.dataset import Dataset
        from everymode.evaluation.sides import Opened, open_sides

        opened = Opened(self.generator, None, True, str(self.source))
        real = open_sides(opened, None, device=self.generator.device).real
        assert isinstance(real, Dataset)
        return real

    def _facts(self, judge: SegmenterJudge, condition: Condition | None) -> dict[str, Any]:
        facts: dict[str, Any] = {"generator": str(self.source)}
        step = self.generator.config.get("step")
        if step is not None:
            facts["step"] = step
        if condition is not None:
            facts["condition"] = condition.name
        if "held_out_accuracy" in judge.facts:
            facts["pixel accuracy of the segmenter"] = round(judge.facts["held_out_accuracy"], 4)
        return facts

    def _name(self) -> str:
        numbers = self.generator.config.get("recipe", {}).get("numbers", {})
        return str(numbers.get("name") or self.source.name)


def requested_conditions(
    generator: Generator,
    label: Sequence[str] | None,
    cluster: Sequence[int] | None,
    conditions: Sequence[str] | None,
) -> list[Condition]:
    """Return the conditions of the flags; [Condition(None)] without any.

    Raises:
        ValueError: if flags exclude each other, the generator has no such label, or there is only one of
            `conditions`.
    """
    generator.require_labels_only()
    if conditions and (label or cluster):
        raise ValueError("--conditions excludes --label and --cluster: set one of the three")
    labels = labels_of(conditions or label, cluster, generator)
    if len(set(labels)) < len(labels):
        raise ValueError(f"a condition is named twice in {', '.join(map(str, labels))}: name each once")
    if conditions and len(labels) < 2:
        raise ValueError("--conditions compares at least two, such as a,b: use --label for a single one")
    if not conditions and len(labels) > 1:
        raise ValueError(
            "--label and --cluster name one condition: use --conditions a,b,c to compare several"
        )
    for each in labels:
        drawing(generator, each)  # raises an error for unknown labels before anything is computed
    return [Condition(each) for each in labels]


def drawing(generator: Generator, label: str | None) -> Callable[[Draws], tuple[Tensor, Any]]:
    """Return the function that draws latent codes and conditions; labels are drawn unless `label` names them.

    Raises:
        ValueError: if the generator has no such label.
    """
    import torch

    from everymode.game import UNLABELED
    from everymode.sampling.label_names import label_numbers

    numbers = label_numbers(label, 1, generator.num_labels, generator.classes)

    def draw(draws: Draws) -> tuple[Tensor, Any]:
        z = draws.normal("z", generator.latent_dim)
        condition = generator.conditions(None, [draws])
        if numbers is not None:
            assert isinstance(condition, torch.Tensor)
            requested = numbers.to(condition.device)
            condition = torch.where(requested == UNLABELED, condition, requested)
        return z, condition

    return draw


def check_out(out: Path) -> None:
    """Check that a folder can be written or replaced.

    Raises:
        ValueError: if it is a file or the current folder, or holds anything but an earlier dissection.
    """
    out = out.expanduser()
    if out.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise ValueError(
            f"--out {out} is the current folder or holds it, and can't be replaced: name another one"
        )
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out is a folder, and {out} is a file: choose another one")
    if out.is_dir() and any(out.iterdir()) and not ((out / PAGE).is_file() and (out / RECORD).is_file()):
        raise ValueError(f"{out} holds other files than an earlier dissection: choose another --out")


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n", "utf-8")
