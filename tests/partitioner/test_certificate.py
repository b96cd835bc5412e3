"""The certificate: norms against dense matrices, the bounds on random pairs, and theorem 3's consequences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from everymode.partitioner.certificate import converged_norm, norm_bound
from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear
from everymode.partitioner.invertible import InvertibleLinear
from everymode.partitioner.network import (
    Partitioner,
    image_partitioner,
    linear_partitioner,
    multilayer_partitioner,
    plane_partitioner,
)


def dense_norm(layer: ConstrainedConv2d) -> float:
    inputs = layer.weight.shape[1] * layer.grid[0] * layer.grid[1]
    units = torch.eye(inputs, dtype=torch.float64).view(inputs, layer.weight.shape[1], *layer.grid)
    matrix = layer.convolve(units, layer.constrained_weight().detach().double()).flatten(1)
    return float(torch.linalg.matrix_norm(matrix, 2))


def guide(logits: torch.Tensor, part: int) -> torch.Tensor:
    """Compute sum_j relu(s_j - s_c), [B]."""
    return (logits - logits[:, part : part + 1]).relu().sum(1)


def settled(partitioner: Partitioner, *example: torch.Tensor) -> Partitioner:
    """Convert to float64, and iterate until the power iterations have converged."""
    partitioner.double().train()
    with torch.no_grad():
        for _ in range(50):
            partitioner(*example)
    return partitioner.eval()


@pytest.mark.parametrize("grid", [(4, 5), (2, 2), (6, 3)])
@pytest.mark.parametrize("limit", [0.5, 50.0])
def test_circular_norms_are_exact(grid, limit):
    torch.manual_seed(0)
    layer = ConstrainedConv2d(3, 2, 3, grid=grid, limit=limit, circular=True).double().eval()
    exact = dense_norm(layer)
    assert norm_bound(layer) == pytest.approx(exact, rel=1e-10)
    assert converged_norm(layer) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("grid", [(4, 5), (2, 2), (1, 1), (6, 3)])
def test_norms_with_zero_padding_lie_between_the_estimate_and_the_bound(grid, monkeypatch):
    torch.manual_seed(0)
    layer = ConstrainedConv2d(3, 2, 3, grid=grid, limit=50.0).double().eval()
    exact = dense_norm(layer)
    assert converged_norm(layer) == pytest.approx(exact, rel=1e-5)
    assert norm_bound(layer) == pytest.approx(exact, rel=1e-10)  # small enough for the dense matrix
    monkeypatch.setattr("everymode.partitioner.certificate.MOST_DENSE", 0)
    assert norm_bound(layer) >= exact
    assert min(grid) < 4 or norm_bound(layer) < 1.3 * exact


def test_other_layers_have_the_norm_of_their_matrix():
    linear = ConstrainedLinear(5, 3, limit=9.0).double().eval()
    assert norm_bound(linear) == pytest.approx(torch.linalg.matrix_norm(linear.weight, 2).item())
    point = ConstrainedConv2d(5, 3, 1, grid=(4, 4), limit=9.0).double().eval()
    assert norm_bound(point) == pytest.approx(dense_norm(point))


@pytest.mark.parametrize("circular", [True, False])
def test_features_keep_the_certified_distance(circular):
    torch.manual_seed(2)
    partitioner = image_partitioner(
        3, channels=1, size=(4, 4), blocks=(2, 1), width=4, pooled=False, full_width=8, circular=circular
    )
    partitioner = settled(partitioner, torch.randn(2, 1, 4, 4, dtype=torch.float64))
    certificate = partitioner.certify()
    assert 0 < certificate.lower_bound <= certificate.estimate * (1 + 1e-6)
    assert certificate.reason == ""
    x, y = torch.randn(2, 300, 1, 4, 4, dtype=torch.float64) * 3
    with torch.no_grad():
        ratio = (partitioner.features(x) - partitioner.features(y)).norm(dim=1) / (x - y).flatten(1).norm(
            dim=1
        )
    assert ratio.min() >= certificate.lower_bound
    # Infinitely near pairs come closest to the bound: the smallest singular value of the Jacobian.
    for point in x[:5]:
        jacobian = (
            torch.autograd.functional.jacobian(partitioner.features, point[None]).flatten(1).view(-1, 16)
        )
        assert torch.linalg.svdvals(jacobian)[-1] >= certificate.lower_bound


def test_the_bound_of_the_papers_network_is_what_its_limit_gives():
    partitioner = plane_partitioner(2, blocks=20, width=8)
    with torch.no_grad():
        for name, parameter in partitioner.named_parameters():
            if "layers" in name and name.endswith("weight"):
                parameter.mul_(50)
    partitioner = settled(partitioner, torch.randn(2, 2, dtype=torch.float64))
    assert partitioner.certify().lower_bound == pytest.approx((1 - 0.9**3) ** 20, rel=1e-3)
    assert pytest.approx(4.6e-12, rel=0.01) == (1 - 0.9**3) ** 20


def test_the_guides_gradient_is_nowhere_shorter_than_the_bound():
    torch.manual_seed(3)
    partitioner = image_partitioner(
        4, channels=1, size=(4, 4), blocks=(1, 1), width=4, pooled=False, full_width=8
    )
    partitioner = settled(partitioner, torch.randn(2, 1, 4, 4, dtype=torch.float64))
    bound = partitioner.certify().gradient_bound
    assert bound > 0
    x = (3 * torch.randn(400, 1, 4, 4, dtype=torch.float64)).requires_grad_(True)
    for part in range(4):
        value = guide(partitioner(x), part)
        (gradient,) = torch.autograd.grad(value.sum(), x)
        outside = value.detach() > 0
        assert bool(outside.any())
        assert gradient.flatten(1).norm(dim=1)[outside].min() >= bound


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_gradient_bound_is_the_gradient_of_two_parts_that_a_plane_divides(scale):
    # The logits differ by 0.6 h_1, so the guide toward part 1 is relu(0.6 h_1), and h = scale * x. The read-out's
    # singular values are sqrt(2) and 0.3 sqrt(2): the second times scale and sqrt(2) is the length of the gradient.
    body, read_out = InvertibleLinear(3), nn.Linear(3, 2)
    partitioner = Partitioner(body, read_out).double().eval()
    with torch.no_grad():
        body.weight.copy_(scale * torch.eye(3))
        read_out.weight.copy_(torch.tensor([[1.0, 0.3, 0.0], [1.0, -0.3, 0.0]], dtype=torch.float64))
        read_out.bias.zero_()
    assert partitioner.certify().gradient_bound == pytest.approx(0.6 * scale, rel=1e-12)
    x = torch.tensor([[5.0, 2.0, -1.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(guide(partitioner(x), 1).sum(), x)
    assert gradient.tolist() == [pytest.approx([0.0, 0.6 * scale, 0.0], abs=1e-12)]


def test_the_shortest_gradient_over_space_touches_the_bound():
    torch.manual_seed(5)
    partitioner = linear_partitioner(4, dimensions=6).double().eval()
    with torch.no_grad():  # orthogonal rows of length 0.7: all singular values are 0.7
        partitioner.read_out.weight.copy_(0.7 * nn.init.orthogonal_(torch.empty(4, 6, dtype=torch.float64)))
    x = (3 * torch.randn(500, 6, dtype=torch.float64)).requires_grad_(True)
    shortest = []
    for part in range(4):
        value = guide(partitioner(x), part)
        (gradient,) = torch.autograd.grad(value.sum(), x)
        shortest.append(float(gradient.norm(dim=1)[value.detach() > 0].min()))
    assert partitioner.certify().gradient_bound == pytest.approx(min(shortest), rel=1e-9)


def test_descent_ends_in_the_part_wherever_it_begins():
    torch.manual_seed(4)
    partitioner = settled(plane_partitioner(5, blocks=2, width=8), torch.randn(2, 2, dtype=torch.float64))
    with torch.no_grad():  # five parts around the origin, none of them empty
        angle = 2 * math.pi * torch.arange(5, dtype=torch.float64) / 5
        partitioner.read_out.weight.copy_(torch.stack((angle.cos(), angle.sin()), 1))
        partitioner.read_out.bias.zero_()
    for part in range(5):
        x = 4 * torch.randn(20, 2, dtype=torch.float64)
        rate = 0.5
        for _ in range(250):
            x.requires_grad_(True)
            (gradient,) = torch.autograd.grad(guide(partitioner(x), part).sum(), x)
            x = (x - rate * gradient).detach()
            rate *= 0.985
        assert guide(partitioner(x), part).max() < 0.1


def test_a_plain_network_has_no_guarantee():
    torch.manual_seed(0)
    partitioner = multilayer_partitioner(3)
    assert partitioner.certify().lower_bound == 0
    assert "Linear" in partitioner.certify().reason


def test_certificates_without_a_guarantee_state_the_reason():
    pooled = image_partitioner(3, channels=1, size=(4, 4), blocks=(1, 1), width=4, full_width=8)
    assert pooled.certify().lower_bound == 0
    assert "PooledHead" in pooled.certify().reason
    linear = linear_partitioner(5).certify()
    assert linear.lower_bound == 1
    assert (
        linear.read_out_singular_value == linear.gradient_bound == 0
    )  # five rows in the plane are linearly dependent
    assert linear_partitioner(2).certify().gradient_bound > 0


def test_the_mode_and_the_buffers_are_left_as_they_were():
    partitioner = plane_partitioner(2, blocks=1, width=4).train()
    before = {name: value.clone() for name, value in partitioner.state_dict().items()}
    partitioner.certify()
    assert partitioner.training and partitioner.body.training
    assert all(torch.equal(value, before[name]) for name, value in partitioner.state_dict().items())
    assert isinstance(partitioner.body, nn.Sequential)
