"""Samples in README.md and docs/ work: commands and Python run on a small dataset, all other command lines are parsed.

Everything runs in one process and one folder, in the order of the pages: a command may use what an earlier one left.
Runs are shortened by flags (`SHORT`), Python by the replacements in `SHORTER`.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import everymode
from everymode.cli import application, main
from everymode.networks.biggan import BigGANGenerator
from everymode.networks.circular import CircularConv2d
from everymode.partitioner.settings import DIGITS
from everymode.recipes import find

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs").glob("papers/*.md")),
]
RECORDS = sorted((ROOT / "docs").glob("results/*.md"))
"""Pages whose command lines say how a result was made: these are parsed and not run; their Python runs."""
RUN_BY_TEST_DOCS = {"extending.md", "clusters.md"}
"""Pages whose Python tests/test_docs.py runs."""


def flags(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


SHORT = {
    "train": flags("--steps 2 --batch-size 4 --watch-samples 8"),
    "partition": flags(
        "--k 4 --blocks 1 --width 4 --full-width 8 --embedding 8 --pretext-steps 2 --pretext-batch 8 --neighbors 2"
        " --starts 1 --start-steps 2 --partition-steps 2 --partition-batch 8"
    ),
    "sample": flags("--seeds 0-3"),
    "evaluate": flags("--num 16 --num-real 64"),
}
"""Flags that a command gets in place of its own, or in addition to them."""
PARTITION_STAGES = flags("--pretext-steps 2 --partition-steps 2 --resolution 8")
SHORTER = {
    "features.md": {"ClassifierSettings(mirror=True)": "ClassifierSettings(mirror=True, steps=2)"},
    "dissection.md": {"num=200": "num=8"},
    "evaluation.md": {"num=500": "num=16"},
    "collapse_watch.md": {"steps=1500": "steps=2, batch_size=8"},
    "implicit.md": {"500": "10", "docs/results/": "", "(160, 160)": "(20, 20)"},
    "restoration.md": {
        "num=500": "num=2",
        "stage == 2": "stage == 0",
        "step == 50": "step == 1",
        "steps=2000": "steps=1",
        "steps=300": "steps=1",
    },
    "partition_guided.md": {"generator, 100,": "generator, 16,"},
    "partitioner.md": {"everymode.open_images(": "few(", "digits, DIGITS": "digits, small"},
}
"""Text of Python samples that is replaced before they run, by page."""
PARSED_ONLY = ("translate", "upscale", "restore", "invert", "explore", "export", "push", "import")
"""Commands that need files, runs or a network which the samples' folder does not have, or that serve until they are
stopped."""
RUNS_NOTHING = {
    "partition-guided-64": "partition-guided-32 runs, which differs in size alone",
    "stargan-128": "the labels of the samples' folder have no such columns; stargan-shapes runs",
    "sr-pixel-photos": "its photographs are large",
    "san-sr-photos": "its photographs are large",
}


@dataclass(frozen=True)
class Sample:
    """A command line or a block of Python on a page."""

    page: Path
    line: int
    text: str
    python: bool = False
    output: str = ""
    """What the page shows below the command."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text.splitlines()[0]}"

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def samples_of(page: Path) -> Iterator[Sample]:
    """Yield the Python blocks and command lines of a page, in order."""
    lines = page.read_text("utf-8").splitlines()
    fence, start, block = "", 0, []
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith("```") or (fence == "indent" and not line.startswith("    ")):
            if fence:
                yield from block_samples(page, start, block, fence)
                fence, block = "", []
                continue
            fence, start, block = line[3:] or "text", number + 1, []
        elif fence:
            block.append(line)
        elif re.match(r"    (everymode|torchrun|make|git) ", line) and not lines[number - 2].strip():
            fence, start, block = "indent", number, [line]


def block_samples(page: Path, start: int, block: list[str], fence: str) -> Iterator[Sample]:
    if fence == "python":
        yield Sample(page, start, "\n".join(block), python=True)
        return
    session = any(line.startswith("$ ") for line in block)
    text = [line.strip() for line in block] if fence == "indent" else block
    for at, line in enumerate(text):
        if not re.match(r"\$ \w" if session else r"(everymode|torchrun|make|git|python) ", line):
            continue
        end = at
        while text[end].endswith("\\"):
            end += 1
        command = " ".join(part.rstrip("\\").removeprefix("$ ") for part in text[at : end + 1])
        shown = [*text[end + 1 :], "$ "]
        output = shown[: next(i for i, after in enumerate(shown) if after.startswith("$ "))]
        yield Sample(page, start + at, command, output="\n".join(output) if session else "")


def inline_commands(page: Path) -> Iterator[Sample]:
    """Yield commands in backticks within the text."""
    text = re.sub(
        r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), page.read_text("utf-8"), flags=re.M | re.S
    )
    for match in re.finditer(r"`((?:everymode|torchrun) [^`]+)`", text):
        if not re.search(r"\.\.\.|[*\[]", match[1]):
            yield Sample(page, text.count("\n", 0, match.start()) + 1, " ".join(match[1].split()))


def parse(words: list[str]) -> None:
    """Parse a command line as the program does, without running it."""
    words = ["0" if word in ("S", "SEED") else word for word in words]
    if words[0] == "torchrun":
        words = ["everymode", *words[words.index("everymode") + 1 :]]
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M)
        assert {word for word in words[1:] if "=" not in word} <= set(targets)
    elif words[0] == "python":
        assert (ROOT / (words[2].replace(".", "/") + ".py")).is_file() or (
            ROOT / words[2].replace(".", "/")
        ).is_dir()
    elif words[0] == "everymode" and words[1] != "COMMAND":
        if len(words) == 2:  # the name of a command, in the text
            assert words[1] in application() or words[1].startswith("--")
        elif "--help" not in words:
            application(words[1:]).parse_args(words[1:], exit_on_error=False, print_error=False)


def shortened(words: list[str]) -> list[str]:
    """Return the words of a command with the flags that make it short."""
    short = dict(SHORT.get(words[1], {}))
    if words[1] == "train":
        recipe = find(words[2])
        short["--width"] = "8" if recipe.flat_numbers().get("generator_attention") else "4"
        if "partition" in words[2] and "--partitioner" not in words:
            short |= PARTITION_STAGES
        if "self-conditioned" in words[2]:
            short["--clusters"] = "8"
    if words[1] == "evaluate" and "--extractor" not in words and "--fast" not in words:
        short["--extractor"] = "random"
    words = list(words)
    for flag, value in short.items():
        if flag in words:
            words[words.index(flag) + 1] = value
        else:
            words += [flag, value]
    return [*words, "--quiet"] if words[1] in ("train", "partition") else words


def missing_paths(words: list[str]) -> list[str]:
    """Return the paths of a command that do not exist."""
    named = [
        words[at + 1]
        for at, word in enumerate(words[:-1])
        if word in ("--real", "--fake", "--partitioner", "--maps")
    ]
    named += [word for word in words[2:] if word.startswith(("inception", "dinov2:"))]
    if words[1] in ("sample", "evaluate", "clusters", "compare", "dissect") and len(words) > 2:
        named += [word for word in words[2:] if not word.startswith("--")][
            : 9 if words[1] == "compare" else 1
        ]
    return [
        path for path in named if not Path(path).exists() and not path.startswith(("digits", "ring", "grid"))
    ]


class Workplace:
    """The folder in which samples run, and what they may use."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        rows = ["file,label,digit,domain"]
        for number in range(72):
            path = Path("photos", ("cats", "dogs")[number % 2], f"{number}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
            name = path.relative_to("photos").as_posix()
            rows.append(f"{name},{path.parent.name},{number // 2 % 8},{('city', 'field')[number % 2]}")
        Path("photos", "labels.csv").write_text("\n".join(rows))
        self.done: dict[str, Path] = {}
        """Commands that ran, and the run that was then the newest."""
        self.run = Path()
        self.finished: list[Sample] = []

    def command(self, sample: Sample) -> None:
        words = [
            path
            for word in sample.words
            for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        words = [str(self.run) if word == "RUN" else word for word in words]
        if (
            words[0] != "everymode"
            or words[1] in PARSED_ONLY
            or (words[1] == "train" and words[2] in RUNS_NOTHING)
        ):
            parse(words)
            return
        if "error: " in sample.output:
            self.mistake(sample)
            return
        if missing_paths(words):
            parse(words)
            return
        words = shortened(words)
        key = " ".join(words)
        if key in self.done:
            self.run = self.done[key]
            return
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            code = main(words[1:])
        assert code == 0, f"{sample} ends with {code}: {errors.getvalue()}"
        self.finished.append(sample)
        if words[1] == "train":
            self.keep_run()
        self.done[key] = self.run

    def keep_run(self) -> None:
        """Give the newest run the number 00000, which the pages name, if it is the first of its name."""
        newest = max(Path("runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        path = Path("runs", "00000" + newest.name[5:])
        self.run = newest if path.exists() else newest.rename(path)

    def mistake(self, sample: Sample) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            assert main(sample.words[1:]) != 0
        assert errors.getvalue().strip() == sample.output.strip()
        self.finished.append(sample)

    def python(self, sample: Sample, space: dict[str, Any]) -> None:
        text = sample.text
        if named := re.match(r"# (\w+\.py)\n", text):
            Path(named[1]).write_text(text)
        for words, shorter in SHORTER.get(sample.page.name, {}).items():
            text = text.replace(words, shorter)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile("\n" * (sample.line - 1) + text, str(sample.page), "exec"), space)
        self.finished.append(sample)


def names_for(page: Path, workplace: Workplace) -> dict[str, Any]:
    """Return the names that the Python of a page takes as given."""
    module = types.ModuleType(f"samples_{page.stem}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    critic = torch.nn.Sequential(
        CircularConv2d(3, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 32 * 32, 1),
    )
    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 30 * 30, 1))
    module.__dict__.update(
        discriminator=critic,
        critic=critic,
        plain_critic=plain,
        optimizer=torch.optim.Adam(plain.parameters()),
        images=torch.zeros(2, 3, 32, 32),
        real_images=torch.randn(8, 3, 32, 32),
        generated=torch.rand(8, 3, 64, 64) * 2 - 1,
        load_my_network=lambda: torch.nn.Identity(),
        small=replace(
            DIGITS,
            **{
                flag[2:].replace("-", "_"): int(value)
                for flag, value in SHORT["partition"].items()
                if flag != "--blocks"
            },
        ),
        network=BigGANGenerator((16, 16), widths=(4, 4), num_classes=2, latent_dim=8),
        few=lambda name: everymode.open_images(name, limit=50),
    )
    if page.name in ("evaluation.md", "partition_guided.md"):
        module.generator = everymode.load(workplace.run)
    return module.__dict__


@pytest.mark.usefixtures("trained_digits")  # which `evaluate` takes from the cache
def test_samples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workplace = Workplace()
    workplace.command(
        Sample(PAGES[0], 1, "everymode train omni-inr-gan-digits")
    )  # which results/implicit.md loads
    workplace.command(Sample(PAGES[0], 1, "everymode train omni-gan-digits"))
    workplace.command(Sample(PAGES[0], 1, "everymode evaluate RUN --seed 1"))  # a second card to compare
    first = workplace.run
    for page in [*PAGES, *RECORDS]:
        workplace.run, space = first, None
        for sample in samples_of(page):
            if not sample.python:
                if page not in RECORDS:
                    workplace.command(sample)
            elif page.name not in RUN_BY_TEST_DOCS:
                space = names_for(page, workplace) if space is None else space
                workplace.python(sample, space)
    assert len(workplace.finished) > 35


def test_all_other_command_lines_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        for sample in samples_of(page):
            if sample.python and (named := re.match(r"# (\w+\.py)\n", sample.text)):
                for path in (Path(named[1]), Path("RUN", "recipe.py")):
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(sample.text)
    parsed = 0
    for page in [*PAGES, *RECORDS, ROOT / "CONTRIBUTING.md"]:
        samples = list(inline_commands(page))
        samples += [sample for sample in samples_of(page) if page in RECORDS and not sample.python]
        for sample in samples:
            try:
                parse(sample.words)
            except Exception as error:
                raise AssertionError(f"{sample}: {error}") from error
            parsed += 1
    assert parsed > 40
