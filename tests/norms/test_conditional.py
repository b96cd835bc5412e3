"""Batch normalization with plain and conditional gains, against formulas written out and against torch's
own.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from everymode.norms import BatchNorm, ConditionalBatchNorm2d, synchronize_batch_norm


def standardized(x: Tensor) -> Tensor:
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = x.var((0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)])
def test_plain_equals_torchs_own_in_both_modes(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    ours = BatchNorm(3).double()
    theirs = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3).double()
    with torch.no_grad():
        ours.gain.copy_(torch.tensor([0.5, 2.0, -1.0]))
        ours.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
        theirs.weight.copy_(ours.gain)
        theirs.bias.copy_(ours.bias)
    for _ in range(2):
        x = 3 + 2 * torch.randn(shape, dtype=torch.float64)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_class_tables_scale_by_one_plus_gain_and_shift() -> None:
    torch.manual_seed(1)
    norm = ConditionalBatchNorm2d(3, partial(nn.Embedding, 4)).double()
    x, labels = torch.randn(5, 3, 2, 4, dtype=torch.float64), torch.tensor([3, 0, 0, 2, 1])
    gain = 1 + norm.gain.weight[labels][:, :, None, None]
    bias = norm.bias.weight[labels][:, :, None, None]
    torch.testing.assert_close(norm(x, labels), standardized(x) * gain + bias)
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.transpose(0, 1).flatten(1).var(1))


def test_linear_tables_take_vectors() -> None:
    torch.manual_seed(2)
    norm = ConditionalBatchNorm2d(3, partial(nn.Linear, 6, bias=False)).double()
    x, code = torch.randn(2, 3, 4, 4, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    gain = (1 + code @ norm.gain.weight.T)[:, :, None, None]
    bias = (code @ norm.bias.weight.T)[:, :, None, None]
    torch.testing.assert_close(norm(x, code), standardized(x) * gain + bias)


def test_evaluation_uses_running_statistics_and_moves_none() -> None:
    norm = ConditionalBatchNorm2d(2, partial(nn.Embedding, 3)).eval()
    norm.running_mean.fill_(2.0)
    norm.running_var.fill_(4.0)
    x = torch.full((1, 2, 1, 1), 6.0)
    nn.init.constant_(norm.gain.weight, 0.5)
    nn.init.constant_(norm.bias.weight, 1.0)
    torch.testing.assert_close(norm(x, torch.tensor([0])), torch.full_like(x, 4.0))  # (6 - 2) / 2 * 1.5 + 1
    assert norm.running_mean.tolist() == [2.0, 2.0]


def test_gradients_by_finite_differences() -> None:
    torch.manual_seed(3)
    norm = ConditionalBatchNorm2d(2, partial(nn.Embedding, 3)).double()
    labels = torch.tensor([2, 0, 2])
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda images: norm(images, labels), (x,))


def test_bfloat16_activations_stay_bfloat16() -> None:
    norm = ConditionalBatchNorm2d(2, partial(nn.Embedding, 3))
    assert norm(torch.randn(3, 2, 2, 2).bfloat16(), torch.tensor([0, 1, 2])).dtype == torch.bfloat16


def test_synchronize_marks_every_layer_and_refuses_torchs_own() -> None:
    network = nn.Sequential(BatchNorm(2), nn.Sequential(ConditionalBatchNorm2d(2, partial(nn.Embedding, 3))))
    synchronize_batch_norm(network)
    assert network[0].synchronize and network[1][0].synchronize
    synchronize_batch_norm(network, False)
    assert not network[0].synchronize and not network[1][0].synchronize
    with pytest.raises(ValueError, match="'0' is torch's BatchNorm2d"):
        synchronize_batch_norm(nn.Sequential(nn.BatchNorm2d(2)))


def test_one_process_with_synchronization_on_is_as_without() -> None:
    torch.manual_seed(4)
    x = torch.randn(4, 2, 3, 3)
    assert torch.equal(synchronize_batch_norm(BatchNorm(2))(x), BatchNorm(2)(x))
