"""One training iteration of BigGAN-CIFAR: ours against a plain version, interleaved, beside the arithmetic floor.

    python -m benchmarks.step [--device cuda] [--batch 64] [--rounds 5] [--width 64] [--no-compile] [--out table.md]

64 channels, no attention, one discriminator move and one generator move. The plain version
(benchmarks/plain_biggan.py) computes the same networks with direct convolutions, two discriminator passes, one
spectral norm at a time and per-tensor Adam and EMA; ours is `Trainer.step` as it trains, data and tally included.
Every round runs each variant once, in turn; the table gives medians over rounds, and ratios within rounds. Operators
are dispatched ATen operators, views excluded. The floor is the iteration's convolution and matrix FLOPs over the
speed of a large matrix product measured in the same process: what the iteration would take as matrix products. (On
CPUs, 3x3 convolutions in float32 can beat it, because their library computes them with fewer operations.)
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_biggan import build_plain, plain_iteration
from benchmarks.timing import interleaved, timed
from everymode.data.dataset import Dataset
from everymode.data.order import DataOrder
from everymode.recipes.biggan import CIFAR10
from everymode.training.trainer import Trainer


class Variant(NamedTuple):
    """One implementation of an iteration."""

    name: str
    iteration: Callable[[], None]
    precision: str
    compiled: bool


class _CountOperators(TorchDispatchMode):
    """Counts dispatched operators that are not views."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def variants(device: torch.device, *, batch: int, width: int, compile_too: bool) -> list[Variant]:
    """Return the plain iteration and ours, in the precisions that a user can choose."""
    data = _random_images(batch)
    plain = _plain(device, data, batch=batch, width=width)
    found = [
        Variant("plain, float32", plain, "float32", False),
        Variant("ours, float32", _ours(device, data, batch, width, "float32", "no"), "float32", False),
        Variant("ours, bf16", _ours(device, data, batch, width, "bf16", "no"), "bf16", False),
    ]
    if compile_too:
        compiled = _ours(device, data, batch, width, "bf16", "yes")
        found.append(Variant("ours, bf16, compiled", compiled, "bf16", True))
    return found


def measure(variants: list[Variant], *, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Return seconds per iteration by variant, interleaved, after two warm-up iterations each."""
    works = {variant.name: variant.iteration for variant in variants}
    return interleaved(works, rounds=rounds, device=device)


def operators(variant: Variant) -> int | None:
    """Return the number of dispatched operators of one iteration; None if they are hidden in compiled code."""
    if variant.compiled:
        return None
    with _CountOperators() as counter:
        variant.iteration()
    return counter.count


def gigaflops(variant: Variant) -> float:
    """Return the floating-point operations of one iteration, in units of 1e9 (a multiply-add counts as two)."""
    with FlopCounterMode(display=False) as counter:
        variant.iteration()
    return counter.get_total_flops() / 1e9


def matrix_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Return the GFLOP/s of the best of a few large square matrix products."""
    size = 8192 if device.type == "cuda" else 4096
    a, b, product = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(3))
    seconds = [timed(lambda: torch.mm(a, b, out=product), device) for _ in range(6)]
    return 2 * size**3 / 1e9 / min(seconds)


def table(
    variants: list[Variant], seconds: dict[str, list[float]], *, batch: int, device: torch.device
) -> str:
    """Return the results as a Markdown table."""
    by_name = {variant.name: variant for variant in variants}
    plain_name, ours_name = variants[0].name, variants[1].name
    direct, fused = gigaflops(by_name[plain_name]), gigaflops(by_name[ours_name])
    speeds = {
        "float32": matrix_speed(device, torch.float32),
        "bf16": matrix_speed(device, torch.bfloat16),
    }
    lines = [
        f"Direct: {direct:,.0f} GFLOP an iteration; with fused resampling: {fused:,.0f}. Matrix products ran at "
        f"{speeds['float32']:,.0f} GFLOP/s in float32 and {speeds['bf16']:,.0f} in bf16.",
        "",
        "| variant | ms (median) | ms (min) | images/s | plain / this (median, min to max) | operators | floor ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant in variants:
        times = seconds[variant.name]
        ratios = [plain / own for plain, own in zip(seconds[plain_name], times, strict=True)]
        floor = (direct if variant.name == plain_name else fused) / speeds[variant.precision]
        median = statistics.median(times)
        count = operators(variant)
        lines.append(
            f"| {variant.name} | {1e3 * median:,.0f} | {1e3 * min(times):,.0f} | {batch / median:.1f} | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
            f"{'-' if count is None else f'{count:,}'} | {1e3 * floor:,.1f} |"
        )
    return "\n".join(lines)


def _random_images(batch: int) -> Dataset:
    generator = np.random.default_rng(0)
    count = 8 * batch
    return Dataset(
        name="random",
        images=generator.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8),
        labels=generator.integers(0, 10, count),
        classes=tuple("0123456789"),
        fingerprint="",
    )


def _plain(device: torch.device, data: Dataset, *, batch: int, width: int) -> Callable[[], None]:
    with torch.device(device):
        state = build_plain(base=width)
    order = DataOrder(len(data), batch, seed=0)
    moves = iter(range(10**9))

    def iteration() -> None:
        rows = order.indices(next(moves))
        plain_iteration(state, data.gather(rows, device), data.gather_labels(rows, device))

    return iteration


def _ours(
    device: torch.device, data: Dataset, batch: int, width: int, precision: str, compiled: str
) -> Callable[[], None]:
    recipe = CIFAR10.with_numbers(
        batch_size=batch,
        width=width,
        discriminator_steps=1,
        precision=precision,
        compile=compiled,
        channels_last="yes",
    )
    trainer = Trainer(recipe, data, DataOrder(len(data), batch, seed=0), device=device)
    return trainer.step


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    device = torch.device(options.device)
    chosen = variants(device, batch=options.batch, width=options.width, compile_too=not options.no_compile)
    seconds = measure(chosen, rounds=options.rounds, device=device)
    text = table(chosen, seconds, batch=options.batch, device=device)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
