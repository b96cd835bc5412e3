"""Names of tensors in released generators, translated to the names of `BigGANGenerator` and back.

Our names are those of a generator without weight normalization; the stored vectors of a layer's spectral norm are
`LAYER.u` and `LAYER.v`. Names follow ajbrock/BigGAN-PyTorch (BigGAN.py, layers.py) and
POSTECH-CVLab/PyTorch-StudioGAN (src/models/big_resnet.py, src/utils/ops.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from everymode.exchange.picture_layouts import renamed
from everymode.exchange.released import (
    FROM_RELEASED_BOTH,
    FROM_RELEASED_GENERATOR,
    TO_RELEASED_BOTH,
    TO_RELEASED_GENERATOR,
)
from everymode.storage.json_files import read_object

_STUDIOGAN = (
    (r"^linear0\.", "linear."),
    (r"\.bn([12])\.(bn\.)?", r".norm\1."),
    (r"\.conv2d([12])\.", r".conv\1."),
    (r"\.conv2d0\.", ".shortcut."),
    (r"\.conv1x1_theta\.", ".query."),
    (r"\.conv1x1_phi\.", ".key."),
    (r"\.conv1x1_g\.", ".value."),
    (r"\.conv1x1_attn\.", ".output."),
    (r"^(attention\.\d+)\.sigma$", r"\1.gamma"),
    (r"^bn4\.weight$", "output_norm.gain"),
    (r"^bn4\.", "output_norm."),
    (r"^conv2d5\.", "output_conv."),
    (r"\.weight_orig$", ".weight"),
    (r"\.weight_([uv])$", r".\1"),
)
_OF_STUDIOGAN = (
    (r"^linear\.", "linear0."),
    (r"^(blocks\.\d+\.0)\.norm([12])\.running_", r"\1.bn\2.bn.running_"),
    (r"^(blocks\.\d+\.0)\.norm([12])\.", r"\1.bn\2."),
    (r"^(blocks\.\d+\.0)\.conv([12])\.", r"\1.conv2d\2."),
    (r"\.shortcut\.", ".conv2d0."),
    (r"\.query\.", ".conv1x1_theta."),
    (r"\.key\.", ".conv1x1_phi."),
    (r"\.value\.", ".conv1x1_g."),
    (r"^(blocks\.\d+\.0)\.output\.", r"\1.conv1x1_attn."),
    (r"\.gamma$", ".sigma"),
    (r"^output_norm\.gain$", "bn4.weight"),
    (r"^output_norm\.", "bn4."),
    (r"^output_conv\.", "conv2d5."),
    (r"\.([uv])$", r".weight_\1"),
)


class Release(NamedTuple):
    """The conventions of one released code, or of a user's map of names."""

    name: str
    """Name in messages and model cards."""
    to_ours: Callable[[Collection[str]], dict[str, str | None]]
    """Released names -> our name of each; None for tensors without an effect on images."""
    of_ours: Callable[[str, Collection[int]], str]
    """(our name, blocks that attention follows) -> released name."""
    norm_epsilon: float | None = None
    """Epsilon of the batch normalizations; None = not known."""
    tables: bool | None = None
    """Whether generators without a shared embedding have a table per class in each normalization; None = not known."""
    vectors: tuple[str, ...] = ()
    """Vectors that every layer under spectral norm has: u, or u and v; () = those that the map names."""
    spectral: str = ""
    """Pattern of released names that only spectral norm has."""
    raw: str = ""
    """End of the released name of a weight under spectral norm, after "weight"."""

    def is_spectral(self, names: Iterable[str]) -> bool:
        """Return whether released names show that layers are under spectral norm."""
        return bool(self.spectral) and any(re.search(self.spectral, name) for name in names)

    def released_name(self, ours: str, attention: Collection[int], spectral: bool) -> str:
        """Return the released name of a tensor, for messages.

        Args:
            ours: our name.
            attention: blocks that attention follows.
            spectral: whether the tensor's layer is under spectral norm.
        """
        return self.of_ours(ours, attention) + (self.raw if spectral and ours.endswith(".weight") else "")


def release_called(name: str | Path) -> Release:
    """Return the release of this name, or the user's map in a JSON file.

    A map is a JSON object of released name -> our name, for every tensor of the file; null means that a tensor has no
    effect on images.

    Args:
        name: "biggan-pytorch", "studiogan", or the path of a JSON file.
    Raises:
        FileNotFoundError: if the JSON file does not exist.
        ValueError: if there is no such release, or if the JSON file is not a map of names.
    """
    if str(name) in RELEASES:
        return RELEASES[str(name)]
    path = Path(name)
    if path.suffix != ".json":
        raise ValueError(
            f"there is no release {str(name)!r}: choose {' or '.join(RELEASES)}, or name a JSON file that maps the "
            "file's names to everymode's"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: name a JSON file that maps names to everymode's")
    return _mapped(read_object(path, "a map of names"), path)


def _mapped(names: Mapping[str, Any], path: Path) -> Release:
    wrong = [name for name, ours in names.items() if not isinstance(ours, str | None)]
    targets = [ours for ours in names.values() if ours is not None]
    twice = sorted({str(ours) for ours in targets if targets.count(ours) > 1})
    if wrong or twice:
        reason = f"{wrong[0]} maps to {names[wrong[0]]!r}" if wrong else f"{twice[0]} occurs twice"
        raise ValueError(
            f"{path} is not a map of names ({reason}): each released name maps to another one of everymode's names, or "
            "to null if the tensor has no effect"
        )
    back = {ours: name for name, ours in names.items()}

    def to_ours(given: Collection[str]) -> dict[str, str | None]:
        missing = [name for name in names if name not in given]
        unused = [name for name in given if name not in names]
        if missing or unused:
            raise ValueError(
                f"the tensors don't fit the map {path.name} (missing: {_listed(missing)}; unused, as the map lacks "
                f"them: {_listed(unused)}): map every name of the file, to null if the tensor has no effect"
            )
        return dict(names)

    return Release(path.stem, to_ours, lambda ours, _attention: back.get(ours, ours))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none"


def _from_biggan(names: Collection[str]) -> dict[str, str | None]:
    rules = (*FROM_RELEASED_BOTH, *FROM_RELEASED_GENERATOR, (r"\.u0$", ".u"))
    # Singular values and further vectors (u1, ...) are only logged.
    logged = re.compile(r"\.(sv\d+|u[1-9]\d*|num_batches_tracked|accumulation_counter)$")
    return {name: None if logged.search(name) else renamed(name, rules) for name in names}


def _to_biggan(ours: str, attention: Collection[int]) -> str:
    return renamed(ours, ((r"\.u$", ".u0"), *TO_RELEASED_BOTH, *TO_RELEASED_GENERATOR))


def _from_studiogan(names: Collection[str]) -> dict[str, str | None]:
    entries = {int(match[1]) for name in names if (match := re.match(r"blocks\.(\d+)\.", name))}
    attention = {
        entry for entry in entries if any(name.startswith(f"blocks.{entry}.0.conv1x1_") for name in names)
    }

    def prefixed(match: re.Match[str]) -> str:
        # Attention layers are entries of the same list as blocks, and follow the block before them.
        entry = int(match[1])
        block = entry - sum(each < entry for each in attention)
        return f"attention.{block - 1}." if entry in attention else f"blocks.{block}."

    rules = ((r"^blocks\.(\d+)\.0\.", prefixed), *_STUDIOGAN)
    return {name: None if name.endswith(".num_batches_tracked") else renamed(name, rules) for name in names}


def _to_studiogan(ours: str, attention: Collection[int]) -> str:
    def entry(match: re.Match[str]) -> str:
        block = int(match[2])
        before = sum(each < block for each in attention)
        return f"blocks.{block + before + (match[1] == 'attention')}.0."

    return renamed(ours, ((r"^(blocks|attention)\.(\d+)\.", entry), *_OF_STUDIOGAN))


RELEASES = {
    "biggan-pytorch": Release(
        "BigGAN-PyTorch",
        _from_biggan,
        _to_biggan,
        1e-5,
        tables=True,
        vectors=("u",),
        spectral=r"\.(u|sv)\d+$",
    ),
    "studiogan": Release(
        "StudioGAN",
        _from_studiogan,
        _to_studiogan,
        1e-4,
        tables=False,
        vectors=("u", "v"),
        spectral=r"\.weight_(orig|u|v)$",
        raw="_orig",
    ),
}
"""Released code by name."""
