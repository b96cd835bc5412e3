"""Recipes on the parts of a partition that is learnt first: Partition-Guided GAN."""

from __future__ import annotations

_GUIDED = "everymode.recipes.partition_guided"

PARTITION: dict[str, tuple[str, str, str]] = {
    "partition-guided-digits": (
        _GUIDED,
        "DIGITS",
        "no labels: parts of a learnt partition, and a guide, on digits",
    ),
    "partition-gan-digits": (
        _GUIDED,
        "PARTITION_DIGITS",
        "Partition GAN (parts of a learnt partition, no guide) on the bundled digits",
    ),
    "random-partition-gan-digits": (
        _GUIDED,
        "RANDOM_DIGITS",
        "Partition GAN with random parts, no guide, on the bundled digits",
    ),
    "partition-guided-classes-digits": (
        _GUIDED,
        "CLASSES_DIGITS",
        "with labels: each digit split into parts, and guided",
    ),
    "partition-guided-grid": (_GUIDED, "GRID", "Partition-Guided GAN on a grid of 25 Gaussians"),
    "partition-guided-ring": (_GUIDED, "RING", "Partition-Guided GAN on eight Gaussians in a ring"),
    "partition-guided-stacked-digits": (
        _GUIDED,
        "STACKED_DIGITS",
        "Partition-Guided GAN on 1,000 stacked modes",
    ),
    "partition-guided-cifar10": (_GUIDED, "CIFAR10", "Partition-Guided GAN on CIFAR-10"),
    "partition-gan-cifar10": (
        _GUIDED,
        "PARTITION_CIFAR10",
        "Partition GAN (parts of a learnt partition, no guide) on CIFAR-10",
    ),
    "random-partition-gan-cifar10": (
        _GUIDED,
        "RANDOM_CIFAR10",
        "Partition GAN with random parts, no guide, on CIFAR-10",
    ),
    "partition-guided-dcgan-cifar10": (
        _GUIDED,
        "DCGAN_CIFAR10",
        "Partition-Guided GAN on Self-Conditioned GAN's networks",
    ),
    "partition-guided-stl10": (_GUIDED, "STL10", "Partition-Guided GAN on STL-10 at 48 pixels"),
    "partition-guided-imagenet128": (
        _GUIDED,
        "IMAGENET128",
        "Partition-Guided GAN on ImageNet at 128 pixels",
    ),
    "partition-guided-32": (
        _GUIDED,
        "IMAGES32",
        "Partition-Guided GAN on your own unlabelled images, 32 pixels",
    ),
    "partition-guided-64": (
        _GUIDED,
        "IMAGES64",
        "Partition-Guided GAN on your own unlabelled images, 64 pixels",
    ),
    "partition-guided-128": (
        _GUIDED,
        "IMAGES128",
        "Partition-Guided GAN on your own unlabelled images, 128 pixels",
    ),
}
