"""Adaptive discriminator augmentation, whose strength follows the discriminator's overfitting.

Paper: Karras, Aittala, Hellsten, Laine, Lehtinen, Aila: Training Generative Adversarial Networks with Limited Data,
NeurIPS 2020; released as `NVlabs/stylegan2-ada-pytorch` (training/augment.py, training/training_loop.py).

Every augmentation of the pipeline is applied to each image with probability p, independently. The measure of
overfitting is r_t = E[sign D(real)] over the augmented reals of four discriminator updates; p then rises by a fixed
step if r_t is above the target, and falls if it is below.

Differences from the paper: geometry is one bilinear resampling at the image's own resolution, where the released code
works at twice the resolution with a low-pass filter (so strong shrinking aliases here, and rotation blurs a little);
image-space filtering, noise and cutout, which the paper omits from its best pipeline, are missing; p stays below
a bound (the paper warns of augmentations that leak into the samples above about 0.8; the released code has no bound).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from everymode.augment.coloring import Coloring, recolor
from everymode.augment.diffaug import moved_alike, require_images
from everymode.augment.geometry import Movement, compose, warp
from everymode.draws import Draws


class AdaptiveAugmentation(nn.Module):
    """(images [B, C, H, W] in [-1, 1], draws) -> images, each augmentation applied with probability `strength`.

    At strength 0, images are returned unchanged, bit for bit. Draws the stream "applied" [B, n] (uniform; image b gets
    augmentation i if the value is below that augmentation's probability), then each augmentation's own stream. All
    state is in buffers, so checkpoints contain it.

    Args:
        movements: geometric augmentations, in the order in which they are applied.
        colorings: color augmentations, which follow.
        batch_size: real images of one discriminator update, over all processes.
        target: the target of r_t, between -1 and 1.
        images_to_one: number of real images over which p would rise from 0 to 1: the speed of adjustment.
        highest: bound of p.
        interval: discriminator updates between adjustments.
        strength: initial p.

    Raises:
        ValueError: for numbers outside their ranges, or a pipeline that is empty or names an augmentation twice.
    """

    strength: Tensor
    """p: a scalar on the device."""
    _sum: Tensor
    _moves: Tensor

    def __init__(
        self,
        movements: Sequence[Movement] = (),
        colorings: Sequence[Coloring] = (),
        *,
        batch_size: int,
        target: float = 0.6,
        images_to_one: float = 500_000,
        highest: float = 0.8,
        interval: int = 4,
        strength: float = 0.0,
    ) -> None:
        super().__init__()
        names = [each.name for each in (*movements, *colorings)]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a pipeline needs augmentations, each one once, not {names}")
        _check(batch_size, target, images_to_one, highest, interval, strength)
        self.movements = tuple(movements)
        self.colorings = tuple(colorings)
        self.target = target
        self.highest = highest
        self.interval = interval
        self.adjustment = batch_size * interval / images_to_one
        self.register_buffer("strength", torch.tensor(float(strength)))
        self.register_buffer("_sum", torch.tensor(0.0))
        self.register_buffer("_moves", torch.tensor(0))

    def forward(self, images: Tensor, random: Draws) -> Tensor:
        """Augment images.

        Raises:
            ValueError: unless they are floating-point images, with 1 or 3 channels if colors are changed.
        """
        require_images(images)
        moved, colored = self._applied(random)
        if self.movements:
            size = (images.shape[2], images.shape[3])
            maps = [movement.draw(random, size) for movement in self.movements]
            images = _where_any(moved, warp(images, _chosen(maps, moved)), images)
        if self.colorings:
            # Colors are written as new = map x old, so the last one stands first in the product.
            maps = [coloring.draw(random) for coloring in reversed(self.colorings)]
            images = _where_any(colored, recolor(images, _chosen(maps, colored.flip(1))), images)
        return images

    def move_maps(self, maps: Tensor, random: Draws) -> Tensor:
        """Move label maps [B, H, W] as images with the same draws move: the nearest pixel, reflected at borders."""
        if not self.movements:
            return maps
        moved, _ = self._applied(random)
        drawn = [movement.draw(random, (maps.shape[1], maps.shape[2])) for movement in self.movements]
        positions = _chosen(drawn, moved)
        return moved_alike(
            maps, lambda planes: _where_any(moved, warp(planes, positions, nearest=True), planes)
        )

    def _applied(self, random: Draws) -> tuple[Tensor, Tensor]:
        """Return the movements [B, n] and the colorings [B, m] that each image gets."""
        applied = random.uniform("applied", len(self.movements) + len(self.colorings))
        chances = [movement.chance(self.strength) for movement in self.movements]
        chances += [self.strength] * len(self.colorings)
        chosen = applied < torch.stack(chances)
        moved, colored = chosen.split((len(self.movements), len(self.colorings)), 1)
        return moved, colored

    @torch.no_grad()
    def observe(self, mean_sign: Tensor) -> None:
        """Record one discriminator update; every `interval` updates, adjust p.

        Args:
            mean_sign: the mean sign of D's realness of the update's reals, over all processes; a scalar on the device.
                A value that is not finite counts as 0.
        """
        self._sum += torch.nan_to_num(mean_sign.to(self._sum), nan=0.0, posinf=0.0, neginf=0.0)
        self._moves += 1
        due = self._moves == self.interval
        direction = torch.sign(self._sum / self.interval - self.target)
        adjusted = (self.strength + direction * self.adjustment).clamp(0.0, self.highest)
        self.strength.copy_(torch.where(due, adjusted, self.strength))
        self._sum.masked_fill_(due, 0.0)
        self._moves.masked_fill_(due, 0)


def _chosen(maps: list[Tensor], chosen: Tensor) -> Tensor:
    """Return the product of those maps [B, k, k] that are selected [B, n] for an image."""
    identity = torch.eye(maps[0].shape[1], device=maps[0].device, dtype=maps[0].dtype)
    columns = chosen.unbind(1)
    return compose(
        [
            torch.where(column.view(-1, 1, 1), each, identity)
            for each, column in zip(maps, columns, strict=True)
        ]
    )


def _where_any(chosen: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    return torch.where(chosen.any(1).view(-1, 1, 1, 1), changed, images)


def _check(
    batch_size: int, target: float, images_to_one: float, highest: float, interval: int, strength: float
) -> None:
    if batch_size < 1 or interval < 1 or not images_to_one > 0:
        raise ValueError(
            "adaptive augmentation needs a batch_size and an interval of at least 1 and positive images_to_one, not "
            f"{batch_size}, {interval} and {images_to_one}"
        )
    if not -1 < target < 1:
        raise ValueError(f"the target is a mean sign, between -1 and 1, not {target}")
    if not 0 < highest <= 1:
        raise ValueError(f"highest is a probability above 0, not {highest}")
    if not 0 <= strength <= highest:
        raise ValueError(f"the strength at the start must be between 0 and {highest}, not {strength}")
