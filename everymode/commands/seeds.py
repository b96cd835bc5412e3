"""Parsing of `everymode sample --seeds` into ranges."""

from __future__ import annotations

MOST = 1_000_000_000
"""Maximum number of seeds of one command; more is most likely a typing error."""


def parse_seeds(text: str) -> list[range]:
    """Parse "0-3,8" as [range(0, 4), range(8, 9)].

    Raises:
        ValueError: if the text is not such a list, or names more than MOST seeds.
    """
    seeds: list[range] = []
    for piece in text.split(","):
        first, dash, last = (part.strip() for part in piece.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise ValueError(f'--seeds is a list such as 0-31 or 1,5,7, not "{text}"')
        seeds.append(range(int(first), int(last or first) + 1))
    count = sum(each.stop - each.start for each in seeds)
    if count > MOST:
        raise ValueError(f"--seeds names {count:,} seeds, and one command draws at most {MOST:,}")
    return seeds
