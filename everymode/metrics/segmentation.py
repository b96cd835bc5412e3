"""Agreement of predicted label maps with true ones: confusion matrix, IoU and accuracies.

One matrix over the whole set, from which all scores are computed; means of the scores of single images are another,
and higher or lower, number. The protocol (segmenter, size of the maps, classes) belongs to every score.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import Values, as_tensor, check_finite, like_inputs, tiles


def confusion_matrix(pred: Values, truth: Values, k: int, ignore: int | None = 255) -> Tensor | np.ndarray:
    """Count the pixels of each pair of true and predicted class. Add up the matrices of all batches of a set.

    Args:
        pred: predicted classes, integers 0 .. k - 1 of any shape, such as [B, H, W].
        truth: true classes, integers of the same shape.
        k: number of classes.
        ignore: label of void pixels of the truth, which are not counted, whatever is predicted there; None for no such
            label.
    Returns:
        int64 [k, k]; rows are the true classes, columns the predicted ones.
    Raises:
        ValueError: if shapes differ, values are not integers, or a counted pixel is outside the classes.
    """
    if k < 1:
        raise ValueError(f"k is {k}; give the number of classes, at least 1")
    predicted, true = _classes("pred", pred), _classes("truth", truth)
    if predicted.shape != true.shape:
        raise ValueError(
            f"pred has shape {list(predicted.shape)} and truth {list(true.shape)}; give maps of one size (enlarge or "
            "reduce maps by nearest)"
        )
    predicted, true = predicted.flatten(), true.flatten()
    matrix = torch.zeros(k * k, dtype=torch.int64)
    for part in tiles(len(true), 1):
        rows, columns = true[part].long(), predicted[part].long()
        if ignore is not None:
            counted = rows != ignore
            rows, columns = rows[counted], columns[counted]
        _require_classes("truth", rows, k, ignore)
        _require_classes("pred", columns, k, None)
        matrix += torch.bincount(rows * k + columns, minlength=k * k)
    return like_inputs(matrix.view(k, k), pred, truth)


def iou_per_class(matrix: Values) -> Tensor | np.ndarray:
    """Compute the intersection over union of each class, float64 [k]; NaN for classes absent from truth and
    prediction.

    Args:
        matrix: a confusion matrix [k, k], rows are the truth.
    Raises:
        ValueError: if the matrix is not square, or has negative or NaN entries.
    """
    counts = _matrix(matrix)
    return like_inputs(_ious(counts), matrix)


def mean_iou(matrix: Values) -> float:
    """Compute the mean IoU over the classes that are present in truth or prediction; NaN if no pixel was counted.

    Arguments and errors are those of `iou_per_class`.
    """
    return float(_ious(_matrix(matrix)).nanmean())


def pixel_accuracy(matrix: Values) -> float:
    """Compute the share of pixels whose class is right; NaN if no pixel was counted.

    Arguments and errors are those of `iou_per_class`.
    """
    counts = _matrix(matrix)
    return float(counts.diagonal().sum() / counts.sum())


def mean_class_accuracy(matrix: Values) -> float:
    """Compute the mean over the classes of the truth of the share of their pixels that is right; NaN if there is none.

    Arguments and errors are those of `iou_per_class`.
    """
    counts = _matrix(matrix)
    return float((counts.diagonal() / counts.sum(1)).nanmean())


def frequency_weighted_iou(matrix: Values) -> float:
    """Compute the mean IoU weighted by each class's share of the true pixels; NaN if no pixel was counted.

    Arguments and errors are those of `iou_per_class`.
    """
    counts = _matrix(matrix)
    return float((_ious(counts).nan_to_num() * counts.sum(1)).sum() / counts.sum())


def _ious(counts: Tensor) -> Tensor:
    shared = counts.diagonal()
    return shared / (counts.sum(0) + counts.sum(1) - shared)


def _matrix(matrix: Values) -> Tensor:
    counts = as_tensor("the confusion matrix", matrix).double()
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.numel() == 0:
        raise ValueError(
            f"the confusion matrix has shape {list(counts.shape)}; [k, k] is needed, as from confusion_matrix"
        )
    check_finite("the confusion matrix", counts)
    if bool((counts < 0).any()):
        raise ValueError(
            "the confusion matrix has negative entries; it must hold counts, as from confusion_matrix"
        )
    return counts


def _classes(name: str, values: Values) -> Tensor:
    classes = as_tensor(name, values)
    if classes.is_floating_point():
        raise ValueError(
            f"{name} is {classes.dtype}; give integers, one class per pixel (argmax of the logits)"
        )
    return classes


def _require_classes(name: str, values: Tensor, k: int, ignore: int | None) -> None:
    """Check that values are classes 0 .. k - 1."""
    if not len(values):
        return
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= k:
        void = "" if ignore is None else f", or {ignore} for void"
        raise ValueError(
            f"{name} holds classes from {low} to {high} at counted pixels; with k={k} they must be 0 to {k - 1}{void}"
        )
