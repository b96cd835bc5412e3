"""A user's own module, which knows nothing of this library: normalized, trained, saved, loaded, compiled, wrapped."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from everymode.norms import (
    convolution_spectral_norm,
    filter_sigmas,
    normalize_weights,
    sparsity_aware_norm,
    weight_norm,
)

RULES: dict[str, Callable] = {
    "sparsity-aware": sparsity_aware_norm,
    "subset": lambda: sparsity_aware_norm(fraction=0.5, interval=2, momentum=0.2),
    "differentiated": lambda: sparsity_aware_norm(differentiate=True),
    "convolution": convolution_spectral_norm,
    "weight norm": weight_norm,
}


class TheirBlock(nn.Module):
    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 3, stride=stride, padding=1, padding_mode="circular")
        self.skip = nn.Conv2d(ins, outs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.conv(x), 0.1) + self.skip(x)


class TheirCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(TheirBlock(3, 8, 1), TheirBlock(8, 8, 2), TheirBlock(8, 16, 2))
        self.out = nn.Linear(16, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.blocks(images).mean((2, 3)))


def made(rule: str, seed: int = 0) -> TheirCritic:
    torch.manual_seed(seed)
    return normalize_weights(TheirCritic(), RULES[rule](), torch.zeros(1, 3, 8, 8))


def batch(step: int) -> Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))


def train(critic: nn.Module, steps: range, optimizer: torch.optim.Optimizer | None = None) -> list[float]:
    optimizer = optimizer or torch.optim.Adam(critic.parameters(), lr=5e-3, fused=True)
    costs = []
    for step in steps:
        real, fake = batch(step) + 0.5, batch(-step - 1) - 0.5
        cost = torch.relu(1 - critic(real)).mean() + torch.relu(1 + critic(fake)).mean()
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    return costs


@pytest.mark.parametrize("rule", RULES)
def test_trained_saved_and_loaded(rule: str, tmp_path: Path) -> None:
    critic = made(rule)
    costs = train(critic, range(40))
    assert costs[-1] < 0.8 * costs[0]
    save_file(critic.state_dict(), tmp_path / "critic.safetensors")
    other = made(rule, seed=1)
    other.load_state_dict(load_file(tmp_path / "critic.safetensors"))
    assert torch.equal(other.eval()(batch(0)), critic.eval()(batch(0)))
    assert torch.equal(copy.deepcopy(critic)(batch(0)), critic(batch(0)))
    # Both go on alike.
    for each in (critic, other):
        train(each.train(), range(40, 44))
    state = other.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in critic.state_dict().items())


def test_its_layers_hold_the_bound_while_it_trains() -> None:
    critic = made("sparsity-aware")
    train(critic, range(5))
    critic(batch(0))
    for index, grid in ((0, (8, 8)), (1, (8, 8)), (2, (4, 4))):
        for layer in (critic.blocks[index].conv, critic.blocks[index].skip):
            assert filter_sigmas(layer.weight.detach(), grid).amax().item() == pytest.approx(1, rel=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on CPU")
def test_compiled_in_place_it_trains_alike_and_is_compiled_once() -> None:
    critic = made("subset")
    twin = copy.deepcopy(critic)
    torch._dynamo.reset()
    critic.compile(backend="aot_eager")
    optimizers = [torch.optim.Adam(each.parameters(), lr=5e-3, fused=True) for each in (critic, twin)]
    costs = [train(each, range(2), its) for each, its in zip((critic, twin), optimizers, strict=True)]
    torch.testing.assert_close(*costs, rtol=1e-4, atol=1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):
        costs = [train(each, range(2, 5), its) for each, its in zip((critic, twin), optimizers, strict=True)]
    torch.testing.assert_close(*costs, rtol=1e-4, atol=1e-5)
    theirs = twin.state_dict()
    for name, value in critic.state_dict().items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-3, atol=1e-4)
    torch._dynamo.reset()


@pytest.fixture
def world_of_one(tmp_path: Path) -> object:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("world_of_one")
@pytest.mark.parametrize("rule", ["sparsity-aware", "subset", "convolution"])
def test_wrapped_for_distributed_training_it_trains_alike(rule: str) -> None:
    critic = made(rule)
    wrapped = nn.parallel.DistributedDataParallel(copy.deepcopy(critic))
    assert train(critic, range(4)) == pytest.approx(train(wrapped, range(4)), rel=1e-6)
    theirs = wrapped.module.state_dict()
    assert all(torch.allclose(value, theirs[name]) for name, value in critic.state_dict().items())


def test_the_python_in_the_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2] / "docs" / "norms.md"
    space = {"critic": TheirCritic(), "plain_critic": TheirCritic(), "real_images": torch.randn(2, 3, 32, 32)}
    space["optimizer"] = torch.optim.Adam(space["plain_critic"].parameters())
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, space)
    assert (tmp_path / "sparsity.png").exists()
    weight = space["plain_critic"].blocks[0].conv.weight.detach()
    assert filter_sigmas(weight, (32, 32)).amax().item() == pytest.approx(1, rel=1e-5)
