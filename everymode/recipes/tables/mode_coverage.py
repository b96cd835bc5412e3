"""Recipes that Self-Conditioned GAN is compared with: its tables' other methods."""

from __future__ import annotations

_PLAIN = "everymode.recipes.plain_gan"
_PAC = "everymode.recipes.pac_gan"
_RANDOM = "everymode.recipes.random_labels_gan"
_MGAN = "everymode.recipes.mgan"
_LOGO = "everymode.recipes.logo_gan"
_ROTNET = "everymode.recipes.rotnet_gan"

MODE_COVERAGE: dict[str, tuple[str, str, str]] = {
    "gan-digits": (_PLAIN, "DIGITS", "GAN without labels on the bundled digits"),
    "gan-stacked-digits": (_PLAIN, "STACKED_DIGITS", "GAN without labels on 1,000 stacked modes"),
    "gan-cifar10": (_PLAIN, "CIFAR10", "GAN without labels on CIFAR-10"),
    "gan-imagenet128": (_PLAIN, "IMAGENET128", "GAN without labels on ImageNet, 128 pixels"),
    "gan-places128": (_PLAIN, "PLACES128", "GAN without labels on Places, 128 pixels"),
    "gan-32": (_PLAIN, "IMAGES32", "GAN without labels on your own images, 32 pixels"),
    "gan-64": (_PLAIN, "IMAGES64", "GAN without labels on your own images, 64 pixels"),
    "gan-128": (_PLAIN, "IMAGES128", "GAN without labels on your own images, 128 pixels"),
    "conditional-gan-digits": (
        _PLAIN,
        "CONDITIONAL_DIGITS",
        "GAN that is told the label on the bundled digits",
    ),
    "conditional-gan-stacked-digits": (
        _PLAIN,
        "CONDITIONAL_STACKED_DIGITS",
        "GAN that is told the label on 1,000 stacked modes",
    ),
    "conditional-gan-cifar10": (_PLAIN, "CONDITIONAL_CIFAR10", "GAN that is told the label on CIFAR-10"),
    "conditional-gan-imagenet128": (
        _PLAIN,
        "CONDITIONAL_IMAGENET128",
        "GAN that is told the label on ImageNet, 128 pixels",
    ),
    "conditional-gan-places128": (
        _PLAIN,
        "CONDITIONAL_PLACES128",
        "GAN that is told the label on Places, 128 pixels",
    ),
    "pac-gan2-ring": (_PAC, "PAC2_RING", "PacGAN (packs of 2) on eight Gaussians in a ring"),
    "pac-gan2-grid": (_PAC, "PAC2_GRID", "PacGAN (packs of 2) on a grid of 25 Gaussians"),
    "pac-gan2-digits": (_PAC, "PAC2_DIGITS", "PacGAN (packs of 2) on the bundled digits"),
    "pac-gan2-stacked-digits": (_PAC, "PAC2_STACKED_DIGITS", "PacGAN (packs of 2) on 1,000 stacked modes"),
    "pac-gan2-cifar10": (_PAC, "PAC2_CIFAR10", "PacGAN (packs of 2) on CIFAR-10"),
    "pac-gan2-imagenet128": (_PAC, "PAC2_IMAGENET128", "PacGAN (packs of 2) on ImageNet, 128 pixels"),
    "pac-gan2-places128": (_PAC, "PAC2_PLACES128", "PacGAN (packs of 2) on Places, 128 pixels"),
    "pac-gan3-ring": (_PAC, "PAC3_RING", "PacGAN (packs of 3) on eight Gaussians in a ring"),
    "pac-gan3-grid": (_PAC, "PAC3_GRID", "PacGAN (packs of 3) on a grid of 25 Gaussians"),
    "pac-gan3-digits": (_PAC, "PAC3_DIGITS", "PacGAN (packs of 3) on the bundled digits"),
    "pac-gan3-stacked-digits": (_PAC, "PAC3_STACKED_DIGITS", "PacGAN (packs of 3) on 1,000 stacked modes"),
    "pac-gan3-cifar10": (_PAC, "PAC3_CIFAR10", "PacGAN (packs of 3) on CIFAR-10"),
    "pac-gan3-imagenet128": (_PAC, "PAC3_IMAGENET128", "PacGAN (packs of 3) on ImageNet, 128 pixels"),
    "pac-gan3-places128": (_PAC, "PAC3_PLACES128", "PacGAN (packs of 3) on Places, 128 pixels"),
    "pac-gan4-ring": (_PAC, "PAC4_RING", "PacGAN (packs of 4) on eight Gaussians in a ring"),
    "pac-gan4-grid": (_PAC, "PAC4_GRID", "PacGAN (packs of 4) on a grid of 25 Gaussians"),
    "pac-gan4-digits": (_PAC, "PAC4_DIGITS", "PacGAN (packs of 4) on the bundled digits"),
    "pac-gan4-stacked-digits": (_PAC, "PAC4_STACKED_DIGITS", "PacGAN (packs of 4) on 1,000 stacked modes"),
    "pac-gan4-cifar10": (_PAC, "PAC4_CIFAR10", "PacGAN (packs of 4) on CIFAR-10"),
    "random-labels-gan-ring": (_RANDOM, "RING", "random labels on eight Gaussians in a ring"),
    "random-labels-gan-grid": (_RANDOM, "GRID", "random labels on a grid of 25 Gaussians"),
    "random-labels-gan-digits": (_RANDOM, "DIGITS", "random labels on the bundled digits"),
    "random-labels-gan-stacked-digits": (_RANDOM, "STACKED_DIGITS", "random labels on 1,000 stacked modes"),
    "random-labels-gan-cifar10": (_RANDOM, "CIFAR10", "random labels on CIFAR-10"),
    "random-labels-gan-imagenet128": (_RANDOM, "IMAGENET128", "random labels on ImageNet, 128 pixels"),
    "random-labels-gan-places128": (_RANDOM, "PLACES128", "random labels on Places, 128 pixels"),
    "mgan-ring": (_MGAN, "RING", "MGAN (several generators) on eight Gaussians in a ring"),
    "mgan-grid": (_MGAN, "GRID", "MGAN (several generators) on a grid of 25 Gaussians"),
    "mgan-digits": (_MGAN, "DIGITS", "MGAN (several generators) on the bundled digits"),
    "mgan-stacked-digits": (_MGAN, "STACKED_DIGITS", "MGAN (several generators) on 1,000 stacked modes"),
    "mgan-cifar10": (_MGAN, "CIFAR10", "MGAN (several generators) on CIFAR-10"),
    "mgan-imagenet128": (_MGAN, "IMAGENET128", "MGAN (several generators) on ImageNet, 128 pixels"),
    "mgan-places128": (_MGAN, "PLACES128", "MGAN (several generators) on Places, 128 pixels"),
    "logo-gan-ae-digits": (
        _LOGO,
        "AE_DIGITS",
        "Logo-GAN (clusters of autoencoder codes) on the bundled digits",
    ),
    "logo-gan-ae-stacked-digits": (
        _LOGO,
        "AE_STACKED_DIGITS",
        "Logo-GAN (clusters of autoencoder codes) on 1,000 stacked modes",
    ),
    "logo-gan-ae-cifar10": (_LOGO, "AE_CIFAR10", "Logo-GAN (clusters of autoencoder codes) on CIFAR-10"),
    "logo-gan-ae-imagenet128": (
        _LOGO,
        "AE_IMAGENET128",
        "Logo-GAN (clusters of autoencoder codes) on ImageNet, 128 pixels",
    ),
    "logo-gan-ae-places128": (
        _LOGO,
        "AE_PLACES128",
        "Logo-GAN (clusters of autoencoder codes) on Places, 128 pixels",
    ),
    "logo-gan-rc-digits": (
        _LOGO,
        "RC_DIGITS",
        "Logo-GAN (clusters of classifier features) on the bundled digits",
    ),
    "logo-gan-rc-stacked-digits": (
        _LOGO,
        "RC_STACKED_DIGITS",
        "Logo-GAN (clusters of classifier features) on 1,000 stacked modes",
    ),
    "logo-gan-rc-cifar10": (_LOGO, "RC_CIFAR10", "Logo-GAN (clusters of classifier features) on CIFAR-10"),
    "logo-gan-rc-imagenet128": (
        _LOGO,
        "RC_IMAGENET128",
        "Logo-GAN (clusters of classifier features) on ImageNet, 128 pixels",
    ),
    "logo-gan-rc-places128": (
        _LOGO,
        "RC_PLACES128",
        "Logo-GAN (clusters of classifier features) on Places, 128 pixels",
    ),
    "rotnet-gan-digits": (_ROTNET, "DIGITS", "clusters of RotNet features on the bundled digits"),
    "rotnet-gan-stacked-digits": (
        _ROTNET,
        "STACKED_DIGITS",
        "clusters of RotNet features on 1,000 stacked modes",
    ),
    "rotnet-gan-cifar10": (_ROTNET, "CIFAR10", "clusters of RotNet features on CIFAR-10"),
    "rotnet-gan-imagenet128": (_ROTNET, "IMAGENET128", "clusters of RotNet features on ImageNet, 128 pixels"),
    "rotnet-gan-places128": (_ROTNET, "PLACES128", "clusters of RotNet features on Places, 128 pixels"),
}
