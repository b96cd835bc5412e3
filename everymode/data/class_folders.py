"""Folders as classes: ignored folders, folders of splits or of kinds of files, and the folder that holds all images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from everymode.data.errors import DataError
from everymode.data.formats import remedy
from everymode.data.label_columns import Labeling
from everymode.data.label_values import composed, named_classes
from everymode.data.words import counted, listed

__all__ = ["folder_around", "is_hidden", "is_of_the_system", "labels_from_folders", "levels_of"]

SYSTEM_FOLDERS = frozenset(
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

FILE_KINDS = frozenset(
    (
        *("image", "images", "img", "imgs", "jpegimages", "originals", "raw", "resized", "cropped", "crops"),
        *("segmentation", "segmentations", "segmentationclass", "segmentationobject", "mask", "masks", "gt"),
        *("groundtruth", "annotation", "annotations", "labels", "sample", "samples", "thumb", "thumbs"),
        *("thumbnail", "thumbnails", "preview", "previews", "bboxes", "keypoints", "landmarks"),
        *("fold", "folds", "chunk", "chunks", "shard", "shards", "batch", "batches"),
    )
)
"""Words in the names of folders that hold one kind of file each, not one class."""

FILLER_WORDS = frozenset(
    (
        *("a", "b", "x", "y", "set", "data", "split", "folder", "hr", "lr", "jpeg", "jpg", "png"),
        *("class", "object", "full", "the", "my", "all"),
    )
)
"""Words that may accompany the name of a split or of a kind of file without changing its meaning."""


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is ignored without a note."""
    return name.startswith(".") or name == "__MACOSX"


def is_of_the_system(name: str) -> bool:
    """Return whether a folder of this name belongs to an operating system or a network disk, such as @eaDir."""
    return name.lower() in SYSTEM_FOLDERS


def folder_around(names: Iterable[str]) -> str:
    """Return the innermost folder that holds all paths, with a trailing slash ("a/photos/"); "" for the root."""
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
    """Return a folder and its ancestors, outermost first: "", "a/", "a/photos/" for "a/photos/"."""
    parts = folder.split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:count]) for count in range(len(parts) + 1)]


def labels_from_folders(
    names: Sequence[str],
    where: str,
    *,
    root: str | None = None,
    packed: bool = False,
    undecodable: Sequence[str] = (),
) -> Labeling:
    """Label each image by the first folder of its path; images outside any folder are unlabeled.

    Args:
        names: paths with forward slashes, relative to the root.
        where: name of the data in messages.
        root: path of the folder that holds them, for advice in messages (default: `where`).
        packed: whether it is an archive, in which a folder can't be opened by its path.
        undecodable: paths of images in formats that can't be read here.

    Raises:
        DataError: if the folders look like splits (train, test, ...) or kinds of files, not like classes, or all images
            of a folder are undecodable.
    """
    root = where if root is None else root
    folders = [name.split("/", 1)[0] if "/" in name else None for name in names]
    distinct = sorted({folder for folder in folders if folder is not None})
    lost = [name for name in undecodable if "/" in name and name.split("/", 1)[0] not in distinct]
    if lost:
        lost_folders = sorted({name.split("/", 1)[0] for name in lost})
        raise DataError(
            f"{where}: no image in {listed(lost_folders)} can be read ({counted(len(lost), 'file')} such as "
            f"{lost[0]}); {remedy(lost)}, or move the folder elsewhere"
        )
    notes = _check_class_folders(distinct, where, folders, root, packed) if len(distinct) > 1 else ()
    labels, classes = named_classes(folders)
    if len(classes) < len(distinct):
        merged = [name for name in distinct if composed(name) != name]
        notes += (
            f"{where}: folders whose names differ only in the Unicode composition of their letters are one class "
            f"each: {listed(merged)}",
        )
    if len(distinct) == 1:
        inner = folder_around(name for name in names if "/" in name).rstrip("/")
        advice = f"unpack it and open {inner}" if packed else f"open {root}/{inner}"
        notes += (
            f'{where} has only one class folder ("{classes[0]}"), so its labels carry no information; to use the '
            f"folders in it as classes, or no classes, {advice}",
        )
    if classes and None in folders:
        notes += (f"{folders.count(None)} images of {where} are outside the class folders and unlabeled",)
    return Labeling(labels, classes, notes)


def _check_class_folders(
    distinct: Sequence[str], where: str, folders: Sequence[str | None], root: str, packed: bool
) -> tuple[str, ...]:
    """Return a note if some folders look like splits or kinds of files.

    Raises:
        DataError: if all of them do, or they are several splits.
    """
    splits = {folder: split for folder in distinct if (split := _split_of(folder)) is not None}
    kinds = [
        folder for folder in distinct if _words(folder) and set(_words(folder)) <= FILE_KINDS | FILLER_WORDS
    ]
    kinds = [folder for folder in kinds if set(_words(folder)) & FILE_KINDS]
    certain = sorted({*splits, *kinds})
    suspects = [
        folder
        for folder in distinct
        if folder in certain or set(_words(folder)[:1] + _words(folder)[-1:]) & set(SPLIT_OF)
    ]
    if not suspects:
        return ()
    counts = Counter(folders)
    largest = max(certain or suspects, key=lambda folder: (splits.get(folder) == "train", counts[folder]))
    advice = (
        f"unpack it and open one of them, such as {largest}"
        if packed
        else f"open one of them, such as {root}/{largest}"
    )
    if len(certain) == len(distinct) or len({*splits.values()} - {"unlabeled"}) > 1:
        raise DataError(
            f"{where} holds {listed(certain)}, which look like {'splits' if splits else 'kinds of files'}, not "
            f"classes; {advice} (if they are classes, list the images in a labels.csv)"
        )
    return (
        f"{where}: {listed(suspects)} {'looks' if len(suspects) == 1 else 'look'} like a split or a kind of files, and "
        f"{'is used as a class' if len(suspects) == 1 else 'are used as classes'}; if that is wrong, move the folders "
        f"that are not classes elsewhere, or {advice}",
    )


def _split_of(folder: str) -> str | None:
    """Return the split that a folder's name denotes, such as train2017 or trainA; None if it has other words."""
    words = _words(folder)
    splits = {SPLIT_OF[word] for word in words if word in SPLIT_OF}
    others = set(words) - set(SPLIT_OF)
    return splits.pop() if len(splits) == 1 and others <= FILLER_WORDS | FILE_KINDS else None


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case: "trainA-2017" -> train, a."""
    name = re.sub(
        r"held[-_ ]?out", "heldout", re.sub(r"ground[-_ ]?truth", "groundtruth", name, flags=re.I), flags=re.I
    )
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return [piece for word in words for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    """Split "trainset" into train, set; return other words unchanged."""
    for known in () if word in SPLIT_OF or word in FILE_KINDS else SPLIT_OF:
        if word.startswith(known) and word.removeprefix(known) in FILLER_WORDS | FILE_KINDS:
            return [known, word.removeprefix(known)]
    return [word]
