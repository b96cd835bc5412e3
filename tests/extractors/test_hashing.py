"""The hash of weights depends on names, kinds and values, and on nothing else."""

from __future__ import annotations

import hashlib

import torch

from everymode.extractors.hashing import tensors_hash


def test_hash_by_hand() -> None:
    expected = hashlib.sha256(b"a:<f4:(2,);" + bytes.fromhex("0000803f00000040")).hexdigest()
    assert tensors_hash({"a": torch.tensor([1.0, 2.0])}) == expected


def test_order_and_layout_do_not_matter_but_contents_do() -> None:
    first, second = torch.rand(2, 3, 4, 4), torch.arange(3)
    one = tensors_hash({"x": first, "y": second})
    assert one == tensors_hash({"y": second, "x": first.contiguous(memory_format=torch.channels_last)})
    others = [
        {"x": first, "z": second},
        {"x": first.view(6, 4, 4), "y": second},
        {"x": first.double(), "y": second},
        {"x": first, "y": second + 1},
    ]
    assert len({one, *map(tensors_hash, others)}) == 5
