"""Partitions learned without labels (Partition-Guided GAN's first stage), and guarantees for their guide."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everymode import old_names

if TYPE_CHECKING:
    from everymode.partitioner.certificate import Certificate, certify
    from everymode.partitioner.consistency import PartitionTerms, partition_loss, partition_terms
    from everymode.partitioner.contrastive import nt_xent
    from everymode.partitioner.images import parts_of
    from everymode.partitioner.learning import learn_partition
    from everymode.partitioner.neighbors import nearest_neighbors, neighbor_accuracy
    from everymode.partitioner.network import (
        Partitioner,
        image_partitioner,
        linear_partitioner,
        multilayer_partitioner,
        partitioner_from,
        plane_partitioner,
    )
    from everymode.partitioner.running import PartitionStopped
    from everymode.partitioner.saving import load_partitioner
    from everymode.partitioner.settings import PartitionSettings
    from everymode.partitioner.views import Views

# Modules are loaded on first use, so that PartitionSettings can be imported without torch.
_HOME = {
    "Certificate": "certificate",
    "PartitionSettings": "settings",
    "PartitionStopped": "running",
    "PartitionTerms": "consistency",
    "Partitioner": "network",
    "Views": "views",
    "certify": "certificate",
    "image_partitioner": "network",
    "learn_partition": "learning",
    "linear_partitioner": "network",
    "load_partitioner": "saving",
    "multilayer_partitioner": "network",
    "nearest_neighbors": "neighbors",
    "neighbor_accuracy": "neighbors",
    "nt_xent": "contrastive",
    "partition_loss": "consistency",
    "partition_terms": "consistency",
    "partitioner_from": "network",
    "parts_of": "images",
    "plane_partitioner": "network",
}

__all__ = [
    "Certificate",
    "PartitionSettings",
    "PartitionStopped",
    "PartitionTerms",
    "Partitioner",
    "Views",
    "certify",
    "image_partitioner",
    "learn_partition",
    "linear_partitioner",
    "load_partitioner",
    "multilayer_partitioner",
    "nearest_neighbors",
    "neighbor_accuracy",
    "nt_xent",
    "partition_loss",
    "partition_terms",
    "partitioner_from",
    "parts_of",
    "plane_partitioner",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        return old_names.found(__name__, name)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
