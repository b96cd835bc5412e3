"""One-hot planes of label maps, which networks make inside: a map of 35 classes needs 35 times its memory as planes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from everymode.condition import VOID
from everymode.networks.sizes import Size


@dataclass(frozen=True)
class MapPlanes:
    """The planes of a condition that is a label map, with or without further maps such as instance edges.

    Raises:
        ValueError: if the number of classes is not in 1 to 255, or the number of further maps is negative.
    """

    num_classes: int
    """K, number of classes of the map."""
    extra_channels: int = 0
    """Number of further maps (1 for instance edges)."""
    dont_care: bool = False
    """Whether void pixels have a plane. Without it, all their planes are zero."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_classes <= VOID:
            raise ValueError(
                f"num_classes is {self.num_classes}; a label map has 1 to {VOID} classes, and {VOID} marks void pixels"
            )
        if self.extra_channels < 0:
            raise ValueError(f"extra_channels is {self.extra_channels}; pass 0, or 1 for instance edges")

    @property
    def channels(self) -> int:
        """Number of planes: one per class, one for void pixels with `dont_care`, then the further maps."""
        return self.num_classes + self.dont_care + self.extra_channels

    def read(self, condition: object, who: str) -> tuple[Tensor, Tensor | None]:
        """Return the label map and the further maps of a condition.

        The range of the labels is checked on the CPU only: on another device, that would wait for it. There, and in
        compiled code, a label outside the classes counts as void without a plane.

        Args:
            condition: int64 maps [B, H, W] of values 0 to K - 1 and 255 (void; -1 is void without a plane); with
                further maps (maps, edges), where edges are bool or float [B, H, W], or [B, extra_channels, H, W]. A
                last item that is the image [B, C, h, w] is ignored: only an encoder uses it.
            who: subject of the error message.
        Returns:
            The maps [B, H, W], and the further maps [B, extra_channels, H, W] or None.
        Raises:
            ValueError: if the condition has another form, or a label is outside the classes.
        """
        items = condition if isinstance(condition, tuple) else (condition,)
        expected = 2 if self.extra_channels else 1
        if self.image_of(condition) is not None:
            items = items[:-1]
        tensors = [item for item in items if isinstance(item, Tensor)]
        if len(items) != expected or len(tensors) != expected:
            form = "(maps, edges)" if self.extra_channels else "int64 maps of shape [B, H, W]"
            raise ValueError(
                f"{who} takes {form} as condition and was given {_described(condition)}; pass that, or build the "
                f"network with another extra_channels (here {self.extra_channels})"
            )
        maps = tensors[0]
        if maps.dim() != 3 or maps.is_floating_point() or maps.dtype == torch.bool:
            raise ValueError(
                f"{who} takes label maps of integers and shape [B, H, W] and was given {_described(maps)}; pass the "
                "indices of the classes, not planes"
            )
        if maps.device.type == "cpu" and not torch.compiler.is_compiling():
            self._require_classes(maps, who)
        extras = None
        if self.extra_channels:
            extras = tensors[1]
            extras = extras.unsqueeze(1) if extras.dim() == 3 else extras
            if extras.shape != (maps.shape[0], self.extra_channels, *maps.shape[1:]):
                raise ValueError(
                    f"{who} was given edges of shape {tuple(tensors[1].shape)} for maps {tuple(maps.shape)}; pass "
                    f"{self.extra_channels} of the maps' size per map"
                )
        return maps, extras

    def image_of(self, condition: object) -> Tensor | None:
        """Return the image that follows the maps of a condition, or None."""
        expected = 2 if self.extra_channels else 1
        if not isinstance(condition, tuple) or len(condition) != expected + 1:
            return None
        image = condition[-1]
        return image if isinstance(image, Tensor) and image.dim() == 4 else None

    def planes(self, maps: Tensor, extras: Tensor | None, size: Size, dtype: torch.dtype) -> Tensor:
        """Return [B, channels, h, w]: the maps resized by nearest, then one-hot; then the further maps, resized alike.

        Args:
            maps: [B, H, W], as from `read`.
            extras: [B, extra_channels, H, W], or None.
            size: (h, w).
            dtype: data type of the result.
        """
        small = resize_nearest(maps, size).unsqueeze(1)
        classes = torch.arange(self.num_classes, device=maps.device).view(1, -1, 1, 1)
        planes = [(small == classes).to(dtype)]
        if self.dont_care:
            planes.append((small == VOID).to(dtype))
        if extras is not None:
            planes.append(resize_nearest(extras, size).to(dtype))
        return torch.cat(planes, dim=1) if len(planes) > 1 else planes[0]

    def _require_classes(self, maps: Tensor, who: str) -> None:
        wrong = (maps != VOID) & ((maps >= self.num_classes) | (maps < -1))
        if wrong.any():
            values = maps[wrong].unique()[:8].tolist()
            raise ValueError(
                f"{who} has {self.num_classes} classes and was given maps with the labels {values}; allowed are 0 to "
                f"{self.num_classes - 1} and {VOID} (void): pass the dataset's number of classes, or map the labels"
            )


def resize_nearest(maps: Tensor, size: Size) -> Tensor:
    """Resize maps by nearest neighbor: [..., H, W] -> [..., h, w], where row i is row floor(i H / h).

    The indices are computed in integers. `torch.nn.functional.interpolate` computes them in single precision, which
    can select the row before.

    Args:
        maps: of any data type.
        size: (h, w).
    """
    height, width = maps.shape[-2:]
    if (height, width) == tuple(size):
        return maps
    rows, columns = (
        torch.arange(new, device=maps.device) * old // new
        for new, old in zip(size, (height, width), strict=True)
    )
    return maps[..., rows.unsqueeze(1), columns]


def _described(condition: object) -> str:
    if isinstance(condition, Tensor):
        return f"a {condition.dtype} tensor of shape {tuple(condition.shape)}"
    if isinstance(condition, tuple):
        return f"a tuple ({', '.join(_described(item) for item in condition)})"
    return "None" if condition is None else f"a {type(condition).__name__}"
