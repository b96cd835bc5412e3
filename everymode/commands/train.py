"""`everymode train`: training, with a recipe's hyper-parameters as flags."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from everymode.commands import train_flags
from everymode.commands.ending import Exit, fail, say
from everymode.commands.numbers import describe, number_flags
from everymode.commands.own_recipes import has_own_code, quoted, recipe_file, resume_command
from everymode.commands.recipes import document_of
from everymode.commands.repeating import repetition_of
from everymode.data.joined_names import joined_name
from everymode.extractors.naming import names_code
from everymode.part import Conditioning, Part
from everymode.recipe import KINDS, Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.choosing import chosen, of_another_part, with_choices
from everymode.recipes.parts.catalog import PARTS, name_of

if TYPE_CHECKING:
    from everymode.runs.run import Run

_SELECTABLE = tuple(kind for kind in KINDS if len(PARTS[kind]) > 1)
"""Kinds of parts that a flag selects; terms are selected by their weights."""
_VALUED = (
    "--data",
    "--out",
    "--resume",
    "--config",
    "--init-from",
    "--name",
    *(f"--{kind}" for kind in _SELECTABLE),
)
"""Flags with a value that may look like a recipe's name."""


def train(
    recipe: Annotated[
        str | None,
        Parameter(
            help="Name of a recipe (`everymode recipes` lists them), or a Python file that defines RECIPE."
        ),
    ] = None,
    /,
    *,
    data: train_flags.Data = None,
    out: Annotated[Path, Parameter(help="Folder in which a numbered run folder is created.")] = Path("runs"),
    resume: Annotated[
        str | None,
        Parameter(
            help="Run folder to resume; or auto: the newest run with the same hyper-parameters and data, if any.",
            metavar="auto|RUN",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        Parameter(
            help="config.json of a run to repeat with its recipe and data; flags change hyper-parameters."
        ),
    ] = None,
    init_from: Annotated[
        Path | None, Parameter(help="Run or checkpoint whose networks to start from (fine-tuning).")
    ] = None,
    device: Annotated[
        str | None, Parameter(help="cpu, cuda or cuda:1 (default: a GPU if there is one).")
    ] = None,
    on_nonfinite: train_flags.OnNonfinite = "stop",
    on_collapse: train_flags.OnCollapse = "warn",
    font: train_flags.Font = None,
    track: train_flags.Track = None,
    quiet: train_flags.Quiet = False,
    **numbers: Any,
) -> Exit:
    """Train, and print where the results are.

    Returns:
        The exit code. Errors of the user are raised.
    """
    settings = {
        "resume": resume,
        "init_from": init_from,
        "device": device,
        "on_nonfinite": on_nonfinite,
        "on_collapse": on_collapse,
        "font": font,
        "track": track,
    }
    source = joined_name(data) if data else None
    if config is None:
        return _train(recipe or recipe_of_run(resume), source, out, quiet, settings, numbers)
    if resume not in (None, "auto"):
        raise ValueError("--config starts a new run, and --resume continues one: leave one of them out")
    repeated, source, numbers = _repeated(config, recipe, source, quiet, numbers, settings)
    return _train(repeated, source, out, quiet, settings, numbers)


def _repeated(
    config: Path,
    recipe: str | None,
    data: str | None,
    quiet: bool,
    numbers: dict[str, Any],
    settings: dict[str, Any],
) -> tuple[str | Recipe, str, dict[str, Any]]:
    """Return recipe, data and hyper-parameters for a run that repeats the one of `config`; `init_from` is set too."""
    repeated = repetition_of(config, recipe)
    if data is None:
        # Otherwise held-out data belongs to the recipe's default data only.
        numbers = {"held_out": repeated.recipe.held_out, **numbers}
    if repeated.changed_at and not quiet:
        steps = ", ".join(map(str, repeated.changed_at))
        say(
            f"hyper-parameters of {config} changed at step {steps}: this run has the last ones from the start"
        )
    if repeated.init_from is not None and settings["init_from"] is None:
        settings["init_from"] = Path(repeated.init_from)
        if not quiet:
            say(f"the networks start from {repeated.init_from}, as those of {config} did")
    repeated_recipe, numbers = repeated.arguments(recipe, numbers, config)
    return repeated_recipe, data or repeated.source, numbers


def _train(
    recipe: str | Recipe,
    data: str | None,
    out: Path,
    quiet: bool,
    settings: dict[str, Any],
    numbers: dict[str, Any],
) -> Exit:
    from everymode.machine.stopping import Stopped
    from everymode.runs.run import train as train_run
    from everymode.training.nonfinite import Diverged
    from everymode.training.trainer import Collapsed

    try:
        run = train_run(recipe, data, out, quiet=quiet, **settings, **numbers)
    except Stopped as stopped:
        _print_resume_command(stopped.text, stopped.folder, settings)
        return Exit.STOPPED
    except (Diverged, Collapsed) as failure:
        return fail(failure, Exit.DIVERGED)
    except FileNotFoundError as error:
        # The message begins with the path. If that is not the run to resume or to start from, it is the data.
        paths = [str(Path(path)) for path in (settings["resume"], settings["init_from"]) if path is not None]
        if str(error).startswith((*paths, *(f"there is no {path}" for path in paths))):
            return fail(error, Exit.USAGE)
        moved = data is None and settings["resume"] not in (None, "auto")
        hint = f" (if the data of {settings['resume']} has moved, name it with --data)" if moved else ""
        return fail(f"{error}{hint}" if hint else error, Exit.DATA)
    if not quiet:
        _print_results(run)
    return Exit.DONE


def train_command(tokens: Sequence[str]) -> Callable[..., Exit]:
    """Return `train` with a signature for cyclopts that has a flag per hyper-parameter.

    The hyper-parameters are those of the recipe that the command line names and of the parts that it selects; without a
    recipe, those of the run to resume, or else those that every recipe has.

    Args:
        tokens: the command line after `train`.

    Raises:
        ValueError: if there is no such recipe or part, or a flag belongs to a part that is not selected.
        FileNotFoundError: if there is no such recipe file or run.
    """
    name = named_recipe(tokens)
    resume, config = _value_of("--resume", tokens), _value_of("--config", tokens)
    if config is not None:
        recipe = repetition_of(Path(config), name).recipe
    elif name is not None:
        recipe = find(name)
    elif resume not in (None, "auto"):
        recipe = recipe_of_run(resume)
    else:
        recipe = Recipe()
    parts = {part.kind: part for part in recipe.parts()}
    for kind in _SELECTABLE if parts else ():
        if (part_name := _value_of(f"--{kind}", tokens)) is not None:
            parts[kind] = chosen(recipe, kind, part_name)  # whether parts fit together is checked later
    signature = inspect.signature(train, eval_str=True)
    options = [option for option in signature.parameters.values() if option.kind is not option.VAR_KEYWORD]
    flags = number_flags(recipe, reserved=[option.name for option in options], parts=[*parts.values()])
    _reject_flags_of_other_parts(tokens, recipe, parts, [*options, *flags])
    flags = [*_part_flags(recipe), *flags]
    if (
        recipe.data
    ):  # displayed as the default of --data; defaults are not passed on, so it changes nothing else
        options = [each.replace(default=recipe.data) if each.name == "data" else each for each in options]

    def command(*arguments: Any, **settings: Any) -> Exit:
        if (name or config) is not None and settings.get("resume") is None:
            # Reject invalid values before anything slow begins; for a resumed run, `train` does.
            with_choices(
                recipe, **{flag.name: settings[flag.name] for flag in flags if flag.name in settings}
            )
        return train(*arguments, **settings)

    describe(command, [*options, *flags], _description(name, recipe))
    return command


def named_recipe(tokens: Sequence[str]) -> str | None:
    """Return the recipe among the words after `train`: the first word that is neither a flag nor a flag's value."""
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token.startswith("-"):
            continue
        if not before.startswith("-") or "=" in before:
            return token
        # A word after a flag may follow a switch such as --mirror; without the recipe, switches are not known.
        known = token in RECIPES or token.endswith(".py")
        if known and before.replace("_", "-") not in _VALUED:
            return token
    return None


def recipe_of_run(resume: str | None) -> Recipe:
    """Return the recipe of the run to resume.

    Code that the run folder names is not executed: a custom extractor is dropped here, and `train` raises an error that
    tells the user to name it.

    Raises:
        ValueError: if no run is named, or its recipe is custom.
        FileNotFoundError: if it is not a run folder.
    """
    if resume in (None, "auto"):
        also = " with --resume auto" if resume else ""
        raise ValueError(
            f"name a recipe{also}, as in `everymode train omni-gan-digits`; `everymode recipes` lists them"
        )
    folder = Path(str(resume))
    if has_own_code(folder):
        raise ValueError(
            f"{folder} was trained with a custom recipe, whose code is executed only if you name it: "
            f"{resume_command(folder)}"
        )
    from everymode.sampling.record import recipe_of
    from everymode.storage.run_folder import RunFolder

    recipe = recipe_of(RunFolder(folder).read_config(), path=folder)
    foreign = recipe.metric_extractor is not None and names_code(recipe.metric_extractor)
    return replace(recipe, metric_extractor=None) if foreign else recipe


def _part_flags(recipe: Recipe) -> list[inspect.Parameter]:
    """Return a flag for each kind of part, which takes a part's name."""
    group, flags = Group("Parts", sort_key=1), []
    for kind in _SELECTABLE:
        part = getattr(recipe, kind)
        described = Parameter(
            help=f"One of {', '.join(PARTS[kind])}.",
            group=group,
            metavar="NAME",
            show_default=part is not None,
        )
        default = None if part is None else name_of(part) or type(part).__name__
        flags.append(
            inspect.Parameter(
                kind,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=Annotated[str | None, described],
            )
        )
    return flags


def _reject_flags_of_other_parts(
    tokens: Sequence[str], recipe: Recipe, parts: dict[str, Part], known: Sequence[inspect.Parameter]
) -> None:
    """Raise ValueError for a flag of a part that is not selected, or one that was renamed."""
    names = {option.name for option in known}
    for token in tokens:
        name = token.partition("=")[0].removeprefix("--").replace("-", "_")
        if token.startswith("--") and not {name, name.removeprefix("no_")} & names:
            message = of_another_part(recipe, name.removeprefix("no_"), parts)
            if message:
                raise ValueError(message)


def _description(name: str | None, recipe: Recipe) -> str:
    if name is None:
        return (
            "Train a recipe on your data.\n\n"
            "The hyper-parameters below are those of every recipe, with neutral values; `everymode train RECIPE "
            "--help` shows those of a recipe, and `everymode recipes` lists the recipes."
        )
    first = RECIPES[name][2] if name in RECIPES else f"The recipe of {name}"
    about = document_of(name, recipe).split("\n\n")[0]
    return f"{first}.\n\n{about}\n\n`everymode recipes show {name}` has the full description."


def _value_of(flag: str, tokens: Sequence[str]) -> str | None:
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        if token == flag:
            return following or None
        if token.startswith(f"{flag}="):
            return token.removeprefix(f"{flag}=")
    return None


def _print_results(run: Run) -> None:
    say(f"done: {run.steps} steps in {run.folder}")
    for title, pattern in (("last samples", "samples/step-*.png"), ("last checkpoint", "checkpoints/step-*")):
        newest = max(run.folder.glob(pattern), default=None)
        if newest is not None:
            say(f"  {title:<16}{newest}")
    recipe = f" --recipe {recipe_file(run.folder)}" if has_own_code(run.folder) else ""
    purpose, command, rest = _USES[
        "labels" if run.recipe.networks is None else run.recipe.networks.conditioned_on
    ]
    say(f"{purpose} with: everymode {command} {quoted(run.folder)}{rest}{recipe}")


_USES: dict[Conditioning, tuple[str, str, str]] = {
    "labels": ("draw samples", "sample", ""),
    "maps": ("generate images from label maps", "translate", " MAPS --out images"),
    "pictures": ("enlarge pictures", "upscale", " PICTURES --out enlarged"),
    "attributes": ("change attributes", "translate", " PICTURES --out images"),
}
"""Kind of condition -> what to do with a trained generator: purpose, command, and what follows the run."""


def _print_resume_command(message: str, folder: Path | None, settings: dict[str, Any]) -> None:
    say(message)
    if folder is None:
        return
    program = "everymode"
    machines = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        several = f"--nnodes {machines} " if machines > 1 else ""
        program = f"torchrun {several}--nproc-per-node {os.environ.get('LOCAL_WORLD_SIZE', '1')} -m everymode"
    defaults = {"device": None, "on_nonfinite": "stop", "on_collapse": "warn", "font": None, "track": None}
    options = "".join(
        f" --{name.replace('_', '-')} {quoted(settings[name])}"
        for name, default in defaults.items()
        if settings[name] != default
    )
    say(f"resume with: {resume_command(folder, program)}{options}")
    if machines > 1:
        say("(on every machine, with the same rendezvous options as before)")
