"""Digits of two domains, with two labels an image: which digit it is, and which domain it comes from.

After appendix E of Omni-GAN (Zhou et al., ICCV 2021; arXiv 2011.13074), which joins MNIST and SVHN. Here the
first domain is scikit-learn's digits; the second is MNIST, where its files are at hand, or else the first
one's images drawn anew: bold strokes, black on white.
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
    """Scikit-learn's digits and digits of a second domain, as many of both where there are enough.

    Labels [N, 2]: the digit (10 classes), then the domain (2 classes): "bundled", and "mnist" or "inverted".

    Args:
        resolution: (H, W) of all images, 16x16 by default; enlarged and shrunk bilinearly.
        split: of scikit-learn's digits: "train", "held-out" or "all".
        mnist: MNIST's IDX file of images (its labels beside it), or their folder; of its images a fixed random
            choice is taken, as many as there are of scikit-learn. Left out, the second domain is "inverted"
            (`inverted_bold` of every image of the first one), which needs no file.

    Raises:
        ValueError: an unknown split.
        FileNotFoundError: nothing at the path of MNIST.
        DataError: files that are not labeled images of the ten digits.
    """
    size = resolution or (16, 16)
    digits, labels = digit_images(split)
    first = resized_gray(digits, size)
    if mnist:
        pixels, theirs = _mnist_digits(Path(mnist).expanduser(), split, len(labels))
        second, name = resized_gray(pixels, size), "mnist"
    else:
        second, theirs, name = inverted_bold(first), labels, "inverted"
    domains = ("bundled", name)
    both = np.stack((np.concatenate((labels, theirs)), np.repeat([0, 1], [len(labels), len(theirs)])), axis=1)
    return in_memory(
        f"two-domain-digits:{split}",
        np.concatenate((first, second)),
        both,
        (*DIGIT_NAMES, *domains),
        label_blocks=(DIGIT_NAMES, domains),
    )


def inverted_bold(images: np.ndarray) -> np.ndarray:
    """White digits on black, uint8 [N, 1, H, W], as black ones on white whose strokes are a pixel wider all around."""
    height, width = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    crosswise = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    bold = np.max([padded[:, :, y : y + height, x : x + width] for y, x in crosswise], axis=0)
    return 255 - bold


def _mnist_digits(path: Path, split: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most so many of the images [N, h, w] at the path, chosen at random once and for all, and their labels [N].

    No image is in both training and held-out: of few images each gets the share that it has of scikit-learn's digits.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path} with MNIST's images; check the spelling")
    source = idx_source(idx_images_in(path) if path.is_dir() else path)
    if source.pixels is None or source.pixels.shape[1] != 1 or source.classes != DIGIT_NAMES:
        raise DataError(
            f"{path} holds images of {len(source.classes)} classes; the second domain needs gray images of the ten "
            "digits with the file of their labels beside them"
        )
    order = random_permutation(0, "limit", 0, len(source))
    if split != "all":
        train, held_out = (len(digit_images(part)[1]) for part in ("train", "held-out"))
        cut = min(train, round(len(source) * train / (train + held_out)))
        order = order[:cut] if split == "train" else order[cut:]
    rows = np.sort(order[:most])
    return source.pixels[rows, 0], source.labels[rows]
