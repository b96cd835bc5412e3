"""Super-resolution: sharp pictures from pictures of lower resolution, with SAN and the norms that it is compared with.

Papers: Kligvasser, Michaeli: Sparsity Aware Normalization for GANs, AAAI 2021 (section 4.1, equation 10, Table 8;
released as `kligvasser/SANGAN`); Wang et al.: ESRGAN, ECCV workshops 2018 (released as `xinntao/BasicSR`).

Hyper-parameters: Adam 2e-4 (0.5, 0.9), batches of 32, 400,000 steps, both rates halved after an eighth, a quarter, half
and three quarters of them; crops of 128 pixels, flipped at random. Loss of G: 0.01 L1 + perceptual + 0.1 (or 0.01:
--adversarial) adversarial; pixels are in [-1, 1] here and in [0, 1] there, so the weight of L1 is 0.005. The
perceptual term uses VGG-19's conv5_4 before the activation. ESRGAN: 23 dense blocks, a critic in VGG's style,
relativistic average loss, weights 0.01, 1 and 0.005, Adam 1e-4 (0.9, 0.99), batches of 16, rates halved at 50, 100, 200
and 300 thousand steps. `esrgan-sn-*` is the paper's ESRGAN* (spectral normalization; batch normalization, which would
cancel it, is removed).
`sr-pixel-*` trains G alone, by L2; the others start from it: --init-from RUN. The photographs are cut
into crops on the grid of the small pictures, which are made once per picture by the bicubic filter of MATLAB.

Command, cost, and expected result (paper: PSNR-Y and NIQE on DIV2K, Table 2):
  everymode train sr-pixel-photos        (five minutes on two cores; measured: docs/results/super_resolution.md)
  everymode train san-sr-photos --perceptual none --init-from RUN        (sr-no-norm-photos, sn-sr-photos)
      RUN is one of sr-pixel-photos; three minutes on two cores
  everymode train esrgan-photos --perceptual none --init-from RUN        (esrgan-sn-photos)
      RUN is one of sr-pixel-photos --networks rrdb --growth 12 --blocks 2
  everymode train san-sr-div2k --data DIV2K_train_HR --perceptual vgg=vgg19.safetensors --init-from RUN
      400,000 steps of 32 crops; 27.74 dB and 2.87 (with --adversarial 0.01: 28.76 and 3.16); measured here: not yet
  everymode train esrgan-div2k --data DIV2K_train_HR --perceptual vgg=vgg19.safetensors --init-from RUN
      28.18 dB and 3.14 (ESRGAN*: 28.22 and 3.06); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Conditioning, NetworkNeeds, Networks
from everymode.recipe import Recipe
from everymode.recipes.parts.norms import NoNorm, Spectral
from everymode.recipes.parts.picture_labels import Pictures
from everymode.recipes.parts.picture_terms import PictureWeights
from everymode.recipes.parts.plain_losses import Hinge, NoAdversary, RelativisticAverage
from everymode.recipes.san_gan import SparsityAware

if TYPE_CHECKING:
    from torch import Tensor, nn

Scale = Literal[2, 4]


@dataclass(frozen=True, kw_only=True)
class Enlarging(Networks):
    """Base class of networks of super-resolution."""

    conditioned_on: ClassVar[Conditioning] = "pictures"

    latent_dim: int = 0
    """Length of the latent code z: always 0, the generator has none."""
    scale: Scale = 4
    """Side of an image divided by the side of the picture that it is generated from."""
    critic_width: int = 64
    """Channels of the critic's first convolution."""

    @property
    def magnification(self) -> int:
        return self.scale

    def check(self) -> None:
        self.require_at_least_1("width", "critic_width")
        if self.latent_dim:
            raise ValueError(
                f"this generator has no latent code: latent_dim must be 0, not {self.latent_dim}"
            )

    def check_in(self, recipe: Recipe) -> None:
        height, width = recipe.size
        if height != width:
            raise ValueError(f"crops are square: set resolution to one number, not {recipe.resolution}")
        if height % self.scale:
            raise ValueError(
                f"crops of {recipe.resolution} pixels can't be {self.scale} times a whole number of pixels: set "
                f"resolution to a multiple of {self.scale}"
            )

    def example(self, needs: NetworkNeeds) -> tuple[Tensor, Tensor]:
        """Return an input of the discriminator: an image of zeros, and the picture of zeros that it belongs to."""
        import torch

        height, width = needs.size
        small = torch.zeros(1, needs.channels, height // self.scale, width // self.scale)
        return torch.zeros(1, needs.channels, height, width), small


@dataclass(frozen=True, kw_only=True)
class SRResNet(Enlarging):
    """Residual networks of the paper's Table 8."""

    blocks: int = 16
    """Residual blocks of the generator."""
    circular_padding: bool = True
    """Circular padding in the critic, for sparsity-aware normalization."""

    def check(self) -> None:
        super().check()
        self.require_at_least_1("blocks")

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks.restorer import SRGenerator

        return SRGenerator(self.scale, width=self.width, blocks=self.blocks, channels=needs.channels)

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.restorer import SRDiscriminator

        generator = self.generator(needs)
        discriminator = SRDiscriminator(
            needs.size, width=self.critic_width, circular=self.circular_padding, channels=needs.channels
        )
        return generator, discriminator

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, width=8, blocks=1, critic_width=4)
        return replace(recipe, networks=small, resolution=32, watch_samples=16)


@dataclass(frozen=True, kw_only=True)
class RRDB(Enlarging):
    """ESRGAN's residual dense generator against a critic in VGG's style."""

    growth: int = 32
    """Channels that each convolution of a dense block adds."""
    blocks: int = 23
    """Residual blocks of three dense blocks each."""
    critic_batch_norm: bool = True
    """Whether the critic has batch normalization, as published; it cancels weight normalization."""

    @property
    def normalizes_batches(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  depends on a field
        return self.critic_batch_norm

    def check(self) -> None:
        super().check()
        self.require_at_least_1("growth", "blocks")

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks.rrdb import RRDBGenerator

        return RRDBGenerator(
            self.scale, width=self.width, growth=self.growth, blocks=self.blocks, channels=needs.channels
        )

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.vgg_discriminator import VGGDiscriminator

        generator = self.generator(needs)
        discriminator = VGGDiscriminator(
            needs.size, width=self.critic_width, batch_norm=self.critic_batch_norm, channels=needs.channels
        )
        return generator, discriminator

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, width=8, growth=4, blocks=1, critic_width=4)
        return replace(recipe, networks=small, resolution=32, watch_samples=16)


PIXEL_DIV2K = Recipe(
    name="sr-pixel-div2k",
    networks=SRResNet(),
    loss=NoAdversary(),
    labels=Pictures(),
    norm=NoNorm(),
    terms=PictureWeights(pixel_weight=1.0, squared_pixels=True),
    resolution=128,
    mirror=True,
    steps=400_000,
    lr_halvings=(0.125, 0.25, 0.5, 0.75),
    batch_size=32,
    generator_lr=2e-4,
    discriminator_lr=2e-4,
    beta1=0.5,
    beta2=0.9,
    ema_decay=0.0,
    watch_samples=64,
)
PERCEPTUAL = PictureWeights(
    pixel_weight=0.005, perceptual_weight=1.0, perceptual=None, perceptual_layers="conv5_4", adversarial=0.1
)
NO_NORM_DIV2K = replace(
    PIXEL_DIV2K, name="sr-no-norm-div2k", loss=Hinge(), terms=PERCEPTUAL, reuse_fakes=True
)
SN_DIV2K = replace(NO_NORM_DIV2K, name="sn-sr-div2k", norm=Spectral())
SAN_DIV2K = replace(NO_NORM_DIV2K, name="san-sr-div2k", norm=SparsityAware())
ESRGAN_DIV2K = replace(
    NO_NORM_DIV2K,
    name="esrgan-div2k",
    networks=RRDB(),
    loss=RelativisticAverage(),
    terms=replace(PERCEPTUAL, adversarial=0.005),
    lr_halvings=(0.125, 0.25, 0.5, 0.75),
    batch_size=16,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta1=0.9,
    beta2=0.99,
)
ESRGAN_SN_DIV2K = ESRGAN_DIV2K.with_numbers(name="esrgan-sn-div2k", norm=Spectral(), critic_batch_norm=False)

_SMALL = {
    "data": "sample-photos",
    "held_out": "sample-photos:split=test",
    "width": 24,
    "blocks": 4,
    "critic_width": 16,
    "batch_size": 8,
    "resolution": 96,
    "tick": 25,
    "watch_samples": 32,
}
PIXEL_PHOTOS = PIXEL_DIV2K.with_numbers(
    name="sr-pixel-photos",
    **_SMALL,
    squared_pixels=False,
    steps=500,
    lr_halvings=(),
    lr_decay=1.0,
    generator_lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    snapshot=250,
)


def _photos(recipe: Recipe, **numbers: object) -> Recipe:
    """Return a recipe for the bundled photographs, which starts from `PIXEL_PHOTOS` and has few steps.

    The critic learns at a quarter of the generator's rate: a faster one oscillates within so few steps.
    """
    name = recipe.name.replace("div2k", "photos")
    few_steps = {"steps": 200, "lr_halvings": (), "snapshot": 100}
    rates = {"generator_lr": 4e-4, "discriminator_lr": 1e-4}
    return recipe.with_numbers(**{"name": name, **_SMALL, **few_steps, **rates, **numbers})


_SMALL_TERMS = {"pixel_weight": 0.5, "perceptual_weight": 0.02, "adversarial": 0.05}
NO_NORM_PHOTOS = _photos(NO_NORM_DIV2K, **_SMALL_TERMS)
SN_PHOTOS = _photos(SN_DIV2K, **_SMALL_TERMS)
SAN_PHOTOS = _photos(SAN_DIV2K, **_SMALL_TERMS)
ESRGAN_PHOTOS = _photos(ESRGAN_DIV2K, **_SMALL_TERMS, growth=12, blocks=2)
ESRGAN_SN_PHOTOS = _photos(ESRGAN_SN_DIV2K, **_SMALL_TERMS, growth=12, blocks=2)
