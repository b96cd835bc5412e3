"""Recipes that compare normalizations of the critic."""

from __future__ import annotations

_NONE = "everymode.recipes.unconditional"
_SAN = "everymode.recipes.san_gan"
_RIVALS = "everymode.recipes.rival_norms"

NORMALIZATION: dict[str, tuple[str, str, str]] = {
    "san-gan-cnn-cifar10": (_SAN, "CNN_CIFAR10", "SAN-GAN: sparsity-aware normalization, standard networks"),
    "san-gan-cnn-stl10": (_SAN, "CNN_STL10", "SAN-GAN at 48 pixels"),
    "san-gan-cnn-digits": (_SAN, "CNN_DIGITS", "SAN-GAN in a minute, on the bundled digits"),
    "san-gan-cnn-32": (_SAN, "CNN_IMAGES32", "SAN-GAN on your images, without labels"),
    "san-gan-resnet-cifar10": (_SAN, "RESNET_CIFAR10", "SAN-GAN on residual networks"),
    "san-gan-resnet-stl10": (_SAN, "RESNET_STL10", "SAN-GAN at 48 pixels, shortened residual critic"),
    "san-gan-resnet-digits": (_SAN, "RESNET_DIGITS", "SAN-GAN on residual networks, on the bundled digits"),
    "san-gan-resnet-32": (_SAN, "RESNET_IMAGES32", "SAN-GAN on residual networks, on your images"),
    "san-biggan-cifar10": (_SAN, "BIGGAN_CIFAR10", "BigGAN with SAN in the discriminator's blocks"),
    "san-biggan-digits": (
        _SAN,
        "BIGGAN_DIGITS",
        "BigGAN with SAN in the discriminator's blocks, on the bundled digits",
    ),
    "sn-gan-cnn-cifar10": (_RIVALS, "SPECTRAL_CNN_CIFAR10", "SN-GAN: spectral normalization, as SAN-GAN"),
    "sn-gan-cnn-stl10": (_RIVALS, "SPECTRAL_CNN_STL10", "SN-GAN at 48 pixels"),
    "sn-gan-cnn-digits": (_RIVALS, "SPECTRAL_CNN_DIGITS", "SN-GAN on the bundled digits"),
    "sn-gan-cnn-32": (_RIVALS, "SPECTRAL_CNN_IMAGES32", "SN-GAN on your images, without labels"),
    "sn-gan-resnet-cifar10": (_RIVALS, "SPECTRAL_RESNET_CIFAR10", "SN-GAN on residual networks"),
    "sn-gan-resnet-stl10": (_RIVALS, "SPECTRAL_RESNET_STL10", "SN-GAN at 48 pixels, whole residual critic"),
    "sn-gan-resnet-digits": (
        _RIVALS,
        "SPECTRAL_RESNET_DIGITS",
        "SN-GAN on residual networks, bundled digits",
    ),
    "sn-gan-resnet-32": (_RIVALS, "SPECTRAL_RESNET_IMAGES32", "SN-GAN on residual networks, on your images"),
    "unnormalized-gan-cnn-cifar10": (_NONE, "CNN_CIFAR10", "SAN-GAN's networks without normalization"),
    "unnormalized-gan-cnn-digits": (
        _NONE,
        "CNN_DIGITS",
        "SAN-GAN's networks without normalization, on the bundled digits",
    ),
    "convolution-sn-gan-cnn-cifar10": (
        _RIVALS,
        "CONVOLUTION_CNN_CIFAR10",
        "spectral normalization by the convolutions' true norm",
    ),
    "convolution-sn-gan-cnn-digits": (
        _RIVALS,
        "CONVOLUTION_CNN_DIGITS",
        "spectral normalization by the convolutions' true norm, on the bundled digits",
    ),
    "orthonormal-gan-cnn-cifar10": (_RIVALS, "ORTHONORMAL_CNN_CIFAR10", "orthonormal regularization"),
    "orthonormal-gan-cnn-digits": (
        _RIVALS,
        "ORTHONORMAL_CNN_DIGITS",
        "orthonormal regularization, on the bundled digits",
    ),
    "orthonormal-gan-resnet-cifar10": (
        _RIVALS,
        "ORTHONORMAL_RESNET_CIFAR10",
        "orthonormal regularization on residual networks",
    ),
    "weight-norm-gan-cnn-cifar10": (_RIVALS, "WEIGHT_NORM_CNN_CIFAR10", "weight normalization"),
    "weight-norm-gan-cnn-digits": (
        _RIVALS,
        "WEIGHT_NORM_CNN_DIGITS",
        "weight normalization, on the bundled digits",
    ),
    "layer-norm-gan-cnn-cifar10": (_RIVALS, "LAYER_NORM_CNN_CIFAR10", "layer normalization in the critic"),
    "layer-norm-gan-cnn-digits": (
        _RIVALS,
        "LAYER_NORM_CNN_DIGITS",
        "layer normalization in the critic, on the bundled digits",
    ),
    "batch-norm-gan-cnn-cifar10": (_RIVALS, "BATCH_NORM_CNN_CIFAR10", "batch normalization in the critic"),
    "batch-norm-gan-cnn-digits": (
        _RIVALS,
        "BATCH_NORM_CNN_DIGITS",
        "batch normalization in the critic, on the bundled digits",
    ),
    "weight-clipping-gan-cnn-cifar10": (_RIVALS, "CLIPPING_CNN_CIFAR10", "weights clipped to 0.01"),
    "weight-clipping-gan-cnn-digits": (
        _RIVALS,
        "CLIPPING_CNN_DIGITS",
        "weights clipped to 0.01, on the bundled digits",
    ),
    "wgan-gp-cnn-cifar10": (_RIVALS, "WGAN_GP_CNN_CIFAR10", "WGAN-GP: a gradient penalty"),
    "wgan-gp-cnn-digits": (
        _RIVALS,
        "WGAN_GP_CNN_DIGITS",
        "WGAN-GP: a gradient penalty, on the bundled digits",
    ),
}
