"""`everymode train`: a recipe's numbers as flags, and how a run ends."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from everymode.commands.ending import Exit, fail, say
from everymode.commands.numbers import number_flags
from everymode.commands.own_recipes import has_own_code, quoted, recipe_file
from everymode.commands.recipes import document_of
from everymode.extractors.naming import names_code
from everymode.part import Part
from everymode.recipe import KINDS, Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.choosing import chosen, of_another_part, with_choices
from everymode.recipes.parts.catalog import PARTS, name_of

if TYPE_CHECKING:
    from everymode.runs.run import Run

_CHOSEN = tuple(kind for kind in KINDS if len(PARTS[kind]) > 1)
"""The kinds of parts that a flag chooses; terms are chosen by their weights."""
_VALUED = ("--data", "--out", "--resume", "--init-from", "--name", *(f"--{kind}" for kind in _CHOSEN))


def train(
    recipe: Annotated[
        str | None,
        Parameter(help="A recipe's name (`everymode recipes` lists them), or a Python file."),
    ] = None,
    /,
    *,
    data: Annotated[
        str | None,
        Parameter(help="Folder, .zip, .parquet, ... or built-in name to train on."),
    ] = None,
    out: Annotated[Path, Parameter(help="Folder that gets a numbered run folder.")] = Path("runs"),
    resume: Annotated[
        str | None,
        Parameter(
            help="Run folder to go on with, or auto: the newest of this recipe, data and seed, if any.",
            metavar="auto|RUN",
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        Parameter(help="Run or checkpoint whose networks to start from (fine-tuning)."),
    ] = None,
    device: Annotated[
        str | None, Parameter(help="cpu, cuda or cuda:1; left out, a GPU if there is one.")
    ] = None,
    on_nonfinite: Annotated[
        Literal["stop", "rollback"],
        Parameter(
            help="When a loss is not finite: stop, or go back to the last checkpoint with half the "
            "discriminator's learning rate."
        ),
    ] = "stop",
    on_collapse: Annotated[
        Literal["warn", "stop", "rollback"],
        Parameter(
            help="When the watch for collapse raises an alarm: say so, stop, or go back to the last healthy "
            "checkpoint with the recipe's remedy."
        ),
    ] = "warn",
    quiet: Annotated[
        bool, Parameter(help="Print nothing but errors.", negative="", show_default=False)
    ] = False,
    **numbers: Any,
) -> Exit:
    """Train, and say where the results are. Returns the exit code; user mistakes are raised."""
    settings = {
        "resume": resume,
        "init_from": init_from,
        "device": device,
        "on_nonfinite": on_nonfinite,
        "on_collapse": on_collapse,
    }
    return _train(recipe or recipe_of_run(resume), data, out, quiet, settings, numbers)


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
        how = (settings["device"], settings["on_nonfinite"], settings["on_collapse"])
        _say_how_to_go_on(str(stopped), stopped.folder, *how)
        return Exit.STOPPED
    except (Diverged, Collapsed) as failure:
        return fail(failure, Exit.DIVERGED)
    except FileNotFoundError as error:
        # The message begins with the path. What is neither the run nor the checkpoint to start from is data.
        paths = (settings["resume"], settings["init_from"])
        asked = tuple(str(Path(path)) for path in paths if path is not None)
        return fail(error, Exit.USAGE if str(error).startswith(asked) else Exit.DATA)
    if not quiet:
        _say_results(run)
    return Exit.DONE


def train_command(tokens: Sequence[str]) -> Callable[..., Exit]:
    """`train` as cyclopts reads it: its signature with the numbers of the recipe that the command line names, and of
    the parts that it chooses.

    Without a recipe, those of the run that it resumes, else those that every recipe has. Raises ValueError or
    FileNotFoundError for a recipe or run that isn't there, and ValueError for a part that there is not, and for a
    number of a part that is not chosen.
    """
    name = named_recipe(tokens)
    resume = _value_of("--resume", tokens)
    if name is not None:
        recipe = find(name)
    elif resume not in (None, "auto"):
        recipe = recipe_of_run(resume)
    else:
        recipe = Recipe()
    parts = {part.kind: part for part in recipe.parts()}
    for kind in _CHOSEN if parts else ():
        if (asked := _value_of(f"--{kind}", tokens)) is not None:
            parts[kind] = chosen(recipe, kind, asked)  # whether they fit is asked once all numbers are known
    own = inspect.signature(train, eval_str=True)
    options = [option for option in own.parameters.values() if option.kind is not option.VAR_KEYWORD]
    flags = number_flags(recipe, reserved=[option.name for option in options], parts=[*parts.values()])
    _refuse_numbers_of_others(tokens, recipe, parts, [*options, *flags])
    flags = [*_part_flags(recipe), *flags]
    if recipe.data:  # shown as --data's default; what is not given is not passed on, so it changes nothing
        options = [each.replace(default=recipe.data) if each.name == "data" else each for each in options]

    def command(*arguments: Any, **given: Any) -> Exit:
        if name is not None and given.get("resume") is None:
            # A wrong number is refused before anything slow begins; for a run that goes on, by train itself.
            with_choices(recipe, **{flag.name: given[flag.name] for flag in flags if flag.name in given})
        return train(*arguments, **given)

    command.__signature__ = inspect.Signature([*options, *flags])  # type: ignore[attr-defined]
    command.__doc__ = _description(name, recipe)
    return command


def named_recipe(tokens: Sequence[str]) -> str | None:
    """The recipe among the words after `train`: the first that is neither a flag nor a flag's value."""
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token.startswith("-"):
            continue
        if not before.startswith("-") or "=" in before:
            return token
        # After a switch such as --mirror: only the recipe itself knows which of its flags take a value.
        known = token in RECIPES or token.endswith(".py")
        if known and before.replace("_", "-") not in _VALUED:
            return token
    return None


def recipe_of_run(resume: str | None) -> Recipe:
    """The recipe of a run to go on with. A file of the user's own is run only if the user names it; an extractor of
    one's own is left out likewise, and `train` asks for it.
    """
    if resume in (None, "auto"):
        also = " with --resume auto" if resume else ""
        raise ValueError(
            f"name a recipe{also}, as in `everymode train omni-gan-digits`; `everymode recipes` lists them"
        )
    folder = Path(str(resume))
    if has_own_code(folder):
        raise ValueError(
            f"{folder} was trained with a recipe of your own, and its code is run only if you name it: "
            f"everymode train {recipe_file(folder)} --resume {quoted(folder)}"
        )
    from everymode.sampling.record import recipe_of
    from everymode.storage.run_folder import RunFolder

    recipe = recipe_of(RunFolder(folder).read_config(), path=folder)
    foreign = recipe.metric_extractor is not None and names_code(recipe.metric_extractor)
    return replace(recipe, metric_extractor=None) if foreign else recipe


def _part_flags(recipe: Recipe) -> list[inspect.Parameter]:
    """A flag for each kind of part, which takes a part's name."""
    group, flags = Group("Parts", sort_key=1), []
    for kind in _CHOSEN:
        mine = getattr(recipe, kind)
        described = Parameter(
            help=f"One of {', '.join(PARTS[kind])}.",
            group=group,
            metavar="NAME",
            show_default=mine is not None,
        )
        default = None if mine is None else name_of(mine) or type(mine).__name__
        flags.append(
            inspect.Parameter(
                kind,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=Annotated[str | None, described],
            )
        )
    return flags


def _refuse_numbers_of_others(
    tokens: Sequence[str], recipe: Recipe, parts: dict[str, Part], known: Sequence[inspect.Parameter]
) -> None:
    """Raise ValueError for a flag that sets a number of a part which is not chosen, or that was renamed."""
    names = {option.name for option in known}
    for token in tokens:
        name = token.partition("=")[0].removeprefix("--").replace("-", "_")
        if token.startswith("--") and not {name, name.removeprefix("no_")} & names:
            sentence = of_another_part(recipe, name.removeprefix("no_"), parts)
            if sentence:
                raise ValueError(sentence)


def _description(name: str | None, recipe: Recipe) -> str:
    if name is None:
        return (
            "Train a recipe on your data.\n\n"
            "Below are the numbers that every recipe has, with neutral values; `everymode train RECIPE "
            "--help` shows one recipe's own, and `everymode recipes` lists the recipes."
        )
    first = RECIPES[name][2] if name in RECIPES else f"The recipe of {name}"
    about = document_of(name, recipe).split("\n\n")[0]
    return f"{first}.\n\n{about}\n\n`everymode recipes show {name}` tells more."


def _value_of(flag: str, tokens: Sequence[str]) -> str | None:
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        if token == flag:
            return following or None
        if token.startswith(f"{flag}="):
            return token.removeprefix(f"{flag}=")
    return None


def _say_results(run: Run) -> None:
    say(f"done: {run.steps} steps in {run.folder}")
    for what, pattern in (("last samples", "samples/step-*.png"), ("last checkpoint", "checkpoints/step-*")):
        newest = max(run.folder.glob(pattern), default=None)
        if newest is not None:
            say(f"  {what:<16}{newest}")
    recipe = f" --recipe {recipe_file(run.folder)}" if has_own_code(run.folder) else ""
    say(f"draw from it with: everymode sample {quoted(run.folder)}{recipe}")


def _say_how_to_go_on(
    what: str, folder: Path | None, device: str | None, on_nonfinite: str, on_collapse: str
) -> None:
    say(what)
    if folder is None:
        return
    command = "everymode"
    machines = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        several = f"--nnodes {machines} " if machines > 1 else ""
        command = f"torchrun {several}--nproc-per-node {os.environ.get('LOCAL_WORLD_SIZE', '1')} -m everymode"
    recipe = f" {recipe_file(folder)}" if has_own_code(folder) else ""
    options = f" --device {device}" if device else ""
    options += f" --on-nonfinite {on_nonfinite}" if on_nonfinite != "stop" else ""
    options += f" --on-collapse {on_collapse}" if on_collapse != "warn" else ""
    say(f"go on with: {command} train{recipe} --resume {quoted(folder)}{options}")
    if machines > 1:
        say("(on every machine, with the rendezvous options that it was started with)")
