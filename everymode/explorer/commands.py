"""Commands and lines of Python that draw what a page shows; every value is quoted for the shell or a Python literal."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from everymode.condition import UNLABELED
from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.comparing import knows
from everymode.explorer.facts import Facts
from everymode.explorer.labels import Label
from everymode.explorer.markup import Html, element
from everymode.explorer.parameters import seed_text
from everymode.explorer.scatter import POINTS

__all__ = [
    "Drawn",
    "Walk",
    "command_details",
    "evaluate_command",
    "label_argument",
    "label_value",
    "literal",
    "python_lines",
    "sample_lines",
    "shell_line",
    "walk_lines",
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


@dataclass(frozen=True)
class Walk:
    """An interpolation between two labels and seeds, in a number of steps, on a line or on an arc."""

    first: tuple[Label, int]
    second: tuple[Label, int]
    steps: int
    truncation: float = 1.0
    spherical: bool = False


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
    """Return commands that draw the images as pictures of grids, one line for each checkpoint and size.

    Points are drawn as plots, one line for each label and seed.

    Raises:
        ValueError: if a path can't be pasted into a shell.
    """
    views = [
        (checkpoint, facts, size)
        for checkpoint, facts in zip(drawn.checkpoints, drawn.facts, strict=True)
        for size in drawn.sizes
    ]
    lines = []
    for number, (checkpoint, facts, size) in enumerate(views, 1):
        known = [label for label in drawn.labels if knows(facts, label)]
        if not known:  # the page shows nothing of this checkpoint
            continue
        arguments = [label_argument(label, facts) for label in known]
        words = ["everymode", "sample", _path(checkpoint)]
        more = [] if drawn.truncation == 1 else [f"--truncation={drawn.truncation:g}"]
        name = f"{out}-{number}" if len(views) > 1 else out
        if facts.points:
            plots = [(argument, seed) for argument in arguments for seed in drawn.seeds]
            for plot, (argument, seed) in enumerate(plots, 1):
                label = [] if argument is None else [f"--label={argument}"]
                file = f"{name}-{plot}.png" if len(plots) > 1 else f"{name}.png"
                seeds = f"--seeds={seed}-{seed + POINTS - 1}"
                lines.append(shell_line([*words, *label, seeds, *more, f"--grid={file}"]))
            continue
        named = [f"--label={each}" for each in arguments if each is not None]
        # With labels the command makes one row of each; columns would omit their names.
        columns = [] if named else [f"--columns={len(drawn.seeds)}"]
        sized = [] if size is None else [f"--size={size[0]}x{size[1]}"]
        seeds = f"--seeds={seed_text(drawn.seeds)}"
        lines.append(shell_line([*words, *named, seeds, *more, *sized, f"--grid={name}.png", *columns]))
    return "\n".join(lines)


def python_lines(drawn: Drawn) -> str:
    """Return three lines of Python that draw the images [n, C, H, W], label by label, of each checkpoint and size.

    Points are drawn as in the plots, one tensor [n, 2] for each label and seed.
    """
    facts, paths = drawn.facts[0], [_path(checkpoint) for checkpoint in drawn.checkpoints]
    more = "" if drawn.truncation == 1 else f", truncation={drawn.truncation!r}"
    first = f"import everymode\ngenerator = everymode.load({literal(paths[0])})"
    if facts.points:
        pairs = [(label_value(label, facts), seed) for label in drawn.labels for seed in drawn.seeds]
        call = f"generator.sample({POINTS}, label=label, seed=seed{more}, by_position=True)"
        return f"{first}\nplots = [{call} for label, seed in {literal(pairs)}]"
    known = [[label for label in drawn.labels if knows(each, label)] for each in drawn.facts]
    if len(paths) > 1:
        arguments = [
            _arguments(labels, each, drawn.seeds, more)
            for labels, each in zip(known, drawn.facts, strict=True)
        ]
        if len(set(arguments)) == 1:
            call = f"everymode.load(path).sample({arguments[0]})"
            return f"import everymode\npaths = {literal(paths)}\nimages = [{call} for path in paths]"
        calls = [
            f"everymode.load({literal(path)}).sample({each})"
            for path, each in zip(paths, arguments, strict=True)
            if not each.startswith("0,")  # without a label that is shown
        ]
        return "import everymode\nimages = []\n" + f"images += [{', '.join(calls)}]"
    arguments = _arguments(known[0], facts, drawn.seeds, more)
    if len(drawn.sizes) > 1:
        sizes = literal([size or facts.size for size in drawn.sizes])
        return f"{first}\nimages = [generator.sample({arguments}, size=size) for size in {sizes}]"
    only = next(iter(drawn.sizes), None)
    size = "" if only is None else f", size={literal(only)}"
    return f"{first}\nimages = generator.sample({arguments}{size})"


def walk_lines(checkpoint: Checkpoint, facts: Facts, walk: Walk) -> str:
    """Return three lines of Python that draw an interpolation: images [steps, C, H, W]."""
    seeds, labels = [walk.first[1], walk.second[1]], [walk.first[0].values, walk.second[0].values]
    factor = "" if walk.truncation == 1 else f" * {walk.truncation!r}"
    given = "None" if not any(labels) else f"torch.tensor({literal(_plain_labels(labels))})"
    second = (
        f"draws = generator.draws({literal(seeds)}); z = generator.latent_codes(draws){factor}; "
        f"ends = generator.conditions({given}, draws); share = torch.linspace(0, 1, {walk.steps})[:, None]"
    )
    hooks, code, condition = "", "torch.lerp(z[:1], z[1:], share)", "None"
    if walk.spherical:
        second += "; length = z.norm(dim=1, keepdim=True); unit = z / length"
        second += "; angle = (unit[0] @ unit[1]).clamp(-1, 1).acos()"
        code = (
            "(torch.sin((1 - share) * angle) * unit[:1] + torch.sin(share * angle) * unit[1:]) / torch.sin(angle) "
            "* torch.lerp(length[:1], length[1:], share)"
        )
    if any(labels) and facts.blends:
        second += f"; first, last = ends.repeat_interleave({walk.steps}, 0).split({walk.steps})"
        hooks = (
            "[each.register_forward_hook(lambda self, _, out: torch.lerp(out, self.forward(last), share)) "
            "for each in generator.network.modules() if isinstance(each, torch.nn.Embedding)]; "
        )
        condition = "first"
    elif any(labels):
        condition = "ends[(share[:, 0] >= 0.5).long()]"
    third = f"{hooks}images = generator.network({code}, {condition}).detach()"
    return f"import everymode, torch; generator = everymode.load({literal(_path(checkpoint))})\n{second}\n{third}"


def _plain_labels(labels: list[tuple[int, ...]]) -> list[object]:
    return [list(each) if len(each) > 1 else next(iter(each)) for each in labels]


def command_details(command: str, words: Sequence[str]) -> Html:
    """Return a button that shows a command, without script."""
    try:
        line = shell_line(["everymode", command, *words])
    except ValueError as error:
        line = f"# no command: {error}"
    return element(
        "details",
        element("summary", "Show the command that computes it"),
        element("pre", element("code", line)),
        class_="command",
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


def _arguments(labels: Sequence[Label], facts: Facts, seeds: Sequence[int], more: str) -> str:
    """Return the arguments of `Generator.sample` for every label with every seed."""
    values = [label_value(label, facts) for label in labels]
    arguments = f"{len(values) * len(seeds)}"
    labeled = any(value is not None for value in values)
    if labeled and len(values) == 1:
        arguments += f", label={literal(values[0])}"
    elif labeled and len(seeds) == 1:
        arguments += f", label={_listed(values)}"
    elif labeled:
        arguments += f", label=[each for each in {_listed(values)} for _ in range({len(seeds)})]"
    arguments += f", seed={_listed(seeds)}" + (f" * {len(values)}" if len(values) > 1 else "")
    return arguments + more + (", by_position=True" if labeled else "")


def _listed(values: Sequence[object]) -> str:
    """Return a list as an expression, which is short for consecutive numbers."""
    first = values[0] if values else None
    if isinstance(first, int) and len(values) > 4 and list(values) == list(range(first, first + len(values))):
        return f"[*range({first}, {first + len(values)})]"
    return literal(list(values))


def _path(checkpoint: Checkpoint) -> str:
    return _plain(str(checkpoint.path))


def _plain(path: str) -> str:
    """Return a path that no command takes for a flag."""
    return f"./{path}" if path.startswith("-") else path
