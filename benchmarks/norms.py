"""Weight rules: what sigma costs by each method, what a critic update costs under each rule, what the bound leaves.

    python -m benchmarks.norms [--device cuda] [--batch 64] [--rounds 9] [--run runs/00001-...] [--out table.md]

1. Sigma of the seven convolutions of the paper's standard critic (Table 4), and of 512 x 512 x 3 x 3 kernels on
several grids with the peak memory that it takes beyond the weight (each in a fresh process; Linux, CPU): `fft2` of the
padded kernels, `rfft2` of them, and `sparsity_aware_sigma` (an L1 bound, then a small product). 2. One update of that
critic (hinge loss, one concatenated pass over `batch` reals and as many fakes, Adam): without normalization, with a
gradient penalty, under spectral normalization and under sparsity-aware normalization, with zero and with circular
padding, in either memory format; the paper's Appendix F has 35.74 / 50.02 / 40.51 / 41.45 ms on its GPU. 3. The share
of kernels that the bound leaves, for the random critic and for that of a run (`--run`, may be repeated).

Variants run in turn within each round; times are medians over rounds, ratios are medians of ratios within rounds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.timing import Work, interleaved
from everymode.networks.circular import CircularConv2d
from everymode.networks.heads import ScalarHead
from everymode.networks.standard_cnn import SLOPE, StandardCritic
from everymode.norms import layer_grids, normalize_weights, sparsity_aware_norm, spectral_norm
from everymode.norms.sparsity_aware import released_sigma, sparsity_aware_sigma
from everymode.norms.spectrum import bounds, fourier_basis, search
from everymode.norms.weight import Grid, WeightRule
from everymode.sampling.record import recipe_of
from everymode.storage.checkpoint import newest_valid, read_state
from everymode.storage.run_folder import RunFolder

GRIDS = (4, 8, 16, 32, 64)
LARGEST_FFT = 16
"""The largest grid on which all padded 512 x 512 kernels are transformed by FFT: at 32 that takes 5 GB."""


def fft2(weight: Tensor, grid: Grid) -> Tensor:
    """Compute sigma by the FFT of all padded kernels."""
    return torch.fft.fft2(weight, s=grid).abs().amax()


def rfft2(weight: Tensor, grid: Grid) -> Tensor:
    """Compute sigma by the FFT of real kernels, with half as many frequencies."""
    return torch.fft.rfft2(weight, s=grid).abs().amax()


METHODS = {"fft2": fft2, "rfft2": rfft2, "released layer": released_sigma, "bound": sparsity_aware_sigma}


def zero_padded() -> StandardCritic:
    """Return the paper's standard critic for 32 x 32 images, with zero padding."""
    return StandardCritic((32, 32), head=ScalarHead, circular=False)


def circular() -> StandardCritic:
    """Return the critic with circular padding, in one pass with the activation."""
    return StandardCritic((32, 32), head=ScalarHead)


def activated_apart() -> nn.Module:
    """Return the critic with circular padding, with activations as separate modules."""
    parts: list[nn.Module] = []
    for layer in zero_padded().convolutions:
        sides = layer.in_channels, layer.out_channels, 3
        parts += [CircularConv2d(*sides, stride=layer.stride, padding=1), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(512 * 4 * 4, 1))


def circular_by_torch() -> StandardCritic:
    """Return the critic with torch's own circular padding."""
    critic = zero_padded()
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding_mode = "circular"
    return critic


def ratio(seconds: dict[str, list[float]], name: str, to: str) -> float:
    """Return the median, over rounds, of the ratio of two variants' times."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[to], strict=True))


def convolutions(critic: nn.Module, images: Tensor) -> list[tuple[Tensor, Grid]]:
    """Return the effective weights and grids of the convolutions of a critic of such images."""
    grids = layer_grids(critic, images)
    # A normalized layer computes its weight, so it is no parameter of the layer.
    weights = ((cast(Tensor, critic.get_submodule(name).weight), grid) for name, grid in grids.items())
    return [(weight.detach(), grid) for weight, grid in weights if weight.dim() == 4]


def paper_convolutions(device: torch.device) -> list[tuple[Tensor, Grid]]:
    """Return the weights and grids of the paper's standard critic, at initialization."""
    return convolutions(zero_padded().to(device), torch.zeros(1, 3, 32, 32, device=device))


def sigma_table(device: torch.device, *, rounds: int) -> str:
    """Return milliseconds for the seven convolutions, by method."""
    layers = paper_convolutions(device)
    exact = [fft2(weight.double(), grid) for weight, grid in layers]
    works = {
        name: lambda method=method: [method(weight, grid) for weight, grid in layers]
        for name, method in METHODS.items()
    }
    seconds = interleaved(works, rounds=rounds, device=device)
    lines = [
        "| method | ms (median) | ms (min) | fft2 / this | largest relative error |",
        "|---|---|---|---|---|",
    ]
    for name, method in METHODS.items():
        errors = [
            abs(method(weight, grid).item() / true.item() - 1)
            for (weight, grid), true in zip(layers, exact, strict=True)
        ]
        lines.append(
            f"| {name} | {1e3 * statistics.median(seconds[name]):.2f} | {1e3 * min(seconds[name]):.2f} | "
            f"{ratio(seconds, 'fft2', name):.1f} | {max(errors):.1e} |"
        )
    return "\n".join(lines)


def grid_table(device: torch.device, *, rounds: int) -> str:
    """Return milliseconds and extra memory by grid, for 512 x 512 x 3 x 3 kernels."""
    lines = ["| grid | fft2 ms | rfft2 ms | bound ms | bound, extra MB |", "|---|---|---|---|---|"]
    weight = torch.randn(512, 512, 3, 3, device=device)
    for side in GRIDS:
        grid = (side, side)
        names = ("fft2", "rfft2", "bound") if side <= LARGEST_FFT else ("bound",)
        works = {name: lambda name=name, grid=grid: METHODS[name](weight, grid) for name in names}
        seconds = interleaved(works, rounds=rounds, device=device)
        cells = [
            f"{1e3 * statistics.median(seconds[name]):.1f}" if name in seconds else "-"
            for name in ("fft2", "rfft2", "bound")
        ]
        memory = f"{_extra_megabytes('bound', side):.0f}" if device.type == "cpu" else "-"
        lines.append(f"| {side} x {side} | {' | '.join(cells)} | {memory} |")
    return "\n".join(lines)


def update_table(device: torch.device, *, batch: int, rounds: int, channels_last: bool) -> str:
    """Return milliseconds of one critic update under each rule and padding, and ratios to no rule with zero padding."""
    sparse, spectral = sparsity_aware_norm(), spectral_norm()
    cases: dict[str, tuple[Callable[[], nn.Module], WeightRule | None, bool]] = {
        "none": (zero_padded, None, False),
        "gradient penalty": (zero_padded, None, True),
        "spectral norm": (zero_padded, spectral, False),
        "sparsity-aware": (zero_padded, sparse, False),
        "none, circular": (circular, None, False),
        "none, circular, activation apart": (activated_apart, None, False),
        "none, torch's circular": (circular_by_torch, None, False),
        "spectral norm, circular": (circular, spectral, False),
        "sparsity-aware, circular": (circular, sparse, False),
    }
    works = {
        name: update(build(), rule, device, batch=batch, penalty=penalty, channels_last=channels_last)
        for name, (build, rule, penalty) in cases.items()
    }
    seconds = interleaved(works, rounds=rounds, device=device)
    lines = ["| critic update | ms (median) | ms (min) | over none |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {1e3 * statistics.median(seconds[name]):.0f} | {1e3 * min(seconds[name]):.0f} | "
        f"{ratio(seconds, name, 'none'):.2f} |"
        for name in cases
    ]
    return "\n".join(lines)


def update(
    critic: nn.Module,
    rule: WeightRule | None,
    device: torch.device,
    *,
    batch: int,
    penalty: bool,
    channels_last: bool,
) -> Work:
    """Return one step of a critic, as a function that can be called repeatedly."""
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    critic.to(device).to(memory_format=memory_format)  # pyright: ignore[reportCallIssue]  no overload has it
    real, fake = (
        torch.randn(batch, 3, 32, 32, device=device).to(memory_format=memory_format) for _ in range(2)
    )
    if rule is not None:
        normalize_weights(critic, rule, real[:1])
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.9), fused=True)

    def judged(images: Tensor) -> Tensor:
        verdict = critic(images)
        return verdict if isinstance(verdict, Tensor) else verdict.scores[0]

    def work() -> None:
        optimizer.zero_grad(set_to_none=True)
        scores = judged(torch.cat((real, fake)))
        cost = F.relu(1 - scores[:batch]).mean() + F.relu(1 + scores[batch:]).mean()
        if penalty:
            share = torch.rand(batch, 1, 1, 1, device=device)
            between = torch.lerp(fake, real, share).requires_grad_()
            (slope,) = torch.autograd.grad(judged(between).sum(), between, create_graph=True)
            cost = cost + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        cost.backward()
        optimizer.step()

    return work


def bound_table(critics: Mapping[str, list[tuple[Tensor, Grid]]]) -> str:
    """Return how many kernels have an L1 norm above sigma (the fewest that must be transformed), and how many were."""
    lines = [
        "| critic | layer | kernels | L1 norm above sigma | share | transformed |",
        "|---|---|---|---|---|---|",
    ]
    for name, layers in critics.items():
        for weight, grid in layers:
            count = weight.shape[0] * weight.shape[1]
            found = search(weight, fourier_basis(weight, grid))
            left = int((bounds(weight) > found.peak.value).sum())
            shape = f"{'x'.join(map(str, weight.shape))} on {grid[0]}x{grid[1]}"
            lines.append(
                f"| {name} | {shape} | {count:,} | {left:,} | {left / count:.2%} | {found.transformed:,} |"
            )
    return "\n".join(lines)


def critic_of_run(folder: Path) -> list[tuple[Tensor, Grid]]:
    """Return the effective weights and the grids of the convolutions of a run's newest critic."""
    checkpoint = newest_valid(RunFolder(folder).checkpoints, print)
    if checkpoint is None:
        raise SystemExit(f"{folder} has no whole checkpoint")
    recipe = recipe_of(RunFolder(folder).read_config(), path=folder)
    critic = recipe.build().discriminator
    critic.load_state_dict(read_state(checkpoint)["modules"]["discriminator"])
    return convolutions(critic.eval(), torch.zeros(1, recipe.channels, *recipe.size))


def _extra_megabytes(method: str, side: int) -> float:
    """Return the peak memory that one call adds, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.norms", "--memory", method, str(side)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _print_memory(method: str, side: int) -> None:
    weight = torch.randn(512, 512, 3, 3)
    METHODS[method](torch.randn(8, 8, 3, 3), (4, 4))  # libraries are loaded
    # Linux: forget the peak so far (of the imports, say), then read the new one.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_kilobytes("VmRSS")
    METHODS[method](weight, (side, side))
    print((_status_kilobytes("VmHWM") - before) / 1024)


def _status_kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=("sigma", "updates", "bound"))
    parser.add_argument("--run", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory", nargs=2, metavar=("METHOD", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        return _print_memory(options.memory[0], int(options.memory[1]))
    torch.manual_seed(0)
    device = torch.device(options.device)
    parts: list[str] = []
    if options.only in (None, "sigma"):
        parts += [sigma_table(device, rounds=2 * options.rounds), grid_table(device, rounds=5)]
    if options.only in (None, "updates"):
        for channels_last in (False, True):
            parts.append(f"Channels last: {'yes' if channels_last else 'no'}.")
            parts.append(
                update_table(device, batch=options.batch, rounds=options.rounds, channels_last=channels_last)
            )
    if options.only in (None, "bound"):
        critics = {"random": paper_convolutions(device)}
        critics |= {folder.name: critic_of_run(folder) for folder in options.run}
        parts.append(bound_table(critics))
    text = "\n\n".join(parts)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    return None


if __name__ == "__main__":
    main()
