"""Faster R-CNN's box head on a few regions: the scalars it reports, and their gradients at the pooled features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.faster_rcnn.pooling import Pooling
from detxai_nb.detectors.trace.budget import MEMORY_BUDGET
from detxai_nb.types import SIDES, Target

_HEAD_COST = 32
"""What the head keeps of one region for the backward pass, in units of its pooled features."""


@dataclass(frozen=True, eq=False)
class OpenRegions:
    """n regions with their way through the box head kept open.

    ``proposals`` ``[n,4]``: xyxy in input pixels; ``levels`` ``[n]``: the map each is pooled from; ``pooled``
    ``[n,C,P,P]``: the leaf of the graph; ``logits`` ``[n,K]`` and ``deltas`` ``[n,4K]``: what the predictor says.
    """

    proposals: Tensor
    levels: Tensor
    pooled: Tensor
    logits: Tensor
    deltas: Tensor


class RoiHead:
    """The box head and predictor of ``RoIHeads``. Each region by itself: no scalar depends on another region."""

    def __init__(self, roi_heads: Any, pooling: Pooling) -> None:
        self._roi_heads = roi_heads
        self._pooling = pooling

    @property
    def rows_per_pass(self) -> int:
        """How many regions can be open together within the memory budget, at least 1."""
        features = next(iter(self._pooling.features.values()))
        height, width = self._pooling.output_size
        each = features.shape[1] * height * width * features.element_size() * _HEAD_COST
        return max(1, MEMORY_BUDGET // each)

    def open(self, proposals: Tensor) -> OpenRegions:
        """Pool ``proposals`` ``[n,4]`` and run the head on them with a graph."""
        with torch.no_grad():
            pooled, levels = self._pooling(proposals)
        with torch.enable_grad():
            pooled = pooled.detach().requires_grad_()
            logits, deltas = self._roi_heads.box_predictor(self._roi_heads.box_head(pooled))
        return OpenRegions(proposals, levels, pooled, logits, deltas)

    def scalars(self, regions: OpenRegions, labels: Tensor, target: Target) -> Tensor:
        """The explained scalar ``[n]`` of each region for its class in ``labels`` ``[n]``, with the graph."""
        with torch.enable_grad():
            if target.part in SIDES:
                return self._side(regions, labels, SIDES.index(target.part))
            values = regions.logits if target.score == "logit" else regions.logits.softmax(dim=1)
            return values.gather(1, labels[:, None])[:, 0]

    def _side(self, regions: OpenRegions, labels: Tensor, side: int) -> Tensor:
        """A side of the class's decoded box in input pixels, not cut to the image, growing outward."""
        rows = torch.arange(len(labels), device=labels.device)
        deltas = regions.deltas.unflatten(1, (-1, 4))[rows, labels]
        boxes = self._roi_heads.box_coder.decode(deltas, [regions.proposals])[:, 0]
        return boxes[:, side] if side >= 2 else -boxes[:, side]

    def gradients(self, regions: OpenRegions, labels: Tensor, target: Target) -> Tensor:
        """Gradients ``[n,C,P,P]`` of all scalars at the pooled features, by one backward pass of their sum."""
        total = self.scalars(regions, labels, target).sum()
        (gradient,) = torch.autograd.grad(total, regions.pooled, retain_graph=True)
        return gradient
