"""k-means for many points and many clusters, on the points' device, in bounded memory, across several processes."""

from everymode.kmeans.assignment import nearest_centers
from everymode.kmeans.fitting import KMeans, kmeans
from everymode.kmeans.means import means_of_clusters, reseed_centers
from everymode.kmeans.point_blocks import Gather, Total, same

__all__ = [
    "Gather",
    "KMeans",
    "Total",
    "kmeans",
    "means_of_clusters",
    "nearest_centers",
    "reseed_centers",
    "same",
]
