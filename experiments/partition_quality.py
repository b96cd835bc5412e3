"""Partition-Guided GAN's table 5: agreement of unsupervised partitions with the classes, compared with simpler ones.

    python -m experiments.partition_quality --data cifar10-train.parquet --k 10,200 parts10 parts200

For the same images: k-means on pixels, k-means on the features of a pretrained network (trained with the labels of
ImageNet), each partition learned into a folder by `everymode partition`, and k-means on its features, which the paper
rejects. NMI grows with k by itself, even for random parts; the row "random" shows by how much.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.data.opening import open_images
from everymode.extractors.finding import extract, find_extractor, image_batches, quantized
from everymode.kmeans import kmeans
from everymode.metrics.clustering import nmi, purity
from everymode.partitioner import load_partitioner, parts_of
from everymode.partitioner.images import PartitionData, outputs_of

KMEANS_STARTS = 3


class Quality(NamedTuple):
    """Agreement of one partition of the images with their classes."""

    name: str
    k: int
    nmi: float
    purity: float
    largest_share: float
    empty: int


def quality(name: str, parts: Tensor, k: int, classes: Tensor) -> Quality:
    """Return the quality of parts [N] for classes [N], both int64."""
    sizes = torch.bincount(parts, minlength=k)
    largest = int(sizes.max()) / len(parts)
    return Quality(name, k, nmi(parts, classes), purity(parts, classes), largest, int((sizes == 0).sum()))


def rivals(
    images: Tensor, classes: Tensor, parts: Sequence[int], *, extractor: str, seed: int
) -> list[Quality]:
    """Return the quality of random parts, and of k-means on pixels and on features of length 1, for each k.

    Args:
        images: [N, C, H, W] in [-1, 1].
        classes: int64 [N].
        parts: values of k.
        extractor: as `everymode.extractors.finding.find_extractor` names it.
        seed: of the random parts and of k-means.
    """
    network = find_extractor(extractor, open_data=open_images)
    (features,) = extract(network, image_batches(quantized(images))).features.values()
    spaces = {
        "k-means on pixels": images.flatten(1),
        f"k-means on {extractor}": F.normalize(features, dim=1),
    }
    rows = []
    for k in parts:
        chance = torch.Generator().manual_seed(seed)
        rows.append(quality("random", torch.randint(k, classes.shape, generator=chance), k, classes))
        rows += [by_kmeans(name, space, k, classes, seed=seed) for name, space in spaces.items()]
    return rows


def by_kmeans(name: str, space: Tensor, k: int, classes: Tensor, *, seed: int) -> Quality:
    """Return the quality of k-means in a space [N, F]."""
    return quality(name, kmeans(space, k, seed=seed, starts=KMEANS_STARTS).labels, k, classes)


def learned(folder: Path, data: PartitionData, parts: Sequence[int], *, seed: int) -> list[Quality]:
    """Return the quality of a partition that was learned into a folder, and of k-means on its features for each k."""
    partitioner, classes = load_partitioner(folder), torch.from_numpy(data.labels)
    rows = [quality(f"partition {folder.name}", parts_of(partitioner, data), partitioner.num_parts, classes)]
    features = outputs_of(partitioner.features, data, "cpu")
    return rows + [
        by_kmeans(f"k-means on features of {folder.name}", features, k, classes, seed=seed) for k in parts
    ]


def table(rows: Sequence[Quality]) -> str:
    """Return a Markdown table with one row per partition, sorted by k."""
    lines = ["| parts | partition | NMI | purity | largest part | empty |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {each.k} | {each.name} | {each.nmi:.4f} | {each.purity:.4f} | {each.largest_share:.1%} | {each.empty} |"
        for each in sorted(rows, key=lambda each: each.k)
    ]
    return "\n".join(lines)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("partitions", nargs="*", type=Path, help="folders of learned partitions")
    flags.add_argument("--data", required=True, help="labeled images, a path or a name")
    flags.add_argument(
        "--limit", type=int, default=10_000, help="number of images, the first ones (default: 10000)"
    )
    flags.add_argument("--k", default="10,200", help="numbers of parts (default: 10,200)")
    flags.add_argument(
        "--extractor", default="lite0:64", help="extractor of the features (default: lite0:64)"
    )
    flags.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    options = flags.parse_args()
    data = open_images(options.data, limit=options.limit, progress=False)
    images, classes = data.gather(np.arange(len(data))), torch.from_numpy(data.labels)
    counts = [int(each) for each in options.k.split(",")]
    rows = rivals(images, classes, counts, extractor=options.extractor, seed=options.seed)
    for folder in options.partitions:
        rows += learned(folder, data, counts, seed=options.seed)
    print(f"{len(data):,} images of {data.name}, seed {options.seed}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
