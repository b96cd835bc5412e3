"""Adversarial losses as values, terms that are added to them, and the functions of plain tensors that they use."""

from everymode.losses.adversarial import hinge, least_squares, logistic, relativistic, wasserstein
from everymode.losses.attributes import attribute_classification, attributes_of_fakes, attributes_of_reals
from everymode.losses.auxiliary import auxiliary, improved_auxiliary
from everymode.losses.classification import (
    class_cross_entropy,
    classification,
    classification_loss,
    classification_of_fakes,
)
from everymode.losses.consistency import balanced_consistency, consistency
from everymode.losses.contrastive import (
    conditional_contrastive_loss,
    data_to_data_cross_entropy,
    embeddings_of_fakes,
    embeddings_of_reals,
)
from everymode.losses.lecam import LeCam
from everymode.losses.matching import feature_matching, feature_matching_loss
from everymode.losses.multi_hinge import (
    activation_maximization,
    any_real_class,
    complement_multi_hinge_loss,
    confusion,
    fake_class_log_probability,
    fake_class_score,
    multi_hinge,
    multi_hinge_loss,
)
from everymode.losses.omni import omni, omni_loss, omni_signs
from everymode.losses.paired_matching import feature_matching_paired, paired_feature_matching
from everymode.losses.penalties import (
    dragan,
    gradient_norm_squared,
    r1,
    r2,
    wgan_div,
    wgan_gp,
    zero_centered,
)
from everymode.losses.perceptual import perceptual, perceptual_loss
from everymode.losses.pictures import cycle, encoder_divergence, pixel
from everymode.losses.relativistic_average import relativistic_average

__all__ = [
    "LeCam",
    "activation_maximization",
    "any_real_class",
    "attribute_classification",
    "attributes_of_fakes",
    "attributes_of_reals",
    "auxiliary",
    "balanced_consistency",
    "class_cross_entropy",
    "classification",
    "classification_loss",
    "classification_of_fakes",
    "complement_multi_hinge_loss",
    "conditional_contrastive_loss",
    "confusion",
    "consistency",
    "cycle",
    "data_to_data_cross_entropy",
    "dragan",
    "embeddings_of_fakes",
    "embeddings_of_reals",
    "encoder_divergence",
    "fake_class_log_probability",
    "fake_class_score",
    "feature_matching",
    "feature_matching_loss",
    "feature_matching_paired",
    "gradient_norm_squared",
    "hinge",
    "improved_auxiliary",
    "least_squares",
    "logistic",
    "multi_hinge",
    "multi_hinge_loss",
    "omni",
    "omni_loss",
    "omni_signs",
    "paired_feature_matching",
    "perceptual",
    "perceptual_loss",
    "pixel",
    "r1",
    "r2",
    "relativistic",
    "relativistic_average",
    "wasserstein",
    "wgan_div",
    "wgan_gp",
    "zero_centered",
]
