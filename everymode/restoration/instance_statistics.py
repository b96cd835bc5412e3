"""Instance statistics in a generator's batch normalizations, for restorations that prefer a small error.

As in XingangPan/deep-generative-prior (its instance-norm mode): an instance normalization follows each batch
normalization of the blocks. Its scale and shift are the standard deviation and the mean that the batch normalization
gives for the first image, so that this image does not change; from then on the statistics are those of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

EPSILON = 1e-5


class InstanceStatistics:
    """A forward hook: output [B, C, H, W] of a batch normalization -> the same with fixed means and deviations.

    The first output sets them.
    """

    def __init__(self) -> None:
        self.scale: Tensor | None = None
        self.shift: Tensor | None = None

    def __call__(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        variance, mean = torch.var_mean(output, (2, 3), correction=0, keepdim=True)
        if self.scale is None or self.shift is None:
            self.scale, self.shift = (variance + EPSILON).sqrt().detach(), mean.detach()
        return (output - mean) * (variance + EPSILON).rsqrt() * self.scale + self.shift


def add_instance_statistics(
    generator: nn.Module, head: Iterable[nn.Parameter], example: Callable[[], object]
) -> None:
    """Let the batch normalizations of the generator's blocks keep the statistics of one image, in place.

    Args:
        generator: the generator; its outputs for the example do not change.
        head: parameters of the output head, whose batch normalizations stay as they are.
        example: runs the generator on the first image.
    Raises:
        ValueError: if the generator's blocks have no batch normalization.
    """
    of_head = {id(parameter) for parameter in head}
    norms = [
        module
        for module in generator.modules()
        if hasattr(module, "running_mean")
        and not any(id(parameter) in of_head for parameter in module.parameters())
    ]
    if not norms:
        raise ValueError(
            f"instance_statistics is set, but {type(generator).__name__} has no batch normalization in its "
            "blocks; omit it"
        )
    for norm in norms:
        norm.register_forward_hook(InstanceStatistics())
    with torch.no_grad():
        example()
