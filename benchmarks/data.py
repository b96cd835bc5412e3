"""Images per second from the decoded cache: `python -m benchmarks.data` prints a table, writes nothing.

Every row fetches the same batches of 64 from 50,000 images at 32x32 as float32 in [-1, 1]. Variants take turns, so
that other load on the machine affects all of them alike. The naive rows are typical first versions of a loader.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from everymode.data import DataOrder, Dataset, open_images

BATCH = 64
SIZE = 32


def cached_noise(folder: Path, count: int) -> Dataset:
    """Return random color images [count, 3, 32, 32], opened from a memory map in `folder`."""
    images = np.random.default_rng(0).integers(0, 256, (count, 3, SIZE, SIZE), dtype=np.uint8)
    np.save(folder / "noise.npy", images)
    plain = open_images(folder / "noise.npy")
    return Dataset(
        plain.name, np.load(folder / "noise.npy", mmap_mode="r"), plain.labels, (), plain.fingerprint
    )


class OneByOne(TorchDataset):
    """One normalized image per index, as a loader with workers needs it."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(self.images[index]).float() / 127.5 - 1


def fetchers(dataset: Dataset) -> dict[str, Callable[[np.ndarray], Tensor]]:
    """Return functions that fetch a batch by its row numbers, by name."""
    images = np.array(dataset.images)
    generator = torch.Generator().manual_seed(0)
    loader = _endless(DataLoader(OneByOne(images), BATCH, shuffle=True, drop_last=True))

    def mirrored(rows: np.ndarray) -> Tensor:
        return dataset.gather(rows, mirror=torch.rand(len(rows), generator=generator) < 0.5)

    def one_by_one(rows: np.ndarray) -> Tensor:
        return torch.stack([torch.from_numpy(images[row]).float() / 127.5 - 1 for row in rows])

    def where_in_float(rows: np.ndarray) -> Tensor:
        batch = torch.from_numpy(images[rows]).float() / 127.5 - 1
        mirror = torch.rand(len(rows), generator=generator) < 0.5
        return torch.where(mirror[:, None, None, None], batch.flip(-1), batch)

    return {
        "gather": dataset.gather,
        "gather, mirrored": mirrored,
        "naive: one image at a time": one_by_one,
        "naive: flip and choose in float": where_in_float,
        "naive: torch DataLoader, no workers": lambda rows: next(loader),
    }


def _endless(loader: DataLoader) -> Iterator[Tensor]:
    while True:
        yield from loader


def main(repeats: int = 9, batches: int = 200, count: int = 50_000) -> None:
    """Print the median images per second of each way over `repeats` turns of `batches` batches."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = cached_noise(Path(folder), count)
        order = DataOrder(len(dataset), BATCH, seed=0)
        rows = [order.indices(move) for move in range(batches)]
        ways = fetchers(dataset)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for repeat in range(repeats + 1):
            for name, fetch in ways.items():
                start = time.perf_counter()
                for batch in rows:
                    fetch(batch)
                if repeat:  # the first turn only warms up
                    rates[name].append(batches * BATCH / (time.perf_counter() - start))
    print(
        f"{count:,} images 3x{SIZE}x{SIZE}, batch {BATCH}, {torch.get_num_threads()} threads, {repeats} turns"
    )
    for name, values in rates.items():
        low, high = min(values), max(values)
        print(f"{name:38s}{statistics.median(values):>12,.0f} images/s  ({low:,.0f} .. {high:,.0f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--batches", type=int, default=200)
    arguments = parser.parse_args()
    main(arguments.repeats, arguments.batches)
