"""Detections of two views of one picture: which are of the same object, and how well they agree."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.types import Detections

SAME = 0.5
"""The IoU above which two boxes of one class are of the same object."""


def pair_detections(first: Detections, second: Detections, boxes: Tensor | None = None) -> list[tuple[int, int]]:
    """Return which detections of two answers are of the same object: of one class, one to one, by falling score.

    Args:
        first: N detections.
        second: M detections.
        boxes: ``[M,4]``, where those of ``second`` lie in the frame of ``first``; by default their own boxes.

    Returns:
        Pairs of rows.
    """
    there = second.boxes if boxes is None else boxes
    if not len(first) or not len(second):
        return []
    overlaps = box_iou(first.boxes.double(), there.double()).nan_to_num(0.0)
    overlaps = torch.where(first.labels[:, None] == second.labels[None], overlaps, 0.0)
    pairs = []
    for row in range(len(first)):
        best = int(overlaps[row].argmax())
        if float(overlaps[row, best]) > SAME:
            pairs.append((row, best))
            overlaps[:, best] = 0.0
    return pairs


def mirrored(boxes: Tensor, width: float) -> Tensor:
    """Return where boxes lie in a picture that was mirrored left to right.

    Args:
        boxes: ``[N,4]`` xyxy in pixels.
        width: of the picture.

    Returns:
        ``[N,4]`` xyxy.
    """
    return torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1)


def shared_evidence(first: Detections, second: Detections, boxes: Tensor) -> float:
    """Return how much two answers find in common.

    Args:
        first, second: detections of two views of one picture.
        boxes: those of ``second`` in the frame of ``first``.

    Returns:
        The sum over the objects that both find of the lower score.
    """
    pairs = pair_detections(first, second, boxes)
    return sum(min(float(first.scores[i]), float(second.scores[j])) for i, j in pairs)
