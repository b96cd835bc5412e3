"""Writing of a shared folder, atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from everymode.sharing.card import LIBRARY_LINE, model_card
from everymode.sharing.files import CARD, CONFIG, LABELS, PICTURE, WEIGHTS, sealed
from everymode.sharing.private import shared_card, shared_config
from everymode.sharing.samples import copy_picture, draw_picture
from everymode.storage.atomic import atomic_file, atomic_folder
from everymode.storage.checkpoint import plain_copies

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator

__all__ = ["shared_description", "write_folder"]

_ORDER = (CONFIG, CARD, PICTURE, LABELS, WEIGHTS)
"""Order in which temporary files are opened; they are renamed in reverse order, so that config.json comes last."""


def shared_description(
    generator: Generator,
    *,
    data_name: str | None = None,
    license: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the shared config of a generator, without hashes.

    Args:
        generator: a generator whose config has a recipe.
        data_name: name of the training data, in the user's words; None = that of the folder it was loaded from.
        license: license of the weights; None likewise.
        scores: score cards as JSON; None likewise.

    Raises:
        ValueError: if the generator's config names no recipe.
    """
    config = shared_config(generator.config)
    if "numbers" not in config.get("recipe", {}):
        raise ValueError(
            "this generator has no recipe in its config, so a folder of it could not be loaded: pass the config of its "
            "run, as in Generator(network, labels, config=config)"
        )
    if data_name is not None:
        config["data"]["name"] = data_name
    if license is not None:
        config["license"] = license
    if scores is not None:
        config["scores"] = [shared_card(card) for card in scores]
    config["data"].setdefault("image_shape", _shape(config))
    return config


def write_folder(
    generator: Generator,
    folder: Path,
    *,
    data_name: str | None = None,
    license: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
    picture: Path | None = None,
    repository: str | None = None,
) -> Path:
    """Write the files of a generator to a folder (`Generator.save`).

    Args:
        generator, data_name, license, scores: as for `shared_description`.
        folder: a new folder, or an existing one.
        picture: image file for samples.png; None = samples are drawn.
        repository: owner/name on the hub, for the card.

    Returns:
        The folder.
    Raises:
        ValueError: if the generator's config names no recipe, or the picture can't be read.
        FileExistsError: if the folder has a README.md or samples.png that everymode did not write.
        OSError: if the folder can't be written.
    """
    config = shared_description(generator, data_name=data_name, license=license, scores=scores)
    state = generator.labels.sampling_state()
    names = [name for name in _ORDER if name != LABELS or state]

    def write(paths: Mapping[str, Path]) -> list[str]:
        return _write(generator, config, state, paths, picture, repository)

    try:
        if not folder.exists():
            with atomic_folder(folder) as temporary:
                _remove(temporary, write({name: temporary / name for name in names}))
            return folder
        _require_own_card(folder)
        with ExitStack() as stack:
            temporary = {name: stack.enter_context(atomic_file(folder / name)) for name in names}
            unwritten = write(temporary)
            for name in unwritten:  # an empty file is renamed, and deleted below
                temporary[name].touch()
            for name in (CONFIG, LABELS):
                (folder / name).unlink(missing_ok=True)
        _remove(folder, unwritten)
    except SafetensorError as error:  # the exception of safetensors for a failed write
        raise OSError(str(error)) from error
    return folder


def _write(
    generator: Generator,
    config: dict[str, Any],
    state: dict[str, Tensor],
    paths: Mapping[str, Path],
    picture: Path | None,
    repository: str | None,
) -> list[str]:
    """Write all files to their temporary paths, and return the names of those that there are none of."""
    save_file(plain_copies(generator.network.state_dict()), paths[WEIGHTS])
    if state:
        save_file(plain_copies(state), paths[LABELS])
    described = _picture(generator, picture, paths[PICTURE])
    paths[CARD].write_text(model_card(generator, config, described, repository=repository), "utf-8")
    written = [name for name in paths if name != CONFIG and (name != PICTURE or described)]
    shared = sealed(config, {name: paths[name] for name in written})
    paths[CONFIG].write_text(json.dumps(shared, indent=1), "utf-8")
    for name in (WEIGHTS, LABELS):  # safetensors writes files that only their owner can read
        if name in written:
            paths[name].chmod(paths[CONFIG].stat().st_mode & 0o777)
    return [name for name in paths if name not in (*written, CONFIG)]


def _picture(generator: Generator, picture: Path | None, path: Path) -> str:
    """Write samples.png to a temporary path, and return its description; "" = there is none."""
    drawn = path.with_name(f".drawn.{PICTURE}")  # Pillow and matplotlib need the ending
    try:
        described = draw_picture(generator, drawn) if picture is None else copy_picture(picture, drawn)
        if described:
            path.write_bytes(drawn.read_bytes())
        return described
    finally:
        drawn.unlink(missing_ok=True)


def _require_own_card(folder: Path) -> None:
    """Raise FileExistsError if saving would replace a README.md or samples.png that everymode did not write."""
    there = [name for name in (CARD, PICTURE) if (folder / name).exists()]
    card = folder / CARD
    head = card.read_text("utf-8", errors="replace")[:4096] if card.is_file() else ""
    if there and LIBRARY_LINE not in head.splitlines():
        raise FileExistsError(
            f"{folder / there[0]} was not written by everymode and would be replaced: choose another folder, or move "
            "it away"
        )


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _shape(config: Mapping[str, Any]) -> list[int]:
    """Return the shape of an image from the recipe, if the data's is not recorded; [] if the recipe is custom."""
    numbers = config["recipe"]["numbers"]
    size, channels = numbers.get("resolution"), numbers.get("channels")
    sides = [size, size] if isinstance(size, int) else list(size) if isinstance(size, (list, tuple)) else []
    points = config["recipe"]["parts"].get("networks", {}).get("name") == "points"
    if points:
        return [2]
    return [channels, *sides] if isinstance(channels, int) and len(sides) == 2 else []
