"""The tensors of ``Detections``: which there are, what holds for each row, and what comes from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.arrays import check_plain, plain_array
from detxai_nb.names import any_class_number

_NEEDED = ("boxes", "scores", "labels")
ROWS = (*_NEEDED, "class_scores", "objectness", "origins", "iou", "found_boxes", "numbers", "polygons")
"""The fields of ``Detections`` that hold a row for each detection; all but the first three may be None."""
_WHOLE_NUMBERS = ("labels", "origins", "numbers")
_ROUNDING = 1e-3
"""How far half precision may move a probability beyond 0 or 1, or a side beyond its opposite, as a share."""


def check_rows(values: Mapping[str, Any], origin_fields: Sequence[str], classes: int) -> None:
    """Raise an error unless these are the tensors of one image's detections.

    Args:
        values: the fields ``ROWS``, by name.
        origin_fields: the name of each column of "origins"; empty if unknown.
        classes: how many class names there are.

    Raises:
        TypeError: if one of them is no tensor, or one of another kind of numbers.
        ValueError: if they differ in their number of rows or columns, or a label has no name.
    """
    for name, value in values.items():
        if value is None and name not in _NEEDED:
            continue
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} of Detections is a tensor with a row for each, got a {type(value).__name__}; what a "
                "detector finds comes from detect, and boxes from elsewhere go through detections.from_boxes"
            )
        if value.numel() and value.is_floating_point() == (name in _WHOLE_NUMBERS):
            wanted = "whole numbers (int64)" if name in _WHOLE_NUMBERS else "floating-point numbers"
            raise TypeError(f"{name} of Detections are {wanted}, got {str(value.dtype).removeprefix('torch.')}")
    scores, labels = values["scores"], values["labels"]
    count = len(scores) if scores.ndim else 0
    for name in ("boxes", "found_boxes"):
        if (value := values.get(name)) is not None and value.shape != (count, 4):
            raise ValueError(f"boxes are [N,4] with N = {count} scores, got shape {list(value.shape)}")
    if (value := values.get("polygons")) is not None and value.shape != (count, 4, 2):
        raise ValueError(f"polygons are [N,4,2] with N = {count} scores, got shape {list(value.shape)}")
    for name, value in values.items():
        if value is not None and (not value.ndim or len(value) != count):
            raise ValueError(f"{name} has {len(value) if value.ndim else 'no'} rows for {count} scores")
    if (numbers := values.get("numbers")) is not None and numbers.ndim != 1:
        raise ValueError(f"numbers are [N] with N = {count} scores, got shape {list(numbers.shape)}")
    origins, columns = values.get("origins"), len(origin_fields)
    if origins is not None and (origins.ndim != 2 or (columns and origins.shape[1] != columns)):
        told = f" with the columns {', '.join(origin_fields)}" if columns else ""
        raise ValueError(f"origins are [N,K]{told}, got shape {list(origins.shape)}")
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"labels run from 0 to {classes - 1}, got {sorted(set(labels.tolist()))[:9]}")


def as_boxes(boxes: Any, height: int, width: int) -> Tensor:
    """Return boxes from elsewhere as a tensor.

    Args:
        boxes: ``[N,4]``, xyxy in pixels of the image, as a tensor, an array or lists.
        height, width: of the image.

    Returns:
        float64 ``[N,4]`` on the CPU.

    Raises:
        TypeError: if they are no numbers.
        ValueError: for another shape, none, or boxes that are not finite, turned, outside the image or in fractions.
    """
    try:
        found = boxes if isinstance(boxes, Tensor) else torch.from_numpy(np.array(boxes, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise TypeError(f"boxes are numbers [N,4], xyxy in pixels of the image; got {type(boxes).__name__}") from error
    found = found.detach().to("cpu", torch.float64)
    if found.ndim != 2 or found.shape[1] != 4 or not len(found):
        raise ValueError(f"boxes are [N,4] with N > 0, xyxy in pixels of the image; got shape {list(found.shape)}")
    x1, y1, x2, y2 = found.unbind(1)
    wrong = ~torch.isfinite(found).all(1) | (x2 <= x1) | (y2 <= y1)
    wrong |= (x2 <= 0) | (y2 <= 0) | (x1 >= width) | (y1 >= height)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        corners = ", ".join(f"{side:.4g}" for side in found[row].tolist())
        raise ValueError(
            f"box {row}, ({corners}), is no box in the image of {width}x{height} pixels; boxes are (x1, y1, x2, y2) "
            "with x1 < x2 and y1 < y2, in pixels of the image"
        )
    if bool((found.abs() <= 1).all()) and min(height, width) > 2:
        raise ValueError(
            f"all {len(found)} boxes lie within the first pixel: they look like fractions of the image's size; "
            f"multiply x by {width} and y by {height}"
        )
    return found


def as_labels(labels: Any, count: int, names: Sequence[str]) -> list[int]:
    """Return labels from elsewhere as class numbers.

    Args:
        labels: ``count`` class names or numbers, as a list, an array or a tensor.
        count: how many there have to be.
        names: of all classes.

    Returns:
        Class numbers.

    Raises:
        TypeError: if they are no list.
        ValueError: for another number of labels, or a class that there is not.
    """
    if isinstance(labels, (str, bytes, int)):
        raise TypeError(f"labels are a list with a class for each of the {count} boxes; got {labels!r}")
    given = labels.tolist() if isinstance(labels, (Tensor, np.ndarray)) else list(labels)
    if len(given) != count:
        raise ValueError(f"there are {count} boxes and {len(given)} labels; expected as many")
    found = []
    for row, label in enumerate(given):
        try:
            found.append(any_class_number(label, names, "this detector"))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"label {row} is {label!r}; labels are whole numbers from 0 to {len(names) - 1} or names of this "
                f"detector's classes: {error}"
            ) from error
    return found


def as_values(value: Any, what: str) -> Tensor:
    """Return numbers from elsewhere as a plain tensor.

    Args:
        value: a tensor, an array, or lists of numbers or tensors.
        what: what they are, for the error message.

    Returns:
        A tensor without a graph, of the type and on the device that it comes with.

    Raises:
        ValueError: if they are no numbers, or have no plain form.
    """
    try:
        if not isinstance(value, Tensor):
            listed = isinstance(value, Sequence) and any(isinstance(item, Tensor) for item in value)
            value = torch.stack(list(value)) if listed else torch.from_numpy(plain_array(np.array(value), what))
        check_plain(value, what)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what} are no tensor, array or list of numbers ({error})") from error
    plain: Tensor = value.detach()
    return plain


def require_predictions(found: Mapping[str, Tensor], names: Sequence[str], whose: str) -> int:
    """Raise an error unless these are what a detector may predict in an image.

    Args:
        found: "boxes" ``[N,4]``, xyxy in pixels, "scores" and "labels" ``[N]``, and if they are there "class_scores"
            ``[N,C]`` and "objectness" ``[N]``; labels may be whole numbers of any type.
        names: of all C classes.
        whose: predictions they are, for the messages, such as "predict".

    Returns:
        N, how many they are.

    Raises:
        ValueError: for another shape, values that are not finite, probabilities outside of 0..1, boxes whose ends are
            turned, or a label without a name.
    """
    count = _check_shapes(found, len(names), whose)
    for name, value in found.items():
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{whose}'s {name} hold NaN or infinity")
        if name in ("scores", "class_scores", "objectness") and len(value):
            low, high = float(value.min()), float(value.max())
            if low < -_ROUNDING or high > 1 + _ROUNDING:
                raise ValueError(f"{whose}'s {name} are probabilities in 0..1, got {low:.4g} to {high:.4g}")
    boxes, labels = found["boxes"], found["labels"]
    turned = (boxes[:, 2:] < boxes[:, :2] - _ROUNDING * boxes.abs().amax(dim=1, keepdim=True)).any(dim=1)
    if bool(turned.any()):
        row = int(turned.nonzero()[0])
        raise ValueError(
            f"{whose}'s box {row}, ({_corners(boxes[row])}), has x2 < x1 or y2 < y1; "
            "boxes are (x1, y1, x2, y2), not (x, y, width, height)"
        )
    wrong = (labels < 0) | (labels >= len(names)) | (labels != labels.floor() if labels.is_floating_point() else False)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"{whose}'s label {row} is {labels[row].item()}; labels are whole numbers from 0 to {len(names) - 1}, "
            f"one for each of the {len(names)} names"
        )
    return count


def _check_shapes(found: Mapping[str, Tensor], classes: int, whose: str) -> int:
    """How many boxes there are, if everything has as many rows."""
    boxes = found["boxes"]
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{whose}'s boxes are [N,4], xyxy in pixels of the image; got shape {list(boxes.shape)}")
    count = len(boxes)
    for name, value in found.items():
        shape = {"boxes": (count, 4), "class_scores": (count, classes)}.get(name, (count,))
        if tuple(value.shape) != shape:
            raise ValueError(
                f"{whose}'s {name} have shape {list(value.shape)}; expected {list(shape)} for {count} boxes "
                f"and {classes} names"
            )
    return count


def _corners(box: Tensor) -> str:
    return ", ".join(f"{side:.1f}" for side in box.tolist())
