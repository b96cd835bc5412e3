"""Digits of two domains, with two labels per image: the digit, and the domain that it comes from.

Modeled on appendix E of Omni-GAN (Zhou et al., ICCV 2021; arXiv 2011.13074), which joins MNIST and SVHN. With the files
of both, these are the domains; with one of them, scikit-learn's digits are the first domain; without any, the second
one is the images of the first one with bold strokes, black on white.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.doors import one_sentence
from everymode.data.errors import DataError
from everymode.data.idx import idx_images_in, idx_source
from everymode.data.order import random_permutation
from everymode.data.published import svhn_source
from everymode.data.source import Source
from everymode.data.synthetic import DIGIT_NAMES, digit_images, in_memory, resized_gray

__all__ = ["inverted_bold", "two_domain_digits"]


def two_domain_digits(
    *,
    resolution: tuple[int, int] | None = None,
    split: str = "train",
    mnist: str = "",
    svhn: str = "",
) -> Dataset:
    """Return digits of two domains.

    Labels [N, 2]: the digit (10 classes), then the domain (2 classes). By default, the first domain is "bundled"
    (scikit-learn's digits) and the second, with at most as many images, "mnist" or "svhn" if its files are named,
    otherwise "inverted" (`inverted_bold` of every image of the first one), which needs no file. If both are named, as
    in the paper, MNIST is the first domain and SVHN the second, with at most as many images.

    Args:
        resolution: (H, W) of all images (default: 16x16), resized bilinearly.
        split: "train", "held-out" or "all"; fixed random shares of files, in the ratio of the splits of scikit-learn's
            digits.
        mnist: path of MNIST's IDX file of images, with the file of labels in the same folder, or of that folder.
        svhn: path of SVHN's cropped digits, such as train_32x32.mat. Images then have three channels, equal ones in the
            other domain.

    Raises:
        ValueError: if the split is unknown.
        FileNotFoundError: if the path of MNIST or SVHN doesn't exist.
        DataError: if the files are not labeled images of the ten digits.
    """
    size = resolution or (16, 16)
    digits, labels = digit_images(split)
    domains = [_Domain("bundled", resized_gray(digits, size), labels)]
    if mnist:
        most = None if svhn else len(labels)
        source = _mnist(Path(mnist).expanduser())
        pixels, theirs = _sampled(source, split, most, proportional=bool(svhn))
        domains.append(_Domain("mnist", _resized(pixels, size), theirs))
    if svhn:
        source = _svhn(Path(svhn).expanduser())
        pixels, theirs = _sampled(source, split, len(domains[-1].labels), proportional=bool(mnist))
        domains.append(_Domain("svhn", _resized(pixels, size), theirs))
    if len(domains) == 1:
        domains.append(_Domain("inverted", inverted_bold(domains[0].images), labels))
    pair = domains[-2:]
    channels = max(domain.images.shape[1] for domain in pair)
    images = [domain.images.repeat(channels // domain.images.shape[1], axis=1) for domain in pair]
    domain_labels = np.repeat([0, 1], [len(domain.labels) for domain in pair])
    both = np.stack((np.concatenate([domain.labels for domain in pair]), domain_labels), axis=1)
    names = (pair[0].name, pair[1].name)
    return in_memory(
        f"two-domain-digits:{split}",
        np.concatenate(images),
        both,
        (*DIGIT_NAMES, *names),
        label_blocks=(DIGIT_NAMES, names),
    )


class _Domain(NamedTuple):
    """Digits of one domain."""

    name: str
    images: np.ndarray
    """uint8 [N, C, H, W]."""
    labels: np.ndarray
    """int64 [N]."""


def inverted_bold(images: np.ndarray) -> np.ndarray:
    """Invert white digits on black, uint8 [N, 1, H, W], and widen their strokes by one pixel on each side."""
    height, width = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    cross = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    bold = np.max([padded[:, :, y : y + height, x : x + width] for y, x in cross], axis=0)
    return 255 - bold


def _resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize images [N, C, h, w] to uint8 [N, C, H, W], each channel as gray images."""
    flat = resized_gray(images.reshape(-1, *images.shape[2:]), size)
    return flat.reshape(*images.shape[:2], *size)


def _sampled(
    source: Source, split: str, most: int | None, *, proportional: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return a fixed random sample of at most `most` images [N, C, h, w] of a source, and their labels [N].

    No image is in both the training and the held-out split. If `proportional`, or if there are too few images for both
    splits, they are divided in the proportion of scikit-learn's splits.
    """
    assert source.pixels is not None
    order = random_permutation(0, "limit", 0, len(source))
    if split != "all":
        train, held_out = (len(digit_images(each)[1]) for each in ("train", "held-out"))
        cut = round(len(source) * train / (train + held_out))
        if not proportional:
            cut = min(train, cut)
        order = order[:cut] if split == "train" else order[cut:]
    rows = np.sort(order[:most])
    return source.pixels[rows], source.labels[rows]


def _mnist(path: Path) -> Source:
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path} with MNIST's images; check the path")
    source = idx_source(idx_images_in(path) if path.is_dir() else path)
    if source.pixels is None or source.pixels.shape[1] != 1 or source.classes != DIGIT_NAMES:
        raise DataError(
            f"{path} holds images of {len(source.classes)} classes; the domain needs gray images of the ten "
            "digits, with the file of their labels in the same folder"
        )
    return source


def _svhn(path: Path) -> Source:
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path} with SVHN's cropped digits, such as train_32x32.mat; check the path"
        )
    with one_sentence(path):
        return svhn_source(path)
