"""Fixed clusters: in the extractor's features, independent of D, computed by each process alone, initial labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.draws import Draws, Rows
from everymode.game import Batch
from everymode.labels.fixed_clusters import FeatureFunction, FixedClusters

DRAWS = Draws(0, "test", Rows.all(1))


class Brightness(nn.Module):
    """An extractor of one feature with a trainable scale."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def features(self, x: Tensor) -> Tensor:
        return self.gain * x.flatten(1).mean(1, keepdim=True)


def three_levels() -> Dataset:
    """Return thirty gray images of three alternating brightnesses with a darker left half; mirroring keeps the mean."""
    level = np.array([20, 120, 220], np.uint8)[np.arange(30) % 3]
    images = np.broadcast_to(level[:, None, None, None], (30, 1, 4, 4)).copy()
    images[..., :2] -= 10
    return Dataset(name="levels", images=images, labels=np.full(30, -1), classes=(), fingerprint="levels")


def labels_of(extractor: nn.Module, example: Tensor, **numbers: bool) -> FixedClusters:
    return FixedClusters(extractor, example, num_clusters=3, num_images=30, **numbers)


def test_before_clustering_labels_go_in_turns() -> None:
    labels = labels_of(Brightness(), torch.zeros(1, 1, 4, 4), mirrored=True)
    assert labels.table.tolist() == [[0, 1, 2] * 10] * 2


def test_clusters_are_those_of_the_extractors_features() -> None:
    labels, data = labels_of(Brightness(), torch.zeros(1, 1, 4, 4), mirrored=True), three_levels()
    numbers = labels.cluster(data, DRAWS)
    by_image = labels.table[0].view(10, 3)
    assert (by_image == by_image[0]).all() and len(set(by_image[0].tolist())) == 3
    assert torch.equal(labels.table[0], labels.table[1])
    assert labels.counts.tolist() == [20.0] * 3 and numbers["empty"] == 0
    shown = Batch(data.gather([4, 5]), None, torch.tensor([4, 5]), torch.tensor([True, False]))
    assert labels.assign(shown, nn.Identity(), DRAWS).tolist() == by_image[0, 1:].tolist()
    assert labels.label_unseen(data.gather([0, 1, 2])).tolist() == by_image[0].tolist()
    before = labels.table.clone()
    assert labels.refresh(Brightness(), data, DRAWS) == {}
    assert torch.equal(labels.table, before)


def test_one_process_clusters_for_all() -> None:
    labels = labels_of(Brightness(), torch.zeros(1, 1, 4, 4))
    labels.synchronize = True  # as with several processes: it must not wait for them
    labels.cluster(three_levels(), DRAWS)
    assert labels.synchronize and labels.counts.tolist() == [10.0] * 3


def test_a_function_is_an_extractor_without_state() -> None:
    calls: list[int] = []

    def brightness(x: Tensor) -> Tensor:
        calls.append(len(x))
        return x.flatten(1).mean(1, keepdim=True)

    labels = labels_of(FeatureFunction(brightness, 1), torch.zeros(1, 1, 4, 4, device="meta"))
    assert not calls and not any("teacher" in name for name in labels.state_dict())
    labels.cluster(three_levels(), DRAWS)
    assert labels.counts.tolist() == [10.0] * 3


def test_clusters_are_in_the_state() -> None:
    result, fresh = (labels_of(Brightness(), torch.zeros(1, 1, 4, 4)) for _ in range(2))
    with torch.no_grad():
        result.teacher.gain.fill_(2.0)
    result.cluster(three_levels(), DRAWS)
    fresh.load_state_dict(result.state_dict())
    for name in ("table", "centers", "counts"):
        assert torch.equal(getattr(fresh, name), getattr(result, name))
    assert float(fresh.teacher.gain.detach()) == 2.0
