"""Random views of images for the pretext task: crops, small geometric changes, flips and colors, all on tensors.

Views are differentiable with respect to the pixels, an image's view is independent of the other images, and every draw
is a function of the moment (everymode/draws.py). Values beyond the border repeat the border.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws
from everymode.precision import full_precision

__all__ = ["Views"]

JITTERED = 0.8
"""Share of images whose colors are changed if jitter, hue or gray is set (SimCLR's value)."""


@dataclass(frozen=True)
class Views:
    """Distribution of random views; `views(images, draws)` draws one view of each image.

    Attributes:
        crop: smallest share of the area in a random crop, which is resized to the whole image; 1 = no crops.
        aspect: largest factor by which crops are wider or higher than the image.
        shift: largest translation, as a share of width and height.
        rotation: largest rotation in either direction, in degrees.
        zoom: largest zoom, in or out: a factor of 2 ** zoom; those of width and height differ by up to 2 ** (zoom / 4).
        shear: largest shear, as a slope.
        mirror: whether half of the images are flipped left to right.
        jitter: strength of random brightness, contrast and saturation (0.4 is SimCLR's for small images).
        hue: largest rotation of the hue, as a share of the color circle.
        gray: share of the images without color.
        noise: standard deviation of Gaussian noise on every value, which may take values out of [-1, 1].
    """

    crop: float = 1.0
    aspect: float = 4 / 3
    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    mirror: bool = False
    jitter: float = 0.0
    hue: float = 0.0
    gray: float = 0.0
    noise: float = 0.0

    def __call__(self, images: Tensor, random: Draws) -> Tensor:
        """Return a view of each image, [B, C, H, W] in [-1, 1], of the same shape."""
        if self == Views():
            return images
        views = self._moved(images, random)
        if self.jitter or (images.shape[1] == 3 and (self.hue or self.gray)):
            views = self._recolored(views, random)
        if self.noise:
            views = views + self.noise * random.normal("noise", *images.shape[1:]).to(images)
        return views

    def _moved(self, images: Tensor, random: Draws) -> Tensor:
        height, width = images.shape[2:]
        u = (2 * random.uniform("movement", 8) - 1).to(images)
        angle, slope = u[:, 0] * math.radians(self.rotation), u[:, 1] * self.shear
        area = 1 - (u[:, 2] + 1) / 2 * (1 - self.crop)
        ratio = torch.exp(u[:, 3] * (math.log(self.aspect) if self.crop < 1 else 0.0))
        zooms = torch.exp2(u[:, 4:5] * self.zoom + torch.stack((u[:, 5], -u[:, 5]), 1) * self.zoom / 8)
        sides = torch.stack(((area * ratio).sqrt(), (area / ratio).sqrt()), 1).clamp(max=1)
        # The center of the crop: uniform where the crop lies inside the image, and moved by the shift.
        center = u[:, 6:8] * (1 - sides + 2 * self.shift)
        sides = sides * zooms
        if self.mirror:
            flip = 1 - 2 * random.integers("mirror", 2, 1).to(images)
            sides = sides * torch.cat((flip, torch.ones_like(flip)), 1)
        cosine, sine = angle.cos(), angle.sin()
        # x points right and y down, both from -1 to 1; rotation acts on pixels, hence the aspect ratio.
        turn = torch.stack(
            (cosine, slope - sine * height / width, sine * width / height, cosine), dim=1
        ).view(-1, 2, 2)
        maps = torch.cat((turn * sides.unsqueeze(1), center.unsqueeze(2)), 2)
        with full_precision(images):
            grid = F.affine_grid(maps, list(images.shape), align_corners=False)
            return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _recolored(self, images: Tensor, random: Draws) -> Tensor:
        u = random.uniform("colors", 6).to(images)
        on = (u[:, 0] < JITTERED).to(images)
        strengths = 1 + (2 * u[:, 1:4] - 1) * self.jitter * on.unsqueeze(1)
        light, contrast, saturation = (part.view(-1, 1, 1, 1) for part in strengths.unbind(1))
        colors = (images + 1) / 2 * light
        if images.shape[1] == 3:
            saturation = saturation * (u[:, 5] >= self.gray).to(images).view(-1, 1, 1, 1)
            colors = _colored(colors, saturation, (2 * u[:, 4] - 1) * (2 * math.pi * self.hue) * on)
        middle = colors.mean((1, 2, 3), keepdim=True)
        return (middle + (colors - middle) * contrast).clamp(0, 1) * 2 - 1


def _colored(images: Tensor, saturation: Tensor, angle: Tensor) -> Tensor:
    """Scale the distance of RGB images from gray, and rotate their colors by an angle around the gray axis."""
    gray = images.mean(1, keepdim=True)
    chroma = images - gray
    # The cross product of the gray axis with the color: the direction in which the rotation begins.
    tangent = (chroma.roll(1, dims=1) - chroma.roll(-1, dims=1)) / math.sqrt(3)
    cosine, sine = (part.view(-1, 1, 1, 1) for part in (angle.cos(), angle.sin()))
    return gray + saturation * (cosine * chroma + sine * tangent)
