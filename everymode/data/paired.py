"""Pairs of each image with a label map, with or without instance edges, or with a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from everymode.condition import VOID
from everymode.data.gather import mirrored, normalized_rows
from everymode.data.rows import LazyRows, join_rows, select_rows, take_rows
from everymode.data.source import array_key, digest_of

__all__ = ["VOID", "Paired", "count_map_classes", "joined"]

CHUNK_BYTES = 2**26

Rows = np.ndarray | LazyRows


@dataclass(frozen=True, eq=False, repr=False)
class Paired:
    """Label maps, with or without edges between instances, or small pictures; one for each image of a dataset.

    Attributes:
        maps: uint8 [N, H, W], the class of each pixel; 255 = void.
        edges: uint8 [N, H, W], 1 at the edges between instances, else 0; only with maps.
        pictures: uint8 [N, C, h, w], low resolution of the images; not together with maps.
        num_classes: number of classes of the maps (default, 0: the largest index but 255, plus 1).
        class_names: names of these classes; () if they have none.

    Raises:
        ValueError: if there are neither maps nor pictures or both, a dtype or shape is wrong, the numbers of rows
            differ, or a map holds a class outside 0 .. num_classes - 1.
    """

    maps: Rows | None = None
    edges: Rows | None = None
    pictures: Rows | None = None
    num_classes: int = 0
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.maps is None) == (self.pictures is None):
            given = "neither" if self.maps is None else "both"
            raise ValueError(f"images are paired with maps or with pictures, and {given} are given; give one")
        if self.maps is None:
            if self.edges is not None or self.num_classes or self.class_names:
                raise ValueError("edges, num_classes and class_names belong to maps; omit them for pictures")
        else:
            self._require_maps(self.maps)
        if self.pictures is not None:
            _require_bytes("pictures", self.pictures, "[N, C, h, w]")

    def _require_maps(self, maps: Rows) -> None:
        _require_bytes("maps", maps, "[N, H, W]")
        if self.edges is not None:
            _require_bytes("edges", self.edges, "[N, H, W]")
            if tuple(self.edges.shape) != tuple(maps.shape):
                raise ValueError(
                    f"edges are {list(self.edges.shape)} and maps {list(maps.shape)}; give one edge map of the "
                    "same size per map"
                )
        # rows of a view were checked when the arrays behind it were opened
        used = 0 if isinstance(maps, LazyRows) and self.num_classes else count_map_classes(maps)
        if self.num_classes and used > self.num_classes:
            raise ValueError(
                f"a map holds class {used - 1}, but num_classes is {self.num_classes}; give at least {used}, or mark "
                f"pixels without a class by {VOID} (void)"
            )
        object.__setattr__(self, "num_classes", self.num_classes or used)
        if self.class_names and len(self.class_names) != self.num_classes:
            raise ValueError(
                f"there are {len(self.class_names)} class names for {self.num_classes} classes; give one per class"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        kind = "pictures" if self.maps is None else "maps" if self.edges is None else "maps with edges"
        size = "x".join(map(str, self._rows.shape[1:]))
        classes = f", {self.num_classes} classes" if self.maps is not None else ""
        return f"Paired({len(self):,} {kind} of {size}{classes})"

    @property
    def _rows(self) -> Rows:
        rows = self.pictures if self.maps is None else self.maps
        assert rows is not None
        return rows

    def scale(self, image_shape: Sequence[int]) -> int:
        """Return the factor between images [C, H, W] and their pictures [C, h, w]; 0 for maps."""
        return 0 if self.pictures is None else image_shape[1] // self.pictures.shape[2]

    def require_images(self, name: str, shape: Sequence[int]) -> None:
        """Check that these rows fit images.

        Args:
            name: name of the dataset in error messages.
            shape: (N, C, H, W) of the images.

        Raises:
            ValueError: if the data are points, the numbers of rows differ, maps have another size than the images, or
                the size of the images is not a whole multiple of that of the pictures, the same both ways.
        """
        if len(shape) != 4:
            raise ValueError(
                f"{name} holds points, which can't be paired with maps or pictures; omit `paired`"
            )
        if len(self) != shape[0]:
            raise ValueError(f"{name}: {shape[0]} images but {len(self)} paired rows; give one per image")
        height, width = self._rows.shape[-2:]
        if self.maps is not None and (height, width) != tuple(shape[2:]):
            raise ValueError(
                f"{name}: images are {shape[2]}x{shape[3]} and maps {height}x{width} (height by width); resize the "
                "maps by nearest neighbor to the size of the images"
            )
        factor = shape[2] // height
        if self.pictures is not None and (height * factor, width * factor) != tuple(shape[2:]):
            raise ValueError(
                f"{name}: images are {shape[2]}x{shape[3]} and pictures {height}x{width} (height by width); images "
                "must be larger by one whole factor"
            )

    def gather(
        self,
        rows: np.ndarray | Sequence[int],
        device: torch.device | str = "cpu",
        *,
        mirror: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor | tuple[Tensor, ...]:
        """Return rows as tensors on `device`.

        Args:
            rows: int64 [B], rows in 0 .. N - 1, repeats allowed.
            device: device of the result; rows are copied there as uint8.
            mirror: bool [B], the rows to flip left to right, as for `Dataset.gather`.
            dtype: data type of edges and pictures.

        Returns:
            The maps int64 [B, H, W] (255 = void); with edges a tuple (maps, edges [B, H, W] of 0 and 1); or pictures
            [B, C, h, w] in [-1, 1].

        Raises:
            IndexError: if a row is out of range.
            ValueError: if the shape of `mirror` is not [B].
        """
        indices = np.asarray(rows, dtype=np.int64)
        if len(indices) and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(
                f"paired rows are 0 .. {len(self) - 1}; requested {indices.min()} .. {indices.max()}"
            )
        if mirror is not None and mirror.shape != indices.shape:
            raise ValueError(
                f"mirror has shape {list(mirror.shape)}; give one bool per row, [{len(indices)}]"
            )
        target = torch.device(device)
        if self.pictures is not None:
            return normalized_rows(self.pictures, indices, target, mirror=mirror, dtype=dtype)
        assert self.maps is not None
        maps = _gathered(self.maps, indices, target, mirror).long()
        if self.edges is None:
            return maps
        return maps, _gathered(self.edges, indices, target, mirror).to(dtype)

    def select(self, rows: np.ndarray | Sequence[int]) -> Paired:
        """Return the rows `rows`, int64 [B], in that order, with all classes."""
        indices = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            maps=None if self.maps is None else select_rows(self.maps, indices),
            edges=None if self.edges is None else select_rows(self.edges, indices),
            pictures=None if self.pictures is None else select_rows(self.pictures, indices),
        )

    def digest(self) -> str:
        """Return a digest of all rows, the number of classes and their names: 32 hexadecimal digits."""
        arrays = (self.maps, self.edges, self.pictures)
        keys = ("none" if rows is None else array_key(rows) for rows in arrays)
        return digest_of(*keys, self.num_classes, *self.class_names)


def count_map_classes(maps: Rows) -> int:
    """Return the largest class in label maps [N, H, W] but 255 (void), plus 1; 0 if all pixels are void."""
    step = max(1, CHUNK_BYTES // max(1, int(np.prod(maps.shape[1:]))))
    # 255 + 1 is 0 in a byte
    largest = (int((maps[start : start + step] + np.uint8(1)).max()) for start in range(0, len(maps), step))
    return max(largest, default=0) if maps.shape[1:] else 0


def joined(parts: Sequence[Paired | None], where: str) -> Paired | None:
    """Concatenate the paired rows of several datasets; None if none of them has any.

    The number of classes is the largest one; names are those of the dataset with that number.

    Args:
        parts: paired rows of each dataset.
        where: description of the datasets in error messages.

    Raises:
        ValueError: if only some datasets have paired rows, or rows of different kinds or sizes.
    """
    paired = [part for part in parts if part is not None]
    if not paired:
        return None
    kinds = {(p.maps is None, p.edges is None, tuple(p._rows.shape[1:])) for p in paired}
    if len(paired) < len(parts) or len(kinds) > 1:
        raise ValueError(
            f"{where}: images are paired with different things (maps, maps with edges, pictures of one size, or "
            "nothing); join datasets whose pairs are alike"
        )
    largest = max(paired, key=lambda part: part.num_classes)
    return Paired(
        maps=None if largest.maps is None else join_rows([p.maps for p in paired if p.maps is not None]),
        edges=None if largest.edges is None else join_rows([p.edges for p in paired if p.edges is not None]),
        pictures=None
        if largest.pictures is None
        else join_rows([p.pictures for p in paired if p.pictures is not None]),
        num_classes=largest.num_classes,
        class_names=largest.class_names,
    )


def _require_bytes(what: str, rows: Rows, axes: str) -> None:
    if rows.dtype != np.uint8 or rows.ndim != axes.count(",") + 1 or 0 in rows.shape[1:]:
        raise ValueError(f"{what} are {rows.dtype} {list(rows.shape)}; give uint8 {axes}")


def _gathered(rows: Rows, indices: np.ndarray, device: torch.device, mirror: Tensor | None) -> Tensor:
    """Return rows [B, H, W] on `device` as uint8, some of them flipped left to right."""
    on_cuda = device.type == "cuda"
    host = torch.empty((len(indices), *rows.shape[1:]), dtype=torch.uint8, pin_memory=on_cuda)
    take_rows(rows, indices, host.numpy())
    batch = host.to(device, non_blocking=on_cuda)
    return batch if mirror is None else mirrored(batch[:, None], mirror)[:, 0]
