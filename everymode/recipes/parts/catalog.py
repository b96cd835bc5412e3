"""Parts by kind and name; only this module selects parts by strings. Does not import torch."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, field
from typing import Any

from everymode.numbers import names_of
from everymode.part import Part


@dataclass(frozen=True)
class Entry:
    """Part that can be selected by name."""

    module: str
    """Module below `everymode.recipes`."""
    constant: str
    """Name of the class."""
    line: str
    """Description in one line."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """Hyper-parameters that the name sets, in addition to the defaults of the part."""

    @property
    def part_class(self) -> type[Part]:
        """Class of the part."""
        return getattr(importlib.import_module(f"everymode.recipes.{self.module}"), self.constant)

    def part(self) -> Part:
        """Return the part with its defaults."""
        return self.part_class(**self.numbers)

    def fits(self, part: Part) -> bool:
        """Return whether the part has this name."""
        if type(part).__name__ != self.constant or type(part) is not self.part_class:
            return False
        return all(getattr(part, name) == value for name, value in self.numbers.items())


_BIGGAN, _SMALL, _STANDARD = "parts.biggan_networks", "parts.small_networks", "parts.standard_networks"
_PLAIN, _NORMS, _GIVEN = "parts.plain_losses", "parts.norms", "parts.given_labels"
_PICTURES = "parts.picture_labels"
_HINGE, _AC, _CLUSTERS, _PARTITION = "multi_hinge_gan", "ac_gan", "self_conditioned", "partition_guided"
_RANDOM = {"random_parts": True, "guide_weight": 0.0}

PARTS: dict[str, dict[str, Entry]] = {
    "networks": {
        "biggan": Entry(_BIGGAN, "BigGAN", "BigGAN: residual, conditional batch normalization in G"),
        "biggan-tapered": Entry(_BIGGAN, "BigGAN", "BigGAN, narrow at full size", {"tapered": True}),
        "biggan-imported": Entry(
            "parts.imported_networks", "ImportedBigGAN", "BigGAN of imported weights, no norm in G"
        ),
        "biggan-implicit": Entry("omni_inr_gan", "ImplicitBigGAN", "BigGAN for any image size (INR head)"),
        "dcgan-shallow": Entry(_SMALL, "ShallowDCGAN", "DCGAN, batch normalization in D"),
        "dcgan-deep": Entry(_SMALL, "DeepDCGAN", "DCGAN's generator, seven convolutions in D"),
        "stability-resnet": Entry(_SMALL, "StabilityResNet", "residual, unnormalized, needs R1"),
        "standard": Entry(_STANDARD, "Standard", "convolutional networks of SAN's comparisons"),
        "standard-resnet": Entry(_STANDARD, "Standard", "the same, residual", {"residual": True}),
        "points": Entry(_SMALL, "PointNetworks", "fully connected, for points in the plane"),
        "spade": Entry("spade", "Spade", "SPADE: images from label maps"),
        "stargan": Entry("stargan", "StarGAN", "StarGAN: changes attributes of pictures"),
        "sr-resnet": Entry("super_resolution", "SRResNet", "super-resolution, residual (SAN's Table 8)"),
        "rrdb": Entry("super_resolution", "RRDB", "super-resolution, residual dense blocks (ESRGAN)"),
    },
    "loss": {
        "projection": Entry(_PLAIN, "Hinge", "hinge loss with projection (BigGAN)", {"head": "projection"}),
        "hinge": Entry(_PLAIN, "Hinge", "hinge loss; one output per label, if any"),
        "logistic": Entry(_PLAIN, "Logistic", "non-saturating logistic loss; one output per label, if any"),
        "wasserstein": Entry(_PLAIN, "Wasserstein", "Wasserstein loss (WGAN-GP: --penalty-weight 10)"),
        "least-squares": Entry(_PLAIN, "LeastSquares", "least-squares loss (LSGAN)"),
        "relativistic": Entry(_PLAIN, "Relativistic", "pairs of a real and a fake with one label (R3GAN)"),
        "relativistic-average": Entry(_PLAIN, "RelativisticAverage", "scores against mean scores (ESRGAN)"),
        "none": Entry(_PLAIN, "NoAdversary", "no adversary: the generator's terms alone"),
        "omni": Entry("omni_gan", "Omni", "omni-loss on K + 2 scores (Omni-GAN)"),
        "one-sided-omni": Entry("omni_gan", "Omni", "projection, written as omni-loss", {"one_sided": True}),
        "multi-hinge": Entry(_HINGE, "MultiHinge", "projection plus a classifier with margins"),
        "multi-hinge-shared": Entry(_HINGE, "SharedMultiHinge", "projection that is also the classifier"),
        "multi-hinge-k1": Entry(_HINGE, "FakeClass", "classifier of K + 1 classes, the last one fake"),
        "ac": Entry(_AC, "AuxiliaryClassifier", "auxiliary classifier (AC-GAN)"),
        "imac": Entry(_AC, "AuxiliaryClassifier", "the same with a class for fakes", {"improved": True}),
        "2c": Entry("contragan", "Contrastive", "contrastive loss of embeddings (ContraGAN)"),
        "d2d-ce": Entry("reacgan", "DataToData", "cross-entropy of embeddings (ReACGAN)"),
    },
    "labels": {
        "none": Entry(_GIVEN, "NoLabels", "no labels"),
        "given": Entry(_GIVEN, "Given", "labels of the dataset"),
        "clusters": Entry(_CLUSTERS, "Clusters", "clusters of D's features (Self-Conditioned GAN)"),
        "online-clusters": Entry(_CLUSTERS, "Clusters", "the same, updated per batch", {"online": True}),
        "partition": Entry(_PARTITION, "Partition", "learned partition, guide (Partition-Guided GAN)"),
        "random-partition": Entry(_PARTITION, "Partition", "random partition", _RANDOM),
        "class-parts": Entry(_PARTITION, "Partition", "each class split into parts", {"parts_per_class": 3}),
        "random": Entry("random_labels_gan", "RandomLabels", "random labels: a baseline"),
        "autoencoder": Entry("logo_gan", "AutoencoderClusters", "clusters of an autoencoder's codes"),
        "classifier": Entry("logo_gan", "ClassifierClusters", "clusters of a classifier's features"),
        "rotation": Entry("rotnet_gan", "RotationClusters", "clusters of a rotation predictor's features"),
        "maps": Entry(_PICTURES, "Maps", "label maps, one per image (SPADE)"),
        "pictures": Entry(_PICTURES, "Pictures", "pictures of lower resolution"),
        "attributes": Entry(_PICTURES, "Attributes", "pictures with attribute values (StarGAN)"),
        "generators": Entry("mgan", "Generators", "several generators with a classifier (MGAN)"),
    },
    "norm": {
        "none": Entry(_NORMS, "NoNorm", "no normalization"),
        "spectral": Entry(_NORMS, "Spectral", "spectral normalization"),
        "convolution-spectral": Entry(_NORMS, "Spectral", "by operator norm", {"estimate": "convolution"}),
        "exact-spectral": Entry(_NORMS, "Spectral", "by exact operator norm (slow)", {"estimate": "exact"}),
        "sparsity-aware": Entry("san_gan", "SparsityAware", "sparsity-aware normalization (SAN)"),
        "weight": Entry(_NORMS, "WeightNorm", "weight normalization"),
        "orthonormal": Entry(_NORMS, "Orthonormal", "penalty on kernels that are not orthonormal"),
        "layer": Entry(_NORMS, "LayerNorm", "layer normalization"),
        "batch": Entry(_NORMS, "BatchNorm", "batch normalization"),
        "clipping": Entry(_NORMS, "WeightClipping", "weight clipping (WGAN)"),
    },
    "terms": {
        "weights": Entry("parts.terms", "Weights", "weighted terms, such as --r1-weight 10"),
        "picture-weights": Entry(
            "parts.picture_terms", "PictureWeights", "the same and terms of image pairs"
        ),
    },
}
"""Kind -> name -> entry."""


def part_called(kind: str, name: str) -> Part:
    """Return the part of this kind and name, with its defaults.

    Raises:
        ValueError: if there is none; the error message has the nearest names.
    """
    entries = PARTS[kind]
    if name in entries:
        return entries[name].part()
    near = difflib.get_close_matches(name, entries, n=2, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"{kind} is one of {', '.join(entries)}, not {name!r}.{hint}")


def name_of(part: Part) -> str | None:
    """Return the name that selects a part, the most specific of several, or None for a custom part."""
    fitting = [(len(entry.numbers), name) for name, entry in PARTS[part.kind].items() if entry.fits(part)]
    return max(fitting)[1] if fitting else None


def holders_of(number: str) -> dict[str, list[str]]:
    """Return the names of the parts that have this hyper-parameter, by kind."""
    holders = {
        kind: [name for name, entry in entries.items() if number in names_of(entry.part_class)]
        for kind, entries in PARTS.items()
    }
    return {kind: names for kind, names in holders.items() if names}
