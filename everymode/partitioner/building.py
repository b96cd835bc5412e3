"""Construction of the partitioner that settings describe."""

from __future__ import annotations

from everymode.partitioner.network import Partitioner, image_partitioner, plane_partitioner
from everymode.partitioner.settings import PartitionSettings

__all__ = ["partitioner_for"]


def partitioner_for(settings: PartitionSettings, image_shape: tuple[int, ...]) -> Partitioner:
    """Return a freshly initialized partitioner for images of shape (C, H, W), or for points of shape (2,).

    Raises:
        ValueError: if the sides can't be halved between all stages of the settings.
    """
    if len(image_shape) == 1:
        return plane_partitioner(
            settings.k,
            dimensions=image_shape[0],
            limit=settings.norm_limit,
            iterations=settings.power_iterations,
        )
    channels, height, width = image_shape
    names = ("blocks", "width", "pooled", "full_blocks", "full_width", "head_layers", "circular")
    return image_partitioner(
        settings.k,
        channels=channels,
        size=(height, width),
        limit=settings.norm_limit,
        iterations=settings.power_iterations,
        **{name: getattr(settings, name) for name in names},
    )
