"""Deep generative prior for `everymode restore`: a run's generator and discriminator restore a photo."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everymode.commands.ending import say
from everymode.commands.restore_flags import RestoreFlags
from everymode.commands.restore_inputs import Photo
from everymode.commands.restoring import Size, Solution, degradation
from everymode.commands.waiting import Meter

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.restoration import Restored, Stage
    from everymode.sampling.generator import Generator

SMALL_SIDE = 64
"""Largest side of generators for which the schedule is `small`, unless one is set."""
SCHEDULES = {
    "small": "SMALL",
    "colorization": "COLORIZATION",
    "super-resolution": "SUPER_RESOLUTION",
    "super-resolution-mse": "SUPER_RESOLUTION_MSE",
    "inpainting": "INPAINTING",
    "reconstruction": "RECONSTRUCTION",
}
OF_TASK = {
    "colorize": "colorization",
    "upscale": "super-resolution",
    "inpaint": "inpainting",
    "reconstruct": "reconstruction",
}


class GenerativePrior:
    """Deep generative prior with a run's networks.

    Args:
        source: run folder or checkpoint.
        recipe: Python file that defines a custom recipe.
        device: device of the networks.
        flags: the flags.

    Raises:
        ValueError: if the run does not generate images from labels or noise, or its networks lack layers.
        FileNotFoundError: if there is no generator, or no discriminator.
    """

    def __init__(self, source: Path, recipe: str | None, device: str, flags: RestoreFlags) -> None:
        from everymode.commands.picture_inputs import loaded, recipe_of_generator
        from everymode.machine.device import find_device
        from everymode.recipes import find
        from everymode.restoration.players import groups_of
        from everymode.sampling.discriminator import load_discriminator

        self.generator: Generator = loaded(source, recipe, device, kinds=("labels",), command="restore")
        if recipe_of_generator(self.generator, recipe).takes_points:
            raise ValueError(f"{source} can't restore: this generator draws points, not images")
        self.network: Any = self.generator.network
        groups_of(self.network, None, train_output=True, train_embedding=False)
        self.discriminator = load_discriminator(
            source, recipe=None if recipe is None else find(recipe), device=find_device(device)
        )
        self.channels = self.generator.sample(1).shape[1]
        if flags.task == "colorize" and self.channels != 3:
            raise ValueError(
                f"{source} can't colorize: its generator makes images of {self.channels} channel, without color"
            )
        self._flags = flags
        self._label = self._label_of(flags.label)
        self.schedule_name = self._name_of_schedule()
        self._schedule = _shortened(self._stages(), flags.steps)
        self._reported: set[str] = set()

    def steps(self) -> int:
        """Return the number of steps per photo."""
        return sum(stage.steps for stage in self._schedule)

    def cropped(self, photo: Photo) -> Photo:
        """Return the photo, or its center with the generator's aspect ratio if the networks take no other."""
        from everymode.restoration.photo_size import center_crop, takes_rectangles

        if takes_rectangles(self.network, self.discriminator):
            return photo
        native = self.network.size
        with self._warnings_reported():
            pixels = center_crop(photo.pixels, native)
        if pixels is photo.pixels:
            return photo
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keep, original = (
                None if each is None else center_crop(each, native) for each in (photo.keep, photo.original)
            )
        return replace(photo, pixels=pixels, keep=keep, original=original)

    def restore(self, photo: Photo, size: Size, meter: Meter) -> Solution:
        """Restore a photo at the networks' size; `size`, that of the result, is not used.

        Raises:
            ValueError: if the photo can't be restored with these networks.
        """
        from everymode.restoration import fitting_size, restore

        fitted_size = fitting_size(self.network, self.discriminator, photo.size)
        if self._flags.task == "upscale" and any(
            own > side for own, side in zip(photo.size, fitted_size, strict=True)
        ):
            raise ValueError(
                f"it has {photo.size[0]}x{photo.size[1]} pixels, more than the {fitted_size[0]}x{fitted_size[1]} of "
                "the generator's images: only smaller photos can be upscaled; --shrink makes a small one"
            )
        target, degrade = degradation(photo, fitted_size, self._flags)
        options = self._options()
        with self._warnings_reported():
            restored = restore(
                self.network,
                self.discriminator,
                target.to(self.generator.device),
                lambda x: degrade(x),
                self._schedule,
                size=fitted_size,
                label=self._label,
                num=500 if self._flags.num is None else self._flags.num,
                seed=self._flags.seed,
                callback=lambda progress: meter.advance() and None,
                **options,
            )
        if restored.stop.why != "all stages are done":
            say(f"{photo.path}: {restored.stop.why}")
        facts = self._facts(restored, fitted_size) | options
        return Solution(
            self._enlargement(restored),
            restored.image.cpu().float(),
            tuple(each.cpu().float() for each in restored.stages),
            facts,
        )

    def _enlargement(self, restored: Restored) -> Any:
        from everymode.restoration import resize

        if getattr(self.network, "takes_any_size", False):
            return lambda size: restored.at(size).cpu().float()
        native = (restored.image.shape[2], restored.image.shape[3])

        def at(size: Size) -> Tensor:
            if size != native:
                self._say_once(
                    f"the generator makes images of {native[0]}x{native[1]} only: other sizes are resized from it "
                    "(lanczos3)"
                )
            return resize(restored.image.cpu().float(), size)

        return at

    def _facts(self, restored: Restored, fitted_size: Size) -> dict[str, Any]:
        label = None if restored.label is None else restored.label[0].tolist()
        last = restored.history[-1] if restored.history else None
        return {
            "fitted_at": list(fitted_size),
            "label": label,
            "class": self._name_of(label),
            "stop": restored.stop._asdict(),
            "losses": None if last is None else {name: getattr(last, name) for name in last._fields[2:]},
        }

    def _name_of(self, label: int | list[int] | None) -> str | None:
        classes = self.generator.classes
        if isinstance(label, int) and label < len(classes):
            return classes[label]
        return None

    def _options(self) -> dict[str, Any]:
        """Return the options of `restore` that the schedule's publication used, as far as the generator has them."""
        options: dict[str, Any] = {"std": 0.3 if self._flags.task == "upscale" else 0.5}
        options["train_output"] = self.schedule_name == "small"
        if self.schedule_name in ("inpainting", "super-resolution-mse"):
            options["instance_statistics"] = self._has_batch_norm_in_blocks()
        if self.schedule_name == "inpainting":
            options["train_embedding"] = bool(self.network.embedding_parameters())
        return options

    def _has_batch_norm_in_blocks(self) -> bool:
        head = {id(parameter) for parameter in self.network.layer_groups()[-1][1]}
        return any(
            hasattr(module, "running_mean") and not any(id(each) in head for each in module.parameters())
            for module in self.network.modules()
        )

    def _stages(self) -> tuple[Stage, ...]:
        import everymode.restoration as restoration

        return getattr(restoration, SCHEDULES[self.schedule_name])

    def _name_of_schedule(self) -> str:
        requested = self._flags.schedule or "auto"
        if requested != "auto":
            return requested
        return "small" if max(self.network.size) <= SMALL_SIDE else OF_TASK[self._flags.task]

    def _label_of(self, label: str | None) -> Tensor | None:
        from everymode.sampling.label_names import label_numbers

        if label is None:
            return None
        numbers = label_numbers(label, 1, self.generator.num_labels, self.generator.classes)
        assert numbers is not None
        if bool((numbers < 0).any()):
            raise ValueError(f"--label {label} leaves a label open: name one of each kind, or omit it")
        return numbers

    def _say_once(self, text: str) -> None:
        if text not in self._reported:
            self._reported.add(text)
            say(text)

    def _warnings_reported(self) -> _Reported:
        return _Reported(self)


class _Reported(warnings.catch_warnings):
    """A block whose warnings are printed, each once per command."""

    def __init__(self, prior: GenerativePrior) -> None:
        super().__init__(record=True)
        self._prior = prior

    def __enter__(self) -> Any:
        self._recorded = super().__enter__()
        warnings.simplefilter("always")
        return self._recorded

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for each in self._recorded or ():
            self._prior._say_once(str(each.message))


def _shortened(stages: Sequence[Stage], steps: int | None) -> tuple[Stage, ...]:
    """Return the stages with `steps` steps in all, in the same proportions, at least one each."""
    if steps is None:
        return tuple(stages)
    whole = sum(stage.steps for stage in stages)
    return tuple(replace(stage, steps=max(round(stage.steps * steps / whole), 1)) for stage in stages)
