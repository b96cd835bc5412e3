"""Normalizations that sparsity-aware normalization is compared with, on its networks and with its hyper-parameters.

Paper: Kligvasser, Michaeli: Sparsity Aware Normalization for GANs, AAAI 2021, Table 1, with scores of the others from
Miyato et al., Spectral Normalization for Generative Adversarial Networks (ICLR 2018). There each had its own best
settings; here all have those of `everymode.recipes.unconditional`, including one critic step, so that only the
normalization differs. Hyper-parameters of one method are those of its paper: clipping at 0.01, a gradient penalty of 10
with the Wasserstein loss (published with five critic steps: `--discriminator-steps 5`), an orthonormal penalty of 1e-4.
Command and expected result (paper: Inception score on CIFAR-10):
  everymode train sn-gan-cnn-digits
      one minute on one core; measured: docs/results/normalization.md
  everymode train sn-gan-cnn-cifar10 --data cifar10-train.parquet
      200 epochs; paper IS 7.58 (residual networks: 8.22); measured here: not yet
  everymode train NAME --data cifar10-train.parquet
      orthonormal-gan-cnn-cifar10 7.40 (residual: 7.92), layer-norm-gan-cnn-cifar10 7.19, weight-norm-gan-cnn-cifar10
      6.84, wgan-gp-cnn-cifar10 6.68, weight-clipping-gan-cnn-cifar10 6.41, batch-norm-gan-cnn-cifar10 6.27;
      convolution-sn-gan-cnn-cifar10 and exact spectral normalization: the paper's Figure 4 says it fails;
      measured here: not yet
"""

from __future__ import annotations

from everymode.recipes import unconditional
from everymode.recipes.parts.norms import (
    BatchNorm,
    LayerNorm,
    Orthonormal,
    Spectral,
    WeightClipping,
    WeightNorm,
)
from everymode.recipes.parts.plain_losses import Wasserstein

_CNN, _RESNET = unconditional.CNN_CIFAR10, unconditional.RESNET_CIFAR10
_DIGITS, _RESNET_DIGITS = unconditional.CNN_DIGITS, unconditional.RESNET_DIGITS

SPECTRAL_CNN_CIFAR10 = _CNN.with_numbers(name="sn-gan-cnn-cifar10", norm=Spectral())
SPECTRAL_CNN_DIGITS = _DIGITS.with_numbers(name="sn-gan-cnn-digits", norm=Spectral())
SPECTRAL_CNN_STL10 = unconditional.CNN_STL10.with_numbers(name="sn-gan-cnn-stl10", norm=Spectral())
SPECTRAL_CNN_IMAGES32 = unconditional.CNN_IMAGES32.with_numbers(name="sn-gan-cnn-32", norm=Spectral())
SPECTRAL_RESNET_CIFAR10 = _RESNET.with_numbers(name="sn-gan-resnet-cifar10", norm=Spectral())
SPECTRAL_RESNET_DIGITS = _RESNET_DIGITS.with_numbers(name="sn-gan-resnet-digits", norm=Spectral())
SPECTRAL_RESNET_STL10 = unconditional.RESNET_STL10.with_numbers(name="sn-gan-resnet-stl10", norm=Spectral())
SPECTRAL_RESNET_IMAGES32 = unconditional.RESNET_IMAGES32.with_numbers(
    name="sn-gan-resnet-32", norm=Spectral()
)

CONVOLUTION_CNN_CIFAR10 = _CNN.with_numbers(
    name="convolution-sn-gan-cnn-cifar10", norm=Spectral(estimate="convolution")
)
CONVOLUTION_CNN_DIGITS = _DIGITS.with_numbers(
    name="convolution-sn-gan-cnn-digits", norm=Spectral(estimate="convolution")
)

ORTHONORMAL_CNN_CIFAR10 = _CNN.with_numbers(name="orthonormal-gan-cnn-cifar10", norm=Orthonormal())
ORTHONORMAL_CNN_DIGITS = _DIGITS.with_numbers(name="orthonormal-gan-cnn-digits", norm=Orthonormal())
ORTHONORMAL_RESNET_CIFAR10 = _RESNET.with_numbers(name="orthonormal-gan-resnet-cifar10", norm=Orthonormal())

WEIGHT_NORM_CNN_CIFAR10 = _CNN.with_numbers(name="weight-norm-gan-cnn-cifar10", norm=WeightNorm())
WEIGHT_NORM_CNN_DIGITS = _DIGITS.with_numbers(name="weight-norm-gan-cnn-digits", norm=WeightNorm())

LAYER_NORM_CNN_CIFAR10 = _CNN.with_numbers(name="layer-norm-gan-cnn-cifar10", norm=LayerNorm())
LAYER_NORM_CNN_DIGITS = _DIGITS.with_numbers(name="layer-norm-gan-cnn-digits", norm=LayerNorm())

BATCH_NORM_CNN_CIFAR10 = _CNN.with_numbers(name="batch-norm-gan-cnn-cifar10", norm=BatchNorm())
BATCH_NORM_CNN_DIGITS = _DIGITS.with_numbers(name="batch-norm-gan-cnn-digits", norm=BatchNorm())

CLIPPING_CNN_CIFAR10 = _CNN.with_numbers(name="weight-clipping-gan-cnn-cifar10", norm=WeightClipping())
CLIPPING_CNN_DIGITS = _DIGITS.with_numbers(name="weight-clipping-gan-cnn-digits", norm=WeightClipping())

WGAN_GP_CNN_CIFAR10 = _CNN.with_numbers(name="wgan-gp-cnn-cifar10", loss=Wasserstein(), penalty_weight=10.0)
WGAN_GP_CNN_DIGITS = _DIGITS.with_numbers(name="wgan-gp-cnn-digits", loss=Wasserstein(), penalty_weight=10.0)
