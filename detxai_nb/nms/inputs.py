"""What rules of suppression are given, checked: boxes, scores, classes, images and vectors of N predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Compared:
    """N predictions as the rules compare them, on one device.

    Attributes:
        boxes: float32 or float64 ``[N,4]``, xyxy.
        scores: ``[N]``.
        labels: int64 ``[N]``.
        images: int64 ``[N]``.
        vectors: float32 or float64 ``[N,D]``, or None.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    images: Tensor
    vectors: Tensor | None

    def of(self, rows: Tensor) -> Compared:
        """Return some of the predictions.

        Args:
            rows: int64 ``[n]``.

        Returns:
            Those n.
        """
        vectors = None if self.vectors is None else self.vectors[rows]
        return Compared(self.boxes[rows], self.scores[rows], self.labels[rows], self.images[rows], vectors)

    def rows_of_images(self) -> Iterator[Tensor]:
        """Yield the rows of each image.

        Yields:
            int64 ``[n]``, by falling score and stable.
        """
        order = self.scores.argsort(descending=True, stable=True)
        for image in torch.unique(self.images).tolist():
            yield order[self.images[order] == image]


def read_predictions(
    boxes: Any, scores: Any, labels: Any, images: Any, vectors: Any, vectors_of: str, rule: str
) -> Compared:
    """Check what a rule was called with.

    Args:
        boxes, scores, labels, images, vectors: as ``Suppression`` says.
        vectors_of: what the rule compares besides boxes, or "".
        rule: its name, for messages.

    Returns:
        The same as tensors of the kinds that ``Compared`` says.

    Raises:
        TypeError: for what is no tensor, or not of that kind of numbers.
        ValueError: for shapes that do not fit together, numbers that are not finite, boxes whose sides are the wrong
            way round, and vectors that are missing or unused.
    """
    boxes = _floats("boxes", boxes)
    scores = _floats("scores", scores, boxes.device)
    if scores.ndim != 1 or boxes.shape != (len(scores), 4):
        raise ValueError(f"expected boxes [N,4] and scores [N], got {list(boxes.shape)} and {list(scores.shape)}")
    _require_finite("boxes", boxes)
    _require_finite("scores", scores)
    wrong = (boxes[:, 2:] < boxes[:, :2]).any(dim=1)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"box {row} is ({', '.join(f'{side:g}' for side in boxes[row].tolist())}); expected (x1, y1, x2, y2) with "
            "x1 <= x2 and y1 <= y2"
        )
    labels, images = (_numbers(name, given, scores) for name, given in (("labels", labels), ("images", images)))
    return Compared(boxes, scores, labels, images, _vectors(vectors, scores, vectors_of, rule))


def require_fraction(name: str, value: Any) -> None:
    """Raise an error unless a setting is a number in 0..1.

    Args:
        name: of the setting.
        value: what was given.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is not in 0..1.
    """
    number = _number(name, value)
    if not 0 <= number <= 1:
        hint = f"; for {number:g} percent write {number / 100:g}" if 1 < number <= 100 else ""
        raise ValueError(f"{name} is a number from 0 to 1, got {number:g}{hint}")


def require_positive(name: str, value: Any) -> None:
    """Raise an error unless a setting is a finite number above 0, in float32 too.

    Args:
        name: of the setting.
        value: what was given.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is not above 0, or so small or large that float32 has 0 or infinity for it.
    """
    number = _number(name, value)
    limits = torch.finfo(torch.float32)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} is a number above 0, got {number:g}")
    if not limits.tiny <= number <= limits.max:
        raise ValueError(f"{name} is a number from {limits.tiny:.3g} to {limits.max:.3g}, got {number:g}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number, got {value!r}")
    return float(value)


def _floats(name: str, value: Any, device: torch.device | None = None) -> Tensor:
    """A tensor of at least float32, without a graph."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a tensor, got a {type(value).__name__}")
    if value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} holds numbers, got {str(value.dtype).removeprefix('torch.')}")
    if device is not None and value.device != device:
        raise ValueError(f"{name} is on {value.device} and boxes on {device}; bring them to one device")
    plain: Tensor = value.detach()
    return plain if plain.dtype in (torch.float32, torch.float64) else plain.float()


def _numbers(name: str, value: Any, scores: Tensor) -> Tensor:
    """int64 ``[N]``: which class or image; all 0 for None."""
    if value is None:
        return torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a tensor of whole numbers or None, got a {type(value).__name__}")
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} are whole numbers (int64), got {str(value.dtype).removeprefix('torch.')}")
    if value.shape != scores.shape:
        raise ValueError(f"expected {name} [{len(scores)}], one for each score, got {list(value.shape)}")
    if value.device != scores.device:
        raise ValueError(f"{name} is on {value.device} and boxes on {scores.device}; bring them to one device")
    whole: Tensor = value.long()
    return whole


def _vectors(vectors: Any, scores: Tensor, vectors_of: str, rule: str) -> Tensor | None:
    if not vectors_of:
        if vectors is not None:
            raise ValueError(f"{rule} compares boxes only and has no use for vectors; leave them out")
        return None
    if vectors is None:
        raise ValueError(f"{rule} compares {vectors_of}; hand them in as vectors [N,D], a row for each box")
    found = _floats("vectors", vectors, scores.device)
    if found.ndim != 2 or len(found) != len(scores):
        raise ValueError(
            f"expected vectors [{len(scores)},D], the {vectors_of} of each box, flat; got {list(found.shape)}"
        )
    _require_finite("vectors", found)
    return found


def _require_finite(name: str, values: Tensor) -> None:
    flat = values.flatten(1) if values.ndim > 1 else values[:, None]
    wrong = ~torch.isfinite(flat).all(dim=1)
    if bool(wrong.any()):
        raise ValueError(
            f"{name} has NaN or infinity in {int(wrong.sum())} of {len(wrong)} rows; "
            f"the first is row {int(wrong.nonzero()[0])}"
        )
