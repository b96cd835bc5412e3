"""Digits of two domains, with two labels per image: the digit, and the domain that it comes from.

Modeled on appendix E of Omni-GAN (Zhou et al., ICCV 2021; arXiv 2011.13074), which joins MNIST and SVHN. Here
the first domain is scikit-learn's digits; the second is MNIST if its files are provided, otherwise the images of
the first one with bold strokes, black on white.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.errors import DataError
from everymode.data.idx import idx_images_in, idx_source
from everymode.data.order import random_permutation
from everymode.data.synthetic import DIGIT_NAMES, digit_images, in_memory, resized_gray

__all__ = ["inverted_bold", "two_domain_digits"]


def two_domain_digits(
    *, resolution: tuple[int, int] | None = None, split: str = "train", mnist: str = ""
) -> Dataset:
    """Return scikit-learn's digits and at most as many digits of a second domain.

    Labels [N, 2]: the digit (10 classes), then the domain (2 classes): "bundled", and "mnist" or "inverted".

    Args:
        resolution: (H, W) of all images (default: 16x16), resized bilinearly.
        split: split of scikit-learn's digits: "train", "held-out" or "all".
        mnist: path of MNIST's IDX file of images, with the file of labels in the same folder, or of that folder; a
            fixed random sample is used, at most as many images as scikit-learn has. If unset, the second domain is
            "inverted" (`inverted_bold` of every image of the first one), which needs no file.

    Raises:
        ValueError: if the split is unknown.
        FileNotFoundError: if the path of MNIST doesn't exist.
        DataError: if the files are not labeled images of the ten digits.
    """
    size = resolution or (16, 16)
    digits, labels = digit_images(split)
    first = resized_gray(digits, size)
    if mnist:
        pixels, second_labels = _mnist_digits(Path(mnist).expanduser(), split, len(labels))
        second, name = resized_gray(pixels, size), "mnist"
    else:
        second, second_labels, name = inverted_bold(first), labels, "inverted"
    domains = ("bundled", name)
    domain_labels = np.repeat([0, 1], [len(labels), len(second_labels)])
    both = np.stack((np.concatenate((labels, second_labels)), domain_labels), axis=1)
    return in_memory(
        f"two-domain-digits:{split}",
        np.concatenate((first, second)),
        both,
        (*DIGIT_NAMES, *domains),
        label_blocks=(DIGIT_NAMES, domains),
    )


def inverted_bold(images: np.ndarray) -> np.ndarray:
    """Invert white digits on black, uint8 [N, 1, H, W], and widen their strokes by one pixel on each side."""
    height, width = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    cross = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    bold = np.max([padded[:, :, y : y + height, x : x + width] for y, x in cross], axis=0)
    return 255 - bold


def _mnist_digits(path: Path, split: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a fixed random sample of at most `most` images [N, h, w] at the path, and their labels [N].

    No image is in both the training and the held-out split. If there are too few images for both, they are divided in
    the proportion of scikit-learn's splits.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path} with MNIST's images; check the path")
    source = idx_source(idx_images_in(path) if path.is_dir() else path)
    if source.pixels is None or source.pixels.shape[1] != 1 or source.classes != DIGIT_NAMES:
        raise DataError(
            f"{path} holds images of {len(source.classes)} classes; the second domain needs gray images of the ten "
            "digits, with the file of their labels in the same folder"
        )
    order = random_permutation(0, "limit", 0, len(source))
    if split != "all":
        train, held_out = (len(digit_images(each)[1]) for each in ("train", "held-out"))
        cut = min(train, round(len(source) * train / (train + held_out)))
        order = order[:cut] if split == "train" else order[cut:]
    rows = np.sort(order[:most])
    return source.pixels[rows][:, 0], source.labels[rows]
