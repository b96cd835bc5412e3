"""Commands for a shell and lines of Python: what they draw, and that no name in them is executed."""

from __future__ import annotations

import ast
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.condition import UNLABELED
from everymode.explorer.catalog import Checkpoint
from everymode.explorer.commands import (
    Drawn,
    command_details,
    label_argument,
    label_value,
    literal,
    printable,
    python_lines,
    sample_lines,
    shell_line,
)
from everymode.explorer.facts import Block, Facts
from everymode.explorer.labels import Label
from everymode.sampling.label_names import label_numbers

NASTY = (
    "'; touch x #",
    "$(touch x)",
    "`touch x`",
    "a,b",
    "\x1b[31m\n",
    "-rf",
    "0",
    "",
    " ",
    "&& touch x",
    '"\\',
)
SHELL = shutil.which("bash") or shutil.which("sh")


def facts_of(*blocks: tuple[str, ...], names_classes: bool = True, points: bool = False) -> Facts:
    named = tuple(Block(f"label {index}", names) for index, names in enumerate(blocks))
    return Facts(
        "labels", points, None if points else (1, 8, 8), named, names_classes, True, False, False, {}
    )


def drawn(facts: Facts, labels: list[Label], path: str = "run/checkpoints/step-1", **more: object) -> Drawn:
    checkpoint = Checkpoint("0" * 12, "run", Path(path), 1)
    return replace(Drawn((checkpoint,), (facts,), tuple(labels), (0, 1, 2, 7)), **more)


@pytest.mark.skipif(SHELL is None, reason="needs a POSIX shell")
def test_names_pasted_into_a_real_shell_are_not_executed(tmp_path: Path) -> None:
    facts = facts_of(NASTY)
    labels = [Label((index,)) for index in range(len(NASTY))]
    line = sample_lines(drawn(facts, labels, "a run; touch x/checkpoints/$(touch x)"))
    program = tmp_path / "bin" / "everymode"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\0" "$@" > arguments\n')
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"
    subprocess.run([str(SHELL)], input=line, text=True, cwd=tmp_path, env={"PATH": path}, check=True)
    assert not (tmp_path / "x").exists()
    arguments = (tmp_path / "arguments").read_text().split("\0")[:-1]
    assert arguments[:2] == ["sample", "a run; touch x/checkpoints/$(touch x)"]
    requested = [each.removeprefix("--label=") for each in arguments if each.startswith("--label=")]
    assert requested[:4] == list(NASTY[:4]), "names, and not numbers, wherever they can be pasted"
    assert requested[4] == "4" and requested[7] == "7", (
        "a name with control characters, and an empty one, by number"
    )
    found = [int(label_numbers(each, 1, len(NASTY), NASTY)[0]) for each in requested]  # pyright: ignore[reportOptionalSubscript]
    assert found == list(range(len(NASTY)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.text(max_size=3) | st.sampled_from(("0", "1", "1.", "a")), min_size=1, max_size=4, unique=True
    )
)
def test_every_class_is_requested_unambiguously(names: list[str]) -> None:
    facts = facts_of(tuple(names))
    for index in range(len(names)):
        argument = label_argument(Label((index,)), facts)
        assert argument is not None and printable(argument)
        numbers = label_numbers(argument, 1, len(names), names)
        assert numbers is not None and int(numbers[0]) == index


def test_numbers_that_are_names_of_other_classes() -> None:
    names = ("\x07", "0", "0.")
    facts = facts_of(names)
    assert [label_argument(Label((index,)), facts) for index in range(3)] == ["0.0", "0", "0."]
    for index in range(3):
        numbers = label_numbers(label_argument(Label((index,)), facts), 1, 3, names)
        assert numbers is not None and int(numbers[0]) == index


def test_labels_of_several_blocks_and_drawn_ones() -> None:
    facts = facts_of(("circle", "a,b"), ("red", " blue"))
    assert label_argument(Label((0, 0)), facts) == "circle,red"
    assert label_argument(Label((1, 1)), facts) == "1,1"
    assert label_argument(Label((UNLABELED, 0)), facts) == ",red"
    assert label_argument(Label((UNLABELED, UNLABELED)), facts) is None
    assert label_value(Label((UNLABELED, 1)), facts) == (None, 1)
    assert label_argument(Label(()), facts_of()) is None
    clusters = facts_of(("0", "1"), names_classes=False)
    assert label_argument(Label((1,)), clusters) == "1" and label_value(Label((1,)), clusters) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(), st.lists(st.integers()), st.tuples(st.floats(allow_nan=False), st.none()))
def test_literals_are_ascii_and_equal(text: str, numbers: list[int], pair: tuple[float, None]) -> None:
    for value in (text, numbers, pair):
        written = literal(value)
        assert written.isascii() and written.isprintable()
        if "inf" not in written or isinstance(value, str):
            assert ast.literal_eval(written) == value


def test_control_characters_are_refused() -> None:
    for word in ("a\nb", "\x1b[2J", "\u202e", "\ud800", "a\tb", "\u2028"):
        with pytest.raises(ValueError, match="control characters"):
            shell_line([word])


def test_a_path_with_control_characters_has_no_command() -> None:
    shown = command_details("clusters", ["runs/a\nb"])
    assert "no command" in shown and "runs/a\nb" not in shown


def test_three_lines_of_python_whatever_is_shown() -> None:
    facts = facts_of(("cat", "dog"))
    labels = [Label((0,)), Label((1,))]
    one = drawn(facts, labels)
    views = [
        *(one, replace(one, labels=(Label((UNLABELED,)),)), replace(one, truncation=0.5, sizes=((8, 16),))),
        replace(one, sizes=((8, 8), (16, 8))),
        replace(one, checkpoints=one.checkpoints * 3, facts=one.facts * 3),
        drawn(facts_of(points=True), [Label(())]),
    ]
    for view in views:
        lines = python_lines(view)
        assert len(lines.split("\n")) == 3
        ast.parse(lines)
    assert len(sample_lines(views[4]).split("\n")) == 3
    assert "--size=8x16" in sample_lines(views[2]) and "--truncation=0.5" in sample_lines(views[2])
    points = sample_lines(views[5]).split("\n")
    assert [line.split()[3] for line in points] == [
        "--seeds=0-499",
        "--seeds=1-500",
        "--seeds=2-501",
        "--seeds=7-506",
    ]


def test_a_checkpoint_draws_the_labels_that_it_knows() -> None:
    facts, fewer, blocks = facts_of(("cat", "dog")), facts_of(("cat",)), facts_of(("a",), ("b",))
    one = drawn(facts, [Label((0,)), Label((1,))])
    both = replace(one, checkpoints=one.checkpoints * 2, facts=(facts, fewer))
    assert [line.count("--label=") for line in sample_lines(both).split("\n")] == [2, 1]
    assert len(python_lines(both).split("\n")) == 3 and python_lines(both).count(".sample(8,") == 1
    strange = replace(both, facts=(facts, blocks))
    assert len(sample_lines(strange).split("\n")) == 1 and python_lines(strange).count(".sample(") == 1


def test_a_path_is_never_a_flag() -> None:
    line = sample_lines(drawn(facts_of(("a",)), [Label((0,))], "-run"))
    assert line.startswith("everymode sample ./-run ")
