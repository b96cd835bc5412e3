"""Partition labels: value and gradient of the guide, acceptance of samples, tables, draws by the sizes of parts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.draws import Draws, Rows
from everymode.game import Batch
from everymode.labels.class_parts import ClassPartLabels
from everymode.labels.partition import PartitionLabels, guide_distance
from everymode.labels.table import FixedParts, random_parts
from everymode.training.schedules import falling

VECTORS = np.load(Path(__file__).parents[1] / "vectors_unlabelled_guide.npz")


def vector(name: str) -> Tensor:
    return torch.from_numpy(VECTORS[f"unlabelled.{name}"])


def draws(count: int = 6, **more: object) -> Draws:
    return Draws(0, "test", Rows.all(count), **more)


class Halves(nn.Module):
    """Partitioner of images by their halves: part 0 if the left one is brighter; a mirror image swaps the parts."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.norm = nn.BatchNorm1d(2)
        self.seen = 0

    def features(self, x: Tensor) -> Tensor:
        half = x.shape[3] // 2
        return torch.stack((x[..., :half].mean((1, 2, 3)), x[..., half:].mean((1, 2, 3))), 1) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return self.norm(self.features(x))


def pictures() -> Dataset:
    images = np.full((5, 1, 2, 4), 100, np.uint8)
    images[:3, :, :, :2] = 200  # left
    images[3:, :, :, 2:] = 200
    images[0] = 100  # neither: the first part by argmax
    return Dataset("halves", images, np.array([0, 1, 0, 1, -1]), ("a", "b"), "halves")


# ---- the guide


def test_distance_by_hand() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 0.0, -1.0]])
    labels = torch.tensor([0, 1, 1])
    assert guide_distance(logits, labels).tolist() == [0.0, 3.0, 0.0]
    assert guide_distance(logits, labels, reduction="mean").tolist() == [0.0, 1.0, 0.0]


def test_distance_of_the_reference() -> None:
    logits, labels = vector("guide_logits").requires_grad_(), vector("guide_y")
    both = {
        "sum": ("guide_sum_per_sample", "guide_loss_sum", "guide_grad_sum"),
        "mean": ("guide_mean_per_sample", "guide_loss_refcode", "guide_grad_refcode"),
    }
    for reduction, (per_sample, loss, gradient) in both.items():
        distance = guide_distance(logits, labels, reduction=reduction)
        torch.testing.assert_close(distance, vector(per_sample), rtol=1e-9, atol=0)
        torch.testing.assert_close(distance.mean(), vector(loss), rtol=1e-9, atol=0)
        (result,) = torch.autograd.grad(distance.mean(), logits)
        torch.testing.assert_close(result, vector(gradient), rtol=1e-9, atol=1e-12)
    accepted = guide_distance(logits, labels) == 0
    assert accepted.tolist() == vector("guide_accept_zero").tolist()


def test_guide_of_a_linear_partitioner_has_the_references_gradient() -> None:
    x = vector("guidelin_x").requires_grad_()
    logits = x @ vector("guidelin_w").T + vector("guidelin_b")
    loss = guide_distance(logits, vector("guide_y"), reduction="mean").mean()
    torch.testing.assert_close(loss, vector("guidelin_loss_refcode"), rtol=1e-9, atol=0)
    (result,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(result, vector("guidelin_grad_x_refcode"), rtol=1e-9, atol=1e-12)


def test_gradient_by_finite_differences() -> None:
    logits = torch.randn(
        4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True
    )
    labels = torch.tensor([0, 4, 2, 2])
    for reduction in ("sum", "mean"):
        assert torch.autograd.gradcheck(lambda s, r=reduction: guide_distance(s, labels, reduction=r), logits)


def test_weight_schedule_of_the_reference() -> None:
    steps = [int(iteration) // 4 for iteration in vector("guide_sched_it")]
    for floor, name in ((0.0, "guide_sched_min0"), (1e-4, "guide_sched_min1em4")):
        schedule = falling(6.0, floor, over=50_000)
        result = torch.tensor([schedule(step) for step in steps], dtype=torch.float64)
        torch.testing.assert_close(result, vector(name), rtol=1e-9, atol=1e-12)


def test_wrong_shapes_and_reductions_raise() -> None:
    with pytest.raises(ValueError, match=r"logits \[B, K\] and labels \[B\], not \[3, 2\] and \[2\]"):
        guide_distance(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match=r'"sum" .* or "mean", not .max.'):
        guide_distance(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long), reduction="max")


# ---- tables


def test_parts_before_anything_is_known_go_round() -> None:
    labels = FixedParts(3, 7, mirrored=True)
    assert labels.table.tolist() == [[0, 1, 2, 0, 1, 2, 0]] * 2
    assert labels.counts.tolist() == [6, 4, 4]
    assert labels.label_unseen(torch.zeros(4, 1)).tolist() == [0, 1, 2, 0]
    with pytest.raises(ValueError, match="0 images can't be divided into 3 parts"):
        FixedParts(3, 0)


def test_random_parts_stay_and_are_the_seeds() -> None:
    labels = random_parts(4, 400, seed=1, mirrored=True)
    assert torch.equal(labels.table[0], labels.table[1])
    assert torch.equal(labels.table, random_parts(4, 400, seed=1, mirrored=True).table)
    assert not torch.equal(labels.table, random_parts(4, 400, seed=2, mirrored=True).table)
    assert (labels.counts / 2 - 100).abs().max() < 40
    batch = Batch(torch.zeros(2, 1), None, torch.tensor([7, 9]))
    assert labels.assign(batch, nn.Identity(), draws(2)).tolist() == labels.table[0, [7, 9]].tolist()
    assert labels.accepts(torch.zeros(1), torch.zeros(1)) is None


def test_all_images_and_mirror_images_are_labeled_once() -> None:
    partitioner = Halves()
    labels = PartitionLabels(partitioner, 2, 5, mirrored=True)
    done: list[int] = []
    table = labels.label_all(pictures(), done.append)
    assert table.tolist() == [[0, 0, 0, 1, 1], [0, 1, 1, 0, 0]]
    assert done == [5] and partitioner.seen == 10
    labels.take(table)
    assert labels.counts.tolist() == [6, 4]
    assert labels.numbers() == {"empty": 0.0, "largest": pytest.approx(0.6)}
    batch = Batch(torch.zeros(3, 1), None, torch.tensor([1, 1, 4]), torch.tensor([False, True, True]))
    assert labels.assign(batch, nn.Identity(), draws(3)).tolist() == [0, 1, 0]
    assert partitioner.seen == 10
    assert labels.label_unseen(pictures().gather(np.arange(5))).tolist() == table[0].tolist()
    with pytest.raises(ValueError, match="made for 6 images, and the data has 5"):
        PartitionLabels(Halves(), 2, 6).label_all(pictures())


def test_parts_are_drawn_by_their_sizes() -> None:
    labels = FixedParts(3, 100)
    labels.take(torch.tensor([[0] * 75 + [2] * 25]))
    drawn = torch.bincount(labels.draw(draws(4000)), minlength=3)
    assert drawn[1] == 0 and abs(int(drawn[0]) - 3000) < 120


# ---- the partitioner as a submodule


def test_partitioner_stays_frozen() -> None:
    labels = PartitionLabels(Halves(), 2, 5)
    labels.train()
    assert labels.training and not labels.partitioner.training
    assert not any(parameter.requires_grad for parameter in labels.parameters())
    before = {name: value.clone() for name, value in labels.state_dict().items()}
    fake = torch.randn(4, 1, 2, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    turn = SimpleNamespace(fake=fake, fake_condition=torch.tensor([0, 1, 0, 1]))
    loss = labels.guide("sum")(turn)
    loss.backward()
    expected = guide_distance(labels.partitioner(fake), turn.fake_condition).mean()
    assert loss.item() == pytest.approx(expected.item()) and loss.item() > 0
    assert fake.grad.abs().sum() > 0
    assert all(torch.equal(value, before[name]) for name, value in labels.state_dict().items())


def test_acceptance_is_a_distance_of_exactly_zero() -> None:
    labels = PartitionLabels(Halves(), 2, 5)
    images = pictures().gather(np.arange(5))
    assert labels.accepts(images, torch.tensor([0, 0, 1, 1, 0])).tolist() == [True, True, False, True, False]
    assert labels.accepts(images[:1], torch.tensor([1])).tolist() == [True]  # a tie is in both parts
    assert labels.distance(images, torch.tensor([0, 0, 0, 1, 1])).sum() == 0


def test_sampling_state_round_trip() -> None:
    first, second = PartitionLabels(Halves(), 2, 5), PartitionLabels(Halves(), 2, 9)
    with torch.no_grad():
        first.partitioner.scale.fill_(3.0)
    first.take(torch.tensor([[0, 0, 0, 0, 1]]))
    second.load_sampling_state(first.sampling_state())
    assert float(second.partitioner.scale) == 3.0
    assert second.counts.tolist() == [4, 1]
    with pytest.raises(RuntimeError, match="the data has 2 parts, not 3"):
        FixedParts(3, 5).load_sampling_state(first.sampling_state())


# ---- classes split into parts


def class_parts(data: Dataset) -> ClassPartLabels:
    labels = ClassPartLabels(
        Halves(), 2, num_classes=2, parts_per_class=2, num_images=len(data), mirrored=True
    )
    labels.adopt(Halves(), data, seed=0)
    labels.take(labels.label_all(data))
    return labels


def test_each_class_is_split_by_its_own_centers() -> None:
    data = pictures()
    labels = class_parts(data)
    assert labels.num_labels == 4
    table = labels.table
    # Class 0 has a flat and a left image, class 1 a left and a right one; their mirror images swap sides.
    assert (table[0, :4] // 2).tolist() == [0, 1, 0, 1]
    assert table[0, 0] != table[0, 2] and table[0, 1] != table[0, 3]
    assert table[1, 1] == table[0, 3] and table[1, 3] == table[0, 1]
    features = labels.partitioner.features(data.gather(np.arange(4)))
    centers = labels.partitioner.centers[table[0, :4]]
    torch.testing.assert_close(features, centers)


def test_nearest_centers_are_the_largest_logits() -> None:
    labels = class_parts(pictures())
    nearest = labels.partitioner
    nearest.centers.copy_(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)))
    x = torch.randn(20, 1, 2, 4, generator=torch.Generator().manual_seed(1))
    by_distance = torch.cdist(nearest.features(x), nearest.centers).argmin(1)
    assert torch.equal(nearest(x).argmax(1), by_distance)


def test_the_guide_and_acceptance_use_the_requested_class_alone() -> None:
    labels = class_parts(pictures())
    images = pictures().gather(np.arange(4))
    own = labels.table[0, :4]
    assert labels.accepts(images, own).all()
    other = own - own % 2 + 1 - own % 2
    logits = labels.logits(images)
    expected = logits.gather(1, own[:, None]) - logits.gather(1, other[:, None])
    torch.testing.assert_close(labels.distance(images, other), expected.squeeze(1))
    assert not labels.accepts(images, other).any()


def test_an_image_without_label_takes_the_nearest_of_all_parts() -> None:
    data = pictures()
    labels = class_parts(data)
    nearest = labels.logits(data.gather([4])).argmax(1)
    assert labels.table[0, 4] == nearest[0]


def test_a_class_with_one_image_has_the_same_center_twice() -> None:
    data = pictures().subset([0, 1, 3])
    labels = class_parts(data)
    assert torch.equal(labels.partitioner.centers[0], labels.partitioner.centers[1])
    assert not torch.equal(labels.partitioner.centers[2], labels.partitioner.centers[3])
