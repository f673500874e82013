"""Pooled regions with the box head on them, for methods that run the head on changed features (BBAM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.module_use import exclusive


@dataclass(frozen=True, eq=False)
class HeadOutput:
    """The box head's output for n regions, each for its own class.

    Attributes:
        scores: softmax probabilities ``[n]``.
        offsets: the network's own box outputs ``[n,4]``, before decoding.
        boxes: the decoded boxes ``[n,4]``, xyxy in input pixels, not clipped to the image.
    """

    scores: Tensor
    offsets: Tensor
    boxes: Tensor


@dataclass(frozen=True, eq=False)
class Regions:
    """The pooled regions of n detections.

    Attributes:
        module: the ``FasterRCNN`` module.
        rows: int64 ``[n]``: rows of the detections that these are.
        features: pooled features ``[n,C,P,P]``, without a graph.
        corners: top left of each region, (y, x) in input pixels.
        strides: size of a pooled cell of each region, (y, x) in input pixels.
        labels: int64 ``[n]``: the class that ``run_head`` reports for each region.
        proposals: ``[n,4]``, xyxy in input pixels.
    """

    module: Any
    rows: Tensor
    features: Tensor
    corners: tuple[tuple[float, float], ...]
    strides: tuple[tuple[float, float], ...]
    labels: Tensor
    proposals: Tensor

    @exclusive("module")
    def run_head(self, features: Tensor) -> HeadOutput:
        """Run the box head on other features in place of the regions' own.

        Args:
            features: ``[n,C,P,P]``, a row for each region. The output has a graph if gradients are enabled.

        Returns:
            Scores, offsets and boxes of the regions' classes. The module is left as it was.
        """
        heads = self.module.roi_heads
        logits, deltas = heads.box_predictor(heads.box_head(features))
        rows = torch.arange(len(self.labels), device=self.labels.device)
        offsets = torch.unflatten(deltas, 1, (-1, 4))[rows, self.labels]
        boxes = heads.box_coder.decode(offsets, [self.proposals])[:, 0]
        return HeadOutput(logits.softmax(dim=1)[rows, self.labels], offsets, boxes)
