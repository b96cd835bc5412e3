"""Habits of the glossary in CONTRIBUTING.md that a program can check: spelling, docstrings, vague names."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    [path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "everymode").glob("*/__init__.py")]
    + ["benchmarks", "experiments", "everymode"]
)
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    *sorted(f"docs/papers/{p.name}" for p in (ROOT / "docs" / "papers").glob("*.md")),
]
SPELLS_THE_OLD_NAMES = {"everymode/old_names.py", "everymode/numbers.py", "CHANGELOG.md"}

BRITISH = re.compile(
    r"labell|neighbour|colour|centre\b|centred|\bgrey|learnt|judgement|catalogue|towards|afterwards|spelt|artefact|behaviour"
    r"|favour|(normal|optim|initial|regular|general|summar|visual|minim|maxim|recogn|organ|synchron|random|categor|special"
    r"|util|custom|serial|parallel|factor|memor|emphas|character|standard)is(e|ed|es|ing|ation)\b",
    re.IGNORECASE,
)
KEPT_SPELLINGS = {
    '"neighbour"',
    '"neighbours"',
    '"labelled-pass"',
    '"unlabelled-pass"',
    '"unlabelled"',
    '"grey"',
}
"""Names of random streams, of files' fields and of users' folders: another spelling would be another thing."""
DIALECT = {
    r"\bby heart\b": "overfits, memorizes",
    r"\bso often\b": "at most N times",
    r"\bas the data come\b": "same ratio as the dataset",
    r"whole or not (at all|there)": "atomic",
    r"\banew\b": "again, from scratch",
    r"\bdata sets?\b": "dataset",
    r"\bof (one's|their|the user's|your|a user's) own\b": "custom, user-defined",
    r"\b(?<!in )(?<!in-)place(s)?\b(?!holder)": "device, path, index, position",
    r"\bin use\b": "eval mode",
    r"\bso (many|much|large|long)\b(?! (that|as))": "name the number",
    r"\bleft whole\b|\bleave whole\b": "complete",
    r"\bgo(es)? on\b(?! to)|\bgoing on\b|\bwent on\b": "resume, continue",
}
VAGUE_NAMES = {"place": "device, path, index", "places": "paths, indices", "said": "message, text"}
OPENINGS = {"Of", "What", "Whatever", "Which", "Whoever", "Where", "How", "That"}
"""Words that begin an inverted sentence or a clause without a head noun."""


def python_files(package: str) -> list[Path]:
    folder = ROOT / package
    return sorted(folder.glob("*.py") if package == "everymode" else folder.rglob("*.py"))


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings of modules, classes, functions and fields, with their lines."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                value = statement.value.value
                if isinstance(value, str):
                    yield statement.lineno, value


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Comments and texts of a Python file, with their lines."""
    source = path.read_text("utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) or token.type == getattr(
            tokenize, "FSTRING_MIDDLE", -1
        ):
            yield token.start[0], token.string


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_open_with_their_subject_and_raise_in_a_section(package: str) -> None:
    wrong = []
    for path in python_files(package):
        for line, text in docstrings(ast.parse(path.read_text("utf-8"))):
            first = re.match(r"\W*(\w+)", text)
            if first and first[1] in OPENINGS:
                wrong.append(f"{path.relative_to(ROOT)}:{line} opens with {first[1]!r}")
            if re.search(r"\bRaises [A-Z]\w*(Error|Warning|NotFinite|Diverged)\b", text):
                wrong.append(f"{path.relative_to(ROOT)}:{line} has no Raises section")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_code_speaks_the_fields_words(package: str) -> None:
    wrong = []
    for path in python_files(package):
        name = path.relative_to(ROOT).as_posix()
        for line, text in words_of(path):
            if text in KEPT_SPELLINGS:
                continue
            wrong += [f"{name}:{line} {what}" for what in slips(text, name)]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
            if called in VAGUE_NAMES:
                wrong.append(f"{name}:{node.lineno} the name {called}: {VAGUE_NAMES[called]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_pages_speak_the_fields_words(page: str) -> None:
    if not (ROOT / page).is_file():
        pytest.skip(f"{page} is not written yet")
    text = (ROOT / page).read_text("utf-8")
    if page == "CONTRIBUTING.md":  # its table lists the words to avoid
        text = re.sub(r"^\| instead of \|(.*\n)+?$", "", text, flags=re.MULTILINE)
    lines = text.splitlines()
    wrong = [f"{page}:{n} {what}" for n, line in enumerate(lines, 1) for what in slips(line, page)]
    assert not wrong, "\n".join(wrong)


def slips(text: str, name: str) -> list[str]:
    """What is wrong with a text, each with the word that is meant."""
    found = [
        f"{match[0]!r}: {better}"
        for habit, better in DIALECT.items()
        if (match := re.search(habit, text, re.I))
    ]
    if name not in SPELLS_THE_OLD_NAMES and (match := BRITISH.search(text)):
        found.append(f"{match[0]!r}: American spelling")
    return found
