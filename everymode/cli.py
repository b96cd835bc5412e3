"""Command line: `everymode`, `python -m everymode`, and `torchrun -m everymode`.

Only commands that compute import torch, so that help, lists and error messages are fast. Every usage error is one line
and an exit code (everymode/commands/ending.py).
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

from cyclopts import App, CycloptsError, Group, UnknownOptionError, UnusedCliTokensError
from cyclopts.help import ColumnSpec, DefaultFormatter, DescriptionRenderer, NameRenderer

from everymode.commands.clusters import clusters
from everymode.commands.compare import compare
from everymode.commands.data import check_data
from everymode.commands.dissect import dissect
from everymode.commands.ending import Exit, fail, say
from everymode.commands.evaluate import evaluate
from everymode.commands.explore import explore
from everymode.commands.export import export_command
from everymode.commands.importing import import_command
from everymode.commands.invert import invert
from everymode.commands.partition import partition_command
from everymode.commands.push import push
from everymode.commands.recipes import list_parts, list_recipes, show_recipe
from everymode.commands.restore import restore
from everymode.commands.runs import list_runs
from everymode.commands.sample import sample
from everymode.commands.train import named_recipe, train_command
from everymode.commands.translate import translate
from everymode.commands.upscale import upscale
from everymode.data.errors import DataError, DataWarning
from everymode.numbers import SPELLINGS, NotFinite
from everymode.version import __version__

# Wide enough for the longest flag, --no-decoupled-weight-decay, so that no flag is wrapped.
_NAMES_WIDTH = 32


def _escape_unencodable(stream: TextIO) -> None:
    """Make a stream print file names that are not valid UTF-8 with escapes (\\udcXX) instead of raising an error."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")


def main(tokens: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        tokens: the words of the command line; None = those of this process.

    Returns:
        The exit code: 0 done, 1 a failed write or another error of the system, 2 an error in the command line, a recipe
        or a hyper-parameter, 3 data that can't be used, 4 a loss was not finite, 75 stopped by a signal with a valid
        checkpoint, 130 interrupted, 141 the reader of the output has closed it.
    """
    words = [_respelled(word) for word in (sys.argv[1:] if tokens is None else tokens)]
    _escape_unencodable(sys.stdout)
    try:
        command, bound, _ = application(words).parse_args(words, exit_on_error=False, print_error=False)
        with warnings.catch_warnings():
            # Commands print the notes of a dataset themselves, or write them to a score card.
            warnings.simplefilter("ignore", DataWarning)
            result = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except CycloptsError as error:
        return fail(_usage_error(error, words), Exit.USAGE)
    except DataError as error:
        return fail(error, Exit.DATA)
    except BrokenPipeError:  # the reader of the output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.UNREAD
    except NotFinite as error:
        return fail(error, Exit.DIVERGED)
    except (ValueError, FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
        return fail(error, Exit.USAGE)
    except OSError as error:
        return fail(error, Exit.FAILED)
    except ImportError as error:
        if "pip install" not in str(error):
            raise
        return fail(error, Exit.USAGE)
    except KeyboardInterrupt:
        return fail("interrupted", Exit.INTERRUPTED)
    return int(result) if isinstance(result, int) else Exit.DONE


def application(words: Sequence[str] = ()) -> App:
    """Return the application with all commands; options of `train` are those of the recipe in `words`.

    Args:
        words: the words of the command line.

    Raises:
        FileNotFoundError: if the recipe is a file that does not exist.
        ValueError: if there is no such recipe.
    """
    app = App(
        name="everymode",
        version=__version__,
        help="Train GANs that leave no mode out: with labels, with few, or with none.",
        help_format="plaintext",
        help_formatter=DefaultFormatter(column_specs=_columns),
        help_epilogue="`everymode COMMAND --help` shows the options of a command.",
        group_parameters=Group("Options", sort_key=0),
    )
    training = train_command(words[1:] if words[:1] == ["train"] else ())
    app.command(training, name="train", usage=_usage("train RECIPE --data PATH [OPTIONS]"), help_epilogue="")
    partitioning = partition_command(words[1:] if words[:1] == ["partition"] else ())
    app.command(
        partitioning,
        name="partition",
        usage=_usage("partition --data PATH --out DIR [OPTIONS]"),
        help_epilogue="",
    )
    app.command(sample, name="sample", usage=_usage("sample RUN [OPTIONS]"), help_epilogue="")
    app.command(
        translate, name="translate", usage=_usage("translate RUN PATH --out DIR [OPTIONS]"), help_epilogue=""
    )
    app.command(
        upscale, name="upscale", usage=_usage("upscale RUN PATH --out DIR [OPTIONS]"), help_epilogue=""
    )
    app.command(
        restore, name="restore", usage=_usage("restore RUN PHOTO ... --task TASK --out DIR"), help_epilogue=""
    )
    app.command(invert, name="invert", usage=_usage("invert RUN [OPTIONS]"), help_epilogue="")
    app.command(evaluate, name="evaluate", usage=_usage("evaluate RUN [OPTIONS]"), help_epilogue="")
    app.command(
        dissect,
        name="dissect",
        usage=_usage("dissect RUN --segmenter palette|fitted|FILE --out DIR [OPTIONS]"),
        help_epilogue="",
    )
    app.command(compare, name="compare", usage=_usage("compare CARD CARD ... [OPTIONS]"), help_epilogue="")
    app.command(explore, name="explore", usage=_usage("explore RUN [RUN ...] [OPTIONS]"), help_epilogue="")
    app.command(clusters, name="clusters", usage=_usage("clusters RUN [OPTIONS]"), help_epilogue="")
    _add_sharing(app)
    app.command(list_runs, name="runs", usage=_usage("runs [FOLDER] [--json]"), help_epilogue="")
    recipes = App(
        name="recipes",
        help="List the recipes or their parts, or show one recipe.",
        usage=_usage("recipes [WORD ...] | recipes show NAME | recipes parts"),
        help_epilogue="",
    )
    recipes.default(list_recipes)
    recipes.command(show_recipe, name="show", usage=_usage("recipes show NAME [--json] [--origins]"))
    recipes.command(list_parts, name="parts", usage=_usage("recipes parts"))
    app.command(recipes)
    data = App(name="data", help="Inspect a dataset.", help_epilogue="")
    data.command(check_data, name="check", usage=_usage("data check PATH [OPTIONS]"))
    app.command(data)
    app.command(doctor, name="doctor")
    return app


def _add_sharing(app: App) -> None:
    """Add the commands that exchange generators with others."""
    app.command(
        export_command,
        name="export",
        usage=_usage("export RUN --to folder|onnx|torch-export --out PATH [OPTIONS]"),
        help_epilogue="",
    )
    app.command(
        push,
        name="push",
        usage=_usage("push RUN OWNER/NAME --data-name NAME --license LICENSE [OPTIONS]"),
        help_epilogue="",
    )
    app.command(
        import_command,
        name="import",
        usage=_usage("import RELEASE FILE --out FOLDER --license LICENSE --source URL [OPTIONS]"),
        help_epilogue="",
    )


def _respelled(word: str) -> str:
    """Return a word of the command line, with the old name of a flag replaced by the new one."""
    flag, equals, value = word.partition("=")
    name = flag.removeprefix("--").replace("-", "_")
    if not flag.startswith("--") or name not in SPELLINGS:
        return word
    return f"--{SPELLINGS[name].replace('_', '-')}{equals}{value}"


def doctor() -> None:
    """Show versions, devices, compiler, extras and disk space."""
    from everymode.commands.doctor import report

    say(report())


def _usage(rest: str) -> str:
    return f"Usage: everymode {rest}"


def _columns(console: Any, options: Any, entries: Any) -> tuple[ColumnSpec, ...]:
    names = NameRenderer(max_width=_NAMES_WIDTH)
    return (
        ColumnSpec(renderer=names, style="cyclopts.name", max_width=_NAMES_WIDTH, no_wrap=True),
        ColumnSpec(renderer=DescriptionRenderer()),
    )


def _usage_error(error: CycloptsError, words: Sequence[str]) -> str:
    """Return the message of an error of cyclopts; for unknown options it names the help."""
    error.verbose = False
    if isinstance(error, UnusedCliTokensError):
        return f"unexpected argument: {' '.join(error.unused_tokens or [])}"
    text = str(error)
    if isinstance(error, UnknownOptionError) and "Did you mean" not in text:
        recipe = named_recipe(words[1:]) if words[:1] == ["train"] else None
        command = " ".join(["everymode", *(error.command_chain or ()), *([recipe] if recipe else ())])
        text += f" `{command} --help` lists all options."
    return text
