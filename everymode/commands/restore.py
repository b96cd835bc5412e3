"""`everymode restore`: color, resolution, holes or all of a photo, with a trained generator or without one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from everymode.commands import sample_flags as flags_of_sample
from everymode.commands.ending import say
from everymode.commands.generative_prior import GenerativePrior
from everymode.commands.perceptual_flags import perceptual_or_none
from everymode.commands.picture_inputs import save_result
from everymode.commands.restore_flags import RestoreFlags
from everymode.commands.restore_inputs import SCORES, Photo, photo_files, read_photo, strip_path
from everymode.commands.restoring import (
    ImagePrior,
    Interpolation,
    Restorer,
    Size,
    Solution,
    agreement,
    baselines,
    degradation,
    learned_enlargement,
    with_known,
)
from everymode.commands.translating import read_or_report
from everymode.commands.waiting import Meter

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.extractors.perceptual_distances import PerceptualNetwork

NO_RUN = "none"
"""RUN of a method without a generator."""


def restore(
    source: Annotated[
        Path,
        Parameter(name="RUN", help="Run folder or checkpoint; none for methods without a generator."),
    ],
    /,
    *photos: Annotated[Path, Parameter(name="PHOTO", help="Photo or folder of photos; several are allowed.")],
    flags: Annotated[RestoreFlags, Parameter(name="*")],
    out: Annotated[Path, Parameter(help="Folder of the results, strips and scores.")],
    device: flags_of_sample.Device = "cpu",
    recipe: flags_of_sample.CustomRecipe = None,
) -> None:
    """Restore color, resolution or holes of photos, with a trained generator as the prior (deep generative prior).

    Writes each result as PNG, a strip of its stages in the folder `stages`, and scores.json with PSNR, SSIM and a
    perceptual distance where the original is known. Photos that can't be read or restored are reported.
    """
    flags.check()
    out = out.expanduser()
    targets = photo_files(photos, out, flags)
    _require_run(source, flags)
    restorer, channels = _restorer(source, recipe, device, flags, out)
    card = _Card(source, flags, restorer, out)
    with Meter(len(targets) * restorer.steps(), "steps") as meter:
        for number, (file, target) in enumerate(targets.items(), 1):
            work = partial(
                _restored, restorer=restorer, roots=photos, channels=channels, flags=flags, meter=meter
            )
            done = read_or_report(file, work)
            meter.advance(max(number * restorer.steps() - meter.done, 0))
            if done is None:
                continue
            photo, size, solution = done
            result = with_known(solution.at(size), photo, flags)
            _write(result, photo, solution, target, out, flags)
            card.add(photo, result, solution, target, agreement(photo, solution.fitted, flags))
    if not card.entries:
        raise ValueError(f"none of the {len(targets)} photos could be restored")
    card.report()


def _restored(
    file: Path,
    *,
    restorer: Restorer,
    roots: Sequence[Path],
    channels: int,
    flags: RestoreFlags,
    meter: Meter,
) -> tuple[Photo, Size, Solution]:
    """Read and restore a photo; return it with the size of its result."""
    photo = read_photo(file, roots, channels, flags)
    photo = restorer.cropped(photo)
    original = photo.original
    shape = photo.size if flags.shrink is None or original is None else (original.shape[2], original.shape[3])
    size = flags.result_size(shape)
    return photo, size, restorer.restore(photo, size, meter)


def _require_run(source: Path, flags: RestoreFlags) -> None:
    """Raise ValueError if the run is missing, so that a photo is read as the run."""
    if flags.method != "prior" and str(source) != NO_RUN:
        from everymode.sampling.generator import find_generator

        try:
            find_generator(source)
        except FileNotFoundError as error:
            raise ValueError(
                f"the first argument is the run, or none for --method {flags.method}, and {source} is no run"
            ) from error


def _restorer(
    source: Path, recipe: str | None, device: str, flags: RestoreFlags, out: Path
) -> tuple[Restorer, int]:
    """Return the method, and the number of channels of its images."""
    if flags.method == "prior":
        prior = GenerativePrior(source, recipe, device, flags)
        return prior, prior.channels
    if flags.method == "dip":
        return ImagePrior(flags), 3
    if flags.method == "liif":
        return learned_enlargement(flags, out), 3
    return Interpolation("bicubic" if flags.method == "bicubic" else "lanczos3"), 3


def _write(
    result: Tensor, photo: Photo, solution: Solution, target: Path, out: Path, flags: RestoreFlags
) -> None:
    """Write the result and the strip: the degraded photo, the stages, the fitted image, and the original."""
    import torch

    from everymode.pictures import grid, to_pil
    from everymode.restoration import enlarge, resize

    picture = to_pil(result[0])
    save_result(picture, target)
    say(f"{target} ({picture.height}x{picture.width})")
    size = (solution.fitted.shape[2], solution.fitted.shape[3])
    if max(size) > 512:
        size = (max(size[0] * 512 // max(size), 1), max(size[1] * 512 // max(size), 1))
    shown = degradation(photo, size, flags)[0]
    shown = (
        enlarge(shown, size)
        if shown.shape[2] <= size[0] and shown.shape[3] <= size[1]
        else resize(shown, size)
    )
    images = [shown, *(resize(each, size) for each in (*solution.stages, solution.fitted))]
    if photo.original is not None:
        images.append(resize(photo.original, size))
    strip = torch.cat([each.clamp(-1, 1) for each in images])
    save_result(grid(strip, columns=len(strip)), strip_path(target, out))


class _Card:
    """The scores of all photos, which are written after each of them.

    Args:
        source: the run.
        flags: the flags.
        restorer: the method.
        out: folder of the results.
    """

    def __init__(self, source: Path, flags: RestoreFlags, restorer: Restorer, out: Path) -> None:
        self.entries: list[dict[str, Any]] = []
        self._flags, self._out = flags, out
        self._stages = perceptual_or_none(flags.lpips_backbone, flags.lpips_linear)
        self._head = _head(source, flags, restorer, self._stages)

    def add(
        self, photo: Photo, result: Tensor, solution: Solution, target: Path, agreed: float | None
    ) -> None:
        """Score a result, and write all scores."""
        entry: dict[str, Any] = {
            "photo": str(photo.path),
            "size": list(photo.size),
            "result": target.relative_to(self._out).as_posix(),
            "result_size": list(result.shape[2:]),
            "agreement": agreed,
            **solution.facts,
        }
        if photo.original is not None:
            size = (photo.original.shape[2], photo.original.shape[3])
            fits = tuple(result.shape[2:]) == size
            image = result if fits else with_known(solution.at(size), photo, self._flags)
            entry["scores"] = self._scores(image, photo.original)
            entry["baselines"] = {
                name: self._scores(each, photo.original)
                for name, each in baselines(photo, size, self._flags).items()
            }
        self.entries.append(entry)
        self._save()

    def report(self) -> None:
        """Print the mean scores."""
        from everymode.evaluation.restoration_scores import summary

        scored = [entry for entry in self.entries if "scores" in entry]
        if not scored:
            say(
                "no scores, as the originals are unknown (--original); agreement with the photo: "
                + _listed([entry["agreement"] for entry in self.entries])
            )
        else:
            rows = {self._flags.method: [entry["scores"] for entry in scored]}
            for name in scored[0]["baselines"]:
                rows[name] = [entry["baselines"][name] for entry in scored]
            for name, scores in rows.items():
                text = ", ".join(
                    f"{score} {each['mean']:.4g}" + (f" ± {each['std']:.2g}" if each["num"] > 1 else "")
                    for score, each in summary(scores).items()
                )
                say(f"{name}, {len(scores)} photo{'s' if len(scores) > 1 else ''}: {text or 'equal images'}")
        say(f"scores: {self._out / SCORES}")

    def _scores(self, image: Tensor, original: Tensor) -> dict[str, float | None]:
        from everymode.evaluation.restoration_scores import restoration_scores

        return restoration_scores(
            image.clamp(-1, 1), original, stages=self._stages, range2=self._flags.ssim_range2
        )

    def _save(self) -> None:
        from everymode.evaluation.restoration_scores import summary
        from everymode.storage.atomic import write_text_atomic

        scored = [entry["scores"] for entry in self.entries if "scores" in entry]
        content = {**self._head, "mean": summary(scored), "photos": self.entries}
        write_text_atomic(self._out / SCORES, json.dumps(content, indent=1) + "\n")


def _head(
    source: Path, flags: RestoreFlags, restorer: Restorer, stages: PerceptualNetwork | None
) -> dict[str, Any]:
    from dataclasses import asdict

    from everymode.evaluation.restoration_scores import conventions
    from everymode.version import __version__

    head: dict[str, Any] = {
        "everymode": __version__,
        "flags": {name: None if value is None else _plain(value) for name, value in asdict(flags).items()},
        "conventions": {
            **conventions(stages, range2=flags.ssim_range2),
            "agreement": "PSNR in dB of the degraded image, at the size at which it was fitted, against the photo",
        },
    }
    if isinstance(restorer, GenerativePrior):
        from everymode.extractors.hashing import tensors_hash

        head["generator"] = {
            "source": str(source),
            "step": restorer.generator.config.get("step"),
            "weights": tensors_hash(restorer.network.state_dict()),
            "schedule": restorer.schedule_name,
            "steps": restorer.steps(),
        }
    return head


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _listed(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.4g} dB" if known else "exact"
