"""Parameters of an address: typed, with a limit for every value and every length."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from everymode.explorer.replies import Refused

__all__ = ["MOST_SEED", "MOST_SEEDS", "MOST_SIDE", "Parameters", "address", "seed_text"]

MOST_SEED = 2**31 - 1
"""Largest seed."""
MOST_SEEDS = 64
"""Most seeds of one view."""
MOST_SIDE = 1024
"""Largest side of a generated image, in pixels."""
MOST_LENGTH = 400
"""Longest value of a parameter, in characters."""
_WHOLE = re.compile(r"[0-9]{1,12}")


class Parameters:
    """The values in an address, read with their types. Each method raises `Refused` for a value that is not allowed.

    Args:
        query: the query's values; an empty one counts as unset, because forms send all their fields.
        path: the values in the path, such as {"label": "7"} for the route /labels/{label}.
    """

    def __init__(
        self, query: Mapping[str, str] | None = None, path: Mapping[str, object] | None = None
    ) -> None:
        self._query = {name: value for name, value in (query or {}).items() if value != ""}
        self._path = {name: str(value) for name, value in (path or {}).items()}

    def has(self, name: str) -> bool:
        """Return whether a parameter is set."""
        return name in self._query or name in self._path

    def text(self, name: str, default: str | None = None, *, allowed: str = "a text") -> str:
        """Return a value as text of at most MOST_LENGTH characters.

        Args:
            default: the value if it is unset; None means that it must be set.
            allowed: the allowed values, for the error message.
        """
        value = self._path.get(name, self._query.get(name, default))
        if value is None:
            raise Refused(name, "", f"{allowed}; it must be set")
        if len(value) > MOST_LENGTH:
            raise Refused(name, f"{value[:40]}...", f"{allowed} of at most {MOST_LENGTH} characters")
        return value

    def whole(self, name: str, default: int | None = None, *, least: int = 0, most: int = MOST_SEED) -> int:
        """Return a whole number from `least` to `most`."""
        allowed = f"a whole number from {least} to {most}"
        text = self.text(name, None if default is None else str(default), allowed=allowed)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise Refused(name, text, allowed)
        return int(text)

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """Return a number from `least` to `most`, rounded to three decimals so that equal views have one address."""
        allowed = f"a number from {least:g} to {most:g}"
        text = self.text(name, f"{default:g}", allowed=allowed)
        try:
            value = float(text) if re.fullmatch(r"[0-9]{0,6}\.?[0-9]{0,12}", text) else math.nan
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise Refused(name, text, allowed)
        return round(value, 3)

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Return one of several words."""
        allowed = ", ".join(choices)
        text = self.text(name, default, allowed=allowed)
        if text not in choices:
            raise Refused(name, text, allowed)
        return text

    def seeds(self, name: str = "seeds", default: str = "0-7", *, most: int = MOST_SEEDS) -> tuple[int, ...]:
        """Return a list such as 0-15 or 1,5,7, without repetitions."""
        return self.numbers(name, default, largest=MOST_SEED, most=most, what="seeds")

    def numbers(
        self, name: str, default: str, *, largest: int, most: int, what: str = "numbers"
    ) -> tuple[int, ...]:
        """Return whole numbers from 0 to `largest` in a list such as 0-15 or 1,5,7, without repetitions."""
        allowed = f"at most {most} {what} from 0 to {largest}, such as 0-7 or 1,5,7"
        text = self.text(name, default, allowed=allowed)
        numbers: dict[int, None] = {}
        for piece in text.split(","):
            first, dash, last = (part.strip() for part in piece.partition("-"))
            if not _WHOLE.fullmatch(first) or (dash and not _WHOLE.fullmatch(last)):
                raise Refused(name, text, allowed)
            start, end = int(first), int(last or first)
            if end < start or end > largest or end - start >= most:
                raise Refused(name, text, allowed)
            numbers.update(dict.fromkeys(range(start, end + 1)))
        if len(numbers) > most:
            raise Refused(name, text, allowed)
        return tuple(numbers)

    def size(self, name: str = "size") -> tuple[int, int] | None:
        """Return (height, width) of a size such as 64 or 96x48; None if it is unset."""
        if not self.has(name):
            return None
        return parsed_size(name, self.text(name, allowed=_SIZE))

    def sizes(self, name: str = "sizes", default: str = "", *, most: int = 8) -> list[tuple[int, int]]:
        """Return sizes in a list such as 32,64,96x48, without repetitions."""
        pieces = self.text(name, default, allowed=_SIZE).split(",")
        if len(pieces) > most:
            raise Refused(name, ",".join(pieces), f"at most {most} sizes")
        return list(dict.fromkeys(parsed_size(name, piece.strip()) for piece in pieces))


_SIZE = f"a side, or HEIGHTxWIDTH, from 4 to {MOST_SIDE} pixels, such as 64 or 96x48"


def parsed_size(name: str, text: str) -> tuple[int, int]:
    """Return (height, width) of a size such as 64 or 96x48.

    Raises:
        Refused: if it is no size, or a side is outside 4 .. MOST_SIDE.
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(_WHOLE.fullmatch(side) for side in sides):
        raise Refused(name, text, _SIZE)
    height, width = int(sides[0]), int(sides[-1])
    if not 4 <= min(height, width) <= max(height, width) <= MOST_SIDE:
        raise Refused(name, text, _SIZE)
    return height, width


def seed_text(seeds: Sequence[int]) -> str:
    """Return the shortest list of seeds, such as 0-7,12."""
    pieces: list[str] = []
    start = 0
    for index, seed in enumerate(seeds):
        if index + 1 == len(seeds) or seeds[index + 1] != seed + 1:
            pieces.append(str(seed) if index == start else f"{seeds[start]}-{seed}")
            start = index + 1
    return ",".join(pieces)


def address(path: str, /, **values: object) -> str:
    """Return an address with a query; values that are None or "" are omitted.

    Args:
        path: a path of the explorer, already quoted where it holds names.
    """
    query = {name.removesuffix("_"): str(value) for name, value in values.items() if value not in (None, "")}
    return f"{path}?{urlencode(query, safe=',-')}" if query else path
