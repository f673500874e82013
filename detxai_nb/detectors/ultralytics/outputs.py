"""What the branches of Ultralytics' Detect heads say: class logits, distances to the sides of the box and its angle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.targets import class_values, sigmoid_scores
from detxai_nb.types import SIDES, Target

HEADS = ("Detect", "v10Detect", "Segment", "Segment26", "Pose", "Pose26", "OBB", "OBB26", "WorldDetect")
"""The heads that are known: all have Detect's branches for classes and boxes, and those of masks and key points do not
change these."""
_ORIENTED = ("OBB", "OBB26")
_BRANCH_LISTS = {"class": "cv3", "box": "cv2", "angle": "cv4"}
"""Attributes of the head that hold the branches for classes, box distributions and, of oriented boxes, angles."""


class HeadOutputs:
    """The branches of a head and the meaning of what they put out at a cell.

    Args:
        head: one of ``HEADS``.
        texts: the embeddings ``[1,C,E]`` of the class names that a YOLO-World compares its outputs with; None for other
            heads.
    """

    def __init__(self, head: Any, texts: Tensor | None = None) -> None:
        self.head = head
        self._texts = texts if type(head).__name__ == "WorldDetect" else None

    @property
    def oriented(self) -> bool:
        """Whether boxes have an angle."""
        return type(self.head).__name__ in _ORIENTED

    @property
    def branches(self) -> tuple[str, ...]:
        """Names of the branches that make a detection."""
        return ("class", "box", "angle") if self.oriented else ("class", "box")

    def modules(self, name: str, end_to_end: bool) -> Sequence[nn.Module]:
        """Return a branch of the head at each level.

        Args:
            name: one of ``branches``.
            end_to_end: True for the one-to-one set (YOLOv10, YOLO26), False for the one-to-many set.

        Returns:
            A module for each level.
        """
        prefix = "one2one_" if end_to_end else ""
        found: Sequence[nn.Module] = getattr(self.head, prefix + _BRANCH_LISTS[name])
        return found

    def logits(self, raw: Tensor, level: int) -> Tensor:
        """Return the class logits.

        Args:
            raw: outputs ``[n,K]`` of the class branch.
            level: number of the level that they come from.

        Returns:
            ``[n,C]``; of a YOLO-World how alike the outputs and the class names' embeddings are.
        """
        if self._texts is None:
            return raw
        # Maps of one cell each: PyTorch's batch norm has wrong gradients for one map that is a transposed view.
        compared: Tensor = self.head.cv4[level](raw.contiguous()[:, :, None, None], self._texts.to(raw))
        return compared[:, :, 0, 0]

    def distances(self, raw: Tensor) -> Tensor:
        """Return the distances from the cell's centre to the sides, at right angles to them.

        Args:
            raw: outputs ``[n,4*bins]`` of the box branch.

        Returns:
            ``[n,4]`` to the left, top, right and bottom side, in strides; of an oriented box before it is turned.
        """
        found: Tensor = self.head.dfl(raw[:, :, None])[:, :, 0]
        return found

    def angles(self, raw: Tensor) -> Tensor:
        """Return by how much boxes are turned around their cell's centre.

        Args:
            raw: outputs ``[n,1]`` of the angle branch.

        Returns:
            ``[n]`` in radians, clockwise as drawn (from x to y).
        """
        turned = raw[:, 0]
        return turned if type(self.head).__name__ == "OBB26" else (turned.sigmoid() - 0.25) * math.pi


class UltralyticsRule:
    """The scalars of a Detect head: class probability or logit, and distances to the box's sides in strides.

    The sides of an oriented box are those before it is turned: its angle changes none of the four distances from the
    cell's centre.

    Args:
        outputs: the head's.
    """

    def __init__(self, outputs: HeadOutputs) -> None:
        self._outputs = outputs

    def needs(self, target: Target) -> tuple[str, ...]:
        """Return the branches that a target is computed from.

        Args:
            target: what is explained.

        Returns:
            ("box",) for a side of the box, else ("class",).
        """
        return ("box",) if target.part in SIDES else ("class",)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Compute the explained scalars from the branches' outputs.

        Args:
            outputs: outputs ``[n,K]`` by branch, of those that ``needs`` names.
            level: number of the pyramid level.
            at: cells int64 ``[n,2]``, (row, column) (not used).
            labels: the explained class of each, int64 ``[n]``.
            target: what is explained.

        Returns:
            Scalars ``[n]``: a sigmoid probability, its logarithm, a logit, a difference of two classes', or the
            distance to a side in strides.
        """
        if target.part in SIDES:
            return self._outputs.distances(outputs["box"])[:, SIDES.index(target.part)]
        logits = self._outputs.logits(outputs["class"], level)

        def value_of(classes: Tensor) -> Tensor:
            return sigmoid_scores(logits.gather(1, classes[:, None])[:, 0], target.score)

        return class_values(value_of, labels, target)


def turned_corners(centre: Tensor, distances: Tensor, angles: Tensor) -> Tensor:
    """Return the corners of oriented boxes.

    Args:
        centre: ``[n,2]`` (x, y), the point around which each is turned.
        distances: ``[n,4]`` from it to the left, top, right and bottom side before it is turned.
        angles: ``[n]`` in radians, clockwise as drawn.

    Returns:
        ``[n,4,2]`` (x, y), clockwise as drawn, the first one top left before the box is turned.
    """
    left, top, right, bottom = distances.unbind(1)
    u, v = torch.stack([-left, right, right, -left], dim=1), torch.stack([-top, -top, bottom, bottom], dim=1)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    return centre[:, None] + torch.stack([u * cos - v * sin, u * sin + v * cos], dim=2)


def rotated_survivors(
    boxes: Tensor, scores: Tensor, labels: Tensor, threshold: float | None, most: int | None
) -> Tensor:
    """Return the rows that Ultralytics' suppression of oriented boxes leaves.

    A box is dropped if any box of its class with a higher score, a dropped one too, overlaps it by more than the
    threshold. The overlap is the probabilistic IoU, Ultralytics' own.

    Args:
        boxes: ``[N,5]``: centre x and y, width, height and angle in radians.
        scores: ``[N]``.
        labels: int64 ``[N]``.
        threshold: the overlap in 0..1; None drops nothing.
        most: the maximum number of rows; None for all.

    Returns:
        int64 ``[K]``, by falling score.

    References:
        Fast NMS: Bolya et al., YOLACT (ICCV 2019), section 4.2. The overlap: Llerena et al., Gaussian Bounding Boxes
        and Probabilistic Intersection-over-Union (2021), arXiv 2106.06072.
    """
    order = scores.argsort(descending=True, stable=True)
    if threshold is None or not len(order):
        return order[:most]
    from ultralytics.utils.metrics import batch_probiou

    boxes, labels = boxes[order], labels[order]
    kept = torch.ones(len(order), dtype=torch.bool, device=order.device)
    for label in torch.unique(labels).tolist():
        mine = (labels == label).nonzero()[:, 0]
        overlaps = batch_probiou(boxes[mine], boxes[mine]).triu_(diagonal=1)
        kept[mine] = ~(overlaps > threshold).any(dim=0)
    return order[kept][:most]
