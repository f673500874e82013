"""The predictions of a detector before non-maximum suppression, and the suppression at the end of its ``detect``."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from detxai_nb.detectors.trace.running import as_score_threshold
from detxai_nb.float32 import exact_mode
from detxai_nb.module_use import alone
from detxai_nb.types import Detections


class Suppressing:
    """The part of an adapter whose ``detect`` ends in non-maximum suppression: what there was before it."""

    module: Any
    nms_threshold: float | None
    """IoU above which the lower-scoring box of a class is dropped; None in a copy that drops nothing."""
    max_detections: int | None
    """The maximum number of detections in an image; None in a copy that keeps all."""

    def candidates(self, trace: Any, score_threshold: float = 0.05) -> Detections:
        """Return all predictions before suppression: what ``detect`` chooses from.

        They come from the trace's own forward pass, of which only the head runs again, and the trace explains them like
        any other detections.

        Args:
            trace: an open pass of this detector, at any layer.
            score_threshold: the lowest score of a prediction, 0..1.

        Returns:
            The predictions by falling score; boxes are xyxy in pixels of the image, clipped to it.

        Raises:
            TypeError: if the threshold is no number.
            ValueError: if it is not in 0..1, or the trace is of another detector.
        """
        keeping = copy(self)
        keeping.nms_threshold = keeping.max_detections = None
        return keeping._read_trace(trace, score_threshold)

    def detections_of(self, trace: Any, score_threshold: float = 0.3) -> Detections:
        """Return what ``detect`` returns for the image of an open pass, without running backbone and neck again.

        Args:
            trace: an open pass of this detector, at any layer.
            score_threshold: the lowest score of a detection, 0..1.

        Returns:
            The detections by falling score.

        Raises:
            TypeError: if the threshold is no number.
            ValueError: if it is not in 0..1, or the trace is of another detector.
        """
        return self._read_trace(trace, score_threshold)

    def _read_trace(self, trace: Any, score_threshold: float) -> Detections:
        threshold = as_score_threshold(score_threshold)
        if getattr(trace, "network", None) is not self.module:
            raise ValueError(
                f"expected an open pass of this {type(self).__name__}, got a {type(trace).__name__} of something else; "
                "take what its own trace(image) returns"
            )
        # Without a graph inside the exact mode, which switches gradients on.
        decode = exact_mode(torch.no_grad()(self._decode_trace))
        return alone(self.module, partial(decode, trace, threshold))

    @abstractmethod
    def _decode_trace(self, trace: Any, threshold: float) -> Detections:
        """The detections of the image of a trace, from the pyramid that it holds."""


def survivors(boxes: Tensor, scores: Tensor, labels: Tensor, nms_threshold: float | None, most: int | None) -> Tensor:
    """Return the rows that class-wise non-maximum suppression leaves.

    Args:
        boxes: ``[N,4]``, xyxy.
        scores: ``[N]``.
        labels: int64 ``[N]``.
        nms_threshold: IoU in 0..1 above which the lower-scoring box of a class is dropped; None drops nothing.
        most: the maximum number of rows; None for all.

    Returns:
        int64 ``[K]``, by falling score.
    """
    if nms_threshold is None:
        return scores.argsort(descending=True, stable=True)[:most]
    kept: Tensor = batched_nms(boxes, scores, labels, nms_threshold)
    return kept[:most]
