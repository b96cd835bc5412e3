"""Work of `everymode export` and `everymode push`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everymode.commands.ending import say

if TYPE_CHECKING:
    from everymode.evaluation.score_card import ScoreCard
    from everymode.sampling.generator import Generator


def export_folder(
    source: Path,
    out: Path,
    recipe: str | None,
    *,
    data_name: str | None,
    license: str | None,
    samples: Path | None,
) -> list[str]:
    """Write a folder to share, and return a line for each of its files.

    Raises:
        ValueError: if the source can't be loaded, or `out` is the run itself.
    """
    from everymode.commands.sample import load_generator
    from everymode.sampling.generator import find_generator

    _require_elsewhere(source, out)
    folder = find_generator(source)
    generator = load_generator(folder, recipe, "cpu")
    out = generator.save(
        out, data_name=data_name, license=license, scores=cards_of(generator, folder), samples=samples
    )
    return _lines([(str(path), path.stat().st_size) for path in sorted(out.iterdir()) if path.is_file()])


def export_file(source: Path, out: Path, recipe: str | None, to: Any) -> str:
    """Write an ONNX file or a program of torch.export, and return a line about it."""
    from everymode.commands.sample import load_generator
    from everymode.exchange import export
    from everymode.recipes import find

    if out.is_dir():
        raise ValueError(
            f"{out} is a folder, and --to {to} writes one file: name it, such as {out / 'generator'}"
        )
    generator = load_generator(source, recipe, "cpu")
    out.parent.mkdir(parents=True, exist_ok=True)
    path = export(generator, out, to, recipe=None if recipe is None else find(recipe))
    return _lines([(str(path), path.stat().st_size)])[0]


def push_folder(
    source: Path,
    repository: str,
    recipe: str | None,
    *,
    data_name: str | None,
    license: str | None,
    samples: Path | None,
    private: bool,
    confirm: Callable[[list[tuple[str, int]]], bool],
) -> str:
    """Upload a generator (`everymode.sharing.hub.push`), and return its address, or "" if the user declined."""
    from everymode.commands.sample import load_generator
    from everymode.sampling.generator import find_generator
    from everymode.sharing.hub import push

    folder = find_generator(source)
    generator = load_generator(folder, recipe, "cpu")
    return push(
        generator,
        repository,
        data_name=data_name,
        license=license,
        scores=_as_json(cards_of(generator, folder)),
        picture=samples,
        private=private,
        confirm=confirm,
    )


def confirmed(files: list[tuple[str, int]], repository: str, *, private: bool, yes: bool) -> bool:
    """Print the files to upload, and return whether the user agrees.

    Raises:
        ValueError: if there is no terminal to ask on.
    """
    kind = "private" if private else "public"
    say(f"files for {repository} (a new repository is {kind}):")
    for line in _lines(files):
        say(f"  {line}")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ValueError("there is no terminal to ask on whether to upload these files: add --yes")
    return input("Upload these files? [y/N] ").strip().lower() in ("y", "yes")


def cards_of(generator: Generator, folder: Path) -> list[ScoreCard] | None:
    """Return the newest score cards of exactly these weights, from the run that a checkpoint is in.

    Returns:
        One card for each protocol; None if the folder is not in a run, so that scores that it records are used.
    """
    from everymode.evaluation.comparison import NamedCard
    from everymode.evaluation.newest_cards import newest_cards
    from everymode.evaluation.score_card import read_card
    from everymode.extractors.hashing import tensors_hash

    if folder.parent.name != "checkpoints":
        return None
    weights = tensors_hash(generator.network.state_dict())
    cards = []
    for path in sorted((folder.parent.parent / "evaluations").glob("*.json")):
        try:
            card = read_card(path)
        except ValueError as error:
            say(f"a score card is left out: {error}")
            continue
        if card.subject.get("facts", {}).get("weights") == weights:
            cards.append(NamedCard(path.name, card))
    return [named.card for named in newest_cards(cards)]


def _as_json(cards: list[ScoreCard] | None) -> list[dict[str, Any]] | None:
    return None if cards is None else [card.as_json() for card in cards]


def _require_elsewhere(source: Path, out: Path) -> None:
    """Raise ValueError if the folder to write is the run, or a folder in it that the run owns."""
    resolved = out.expanduser().resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / "checkpoints").is_dir() or (folder / "manifest.json").is_file():
            raise ValueError(
                f"{out} is in the run {folder}: choose another --out, which can be shared as it is"
            )


def _lines(files: list[tuple[str, int]]) -> list[str]:
    return [f"{name} ({size:,} bytes)" for name, size in files]
