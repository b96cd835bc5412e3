"""Label sources, which supply the conditions of real and generated examples."""

from everymode.labels.clusters import ClusterLabels
from everymode.labels.fixed_clusters import FixedClusters
from everymode.labels.generators import GeneratorLabels
from everymode.labels.given import GivenLabels, NoLabels
from everymode.labels.matching import induced_means, match_clusters
from everymode.labels.online_clusters import OnlineClusterLabels
from everymode.labels.pairs import PairedCondition
from everymode.labels.partition import PartitionLabels, guide_distance
from everymode.labels.random_labels import RandomLabels
from everymode.labels.table import FixedParts, random_parts
from everymode.labels.targets import TargetLabels, changed_one_at_a_time, exclusive_blocks

__all__ = [
    "ClusterLabels",
    "FixedClusters",
    "FixedParts",
    "GeneratorLabels",
    "GivenLabels",
    "NoLabels",
    "OnlineClusterLabels",
    "PairedCondition",
    "PartitionLabels",
    "RandomLabels",
    "TargetLabels",
    "changed_one_at_a_time",
    "exclusive_blocks",
    "guide_distance",
    "induced_means",
    "match_clusters",
    "random_parts",
]
