"""Layers whose scale an instance normalization cancels, so that no weight rule has an effect on them.

Instance normalization divides each channel of each example by its standard deviation. A factor of the weights of the
layer before it changes the result only as far as epsilon matters, and a bias not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def record_cancelled(network: nn.Module, layers: Mapping[str, nn.Module]) -> Iterator[set[str]]:
    """Record which layers are directly followed by an instance normalization module in the forwards inside.

    Args:
        network: the network whose forward is run inside.
        layers: layers of it to observe, by name.
    Returns:
        A context manager of the set of names, which fills up during the forwards.
    """
    cancelled: set[str] = set()
    last: list[tuple[str, Tensor]] = []

    def keep(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, arguments: tuple[object, ...], output: Tensor) -> None:
            last[:] = [(name, output)]

        return hook

    def compare(norm: nn.Module, arguments: tuple[object, ...]) -> None:
        cancelled.update(name for name, output in last if arguments and output is arguments[0])

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    handles += [
        module.register_forward_pre_hook(compare)
        for module in network.modules()
        if isinstance(module, nn.InstanceNorm2d)
    ]
    try:
        yield cancelled
    finally:
        for handle in handles:
            handle.remove()
