"""Recipes for images with labels, one or several each."""

from __future__ import annotations

_OMNI = "everymode.recipes.omni_gan"
_OMNI_INR = "everymode.recipes.omni_inr_gan"
_BIGGAN = "everymode.recipes.biggan"
_SAGAN = "everymode.recipes.sagan"
_AC_GAN = "everymode.recipes.ac_gan"
_MULTI_HINGE = "everymode.recipes.multi_hinge_gan"
_REACGAN = "everymode.recipes.reacgan"
_CONTRAGAN = "everymode.recipes.contragan"
_R3GAN = "everymode.recipes.r3gan"
_MULTI_LABEL = "everymode.recipes.multi_label"

SUPERVISED: dict[str, tuple[str, str, str]] = {
    "omni-gan-digits": (
        _OMNI,
        "DIGITS",
        "Omni-GAN on the bundled handwritten digits: two minutes on a laptop",
    ),
    "omni-gan-cifar10": (_OMNI, "CIFAR10", "Omni-GAN on CIFAR-10, with the released numbers"),
    "omni-gan-cifar100": (_OMNI, "CIFAR100", "Omni-GAN on CIFAR-100, with the released numbers"),
    "one-sided-omni-gan-cifar10": (
        _OMNI,
        "ONE_SIDED_CIFAR10",
        "one-sided Omni-GAN (projection as omni-loss) on CIFAR-10",
    ),
    "one-sided-omni-gan-cifar100": (_OMNI, "ONE_SIDED_CIFAR100", "one-sided Omni-GAN on CIFAR-100"),
    "one-sided-omni-gan-digits": (_OMNI, "ONE_SIDED_DIGITS", "one-sided Omni-GAN on the bundled digits"),
    "one-sided-omni-gan-32": (
        _OMNI,
        "ONE_SIDED_IMAGES32",
        "one-sided Omni-GAN on your own images, 32 pixels",
    ),
    "one-sided-omni-gan-64": (
        _OMNI,
        "ONE_SIDED_IMAGES64",
        "one-sided Omni-GAN on your own images, 64 pixels",
    ),
    "omni-gan-imagenet128": (_OMNI, "IMAGENET128", "Omni-GAN on ImageNet at 128 pixels"),
    "omni-gan-imagenet256": (
        _OMNI,
        "IMAGENET256",
        "Omni-GAN on ImageNet at 256 pixels, with the paper's numbers",
    ),
    "omni-gan-32": (_OMNI, "IMAGES32", "Omni-GAN on your own labelled images, 32 pixels"),
    "omni-gan-64": (_OMNI, "IMAGES64", "Omni-GAN on your own labelled images, 64 pixels"),
    "omni-gan-128": (_OMNI, "IMAGES128", "Omni-GAN on your own labelled images, 128 pixels"),
    "omni-inr-gan-digits": (_OMNI_INR, "DIGITS", "Omni-INR-GAN (draws at any size) on the bundled digits"),
    "omni-inr-gan-cifar10": (_OMNI_INR, "CIFAR10", "Omni-INR-GAN on CIFAR-10"),
    "omni-inr-gan-cifar100": (_OMNI_INR, "CIFAR100", "Omni-INR-GAN on CIFAR-100"),
    "omni-inr-gan-imagenet128": (_OMNI_INR, "IMAGENET128", "Omni-INR-GAN on ImageNet at 128 pixels"),
    "omni-inr-gan-imagenet256": (_OMNI_INR, "IMAGENET256", "Omni-INR-GAN on ImageNet at 256 pixels"),
    "omni-inr-gan-32": (_OMNI_INR, "IMAGES32", "Omni-INR-GAN on your own labelled images, 32 pixels"),
    "omni-inr-gan-64": (_OMNI_INR, "IMAGES64", "Omni-INR-GAN on your own labelled images, 64 pixels"),
    "omni-inr-gan-128": (_OMNI_INR, "IMAGES128", "Omni-INR-GAN on your own labelled images, 128 pixels"),
    "biggan-digits": (_BIGGAN, "DIGITS", "BigGAN (projection, hinge) on the bundled digits"),
    "biggan-cifar10": (_BIGGAN, "CIFAR10", "BigGAN (projection, hinge) on CIFAR-10: the baseline"),
    "biggan-cifar100": (_BIGGAN, "CIFAR100", "BigGAN on CIFAR-100"),
    "biggan-imagenet128": (_BIGGAN, "IMAGENET128", "BigGAN on ImageNet at 128 pixels"),
    "biggan-imagenet256": (_BIGGAN, "IMAGENET256", "BigGAN on ImageNet at 256 pixels"),
    "biggan-32": (_BIGGAN, "IMAGES32", "BigGAN on your own labelled images, 32 pixels"),
    "biggan-64": (_BIGGAN, "IMAGES64", "BigGAN on your own labelled images, 64 pixels"),
    "biggan-128": (_BIGGAN, "IMAGES128", "BigGAN on your own labelled images, 128 pixels"),
    "sagan-digits": (_SAGAN, "DIGITS", "SAGAN (attention, projection, hinge) on the bundled digits"),
    "sagan-cifar10": (_SAGAN, "CIFAR10", "SAGAN on CIFAR-10"),
    "sagan-imagenet64": (_SAGAN, "IMAGENET64", "SAGAN on ImageNet at 64 pixels"),
    "sagan-imagenet128": (_SAGAN, "IMAGENET128", "SAGAN on ImageNet at 128 pixels"),
    "sagan-32": (_SAGAN, "IMAGES32", "SAGAN on your own labelled images, 32 pixels"),
    "sagan-64": (_SAGAN, "IMAGES64", "SAGAN on your own labelled images, 64 pixels"),
    "ac-gan-digits": (_AC_GAN, "DIGITS", "AC-GAN (a classifier beside D) on the bundled digits"),
    "ac-gan-cifar10": (_AC_GAN, "CIFAR10", "AC-GAN on CIFAR-10, as Omni-GAN compares it"),
    "ac-gan-cifar100": (_AC_GAN, "CIFAR100", "AC-GAN on CIFAR-100, as Omni-GAN compares it"),
    "ac-gan-imagenet64": (_AC_GAN, "IMAGENET64", "AC-GAN with projection on ImageNet at 64 pixels"),
    "ac-gan-imagenet128": (_AC_GAN, "IMAGENET128", "AC-GAN with projection on ImageNet at 128 pixels"),
    "ac-gan-32": (_AC_GAN, "IMAGES32", "AC-GAN on your own labelled images, 32 pixels"),
    "ac-gan-64": (_AC_GAN, "IMAGES64", "AC-GAN on your own labelled images, 64 pixels"),
    "imac-gan-digits": (_AC_GAN, "IMPROVED_DIGITS", "ImAC-GAN (fakes are a class) on the bundled digits"),
    "imac-gan-cifar10": (_AC_GAN, "IMPROVED_CIFAR10", "ImAC-GAN on CIFAR-10"),
    "imac-gan-cifar100": (_AC_GAN, "IMPROVED_CIFAR100", "ImAC-GAN on CIFAR-100"),
    "imac-gan-32": (_AC_GAN, "IMPROVED_IMAGES32", "ImAC-GAN on your own labelled images, 32 pixels"),
    "imac-gan-64": (_AC_GAN, "IMPROVED_IMAGES64", "ImAC-GAN on your own labelled images, 64 pixels"),
    "multi-hinge-gan-digits": (_MULTI_HINGE, "DIGITS", "Multi-hinge GAN on the bundled digits: two minutes"),
    "multi-hinge-gan-cifar10": (_MULTI_HINGE, "CIFAR10", "Multi-hinge GAN on CIFAR-10"),
    "multi-hinge-gan-imagenet64": (_MULTI_HINGE, "IMAGENET64", "Multi-hinge GAN on ImageNet at 64 pixels"),
    "multi-hinge-gan-imagenet128": (_MULTI_HINGE, "IMAGENET128", "Multi-hinge GAN on ImageNet at 128 pixels"),
    "multi-hinge-gan-32": (
        _MULTI_HINGE,
        "IMAGES32",
        "Multi-hinge GAN on your own labelled images, 32 pixels",
    ),
    "multi-hinge-gan-64": (
        _MULTI_HINGE,
        "IMAGES64",
        "Multi-hinge GAN on your own labelled images, 64 pixels",
    ),
    "multi-hinge-gan-128": (
        _MULTI_HINGE,
        "IMAGES128",
        "Multi-hinge GAN on your own labelled images, 128 pixels",
    ),
    "multi-hinge-shared-gan-32": (
        _MULTI_HINGE,
        "SHARED_IMAGES32",
        "projection, then also a classifier, on your own images, 32 pixels",
    ),
    "multi-hinge-shared-gan-64": (
        _MULTI_HINGE,
        "SHARED_IMAGES64",
        "projection, then also a classifier, on your own images, 64 pixels",
    ),
    "multi-hinge-shared-gan-digits": (
        _MULTI_HINGE,
        "SHARED_DIGITS",
        "projection, then also a classifier, on digits",
    ),
    "multi-hinge-shared-gan-cifar10": (
        _MULTI_HINGE,
        "SHARED_CIFAR10",
        "projection, then also a classifier, on CIFAR-10",
    ),
    "multi-hinge-shared-gan-imagenet64": (
        _MULTI_HINGE,
        "SHARED_IMAGENET64",
        "projection, then also a classifier, on ImageNet at 64 pixels",
    ),
    "multi-hinge-shared-gan-imagenet128": (
        _MULTI_HINGE,
        "SHARED_IMAGENET128",
        "projection, then also a classifier, on ImageNet at 128 pixels",
    ),
    "multi-hinge-k1-gan-digits": (
        _MULTI_HINGE,
        "K1_DIGITS",
        "K + 1 classes with feature matching on the bundled digits",
    ),
    "multi-hinge-k1-gan-cifar10": (
        _MULTI_HINGE,
        "K1_CIFAR10",
        "K + 1 classes with feature matching on CIFAR-10",
    ),
    "multi-hinge-k1-gan-cifar100": (
        _MULTI_HINGE,
        "K1_CIFAR100",
        "K + 1 classes with feature matching on CIFAR-100",
    ),
    "multi-hinge-k1-gan-32": (
        _MULTI_HINGE,
        "K1_IMAGES32",
        "K + 1 classes with feature matching on your own images, 32 pixels",
    ),
    "multi-hinge-k1-gan-64": (
        _MULTI_HINGE,
        "K1_IMAGES64",
        "K + 1 classes with feature matching on your own images, 64 pixels",
    ),
    "reacgan-digits": (_REACGAN, "DIGITS", "ReACGAN (D2D-CE) on the bundled digits"),
    "reacgan-cifar10": (_REACGAN, "CIFAR10", "ReACGAN on CIFAR-10"),
    "contragan-digits": (_CONTRAGAN, "DIGITS", "ContraGAN (2C) on the bundled digits"),
    "contragan-cifar10": (_CONTRAGAN, "CIFAR10", "ContraGAN on CIFAR-10"),
    "r3gan-digits": (_R3GAN, "DIGITS", "R3GAN's objective on the bundled digits"),
    "r3gan-cifar10": (_R3GAN, "CIFAR10", "R3GAN's objective on CIFAR-10, BigGAN's networks"),
    "omni-gan-shapes": (
        _MULTI_LABEL,
        "SHAPES",
        "Omni-GAN on images with three labels each: shape, color and size",
    ),
    "omni-gan-two-domains": (
        _MULTI_LABEL,
        "TWO_DOMAINS",
        "Omni-GAN on digits of two domains: two labels each",
    ),
}
