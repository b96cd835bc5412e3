"""The moving average: parameters, buffers and counters."""

from __future__ import annotations

import copy

import torch
from torch import nn

from everymode.training.ema import update_average


class WithBuffers(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), value))
        self.register_buffer("running", torch.full((3,), 10 * value))
        self.register_buffer("count", torch.tensor(int(value)))
        self.register_buffer("kept_out", torch.full((1,), value), persistent=False)


def test_parameters_and_floating_buffers_are_averaged_and_counters_copied() -> None:
    average, network = WithBuffers(0.0), WithBuffers(4.0)
    update_average(average, network, 0.75)
    assert average.weight.tolist() == [1, 1]
    assert average.running.tolist() == [10, 10, 10]
    assert average.count.item() == 4
    assert average.kept_out.tolist() == [1]
    update_average(average, network, 0.75)
    assert average.weight.tolist() == [1.75, 1.75]
    assert network.weight.tolist() == [4, 4]


def test_decay_0_copies_exactly() -> None:
    average, network = WithBuffers(1 / 3), WithBuffers(0.1)
    update_average(average, network, 0)
    for name, value in network.state_dict().items():
        assert torch.equal(average.state_dict()[name], value)
    assert average.weight.data_ptr() != network.weight.data_ptr()


def test_no_graph_is_kept() -> None:
    network = nn.Linear(2, 2)
    average = copy.deepcopy(network).requires_grad_(False)
    update_average(average, network, 0.5)
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_half_precision_weights_and_other_memory_layouts() -> None:
    network = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    average = nn.Conv2d(3, 4, 3)
    expected = 0.9 * average.weight.detach() + 0.1 * network.weight.detach()
    update_average(average, network, 0.9)
    torch.testing.assert_close(average.weight.detach(), expected)
