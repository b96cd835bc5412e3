"""Extractors compute in full float32, and leave the surrounding precision as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from everymode.extractors.precision import full_float32


@pytest.fixture
def reduced_precision() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


def settings() -> list[str]:
    backends = torch.backends
    each = (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv)
    return [setting.fp32_precision for setting in each]


@pytest.mark.usefixtures("reduced_precision")
def test_precision_is_full_inside_and_restored_outside() -> None:
    before = settings()
    assert "bf16" in before
    with pytest.raises(KeyError), full_float32(torch.device("cpu")):
        assert settings() == ["ieee"] * 4
        raise KeyError
    assert settings() == before
    assert torch.get_float32_matmul_precision() == "medium"


def test_autocast_and_gradients_are_off() -> None:
    weight = torch.ones(4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert (weight @ weight).dtype == torch.bfloat16
        with full_float32(torch.device("cpu")):
            product = weight @ weight
        assert product.dtype == torch.float32 and not product.requires_grad
        assert (weight @ weight).dtype == torch.bfloat16
