"""Folders as classes: which are passed over, which are splits or kinds of files instead, which lie around all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling
from everymode.data.label_values import composed, named_classes
from everymode.data.words import listed

__all__ = ["folder_around", "is_hidden", "is_of_the_system", "labels_from_folders", "levels_of"]

SYSTEM = frozenset(
    (
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),  # Windows
        *("network trash folder", "temporary items", "__macosx"),  # macOS
        *("@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot"),  # network disks
        *("lost+found", "__pycache__"),
    )
)

SPLITS = {
    "train": ("train", "training", "trainval", "trn"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
    "val": ("val", "valid", "validation", "dev"),
    "held out": ("heldout", "holdout"),
    "unlabeled": ("unlabeled", "unlabelled", "unsup", "unsupervised"),
}
SPLIT_OF = {word: split for split, words in SPLITS.items() for word in words}

KINDS = frozenset(
    (
        *("image", "images", "img", "imgs", "jpegimages", "originals", "raw", "resized", "cropped", "crops"),
        *("segmentation", "segmentations", "segmentationclass", "segmentationobject", "mask", "masks", "gt"),
        *("groundtruth", "annotation", "annotations", "labels", "sample", "samples", "thumb", "thumbs"),
        *("thumbnail", "thumbnails", "preview", "previews", "bboxes", "keypoints", "landmarks"),
        *("fold", "folds", "chunk", "chunks", "shard", "shards", "batch", "batches"),
    )
)
"""Folders that hold one kind of file each, not one class."""

BESIDE = frozenset(
    (
        "a",
        "b",
        "x",
        "y",
        "set",
        "data",
        "split",
        "folder",
        "hr",
        "lr",
        "jpeg",
        "jpg",
        "png",
        "class",
        "object",
        "full",
        "the",
        "my",
        "all",
    )
)
"""Words that stand beside one of these and change nothing."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over without a word."""
    return name.startswith(".") or name == "__MACOSX"


def is_of_the_system(name: str) -> bool:
    """Whether a folder of this name is an operating system's or a network disk's, such as @eaDir."""
    return name.lower() in SYSTEM


def folder_around(names: Iterable[str]) -> str:
    """The innermost folder that holds all of these paths, with a slash behind it: "a/photos/"; "" for none."""
    paths = iter(names)
    around = next(paths, "").split("/")[:-1]
    for path in paths:
        parts = path.split("/")[:-1]
        same = 0
        while same < min(len(around), len(parts)) and around[same] == parts[same]:
            same += 1
        around = around[:same]
        if not around:
            break
    return "".join(f"{part}/" for part in around)


def levels_of(folder: str) -> list[str]:
    """The folders on the way to "a/photos/", from outside: "", "a/", "a/photos/"."""
    parts = folder.split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:count]) for count in range(len(parts) + 1)]


def labels_from_folders(
    names: Sequence[str], where: str, *, place: str | None = None, packed: bool = False
) -> Labeling:
    """The first folder of each path is its class; images outside any folder are unlabeled.

    Args:
        where: for messages.
        place: the path of the folder that holds them, for advice; by default `where`.
        packed: it is an archive, in which no folder can be opened by its path.

    Raises:
        DataError: the folders look like splits (train, test, ...) or kinds of files, not like classes.
    """
    place = where if place is None else place
    folders = [name.split("/", 1)[0] if "/" in name else None for name in names]
    found = sorted({folder for folder in folders if folder is not None})
    notes = _no_classes(found, where, folders, place, packed) if len(found) > 1 else ()
    labels, classes = named_classes(folders)
    if len(classes) < len(found):
        twice = [name for name in found if composed(name) != name]
        notes += (
            f"{where}: folders whose names differ only in how their letters are composed are one class each: "
            f"{listed(twice)}",
        )
    if len(found) == 1:
        inner = folder_around(name for name in names if "/" in name).rstrip("/")
        how = f"unpack it and open {inner}" if packed else f"open {place}/{inner}"
        instead = f"; to have the folders in it as classes, or no classes, {how}"
        notes += (
            f'{where} has one class folder only ("{classes[0]}"), so labels tell nothing apart{instead}',
        )
    if classes and None in folders:
        notes += (f"{folders.count(None)} images of {where} lie outside the class folders and are unlabeled",)
    return Labeling(labels, classes, notes)


def _no_classes(
    found: Sequence[str], where: str, folders: Sequence[str | None], place: str, packed: bool
) -> tuple[str, ...]:
    """A note on folders that look like splits or kinds, among others; an error where they are beyond doubt."""
    splits = {folder: split for folder in found if (split := _split_of(folder)) is not None}
    kinds = [folder for folder in found if _words(folder) and set(_words(folder)) <= KINDS | BESIDE]
    kinds = [folder for folder in kinds if set(_words(folder)) & KINDS]
    odd = sorted({*splits, *kinds})
    near = [
        folder
        for folder in found
        if folder in odd or set(_words(folder)[:1] + _words(folder)[-1:]) & set(SPLIT_OF)
    ]
    if not near:
        return ()
    counts = Counter(folders)
    largest = max(odd or near, key=lambda folder: (splits.get(folder) == "train", counts[folder]))
    how = f"unpack it and open one of them, such as {largest}"
    instead = how if packed else f"open one of them, such as {place}/{largest}"
    if len(odd) == len(found) or len({*splits.values()} - {"unlabeled"}) > 1:
        raise DataError(
            f"{where} holds {listed(odd)}, which look like {'splits' if splits else 'kinds of files'}, not classes; "
            f"{instead} (if they are classes, say so in a labels.csv)"
        )
    return (
        f"{where}: {listed(near)} {'looks' if len(near) == 1 else 'look'} like a split or a kind of files, and "
        f"{'is taken as a class' if len(near) == 1 else 'are taken as classes'}: if that is wrong, move away "
        f"what is no class, or {instead}",
    )


def _split_of(folder: str) -> str | None:
    """The split that a folder's whole name says, as train2017 or trainA does; None where it says more, or none."""
    words = _words(folder)
    said = {SPLIT_OF[word] for word in words if word in SPLIT_OF}
    others = set(words) - set(SPLIT_OF)
    return said.pop() if len(said) == 1 and others <= BESIDE | KINDS else None


def _words(name: str) -> list[str]:
    """The words of a name: "trainA-2017" -> train, a."""
    name = re.sub(
        r"held[-_ ]?out", "heldout", re.sub(r"ground[-_ ]?truth", "groundtruth", name, flags=re.I), flags=re.I
    )
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return [piece for word in words for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    """ "trainset" -> train, set; other words as they are."""
    for known in () if word in SPLIT_OF or word in KINDS else SPLIT_OF:
        if word.startswith(known) and word.removeprefix(known) in BESIDE | KINDS:
            return [known, word.removeprefix(known)]
    return [word]
