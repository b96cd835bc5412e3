"""Recipes for images without labels: Self-Conditioned GAN."""

from __future__ import annotations

_SELF = "everymode.recipes.self_conditioned"

CLUSTERS: dict[str, tuple[str, str, str]] = {
    "self-conditioned-digits": (
        _SELF,
        "DIGITS",
        "no labels: clusters of D's features, on the bundled digits",
    ),
    "self-conditioned-grid": (_SELF, "GRID", "Self-Conditioned GAN on a grid of 25 Gaussians"),
    "self-conditioned-ring": (_SELF, "RING", "Self-Conditioned GAN on eight Gaussians in a ring"),
    "self-conditioned-stacked-digits": (
        _SELF,
        "STACKED_DIGITS",
        "Self-Conditioned GAN on 1,000 stacked modes",
    ),
    "self-conditioned-cifar10": (_SELF, "CIFAR10", "Self-Conditioned GAN on CIFAR-10"),
    "self-conditioned-32": (
        _SELF,
        "IMAGES32",
        "Self-Conditioned GAN on your own unlabelled images, 32 pixels",
    ),
    "self-conditioned-64": (
        _SELF,
        "IMAGES64",
        "Self-Conditioned GAN on your own unlabelled images, 64 pixels",
    ),
    "self-conditioned-128": (
        _SELF,
        "IMAGES128",
        "Self-Conditioned GAN on your own unlabelled images, 128 pixels",
    ),
}
