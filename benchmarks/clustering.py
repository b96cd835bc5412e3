"""k-means of a discriminator's features: ours against scikit-learn, interleaved.

    python -m benchmarks.clustering [--data cifar10.parquet] [--width 512] [--starts 10] [--repeats 1] [--out table.md]
    python -m benchmarks.clustering [--data cifar10.parquet] --width 8192 --starts 1

Features are those of a random convolutional network with leaky ReLUs on images at 32x32: 512 channels at 4x4,
flattened (`--width 8192`) or averaged over space (`--width 512`). Without `--data` they are those of a random layer on
points from 50 Gaussians. "Again" is the re-clustering during training: the network's weights have moved by a tenth
of their standard deviation, and iteration starts from the means of the new features under the old labels (whose
computation is timed too). Ratios are within repeats. An inertia is compared with the lowest one that any variant found
on the same features.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans as ScikitLearn
from torch import Tensor, nn

from everymode.data import open_images
from everymode.kmeans import kmeans
from everymode.labels.matching import induced_means, match_clusters

CHANNELS = (64, 128, 512)
DRIFT = 0.1


class Features(NamedTuple):
    """Features [N, F] of the same examples, before and after some training."""

    before: Tensor
    after: Tensor


class Fit(NamedTuple):
    """Time and result of one run of one variant."""

    seconds: float
    inertia: float
    iterations: int


def image_features(path: Path, count: int, width: int) -> Features:
    """Return features of the first images of a dataset, before and after a small change of a random network."""
    data = open_images(path, resolution=32, channels=3)
    network = nn.Sequential()
    for before, after in zip((3, *CHANNELS[:-1]), CHANNELS, strict=True):
        convolution = nn.Conv2d(before, after, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(convolution.weight, 0.1)
        network.extend((convolution, nn.LeakyReLU(0.1)))

    def computed() -> Tensor:
        parts = []
        for rows in np.array_split(np.arange(min(count, len(data))), max(1, count // 250)):
            maps = network(data.gather(rows))
            parts.append(maps.flatten(1) if width > CHANNELS[-1] else maps.mean((2, 3)))
        return torch.cat(parts)

    return _with_drift(network, computed)


def synthetic_features(count: int, width: int) -> Features:
    """Return features of points from 50 Gaussians, by one random layer and by the same one after a small change."""
    bases = 2 * torch.randn(50, 64)
    points = bases[torch.randint(0, 50, (count,))] + torch.randn(count, 64)
    network = nn.Sequential(nn.Linear(64, width), nn.LeakyReLU(0.1))
    return _with_drift(network, lambda: network(points))


def _with_drift(network: nn.Sequential, computed: Callable[[], Tensor]) -> Features:
    before = computed()
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter += DRIFT * parameter.std() * torch.randn_like(parameter)
    return Features(before, computed())


def scikit_learn(features: np.ndarray, k: int, **options: Any) -> tuple[float, int]:
    """Cluster by scikit-learn. Returns inertia and iterations."""
    fitted: Any = ScikitLearn(k, **options).fit(features)
    return float(fitted.inertia_), int(fitted.n_iter_)


def variants(features: Features, k: int, starts: int) -> dict[str, Callable[[int], tuple[float, int]]]:
    """Return name -> (number of the repeat -> inertia, iterations). Those that start again use the same old labels."""
    old = kmeans(features.before, k, starts=1).labels
    before, after = (part.numpy() for part in features)

    def yardstick(seed: int) -> tuple[float, int]:
        return scikit_learn(before, k, n_init=starts, random_state=seed)

    def ours(seed: int) -> tuple[float, int]:
        found = kmeans(features.before, k, seed=seed, starts=starts)
        return found.inertia, found.iterations

    def yardstick_again(seed: int) -> tuple[float, int]:
        initial, _ = induced_means(features.after, old, k)
        return scikit_learn(after, k, init=initial.numpy(), n_init=1)

    def ours_again(seed: int) -> tuple[float, int]:
        found = kmeans(features.after, k, initial=induced_means(features.after, old, k)[0])
        return found.inertia, found.iterations

    word = "starts" if starts > 1 else "start"
    return {
        f"scikit-learn, {starts} {word}": yardstick,
        f"ours, {starts} {word}": ours,
        "scikit-learn, again": yardstick_again,
        "ours, again": ours_again,
    }


def measure(ways: dict[str, Callable[[int], tuple[float, int]]], repeats: int) -> dict[str, list[Fit]]:
    """Run every variant once per repeat, in turn."""
    found: dict[str, list[Fit]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            inertia, iterations = way(repeat)
            found[name].append(Fit(time.perf_counter() - began, inertia, iterations))
            print(f"{name}: {found[name][-1]}", flush=True)
    return found


def table(fits: dict[str, list[Fit]]) -> str:
    """Return the results as a Markdown table."""
    yardstick = [fit.seconds for fit in next(iter(fits.values()))]
    lines = [
        "| variant | seconds (median) | first row / this (median, min to max) | inertia / least (worst) | iterations |",
        "|---|---|---|---|---|",
    ]
    for name, own in fits.items():
        again = name.endswith("again")
        least = min(
            fit.inertia for other, some in fits.items() if other.endswith("again") == again for fit in some
        )
        ratios = [first / fit.seconds for first, fit in zip(yardstick, own, strict=True)]
        lines.append(
            f"| {name} | {statistics.median(fit.seconds for fit in own):.2f} | "
            f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) | "
            f"{max(fit.inertia for fit in own) / least:.4f} | {own[-1].iterations} |"
        )
    return "\n".join(lines)


def matching_milliseconds(count: int, k: int, repeats: int = 9) -> float:
    """Return the median time to match new clusters, each of which shares 70 % of its members with an old one."""
    old = torch.randint(0, k, (count,))
    new = torch.where(torch.rand(count) < 0.7, torch.randperm(k)[old], torch.randint(0, k, (count,)))
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        match_clusters(old, new, k)
        taken.append(time.perf_counter() - began)
    return 1e3 * statistics.median(taken)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--points", type=int, default=25_000)
    parser.add_argument("--width", type=int, default=512, choices=(512, 8192))
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.data is None:
        features = synthetic_features(options.points, options.width)
    else:
        features = image_features(options.data, options.points, options.width)
    moved = (features.after - features.before).square().sum() / (
        features.before - features.before.mean(0)
    ).square().sum()
    heading = (
        f"{len(features.before):,} x {features.before.shape[1]:,} features, {options.clusters} clusters, "
        f"{torch.get_num_threads()} threads, {options.repeats} repeats; drift {float(moved):.3f} of the variance\n\n"
    )
    text = heading + table(measure(variants(features, options.clusters, options.starts), options.repeats))
    times = {k: matching_milliseconds(options.points, k) for k in (100, 1000)}
    text += "\n\nMatching clusters: " + ", ".join(f"{ms:.1f} ms for {k}" for k, ms in times.items())
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
