"""Recipes by name: module, constant, one line. The kind of data follows from the parts. Does not import torch."""

from __future__ import annotations

_TABLE = """
omni_gan:
  omni-gan-digits | DIGITS | Omni-GAN on the bundled handwritten digits: two minutes on a laptop
  omni-gan-cifar10 | CIFAR10 | Omni-GAN on CIFAR-10, with the released numbers
  omni-gan-cifar100 | CIFAR100 | Omni-GAN on CIFAR-100, with the released numbers
  one-sided-omni-gan-cifar10 | ONE_SIDED_CIFAR10 | one-sided Omni-GAN (projection as omni-loss) on CIFAR-10
  one-sided-omni-gan-cifar100 | ONE_SIDED_CIFAR100 | one-sided Omni-GAN on CIFAR-100
  one-sided-omni-gan-digits | ONE_SIDED_DIGITS | one-sided Omni-GAN on the bundled digits
  one-sided-omni-gan-32 | ONE_SIDED_IMAGES32 | one-sided Omni-GAN on your own images, 32 pixels
  one-sided-omni-gan-64 | ONE_SIDED_IMAGES64 | one-sided Omni-GAN on your own images, 64 pixels
  omni-gan-imagenet128 | IMAGENET128 | Omni-GAN on ImageNet at 128 pixels
  omni-gan-imagenet256 | IMAGENET256 | Omni-GAN on ImageNet at 256 pixels, with the paper's numbers
  omni-gan-32 | IMAGES32 | Omni-GAN on your own labeled images, 32 pixels
  omni-gan-64 | IMAGES64 | Omni-GAN on your own labeled images, 64 pixels
  omni-gan-128 | IMAGES128 | Omni-GAN on your own labeled images, 128 pixels
omni_inr_gan:
  omni-inr-gan-digits | DIGITS | Omni-INR-GAN (draws at any size) on the bundled digits
  omni-inr-gan-cifar10 | CIFAR10 | Omni-INR-GAN on CIFAR-10
  omni-inr-gan-cifar100 | CIFAR100 | Omni-INR-GAN on CIFAR-100
  omni-inr-gan-imagenet128 | IMAGENET128 | Omni-INR-GAN on ImageNet at 128 pixels
  omni-inr-gan-imagenet256 | IMAGENET256 | Omni-INR-GAN on ImageNet at 256 pixels
  omni-inr-gan-32 | IMAGES32 | Omni-INR-GAN on your own labeled images, 32 pixels
  omni-inr-gan-64 | IMAGES64 | Omni-INR-GAN on your own labeled images, 64 pixels
  omni-inr-gan-128 | IMAGES128 | Omni-INR-GAN on your own labeled images, 128 pixels
biggan:
  biggan-digits | DIGITS | BigGAN (projection, hinge) on the bundled digits
  biggan-cifar10 | CIFAR10 | BigGAN (projection, hinge) on CIFAR-10: the baseline
  biggan-cifar100 | CIFAR100 | BigGAN on CIFAR-100
  biggan-imagenet128 | IMAGENET128 | BigGAN on ImageNet at 128 pixels
  biggan-imagenet256 | IMAGENET256 | BigGAN on ImageNet at 256 pixels
  biggan-32 | IMAGES32 | BigGAN on your own labeled images, 32 pixels
  biggan-64 | IMAGES64 | BigGAN on your own labeled images, 64 pixels
  biggan-128 | IMAGES128 | BigGAN on your own labeled images, 128 pixels
sagan:
  sagan-digits | DIGITS | SAGAN (attention, projection, hinge) on the bundled digits
  sagan-cifar10 | CIFAR10 | SAGAN on CIFAR-10
  sagan-imagenet64 | IMAGENET64 | SAGAN on ImageNet at 64 pixels
  sagan-imagenet128 | IMAGENET128 | SAGAN on ImageNet at 128 pixels
  sagan-32 | IMAGES32 | SAGAN on your own labeled images, 32 pixels
  sagan-64 | IMAGES64 | SAGAN on your own labeled images, 64 pixels
ac_gan:
  ac-gan-digits | DIGITS | AC-GAN (a classifier beside D) on the bundled digits
  ac-gan-cifar10 | CIFAR10 | AC-GAN on CIFAR-10, as Omni-GAN compares it
  ac-gan-cifar100 | CIFAR100 | AC-GAN on CIFAR-100, as Omni-GAN compares it
  ac-gan-imagenet64 | IMAGENET64 | AC-GAN with projection on ImageNet at 64 pixels
  ac-gan-imagenet128 | IMAGENET128 | AC-GAN with projection on ImageNet at 128 pixels
  ac-gan-32 | IMAGES32 | AC-GAN on your own labeled images, 32 pixels
  ac-gan-64 | IMAGES64 | AC-GAN on your own labeled images, 64 pixels
  imac-gan-digits | IMPROVED_DIGITS | ImAC-GAN (fakes are a class) on the bundled digits
  imac-gan-cifar10 | IMPROVED_CIFAR10 | ImAC-GAN on CIFAR-10
  imac-gan-cifar100 | IMPROVED_CIFAR100 | ImAC-GAN on CIFAR-100
  imac-gan-32 | IMPROVED_IMAGES32 | ImAC-GAN on your own labeled images, 32 pixels
  imac-gan-64 | IMPROVED_IMAGES64 | ImAC-GAN on your own labeled images, 64 pixels
  ac-gan-ssl-digits | SSL_DIGITS | AC-GAN, one digit in ten labeled
  ac-gan-ssl-cifar10 | SSL_CIFAR10 | AC-GAN on CIFAR-10, one image in ten labeled
  ac-gan-ssl-imagenet128 | SSL_IMAGENET128 | AC-GAN on ImageNet, one image in ten labeled
  ac-gan-ssl-32 | SSL_IMAGES32 | AC-GAN, your own images, a few of them labeled, 32 pixels
  ac-gan-ssl-64 | SSL_IMAGES64 | AC-GAN, your own images, a few of them labeled, 64 pixels
multi_hinge_gan:
  multi-hinge-gan-digits | DIGITS | Multi-hinge GAN on the bundled digits: two minutes
  multi-hinge-gan-cifar10 | CIFAR10 | Multi-hinge GAN on CIFAR-10
  multi-hinge-gan-imagenet64 | IMAGENET64 | Multi-hinge GAN on ImageNet at 64 pixels
  multi-hinge-gan-imagenet128 | IMAGENET128 | Multi-hinge GAN on ImageNet at 128 pixels
  multi-hinge-gan-32 | IMAGES32 | Multi-hinge GAN on your own labeled images, 32 pixels
  multi-hinge-gan-64 | IMAGES64 | Multi-hinge GAN on your own labeled images, 64 pixels
  multi-hinge-gan-128 | IMAGES128 | Multi-hinge GAN on your own labeled images, 128 pixels
  multi-hinge-shared-gan-32 | SHARED_IMAGES32 | projection, then also a classifier, on your own images, 32 pixels
  multi-hinge-shared-gan-64 | SHARED_IMAGES64 | projection, then also a classifier, on your own images, 64 pixels
  multi-hinge-shared-gan-digits | SHARED_DIGITS | projection, then also a classifier, on digits
  multi-hinge-shared-gan-cifar10 | SHARED_CIFAR10 | projection, then also a classifier, on CIFAR-10
  multi-hinge-shared-gan-imagenet64 | SHARED_IMAGENET64 | projection, then also a classifier, on ImageNet at 64
  multi-hinge-shared-gan-imagenet128 | SHARED_IMAGENET128 | projection, then also a classifier, on ImageNet at 128
  multi-hinge-k1-gan-digits | K1_DIGITS | K + 1 classes with feature matching on the bundled digits
  multi-hinge-k1-gan-cifar10 | K1_CIFAR10 | K + 1 classes with feature matching on CIFAR-10
  multi-hinge-k1-gan-cifar100 | K1_CIFAR100 | K + 1 classes with feature matching on CIFAR-100
  multi-hinge-k1-gan-stl10 | K1_STL10 | K + 1 classes with feature matching on STL-10 at 48 pixels
  multi-hinge-k1-gan-32 | K1_IMAGES32 | K + 1 classes with feature matching on your own images, 32 pixels
  multi-hinge-k1-gan-64 | K1_IMAGES64 | K + 1 classes with feature matching on your own images, 64 pixels
  multi-hinge-ssl-digits | SSL_DIGITS | Multi-hinge GAN, one digit in ten labeled
  multi-hinge-ssl-cifar10 | SSL_CIFAR10 | Multi-hinge GAN on CIFAR-10, one image in ten labeled
  multi-hinge-ssl-32 | SSL_IMAGES32 | Multi-hinge GAN, your own images, a few of them labeled, 32 pixels
  multi-hinge-ssl-64 | SSL_IMAGES64 | Multi-hinge GAN, your own images, a few of them labeled, 64 pixels
  multi-hinge-ssl-imagenet128 | SSL_IMAGENET128 | Multi-hinge GAN on ImageNet, one in ten labeled
reacgan:
  reacgan-digits | DIGITS | ReACGAN (D2D-CE) on the bundled digits
  reacgan-cifar10 | CIFAR10 | ReACGAN on CIFAR-10
contragan:
  contragan-digits | DIGITS | ContraGAN (2C) on the bundled digits
  contragan-cifar10 | CIFAR10 | ContraGAN on CIFAR-10
r3gan:
  r3gan-digits | DIGITS | R3GAN's objective on the bundled digits
  r3gan-cifar10 | CIFAR10 | R3GAN's objective on CIFAR-10, BigGAN's networks
multi_label:
  omni-gan-shapes | SHAPES | Omni-GAN on images with three labels each: shape, color and size
  omni-gan-two-domains | TWO_DOMAINS | Omni-GAN on digits of two domains: two labels each
self_conditioned:
  self-conditioned-digits | DIGITS | no labels: clusters of D's features, on the bundled digits
  self-conditioned-grid | GRID | Self-Conditioned GAN on a grid of 25 Gaussians
  self-conditioned-ring | RING | Self-Conditioned GAN on eight Gaussians in a ring
  self-conditioned-stacked-digits | STACKED_DIGITS | Self-Conditioned GAN on 1,000 stacked modes
  self-conditioned-cifar10 | CIFAR10 | Self-Conditioned GAN on CIFAR-10
  self-conditioned-32 | IMAGES32 | Self-Conditioned GAN on your own unlabeled images, 32 pixels
  self-conditioned-64 | IMAGES64 | Self-Conditioned GAN on your own unlabeled images, 64 pixels
  self-conditioned-128 | IMAGES128 | Self-Conditioned GAN on your own unlabeled images, 128 pixels
  self-conditioned-imagenet128 | IMAGENET128 | Self-Conditioned GAN on ImageNet, 128 pixels
  self-conditioned-places128 | PLACES128 | Self-Conditioned GAN on Places365, 128 pixels
self_conditioned_backbone:
  self-conditioned-biggan-digits | DIGITS | BigGAN whose classes are clusters, on the bundled digits
  self-conditioned-omni-digits | OMNI_DIGITS | Omni-GAN whose classes are clusters, on the bundled digits
  self-conditioned-multi-hinge-digits | MULTI_HINGE_DIGITS | Multi-hinge GAN whose classes are clusters, on digits
online_self_conditioned:
  online-self-conditioned-ring | RING | Self-Conditioned GAN, online, on eight Gaussians in a ring
  online-self-conditioned-grid | GRID | Self-Conditioned GAN, online, on a grid of 25 Gaussians
  online-self-conditioned-digits | DIGITS | Self-Conditioned GAN, online, on the bundled digits
  online-self-conditioned-stacked-digits | STACKED_DIGITS | Self-Conditioned GAN, online, on 1,000 stacked modes
  online-self-conditioned-cifar10 | CIFAR10 | Self-Conditioned GAN, online, on CIFAR-10
plain_gan:
  gan-digits | DIGITS | GAN without labels on the bundled digits
  gan-stacked-digits | STACKED_DIGITS | GAN without labels on 1,000 stacked modes
  gan-cifar10 | CIFAR10 | GAN without labels on CIFAR-10
  gan-imagenet128 | IMAGENET128 | GAN without labels on ImageNet, 128 pixels
  gan-places128 | PLACES128 | GAN without labels on Places365, 128 pixels
  gan-32 | IMAGES32 | GAN without labels on your own images, 32 pixels
  gan-64 | IMAGES64 | GAN without labels on your own images, 64 pixels
  gan-128 | IMAGES128 | GAN without labels on your own images, 128 pixels
  conditional-gan-digits | CONDITIONAL_DIGITS | GAN that is told the label on the bundled digits
  conditional-gan-stacked-digits | CONDITIONAL_STACKED_DIGITS | GAN that is told the label on 1,000 stacked modes
  conditional-gan-cifar10 | CONDITIONAL_CIFAR10 | GAN that is told the label on CIFAR-10
  conditional-gan-imagenet128 | CONDITIONAL_IMAGENET128 | GAN that is told the label on ImageNet, 128 pixels
  conditional-gan-places128 | CONDITIONAL_PLACES128 | GAN that is told the label on Places365, 128 pixels
  gan-ring | RING | an unconditional GAN on eight Gaussians in a ring
  gan-grid | GRID | an unconditional GAN on a grid of 25 Gaussians: it misses modes
  conditional-gan-grid | CONDITIONAL_GRID | a GAN on the grid that is told the mode
  conditional-gan-ring | CONDITIONAL_RING | a GAN on the ring that is told the mode
pac_gan:
  pac-gan2-ring | PAC2_RING | PacGAN (packs of 2) on eight Gaussians in a ring
  pac-gan2-grid | PAC2_GRID | PacGAN (packs of 2) on a grid of 25 Gaussians
  pac-gan2-digits | PAC2_DIGITS | PacGAN (packs of 2) on the bundled digits
  pac-gan2-stacked-digits | PAC2_STACKED_DIGITS | PacGAN (packs of 2) on 1,000 stacked modes
  pac-gan2-cifar10 | PAC2_CIFAR10 | PacGAN (packs of 2) on CIFAR-10
  pac-gan2-imagenet128 | PAC2_IMAGENET128 | PacGAN (packs of 2) on ImageNet, 128 pixels
  pac-gan2-places128 | PAC2_PLACES128 | PacGAN (packs of 2) on Places365, 128 pixels
  pac-gan3-ring | PAC3_RING | PacGAN (packs of 3) on eight Gaussians in a ring
  pac-gan3-grid | PAC3_GRID | PacGAN (packs of 3) on a grid of 25 Gaussians
  pac-gan3-digits | PAC3_DIGITS | PacGAN (packs of 3) on the bundled digits
  pac-gan3-stacked-digits | PAC3_STACKED_DIGITS | PacGAN (packs of 3) on 1,000 stacked modes
  pac-gan3-cifar10 | PAC3_CIFAR10 | PacGAN (packs of 3) on CIFAR-10
  pac-gan3-imagenet128 | PAC3_IMAGENET128 | PacGAN (packs of 3) on ImageNet, 128 pixels
  pac-gan3-places128 | PAC3_PLACES128 | PacGAN (packs of 3) on Places365, 128 pixels
  pac-gan4-ring | PAC4_RING | PacGAN (packs of 4) on eight Gaussians in a ring
  pac-gan4-grid | PAC4_GRID | PacGAN (packs of 4) on a grid of 25 Gaussians
  pac-gan4-digits | PAC4_DIGITS | PacGAN (packs of 4) on the bundled digits
  pac-gan4-stacked-digits | PAC4_STACKED_DIGITS | PacGAN (packs of 4) on 1,000 stacked modes
  pac-gan4-cifar10 | PAC4_CIFAR10 | PacGAN (packs of 4) on CIFAR-10
random_labels_gan:
  random-labels-gan-ring | RING | random labels on eight Gaussians in a ring
  random-labels-gan-grid | GRID | random labels on a grid of 25 Gaussians
  random-labels-gan-digits | DIGITS | random labels on the bundled digits
  random-labels-gan-stacked-digits | STACKED_DIGITS | random labels on 1,000 stacked modes
  random-labels-gan-cifar10 | CIFAR10 | random labels on CIFAR-10
  random-labels-gan-imagenet128 | IMAGENET128 | random labels on ImageNet, 128 pixels
  random-labels-gan-places128 | PLACES128 | random labels on Places365, 128 pixels
mgan:
  mgan-ring | RING | MGAN (several generators) on eight Gaussians in a ring
  mgan-grid | GRID | MGAN (several generators) on a grid of 25 Gaussians
  mgan-digits | DIGITS | MGAN (several generators) on the bundled digits
  mgan-stacked-digits | STACKED_DIGITS | MGAN (several generators) on 1,000 stacked modes
  mgan-cifar10 | CIFAR10 | MGAN (several generators) on CIFAR-10
  mgan-imagenet128 | IMAGENET128 | MGAN (several generators) on ImageNet, 128 pixels
  mgan-places128 | PLACES128 | MGAN (several generators) on Places365, 128 pixels
logo_gan:
  logo-gan-ae-digits | AE_DIGITS | Logo-GAN (clusters of autoencoder codes) on the bundled digits
  logo-gan-ae-stacked-digits | AE_STACKED_DIGITS | Logo-GAN (clusters of autoencoder codes) on 1,000 stacked modes
  logo-gan-ae-cifar10 | AE_CIFAR10 | Logo-GAN (clusters of autoencoder codes) on CIFAR-10
  logo-gan-ae-imagenet128 | AE_IMAGENET128 | Logo-GAN (clusters of autoencoder codes) on ImageNet, 128 pixels
  logo-gan-ae-places128 | AE_PLACES128 | Logo-GAN (clusters of autoencoder codes) on Places365, 128 pixels
  logo-gan-rc-digits | RC_DIGITS | Logo-GAN (clusters of classifier features) on the bundled digits
  logo-gan-rc-stacked-digits | RC_STACKED_DIGITS | Logo-GAN (clusters of classifier features) on 1,000 stacked modes
  logo-gan-rc-cifar10 | RC_CIFAR10 | Logo-GAN (clusters of classifier features) on CIFAR-10
  logo-gan-rc-imagenet128 | RC_IMAGENET128 | Logo-GAN (clusters of classifier features) on ImageNet, 128 pixels
  logo-gan-rc-places128 | RC_PLACES128 | Logo-GAN (clusters of classifier features) on Places365, 128 pixels
rotnet_gan:
  rotnet-gan-digits | DIGITS | clusters of RotNet features on the bundled digits
  rotnet-gan-stacked-digits | STACKED_DIGITS | clusters of RotNet features on 1,000 stacked modes
  rotnet-gan-cifar10 | CIFAR10 | clusters of RotNet features on CIFAR-10
  rotnet-gan-imagenet128 | IMAGENET128 | clusters of RotNet features on ImageNet, 128 pixels
  rotnet-gan-places128 | PLACES128 | clusters of RotNet features on Places365, 128 pixels
partition_guided:
  partition-guided-digits | DIGITS | no labels: parts of a learned partition, and a guide, on digits
  partition-gan-digits | PARTITION_DIGITS | Partition GAN (learned parts, no guide) on the bundled digits
  random-partition-gan-digits | RANDOM_DIGITS | Partition GAN with random parts, no guide, on the bundled digits
  partition-guided-classes-digits | CLASSES_DIGITS | with labels: each digit split into parts, and guided
  partition-guided-grid | GRID | Partition-Guided GAN on a grid of 25 Gaussians
  partition-guided-ring | RING | Partition-Guided GAN on eight Gaussians in a ring
  partition-guided-stacked-digits | STACKED_DIGITS | Partition-Guided GAN on 1,000 stacked modes
  partition-guided-cifar10 | CIFAR10 | Partition-Guided GAN on CIFAR-10
  partition-gan-cifar10 | PARTITION_CIFAR10 | Partition GAN (learned parts, no guide) on CIFAR-10
  random-partition-gan-cifar10 | RANDOM_CIFAR10 | Partition GAN with random parts, no guide, on CIFAR-10
  partition-guided-dcgan-cifar10 | DCGAN_CIFAR10 | Partition-Guided GAN on Self-Conditioned GAN's networks
  partition-guided-stl10 | STL10 | Partition-Guided GAN on STL-10 at 48 pixels
  partition-guided-imagenet128 | IMAGENET128 | Partition-Guided GAN on ImageNet at 128 pixels
  partition-guided-32 | IMAGES32 | Partition-Guided GAN on your own unlabeled images, 32 pixels
  partition-guided-64 | IMAGES64 | Partition-Guided GAN on your own unlabeled images, 64 pixels
  partition-guided-128 | IMAGES128 | Partition-Guided GAN on your own unlabeled images, 128 pixels
san_gan:
  san-gan-cnn-cifar10 | CNN_CIFAR10 | SAN-GAN: sparsity-aware normalization, standard networks
  san-gan-cnn-stl10 | CNN_STL10 | SAN-GAN at 48 pixels
  san-gan-cnn-digits | CNN_DIGITS | SAN-GAN in a minute, on the bundled digits
  san-gan-cnn-32 | CNN_IMAGES32 | SAN-GAN on your images, without labels
  san-gan-resnet-cifar10 | RESNET_CIFAR10 | SAN-GAN on residual networks
  san-gan-resnet-stl10 | RESNET_STL10 | SAN-GAN at 48 pixels, shortened residual critic
  san-gan-resnet-digits | RESNET_DIGITS | SAN-GAN on residual networks, on the bundled digits
  san-gan-resnet-32 | RESNET_IMAGES32 | SAN-GAN on residual networks, on your images
  san-biggan-cifar10 | BIGGAN_CIFAR10 | BigGAN with SAN in the discriminator's blocks
  san-biggan-digits | BIGGAN_DIGITS | BigGAN with SAN in the discriminator's blocks, on the bundled digits
rival_norms:
  sn-gan-cnn-cifar10 | SPECTRAL_CNN_CIFAR10 | SN-GAN: spectral normalization, as SAN-GAN
  sn-gan-cnn-stl10 | SPECTRAL_CNN_STL10 | SN-GAN at 48 pixels
  sn-gan-cnn-digits | SPECTRAL_CNN_DIGITS | SN-GAN on the bundled digits
  sn-gan-cnn-32 | SPECTRAL_CNN_IMAGES32 | SN-GAN on your images, without labels
  sn-gan-resnet-cifar10 | SPECTRAL_RESNET_CIFAR10 | SN-GAN on residual networks
  sn-gan-resnet-stl10 | SPECTRAL_RESNET_STL10 | SN-GAN at 48 pixels, whole residual critic
  sn-gan-resnet-digits | SPECTRAL_RESNET_DIGITS | SN-GAN on residual networks, bundled digits
  sn-gan-resnet-32 | SPECTRAL_RESNET_IMAGES32 | SN-GAN on residual networks, on your images
  convolution-sn-gan-cnn-cifar10 | CONVOLUTION_CNN_CIFAR10 | spectral norm by the convolutions' true norm
  convolution-sn-gan-cnn-digits | CONVOLUTION_CNN_DIGITS | spectral norm by the convolutions' true norm, on digits
  orthonormal-gan-cnn-cifar10 | ORTHONORMAL_CNN_CIFAR10 | orthonormal regularization
  orthonormal-gan-cnn-digits | ORTHONORMAL_CNN_DIGITS | orthonormal regularization, on the bundled digits
  orthonormal-gan-resnet-cifar10 | ORTHONORMAL_RESNET_CIFAR10 | orthonormal regularization on residual networks
  weight-norm-gan-cnn-cifar10 | WEIGHT_NORM_CNN_CIFAR10 | weight normalization
  weight-norm-gan-cnn-digits | WEIGHT_NORM_CNN_DIGITS | weight normalization, on the bundled digits
  layer-norm-gan-cnn-cifar10 | LAYER_NORM_CNN_CIFAR10 | layer normalization in the critic
  layer-norm-gan-cnn-digits | LAYER_NORM_CNN_DIGITS | layer normalization in the critic, on the bundled digits
  batch-norm-gan-cnn-cifar10 | BATCH_NORM_CNN_CIFAR10 | batch normalization in the critic
  batch-norm-gan-cnn-digits | BATCH_NORM_CNN_DIGITS | batch normalization in the critic, on the bundled digits
  weight-clipping-gan-cnn-cifar10 | CLIPPING_CNN_CIFAR10 | weights clipped to 0.01
  weight-clipping-gan-cnn-digits | CLIPPING_CNN_DIGITS | weights clipped to 0.01, on the bundled digits
  wgan-gp-cnn-cifar10 | WGAN_GP_CNN_CIFAR10 | WGAN-GP: a gradient penalty
  wgan-gp-cnn-digits | WGAN_GP_CNN_DIGITS | WGAN-GP: a gradient penalty, on the bundled digits
unconditional:
  unnormalized-gan-cnn-cifar10 | CNN_CIFAR10 | SAN-GAN's networks without normalization
  unnormalized-gan-cnn-digits | CNN_DIGITS | SAN-GAN's networks without normalization, on the bundled digits
spade:
  spade-textures | TEXTURES | SPADE (images from label maps) on built-in textures: minutes on a CPU
  spade-cityscapes | CITYSCAPES | SPADE on Cityscapes, with the published numbers
  spade-coco | COCO | SPADE on COCO-Stuff
  spade-ade20k | ADE20K | SPADE on ADE20K
  spade-256 | SPADE256 | SPADE on your own images with label maps, 256 pixels
  omni-spade-textures | OMNI_TEXTURES | SPADE with an omni-loss per pixel, on built-in textures
  omni-spade-cityscapes | OMNI_CITYSCAPES | SPADE with an omni-loss per pixel, on Cityscapes
  omni-spade-coco | OMNI_COCO | SPADE with an omni-loss per pixel, on COCO-Stuff
  omni-spade-ade20k | OMNI_ADE20K | SPADE with an omni-loss per pixel, on ADE20K
  omni-spade-256 | OMNI256 | SPADE with an omni-loss per pixel, on your own images with label maps
  san-spade-textures | SAN_TEXTURES | SPADE with SAN, on built-in textures
  san-spade-cityscapes | SAN_CITYSCAPES | SPADE with SAN, on Cityscapes
  san-spade-coco | SAN_COCO | SPADE with SAN, on COCO-Stuff
  san-spade-ade20k | SAN_ADE20K | SPADE with SAN, on ADE20K
  san-spade-256 | SAN256 | SPADE with SAN, on your own images with label maps
  san-spade-instance-norm-textures | LITERAL_TEXTURES | SPADE, SAN and instance norm (cancels SAN), on textures
  san-spade-instance-norm-cityscapes | LITERAL_CITYSCAPES | SPADE, SAN and instance norm (cancels SAN), on Cityscapes
stargan:
  stargan-shapes | SHAPES | StarGAN (attribute transfer) on colored shapes: minutes on a CPU
  stargan-celeba | CELEBA | StarGAN on CelebA: hair color, gender and age
  stargan-128 | IMAGES128 | StarGAN on your own pictures with columns of attributes, 128 pixels
  san-stargan-shapes | SAN_SHAPES | StarGAN with SAN, on colored shapes
  san-stargan-celeba | SAN_CELEBA | StarGAN with SAN, on CelebA
  san-stargan-128 | SAN128 | StarGAN with SAN, on your own pictures
super_resolution:
  sr-pixel-photos | PIXEL_PHOTOS | super-resolution, pixel loss alone (start of the others), on sample photographs
  sr-pixel-div2k | PIXEL_DIV2K | super-resolution, pixel loss alone (start of the others), on DIV2K or other pictures
  sr-no-norm-photos | NO_NORM_PHOTOS | super-resolution, critic without normalization, on sample photographs
  sr-no-norm-div2k | NO_NORM_DIV2K | super-resolution, critic without normalization, on DIV2K or other pictures
  sn-sr-photos | SN_PHOTOS | super-resolution, spectral normalization, on sample photographs
  sn-sr-div2k | SN_DIV2K | super-resolution, spectral normalization, on DIV2K or other pictures
  san-sr-photos | SAN_PHOTOS | super-resolution, SAN, on sample photographs
  san-sr-div2k | SAN_DIV2K | super-resolution, SAN, on DIV2K or other pictures
  esrgan-photos | ESRGAN_PHOTOS | super-resolution, ESRGAN, on sample photographs
  esrgan-div2k | ESRGAN_DIV2K | super-resolution, ESRGAN, on DIV2K or other pictures
  esrgan-sn-photos | ESRGAN_SN_PHOTOS | super-resolution, ESRGAN with spectral normalization, on sample photographs
  esrgan-sn-div2k | ESRGAN_SN_DIV2K | super-resolution, ESRGAN with spectral normalization, on DIV2K or other pictures
"""


def _read(table: str) -> dict[str, tuple[str, str, str]]:
    """Parse the table, in which a line `module:` precedes the recipes that the module defines."""
    recipes, module = {}, ""
    for line in table.strip().splitlines():
        if not line.startswith(" "):
            module = f"everymode.recipes.{line.removesuffix(':')}"
            continue
        name, constant, description = (cell.strip() for cell in line.split("|"))
        recipes[name] = (module, constant, description)
    return recipes


RECIPES: dict[str, tuple[str, str, str]] = _read(_TABLE)
"""Name -> (module, constant, one line)."""
