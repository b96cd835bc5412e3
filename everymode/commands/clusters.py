"""`everymode clusters`: what the labels that a run found for itself are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from everymode.commands.ending import say
from everymode.commands.numbers import whole_number
from everymode.commands.own_recipes import require_named_recipe
from everymode.recipes import find

if TYPE_CHECKING:
    from everymode.evaluation.cluster_report import ClusterReport


def clusters(
    run: Annotated[Path, Parameter(name="RUN", help="Run folder of a recipe that finds its own labels.")],
    /,
    *,
    data: Annotated[
        str | None, Parameter(help="The data it was trained on, if it has moved since.", metavar="PATH")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Folder for the pictures; left out, RUN/clusters.")] = None,
    seed: Annotated[int, Parameter(help="Of the samples.", converter=whole_number)] = 0,
    recipe: Annotated[
        str | None, Parameter(help="Python file with the RECIPE that trained it, for recipes of your own.")
    ] = None,
) -> None:
    """Show the clusters (or parts) that stand for labels in a run: sizes, steadiness, agreement with classes, pictures.

    Each picture has images of one cluster on the left and samples of it on the right.
    """
    own = None if recipe is None else find(recipe)
    from everymode.data.hiding import with_few_labels
    from everymode.data.opening import open_images
    from everymode.evaluation.cluster_report import clusters_of, draw_clusters, report_clusters, write_report
    from everymode.runs.resuming import check_same_data
    from everymode.sampling.record import recipe_of
    from everymode.storage.run_folder import RunFolder

    config = RunFolder(run).read_config()
    if own is None:
        require_named_recipe(run, run)
    numbers = recipe_of(config, own, run)
    found = clusters_of(run)
    dataset = open_images(
        data or config["data"]["source"],
        resolution=None if numbers.takes_points else numbers.size,
        fit=numbers.fit,
        label_column=numbers.label_column or None,
        value_range=numbers.value_range,
        progress=False,
    )
    trained_on = with_few_labels(dataset, numbers.labeled_fraction, numbers.seed)
    check_same_data(RunFolder(run), trained_on, dataset.name)
    report = report_clusters(found, dataset)
    place = out or run / "clusters"
    paths = draw_clusters(found, dataset, place, recipe=own, seed=seed)
    write_report(report, place / "report.json")
    say(in_words(report))
    say(f"{paths[0]}: an overview" + (f"; {len(paths) - 1} more pictures beside it" if paths[1:] else ""))


def in_words(report: ClusterReport) -> str:
    """The report for a terminal."""
    sizes = sorted(report.sizes)
    examples = (
        f"{sum(sizes) // 2:,} examples and their mirror images"
        if report.mirrored
        else f"{sum(sizes):,} examples"
    )
    lines = [
        f"{len(sizes)} clusters of {examples} at step {report.step}: {sizes[0]:,} to {sizes[-1]:,}, the middle one has "
        f"{sizes[len(sizes) // 2]:,}, {report.empty} empty; the largest holds {report.largest:.1%}"
    ]
    steady = [record for record in report.history if "nmi with previous" in record]
    if steady:
        shown = ", ".join(
            f"{record['nmi with previous']:.3f} (step {record['step']})" for record in steady[-8:]
        )
        lines.append(f"normalized mutual information with the clusters before: {shown}")
    if report.nmi is not None and report.purity is not None:
        lines.append(
            f"with the data's classes: normalized mutual information {report.nmi:.3f}, purity {report.purity:.3f}"
        )
        kind = "examples or mirror images" if report.mirrored else "examples"
        largest = sorted(range(len(report.sizes)), key=lambda cluster: -report.sizes[cluster])[:10]
        lines += [
            f"  cluster {cluster}: {report.sizes[cluster]:,} {kind}, {report.classes[cluster][1]:.0%} of them "
            f"{report.classes[cluster][0]}"
            for cluster in largest
        ]
    return "\n".join(lines)
