"""Labels in addresses: 3, or 1-any-2 with one label per block, with r5 in front for row 5 of the data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from everymode.condition import UNLABELED
from everymode.explorer.facts import Facts
from everymode.explorer.parameters import Parameters
from everymode.explorer.replies import Refused

__all__ = ["ANY", "Label", "label_in", "label_of", "parsed_label", "requested_labels"]

ANY = "any"
"""Text of a label that is drawn at random."""
MOST_ROWS = 64
"""Most labels of one view."""
MOST_ROW = 10**9
"""Largest row of the data."""


@dataclass(frozen=True)
class Label:
    """Condition of an image.

    Attributes:
        values: index of the label in each block, UNLABELED for a drawn one; () if the generator has no labels.
        row: row of the data, for generators of label maps or pictures; None for others.
    """

    values: tuple[int, ...] = ()
    row: int | None = None

    @property
    def text(self) -> str:
        """The label in an address."""
        pieces = [] if self.row is None else [f"r{self.row}"]
        pieces += [ANY if value == UNLABELED else str(value) for value in self.values]
        return "-".join(pieces) or ANY

    def title(self, facts: Facts) -> str:
        """Return the label in words, such as "class heron", "shape circle, color red" or "map 5"."""
        words = [] if self.row is None else [f"{_ROW_WORDS[facts.kind]} {self.row}"]
        for block, value in zip(facts.blocks, self.values, strict=False):
            if value != UNLABELED:
                words.append(f"{block.name} {block.labels[value]}")
        return ", ".join(words) or (f"any {facts.word}" if facts.blocks else "no label")

    def short(self, facts: Facts) -> str:
        """Return the label as the head of a row: the names alone."""
        words = [] if self.row is None else [f"{_ROW_WORDS[facts.kind]} {self.row}"]
        for block, value in zip(facts.blocks, self.values, strict=False):
            if value != UNLABELED:
                words.append(block.labels[value] if facts.names_classes else f"{block.name} {value}")
        return ", ".join(words) or (f"any {facts.word}" if facts.blocks else "samples")


_ROW_WORDS = {"maps": "map", "pictures": "picture", "attributes": "picture", "labels": "row"}
_PIECE = re.compile(r"any|[0-9]{1,9}")


def label_in(facts: Facts, block: int, value: int, row: int | None = None) -> Label:
    """Return the label with a value in one block; those of the other blocks are drawn, or stay as in the row."""
    values = [UNLABELED] * len(facts.blocks)
    values[block] = value
    return Label(tuple(values), row)


def label_of(text: str, facts: Facts, name: str = "label") -> Label:
    """Return the label of a text in an address.

    Args:
        text: the text, as `Label.text`.
        facts: facts about the generator.
        name: name of the parameter, for the error message.

    Raises:
        Refused: if the generator doesn't know it.
    """
    pieces = text.split("-") if len(text) <= 200 else [text]
    row = None
    if facts.needs_data:
        if not re.fullmatch(r"r[0-9]{1,9}", pieces[0]):
            raise Refused(name, text, _allowed(facts))
        row = int(pieces.pop(0)[1:])
        if facts.kind != "attributes":
            if pieces:
                raise Refused(name, text, _allowed(facts))
            return Label((), row)
    if not facts.blocks:
        if pieces != [ANY]:
            raise Refused(name, text, _allowed(facts))
        return Label((), row)
    if pieces == [ANY] or (row is not None and not pieces):
        pieces = [ANY] * len(facts.blocks)
    if len(pieces) != len(facts.blocks):
        raise Refused(name, text, _allowed(facts))
    values = []
    for piece, block in zip(pieces, facts.blocks, strict=True):
        if not _PIECE.fullmatch(piece) or (piece != ANY and int(piece) >= len(block.labels)):
            raise Refused(name, text, _allowed(facts))
        values.append(UNLABELED if piece == ANY else int(piece))
    return Label(tuple(values), row)


def parsed_label(parameters: Parameters, facts: Facts) -> Label:
    """Return the label in an address; the default is the first label.

    Raises:
        Refused: if the generator doesn't know it.
    """
    first = requested_labels(Parameters(), facts)[0].text
    return label_of(parameters.text("label", first, allowed=_allowed(facts)), facts)


def requested_labels(parameters: Parameters, facts: Facts) -> list[Label]:
    """Return the labels of a grid's rows.

    One kind of label is the list `labels`, of indices such as 0-9 or of names. Several blocks have a parameter each,
    `block0`, `block1`, ...: an index, `any` or `all`. Rows of data are the list `rows`.

    Raises:
        Refused: if a value is not allowed, or there are more than MOST_ROWS rows.
    """
    if facts.needs_data:
        rows = parameters.numbers("rows", "0-7", largest=MOST_ROW, most=MOST_ROWS, what="rows of the data")
        values = _combinations(parameters, facts)
        return [Label(each, row) for row in rows for each in values][:MOST_ROWS]
    blocks = facts.blocks
    if not blocks:
        return [Label()]
    first, *others = blocks
    if others:
        return [Label(each) for each in _combinations(parameters, facts)]
    count = len(first.labels)
    if parameters.text("labels", "0", allowed="labels") == ANY:
        return [Label((UNLABELED,))]
    default = f"0-{min(count, 10) - 1}"
    named = _named(parameters.text("labels", default, allowed="labels"), first.labels)
    if named is not None:
        return [Label((number,)) for number in named]
    numbers = parameters.numbers("labels", default, largest=count - 1, most=MOST_ROWS, what="labels")
    return [Label((number,)) for number in numbers]


def _named(text: str, names: tuple[str, ...]) -> list[int] | None:
    """Return the indices of labels that are listed by name; None if the text is no list of names."""
    if re.fullmatch(r"[0-9, -]*", text):
        return None  # indices, also where names are numbers
    pieces = [text] if text in names else [piece.strip() for piece in text.split(",")]
    return (
        [names.index(piece) for piece in dict.fromkeys(pieces)][:MOST_ROWS]
        if set(pieces) <= set(names)
        else None
    )


def block_choice(parameters: Parameters, facts: Facts, index: int) -> str:
    """Return the choice for a label block: an index, "any" or "all".

    Raises:
        Refused: for another value.
    """
    name, block = f"block{index}", facts.blocks[index]
    first = "all" if index == 0 and facts.kind == "labels" and len(block.labels) <= MOST_ROWS else ANY
    text = parameters.text(name, first, allowed=f"all, any, or 0 to {len(block.labels) - 1}")
    if text not in ("all", ANY) and not (_PIECE.fullmatch(text) and int(text) < len(block.labels)):
        raise Refused(name, text, f"all, any, or 0 to {len(block.labels) - 1}")
    return text


def _combinations(parameters: Parameters, facts: Facts) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = [()]
    for index, block in enumerate(facts.blocks):
        choice = block_choice(parameters, facts, index)
        one = UNLABELED if choice in ("all", ANY) else int(choice)
        values = range(len(block.labels)) if choice == "all" else [one]
        rows = [(*row, value) for row in rows for value in values]
        if len(rows) > MOST_ROWS:
            raise Refused(f"block{index}", "all", f"at most {MOST_ROWS} rows; show all of fewer blocks")
    return rows


def _allowed(facts: Facts) -> str:
    if facts.kind in ("maps", "pictures"):
        return "r and a row of the data, such as r5"
    row = "r and a row of the data, then " if facts.needs_data else ""
    if not facts.blocks:
        return ANY
    if len(facts.blocks) == 1:
        return f"{row}{ANY}, or an index from 0 to {len(facts.blocks[0].labels) - 1}"
    counts = ", ".join(f"{block.name} 0 to {len(block.labels) - 1}" for block in facts.blocks)
    return f"{row}one index or {ANY} per block, joined by hyphens ({counts})"
