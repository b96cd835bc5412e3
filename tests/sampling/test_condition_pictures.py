"""Pictures of conditions: colors of classes, edges, and small pictures enlarged to the nearest pixel."""

from __future__ import annotations

import numpy as np
import torch

from everymode.sampling.condition_pictures import condition_pictures, map_pictures, palette


def test_every_class_has_a_color_and_those_of_neighbors_are_far_apart() -> None:
    colors = palette().astype(int)
    assert colors.shape == (256, 3) and palette().dtype == np.uint8
    assert colors[255].tolist() == [0, 0, 0] and (colors[:255].max(1) > 100).all()
    for distance in (1, 2, 3):
        apart = np.abs(colors[:40] - colors[distance : 40 + distance]).sum(1)
        assert apart.min() > 80, distance


def test_maps_are_shown_in_these_colors_and_pixels_of_no_class_in_black() -> None:
    maps = torch.tensor([[[0, 3], [255, -1]]])
    shown = map_pictures(maps)
    assert shown.shape == (1, 3, 2, 2)
    levels = ((shown + 1) * 127.5).round().int()[0].permute(1, 2, 0)
    assert levels[0, 0].tolist() == palette()[0].tolist() and levels[0, 1].tolist() == palette()[3].tolist()
    assert levels[1].tolist() == [[0, 0, 0], [0, 0, 0]]


def test_each_part_that_can_be_seen_is_a_picture() -> None:
    maps, small = torch.zeros(2, 4, 6, dtype=torch.long), torch.rand(2, 3, 2, 3)
    edges = torch.tensor([[0.0, 1.0]]).expand(2, 4, 2).repeat(1, 1, 3)
    assert condition_pictures(None, (4, 6)) == []
    of_map, of_edges = condition_pictures((maps, edges), (4, 6))
    assert torch.equal(of_map, map_pictures(maps))
    assert of_edges.shape == (2, 3, 4, 6) and torch.equal(of_edges[:, 1], edges * 2 - 1)
    (large,) = condition_pictures(small, (4, 6))
    assert torch.equal(large, small.repeat_interleave(2, 2).repeat_interleave(2, 3))
    picture, labels = torch.rand(2, 3, 4, 6), torch.zeros(2, 3, dtype=torch.long)
    (alone,) = condition_pictures((picture, labels), (4, 6))
    assert torch.equal(alone, picture)
    assert condition_pictures(labels, (4, 6)) == []
