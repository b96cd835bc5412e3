"""Label maps move as the images do: as pictures of their classes that are moved by the same draws."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.augment.adaptive import AdaptiveAugmentation
from everymode.augment.coloring import brightness
from everymode.augment.diffaug import color, cutout, diff_augment, moved_alike, translation
from everymode.augment.geometry import Movement, flip, quarter_turn, rotation, scale, shift
from everymode.draws import Draws, Rows

CLASSES, VOID, ROWS = 6, 255, 8


def draws(dtype: torch.dtype = torch.float64) -> Draws:
    return Draws(3, "moment", Rows.all(ROWS), dtype=dtype)


def some_maps(height: int = 16, width: int = 16) -> Tensor:
    """Maps of six classes with pixels of class void and unlabeled ones."""
    random = torch.Generator().manual_seed(2)
    maps = torch.randint(0, CLASSES, (ROWS, height, width), generator=random)
    maps[:, 3, 4], maps[:, 5, 2] = VOID, -1
    return maps


def planes_of(maps: Tensor) -> Tensor:
    """A picture of a map, of one plane per class, then one of pixels that are unlabeled."""
    values = [*range(CLASSES), -1]
    return torch.stack([(maps == value).double() for value in values], 1)


def adaptive(*movements: Movement, strength: float = 1.0) -> AdaptiveAugmentation:
    augment = AdaptiveAugmentation(list(movements), [], batch_size=ROWS)
    augment.strength.fill_(strength)
    return augment


@pytest.mark.parametrize("size", [(16, 16), (24, 17)])
def test_a_translated_map_is_the_translated_picture_of_its_classes_and_what_enters_is_void(
    size: tuple[int, int],
) -> None:
    maps, augment = some_maps(*size), diff_augment(translation)
    moved = augment.move_maps(maps, draws())
    assert moved.dtype == maps.dtype and not torch.equal(moved, maps)
    # no plane of a pixel that enters is set, and those of class void have none
    assert torch.equal(planes_of(moved), augment(planes_of(maps), draws()))
    assert ((moved == VOID) == (planes_of(moved).sum(1) == 0)).all()


@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("movements", [(flip(),), (quarter_turn(),), (flip(), quarter_turn(), shift())])
def test_an_adaptively_moved_map_is_the_moved_picture_of_its_classes(
    movements: tuple[Movement, ...], strength: float
) -> None:
    maps, augment = some_maps(), adaptive(*movements, strength=strength)
    moved = augment.move_maps(maps, draws())
    assert not torch.equal(moved, maps)
    # whole pixels, so that nearest and bilinear are one
    torch.testing.assert_close(planes_of(moved), augment(planes_of(maps), draws()), rtol=0, atol=1e-9)


def test_maps_between_pixels_have_the_class_of_the_nearest() -> None:
    maps, augment = some_maps(32, 32), adaptive(scale(), rotation())
    maps = maps[:, ::8, ::8].repeat_interleave(8, 1).repeat_interleave(8, 2)
    moved = augment.move_maps(maps, draws())
    assert set(moved.unique().tolist()) <= set(maps.unique().tolist())  # and no class between two others
    soft = augment(planes_of(maps), draws())
    shares = soft.gather(1, planes_of(moved).argmax(1, keepdim=True))[:, 0][moved != VOID]
    assert shares.min() > 0.2 and (shares > 0.99).double().mean() > 0.5


def test_an_augmentation_that_is_not_applied_leaves_maps_alone() -> None:
    maps = some_maps()
    assert torch.equal(adaptive(flip(), shift(), strength=0.0).move_maps(maps, draws()), maps)
    colors = AdaptiveAugmentation([], [brightness()], batch_size=ROWS, strength=0.8)
    assert colors.move_maps(maps, draws()) is maps
    assert diff_augment(color, cutout).move_maps(maps, draws()) is maps


def test_colors_and_holes_beside_a_translation_do_not_matter() -> None:
    maps = some_maps()
    alone = diff_augment(translation).move_maps(maps, draws())
    assert torch.equal(diff_augment(color, translation, cutout).move_maps(maps, draws()), alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool])
def test_edges_move_along_and_what_enters_is_no_edge(dtype: torch.dtype) -> None:
    edges = (some_maps() % 2 == 1).to(dtype)
    moved = diff_augment(translation).move_maps(edges, draws())
    expected = diff_augment(translation)(edges.double().unsqueeze(1), draws())[:, 0]
    assert moved.dtype == dtype and torch.equal(moved.double(), expected)
    flipped = adaptive(flip()).move_maps(edges, draws())
    assert flipped.dtype == dtype and set(flipped.unique().tolist()) <= {0, 1}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_every_class_of_every_integer_type_survives(dtype: torch.dtype) -> None:
    maps = torch.arange(256).to(dtype).view(1, 16, 16)
    assert torch.equal(moved_alike(maps, lambda planes: planes), maps)
    entered = moved_alike(maps, lambda planes: F.pad(planes[:, :, 1:], (0, 0, 0, 1)))
    assert torch.equal(entered[:, :-1], maps[:, 1:]) and (entered[:, -1] == VOID).all()


def test_maps_can_not_follow_a_custom_policy() -> None:
    def swirl(images: Tensor, random: Draws) -> Tensor:
        return images

    with pytest.raises(
        ValueError, match=r"'swirl' may move pixels.*choose from color, translation and cutout"
    ):
        diff_augment(color, swirl).move_maps(some_maps(), draws())
