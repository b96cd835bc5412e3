"""Images of an exported generator with numpy and onnxruntime alone: no torch, no everymode.

    python onnx_sampling.py generator.onnx --seeds 0-15 --label 7 --out sevens.png
    python onnx_sampling.py generator.onnx --seeds 0-63 --truncation 0.7 --out any.png
    python onnx_sampling.py implicit.onnx --seeds 0-3 --size 48x64 --out large.png
    python onnx_sampling.py upscaler.onnx --inputs pictures.npz --out large.npy

`everymode export RUN --to onnx --out generator.onnx` writes the file. A seed gives the image that everymode draws from
it: the entry "everymode" of the file's metadata describes inputs, labels and random draws. Labels are checked before
they reach the graph, because ONNX reads -1 as the last class.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

Contract = dict[str, Any]
Arrays = dict[str, np.ndarray]


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw images, and write them as a PNG file (a grid) or a .npy file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="ONNX file")
    parser.add_argument("--seeds", default="0-15", help="such as 0-15 or 3,5,8")
    parser.add_argument(
        "--label", help="name or number for all images; several blocks: red,circle (default: drawn)"
    )
    parser.add_argument("--truncation", type=float, default=1.0, help="factor on z")
    parser.add_argument("--size", help="HEIGHTxWIDTH, for generators of any size")
    parser.add_argument(
        "--inputs", type=Path, help=".npz file with pictures, maps, edges or labels, by input name"
    )
    parser.add_argument("--out", type=Path, default=Path("samples.png"), help=".png or .npy file")
    options = parser.parse_args(arguments)
    try:
        session, contract = opened(options.model)
        given = {} if options.inputs is None else dict(np.load(options.inputs, allow_pickle=False))
        seeds = seeds_of(options.seeds, given)
        if options.label is not None:
            given["labels"] = labels_called(contract, options.label, len(seeds))
        size = None if options.size is None else size_of(options.size)
        output = generate(session, contract, seeds, given, truncation=options.truncation, size=size)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    if options.out.suffix == ".npy" or output.ndim != 4:
        np.save(options.out.with_suffix(".npy"), output)
    else:
        options.out.write_bytes(png(grid(to_uint8(output))))


def opened(path: Path) -> tuple[onnxruntime.InferenceSession, Contract]:
    """Return the session of an ONNX file and its contract."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    if "everymode" not in metadata:
        raise ValueError(f"{path} was not exported by everymode: its metadata has no entry 'everymode'")
    return session, json.loads(metadata["everymode"])


def generate(
    session: onnxruntime.InferenceSession,
    contract: Contract,
    seeds: Sequence[int],
    given: Arrays | None = None,
    *,
    truncation: float = 1.0,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return images [n, C, H, W] (or points [n, 2]), one for each seed.

    Args:
        session: of the ONNX file.
        contract: of the same file.
        seeds: z and, unless given, labels are drawn from them.
        given: labels, maps, edges or pictures of n rows each, by the names of the inputs.
        truncation: factor on z; below 1 trades variety for typicality.
        size: (height, width), for a generator with coordinates; default: the native size.
    """
    given = {} if given is None else given
    tensors: Arrays = {}
    for each in contract["inputs"]:
        name = each["name"]
        if name in given:
            tensors[name] = checked(each, given[name], len(seeds))
        elif name == "z":
            tensors[name] = latent_codes(contract, seeds, each["shape"][1], truncation)
        elif name in ("rows", "columns"):
            native = contract["native_size"]
            side = (size or native)[name == "columns"]
            tensors[name] = coordinates(side, each["native"])
        elif name == "labels" and contract["labels"]["draw"]:
            tensors[name] = drawn_labels(contract, seeds)
        else:
            raise ValueError(
                f"this generator needs {name}: {each['dtype']} of shape {each['shape']} ({each['kind']})"
            )
    if size is not None and "rows" not in tensors:
        raise ValueError("this generator draws at one size only: omit the size")
    return session.run(None, tensors)[0]


# ---- random draws: functions of the seed and a name


def words(seed: int, moment: str, stream: str, count: int) -> np.ndarray:
    """Return `count` 64-bit words of the generator Philox."""
    text = "\x1f".join((str(seed), moment, stream))
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
    return np.random.Philox(key=key).random_raw(count)


def uniform(seed: int, moment: str, stream: str, count: int) -> np.ndarray:
    """Return `count` uniform numbers in [0, 1)."""
    return (words(seed, moment, stream, count) >> np.uint64(11)) * 2.0**-53


def normal(seed: int, moment: str, stream: str, count: int) -> np.ndarray:
    """Return `count` standard normal numbers (Box-Muller transform)."""
    pairs = -(-count // 2)
    numbers = uniform(seed, moment, stream, 2 * pairs)
    radius = np.sqrt(-2.0 * np.log1p(-numbers[:pairs]))
    angle = 2.0 * np.pi * numbers[pairs:]
    return np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))[:count]


def latent_codes(
    contract: Contract, seeds: Sequence[int], length: int, truncation: float = 1.0
) -> np.ndarray:
    """Return z [n, length] of n seeds."""
    drawing = contract["seeds"]
    z = np.stack([normal(seed, drawing["moment"], drawing["z"], length) for seed in seeds])
    return z.astype(np.float32) * np.float32(truncation)


def drawn_labels(contract: Contract, seeds: Sequence[int]) -> np.ndarray:
    """Return drawn labels [n], or [n, blocks], of n seeds."""
    moment = contract["seeds"]["moment"]
    blocks = []
    for each in contract["labels"]["draw"]:
        points = np.array([uniform(seed, moment, each["stream"], 1)[0] for seed in seeds])
        if each["weights"] is None:
            values = np.floor(points * each["count"]).astype(np.int64)
        else:
            edges = np.cumsum(np.array(each["weights"], dtype=np.float64))
            values = np.searchsorted(edges, points * edges[-1], side="right").clip(max=each["count"] - 1)
        combinations = each["combinations"]
        blocks.append(values if combinations is None else np.array(combinations, dtype=np.int64)[values])
    return blocks[0].astype(np.int64) if len(blocks) == 1 else np.stack(blocks, axis=1).astype(np.int64)


# ---- inputs


def coordinates(count: int, native: int) -> np.ndarray:
    """Return the coordinates [count] of rows or columns, in pixels of the native size."""
    if count < 1:
        raise ValueError(f"a side of {count} pixels is impossible: each must be at least 1")
    return (np.arange(count, dtype=np.float32) + np.float32(0.5)) * np.float32(native / count) - np.float32(
        0.5
    )


def labels_called(contract: Contract, label: str, count: int) -> np.ndarray:
    """Return labels [n] or [n, blocks], all equal: names, or numbers counted from 0."""
    inputs = [each for each in contract["inputs"] if each["name"] == "labels"]
    if not inputs:
        raise ValueError(f"this generator has no labels, so it can't draw {label!r}: omit the label")
    sizes = [highest + 1 for highest in inputs[0]["maximum"]]
    parts = [part.strip() for part in label.split(",")] if len(sizes) > 1 else [label]
    if len(parts) != len(sizes):
        raise ValueError(
            f"{label!r} has {len(parts)} labels, and this generator has {len(sizes)}: pass all of them"
        )
    names = contract["labels"]["names"] or [[]] * len(sizes)
    numbers = []
    for part, known, size in zip(parts, names, sizes, strict=True):
        if part in known:
            numbers.append(known.index(part))
        elif part.isdecimal() and int(part) < size:
            numbers.append(int(part))
        else:
            raise ValueError(f"there is no label {part!r}: pass {', '.join(known) or f'0 to {size - 1}'}")
    rows = np.array([numbers] * count, dtype=np.int64)
    return rows if len(inputs[0]["shape"]) == 2 else rows[:, 0]


def checked(entry: Contract, values: np.ndarray, count: int) -> np.ndarray:
    """Return an input in its data type; raise ValueError if its shape or its values are not allowed."""
    name, shape = entry["name"], entry["shape"]
    fits = values.ndim == len(shape) and all(
        isinstance(side, str) or side == length for side, length in zip(shape, values.shape, strict=True)
    )
    if not fits or len(values) != count:
        raise ValueError(f"{name} has shape {list(values.shape)}; for {count} images it must be {shape}")
    if entry["dtype"] == "int64" and not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} are {values.dtype}; they must be integers")
    highest = entry["maximum"][0] if len(shape) == 1 else entry["maximum"]
    others = [entry[key] for key in ("void", "missing") if key in entry]
    outside = (values < entry["minimum"]) | (values > np.array(highest)) | np.isnan(values.astype(np.float64))
    outside &= ~np.isin(values, others)
    if outside.any():
        raise ValueError(
            f"{name} must be {entry['minimum']} to {highest}{''.join(f' or {each}' for each in others)}, not "
            f"{values[outside].flat[0]}"
        )
    return values.astype(entry["dtype"])


def size_of(text: str) -> tuple[int, int]:
    """Return (height, width) of "48x64"."""
    height, x, width = text.partition("x")
    if not (x and height.isdecimal() and width.isdecimal()):
        raise ValueError(f"a size is HEIGHTxWIDTH in pixels, such as 48x64, not {text!r}")
    return int(height), int(width)


def seeds_of(text: str, given: Arrays) -> list[int]:
    """Return the seeds of "0-15" or "3,5,8"; as many as there are given rows, from 0, if any are given."""
    if given:
        return list(range(len(next(iter(given.values())))))
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


# ---- pictures


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Return images in [-1, 1] as uint8; values outside are clipped."""
    return np.rint((images + np.float32(1)) * np.float32(127.5)).clip(0, 255).astype(np.uint8)


def grid(images: np.ndarray) -> np.ndarray:
    """Return uint8 images [n, C, H, W] beside and below each other, [rows * H, columns * W, C]."""
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    padding = np.zeros((rows * columns - len(images), *images.shape[1:]), np.uint8)
    cells = np.concatenate((images, padding)).reshape(rows, columns, *images.shape[1:])
    _, channels, height, width = images.shape
    return cells.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)


def png(pixels: np.ndarray) -> bytes:
    """Return a PNG file of uint8 pixels [H, W, C] with C = 1 (gray), 3 (RGB) or 4 (RGBA)."""
    height, width, channels = pixels.shape
    lines = np.concatenate((np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)), axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    )


if __name__ == "__main__":
    main()
