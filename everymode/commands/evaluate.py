"""`everymode evaluate`: judge a generator, or generated images, against real ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

from everymode.commands.ending import Exit, fail, say
from everymode.commands.evaluation_flags import ProtocolFlags, ResultFlags
from everymode.commands.own_recipes import require_named_recipe
from everymode.recipe import Recipe
from everymode.recipes import find

if TYPE_CHECKING:
    from everymode.evaluation.protocol import Protocol
    from everymode.evaluation.score_card import ScoreCard


HOW, WHAT = ProtocolFlags(), ResultFlags()


def evaluate(
    judged: Annotated[
        str | None,
        Parameter(
            name="RUN",
            help="What to judge: a run, checkpoint or saved generator; or images, as a folder, .zip, .npz, .parquet or "
            "name.",
        ),
    ] = None,
    /,
    *,
    fake: Annotated[
        str | None,
        Parameter(help="The same as RUN, which reads better for images."),
    ] = None,
    real: Annotated[
        str | None, Parameter(help="Real images, likewise; left out, what the run was trained on.")
    ] = None,
    how: Annotated[ProtocolFlags, Parameter(name="*")] = HOW,
    what: Annotated[ResultFlags, Parameter(name="*")] = WHAT,
    recipe: Annotated[
        str | None, Parameter(help="Python file with the RECIPE that trained it, for recipes of your own.")
    ] = None,
    device: Annotated[
        str | None, Parameter(help="cpu, cuda or cuda:1; left out, a GPU if there is one.")
    ] = None,
) -> Exit:
    """Judge a generator, or generated images, against real ones, and write a score card.

    One pass over each side, in memory that the number of images does not change. Real statistics are kept in
    $EVERYMODE_CACHE and used again while nothing that could change them has changed.
    """
    judged_path = _one_of(judged, fake)
    how.check()
    what.check()
    own = _own_recipe(judged_path, recipe)
    _check_out(what.out)
    asked = _Asked(judged_path, real, how.protocol(), own, device)
    try:
        if what.curve:
            _curve(asked, what)
        else:
            _card(asked, what)
    except FileNotFoundError as error:
        paths = [Path(side).expanduser() for side in (judged_path, real, what.held_out) if side is not None]
        gone = [path for path in paths if not path.exists() and str(path) in str(error)]
        return fail(error, Exit.DATA if gone else Exit.USAGE)
    return Exit.DONE


def evaluations_folder(judged: str) -> Path | None:
    """`evaluations` in the run that a path is or lies in; None for images."""
    path = Path(judged).expanduser()
    for folder in (path, *path.resolve().parents[:2]):
        if (folder / "checkpoints").is_dir() and (
            path == folder or (path / "generator.safetensors").is_file()
        ):
            return folder / "evaluations"
    return None


def card_name(card: ScoreCard) -> str:
    """The file of a card: readable, and the same for the same evaluation."""
    extractor = card.protocol.get("extractor") or {}
    words = [card.subject["label"], extractor.get("name", "points")]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(map(str, words))).strip("-.")[:80]
    return f"{readable}-{card.key}.json"


class _Asked(NamedTuple):
    """What is judged against what, and how."""

    judged: str
    real: str | None
    protocol: Protocol
    recipe: Recipe | None
    device: str | None

    def settings(self) -> dict[str, Any]:
        """For the functions of `everymode.evaluation` that judge."""
        return {"protocol": self.protocol, "recipe": self.recipe, "device": self.device}


def _rejection(card: ScoreCard) -> str:
    found = card.subject["facts"]
    return (
        f"rejection: {found['acceptance_rate']:.1%} of all draws were accepted, and {found['accepted_images']:.1%} of "
        "the images are in the part that they were asked for"
    )


def _one_of(judged: str | None, fake: str | None) -> str:
    if (judged is None) == (fake is None):
        raise ValueError(
            "name what to judge once: `everymode evaluate RUN`, or --fake with a run, a checkpoint or generated images"
        )
    return judged if judged is not None else str(fake)


def _own_recipe(judged: str, recipe: str | None) -> Recipe | None:
    if recipe is not None:
        return find(recipe)
    folder = Path(judged).expanduser()
    trained = (folder / "generator.safetensors").is_file() or (folder / "checkpoints").is_dir()
    if trained:
        require_named_recipe(judged, folder)
    return None


def _check_out(out: Path | None) -> None:
    if out is None:
        return
    if out.suffix != ".json":
        raise ValueError(f"--out names a .json file, such as card.json, not {out}")
    if out.is_dir() or (out.parent.exists() and not out.parent.is_dir()):
        raise ValueError(
            f"no score card can be written to {out}: a folder and a file are in each other's place"
        )
    if out.exists() and not _is_card(out):
        raise ValueError(
            f"{out} is a file, and no score card that a new one may replace: choose another --out"
        )


def _is_card(file: Path) -> bool:
    """Whether a file is a score card or a truncation curve, or empty: what `evaluate` may write over."""
    text = file.read_text("utf-8", errors="replace")
    return not text.strip() or re.search(r'"(protocol|truncation_curve)":', text) is not None


def _place(judged: str, card: ScoreCard, out: Path | None) -> Path | None:
    if out is not None:
        return out
    folder = evaluations_folder(judged)
    return None if folder is None else folder / card_name(card)


def _tell(text: str, *, quiet: bool) -> None:
    if not quiet:
        say(text)


def _card(asked: _Asked, what: ResultFlags) -> None:
    from everymode.evaluation.judging import evaluate as judge

    card = judge(asked.judged, asked.real, verbose=not what.as_json, **asked.settings())
    if what.as_json:
        say(card.text.rstrip())
    else:
        say(card.table())
        if asked.protocol.sampling is not None and asked.protocol.sampling.rejection is not None:
            say(_rejection(card))
    place = _place(asked.judged, card, what.out)
    if place is not None:
        card.save(place)
        _tell(f"score card: {place}", quiet=what.as_json)
    else:
        _tell("no score card is kept: name a file with --out card.json", quiet=what.as_json)
    if what.nearest:
        _memorization(asked, what, place)


def _curve(asked: _Asked, what: ResultFlags) -> None:
    from everymode.evaluation.curve import DEFAULT_TRUNCATIONS, curve_table, save_curve, truncation_curve

    chosen = DEFAULT_TRUNCATIONS if what.truncations is None else _numbers(what.truncations)
    cards = truncation_curve(asked.judged, asked.real, truncations=chosen, verbose=True, **asked.settings())
    say(curve_table(cards))
    folder = evaluations_folder(asked.judged) or Path()
    place = what.out or folder / f"truncation-{card_name(cards[-1])}"
    for file in save_curve(cards, place):
        say(f"wrote {file}")


def _memorization(asked: _Asked, what: ResultFlags, card: Path | None) -> None:
    from everymode.evaluation.nearest_images import memorization

    found = memorization(asked.judged, asked.real, what.held_out, **asked.settings())
    place = Path("memorization.png") if card is None else card.with_name(f"{card.stem}-nearest.png")
    _tell(found.summary(), quiet=what.as_json)
    _tell(f"nearest real images: {found.save(place)}", quiet=what.as_json)


def _numbers(text: str) -> list[float]:
    try:
        return [float(piece) for piece in text.split(",")]
    except ValueError:
        raise ValueError(f'--truncations is a list such as 0.5,0.7,1, not "{text}"') from None
