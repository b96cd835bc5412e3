"""Encoder and inversions of `everymode invert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from everymode.commands.ending import say
from everymode.commands.waiting import Meter

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from everymode.data.dataset import Dataset
    from everymode.evaluation.reconstructions import Reconstructions
    from everymode.extractors.perceptual_distances import PerceptualNetwork
    from everymode.inversion import Encoder
    from everymode.sampling.generator import Generator

L1 = "L1"
UNLABELED = "unlabeled"


class Settings(NamedTuple):
    """Settings of the inversions."""

    steps: int
    method: Literal["lbfgs", "adam"]
    feature_weight: float
    seed: int
    batch_size: int


def default_encoder(source: Path) -> Path:
    """Return the file of a generator's encoder: in the run's folder `encoders`, or beside a saved generator."""
    from everymode.sampling.generator import find_generator
    from everymode.storage.checkpoint import step_of

    folder = find_generator(source)
    if step_of(folder) is not None and folder.resolve().parent.name == "checkpoints":
        return folder.resolve().parents[1] / "encoders" / f"{folder.name}.safetensors"
    return folder / "encoder.safetensors"


def encoder_of(
    generator: Generator, source: Path, requested: Path | None, steps: int | None, seed: int
) -> tuple[Encoder, str]:
    """Return the generator's encoder and its file: the stored one, or a new one, which is stored.

    Args:
        generator: the generator.
        source: its run.
        requested: file of --encoder; None = `default_encoder`.
        steps: steps of the fit; None = those of `fit_encoder`, or of the stored encoder.
        seed: seed of the fit.

    Raises:
        ValueError: if the requested encoder is damaged or belongs to another generator, or the generator has no access
            to its layers.
    """
    from everymode.extractors.hashing import tensors_hash
    from everymode.inversion import fit_encoder, load_encoder, save_encoder

    path = default_encoder(source) if requested is None else requested.expanduser()
    weights = tensors_hash(generator.network.state_dict())
    encoder: Encoder | None = None
    of = ""
    if path.is_file():
        try:
            encoder, of = load_encoder(path)
        except (ValueError, FileNotFoundError) as error:
            if requested is not None:
                raise
            say(f"{error}; it is fitted again")
    if encoder is not None:
        fits = of == weights
        if not fits and requested is not None:
            raise ValueError(
                f"{path} is the encoder of another generator: omit --encoder, or name a new file to fit one"
            )
        if fits and steps in (None, encoder.facts.get("steps")):
            say(f"encoder {path}{_in_words(encoder)}")
            return encoder.to(generator.device, generator.dtype), str(path)
        say(f"{path} {'has other steps' if fits else 'is of other weights'}: it is fitted again")
    numbers: dict[str, Any] = {} if steps is None else {"steps": steps}
    meter: Meter | None = None

    def progress(done: int, total: int) -> None:
        nonlocal meter
        meter = Meter(total, "steps of the encoder") if meter is None else meter
        meter.advance()
        if done == total:
            meter.__exit__()

    encoder = fit_encoder(generator.network, seed=seed, progress=progress, **numbers)
    save_encoder(encoder, path, generator=weights)
    say(f"encoder {path}, fitted now{_in_words(encoder)}")
    return encoder, str(path)


def inverted(
    generator: Generator,
    encoder: Encoder,
    data: Dataset,
    rows: np.ndarray,
    settings: Settings,
    network: PerceptualNetwork | None,
) -> Reconstructions:
    """Invert images of a dataset.

    Args:
        generator: the generator.
        encoder: its encoder.
        data: the dataset.
        rows: rows of the images.
        settings: the settings.
        network: network of the perceptual distance; None omits it.
    """
    import torch

    from everymode.evaluation.reconstructions import Reconstructions
    from everymode.inversion import invert
    from everymode.pictures import to_uint8

    originals: list[Tensor] = []
    images: list[Tensor] = []
    labels: list[Tensor] = []
    absolute: list[Tensor] = []
    with Meter(len(rows), "images") as meter:
        for start in range(0, len(rows), settings.batch_size):
            x = data.gather(
                rows[start : start + settings.batch_size], generator.device, dtype=generator.dtype
            )
            result = invert(
                generator.network,
                x,
                encoder=encoder,
                steps=settings.steps,
                method=settings.method,
                feature_weight=settings.feature_weight,
                seed=settings.seed,
            )
            absolute.append((result.image - x).abs().flatten(1).mean(1).cpu())
            originals.append(to_uint8(x))
            images.append(to_uint8(result.image))
            if result.label is not None:
                labels.append(result.label.cpu())
            meter.advance(len(x))
    first, second = torch.cat(originals), torch.cat(images)
    distances = {L1: torch.cat(absolute).double().numpy()}
    if network is not None:
        distances = {network.distance_name: network.distances(first, second).double().numpy(), **distances}
    groups: dict[str, list[str]] = {}
    if data.classes:
        groups["class"] = _names(torch.from_numpy(data.labels[rows]), _blocks(data))
    if labels:
        kind = "predicted-class" if generator.labels.names_classes else "cluster"
        groups[kind] = _names(torch.cat(labels), _blocks_of(generator))
    return Reconstructions(first, second, rows.tolist(), distances, groups)


def _blocks(data: Dataset) -> list[tuple[str, ...]]:
    return list(data.label_blocks) or [data.classes]


def _blocks_of(generator: Generator) -> list[tuple[str, ...]]:
    """Return the names of a generator's labels by block; numbers where there are none."""
    sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
    names = [str(name) for name in generator.classes]
    if len(names) != sum(sizes):
        return [tuple(str(number) for number in range(size)) for size in sizes]
    starts = [sum(sizes[:block]) for block in range(len(sizes))]
    return [tuple(names[start : start + size]) for start, size in zip(starts, sizes, strict=True)]


def _names(labels: Tensor, blocks: list[tuple[str, ...]]) -> list[str]:
    """Return the name of each row of labels [N] or [N, blocks]."""
    table = labels[:, None] if labels.ndim == 1 else labels

    def name(label: int, names: tuple[str, ...]) -> str:
        if label < 0:
            return UNLABELED
        return names[label] if label < len(names) else str(label)

    return [",".join(name(*each) for each in zip(row, blocks, strict=True)) for row in table.tolist()]


def _in_words(encoder: Encoder) -> str:
    facts = encoder.facts
    known = {
        "latent_cosine": "cosine of z {:.2f}",
        "class_accuracy": "class accuracy {:.2f}",
        "squared_error": "squared error {:.4f}",
    }
    words = [text.format(facts[name]) for name, text in known.items() if name in facts]
    return f" (on new samples: {', '.join(words)})" if words else ""
