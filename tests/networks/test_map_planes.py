"""Planes of label maps: classes, void pixels, edges, and which rows nearest neighbor takes."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from everymode.networks.map_planes import MapPlanes, resize_nearest


def planes_of(maps: MapPlanes, condition: object, size: tuple[int, int]) -> torch.Tensor:
    return maps.planes(*maps.read(condition, "it"), size, torch.float64)


def test_classes_void_and_edges_have_their_planes() -> None:
    label = torch.tensor([[[0, 1, 255], [2, -1, 1]]])
    edges = torch.tensor([[[True, False, False], [False, True, True]]])
    hot = torch.stack([(label[0] == k).double() for k in range(3)])
    plain = planes_of(MapPlanes(3), label, (2, 3))
    torch.testing.assert_close(plain[0], hot)
    assert plain.sum() == 4
    for given in (edges, edges.float(), edges.unsqueeze(1)):
        full = planes_of(MapPlanes(3, 1, dont_care=True), (label, given), (2, 3))
        expected = torch.cat((hot, (label == 255).double(), edges.double()))
        torch.testing.assert_close(full[0], expected)
    assert MapPlanes(3, 1, dont_care=True).channels == 5


@pytest.mark.parametrize(("old", "new"), [((9, 14), (4, 5)), ((7, 3), (21, 10)), ((256, 41), (3, 29))])
def test_nearest_takes_the_row_below_in_exact_arithmetic(old: tuple[int, int], new: tuple[int, int]) -> None:
    maps = torch.arange(old[0] * old[1]).reshape(1, *old)
    rows = [Fraction(i * old[0], new[0]).__floor__() for i in range(new[0])]
    columns = [Fraction(j * old[1], new[1]).__floor__() for j in range(new[1])]
    assert torch.equal(resize_nearest(maps, new), maps[:, rows][:, :, columns])
    assert resize_nearest(maps, old) is maps


def test_wrong_maps_are_rejected_with_the_numbers_given() -> None:
    maps = MapPlanes(3)
    good = torch.zeros(2, 4, 4, dtype=torch.int64)
    for wrong in (3, 254, -2):
        bad = good.clone()
        bad[1, 2, 3] = wrong
        with pytest.raises(ValueError, match=rf"it has 3 classes.*labels \[{wrong}\].*0 to 2 and 255"):
            maps.read(bad, "it")
    for bad in (None, good.float(), good[0], (good, good), good.bool(), "map"):
        with pytest.raises(ValueError, match="it takes"):
            maps.read(bad, "it")
    with pytest.raises(ValueError, match=r"\(maps, edges\)"):
        MapPlanes(3, 1).read(good, "it")
    with pytest.raises(ValueError, match="edges of shape"):
        MapPlanes(3, 1).read((good, good[:, :2]), "it")
    for classes in (0, 256):
        with pytest.raises(ValueError, match="1 to 255 classes"):
            MapPlanes(classes)
    with pytest.raises(ValueError, match="extra_channels is -1"):
        MapPlanes(3, -1)


def test_in_compiled_code_a_label_outside_the_classes_has_no_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    label = torch.tensor([[[0, 7]]])
    assert planes_of(MapPlanes(3), label, (1, 2)).sum((1, 2, 3)).tolist() == [1]
