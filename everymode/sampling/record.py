"""A recipe as JSON values, for config.json, and back. Parts are named as the catalog names them, never by module."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from everymode.numbers import checked, names_of, respelled, types_of, with_tuples
from everymode.part import Norm, Part, Terms
from everymode.recipe import KINDS, Recipe
from everymode.recipes.parts.catalog import PARTS, name_of
from everymode.version import __version__

MOST = 2**48
"""Of any whole number but the seed."""
FORMAT = 2
"""Of config.json. Format 1, without a number, named a recipe's class and module: everymode 0.1.0."""


def record_of(recipe: Recipe) -> dict[str, Any]:
    """What config.json says of a recipe: its numbers, and each part's name and numbers.

    A recipe class or a part of the user's own is recorded as such, by its class's name.
    """
    own = [name for name in names_of(recipe) if name not in KINDS]
    record: dict[str, Any] = {} if type(recipe) is Recipe else {"own": type(recipe).__name__}
    record["numbers"] = {name: _plain(getattr(recipe, name)) for name in own}
    # The contracts themselves, which do nothing, are as good as no part.
    parts = [part for part in recipe.parts() if type(part) not in (Norm, Terms)]
    record["parts"] = {part.kind: _record_of_part(part) for part in parts}
    return record


def recipe_from(record: dict[str, Any], given: Recipe | None = None) -> Recipe:
    """The recipe that `record_of` described.

    Args:
        given: a recipe with the classes of the user's own, where the record has any.

    Raises ValueError for a class of the user's own that is not given, and for numbers that there are not.
    """
    kind = type(given) if "own" in record and given is not None else Recipe
    if kind.__name__ != record.get("own", "Recipe"):
        raise ValueError(
            f"the recipe class {record.get('own')} is your own: pass a recipe of that class as `recipe`, not a "
            f"{type(given).__name__}"
        )
    parts = {name: _part_from(name, part, given) for name, part in record["parts"].items()}
    numbers = respelled(record["numbers"])
    _require_known(numbers, kind)
    return kind(**_typed(numbers, kind), **parts)


def recipe_of(
    config: dict[str, Any], given: Recipe | None = None, path: object = "this config.json"
) -> Recipe:
    """The recipe that a config.json describes. What ships with everymode is looked up: a file can't name code.

    Args:
        given: a recipe with the classes of the user's own, where the config has any.
        path: of the config, for sentences.

    Raises ValueError for a config of another format, for one that is not whole, and for classes of the user's own that
    are not given.
    """
    record = config.get("recipe")
    if not isinstance(record, dict) or "numbers" not in record:
        raise ValueError(f"{path} names no recipe: everymode did not write it")
    require_format(config, path)
    try:
        _require_whole(record)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if own_classes(record) and given is None:
        raise ValueError(
            f"{path} was trained with a recipe of your own ({', '.join(own_classes(record))} from "
            f"{record.get('file') or 'your code'}): pass it, as in everymode.load(path, recipe=RECIPE)"
        )
    try:
        recipe = recipe_from(record, given)
        if type(recipe) is Recipe and None in (recipe.networks, recipe.loss, recipe.labels):
            raise ValueError("its recipe has no networks, loss or labels")
    except (ValueError, ArithmeticError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return recipe


def part_names(record: dict[str, Any]) -> dict[str, str]:
    """Kind -> name of each part that a recipe's record has; the class's name for parts of the user's own."""
    parts = {kind: part for kind, part in record.get("parts", {}).items() if isinstance(part, dict)}
    return {kind: str(part.get("name") or part.get("own", "")) for kind, part in parts.items()}


def own_classes(record: dict[str, Any]) -> list[str]:
    """The classes of the user's own that a record needs."""
    mine = [record, *(part for part in record.get("parts", {}).values() if isinstance(part, dict))]
    return [str(each["own"]) for each in mine if "own" in each]


def require_format(config: dict[str, Any], path: object) -> None:
    """Raise ValueError for a config.json that another version wrote in another format."""
    written = config.get("format", 1)
    if written != FORMAT:
        version = config.get("everymode", "another version")
        raise ValueError(
            f"{path} was written by everymode {version}, in format {written}; this is everymode {__version__}, which "
            f"reads format {FORMAT}: read it with everymode {version}, or train anew"
        )


def _record_of_part(part: Part) -> dict[str, Any]:
    name = name_of(part)
    called = {"own": type(part).__name__} if name is None else {"name": name}
    return called | {"numbers": {each: _plain(getattr(part, each)) for each in names_of(part)}}


def _part_from(kind: str, record: dict[str, Any], given: Recipe | None) -> Part:
    if "own" in record:
        mine = getattr(given, kind, None)
        if type(mine).__name__ != record["own"]:
            raise ValueError(
                f"its {kind} is a part of your own, {record['own']}: pass a recipe with it as `recipe`"
            )
        part_class = type(mine)
    elif record["name"] in PARTS[kind]:
        part_class = PARTS[kind][record["name"]].part_class
    else:
        raise ValueError(
            f"no part for {kind} is called {record['name']!r}: the run was written by another version of everymode"
        )
    numbers = respelled(record["numbers"])
    _require_known(numbers, part_class)
    return part_class(**_typed(numbers, part_class))


def _typed(numbers: dict[str, Any], kind: type) -> dict[str, Any]:
    """JSON's values as the fields of a recipe or a part have them. Raises ValueError for a field of another type."""
    types = types_of(kind)
    found = {name: checked(name, with_tuples(value), types[name]) for name, value in numbers.items()}
    for name, value in found.items():
        _require_plain(name, value)
        if name != "seed" and isinstance(value, int) and abs(value) > MOST:
            raise ValueError(f"{name} is {value}, which no run had")
    return found


def _require_plain(name: str, value: Any) -> None:
    """Raise ValueError for a tuple that holds anything but finite numbers, text and such tuples."""
    if isinstance(value, tuple):
        for each in value:
            if not isinstance(each, (int, float, str, tuple)) or isinstance(each, bool):
                raise ValueError(f"{name} is a list with {each!r} in it: it holds numbers or text only")
            _require_plain(name, each)


def _require_whole(record: dict[str, Any]) -> None:
    """Raise ValueError for a record that lacks something, or has parts of a kind that there is not."""
    parts = record.get("parts")
    whole = isinstance(parts, dict) and isinstance(record.get("numbers"), dict)
    for kind, part in parts.items() if whole else ():
        named = isinstance(part, dict) and ("name" in part) != ("own" in part)
        texts = named and isinstance(part.get("name", part.get("own")), str)
        whole = whole and kind in KINDS and texts and isinstance(part.get("numbers"), dict)
    if not whole:
        raise ValueError(
            "its recipe is not whole, or was written by another version of everymode: numbers, and parts by kind "
            f"({', '.join(KINDS)}), each with its name and its numbers"
        )


def _require_known(numbers: dict[str, Any], kind: type) -> None:
    unknown = sorted(set(numbers) - set(names_of(kind)))
    if unknown:
        raise ValueError(
            f"{kind.__name__} has no numbers {unknown}: the run was written by another version of everymode"
        )


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
