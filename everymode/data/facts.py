"""Metadata of a dataset that recipes and reports need, without its pixels and without torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DataFacts"]


@dataclass(frozen=True)
class DataFacts:
    """Metadata of a dataset, stored with a run so that it can be reproduced.

    Attributes:
        name: short name of the source.
        num_images: number of images.
        image_shape: (C, H, W), or (2,) for points.
        num_classes: number of classes; for several label blocks a tuple such as (5, 8, 3).
        class_counts: images per class, blocks in order.
        num_unlabeled: number of images with a label of -1.
        fingerprint: hexadecimal digest of pixels, labels and class names.
        classes: class names, blocks in order.
        combination_counts: for several label blocks, a row for each combination of labels that occurs: one label per
            block, then the number of images. Images that lack one of the labels are omitted.
        map_classes: number of classes of the label maps that images are paired with; 0 without maps.
        has_edges: whether the label maps have edges between instances.
        scale: factor H / h between images and the small pictures that they are paired with; 0 without pictures.
    """

    name: str
    num_images: int
    image_shape: tuple[int, ...]
    num_classes: int | tuple[int, ...]
    class_counts: tuple[int, ...]
    num_unlabeled: int
    fingerprint: str
    classes: tuple[str, ...]
    combination_counts: tuple[tuple[int, ...], ...] = ()
    map_classes: int = 0
    has_edges: bool = False
    scale: int = 0
