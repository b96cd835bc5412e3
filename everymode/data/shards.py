"""Shards: files of one table, recognized by the numbers in their names."""

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
    # Hugging Face hub: train-00000-of-00002, optionally followed by a hash
    re.compile(r"(?P<stem>.*?)[-_.]?(?P<number>\d+)[-_]of[-_](?P<total>\d+)(?P<rest>.*)"),
    # Spark: part-00000-<uuid>-c000.snappy, part-r-00000, part_0
    re.compile(r"(?P<stem>part(?:-[rm])?)[-_.](?P<number>\d+)(?P<rest>[-_.].*)?"),
    # Redshift: 0000_part_00
    re.compile(r"(?P<number>\d+)(?P<stem>_part_)(?P<rest>\d+)"),
    # the hub's conversion and many others: 0000, train_0, data.3, shard012
    re.compile(r"(?P<stem>.*?)[-_.]?(?P<number>\d+)"),
)
"""Patterns of the names of shards, in the order in which they are tried."""


class _Shard(NamedTuple):
    """Parsed name of a shard.

    Attributes:
        path: path of the file.
        stem: text before the number.
        number: number of the shard, if any.
        total: declared number of shards, if any.
        rest: text after the number.
        no_separator: whether the number follows the stem without a separator, as in cifar10.
    """

    path: Path
    stem: str
    number: int | None
    total: int | None
    rest: str
    no_separator: bool


def shards_of_one(paths: Sequence[Path], where: str) -> tuple[list[Path], tuple[str, ...]]:
    """Return the files in the order of their numbers, and a note on missing shards.

    Raises:
        DataError: if the files are not shards of one table, or belong to different divisions of it.
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
        if (match := pattern.fullmatch(stem)) is not None:
            groups = match.groupdict()
            total = int(groups["total"]) if groups.get("total") else None
            no_separator = bool(groups["stem"]) and stem.startswith(groups["stem"] + groups["number"])
            rest = groups.get("rest") or ""
            return _Shard(path, groups["stem"], int(groups["number"]), total, rest, no_separator)
    return _Shard(path, stem, None, None, "", False)


def _require_one(shards: Sequence[_Shard], where: str) -> None:
    stems = {shard.stem for shard in shards}
    numbers = sorted(shard.number for shard in shards if shard.number is not None)
    consecutive = bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(shards)))
    # cifar10 and cifar100 are not shards of "cifar"; data0 and data1 are shards of "data"
    unrelated = any(shard.no_separator for shard in shards) and not (consecutive and numbers[0] in (0, 1))
    if len(stems) > 1 or len(numbers) < len(shards) or unrelated:
        names = sorted(shard.stem if len(stems) > 1 and shard.stem else shard.path.stem for shard in shards)
        raise DataError(
            f"{where} holds files that are not shards of one table ({listed(list(dict.fromkeys(names)))}); give the "
            "path of one file, or of a folder with the shards of one table only"
        )
    totals = {shard.total for shard in shards}
    twice = [number for number, count in Counter(numbers).items() if count > 1]
    spark = shards[0].stem.startswith("part") or shards[0].stem == "_part_"
    if len(totals) > 1 or (twice and not spark):
        raise DataError(
            f"{where} holds shards of more than one division of the table "
            f"({listed(sorted(shard.path.name for shard in shards))}); keep those of one division"
        )


def _missing(shards: Sequence[_Shard], where: str) -> tuple[str, ...]:
    numbers = {shard.number for shard in shards if shard.number is not None}
    total = shards[0].total
    if total is not None:
        first = 1 if total in numbers and 0 not in numbers else 0
        missing = [number for number in range(first, first + total) if number not in numbers]
        present = f"{len(shards):,} of {total:,} shards {'is' if len(shards) == 1 else 'are'} present"
    else:
        missing = [number for number in range(max(numbers, default=0)) if number not in numbers]
        missing = [number for number in missing if number > min(numbers)] if len(shards) > 1 else []
        present = f"the shards are numbered {min(numbers, default=0)} to {max(numbers, default=0)}"
    if not missing:
        return ()
    return (
        f"{where}: {present}; {counted(len(missing), 'shard is', 'shards are')} missing "
        f"({listed([str(number) for number in missing])}), so images may be missing, too; fetch the rest "
        "if you need them",
    )
