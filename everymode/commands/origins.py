"""Where a recipe's numbers come from, and where its pieces stand: files and lines, read from the source."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from everymode.commands.numbers import Number, fields_in_source, parsed
from everymode.part import Part
from everymode.recipe import Recipe
from everymode.recipes import RECIPES

_DEFAULT = "default"
"""What is found where a literal chooses a part and leaves the number at the default of the part's class."""


def origin_of(name: str, number: Number) -> str:
    """The place that sets a number of the recipe of that name: a literal, or the default of the class that has it."""
    module, constant = RECIPES[name][:2] if name in RECIPES else (f"user_recipe_{Path(name).stem}", "RECIPE")
    kind = number.owner.kind if isinstance(number.owner, Part) else ""
    found = _in_literal(module, constant, number.name, kind)
    return found if found not in ("", _DEFAULT) else _default(type(number.owner), number.name)


def pieces_of(recipe: Recipe) -> list[tuple[str, str]]:
    """G, D, label source, loss and terms of a recipe's game, with the file and line of each.

    The game is built without memory for its weights, for ten classes where only the data know how many.
    """
    import torch

    if recipe.needs_labels() and not recipe.num_classes:
        recipe = replace(recipe, num_classes=10)
    with torch.device("meta"):
        game = recipe.build()
    terms = game.objective.discriminator_terms, game.objective.generator_terms
    return [
        ("generator", _place_of(type(game.generator))),
        ("discriminator", _place_of(type(game.discriminator))),
        ("labels", _place_of(type(game.labels))),
        ("loss", _place_of(game.objective.adversarial.discriminator)),
        *((f"term of {player}", f"{each.name}: {_place_of(each.term)}") for player, each in _named(terms)),
    ]


def _named(terms: tuple[Any, Any]) -> Iterator[tuple[str, Any]]:
    for player, some in zip("DG", terms, strict=True):
        yield from ((player, each) for each in some)


def _place_of(piece: Any) -> str:
    """Name, file and line of a class, a function or an object of a class."""
    if not inspect.isclass(piece) and not inspect.isfunction(piece):
        piece = type(piece)
    file = inspect.getsourcefile(piece)
    line = piece.__code__.co_firstlineno if inspect.isfunction(piece) else inspect.getsourcelines(piece)[1]
    return f"{piece.__qualname__.replace('.<locals>', '')} ({_short(str(file))}:{line})"


def _default(kind: type, number: str) -> str:
    for base in kind.__mro__:
        found = fields_in_source(base).get(number)
        if found is not None:
            return f"default of {base.__name__} ({_place(base.__module__, found[1])})"
    return ""


def _in_literal(module: str, constant: str, number: str, kind: str) -> str:
    """Where the literal, or one that it derives from, sets the number; "" where none does."""
    value = _assignments(module).get(constant)
    return _in_value(module, value, number, kind) if value is not None else ""


def _in_value(module: str, value: ast.expr, number: str, kind: str) -> str:
    """The same for an expression: a call of Recipe, replace(BASE, ...) or BASE.with_numbers(...), or a name."""
    if isinstance(value, ast.Name | ast.Attribute):
        there = _resolved(module, value)
        return _in_literal(*there, number, kind) if there else ""
    if not isinstance(value, ast.Call):
        return ""
    words = [each for word in value.keywords for each in _spelled_out(module, word)]
    for name, _, _, line in words:
        if name == number:
            return f"set in {_place(module, line)}"
    for name, there, part, _ in words:
        if name == kind:
            return _in_value(there, part, number, "") or _of_part(there, part)
    base = _base(value)
    return _in_value(module, base, number, kind) if base is not None else ""


def _of_part(module: str, part: ast.expr) -> str:
    """Where a number comes from that the expression of a part does not set: its class, or a function's arguments."""
    if isinstance(part, ast.Call) and part.args:
        return f"computed in {_place(module, part.lineno)}"
    return _DEFAULT


def _base(call: ast.Call) -> ast.expr | None:
    """What a call changes: BASE in BASE.with_numbers(...), and in replace(BASE, ...) or function(BASE)."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "with_numbers":
        return call.func.value
    return call.args[0] if call.args else None


def _spelled_out(module: str, word: ast.keyword) -> list[tuple[str, str, ast.expr, int]]:
    """What a keyword of a call sets, or each key of an unpacked dictionary: name, module and expression of the value,
    line of the call.
    """
    if word.arg is not None:
        return [(word.arg, module, word.value, word.value.lineno)]
    there = _resolved(module, word.value)
    literal = _assignments(there[0]).get(there[1]) if there else word.value
    if not isinstance(literal, ast.Dict):
        return []
    where, line = there[0] if there else module, word.value.lineno
    pairs = zip(literal.keys, literal.values, strict=True)
    return [(str(key.value), where, value, line) for key, value in pairs if isinstance(key, ast.Constant)]


def _resolved(module: str, value: ast.expr) -> tuple[str, str] | None:
    """(module, constant) that a name, or module.name, stands for."""
    imported = _imports(module)
    if isinstance(value, ast.Name):
        if value.id in _assignments(module):
            return module, value.id
        there = imported.get(value.id)
        return tuple(there.rsplit(".", 1)) if there else None  # type: ignore[return-value]
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id in imported:
        return imported[value.value.id], value.attr
    return None


def _assignments(module: str) -> dict[str, ast.expr]:
    """What each name at a module's head is assigned."""
    found: dict[str, ast.expr] = {}
    for statement in _tree(module).body:
        if not isinstance(statement, ast.Assign):
            continue
        target, value = statement.targets[0], statement.value
        several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=True) if several else [(target, value)]  # type: ignore[union-attr]
        found |= {name.id: each for name, each in pairs if isinstance(name, ast.Name)}
    return found


def _imports(module: str) -> dict[str, str]:
    """What each imported name of a module stands for, dotted."""
    return {
        alias.asname or alias.name: f"{statement.module}.{alias.name}"
        for statement in _tree(module).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def _tree(module: str) -> ast.Module:
    try:
        found = sys.modules.get(module) or importlib.import_module(module)
        return parsed(inspect.getsource(found))
    except (OSError, TypeError, ImportError):
        return ast.Module(body=[], type_ignores=[])


def _place(module: str, line: int) -> str:
    file = getattr(sys.modules.get(module), "__file__", None) or module
    return f"{_short(file)}:{line}"


def _short(file: str) -> str:
    """A file of the package from the package on, any other by its name."""
    package = Path(__file__).parents[1]
    path = Path(file)
    return str(path.relative_to(package.parent)) if path.is_relative_to(package) else path.name
