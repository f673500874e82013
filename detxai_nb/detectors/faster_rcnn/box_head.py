"""Faster R-CNN's box head on a few regions: the scalars it reports and their gradients at the pooled features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.faster_rcnn.pooling import Pooling
from detxai_nb.detectors.trace.budget import MEMORY_BUDGET
from detxai_nb.targets import class_values, softmax_scores
from detxai_nb.types import SIDES, Target

_HEAD_COST = 32
"""Memory that the head keeps of one region for the backward pass, in units of its pooled features."""


@dataclass(frozen=True, eq=False)
class OpenedRegions:
    """The graph of n regions from their pooled features through the box head.

    Attributes:
        proposals: ``[n,4]``, xyxy in input pixels.
        levels: int64 ``[n]``: number of the pyramid map that each region is pooled from.
        pooled: ``[n,C,P,P]``, the leaf of the graph.
        logits: the predictor's class outputs ``[n,K]``, the background first.
        deltas: the predictor's box outputs ``[n,4K]``, before decoding.
    """

    proposals: Tensor
    levels: Tensor
    pooled: Tensor
    logits: Tensor
    deltas: Tensor


class BoxHead:
    """The box head and predictor of torchvision's ``RoIHeads`` on the regions of one image.

    Each region is computed by itself: no scalar depends on another region.

    Args:
        roi_heads: the module's ``RoIHeads``.
        pooling: the RoI pooling on the image's pyramid.
    """

    def __init__(self, roi_heads: Any, pooling: Pooling) -> None:
        self._roi_heads = roi_heads
        self._pooling = pooling

    @property
    def rows_per_pass(self) -> int:
        """Number of regions whose graphs fit the memory budget together, at least 1."""
        features = next(iter(self._pooling.features.values()))
        height, width = self._pooling.output_size
        each = features.shape[1] * height * width * features.element_size() * _HEAD_COST
        return max(1, MEMORY_BUDGET // each)

    def open(self, proposals: Tensor) -> OpenedRegions:
        """Pool the proposals and run the head on them with a graph.

        Args:
            proposals: ``[n,4]``, xyxy in input pixels.

        Returns:
            The regions; the graph starts at their pooled features.
        """
        with torch.no_grad():
            pooled, levels = self._pooling(proposals)
        with torch.enable_grad():
            pooled = pooled.detach().requires_grad_()
            logits, deltas = self._roi_heads.box_predictor(self._roi_heads.box_head(pooled))
        return OpenedRegions(proposals, levels, pooled, logits, deltas)

    def of_pooled(self, pooled: Tensor, proposals: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalars of regions for several versions of their pooled features, with their graph.

        Args:
            pooled: ``[B,n,C,P,P]``.
            proposals: the n regions ``[n,4]``, xyxy in input pixels.
            labels: int64 ``[n]``, the class of each.
            target: what is explained.

        Returns:
            Scalars ``[B,n]``, as ``scalars``.
        """
        count, rows = pooled.shape[:2]
        flat = pooled.flatten(0, 1)
        logits, deltas = self._roi_heads.box_predictor(self._roi_heads.box_head(flat))
        regions = OpenedRegions(proposals.repeat(count, 1), labels, flat, logits, deltas)
        return torch.unflatten(self.scalars(regions, labels.repeat(count), target), 0, (count, rows))

    def scalars(self, regions: OpenedRegions, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalar of each region for its class, with the graph.

        Args:
            regions: n regions from ``open``.
            labels: int64 ``[n]``, the class of each.
            target: what is explained: the class's score, its difference from another class's, or a side of its box.

        Returns:
            Scalars ``[n]``: a softmax probability, its logarithm, a logit, a difference of two of these, or a side in
            input pixels, not clipped to the image and with the sign that makes it grow outward.
        """
        with torch.enable_grad():
            if target.part in SIDES:
                return self._side(regions, labels, SIDES.index(target.part))
            values = softmax_scores(regions.logits, target.score)
            return class_values(lambda of: values.gather(1, of[:, None])[:, 0], labels, target)

    def _side(self, regions: OpenedRegions, labels: Tensor, side: int) -> Tensor:
        """A side of the class's decoded box in input pixels, not clipped to the image, growing outward."""
        rows = torch.arange(len(labels), device=labels.device)
        deltas = torch.unflatten(regions.deltas, 1, (-1, 4))[rows, labels]
        boxes: Tensor = self._roi_heads.box_coder.decode(deltas, [regions.proposals])[:, 0]
        return boxes[:, side] if side >= 2 else -boxes[:, side]

    def gradients(self, regions: OpenedRegions, labels: Tensor, target: Target) -> Tensor:
        """Compute the gradients of all scalars at the pooled features with one backward pass of their sum.

        Args:
            regions: n regions from ``open``.
            labels: int64 ``[n]``, the class of each.
            target: what is explained, as in ``scalars``.

        Returns:
            Gradients ``[n,C,P,P]``.
        """
        total = self.scalars(regions, labels, target).sum()
        (gradient,) = torch.autograd.grad(total, regions.pooled, retain_graph=True)
        return gradient
