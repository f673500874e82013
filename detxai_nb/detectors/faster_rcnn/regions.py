"""Pooled regions with the box head on them: for methods that ask what the head makes of changed features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.base import evaluating


@dataclass(frozen=True, eq=False)
class HeadOutput:
    """What the box head says of n regions, each for its own class.

    ``scores`` ``[n]``: probability; ``offsets`` ``[n,4]``: the network's own box output, before decoding; ``boxes``
    ``[n,4]``: xyxy in input pixels, not cut to the image.
    """

    scores: Tensor
    offsets: Tensor
    boxes: Tensor


@dataclass(frozen=True, eq=False)
class Regions:
    """The pooled regions of n detections.

    ``rows`` int64 ``[n]``: which detections; ``features`` ``[n,C,P,P]``, without a graph; ``corners`` and ``strides``:
    where each begins and the size of its cells, (y, x) in input pixels; ``labels`` int64 ``[n]``: the class that each
    is asked for; ``proposals`` ``[n,4]``: xyxy in input pixels.
    """

    module: Any
    rows: Tensor
    features: Tensor
    corners: tuple[tuple[float, float], ...]
    strides: tuple[tuple[float, float], ...]
    labels: Tensor
    proposals: Tensor

    def answer(self, features: Tensor) -> HeadOutput:
        """What the head makes of ``features`` ``[n,C,P,P]`` in place of the regions' own.

        With a graph where gradients are enabled; the module is as before afterwards.
        """
        heads = self.module.roi_heads
        with evaluating(self.module):
            logits, deltas = heads.box_predictor(heads.box_head(features))
        rows = torch.arange(len(self.labels), device=self.labels.device)
        offsets = deltas.unflatten(1, (-1, 4))[rows, self.labels]
        boxes = heads.box_coder.decode(offsets, [self.proposals])[:, 0]
        return HeadOutput(logits.softmax(dim=1)[rows, self.labels], offsets, boxes)
