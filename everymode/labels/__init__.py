"""Label sources: where the conditions of reals and fakes come from."""

from everymode.labels.clusters import ClusterLabels
from everymode.labels.given import GivenLabels, NoLabels
from everymode.labels.matching import induced_means, match_clusters
from everymode.labels.online_clusters import OnlineClusterLabels

__all__ = [
    "ClusterLabels",
    "GivenLabels",
    "NoLabels",
    "OnlineClusterLabels",
    "induced_means",
    "match_clusters",
]
