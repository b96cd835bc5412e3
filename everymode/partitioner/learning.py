"""Learning a partition from unlabeled images: training, resuming after an interruption, and the resulting files.

There are two stages (Partition-Guided GAN, section 4.1): a pretext network learns features that do not depend on the
view; then the partitioner, initialized from it, learns to put images and their nearest neighbors in those features
into the same part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from everymode.draws import stable_seed
from everymode.machine.device import checked_device
from everymode.old_names import renamed_keywords
from everymode.partitioner.agreement import agreement_stage
from everymode.partitioner.building import partitioner_for
from everymode.partitioner.images import PartitionData, parts_of
from everymode.partitioner.network import Partitioner
from everymode.partitioner.plane import fit_stage, point_clusters
from everymode.partitioner.pretext import Pretext, pretext_stage
from everymode.partitioner.report import REPORT, Score, draw_parts, report_of
from everymode.partitioner.running import Runner, require_same
from everymode.partitioner.saving import CONFIG, load_partitioner, save_partitioner, write_json
from everymode.partitioner.settings import PartitionSettings
from everymode.partitioner.starting import begin, mine
from everymode.partitioner.views import Views
from everymode.storage.json_files import read_object

__all__ = ["learn_partition"]

PICTURE = "parts.png"


@renamed_keywords(talk="verbose")
def learn_partition(
    data: PartitionData,
    settings: PartitionSettings,
    out: str | Path,
    *,
    device: torch.device | str = "cpu",
    seed: int = 0,
    verbose: bool = False,
    stop: Callable[[], bool] = lambda: False,
    scores: Mapping[str, Score] | None = None,
    network: Partitioner | None = None,
) -> Partitioner:
    """Learn a partition of a dataset and write it to `out`, resuming an interrupted call if the folder holds its state.

    The folder receives partitioner.safetensors and config.json (see `load_partitioner`), report.json, parts.png, and
    state/ for resuming. On a CPU a resumed call yields the weights of an uninterrupted one, bit for bit. A finished
    partition of the same data, settings and seed is loaded without training.

    Args:
        data: images [C, H, W], or points, which are clustered by k-means and fitted by cross-entropy.
        settings: all hyper-parameters.
        out: the folder, created if it does not exist.
        device: device of the networks while they learn.
        seed: seed of initial weights and random draws.
        verbose: whether to print progress.
        stop: called after every step; once it returns True, the state is saved and PartitionStopped is raised.
        scores: functions of parts [N] and classes [N], by name, for the report; called only if the data has labels.
        network: the partitioner to train in place of the one that `settings` describe; to resume, pass one of the
            same layout.
    Returns:
        The partitioner on the CPU, frozen and in eval mode.
    Raises:
        ValueError: if there are too few images, the network can't halve the sides, or the folder holds another
            partition.
        PartitionStopped: if `stop` returned True.
    """
    out, device = Path(out), checked_device(device)
    _check(data, settings)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(stable_seed(seed, "partitioner", "weights"))
        partitioner = network or partitioner_for(settings, data.image_shape)
        pretext = Pretext(partitioner, settings.embedding)
        identity = _identity(data, settings, partitioner, seed)
        if _finished(out, identity):
            return load_partitioner(out)
        pretext.to(device)
        partitioner.to(device)
        runner = Runner(out, identity, settings.snapshot_seconds, verbose, stop)
        if data.is_points:
            facts = _learn_points(partitioner, data, settings, runner, seed=seed, device=device)
        else:
            facts = _learn_images(partitioner, pretext, data, settings, runner, seed=seed, device=device)
        partitioner.eval()
        parts = parts_of(partitioner, data, device)
        save_partitioner(partitioner, out, identity)
        draw_parts(data, parts, settings.k, out / PICTURE, seed=seed)
        report = report_of(parts, settings.k, data.labels, scores or {})
        # The report is written last: if it exists, so do the other files.
        write_json(out / REPORT, {**report, **facts, "certificate": partitioner.certify()._asdict()})
    return load_partitioner(out)


def views_of(settings: PartitionSettings) -> Views:
    """Return the random views that the settings describe."""
    names = ("crop", "shift", "rotation", "zoom", "shear", "mirror", "jitter", "hue", "gray", "noise")
    return Views(**{name: getattr(settings, name) for name in names})


def _learn_images(
    partitioner: Partitioner,
    pretext: Pretext,
    data: PartitionData,
    settings: PartitionSettings,
    runner: Runner,
    *,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """Run both stages, or what remains of them after the saved state."""
    views, saved = views_of(settings), runner.saved()
    later = views if settings.partition_views else Views()
    if saved is None or saved.stage == "pretext":
        runner.run(pretext_stage(pretext, data, views, settings, seed=seed, device=device), saved)
        neighbors, facts = mine(pretext, data, settings, device)
        facts |= begin(partitioner, neighbors, data, later, settings, seed=seed, device=device)
        saved = None
    else:
        name = "neighbors" if "neighbors" in saved.tensors else "neighbours"  # the latter in states of 0.1
        neighbors, facts = saved.tensors[name].long(), saved.facts
    if not settings.kmeans:
        runner.run(
            agreement_stage(partitioner, neighbors, data, later, settings, seed=seed, device=device),
            saved,
            tensors={"neighbors": neighbors.int()},
            facts=facts,
        )
    return facts


def _learn_points(
    partitioner: Partitioner,
    data: PartitionData,
    settings: PartitionSettings,
    runner: Runner,
    *,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """Cluster points by k-means, then fit the partitioner to the clusters."""
    points, clusters = point_clusters(data, settings.k, seed=seed)
    stage = fit_stage(
        partitioner,
        points,
        clusters,
        steps=settings.fit_steps,
        lr=settings.fit_lr,
        seed=seed,
        device=device,
    )
    runner.run(stage, runner.saved())
    with torch.no_grad():
        same = partitioner.eval()(points.to(device)).argmax(1).cpu() == clusters
    return {"agreement_with_kmeans": float(same.float().mean())}


def _identity(
    data: PartitionData, settings: PartitionSettings, partitioner: Partitioner, seed: int
) -> dict[str, Any]:
    """Return the JSON values that identify a partition."""
    return {
        "data": data.name,
        "fingerprint": data.fingerprint,
        "seed": seed,
        "settings": settings.as_json(),
        "layout": json.loads(json.dumps(partitioner.layout)),
    }


def _finished(out: Path, identity: dict[str, Any]) -> bool:
    """Return whether a folder holds this partition, complete.

    Raises:
        ValueError: if it holds another one.
    """
    if not ((out / CONFIG).is_file() and (out / REPORT).is_file()):
        return False
    require_same(read_object(out / CONFIG, "the config.json of a partition"), identity, out)
    return True


def _check(data: PartitionData, settings: PartitionSettings) -> None:
    if settings.k > len(data):
        raise ValueError(
            f"{len(data)} images can't make {settings.k} parts: choose a smaller k, or provide more images"
        )
    if not data.is_points and settings.neighbors > len(data) - 1:
        raise ValueError(
            f"each of {len(data)} images has {len(data) - 1} others, fewer than the {settings.neighbors} neighbors "
            "that are mined: lower neighbors"
        )
