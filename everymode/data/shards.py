"""Shards: files that are parts of one table, by how their names are numbered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from everymode.data.errors import DataError
from everymode.data.words import counted, listed

__all__ = ["shards_of_one"]

NUMBERINGS = (
    # the hub's own: train-00000-of-00002, perhaps with a hash behind it
    re.compile(r"(?P<stem>.*?)[-_.]?(?P<number>\d+)[-_]of[-_](?P<total>\d+)(?P<rest>.*)"),
    # Spark: part-00000-<uuid>-c000.snappy, part-r-00000, part_0
    re.compile(r"(?P<stem>part(?:-[rm])?)[-_.](?P<number>\d+)(?P<rest>[-_.].*)?"),
    # Redshift: 0000_part_00
    re.compile(r"(?P<number>\d+)(?P<stem>_part_)(?P<rest>\d+)"),
    # the hub's conversion and many others: 0000, train_0, data.3, shard012
    re.compile(r"(?P<stem>.*?)[-_.]?(?P<number>\d+)"),
)


class _Shard(NamedTuple):
    path: Path
    stem: str
    number: int | None
    total: int | None
    rest: str
    touching: bool
    """Whether no mark stands between stem and number, as in cifar10."""


def shards_of_one(paths: Sequence[Path], where: str) -> tuple[list[Path], tuple[str, ...]]:
    """The files in the order of their numbers, and a note on shards that are missing.

    Raises:
        DataError: files that are not parts of one table, or parts of two ways to cut it.
    """
    shards = [_parsed(path) for path in paths]
    if len(shards) > 1:
        _require_one(shards, where)
    shards.sort(key=lambda shard: (shard.number or 0, shard.path.name))
    return [shard.path for shard in shards], _missing(shards, where)


def _parsed(path: Path) -> _Shard:
    name = path.name
    stem = name[: name.lower().rindex(".p")]  # of .parquet or .pq
    for pattern in NUMBERINGS:
        if (found := pattern.fullmatch(stem)) is not None:
            parts = found.groupdict()
            total = int(parts["total"]) if parts.get("total") else None
            touching = bool(parts["stem"]) and stem.startswith(parts["stem"] + parts["number"])
            return _Shard(path, parts["stem"], int(parts["number"]), total, parts.get("rest") or "", touching)
    return _Shard(path, stem, None, None, "", False)


def _require_one(shards: Sequence[_Shard], where: str) -> None:
    stems = {shard.stem for shard in shards}
    numbers = sorted(shard.number for shard in shards if shard.number is not None)
    unbroken = bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(shards)))
    # cifar10 and cifar100 are no parts of "cifar", data0 and data1 are parts of "data"
    apart = any(shard.touching for shard in shards) and not (unbroken and numbers[0] in (0, 1))
    if len(stems) > 1 or len(numbers) < len(shards) or apart:
        names = sorted(shard.stem if len(stems) > 1 and shard.stem else shard.path.stem for shard in shards)
        raise DataError(
            f"{where} holds tables that are not parts of one ({listed(list(dict.fromkeys(names)))}); give the path of "
            "one file, or a folder that holds the parts of one table alone"
        )
    totals = {shard.total for shard in shards}
    twice = [number for number, count in Counter(numbers).items() if count > 1]
    spark = shards[0].stem.startswith("part") or shards[0].stem == "_part_"
    if len(totals) > 1 or (twice and not spark):
        raise DataError(
            f"{where} holds parts of more than one way to cut the table "
            f"({listed(sorted(shard.path.name for shard in shards))}); keep those of one"
        )


def _missing(shards: Sequence[_Shard], where: str) -> tuple[str, ...]:
    numbers = {shard.number for shard in shards if shard.number is not None}
    total = shards[0].total
    if total is not None:
        first = 1 if total in numbers and 0 not in numbers else 0
        lost = [number for number in range(first, first + total) if number not in numbers]
        of = f"of {total:,} shards {len(shards):,} {'is' if len(shards) == 1 else 'are'} here"
    else:
        lost = [number for number in range(max(numbers, default=0)) if number not in numbers]
        lost = [number for number in lost if number > min(numbers)] if len(shards) > 1 else []
        of = f"the shards are numbered {min(numbers, default=0)} to {max(numbers, default=0)}"
    if not lost:
        return ()
    return (
        f"{where}: {of}; {counted(len(lost), 'shard is', 'shards are')} missing ({listed([str(n) for n in lost])}), so "
        "images may be missing too: fetch the rest, or go on with these",
    )
