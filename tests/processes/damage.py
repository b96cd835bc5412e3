"""Damaged files of every kind that the library reads, the same ones for the same seed, and who reads them.

Run as a program with KIND FIRST COUNT it reads those of one kind, in little memory, and prints what went wrong as JSON.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import io
import json
import os
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

MEMORY = 6 * 2**30
"""Of address space, most of it torch's own, in which a child reads."""
ODD = (
    None,
    True,
    False,
    -1,
    0,
    1e308,
    2**70,
    -(2**63),
    0.5,
    "",
    "x",
    "\0",
    "é" * 300,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
)
EXTREMES = (
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"\x80\0\0\0",
    b"\xff" * 8,
    b"\xff\xff\xff\x7f",
)


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        make: fills an empty folder, and returns the file that is damaged.
        read: reads the folder that was filled, given the file.
        text: whether it is JSON, and fields are damaged as well as bytes.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    text: bool = False


def damaged(data: bytes, chance: random.Random, *, is_json: bool) -> bytes:
    """The data with one to three bytes, pieces or fields changed."""
    for _ in range(chance.randint(1, 3)):
        if is_json and chance.random() < 0.6:
            with contextlib.suppress(ValueError, RecursionError):
                data = _with_odd_field(json.loads(data), chance)
                continue
        data = _with_odd_bytes(data, chance)
    return data


def _with_odd_bytes(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return b"\0"
    # Headers decide what is read, so half of all damage is there.
    at = chance.randrange(min(len(data), 200) if chance.random() < 0.5 else len(data))
    length = chance.randint(1, 16)
    how = chance.randrange(7)
    if how == 0:
        return data[:at]
    if how == 1:
        return data[:at] + data[at + length :]
    if how == 2:
        return data[:at] + data[at : at + length] + data[at:]
    if how == 3:
        extreme = chance.choice(EXTREMES)
        return data[:at] + extreme + data[at + len(extreme) :]
    if how == 4:
        return data[:at] + chance.randbytes(length) + data[at + length :]
    if how == 5:
        return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    return data[:at] + b"\0" + data[at + 1 :]


def _with_odd_field(value: Any, chance: random.Random) -> bytes:
    holders = [value] if isinstance(value, (dict, list)) and value else []
    for holder in holders:
        inside = holder.values() if isinstance(holder, dict) else holder
        holders += [each for each in inside if isinstance(each, (dict, list)) and each]
    if not holders:
        return json.dumps(chance.choice(ODD)).encode()
    holder = chance.choice(holders)
    name = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    if chance.random() < 0.25:
        del holder[name]
    else:
        holder[name] = chance.choice(ODD)
    return json.dumps(value).encode()


# ---- kinds of data


def _picture(seed: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3)).astype(np.uint8))


def _image(name: str, **options: Any) -> Kind:
    def make(folder: Path) -> Path:
        (folder / "a").mkdir()
        _picture(0).save(folder / "a" / f"sound.{name}", **options)
        return folder / "a" / f"sound.{name}"

    return Kind(make, lambda file: _open(file.parents[1]))


def _open(path: Path) -> object:
    from everymode.data import open_images

    opened = open_images(path, resolution=16, progress=False, workers=1)
    return opened.images[: len(opened)].sum()


def _zip(folder: Path) -> Path:
    inside = folder / "photos"
    for name in ("cat", "dog"):
        (inside / name).mkdir(parents=True)
        _picture(len(name)).save(inside / name / "1.png")
    made = shutil.make_archive(str(folder / "photos"), "zip", inside)
    shutil.rmtree(inside)
    return Path(made)


def _parquet(folder: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    rows = []
    for seed in range(3):
        buffer = io.BytesIO()
        _picture(seed).save(buffer, "PNG")
        rows.append({"bytes": buffer.getvalue(), "path": None})
    table = pyarrow.table({"image": rows, "label": ["ab", "cdé", None]})
    parquet.write_table(table, folder / "rows.parquet")
    return folder / "rows.parquet"


def _array(folder: Path) -> Path:
    np.save(folder / "rows.npy", np.zeros((3, 16, 16, 3), np.uint8))
    return folder / "rows.npy"


def _arrays(folder: Path) -> Path:
    np.savez(folder / "rows.npz", images=np.zeros((3, 16, 16), np.float32), labels=np.arange(3))
    return folder / "rows.npz"


def _compressed_arrays(folder: Path) -> Path:
    np.savez_compressed(
        folder / "rows.npz", images=np.zeros((3, 16, 16), np.uint8), labels=np.array(["a", "b", "c"])
    )
    return folder / "rows.npz"


def _idx(folder: Path) -> Path:
    header = b"\0\0\x08\x03" + b"".join(side.to_bytes(4, "big") for side in (3, 16, 16))
    (folder / "train-images-idx3-ubyte").write_bytes(header + bytes(3 * 256))
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x03\0\x01\x02")
    return folder / "train-images-idx3-ubyte"


def _idx_gz(folder: Path) -> Path:
    plain = _idx(folder)
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()
    return packed


def _mat(compressed: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from scipy.io import savemat

        images = np.random.default_rng(0).integers(0, 255, (32, 32, 3, 3)).astype(np.uint8)
        savemat(
            folder / "test_32x32.mat",
            {"X": images, "y": np.array([[10], [1], [2]])},
            do_compression=compressed,
        )
        return folder / "test_32x32.mat"

    return make


def _stl10(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "train_X.bin").write_bytes(bytes(2 * 3 * 96 * 96))
        (folder / "train_y.bin").write_bytes(b"\x01\x0a")
        (folder / "class_names.txt").write_text("\n".join("abcdefghij"))
        return folder / name

    return make


def _labeled(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for seed in range(3):
            _picture(seed).save(folder / f"{seed}.png")
        (folder / name).write_text(text)
        return folder / name

    return make


CSV = "file,label,domain\n0.png,cat,photo\n1.png,dog,sketch\n2.png,,photo\n"
DATASET_JSON = json.dumps({"labels": [["0.png", 0], ["1.png", 4], ["2.png", None]]})


# ---- kinds of our own files


@cache
def _kept() -> Path:
    """A folder for what is made once a process."""
    folder = tempfile.mkdtemp(prefix="damage-kept-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _run(folder: Path) -> Path:
    """A run of a step, made once a process and copied."""
    import everymode

    made = _kept() / "runs"
    if not made.exists():
        small = {"steps": 1, "width": 4, "batch_size": 8, "watch_samples": 0, "device": "cpu"}
        run = everymode.train("omni-gan-digits", out=made, quiet=True, **small).folder
        Path(run).rename(made / "run")
    return Path(shutil.copytree(made / "run", folder / "run"))


def _in_run(name: str) -> Callable[[Path], Path]:
    return lambda folder: _run(folder) / name


def _in_saved(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        run = _run(folder)
        for file in ("config.json", "generator.safetensors"):
            shutil.copy(run / "checkpoints" / "step-0000001" / file, folder / file)
        shutil.rmtree(run)
        return folder / name

    return make


def _load(file: Path) -> object:
    import everymode

    return everymode.load(file.parent).sample(1)


def _resume(file: Path) -> object:
    import everymode

    run = next(folder for folder in file.parents if folder.name == "run")
    return everymode.train("omni-gan-digits", resume=run, steps=2, quiet=True, device="cpu")


def _state(file: Path) -> object:
    """A checkpoint whose checksums a stranger has made right."""
    from everymode.storage import checkpoint

    whole = checkpoint.verify
    checkpoint.verify = lambda path: None
    try:
        return _resume(file)
    finally:
        checkpoint.verify = whole


def _card(folder: Path) -> Path:
    from everymode.evaluation import evaluate

    made = _kept() / "card.json"
    if not made.exists():
        evaluate("digits:train", "digits:held-out", extractor="random:8", num=64, metrics="fd,kd").save(made)
    shutil.copy(made, folder / "other.json")
    return Path(shutil.copy(made, folder / "card.json"))


def _compare(file: Path) -> object:
    from everymode.cli import main

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return main(["compare", str(file), str(file.with_name("other.json"))])


def _recipe(folder: Path) -> Path:
    text = (
        "from dataclasses import replace\nfrom everymode.recipes.omni_gan import DIGITS\n\n"
        'RECIPE = replace(DIGITS, name="mine", steps=3)\n'
    )
    (folder / "mine.py").write_text(text)
    return folder / "mine.py"


def _find_recipe(file: Path) -> object:
    from everymode.recipes import find

    return find(str(file))


def _partition(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from everymode.partitioner.network import plane_partitioner
        from everymode.partitioner.saving import save_partitioner

        save_partitioner(plane_partitioner(3, blocks=1, width=4), folder, {"settings": {"k": 3}})
        return folder / name

    return make


def _load_partition(file: Path) -> object:
    from everymode.partitioner.saving import load_partitioner

    return load_partitioner(file.parent)


def _weights(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import torch
        from safetensors.torch import save_file

        tensors = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}
        save_file(tensors, folder / name) if name.endswith("safetensors") else torch.save(
            tensors, folder / name
        )
        return folder / name

    return make


def _read_weights(file: Path) -> object:
    from torch import nn

    from everymode.extractors.weights import load_weights, read_weights

    network = nn.ModuleDict({"a": nn.Linear(4, 3)})
    return load_weights(network, read_weights(file), "a layer")


KINDS: dict[str, Kind] = {
    "png": _image("png"),
    "jpeg": _image("jpg"),
    "webp": _image("webp"),
    "gif": _image("gif"),
    "tiff": _image("tiff"),
    "tiff-lzw": _image("tif", compression="tiff_lzw"),
    "bmp": _image("bmp"),
    "zip": Kind(_zip, _open),
    "parquet": Kind(_parquet, _open),
    "npy": Kind(_array, _open),
    "npz": Kind(_arrays, _open),
    "npz-compressed": Kind(_compressed_arrays, _open),
    "idx": Kind(_idx, _open),
    "idx-gz": Kind(_idx_gz, _open),
    "mat": Kind(_mat(False), _open),
    "mat-compressed": Kind(_mat(True), _open),
    "stl10-images": Kind(_stl10("train_X.bin"), lambda file: _open(file)),
    "stl10-labels": Kind(_stl10("train_y.bin"), lambda file: _open(file.with_name("train_X.bin"))),
    "stl10-names": Kind(_stl10("class_names.txt"), lambda file: _open(file.with_name("train_X.bin"))),
    "labels.csv": Kind(_labeled("labels.csv", CSV), lambda file: _open(file.parent)),
    "dataset.json": Kind(_labeled("dataset.json", DATASET_JSON), lambda file: _open(file.parent), text=True),
    "generator-config": Kind(_in_saved("config.json"), _load, text=True),
    "generator-weights": Kind(_in_saved("generator.safetensors"), _load),
    "run-config": Kind(_in_run("config.json"), _resume, text=True),
    "run-log": Kind(_in_run("log.jsonl"), _resume, text=True),
    "checkpoint-manifest": Kind(_in_run("checkpoints/step-0000001/manifest.json"), _resume, text=True),
    "checkpoint-state": Kind(_in_run("checkpoints/step-0000001/state/state.json"), _state, text=True),
    "checkpoint-tensors": Kind(_in_run("checkpoints/step-0000001/state/state.safetensors"), _state),
    "card": Kind(_card, _compare, text=True),
    "recipe": Kind(_recipe, _find_recipe),
    "partition-config": Kind(_partition("config.json"), _load_partition, text=True),
    "partition-weights": Kind(_partition("partitioner.safetensors"), _load_partition),
    "weights-safetensors": Kind(_weights("w.safetensors"), _read_weights),
    "weights-torch": Kind(_weights("w.pt"), _read_weights),
}
SLOW = {name for name, kind in KINDS.items() if kind.read in (_resume, _state)}
"""Kinds whose reading starts a run."""


def wrong_with(error: Exception, file: Path) -> str:
    """Why an error is no sentence of ours, or ""."""
    ours = type(error) in (ValueError, FileNotFoundError) or type(error).__module__.startswith("everymode.")
    if not ours:
        return "not ours"
    text = str(error)
    known = (file.name, file.stem, file.parent.name)
    return "" if text and any(name in text for name in known) else "names no file"


def failures(kind: str, first: int, count: int) -> Iterator[str]:
    """What goes wrong with inputs `first` to `first + count` of a kind: a line each."""
    chosen = KINDS[kind]
    for number in range(first, first + count):
        chance = random.Random(f"{kind} {number}")
        with tempfile.TemporaryDirectory(prefix="damage-") as place:
            os.environ["EVERYMODE_CACHE"] = str(Path(place) / "cache")
            (Path(place) / "data").mkdir()
            file = chosen.make(Path(place) / "data")
            file.write_bytes(damaged(file.read_bytes(), chance, is_json=chosen.text))
            try:
                with (
                    warnings.catch_warnings(),
                    Path(os.devnull).open("w") as nowhere,
                    contextlib.redirect_stderr(nowhere),
                ):
                    warnings.simplefilter("ignore")
                    chosen.read(file)
            except Exception as error:
                own_code = kind == "recipe" and any(
                    frame.filename == str(file) for frame in traceback.extract_tb(error.__traceback__)
                )
                why = "" if own_code else wrong_with(error, file)
                if why:
                    last = traceback.extract_tb(error.__traceback__)
                    ours = [frame for frame in last if "/everymode/" in frame.filename]
                    where = f"{ours[-1].filename.split('/everymode/')[-1]}:{ours[-1].lineno}" if ours else "?"
                    yield f"{kind} {number} {why}: {type(error).__name__} at {where}: {str(error)[:160]}"


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in failures(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):
        print(json.dumps(line), flush=True)
