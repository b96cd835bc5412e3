"""`everymode evaluate`: judge a generator, or generated images, against real ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from everymode.commands.ending import Exit, fail, say
from everymode.commands.numbers import whole_number
from everymode.commands.own_recipes import require_named_recipe
from everymode.recipe import Recipe
from everymode.recipes import find

if TYPE_CHECKING:
    from everymode.evaluation.score_card import ScoreCard


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
    metrics: Annotated[
        str | None, Parameter(help="Of fd,fd-inf,kd,pr,dc,is,per-class; left out, fd,kd,pr,dc,is.")
    ] = None,
    extractor: Annotated[
        str | None,
        Parameter(
            help="Feature extractor, such as lite0:128, inception:PATH or classifier:DATA; left out, lite0 at 128 "
            "pixels (224 on a GPU; 64 with --fast), or digits for the bundled digits."
        ),
    ] = None,
    layer: Annotated[str | None, Parameter(help="Of the extractor, if not its first.")] = None,
    num: Annotated[
        int | None,
        Parameter(
            help="Generated images; left out, as many as real ones, at most 10,000.", converter=whole_number
        ),
    ] = None,
    num_real: Annotated[
        int | None,
        Parameter(help="Real images, chosen at random; left out, all.", converter=whole_number),
    ] = None,
    seed: Annotated[int, Parameter(help="Which images of the generator.", converter=whole_number)] = 0,
    truncation: Annotated[float, Parameter(help="Below 1 trades variety for typicality.")] = 1.0,
    truncation_rule: Annotated[
        Literal["scale", "resample"],
        Parameter(help="Multiply z by the truncation, or redraw what lies beyond it."),
    ] = "scale",
    ema: Annotated[
        bool, Parameter(help="Judge the averaged generator; --no-ema: the raw one.", negative="--no-ema")
    ] = True,
    label_prior: Annotated[
        Literal["data", "uniform", "source"] | None,
        Parameter(
            help="Labels as frequent as in the data, all equally, or as the label source draws them; left out, data "
            "where labels are the data's classes."
        ),
    ] = None,
    reject: Annotated[
        int | None,
        Parameter(
            help="Draw again, at most so often, what is not in the part it was asked for (generators on partitions).",
            converter=whole_number,
        ),
    ] = None,
    batch_statistics: Annotated[
        bool,
        Parameter(help="Batch normalization by each batch of 64, as is usual for CIFAR-10.", negative=""),
    ] = False,
    standing_statistics: Annotated[
        bool,
        Parameter(help="Batch normalization by statistics taken anew over 16 batches of 64.", negative=""),
    ] = False,
    max_features: Annotated[
        int, Parameter(help="Features kept on each side, for all metrics but fd.", converter=whole_number)
    ] = 10_000,
    fast: Annotated[
        bool,
        Parameter(
            help="2,000 generated and up to 10,000 real images, lite0 at 64 pixels, fd,kd.", negative=""
        ),
    ] = False,
    resolution: Annotated[
        str | None,
        Parameter(help="Size at which images are opened; left out, the generator's.", metavar="SIZE"),
    ] = None,
    truncation_curve: Annotated[
        bool,
        Parameter(help="Judge at many truncations; writes a table and a plot.", negative=""),
    ] = False,
    truncations: Annotated[
        str | None, Parameter(help="Those of the curve, as in 0.5,0.7,1; left out, 0.05 to 1 in 20 steps.")
    ] = None,
    memorization: Annotated[
        bool,
        Parameter(help="Also a picture of samples beside their nearest real images.", negative=""),
    ] = False,
    held_out: Annotated[
        str | None, Parameter(help="Real images kept out of training, for the memorization gap.")
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="Score card to write (.json); left out, in the run's `evaluations`.")
    ] = None,
    as_json: Annotated[bool, Parameter(name="--json", help="Print the card, no table.", negative="")] = False,
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
    if batch_statistics and standing_statistics:
        raise ValueError(
            "--batch-statistics and --standing-statistics exclude each other: give one of the two"
        )
    if held_out is not None:
        memorization = True
    if truncations is not None:
        truncation_curve = True
    if truncation_curve and memorization:
        raise ValueError("--truncation-curve and --memorization are two evaluations: ask for one of the two")
    own = _own_recipe(judged_path, recipe)
    _check_out(out)
    from everymode.evaluation.sampling import Sampling

    batch_norm = "batch" if batch_statistics else "standing" if standing_statistics else "running"
    sampling = Sampling(
        seed=seed,
        truncation=truncation,
        truncation_rule=truncation_rule,
        label_prior=label_prior,
        batch_norm=batch_norm,  # type: ignore[arg-type]
        rejection=reject,
    )
    settings = {
        "extractor": extractor,
        "metrics": metrics,
        "num": num,
        "num_real": num_real,
        "sampling": sampling,
        "ema": ema,
        "layer": layer,
        "max_features": max_features,
        "fast": fast,
        "resolution": resolution,
        "recipe": own,
        "device": device,
    }
    try:
        if truncation_curve:
            return _curve(judged_path, real, truncations, out, settings)
        from everymode.evaluation.judging import evaluate as judge

        card = judge(judged_path, real, talk=not as_json, **settings)  # type: ignore[arg-type]
        if as_json:
            say(card.text.rstrip())
        else:
            say(card.table())
            if reject is not None:
                say(_rejection(card))
        place = _place(judged_path, card, out)
        if place is not None:
            card.save(place)
            _tell(f"score card: {place}", quiet=as_json)
        else:
            _tell("no score card is kept: name a file with --out card.json", quiet=as_json)
        if memorization:
            _memorization(judged_path, real, held_out, place, settings, quiet=as_json)
    except FileNotFoundError as error:
        paths = [Path(side).expanduser() for side in (judged_path, real, held_out) if side is not None]
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


def _curve(judged: str, real: str | None, truncations: str | None, out: Path | None, settings: dict) -> Exit:
    from everymode.evaluation.curve import DEFAULT_TRUNCATIONS, curve_table, save_curve, truncation_curve

    chosen = DEFAULT_TRUNCATIONS if truncations is None else _numbers(truncations)
    cards = truncation_curve(judged, real, truncations=chosen, talk=True, **settings)
    say(curve_table(cards))
    folder = evaluations_folder(judged) or Path()
    place = out or folder / f"truncation-{card_name(cards[-1])}"
    for file in save_curve(cards, place):
        say(f"wrote {file}")
    return Exit.DONE


def _memorization(
    judged: str, real: str | None, held_out: str | None, card: Path | None, settings: dict, *, quiet: bool
) -> None:
    from everymode.evaluation.nearest import memorization

    kept = (
        "extractor",
        "layer",
        "num",
        "num_real",
        "sampling",
        "ema",
        "fast",
        "resolution",
        "recipe",
        "device",
    )
    found = memorization(judged, real, held_out, **{name: settings[name] for name in kept})
    place = Path("memorization.png") if card is None else card.with_name(f"{card.stem}-nearest.png")
    _tell(found.summary(), quiet=quiet)
    _tell(f"nearest real images: {found.save(place)}", quiet=quiet)


def _numbers(text: str) -> list[float]:
    try:
        return [float(piece) for piece in text.split(",")]
    except ValueError:
        raise ValueError(f'--truncations is a list such as 0.5,0.7,1, not "{text}"') from None
