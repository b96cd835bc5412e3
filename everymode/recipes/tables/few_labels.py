"""Recipes for images of which a few are labelled."""

from __future__ import annotations

_AC_GAN = "everymode.recipes.ac_gan"
_MULTI_HINGE = "everymode.recipes.multi_hinge_gan"

FEW_LABELS: dict[str, tuple[str, str, str]] = {
    "ac-gan-ssl-digits": (_AC_GAN, "SSL_DIGITS", "AC-GAN, one digit in ten labelled"),
    "ac-gan-ssl-cifar10": (_AC_GAN, "SSL_CIFAR10", "AC-GAN on CIFAR-10, one image in ten labelled"),
    "ac-gan-ssl-imagenet128": (_AC_GAN, "SSL_IMAGENET128", "AC-GAN on ImageNet, one image in ten labelled"),
    "ac-gan-ssl-32": (_AC_GAN, "SSL_IMAGES32", "AC-GAN, your own images, a few of them labelled, 32 pixels"),
    "ac-gan-ssl-64": (_AC_GAN, "SSL_IMAGES64", "AC-GAN, your own images, a few of them labelled, 64 pixels"),
    "multi-hinge-ssl-digits": (_MULTI_HINGE, "SSL_DIGITS", "Multi-hinge GAN, one digit in ten labelled"),
    "multi-hinge-ssl-cifar10": (
        _MULTI_HINGE,
        "SSL_CIFAR10",
        "Multi-hinge GAN on CIFAR-10, one image in ten labelled",
    ),
    "multi-hinge-ssl-32": (
        _MULTI_HINGE,
        "SSL_IMAGES32",
        "Multi-hinge GAN, your own images, a few of them labelled, 32 pixels",
    ),
    "multi-hinge-ssl-64": (
        _MULTI_HINGE,
        "SSL_IMAGES64",
        "Multi-hinge GAN, your own images, a few of them labelled, 64 pixels",
    ),
    "multi-hinge-ssl-imagenet128": (
        _MULTI_HINGE,
        "SSL_IMAGENET128",
        "Multi-hinge GAN on ImageNet, one in ten labelled",
    ),
}
