"""A photo as a problem of `everymode restore`, and the methods without a generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from everymode.commands.ending import say
from everymode.commands.restore_flags import RestoreFlags
from everymode.commands.restore_inputs import Photo
from everymode.commands.waiting import Meter

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.restoration import LocalImplicit

Size = tuple[int, int]
"""(height, width)."""
STRIP = 6
"""Images of a strip that deep image prior shows of its steps."""
DIP_STEPS, LIIF_STEPS = 2000, 1000
MOST_DIP_PIXELS = 1024 * 1024
"""Largest size of deep image prior, whose memory grows by about 10 kB per pixel."""
LIIF_PHOTOS, LIIF_SIDE = 200, 512
"""Largest number of photos that LIIF is fitted to, and largest side of their centers."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A restored photo, as a method returns it."""

    at: Callable[[Size], Tensor]
    """Function from a size to the image, [1, C, height, width] in [-1, 1], without what is known of the photo."""
    fitted: Tensor
    """[1, C, H, W], the image at the size at which it was computed."""
    stages: tuple[Tensor, ...] = ()
    """Images of that size, of earlier steps."""
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON values for the score card."""


class Restorer(Protocol):
    """A method."""

    def steps(self) -> int:
        """Return the number of steps per photo, for the progress."""
        ...

    def cropped(self, photo: Photo) -> Photo:
        """Return the photo, or the part of it that can be restored."""
        ...

    def restore(self, photo: Photo, size: Size, meter: Meter) -> Solution:
        """Restore a photo; `size` is that of the result."""
        ...


def degradation(photo: Photo, size: Size, flags: RestoreFlags) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return a photo as images of a size are compared with it, and the degradation of these images."""
    from everymode.restoration import downsample, grayscale, mask, resize

    if flags.task == "upscale":
        small, name = photo.size, flags.filter or "lanczos2"
        return photo.pixels, lambda x: downsample(x, small, name)
    if photo.keep is None:
        degrade = grayscale if flags.task == "colorize" else _identity
        return degrade(resize(photo.pixels, size)), degrade
    # The hole gets the mean color, so that little of what is in it reaches its surroundings.
    mean = (photo.pixels * photo.keep).mean((2, 3), keepdim=True) / photo.keep.mean()
    filled = photo.pixels * photo.keep + mean * (1 - photo.keep)
    keep = (resize(photo.keep, size, "area") > 0.999).float()
    return mask(resize(filled, size), keep), lambda x: mask(x, keep.to(x))


def with_known(image: Tensor, photo: Photo, flags: RestoreFlags) -> Tensor:
    """Return an image with the photo's luminance (colorize) or its kept pixels (inpaint), unless --no-paste."""
    from everymode.restoration import resize
    from everymode.restoration.luminance import with_luminance

    size = (image.shape[2], image.shape[3])
    if not flags.paste or flags.task not in ("colorize", "inpaint"):
        return image
    if photo.keep is None:
        return with_luminance(image, resize(photo.pixels, size))
    keep = resize(photo.keep, size, "area")
    return keep * resize(photo.pixels, size) + (1 - keep) * image


def baselines(photo: Photo, size: Size, flags: RestoreFlags) -> dict[str, Tensor]:
    """Return what needs no network, to compare with: two interpolations, or the photo without color."""
    from everymode.restoration import grayscale, resize

    if flags.task == "upscale":
        return {
            "bicubic": resize(photo.pixels, size, "bicubic"),
            "lanczos": resize(photo.pixels, size, "lanczos3"),
        }
    if flags.task == "colorize":
        return {"gray": grayscale(resize(photo.pixels, size))}
    return {}


def agreement(photo: Photo, image: Tensor, flags: RestoreFlags) -> float | None:
    """Return the PSNR in dB of a degraded image against the photo; None if they are equal or can't be compared."""
    import math

    from everymode.metrics.image_quality import psnr

    if flags.task == "upscale" and any(
        side < own for side, own in zip(image.shape[2:], photo.size, strict=True)
    ):
        return None
    target, degrade = degradation(photo, (image.shape[2], image.shape[3]), flags)
    first, second = ((each.clamp(-1, 1) + 1) / 2 for each in (degrade(image), target))
    decibels = float(psnr(first, second))
    return decibels if math.isfinite(decibels) else None


class Interpolation:
    """Bicubic or Lanczos-3 enlargement.

    Args:
        filter: "bicubic" or "lanczos3".
    """

    def __init__(self, filter: str) -> None:
        self._filter: Any = filter

    def steps(self) -> int:
        """Return the number of steps per photo."""
        return 1

    def cropped(self, photo: Photo) -> Photo:
        """Return the photo."""
        return photo

    def restore(self, photo: Photo, size: Size, meter: Meter) -> Solution:
        """Enlarge a photo."""
        from everymode.restoration import resize

        meter.advance()
        return Solution(
            lambda size: resize(photo.pixels, size, self._filter),
            resize(photo.pixels, size, self._filter),
        )


class ImagePrior:
    """Deep image prior: an untrained network that is fitted to one photo.

    Args:
        flags: the flags.
    """

    def __init__(self, flags: RestoreFlags) -> None:
        self._flags = flags

    def steps(self) -> int:
        """Return the number of steps per photo."""
        return self._flags.steps or DIP_STEPS

    def cropped(self, photo: Photo) -> Photo:
        """Return the photo."""
        return photo

    def restore(self, photo: Photo, size: Size, meter: Meter) -> Solution:
        """Fit a network to a photo, at the size of the result or, if color or a hole is restored, of the photo."""
        from everymode.restoration import deep_image_prior, resize

        fitted_size = size if self._flags.task == "upscale" else photo.size
        if fitted_size[0] * fitted_size[1] > MOST_DIP_PIXELS:
            raise ValueError(
                f"deep image prior would compute {fitted_size[0]}x{fitted_size[1]} pixels at once, and at most "
                f"{MOST_DIP_PIXELS:,} are allowed: shrink it, or use another method"
            )
        target, degrade = degradation(photo, fitted_size, self._flags)
        steps = self.steps()
        shown = {steps * part // (STRIP - 1) for part in range(STRIP - 1)}
        stages: list[Tensor] = []

        def watch(step: int, image: Tensor) -> None:
            meter.advance()
            if step in shown:
                stages.append(image)

        factor = max(fitted_size[0] / target.shape[2], fitted_size[1] / target.shape[3])
        noise = 0.05 if factor > 4 else 0.03
        image = deep_image_prior(
            target, degrade, fitted_size, steps=steps, noise=noise, seed=self._flags.seed, callback=watch
        )
        facts = {"fitted_at": list(fitted_size), "steps": steps, "noise": noise}
        return Solution(lambda size: resize(image, size), image, tuple(stages), facts)


class Learned:
    """LIIF: a network that enlarges to any size, fitted to photos or loaded.

    Args:
        network: the network.
    """

    def __init__(self, network: LocalImplicit) -> None:
        self._network = network

    def steps(self) -> int:
        """Return the number of steps per photo."""
        return 1

    def cropped(self, photo: Photo) -> Photo:
        """Return the photo."""
        return photo

    def restore(self, photo: Photo, size: Size, meter: Meter) -> Solution:
        """Enlarge a photo."""
        meter.advance()
        return Solution(
            lambda size: self._network.enlarge(photo.pixels, size), self._network.enlarge(photo.pixels, size)
        )


def learned_enlargement(flags: RestoreFlags, out: Path) -> Learned:
    """Load the network of --weights, or fit one to --data and save it as liif.safetensors in the folder of results."""
    from safetensors.torch import save_file

    from everymode.restoration import fit_local_implicit, load_local_implicit
    from everymode.storage.atomic import atomic_file

    if flags.weights is not None:
        return Learned(load_local_implicit(flags.weights.expanduser()))
    assert flags.data is not None
    pictures = _pictures_of(flags.data, out)
    steps = flags.steps or LIIF_STEPS
    say(f"fitting LIIF to {len(pictures)} photos, {steps} steps")
    largest = min(4.0, min(min(each.shape[1:]) for each in pictures) / 8)
    if largest < 1:
        raise ValueError(f"{flags.data} has photos below 8 pixels, which LIIF can't be fitted to")
    with Meter(steps, "steps") as meter:
        network = fit_local_implicit(
            pictures,
            steps=steps,
            scale=(1, largest),
            seed=flags.seed,
            progress=lambda done, total: meter.advance(),
        )
    out.mkdir(parents=True, exist_ok=True)
    with atomic_file(out / "liif.safetensors") as temporary:
        save_file(network.state_dict(), temporary)
    say(f"{out / 'liif.safetensors'}: use it again with --weights")
    return Learned(network)


def _pictures_of(data: str, out: Path) -> list[Tensor]:
    """Return photos [3, h, w] in [-1, 1], evenly spaced if there are many; large ones are reduced to their center."""
    from functools import partial

    import torch

    from everymode.commands.picture_inputs import picture_paths, read_picture
    from everymode.commands.translating import read_or_report
    from everymode.data.opening import open_images

    path = Path(data).expanduser()
    if not path.exists() or (path.is_file() and path.suffix in (".npz", ".npy", ".zip", ".parquet", ".pq")):
        dataset = open_images(data, channels=3, progress=False)
        if dataset.is_points:
            raise ValueError(f"{data} holds points, not photos: name a folder of photos with --data")
        rows = torch.linspace(0, len(dataset) - 1, min(len(dataset), LIIF_PHOTOS)).round().long()
        return list(dataset.gather(rows.numpy()))
    files = picture_paths(path, out)
    every = -(-len(files) // LIIF_PHOTOS)
    pictures = [
        _center(picture)
        for file in files[::every]
        if (picture := read_or_report(file, partial(read_picture, channels=3))) is not None
    ]
    if not pictures:
        raise ValueError(f"none of the {len(files)} files of {data} could be read")
    return pictures


def _center(picture: Tensor) -> Tensor:
    top, left = (max(side - LIIF_SIDE, 0) // 2 for side in picture.shape[1:])
    return picture[:, top : top + LIIF_SIDE, left : left + LIIF_SIDE].clone()


def _identity(x: Tensor) -> Tensor:
    return x
