"""Residual networks without normalization, as recipes join them with a method: ImageNet and Places at 128 pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes.small_gan import ImageNetworks

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ResidualNetworks(ImageNetworks):
    """The networks of Mescheder et al. (2018), two residual blocks a resolution, which want R1."""

    def shrunk(self) -> ResidualNetworks:
        smaller = replace(super().shrunk(), resolution=32)
        assert isinstance(smaller, ResidualNetworks)
        return smaller

    def kinds(self) -> tuple[type[nn.Module], type[nn.Module]]:
        from everymode.networks.stability_resnet import StabilityDiscriminator, StabilityGenerator

        return StabilityGenerator, StabilityDiscriminator
