"""Additional terms of games whose conditions are label maps, pictures or attributes, each with its weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everymode.recipes.parts.picture_labels import Attributes, PairedLabels
from everymode.recipes.parts.terms import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from everymode.data.facts import DataFacts
    from everymode.game import Term, Weighted
    from everymode.recipe import Recipe

NONE, LITE0, VGG = "none", "lite0", "vgg="
"""Values of `perceptual`; the last one is followed by a file."""
_PAIRED = ("paired_matching_weight", "pixel_weight", "perceptual_weight")
_OF_ATTRIBUTES = ("cycle_weight", "classification_weight")


@dataclass(frozen=True, kw_only=True)
class PictureWeights(Weights):
    """Terms of image-to-image games, beside the others; a weight of 0 turns a term off."""

    adversarial: float = 1.0
    """Weight of the adversarial loss in the generator's objective."""
    paired_matching_weight: float = 0.0
    """Weight of feature matching between each fake and its real image (SPADE: 10); 0 = off."""
    pixel_weight: float = 0.0
    """Weight of the distance of pixels, in [-1, 1], between each fake and its real image; 0 = off."""
    squared_pixels: bool = False
    """Use the mean squared distance of pixels instead of the mean absolute one."""
    perceptual: str | None = "none"
    """Network of the perceptual term: vgg=FILE, a VGG-19 in torchvision's names (.safetensors or weights-only .pth);
    lite0, the EfficientNet of the extra `eval`; or none. auto = it must be set."""
    perceptual_weight: float = 0.0
    """Weight of the perceptual term: distance of each fake and its real image in that network."""
    perceptual_layers: str = ""
    """Layers of VGG-19 with their factors, such as relu1_1:0.25,relu2_1:1; conv5_4 = before the activation. Empty =
    relu1_1 to relu5_1 with 1/32, 1/16, 1/8, 1/4 and 1 (SPADE)."""
    imagenet_normalization: bool = True
    """Whether VGG-19 gets images normalized as on ImageNet; SPADE's released code doesn't."""
    cycle_weight: float = 0.0
    """Weight of the distance between a picture and its reconstruction from a fake (StarGAN: 10); 0 = off."""
    classification_weight: float = 0.0
    """Weight of attribute classification: of reals in D, of fakes in G (StarGAN: 1); 0 = off."""
    divergence_weight: float = 0.0
    """Weight of the divergence of SPADE's encoder from a normal distribution (published: 0.05); 0 = off."""

    def check(self) -> None:
        super().check()
        self.require_at_least_0("adversarial")
        named = self.perceptual
        if named is not None and named not in (NONE, LITE0) and not (named.startswith(VGG) and named[4:]):
            raise ValueError(
                f"perceptual must be vgg=FILE, lite0 or none, not {named!r}: FILE is a state dict of VGG-19"
            )
        parse_layers(self.perceptual_layers)

    def check_in(self, recipe: Recipe) -> None:
        super().check_in(recipe)
        labels = recipe.labels
        for names, kind, wanted in (
            (_PAIRED, PairedLabels, "images that are paired with label maps or pictures"),
            (_OF_ATTRIBUTES, Attributes, "pictures with attributes"),
        ):
            used = [name for name in names if getattr(self, name)]
            if used and labels is not None and not isinstance(labels, kind):
                raise ValueError(
                    f"{used[0]} needs {wanted}: set {used[0]} to 0, or choose other labels and networks"
                )
        encodes = recipe.networks is not None and recipe.networks.encodes_image
        if self.divergence_weight and not encodes:
            raise ValueError(
                "divergence_weight needs SPADE's generator with an encoder: set latent_dim, or divergence_weight to 0"
            )

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        if self.perceptual_weight and self.perceptual is None:
            raise ValueError(
                f"{recipe.called} has a perceptual term, whose network must be named: --perceptual vgg=FILE (the "
                "published one: a state dict of VGG-19 in torchvision's names), --perceptual lite0 (the extra `eval`), "
                "or --perceptual none to train without it"
            )
        if (file := self.vgg_file) is not None and self.perceptual_weight and not file.is_file():
            raise FileNotFoundError(
                f"there is no {file}: --perceptual vgg=FILE names a state dict of VGG-19 in torchvision's names"
            )
        return recipe

    @property
    def adversarial_weight(self) -> float:
        return self.adversarial

    @property
    def vgg_file(self) -> Path | None:
        """File of VGG-19, or None if the perceptual term has no or another network."""
        named = self.perceptual or ""
        return Path(named.removeprefix(VGG)).expanduser() if named.startswith(VGG) else None

    def notes(self, recipe: Recipe) -> list[str]:
        notes = super().notes(recipe)
        if self.perceptual_weight and self.perceptual == NONE:
            notes.append("no perceptual term (perceptual none): the published loss has one")
        if self.perceptual_weight and self.perceptual == LITE0:
            notes.append("the perceptual term is measured by EfficientNet-Lite0, not by the published VGG-19")
        if self.squared_pixels and not self.pixel_weight:
            notes.append("squared_pixels has no effect: pixel_weight is 0")
        return notes

    def build(self, recipe: Recipe) -> Any:
        from everymode.game import Weighted
        from everymode.losses import pictures
        from everymode.losses.attributes import attributes_of_fakes, attributes_of_reals
        from everymode.losses.paired_matching import paired_feature_matching

        of_discriminator, of_generator = super().build(recipe)
        terms: list[Weighted] = []
        if self.paired_matching_weight:
            terms.append(Weighted("paired_matching", paired_feature_matching(), self.paired_matching_weight))
        if self.pixel_weight:
            terms.append(Weighted("pixel", pictures.pixel(squared=self.squared_pixels), self.pixel_weight))
        if self.perceptual_weight and self.perceptual not in (None, NONE):
            terms.append(Weighted("perceptual", self._perceptual(), self.perceptual_weight))
        if self.cycle_weight:
            terms.append(Weighted("cycle", pictures.cycle(), self.cycle_weight))
        if self.divergence_weight:
            terms.append(Weighted("divergence", pictures.divergence(), self.divergence_weight))
        if self.classification_weight:
            assert isinstance(recipe.labels, Attributes)
            sizes, weight = recipe.labels.sizes(recipe), self.classification_weight
            terms.append(Weighted("attributes", attributes_of_fakes(sizes), weight))
            of_discriminator = (*of_discriminator, Weighted("attributes", attributes_of_reals(sizes), weight))
        return of_discriminator, (*of_generator, *terms)

    def _perceptual(self) -> Term:
        """Return the perceptual term, whose network is loaded when it is first used: sampling doesn't need it."""
        from everymode.losses.perceptual import perceptual

        if self.perceptual == LITE0:
            return perceptual(_when_first_used(_lite0))
        layers = parse_layers(self.perceptual_layers)

        def vgg() -> Callable[[Tensor], Any]:
            from everymode.extractors.vgg import vgg19

            assert self.vgg_file is not None
            return vgg19(self.vgg_file, layers=tuple(layers), normalize=self.imagenet_normalization)

        return perceptual(_when_first_used(vgg), tuple(layers.values()))


def parse_layers(text: str) -> dict[str, float]:
    """Return the layers of VGG-19 by name, each with its factor.

    Raises:
        ValueError: unless it is a list such as relu1_1:0.25,conv5_4:1.
    """
    if not text:
        return {f"relu{stage}_1": factor for stage, factor in zip(range(1, 6), _SPADE_FACTORS, strict=True)}
    layers = {}
    for item in text.split(","):
        name, colon, factor = item.strip().partition(":")
        try:
            layers[name] = float(factor) if colon else 1.0
        except ValueError:
            raise ValueError(
                f"perceptual_layers is a list of layers with factors, such as relu1_1:0.25,conv5_4:1, not {text!r}"
            ) from None
    return layers


_SPADE_FACTORS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


def _when_first_used(load: Callable[[], Callable[[Tensor], Any]]) -> Callable[[Tensor], Any]:
    """Return a function of images that loads its network at the first call."""
    loaded: list[Callable[[Tensor], Any]] = []

    def features(images: Tensor) -> Any:
        if not loaded:
            loaded.append(load())
        return loaded[0](images)

    return features


def _lite0() -> Callable[[Tensor], Any]:
    from everymode.extractors.lite0_stages import Lite0Stages

    return Lite0Stages()
