"""Conversion of a recipe to JSON values for config.json and back. Parts have catalog names, never module names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from everymode.numbers import checked, names_of, respelled, types_of, with_tuples
from everymode.part import Norm, Part, Terms
from everymode.recipe import KINDS, Recipe
from everymode.recipes.parts.catalog import PARTS, name_of
from everymode.version import __version__

MOST = 2**48
"""Largest absolute value of any integer except the seed."""
FORMAT = 2
"""Format of config.json. Format 1 (everymode 0.1.0), which had no format number, named a recipe's class and module."""


def record_of(recipe: Recipe) -> dict[str, Any]:
    """Return the record of a recipe in config.json: its hyper-parameters, and the name and hyper-parameters of each
    part.

    A custom recipe class or part is recorded under "own", by the name of its class.
    """
    plain_names = [name for name in names_of(recipe) if name not in KINDS]
    record: dict[str, Any] = {} if type(recipe) is Recipe else {"own": type(recipe).__name__}
    record["numbers"] = {name: _plain(getattr(recipe, name)) for name in plain_names}
    # The base classes do nothing, so they are equivalent to having no part.
    parts = [part for part in recipe.parts() if type(part) not in (Norm, Terms)]
    record["parts"] = {part.kind: _record_of_part(part) for part in parts}
    return record


def recipe_from(record: dict[str, Any], custom: Recipe | None = None) -> Recipe:
    """Return the recipe that a record of `record_of` describes.

    Args:
        custom: a recipe with the custom classes; needed if the record names any.

    Raises:
        ValueError: if a custom class is not provided, or if a hyper-parameter is unknown.
    """
    kind = type(custom) if "own" in record and custom is not None else Recipe
    if kind.__name__ != record.get("own", "Recipe"):
        raise ValueError(
            f"{record.get('own')} is a custom recipe class: pass a recipe of that class as `recipe`, not a "
            f"{type(custom).__name__}"
        )
    parts = {name: _part_from(name, part, custom) for name, part in record["parts"].items()}
    numbers = respelled(record["numbers"])
    _require_known(numbers, kind)
    # The values come from JSON: `_typed` has compared them with the types of the fields.
    fields: dict[str, Any] = {**_typed(numbers, kind), **parts}
    return kind(**fields)


def recipe_of(
    config: dict[str, Any], custom: Recipe | None = None, path: object = "this config.json"
) -> Recipe:
    """Return the recipe that a config.json describes. Classes are looked up in everymode: a file can't name code.

    Args:
        custom: a recipe with the custom classes; needed if the config names any.
        path: path of the config, for error messages.

    Raises:
        ValueError: if the config has another format or is incomplete, or if its custom classes are not provided.
    """
    record = config.get("recipe")
    if not isinstance(record, dict) or "numbers" not in record:
        raise ValueError(
            f"{path} names no recipe: everymode did not write it. Give the config.json of a run, a checkpoint or a "
            "saved generator"
        )
    require_format(config, path)
    try:
        _require_complete(record)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if own_classes(record) and custom is None:
        raise ValueError(
            f"{path} was trained with a custom recipe ({', '.join(own_classes(record))} from "
            f"{record.get('file') or 'your code'}): pass it, as in everymode.load(path, recipe=RECIPE)"
        )
    try:
        recipe = recipe_from(record, custom)
        if type(recipe) is Recipe and None in (recipe.networks, recipe.loss, recipe.labels):
            raise ValueError("its recipe has no networks, loss or labels")
    except (ValueError, ArithmeticError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return recipe


def part_names(record: dict[str, Any]) -> dict[str, str]:
    """Return kind -> catalog name of each part in a recipe's record; a custom part has the name of its class."""
    parts = {kind: part for kind, part in record.get("parts", {}).items() if isinstance(part, dict)}
    return {kind: str(part.get("name") or part.get("own", "")) for kind, part in parts.items()}


def own_classes(record: dict[str, Any]) -> list[str]:
    """Return the names of the custom classes that a record needs."""
    records = [record, *(part for part in record.get("parts", {}).values() if isinstance(part, dict))]
    return [str(each["own"]) for each in records if "own" in each]


def require_format(config: dict[str, Any], path: object) -> None:
    """Raise ValueError if a version of everymode with another format wrote the config.json."""
    written = config.get("format", 1)
    if written != FORMAT:
        version = config.get("everymode", "another version")
        raise ValueError(
            f"{path} was written by everymode {version}, in format {written}; this is everymode {__version__}, which "
            f"reads format {FORMAT}: read it with everymode {version}, or train again"
        )


def _record_of_part(part: Part) -> dict[str, Any]:
    name = name_of(part)
    title = {"own": type(part).__name__} if name is None else {"name": name}
    return title | {"numbers": {each: _plain(getattr(part, each)) for each in names_of(part)}}


def _part_from(kind: str, record: dict[str, Any], custom: Recipe | None) -> Part:
    if "own" in record:
        provided = getattr(custom, kind, None)
        if provided is None or type(provided).__name__ != record["own"]:
            raise ValueError(
                f"its {kind} is a custom part, {record['own']}: pass a recipe with it as `recipe`"
            )
        part_class = type(provided)
    elif record["name"] in PARTS[kind]:
        part_class = PARTS[kind][record["name"]].part_class
    else:
        raise ValueError(
            f"no part for {kind} is called {record['name']!r}: another version of everymode wrote this run; load it "
            "with that version"
        )
    numbers = respelled(record["numbers"])
    _require_known(numbers, part_class)
    return part_class(**_typed(numbers, part_class))


def _typed(numbers: dict[str, Any], kind: type) -> dict[str, Any]:
    """Convert JSON values to the types of a recipe's or a part's fields; raise ValueError if one has another type."""
    types = types_of(kind)
    values = {name: checked(name, with_tuples(value), types[name]) for name, value in numbers.items()}
    for name, value in values.items():
        _require_plain(name, value)
        if name != "seed" and isinstance(value, int) and abs(value) > MOST:
            raise ValueError(f"{name} is {value}; it must be between -2**48 and 2**48")
    return values


def _require_plain(name: str, value: Any) -> None:
    """Raise ValueError if a tuple holds anything but numbers, text and such tuples."""
    if isinstance(value, tuple):
        for each in value:
            if not isinstance(each, (int, float, str, tuple)) or isinstance(each, bool):
                raise ValueError(
                    f"{name} is a list that contains {each!r}: only numbers and text are allowed"
                )
            _require_plain(name, each)


def _require_complete(record: dict[str, Any]) -> None:
    """Raise ValueError if a record lacks something or has a part of an unknown kind."""
    parts = record.get("parts")
    complete = isinstance(parts, dict) and all(_is_part(kind, part) for kind, part in parts.items())
    if not complete or not isinstance(record.get("numbers"), dict):
        raise ValueError(
            "its recipe is incomplete, or another version of everymode wrote it: it must have numbers, and parts by "
            f"kind ({', '.join(KINDS)}), each with its name and its numbers"
        )


def _is_part(kind: str, part: Any) -> bool:
    """Return whether a value is the record of a part: a known kind, one of "name" and "own", and its numbers."""
    if kind not in KINDS or not isinstance(part, dict) or ("name" in part) == ("own" in part):
        return False
    return isinstance(part.get("name", part.get("own")), str) and isinstance(part.get("numbers"), dict)


def _require_known(numbers: dict[str, Any], kind: type) -> None:
    unknown = sorted(set(numbers) - set(names_of(kind)))
    if unknown:
        raise ValueError(
            f"{kind.__name__} has no hyper-parameters {unknown}: another version of everymode wrote this run; load it "
            "with that version"
        )


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
