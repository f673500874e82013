"""The tensors of ``Detections``: which there are, and what holds for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

_NEEDED = ("boxes", "scores", "labels")
ROWS = (*_NEEDED, "class_scores", "objectness", "origins", "iou", "found_boxes")
"""The fields of ``Detections`` that hold a row for each detection; all but the first three may be None."""
_WHOLE_NUMBERS = ("labels", "origins")


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
    origins, columns = values.get("origins"), len(origin_fields)
    if origins is not None and (origins.ndim != 2 or (columns and origins.shape[1] != columns)):
        told = f" with the columns {', '.join(origin_fields)}" if columns else ""
        raise ValueError(f"origins are [N,K]{told}, got shape {list(origins.shape)}")
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"labels run from 0 to {classes - 1}, got {sorted(set(labels.tolist()))[:9]}")
