"""Matching of images with their label maps by relative path, without the extension and known endings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from everymode.data.errors import PairError
from everymode.data.label_values import composed
from everymode.data.words import listed

__all__ = ["ENDINGS", "files_by_key", "match_pairs"]

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "image": ("_leftImg8bit",),
    "map": ("_gtFine_labelIds", "_gtCoarse_labelIds"),
    "instance map": ("_gtFine_instanceIds", "_gtCoarse_instanceIds"),
}
"""Kind of file -> endings of names, before the extension, that are not a part of the name of the pair."""
PASSED_OVER = tuple(
    f"_{quality}_{kind}"
    for quality in ("gtFine", "gtCoarse")
    for kind in ("color", "labelTrainIds", "instanceTrainIds", "polygons")
)
"""Endings of files beside label maps that are neither."""
MOST_SHOWN = 3


def files_by_key(names: Iterable[str], kind: str, where: str, *, strip: Sequence[str] = ()) -> dict[str, str]:
    """Return the files of one kind by the name of their pair: the path without extension and ending.

    A file that ends as another kind of file does (see ENDINGS and PASSED_OVER) is passed over, except if `strip` names
    its ending. If one pair has both a file whose ending `strip` names and another file, the former counts.

    Args:
        names: paths relative to the root, with forward slashes.
        kind: "image", "map" or "instance map".
        where: name of the folder in error messages.
        strip: further endings, tried before the known ones.

    Raises:
        PairError: if two files have the same name of the pair, or the name is nothing but an ending.
    """
    own = ENDINGS[kind]
    foreign = (*PASSED_OVER, *(ending for other, each in ENDINGS.items() if other != kind for ending in each))
    chosen: dict[str, tuple[bool, str]] = {}
    for name in names:
        path = composed(str(PurePosixPath(name).with_suffix("")))
        ending = next((each for each in strip if path.endswith(each)), "")
        by_strip = bool(ending)
        if not by_strip:
            if path.endswith(foreign):
                continue
            ending = next((each for each in own if path.endswith(each)), "")
        key = path.removesuffix(ending)
        if not key or key.endswith("/"):
            raise PairError(f"{where}: the name of {name} is nothing but the ending {ending}; rename it")
        if key in chosen and chosen[key][0] == by_strip:
            raise PairError(
                f"{where}: {chosen[key][1]} and {name} are both the {kind} of {key}; remove or rename one"
            )
        if key not in chosen or by_strip:
            chosen[key] = (by_strip, name)
    return {key: name for key, (_, name) in chosen.items()}


def match_pairs(images: Mapping[str, str], others: Mapping[str, str], kind: str, where: str) -> list[str]:
    """Return the file of `others` for each image, in the order of `images`.

    Args:
        images: image files by the name of their pair (see `files_by_key`).
        others: label maps or instance maps, likewise.
        kind: "map" or "instance map".
        where: names of both folders in error messages.

    Raises:
        PairError: if an image or another file has no partner.
    """
    lonely = [key for key in images if key not in others]
    extra = [key for key in others if key not in images]
    if not lonely and not extra:
        return [others[key] for key in images]
    problems = []
    if lonely:
        shown = listed([images[key] for key in lonely], MOST_SHOWN)
        problems.append(f"{len(lonely)} of {len(images)} images have no {kind} ({shown})")
    if extra:
        shown = listed([others[key] for key in extra], MOST_SHOWN)
        problems.append(f"{len(extra)} of {len(others)} {kind}s have no image ({shown})")
    ending = _common_ending(lonely, extra)
    advice = f', or set strip=("{ending}",) if that ending is not a part of the name' if ending else ""
    raise PairError(
        f"{where}: {' and '.join(problems)}; pairs have the same path and name but for the extension: add or remove "
        f"files{advice}"
    )


def _common_ending(lonely: Sequence[str], extra: Sequence[str]) -> str:
    """Return what must be removed from the names on one side so that the first one without partner has one, or ""."""
    for ours, theirs in ((lonely, extra), (extra, lonely)):
        # the shortest candidate has the fewest further letters
        longer = sorted((key for key in theirs if ours and key.startswith(ours[0])), key=len)
        if longer:
            return longer[0].removeprefix(ours[0])
    return ""
