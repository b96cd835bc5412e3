"""Recipes for images without labels: Self-Conditioned GAN."""

from __future__ import annotations

_SELF = "everymode.recipes.self_conditioned"
_ONLINE = "everymode.recipes.online_self_conditioned"
_BACKBONE = "everymode.recipes.self_conditioned_backbone"

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
    "self-conditioned-imagenet128": (_SELF, "IMAGENET128", "Self-Conditioned GAN on ImageNet, 128 pixels"),
    "self-conditioned-places128": (_SELF, "PLACES128", "Self-Conditioned GAN on Places, 128 pixels"),
    "self-conditioned-biggan-digits": (
        _BACKBONE,
        "DIGITS",
        "BigGAN whose classes are clusters, on the bundled digits",
    ),
    "self-conditioned-omni-digits": (
        _BACKBONE,
        "OMNI_DIGITS",
        "Omni-GAN whose classes are clusters, on the bundled digits",
    ),
    "self-conditioned-multi-hinge-digits": (
        _BACKBONE,
        "MULTI_HINGE_DIGITS",
        "Multi-hinge GAN whose classes are clusters, on the bundled digits",
    ),
    "online-self-conditioned-ring": (
        _ONLINE,
        "RING",
        "Self-Conditioned GAN, online, on eight Gaussians in a ring",
    ),
    "online-self-conditioned-grid": (
        _ONLINE,
        "GRID",
        "Self-Conditioned GAN, online, on a grid of 25 Gaussians",
    ),
    "online-self-conditioned-digits": (
        _ONLINE,
        "DIGITS",
        "Self-Conditioned GAN, online, on the bundled digits",
    ),
    "online-self-conditioned-stacked-digits": (
        _ONLINE,
        "STACKED_DIGITS",
        "Self-Conditioned GAN, online, on 1,000 stacked modes",
    ),
    "online-self-conditioned-cifar10": (_ONLINE, "CIFAR10", "Self-Conditioned GAN, online, on CIFAR-10"),
}
