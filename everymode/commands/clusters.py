"""`everymode clusters`: report on the clusters that a run uses as labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from everymode.commands.ending import say
from everymode.commands.numbers import whole_number
from everymode.commands.own_recipes import require_named_recipe
from everymode.recipes import find

if TYPE_CHECKING:
    from everymode.data.dataset import Dataset
    from everymode.evaluation.cluster_report import ClusterReport, Found
    from everymode.evaluation.cluster_scores import ClusterScores
    from everymode.recipe import Recipe


def clusters(
    run: Annotated[
        Path, Parameter(name="RUN", help="Run folder of a recipe that uses clusters or parts as labels.")
    ],
    /,
    *,
    data: Annotated[
        str | None,
        Parameter(
            help="Training data of the run, if it has moved (default: its recorded path).", metavar="PATH"
        ),
    ] = None,
    out: Annotated[Path | None, Parameter(help="Folder for the images (default: RUN/clusters).")] = None,
    seed: Annotated[
        int, Parameter(help="Seed of the first sample; sample i uses seed + i.", converter=whole_number)
    ] = 0,
    distances: Annotated[
        int,
        Parameter(
            help="Samples of each cluster from which its distance and coverage are measured; 0 = none.",
            converter=whole_number,
        ),
    ] = 0,
    recipe: Annotated[
        str | None, Parameter(help="Python file that defines the run's RECIPE (custom recipes only).")
    ] = None,
) -> None:
    """Report the clusters or parts that a run uses as labels: sizes, stability, agreement with classes, and images.

    Writes report.json, and images with training images of a cluster on the left and samples of it on the right.
    """
    custom_recipe = None if recipe is None else find(recipe)
    from everymode.evaluation.cluster_report import clusters_of, draw_clusters, report_clusters, write_report
    from everymode.sampling.record import recipe_of
    from everymode.storage.run_folder import RunFolder, nearest_run

    if not run.exists():
        nearest = nearest_run(run)
        hint = f"; did you mean {nearest}?" if nearest else ", such as runs/00000-self-conditioned-digits"
        raise FileNotFoundError(
            f"{run} does not exist: name a folder that `everymode train` has written{hint}"
        )
    config = RunFolder(run).read_config()
    if custom_recipe is None:
        require_named_recipe(run, run)
    run_recipe = recipe_of(config, custom_recipe, run)
    clustering = clusters_of(run)
    dataset = _opened(run, run_recipe, data or str(config["data"]["source"]))
    report = report_clusters(clustering, dataset)
    if distances:
        scores = _scores(clustering, dataset, run_recipe, custom_recipe, samples=distances, seed=seed)
        report = replace(report, scores=scores)
    folder = out or run / "clusters"
    paths = draw_clusters(clustering, dataset, folder, recipe=custom_recipe, seed=seed)
    write_report(report, folder / "report.json")
    say(in_words(report))
    say(f"{paths[0]}: an overview" + (f"; {len(paths) - 1} more images in {folder}" if paths[1:] else ""))


def _opened(run: Path, recipe: Recipe, source: str) -> Dataset:
    """Open the training data of a run, without held-out images and with all labels.

    Raises:
        ValueError: if it is other data.
    """
    from everymode.data.hiding import with_few_labels
    from everymode.data.holding_out import hold_out
    from everymode.data.layout import has_layout
    from everymode.data.opening import open_images
    from everymode.runs.resuming import check_same_data
    from everymode.storage.run_folder import RunFolder

    dataset = open_images(
        source,
        resolution=None if recipe.takes_points else recipe.size,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        value_range=recipe.value_range,
        layout=recipe.layout if has_layout(source) else None,
        progress=False,
    )
    dataset, _ = hold_out(dataset, recipe.held_out, recipe.seed)
    trained_on = with_few_labels(dataset, recipe.labeled_fraction, recipe.seed)
    check_same_data(RunFolder(run), trained_on, dataset.name)
    return dataset


def _scores(
    found: Found, dataset: Dataset, recipe: Recipe, custom: Recipe | None, *, samples: int, seed: int
) -> ClusterScores:
    """Measure the distance and coverage of each cluster, by the extractor of the run's metrics."""
    from everymode.evaluation.cluster_scores import score_clusters
    from everymode.sampling.generator import load

    return score_clusters(
        load(found.run, recipe=custom),
        dataset,
        found.labels[0],
        found.count,
        samples=samples,
        seed=seed,
        extractor=named_extractor(recipe, found.run),
        verbose=True,
    )


def named_extractor(recipe: Recipe, run: Path) -> str | None:
    """Return the extractor of a run's metrics; None means the default one.

    Raises:
        ValueError: if the run names code or an address.
    """
    from everymode.extractors.naming import require_named_by_user

    require_named_by_user(recipe.metric_extractor, None, run)
    return recipe.metric_extractor


def in_words(report: ClusterReport) -> str:
    """Return the report as text for the terminal."""
    sizes = sorted(report.sizes)
    examples = (
        f"{sum(sizes) // 2:,} examples and their mirror images"
        if report.mirrored
        else f"{sum(sizes):,} examples"
    )
    lines = [
        f"{len(sizes)} clusters of {examples} at step {report.step}: sizes {sizes[0]:,} to {sizes[-1]:,}, median "
        f"{sizes[len(sizes) // 2]:,}, {report.empty} empty; the largest has {report.largest:.1%} of all"
    ]
    compared = [record for record in report.history if "nmi with previous" in record]
    if compared:
        shown = ", ".join(
            f"{record['nmi with previous']:.3f} (step {record['step']})" for record in compared[-8:]
        )
        lines.append(f"normalized mutual information with the previous clusters: {shown}")
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
    if report.scores is not None:
        measured = [
            (distance, cluster)
            for cluster, distance in enumerate(report.scores.distances)
            if distance is not None
        ]
        worst = ", ".join(f"{cluster} ({distance:.4g})" for distance, cluster in sorted(measured)[:-6:-1])
        lines.append(
            f"largest distances, from {report.scores.samples} samples of each cluster, by {report.scores.extractor}: "
            f"{worst}"
        )
    return "\n".join(lines)
