"""Flags of `everymode restore`, and which of them a task and a method take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from everymode.commands.numbers import whole_number
from everymode.commands.perceptual_flags import Backbone, Linear
from everymode.resolution import height_and_width, parse_resolution

Task = Literal["colorize", "upscale", "inpaint", "reconstruct"]
Method = Literal["prior", "dip", "liif", "bicubic", "lanczos"]
Filter = Literal["lanczos2", "lanczos3", "bicubic", "area"]
Schedule = Literal[
    "auto",
    "small",
    "colorization",
    "super-resolution",
    "super-resolution-mse",
    "inpainting",
    "reconstruction",
]

CENTER = "center"
"""Value of --mask for a hole in the central third."""
MOST_PIXELS = 8192 * 8192
"""Largest number of pixels of a result, as of a sample."""
ENLARGERS = ("liif", "bicubic", "lanczos")
"""Methods that only enlarge."""
OWN_FLAGS: dict[str, tuple[str, ...]] = {
    "label": ("prior",),
    "num": ("prior",),
    "schedule": ("prior",),
    "data": ("liif",),
    "weights": ("liif",),
    "steps": ("prior", "dip", "liif"),
}
"""Flags that only some methods take."""


@dataclass(frozen=True, kw_only=True)
class RestoreFlags:
    """Flags that may change a result."""

    task: Annotated[
        Task, Parameter(help="What to restore: color, resolution, a hole, or the complete photo.")
    ]
    method: Annotated[
        Method,
        Parameter(
            help="prior: the run's generator and discriminator; dip: deep image prior, an untrained network; liif: "
            "learned enlargement; bicubic, lanczos: interpolation. The last three only enlarge."
        ),
    ] = "prior"
    filter: Annotated[
        Filter | None,
        Parameter(
            help="upscale: filter that made the small photos, which the restoration applies to its images (required "
            "for prior and dip, unless --shrink makes them; then default: lanczos2)."
        ),
    ] = None
    shrink: Annotated[
        float | None,
        Parameter(
            help="upscale: shrink the photos by this factor first, and restore and score the results at their size."
        ),
    ] = None
    mask: Annotated[
        str | None,
        Parameter(
            help="inpaint: picture of the photo's size, white where the photo is kept and black in the hole; a folder "
            "of such pictures with the photos' names; or center, for a hole in the central third.",
            metavar="FILE",
        ),
    ] = None
    original: Annotated[
        Path | None,
        Parameter(
            help="Original, or folder of originals with the photos' names, to score results against (default: the "
            "photo itself where it is complete: reconstruct, colorize with photos in color, --mask center, --shrink)."
        ),
    ] = None
    size: Annotated[
        str | None, Parameter(help="Size of the results, HEIGHTxWIDTH.", metavar="HEIGHTxWIDTH")
    ] = None
    scale: Annotated[
        float | None,
        Parameter(help="Size of the results relative to the photo (default: 1; upscale: 2)."),
    ] = None
    paste: Annotated[
        bool,
        Parameter(
            help="Put what is known into the result: the photo's luminance (colorize), the pixels that the mask keeps "
            "(inpaint)."
        ),
    ] = True
    label: Annotated[
        str | None,
        Parameter(help="prior: class of the photos, by name or number (default: found by the search)."),
    ] = None
    num: Annotated[
        int | None,
        Parameter(
            help="prior: number of random latent codes, the best of which is the start (default: 500).",
            converter=whole_number,
        ),
    ] = None
    schedule: Annotated[
        Schedule | None,
        Parameter(
            help="prior: stages (default: small up to 64 pixels, above it the published ones of the task; for upscale "
            "super-resolution)."
        ),
    ] = None
    steps: Annotated[
        int | None,
        Parameter(
            help="Number of steps: of all stages of prior together (default: the schedule's), of dip (default: 2000), "
            "or of fitting liif (default: 1000).",
            converter=whole_number,
        ),
    ] = None
    data: Annotated[
        str | None,
        Parameter(help="liif: photos to fit the network to, a folder or a dataset.", metavar="FOLDER"),
    ] = None
    weights: Annotated[
        Path | None,
        Parameter(
            help="liif: weights in place of --data (safetensors; also of the released EDSR models).",
            metavar="FILE",
        ),
    ] = None
    ssim_range2: Annotated[
        bool, Parameter(help="Add SSIM with data range 2, as published tables seem to have.", negative="")
    ] = False
    lpips_backbone: Backbone = None
    lpips_linear: Linear = None
    seed: Annotated[int, Parameter(help="Seed of all draws.", converter=whole_number)] = 0

    def check(self) -> None:
        """Raise ValueError if flags don't fit together or are out of range."""
        self._check_method()
        self._check_task()
        if self.size is not None and self.scale is not None:
            raise ValueError("--size and --scale exclude each other: set one of the two")
        for name in ("scale", "shrink"):
            value = getattr(self, name)
            if value is not None and not (0 < value < math.inf):
                raise ValueError(f"--{name} is {value}: it is a finite factor above 0")
        if self.shrink is not None and self.shrink < 1:
            raise ValueError(f"--shrink is {self.shrink}: it is at least 1")
        for name in ("num", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name} is {value}: it is at least 1")
        self.result_size((1, 1))

    def result_size(self, photo: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of the result for a photo of this size.

        Raises:
            ValueError: if it has no pixels, or too many.
        """
        if self.size is not None:
            size = height_and_width(parse_resolution(self.size))
        else:
            own = 2.0 if self.task == "upscale" and self.shrink is None else 1.0
            factor = own if self.scale is None else self.scale
            size = (max(round(photo[0] * factor), 1), max(round(photo[1] * factor), 1))
        if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
            raise ValueError(
                f"its result would have {size[0]}x{size[1]} pixels: each side is at least 1, and height times width at "
                f"most {MOST_PIXELS:,}; set --size or --scale"
            )
        return size

    def _check_method(self) -> None:
        for name, methods in OWN_FLAGS.items():
            if getattr(self, name) is not None and self.method not in methods:
                raise ValueError(
                    f"--{name} is for --method {' and '.join(methods)}, not {self.method}: omit it"
                )
        if self.method in ENLARGERS and self.task != "upscale":
            raise ValueError(f"--method {self.method} only enlarges: use it with --task upscale")
        if self.method == "liif" and (self.data is None) == (self.weights is None):
            raise ValueError(
                "liif needs photos to fit its network to (--data FOLDER) or weights (--weights FILE): set one of both"
            )
        if self.method == "liif" and self.weights is not None and self.steps is not None:
            raise ValueError("--steps is for fitting liif to --data: omit it with --weights")

    def _check_task(self) -> None:
        if self.task == "inpaint" and self.mask is None:
            raise ValueError(
                "inpaint needs the hole: --mask FILE, white where the photo is kept and black in the hole, or --mask "
                "center for the central third"
            )
        if self.task != "inpaint" and self.mask is not None:
            raise ValueError("--mask is for --task inpaint: omit it")
        for name in ("filter", "shrink"):
            if self.task != "upscale" and getattr(self, name) is not None:
                raise ValueError(f"--{name} is for --task upscale: omit it")
        fits = self.method in ("prior", "dip") and self.task == "upscale"
        if fits and self.filter is None and self.shrink is None:
            raise ValueError(
                "upscale compares small images with the photo, so it needs the filter that made the photo small: "
                "--filter lanczos3 or bicubic (as Pillow), area (averages, as most cameras and thumbnails), or lanczos2"
            )
