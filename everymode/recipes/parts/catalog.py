"""The parts by kind and name: the one place where strings select them. Free of torch."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, field
from typing import Any

from everymode.numbers import names_of
from everymode.part import Part


@dataclass(frozen=True)
class Entry:
    """A part that can be chosen by name."""

    module: str
    """Below `everymode.recipes`."""
    constant: str
    """The class."""
    line: str
    """What it is, in a line."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What is chosen with the name, beside the part's defaults."""

    @property
    def part_class(self) -> type[Part]:
        """The class itself."""
        return getattr(importlib.import_module(f"everymode.recipes.{self.module}"), self.constant)

    def part(self) -> Part:
        """The part with its defaults."""
        return self.part_class(**self.numbers)

    def fits(self, part: Part) -> bool:
        """Whether the part is of this name."""
        if type(part).__name__ != self.constant or type(part) is not self.part_class:
            return False
        return all(getattr(part, name) == value for name, value in self.numbers.items())


_BIGGAN, _SMALL, _STANDARD = "parts.biggan_networks", "parts.small_networks", "parts.standard_networks"
_PLAIN, _NORMS, _GIVEN = "parts.plain_losses", "parts.norms", "parts.given_labels"
_HINGE, _AC, _CLUSTERS, _PARTITION = "multi_hinge_gan", "ac_gan", "self_conditioned", "partition_guided"

PARTS: dict[str, dict[str, Entry]] = {
    "networks": {
        "biggan": Entry(_BIGGAN, "BigGAN", "BigGAN: residual, the label in the generator's batch norms"),
        "biggan-tapered": Entry(_BIGGAN, "BigGAN", "narrow at full size (SAGAN)", {"tapered": True}),
        "biggan-implicit": Entry("omni_inr_gan", "ImplicitBigGAN", "draws at any size (INR head)"),
        "dcgan-shallow": Entry(_SMALL, "ShallowDCGAN", "DCGAN, batch norm in D"),
        "dcgan-deep": Entry(_SMALL, "DeepDCGAN", "DCGAN's generator, seven plain convolutions in D"),
        "stability-resnet": Entry(_SMALL, "StabilityResNet", "residual without normalization, wants R1"),
        "standard": Entry(_STANDARD, "Standard", "the convolutional networks of SAN's comparisons"),
        "standard-resnet": Entry(_STANDARD, "Standard", "the residual ones", {"residual": True}),
        "points": Entry(_SMALL, "PointNetworks", "fully connected, for points in the plane"),
    },
    "loss": {
        "projection": Entry(
            _PLAIN, "Hinge", "hinge loss on a projection head (BigGAN)", {"head": "projection"}
        ),
        "hinge": Entry(_PLAIN, "Hinge", "hinge loss; with labels, an output per label"),
        "logistic": Entry(_PLAIN, "Logistic", "non-saturating logistic; per label with labels"),
        "wasserstein": Entry(_PLAIN, "Wasserstein", "Wasserstein (WGAN-GP: --penalty-weight 10)"),
        "least-squares": Entry(_PLAIN, "LeastSquares", "least squares (LSGAN)"),
        "relativistic": Entry(_PLAIN, "Relativistic", "each real against a fake of its label (R3GAN)"),
        "omni": Entry("omni_gan", "Omni", "omni-loss on K + 2 scores (Omni-GAN)"),
        "one-sided-omni": Entry("omni_gan", "Omni", "projection, written as omni-loss", {"one_sided": True}),
        "multi-hinge": Entry(_HINGE, "MultiHinge", "class margins beside projection"),
        "multi-hinge-shared": Entry(_HINGE, "SharedMultiHinge", "class margins of projection itself"),
        "multi-hinge-k1": Entry(_HINGE, "FakeClass", "K + 1 classes, the last of them fake"),
        "ac": Entry(_AC, "AuxiliaryClassifier", "a classifier beside the discriminator (AC-GAN)"),
        "imac": Entry(_AC, "AuxiliaryClassifier", "the same with a class for fakes", {"improved": True}),
        "2c": Entry("contragan", "Contrastive", "embeddings sorted by contrast (ContraGAN)"),
        "d2d-ce": Entry("reacgan", "DataToData", "embeddings sorted by class (ReACGAN)"),
    },
    "labels": {
        "none": Entry(_GIVEN, "NoLabels", "no labels"),
        "given": Entry(_GIVEN, "Given", "the data's labels"),
        "clusters": Entry(_CLUSTERS, "Clusters", "clusters of D's features (Self-Conditioned GAN)"),
        "online-clusters": Entry(_CLUSTERS, "Clusters", "clusters that follow batches", {"online": True}),
        "partition": Entry(_PARTITION, "Partition", "parts, and a guide (Partition-Guided GAN)"),
        "random-partition": Entry(
            _PARTITION, "Partition", "random parts", {"random_parts": True, "guide_weight": 0.0}
        ),
        "class-parts": Entry(_PARTITION, "Partition", "each class split into parts", {"parts_per_class": 3}),
        "random": Entry("random_labels_gan", "RandomLabels", "random labels: a baseline"),
        "autoencoder": Entry("logo_gan", "AutoencoderClusters", "clusters of an autoencoder's codes"),
        "classifier": Entry("logo_gan", "ClassifierClusters", "clusters of a classifier's features"),
        "rotation": Entry("rotnet_gan", "RotationClusters", "clusters of features of quarter turns"),
        "generators": Entry("mgan", "Generators", "several generators, told apart (MGAN)"),
    },
    "norm": {
        "none": Entry(_NORMS, "NoNorm", "nothing"),
        "spectral": Entry(_NORMS, "Spectral", "spectral normalization"),
        "convolution-spectral": Entry(
            _NORMS, "Spectral", "by convolutions' true norm", {"estimate": "convolution"}
        ),
        "exact-spectral": Entry(_NORMS, "Spectral", "by their exact norm (slow)", {"estimate": "exact"}),
        "sparsity-aware": Entry("san_gan", "SparsityAware", "sparsity-aware normalization (SAN)"),
        "weight": Entry(_NORMS, "WeightNorm", "weight normalization"),
        "orthonormal": Entry(_NORMS, "Orthonormal", "a cost of kernels that are not orthonormal"),
        "layer": Entry(_NORMS, "LayerNorm", "layer normalization"),
        "batch": Entry(_NORMS, "BatchNorm", "batch normalization"),
        "clipping": Entry(_NORMS, "WeightClipping", "weights clipped after each step (WGAN)"),
    },
    "terms": {"weights": Entry("parts.terms", "Weights", "each cost chosen by its weight (--r1-weight 10)")},
}
"""Kind -> name -> entry."""


def part_called(kind: str, name: str) -> Part:
    """The part of that kind and name, with its defaults. Raises ValueError, with near names, if there is none."""
    known = PARTS[kind]
    if name in known:
        return known[name].part()
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"{kind} is one of {', '.join(known)}, not {name!r}.{hint}")


def name_of(part: Part) -> str | None:
    """The name under which a part can be chosen; the most particular of several. None for one of the user's own."""
    fitting = [(len(entry.numbers), name) for name, entry in PARTS[part.kind].items() if entry.fits(part)]
    return max(fitting)[1] if fitting else None


def holders_of(number: str) -> dict[str, list[str]]:
    """The parts, by kind and name, that have a number of that name."""
    found = {
        kind: [name for name, entry in entries.items() if number in names_of(entry.part_class)]
        for kind, entries in PARTS.items()
    }
    return {kind: names for kind, names in found.items() if names}
