"""Commands and lines of Python that draw what a page shows; every value is quoted for the shell or a Python literal."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from everymode.condition import UNLABELED
from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.facts import Facts
from everymode.explorer.labels import Label
from everymode.explorer.markup import Html, element
from everymode.explorer.parameters import seed_text

__all__ = [
    "Drawn",
    "command_details",
    "evaluate_command",
    "label_argument",
    "label_value",
    "literal",
    "python_lines",
    "sample_lines",
    "shell_line",
]


@dataclass(frozen=True)
class Drawn:
    """Images on a page: every label with every seed, of some checkpoints, at some sizes.

    Attributes:
        checkpoints: the checkpoints.
        facts: facts about each checkpoint's generator.
        labels: the labels.
        seeds: the seeds.
        truncation: factor on the latent code.
        sizes: (height, width); None is the training resolution.
    """

    checkpoints: tuple[Checkpoint, ...]
    facts: tuple[Facts, ...]
    labels: tuple[Label, ...]
    seeds: tuple[int, ...]
    truncation: float = 1.0
    sizes: tuple[tuple[int, int] | None, ...] = (None,)


def shell_line(words: Sequence[str]) -> str:
    """Return a command as one line for a POSIX shell; each word reaches the command as it is.

    Raises:
        ValueError: if a word has a control character, which a terminal could execute when the line is pasted.
    """
    for word in words:
        if not printable(word):
            raise ValueError(f"{word!r} has control characters, which can't be pasted into a shell")
    return " ".join(shlex.quote(word) for word in words)


def literal(value: object) -> str:
    """Return a Python literal of ASCII characters alone."""
    return ascii(value)


def printable(text: str) -> bool:
    """Return whether a text has no control, format or separator characters but spaces, and can be encoded."""
    return all(each == " " or unicodedata.category(each)[0] not in "CZ" for each in text)


def label_argument(label: Label, facts: Facts) -> str | None:
    """Return the value of --label that requests a label; None if labels are drawn, or the generator has none.

    Classes are named, unless the name can't be pasted or would be read as something else: then by number.
    """
    if not label.values or all(value == UNLABELED for value in label.values):
        return None
    several = len(label.values) > 1
    pieces = []
    for block, value in zip(facts.blocks, label.values, strict=True):
        names = block.labels if facts.names_classes else ()
        pieces.append("" if value == UNLABELED else _by_name_or_number(value, names, several=several))
    return ",".join(pieces)


def label_value(label: Label, facts: Facts) -> str | tuple[int | None, ...] | int | None:
    """Return the `label` of `Generator.sample` that requests a label, read by position (`by_position=True`)."""
    if not label.values or all(value == UNLABELED for value in label.values):
        return None
    if len(label.values) == 1:
        return label.values[0]
    return tuple(None if value == UNLABELED else value for value in label.values)


def sample_lines(drawn: Drawn, out: str = "samples") -> str:
    """Return commands that draw the images as pictures of a grid each, one line per checkpoint and size."""
    lines = []
    several = len(drawn.checkpoints) * len(drawn.sizes) > 1
    for checkpoint, facts in zip(drawn.checkpoints, drawn.facts, strict=True):
        for size in drawn.sizes:
            words = ["everymode", "sample", _path(checkpoint)]
            arguments = [label_argument(label, facts) for label in drawn.labels]
            words += [f"--label={each}" for each in arguments if each is not None]
            words.append(f"--seeds={seed_text(drawn.seeds)}")
            if drawn.truncation != 1:
                words.append(f"--truncation={drawn.truncation:g}")
            if size is not None:
                words.append(f"--size={size[0]}x{size[1]}")
            name = f"{out}-{checkpoint.name}" if len(drawn.checkpoints) > 1 else out
            name += f"-{size[0]}x{size[1]}" if several and size is not None else ""
            words.append(f"--grid={name}.png")
            if not facts.points:
                words.append(f"--columns={len(drawn.seeds)}")
            lines.append(shell_line(words))
    return "\n".join(lines)


def python_lines(drawn: Drawn) -> str:
    """Return three lines of Python that draw the images [n, C, H, W], label by label, of each checkpoint and size."""
    facts = drawn.facts[0]
    values = [label_value(label, facts) for label in drawn.labels for _ in drawn.seeds]
    seeds = [seed for _ in drawn.labels for seed in drawn.seeds]
    arguments = [str(len(seeds))]
    if any(value is not None for value in values):
        arguments.append(f"label={_listed(values)}")
    arguments.append(f"seed={_listed(seeds)}")
    if drawn.truncation != 1:
        arguments.append(f"truncation={drawn.truncation!r}")
    if any(value is not None for value in values):
        arguments.append("by_position=True")
    paths = [_path(checkpoint) for checkpoint in drawn.checkpoints]
    sizes = [size for size in drawn.sizes if size is not None]
    if len(paths) > 1:
        call = f"everymode.load(path).sample({', '.join(arguments)})"
        return f"import everymode\npaths = {literal(paths)}\nimages = [{call} for path in paths]"
    first = f"import everymode\ngenerator = everymode.load({literal(paths[0])})"
    if len(drawn.sizes) > 1:
        call = f"generator.sample({', '.join([*arguments, 'size=size'])})"
        return (
            f"{first}\nimages = [{call} for size in {literal([size or facts.size for size in drawn.sizes])}]"
        )
    if sizes:
        arguments.append(f"size={literal(sizes[0])}")
    return f"{first}\nimages = generator.sample({', '.join(arguments)})"


def command_details(
    command: str, words: Sequence[str], summary: str = "Show the command that computes it"
) -> Html:
    """Return a button that shows a command, without script."""
    line = shell_line(["everymode", command, *words])
    return element(
        "details", element("summary", summary), element("pre", element("code", line)), class_="command"
    )


def evaluate_command(run: Run, checkpoint: Checkpoint) -> Html:
    """Return a button that shows the command for distances and coverage per class of a checkpoint."""
    newest = run.newest is not None and checkpoint.name == run.newest.name
    path = str(run.path) if newest else str(checkpoint.path)
    out = run.path / "evaluations" / f"per-class-{checkpoint.name}.json"
    return command_details("evaluate", [_plain(path), "--metrics=per-class", f"--out={out}"])


def _by_name_or_number(value: int, names: Sequence[str], *, several: bool) -> str:
    """Return a class by its name, or by its number if the name can't be requested on the command line."""
    if not names:
        return str(value)
    name = names[value]
    fine = bool(name) and printable(name) and names.index(name) == value
    if several:
        fine = fine and "," not in name and name == name.strip()
    elif "," in name:
        fine = fine and name in names  # a known class is not split at its commas
    if fine:
        return name
    number = str(value)
    while number in names:  # another class has this name; 3. and 3.0 are numbers, too
        number += "0" if "." in number else "."
    return number


def _listed(values: Sequence[object]) -> str:
    """Return a list as a literal, or its only value if all are equal, or a short expression for consecutive numbers."""
    distinct = dict.fromkeys(values)
    if len(distinct) == 1 and not isinstance(values[0], int):
        return literal(values[0])
    return literal(list(values))


def _path(checkpoint: Checkpoint) -> str:
    return _plain(str(checkpoint.path))


def _plain(path: str) -> str:
    """Return a path that no command takes for a flag."""
    return f"./{path}" if path.startswith("-") else path
