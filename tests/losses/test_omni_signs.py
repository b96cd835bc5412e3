"""Sign vectors of the omni-loss: by hand, for missing labels, several label blocks, and label maps."""

from __future__ import annotations

import pytest
import torch

from everymode.losses import omni_signs

KINDS = ("d_real", "d_fake", "g_fake")


def test_signs_by_hand() -> None:
    labels = torch.tensor([2, 0])
    assert omni_signs("d_real", labels, 3).tolist() == [[-1, -1, 1, 1, -1], [1, -1, -1, 1, -1]]
    assert omni_signs("g_fake", labels, 3).tolist() == [[-1, -1, 1, 1, -1], [1, -1, -1, 1, -1]]
    assert omni_signs("d_fake", labels, 3).tolist() == [[-1, -1, -1, -1, 1]] * 2
    for kind, sign in (("d_real", 1), ("g_fake", 1), ("d_fake", -1)):
        expected = [[0, 0, sign, sign, 0], [sign, 0, 0, sign, 0]]
        assert omni_signs(kind, labels, 3, one_sided=True).tolist() == expected


def test_signs_of_unlabeled_rows() -> None:
    labels = torch.tensor([-1])
    assert omni_signs("d_real", labels, 3).tolist() == [[0, 0, 0, 1, -1]]
    assert omni_signs("g_fake", labels, 3).tolist() == [[0, 0, 0, 1, -1]]
    assert omni_signs("d_fake", labels, 3).tolist() == [[-1, -1, -1, -1, 1]]
    assert omni_signs("d_real", labels, 3, one_sided=True).tolist() == [[0, 0, 0, 1, 0]]
    assert omni_signs("d_fake", labels, 3, one_sided=True).tolist() == [[0, 0, 0, -1, 0]]


def test_signs_of_several_blocks() -> None:
    labels = torch.tensor([[1, 0], [2, -1], [-1, -1]])
    expected = [
        [-1, 1, -1, 1, -1, 1, -1],
        [-1, -1, 1, 0, 0, 1, -1],
        [0, 0, 0, 0, 0, 1, -1],
    ]
    assert omni_signs("d_real", labels, (3, 2)).tolist() == expected
    assert omni_signs("d_real", labels.unbind(1), (3, 2)).tolist() == expected
    assert omni_signs("d_fake", labels, (3, 2)).tolist() == [[-1] * 6 + [1]] * 3
    assert torch.equal(omni_signs("g_fake", labels[:, :1], (3,)), omni_signs("g_fake", labels[:, 0], 3))


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_signs_of_maps_are_those_of_their_pixels_and_void_is_ignored(kind: str, one_sided: bool) -> None:
    labels = torch.tensor([[[0, 1, 2], [-1, 2, 2]], [[1, 1, -1], [0, 0, 0]]])
    signs = omni_signs(kind, labels, 3, one_sided=one_sided)
    assert signs.shape == (2, 5, 2, 3)
    flat = signs.permute(0, 2, 3, 1).reshape(-1, 5)
    expected = omni_signs(kind, labels.flatten(), 3, one_sided=one_sided)
    expected[labels.flatten() == -1] = 0
    assert torch.equal(flat, expected)


def test_signs_of_maps_with_several_blocks() -> None:
    labels = torch.tensor([[[[1, -1, -1]], [[0, 1, -1]]]])
    assert labels.shape == (1, 2, 1, 3)
    signs = omni_signs("d_real", labels, (2, 2))[0, :, 0].T
    assert signs.tolist() == [[-1, 1, 1, -1, 1, -1], [0, 0, -1, 1, 1, -1], [0] * 6]


def test_void_value_of_unsigned_label_maps_is_refused_not_taken_for_unlabeled() -> None:
    with pytest.raises(ValueError, match=r"0\.\.255"):
        omni_signs("d_real", torch.tensor([[[0, 255]]], dtype=torch.uint8), 3)
