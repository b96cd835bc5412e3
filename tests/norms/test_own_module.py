"""A user's own module, which knows nothing of this library: normalized, trained, saved, loaded, compiled, wrapped."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path

import pytest
import torch
from children import run_ranks
from safetensors.torch import load_file, save_file
from their_critic import RULES, TheirCritic, batch, made, plain_descent, train, train_on_ranks

from everymode.norms import filter_sigmas


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
    # Both continue alike.
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


def test_two_ranks_under_ddp_train_what_one_process_does(tmp_path: Path) -> None:
    for ended in run_ranks(2, train_on_ranks, tmp_path, 4, output=tmp_path / "said"):
        assert ended.code == 0, ended.said
    for rule in RULES:
        first, second = (torch.load(tmp_path / f"{rule}-{rank}.pt") for rank in (0, 1))
        assert all(torch.equal(value, second[name]) for name, value in first.items()), rule
        if rule in ("subset", "convolution"):
            # Wrapping writes the weights once, which counts as a change: other subsets, one more power iteration.
            continue
        critic = made(rule)
        train(critic, range(4), plain_descent(critic))
        for name, parameter in critic.named_parameters():
            torch.testing.assert_close(
                first[name], parameter.detach(), rtol=1e-4, atol=1e-6, msg=f"{rule} {name}"
            )


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
