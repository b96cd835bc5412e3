"""What a recipe or a report needs to know of a data set, without its pixels and without torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DataFacts"]


@dataclass(frozen=True)
class DataFacts:
    """The numbers of a data set, kept with a run so that it can be repeated.

    Attributes:
        name: what was opened, in short.
        num_images: N.
        image_shape: (C, H, W), or (2,) for points.
        num_classes: K; for several label blocks a tuple such as (5, 8, 3).
        class_counts: images per class, blocks in order.
        num_unlabeled: images with a label of -1.
        fingerprint: hexadecimal digest of pixels, labels and class names.
        classes: class names, blocks in order.
        combination_counts: with several label blocks, a row for each combination of labels that occurs: one label a
            block, then the number of images; images that lack one of the labels are left out.
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
