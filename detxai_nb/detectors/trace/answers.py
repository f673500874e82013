"""What a subclass of ``GraphDetector`` returns, checked where it is returned, with messages that name the method."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.types import Target

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_input(owner: str, prepared: Any) -> tuple[Tensor, Placement]:
    """Return what ``prepare`` returned: the batch and its placement.

    Args:
        owner: the name of the detector's class, for the message.
        prepared: what ``prepare`` returned.

    Returns:
        The same batch ``[1,3,h,w]`` and placement.

    Raises:
        TypeError: if it is not such a pair.
    """
    pair = isinstance(prepared, tuple) and len(prepared) == 2
    if pair and isinstance(prepared[0], Tensor) and prepared[0].ndim == 4 and isinstance(prepared[1], Placement):
        return prepared[0], prepared[1]
    parts = [_shape(part) for part in prepared] if pair else [_shape(prepared)]
    raise TypeError(
        f"{owner}.prepare returns a batch [1,3,h,w] and its Placement, as resize_image does; got {', '.join(parts)}"
    )


def check_predictions(owner: str, found: Any, fields: tuple[str, ...], classes: int) -> None:
    """Check the shapes and types of what ``decode`` returned.

    Args:
        owner: the name of the detector's class, for the message.
        found: what ``decode`` returned.
        fields: the detector's ``origin_fields``.
        classes: the number of class names.

    Raises:
        TypeError: if it is no ``Predictions``, a field is no tensor, or labels or origins are not whole numbers.
        ValueError: if shapes do not fit together.
    """
    parts = ("boxes", "scores", "labels", "origins", "class_scores", "objectness")
    if not all(hasattr(found, part) for part in parts):
        raise TypeError(f"{owner}.decode returns Predictions(boxes, scores, labels, origins); got {_shape(found)}")
    given = {part: getattr(found, part) for part in parts if getattr(found, part) is not None}
    for part, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{owner}.decode returned {part} as {_shape(value)}; expected a tensor")
        if part in ("labels", "origins") and value.dtype not in WHOLE:
            raise TypeError(f"{owner}.decode returned {part} of {value.dtype}; expected whole numbers, torch.int64")
    rows = len(found.scores) if found.scores.ndim else 0
    wanted = {"boxes": [rows, 4], "scores": [rows], "labels": [rows], "origins": [rows, len(fields)]}
    wanted |= {"class_scores": [rows, classes], "objectness": [rows]}
    why = {
        "boxes": "xyxy in pixels of the network's input, a row for each score",
        "scores": "one number for each prediction",
        "origins": f"a row for each score, a column for each of origin_fields {fields}",
        "class_scores": f"a row for each score, a column for each of the {classes} names",
    }
    for part, value in given.items():
        if list(value.shape) != wanted[part]:
            raise ValueError(
                f"{owner}.decode returned {part} of shape {list(value.shape)}; expected {wanted[part]}: "
                f"{why.get(part, 'one for each score')}"
            )


def check_scalar(owner: str, value: Any, target: Target) -> Tensor:
    """Return the explained scalar as a tensor without dimensions.

    Args:
        owner: the name of the detector's class, for the message.
        value: what ``scalar`` returned.
        target: of which it was asked.

    Returns:
        The same number, shape ``[]``.

    Raises:
        TypeError: if it is no tensor of one number.
    """
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise TypeError(
            f"{owner}.scalar returns a tensor of one number, still part of the graph; "
            f"for the target {target.part!r} it returned {_shape(value)}"
        )
    return value.reshape(())


def _shape(value: Any) -> str:
    return f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
