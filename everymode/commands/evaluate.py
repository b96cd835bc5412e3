"""`everymode evaluate`: score a generator, or generated images, against real images."""

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


PROTOCOL_FLAGS, RESULT_FLAGS = ProtocolFlags(), ResultFlags()


def evaluate(
    subject: Annotated[
        str | None,
        Parameter(
            name="RUN",
            help="Run, checkpoint or saved generator to evaluate; or images: a folder, .zip, .npz, .parquet, or name "
            "of a built-in dataset.",
        ),
    ] = None,
    /,
    *,
    fake: Annotated[str | None, Parameter(help="Alias of RUN.")] = None,
    real: Annotated[
        str | None,
        Parameter(
            name=("--real", "--data"),
            help="Real images, in the same forms as RUN (default: training data of the run). Of runs that need "
            "pictures or label maps: test data (default: what the run held out).",
        ),
    ] = None,
    maps: Annotated[
        str | None,
        Parameter(
            help="Folder of the label maps of the test data (default: the folder maps beside their images)."
        ),
    ] = None,
    instances: Annotated[
        str | None,
        Parameter(help="Folder of the instance maps of the test data, with --maps (default: none)."),
    ] = None,
    protocol_flags: Annotated[ProtocolFlags, Parameter(name="*")] = PROTOCOL_FLAGS,
    result_flags: Annotated[ResultFlags, Parameter(name="*")] = RESULT_FLAGS,
    recipe: Annotated[
        str | None, Parameter(help="Python file that defines the run's RECIPE (custom recipes only).")
    ] = None,
    device: Annotated[
        str | None, Parameter(help="cpu, cuda or cuda:1 (default: a GPU if there is one).")
    ] = None,
) -> Exit:
    """Score a generator, or generated images, against real images, and write a score card.

    Reads each side once; memory does not grow with the number of images. Statistics of the real images are cached in
    $EVERYMODE_CACHE, and computed again whenever the images, the extractor or the protocol change.

    Runs that draw images from label maps, change attributes or enlarge pictures are scored on test data: by fd and
    mIoU, by fd for each pair of domains and the accuracy of attributes, or by PSNR, SSIM and NIQE of luma.
    """
    path = _one_of(subject, fake)
    protocol_flags.check()
    result_flags.check()
    custom_recipe = _custom_recipe(path, recipe)
    _check_out(result_flags.out)
    request = _Request(path, real, protocol_flags.protocol(), custom_recipe, device, maps, instances)
    try:
        if result_flags.curve:
            _curve(request, result_flags)
        else:
            _card(request, result_flags)
    except FileNotFoundError as error:
        paths = [Path(side).expanduser() for side in (path, real, result_flags.held_out) if side is not None]
        missing = [each for each in paths if not each.exists() and str(each) in str(error)]
        return fail(error, Exit.DATA if missing else Exit.USAGE)
    return Exit.DONE


def evaluations_folder(subject: str) -> Path | None:
    """Return the folder `evaluations` of the run that a path is or is in; None for images."""
    path = Path(subject).expanduser()
    for folder in (path, *path.resolve().parents[:2]):
        if (folder / "checkpoints").is_dir() and (
            path == folder or (path / "generator.safetensors").is_file()
        ):
            return folder / "evaluations"
    return None


def card_name(card: ScoreCard) -> str:
    """Return the file name of a card: readable, and the same for the same evaluation."""
    extractor = card.protocol.get("extractor") or {}
    segmenter = f"fsd-{card.protocol['segmenter']['name']}" if card.protocol.get("segmenter") else ""
    words = [card.subject["label"], extractor.get("name") or segmenter or card.protocol.get("game", "points")]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(map(str, words))).strip("-.")[:80]
    return f"{readable}-{card.key}.json"


class _Request(NamedTuple):
    """An evaluation to make.

    Attributes:
        subject: path of the run, checkpoint, generator or images.
        real: path or name of the real images; None means the run's training data.
        protocol: the protocol.
        recipe: the recipe, for a custom one.
        device: as for `find_device`.
        maps, instances: folders of the label maps and instance maps of the real images.
    """

    subject: str
    real: str | None
    protocol: Protocol
    recipe: Recipe | None
    device: str | None
    maps: str | None = None
    instances: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments of the functions of `everymode.evaluation`."""
        return {"protocol": self.protocol, "recipe": self.recipe, "device": self.device}


def _rejection(card: ScoreCard) -> str:
    facts = card.subject["facts"]
    return (
        f"rejection: {facts['acceptance_rate']:.1%} of all draws were accepted, and {facts['accepted_images']:.1%} of "
        "the images are in the requested part of the partition"
    )


def _one_of(subject: str | None, fake: str | None) -> str:
    if (subject is None) == (fake is None):
        raise ValueError(
            "name what to evaluate once: `everymode evaluate RUN`, or --fake with a run, a checkpoint or generated "
            "images"
        )
    return subject if subject is not None else str(fake)


def _custom_recipe(subject: str, recipe: str | None) -> Recipe | None:
    if recipe is not None:
        return find(recipe)
    folder = Path(subject).expanduser()
    trained = (folder / "generator.safetensors").is_file() or (folder / "checkpoints").is_dir()
    if trained:
        require_named_recipe(subject, folder)
    return None


def _check_out(out: Path | None) -> None:
    if out is None:
        return
    if out.suffix != ".json":
        raise ValueError(f"--out names a .json file, such as card.json, not {out}")
    if out.is_dir():
        raise ValueError(f"no score card can be written to {out}: it is a folder. Choose another --out")
    if out.parent.exists() and not out.parent.is_dir():
        raise ValueError(
            f"no score card can be written to {out}: {out.parent} is a file. Choose another --out"
        )
    if out.exists() and not _is_card(out):
        raise ValueError(f"{out} is a file, but not a score card that may be replaced: choose another --out")


def _is_card(file: Path) -> bool:
    """Return whether a file is a score card, a truncation curve or empty, so that `evaluate` may replace it."""
    text = file.read_text("utf-8", errors="replace")
    return not text.strip() or re.search(r'"(protocol|truncation_curve)":', text) is not None


def _card_path(subject: str, card: ScoreCard, out: Path | None) -> Path | None:
    if out is not None:
        return out
    folder = evaluations_folder(subject)
    return None if folder is None else folder / card_name(card)


def _print_unless(quiet: bool, text: str) -> None:
    if not quiet:
        say(text)


def _card(request: _Request, flags: ResultFlags) -> None:
    from everymode.evaluation.judging import evaluate as evaluate_subject

    card = evaluate_subject(
        request.subject,
        request.real,
        maps=request.maps,
        instances=request.instances,
        verbose=not flags.as_json,
        **request.settings(),
    )
    if flags.as_json:
        say(card.text.rstrip())
    else:
        say(card.table())
        if request.protocol.sampling is not None and request.protocol.sampling.rejection is not None:
            say(_rejection(card))
    path = _card_path(request.subject, card, flags.out)
    if path is not None:
        card.save(path)
        _print_unless(flags.as_json, f"score card: {path}")
    else:
        _print_unless(flags.as_json, "the score card is not saved: name a file with --out card.json")
    if flags.nearest:
        _memorization(request, flags, path)


def _curve(request: _Request, flags: ResultFlags) -> None:
    from everymode.evaluation.curve import DEFAULT_TRUNCATIONS, curve_table, save_curve, truncation_curve

    truncations = DEFAULT_TRUNCATIONS if flags.truncations is None else _parse_truncations(flags.truncations)
    cards = truncation_curve(
        request.subject, request.real, truncations=truncations, verbose=True, **request.settings()
    )
    say(curve_table(cards))
    folder = evaluations_folder(request.subject) or Path()
    path = flags.out or folder / f"truncation-{card_name(cards[-1])}"
    for file in save_curve(cards, path):
        say(f"wrote {file}")


def _memorization(request: _Request, flags: ResultFlags, card: Path | None) -> None:
    from everymode.evaluation.nearest_images import memorization

    result = memorization(request.subject, request.real, flags.held_out, **request.settings())
    path = Path("memorization.png") if card is None else card.with_name(f"{card.stem}-nearest.png")
    _print_unless(flags.as_json, result.summary())
    _print_unless(flags.as_json, f"nearest real images: {result.save(path)}")


def _parse_truncations(text: str) -> list[float]:
    try:
        return [float(piece) for piece in text.split(",")]
    except ValueError:
        raise ValueError(f'--truncations is a list such as 0.5,0.7,1, not "{text}"') from None
