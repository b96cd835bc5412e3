"""Which device a name means, and what is said of names that mean none."""

from __future__ import annotations

import pytest
import torch

from everymode.machine.device import find_device


def test_a_name_or_nothing_means_a_device() -> None:
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")
    assert find_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(ValueError, match='device is "cpu", "cuda" or "cuda:1", not \'cdua\''):
        find_device("cdua")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch sees no GPU: leave --device out"):
            find_device("cuda:1")
