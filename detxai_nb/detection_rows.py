"""The tensors of ``Detections``: which there are, what holds for each row, and boxes and labels from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.names import any_class_number

_NEEDED = ("boxes", "scores", "labels")
ROWS = (*_NEEDED, "class_scores", "objectness", "origins", "iou", "found_boxes", "numbers")
"""The fields of ``Detections`` that hold a row for each detection; all but the first three may be None."""
_WHOLE_NUMBERS = ("labels", "origins", "numbers")


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
