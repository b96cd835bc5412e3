"""Omni-INR-GAN: Omni-GAN whose generator's head is an implicit neural representation, so that it draws at any size.

Paper: Zhou, Xie, Ni, Geng, Tian: Omni-GAN: On the Secrets of cGANs and Beyond, ICCV 2021, section 3.4, appendices D and
J. Head: everymode/networks/implicit.py. Everything else is Omni-GAN's (everymode/recipes/omni_gan.py), except that the
discriminator has no attention, so that it accepts images of any size.

Hyper-parameters. CIFAR: Omni-GAN's, as the paper and PeterouZh/Omni-GAN-DGP give no others. ImageNet: the paper's; at
256 pixels batches of 256 in two micro-batches, two discriminator steps, generator decay 1e-4. Training uses one size:
in the paper, training with several sizes collapsed.
Command, cost in images seen by D, and expected result (paper: FID and IS, Tables 1 and 2, 50,000 images; for ImageNet
at 128 pixels, no checkpoint in the notes of the released code has both values):
  everymode train omni-inr-gan-digits
      128,000 images, two minutes on two cores; measured: docs/results/implicit.md
  everymode train omni-inr-gan-cifar10 --data cifar10-train.parquet
      50 million (1,000 epochs); paper 5.25 and 9.74; measured here: not yet
  everymode train omni-inr-gan-cifar100 --data cifar100-train.parquet
      50 million (1,000 epochs); paper 7.63 and 13.90; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train omni-inr-gan-imagenet128 --data imagenet/train
      128 million (100 epochs); paper 6.53 and 262.85; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train omni-inr-gan-imagenet256 --data imagenet/train
      128 million (100 epochs); paper 4.93 and 343.22; measured here: not yet
  everymode train omni-inr-gan-64 --data photos
      your own images, one folder per class; 13 million at the default length
  everymode sample RUN --size 96x160
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from everymode.numbers import names_of
from everymode.recipe import Recipe
from everymode.recipes import omni_gan
from everymode.recipes.parts.biggan_networks import BigGAN

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ImplicitBigGAN(BigGAN):
    """BigGAN's networks with an implicit neural representation as the generator's output head."""

    head_width: int = 96
    """Width of the two hidden layers of the output head."""
    border_padding: bool = True
    """At other sizes, extend features constantly beyond the outermost pixel centers (released code: fade to zero)."""

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, head_width=8)
        return super(ImplicitBigGAN, small).shrunk(recipe)

    def check(self) -> None:
        super().check()
        self.require_at_least_1("head_width")

    def output_head(self) -> Callable[[int, int], nn.Module]:
        from everymode.networks.implicit import ImplicitHead

        hidden = (self.head_width, self.head_width)
        return partial(ImplicitHead, hidden=hidden, border_padding=self.border_padding)


def with_implicit_head(recipe: Recipe) -> ImplicitBigGAN:
    """Return the recipe's BigGAN networks with the implicit head, and a discriminator without attention."""
    numbers: dict[str, Any] = {name: getattr(recipe.networks, name) for name in names_of(recipe.networks)}
    return replace(ImplicitBigGAN(**numbers), discriminator_attention=0)


CIFAR10 = replace(
    omni_gan.CIFAR10, name="omni-inr-gan-cifar10", networks=with_implicit_head(omni_gan.CIFAR10)
)
CIFAR100 = replace(
    omni_gan.CIFAR100, name="omni-inr-gan-cifar100", networks=with_implicit_head(omni_gan.CIFAR100)
)
IMAGENET128 = replace(
    omni_gan.IMAGENET128, name="omni-inr-gan-imagenet128", networks=with_implicit_head(omni_gan.IMAGENET128)
)
IMAGENET256 = replace(
    omni_gan.IMAGENET256,
    name="omni-inr-gan-imagenet256",
    networks=with_implicit_head(omni_gan.IMAGENET256),
    accumulation=2,
)
IMAGES32 = replace(omni_gan.IMAGES32, name="omni-inr-gan-32", networks=with_implicit_head(omni_gan.IMAGES32))
IMAGES64 = replace(omni_gan.IMAGES64, name="omni-inr-gan-64", networks=with_implicit_head(omni_gan.IMAGES64))
IMAGES128 = replace(
    omni_gan.IMAGES128, name="omni-inr-gan-128", networks=with_implicit_head(omni_gan.IMAGES128)
)
DIGITS = replace(
    omni_gan.DIGITS, name="omni-inr-gan-digits", networks=with_implicit_head(omni_gan.DIGITS)
).with_numbers(head_width=32)
