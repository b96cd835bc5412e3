"""Origins of a recipe's hyper-parameters and of the objects of its game: files and lines, read from the source."""

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
"""Result for a literal that sets a part but not the hyper-parameter, which has the default of the part's class."""


def origin_of(name: str, number: Number) -> str:
    """Return the file and line that set a hyper-parameter of a recipe: a literal, or the default of a class."""
    module, constant = RECIPES[name][:2] if name in RECIPES else (f"user_recipe_{Path(name).stem}", "RECIPE")
    kind = number.owner.kind if isinstance(number.owner, Part) else ""
    origin = _in_literal(module, constant, number.name, kind)
    return origin if origin not in ("", _DEFAULT) else _default(type(number.owner), number.name)


def pieces_of(recipe: Recipe) -> list[tuple[str, str]]:
    """Return (role, class with file and line) of the generator, discriminator, label source, loss and terms of a game.

    The game is built on the meta device, without memory for its weights; with ten classes if the number of classes
    depends on the data.
    """
    import torch

    if recipe.needs_labels() and not recipe.num_classes:
        recipe = replace(recipe, num_classes=10)
    with torch.device("meta"):
        game = recipe.build()
    loss = game.objective.adversarial
    terms = game.objective.discriminator_terms, game.objective.generator_terms
    return [
        ("generator", _definition(type(game.generator))),
        ("discriminator", _definition(type(game.discriminator))),
        ("labels", _definition(type(game.labels))),
        ("loss", "none" if loss is None else _definition(loss.discriminator)),
        *((f"term of {player}", f"{each.name}: {_definition(each.term)}") for player, each in _named(terms)),
    ]


def _named(terms: tuple[Any, Any]) -> Iterator[tuple[str, Any]]:
    for player, player_terms in zip("DG", terms, strict=True):
        yield from ((player, each) for each in player_terms)


def _definition(piece: Any) -> str:
    """Return name, file and line of a class, a function, or the class of an object."""
    if not inspect.isclass(piece) and not inspect.isfunction(piece):
        piece = type(piece)
    file = inspect.getsourcefile(piece)
    line = piece.__code__.co_firstlineno if inspect.isfunction(piece) else inspect.getsourcelines(piece)[1]
    return f"{piece.__qualname__.replace('.<locals>', '')} ({_short(str(file))}:{line})"


def _default(kind: type, number: str) -> str:
    for base in kind.__mro__:
        field = fields_in_source(base).get(number)
        if field is not None:
            return f"default of {base.__name__} ({_location(base.__module__, field[1])})"
    return ""


def _in_literal(module: str, constant: str, number: str, kind: str) -> str:
    """Return where the literal, or one that it derives from, sets the hyper-parameter; "" if none does."""
    value = _assignments(module).get(constant)
    return _in_value(module, value, number, kind) if value is not None else ""


def _in_value(module: str, value: ast.expr, number: str, kind: str) -> str:
    """Do the same for an expression: a call of Recipe, replace(BASE, ...) or BASE.with_numbers(...), or a name."""
    if isinstance(value, ast.Name | ast.Attribute):
        target = _resolved(module, value)
        return _in_literal(*target, number, kind) if target else ""
    if not isinstance(value, ast.Call):
        return ""
    keywords = [each for keyword in value.keywords for each in _unpacked(module, keyword)]
    for name, _, _, line in keywords:
        if name == number:
            return f"set in {_location(module, line)}"
    for name, part_module, part, _ in keywords:
        if name == kind:
            return _in_value(part_module, part, number, "") or _of_part(part_module, part)
    base = _base(value)
    return _in_value(module, base, number, kind) if base is not None else ""


def _of_part(module: str, part: ast.expr) -> str:
    """Return the origin of a hyper-parameter that a part's expression does not set: its class, or a function call."""
    if isinstance(part, ast.Call) and part.args:
        return f"computed in {_location(module, part.lineno)}"
    return _DEFAULT


def _base(call: ast.Call) -> ast.expr | None:
    """Return BASE of a call BASE.with_numbers(...), replace(BASE, ...) or function(BASE)."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "with_numbers":
        return call.func.value
    return call.args[0] if call.args else None


def _unpacked(module: str, keyword: ast.keyword) -> list[tuple[str, str, ast.expr, int]]:
    """Return name, module and expression of the value, and line of the call, of a keyword or of each key of **DICT."""
    if keyword.arg is not None:
        return [(keyword.arg, module, keyword.value, keyword.value.lineno)]
    target = _resolved(module, keyword.value)
    literal = _assignments(target[0]).get(target[1]) if target else keyword.value
    if not isinstance(literal, ast.Dict):
        return []
    defining_module, line = target[0] if target else module, keyword.value.lineno
    pairs = zip(literal.keys, literal.values, strict=True)
    return [
        (str(key.value), defining_module, value, line)
        for key, value in pairs
        if isinstance(key, ast.Constant)
    ]


def _resolved(module: str, value: ast.expr) -> tuple[str, str] | None:
    """Return the (module, constant) that a name, or module.name, refers to."""
    imported = _imports(module)
    if isinstance(value, ast.Name):
        if value.id in _assignments(module):
            return module, value.id
        source, _, constant = imported.get(value.id, "").rpartition(".")
        return (source, constant) if constant else None
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id in imported:
        return imported[value.value.id], value.attr
    return None


def _assignments(module: str) -> dict[str, ast.expr]:
    """Return the expression that is assigned to each name at the top level of a module."""
    assigned: dict[str, ast.expr] = {}
    for statement in _tree(module).body:
        if not isinstance(statement, ast.Assign):
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        else:
            pairs = [(target, value)]
        assigned |= {name.id: each for name, each in pairs if isinstance(name, ast.Name)}
    return assigned


def _imports(module: str) -> dict[str, str]:
    """Return the dotted name of each imported name of a module."""
    return {
        alias.asname or alias.name: f"{statement.module}.{alias.name}"
        for statement in _tree(module).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def _tree(module: str) -> ast.Module:
    try:
        return parsed(inspect.getsource(sys.modules.get(module) or importlib.import_module(module)))
    except (OSError, TypeError, ImportError):
        return ast.Module(body=[], type_ignores=[])


def _location(module: str, line: int) -> str:
    file = getattr(sys.modules.get(module), "__file__", None) or module
    return f"{_short(file)}:{line}"


def _short(file: str) -> str:
    """Return a file's path relative to the folder of the package, or its name if it is outside the package."""
    package = Path(__file__).parents[1]
    path = Path(file)
    return str(path.relative_to(package.parent)) if path.is_relative_to(package) else path.name
