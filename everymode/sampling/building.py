"""Building a generator from an untrusted or damaged folder: sizes are compared before memory is allocated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from everymode.game import Game, LabelSource
from everymode.recipe import Recipe

Built = TypeVar("Built")

__all__ = ["Sampled", "built", "built_for_sampling"]

MOST_TIMES, FREE = 100, 2**28
"""Limit on numbers that the folder does not hold, such as the discriminator's: MOST_TIMES times those of the stored
generator, plus FREE."""
MOST_UNUSED = 2_000
"""Largest number of parameters (tensors) that a network may have beyond those of its file while it is built: a network
of too many layers is given up before it fills the memory."""
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_BUILDING = (TypeError, RuntimeError, ArithmeticError, MemoryError, LookupError)
"""Exceptions of networks that are built with impossible hyper-parameters, besides ValueError."""


class Sampled(NamedTuple):
    """A generator and its label source, with the weights of a folder."""

    network: nn.Module
    """The generator."""
    labels: LabelSource
    """Source that draws labels for it."""


def built_for_sampling(
    recipe: Recipe, folder: Path, *, trusted: bool = False, exact: bool = False
) -> Sampled:
    """Return the recipe's generator and label source with the weights in a folder. No discriminator is built.

    Args:
        recipe: the recipe.
        folder: holds generator.safetensors and, if labels are drawn with learned state, labels.safetensors.
        trusted: whether the recipe contains custom code; its exceptions are then passed on unchanged.
        exact: whether the network takes over the data type of the stored weights; False converts them to its own.

    Raises:
        ValueError: if no networks can be built with the hyper-parameters, or if the weights are damaged or belong to
            another generator.
    """
    files = _Files(folder)
    header, labels_header = files.headers()
    if not trusted:
        with _explained(folder), _limited(len(header) + len(labels_header)):
            with torch.device("meta"):
                network, labels = _apart(recipe.build_for_sampling)
            _require_match(network.state_dict(), header, files.weights)
            _require_match(labels.sampling_state(), labels_header, files.labels)
            _require_small((network, labels), {**header, **labels_header}, files.weights)
    with _explained(folder, trusted=trusted):
        network, labels = _apart(recipe.build_for_sampling)
    if exact:
        for module, stored in ((network, header), (labels, labels_header)):
            if (dtype := _dtype_of(stored)) is not None:
                module.to(dtype)  # with buffers that are not stored
        _take_over_types(network, header)
    _fill(network.load_state_dict, _weights(files.weights), files.weights)
    state = labels.sampling_state()
    if state and not files.labels.is_file():
        raise ValueError(
            f"{folder} lacks the file {files.labels.name}, which draws its labels: copy or download it again"
        )
    if files.labels.is_file():
        _fill(labels.load_sampling_state, _weights(files.labels), files.labels)
    return Sampled(network, labels)


def built(recipe: Recipe, folder: Path, *, trusted: bool = False) -> Game:
    """Return the recipe's complete game with the generator weights and the label-sampling state of a checkpoint.

    Args:
        recipe, folder, trusted: as for `built_for_sampling`.

    Returns:
        The game, with random weights in the discriminator.
    Raises:
        ValueError: as for `built_for_sampling`.
    """
    files = _Files(folder)
    header, labels_header = files.headers()
    if not trusted:
        with _explained(folder), _limited(MOST_TIMES * (len(header) + len(labels_header))):
            with torch.device("meta"):
                game = _apart(recipe.build)
            _require_match(game.generator.state_dict(), header, files.weights)
            _require_small((game.generator, game.discriminator, game.labels), header, files.weights)
    with _explained(folder, trusted=trusted):
        game = _apart(recipe.build)
    _fill(game.generator.load_state_dict, _weights(files.weights), files.weights)
    if files.labels.is_file():
        _fill(game.labels.load_sampling_state, _weights(files.labels), files.labels)
    return game


class _Stored(NamedTuple):
    """A tensor in a file, by the file's header."""

    shape: tuple[int, ...]
    dtype: str


class _Files:
    """Files of weights in a folder."""

    def __init__(self, folder: Path) -> None:
        self.weights = folder / "generator.safetensors"
        self.labels = folder / "labels.safetensors"

    def headers(self) -> tuple[dict[str, _Stored], dict[str, _Stored]]:
        """Return the headers of the generator's file and of the labels' file, {} if there is none."""
        return _header(self.weights), _header(self.labels) if self.labels.is_file() else {}


def _header(file: Path) -> dict[str, _Stored]:
    """Return name -> shape and data type of the tensors in a file, without reading them."""
    with _readable(file), safe_open(file, framework="pt") as stored:
        slices = {name: stored.get_slice(name) for name in stored.keys()}  # noqa: SIM118  it is no dict
        return {name: _Stored(tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}


def _weights(file: Path) -> dict[str, Tensor]:
    with _readable(file):
        return load_file(file)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, KeyError, RuntimeError, MemoryError) as error:
        raise ValueError(
            f"{file} is damaged or not a safetensors file ({error}): copy or download it again"
        ) from error


def _require_match(state: Mapping[str, Tensor], header: Mapping[str, _Stored], file: Path) -> None:
    """Raise ValueError unless a file has exactly the tensors of a state, each of its shape and kind of number."""
    for name, tensor in state.items():
        if name not in header:
            raise _misfit(file, f"it lacks {name}")
        if header[name].shape != tuple(tensor.shape):
            raise _misfit(file, f"{name} has shape {list(header[name].shape)}, not {list(tensor.shape)}")
        if (header[name].dtype in _DTYPES) != tensor.is_floating_point():
            raise _misfit(file, f"{name} has the data type {header[name].dtype}, not {tensor.dtype}")
    if unknown := [name for name in header if name not in state]:
        raise _misfit(file, f"it has {', '.join(unknown[:5])}, which this generator has not")


def _misfit(file: Path, problem: str) -> ValueError:
    return ValueError(
        f"{file} does not fit the config.json beside it ({problem[:300]}): copy or download both again"
    )


def _require_small(modules: tuple[nn.Module, ...], header: Mapping[str, _Stored], file: Path) -> None:
    """Raise ValueError if modules hold many more numbers than the file, such as a huge table of labels."""
    stored = sum(torch.Size(each.shape).numel() for each in header.values())
    needed = sum(tensor.numel() for module in modules for tensor in (*module.parameters(), *module.buffers()))
    if needed > MOST_TIMES * stored + FREE:
        raise _misfit(file, f"it holds {stored:,} numbers, and the config describes networks of {needed:,}")


def _take_over_types(network: nn.Module, header: Mapping[str, _Stored]) -> None:
    """Convert each floating-point tensor of a network to the data type in which it is stored."""
    for name, tensor in network.state_dict(keep_vars=True).items():
        dtype = _DTYPES.get(header[name].dtype) if name in header else None
        if dtype is not None and tensor.dtype != dtype:
            tensor.data = tensor.data.to(dtype)


def _dtype_of(header: Mapping[str, _Stored]) -> torch.dtype | None:
    """Return the data type of all stored floating-point tensors, or None if they have several or there are none."""
    kinds = {each.dtype for each in header.values()} & _DTYPES.keys()
    return _DTYPES[kinds.pop()] if len(kinds) == 1 else None


@contextmanager
def _limited(tensors: int) -> Iterator[None]:
    """Raise RuntimeError in this block once modules with many more parameters than `tensors` are built."""
    left = 4 * tensors + MOST_UNUSED

    def count(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError(f"a network of many more than {tensors} tensors")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _explained(folder: Path, *, trusted: bool = False) -> Iterator[None]:
    """Turn exceptions of networks that can't be built into a ValueError, unless the code is trusted."""
    try:
        yield
    except _BUILDING as error:
        if trusted:
            raise
        message = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(
            f"{folder / 'config.json'} has hyper-parameters that no networks can be built with ({message}): copy or "
            "download it again"
        ) from error


def _apart(build: Callable[[], Built]) -> Built:
    """Return what a function builds; torch's random state is unchanged."""
    with torch.random.fork_rng(devices=[]):
        return build()


def _fill(load: Callable[[dict[str, Tensor]], object], weights: dict[str, Tensor], file: Path) -> None:
    """Load the weights of a file with `load`; raise ValueError if they belong to another network."""
    try:
        load(weights)
    except (RuntimeError, KeyError, TypeError, IndexError) as error:
        raise _misfit(file, str(error)) from error
