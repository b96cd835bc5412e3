"""Label sources: where the conditions of reals and fakes come from."""

from everymode.labels.given import GivenLabels, NoLabels

__all__ = ["GivenLabels", "NoLabels"]
