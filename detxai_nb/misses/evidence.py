"""What a detector predicted in one image before it decided: its candidates, and what they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.types import Detections, Detector

NEAR = 0.1
"""IoU from which a candidate is near an object; TIDE's threshold between background and a loose box."""
REGION_NEAR = 0.5
"""IoU from which a region proposal is one of an object, as in Miller et al."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The predictions of one image, before and after the detector's decisions.

    Attributes:
        detections: what the detector reports at the score threshold.
        candidates: the N predictions that it chooses from, by falling score.
        reported: int64 ``[N]``, the row of each candidate among the detections, -1 for one that is not reported.
        leading: bool ``[N]``, whether a candidate's class is the best of its region; True for all but two-stage
            detectors, which have a box for every class of a region.
        regions: ``[P,4]``, the region proposals of a two-stage detector, xyxy in pixels of the image; None for others.
        seen_before: whether the candidates are those before suppression, or the detector has none.
    """

    detections: Detections
    candidates: Detections
    reported: np.ndarray
    leading: np.ndarray
    regions: Tensor | None
    seen_before: bool


def collect(detector: Detector, image: np.ndarray, score_threshold: float, floor: float) -> Evidence:
    """Ask a detector for all that it predicts in an image.

    One-stage detectors are asked for the predictions of their cells before suppression; two-stage detectors for their
    region proposals and what the second stage makes of every one; DETRs for all queries; any other for its answers.

    Args:
        detector: any detector of objects.
        image: RGB uint8 ``[H,W,3]``.
        score_threshold: the lowest score of a detection, 0..1.
        floor: the lowest score of a candidate, 0..1; of two-stage detectors and DETRs all are candidates.

    Returns:
        The predictions, on the CPU.
    """
    about, opened = Capabilities(detector), _any(detector)
    regions: Tensor | None = None
    detections: Detections | None = None
    if about.candidates is not None and about.traceable:
        trace = opened.trace(image)
        if about.detections_of is not None:
            # The same pass: nothing is decided by how a batch rounds.
            detections = about.detections_of(trace, score_threshold)
        if about.proposals is not None:
            regions = about.proposals(trace).cpu()
            floor = 0.0
        candidates = about.candidates(trace, floor)
    else:
        candidates = detector.detect([image], score_threshold=0.0 if about.family == "detr" else floor)[0]
    if detections is None:
        detections = detector.detect([image], score_threshold=score_threshold)[0]
    candidates, detections = candidates.to("cpu"), detections.to("cpu")
    leading = np.ones(len(candidates), bool) if regions is None else _best_of_regions(candidates)
    return Evidence(
        detections,
        candidates,
        _rows_among(candidates, detections),
        leading,
        regions,
        about.candidates is not None or about.family == "detr",
    )


def _any(detector: Any) -> Any:
    return detector


def _best_of_regions(candidates: Detections) -> np.ndarray:
    """Whether a candidate has the highest score of its region; they are sorted by falling score."""
    found = np.zeros(len(candidates), bool)
    if len(candidates) and candidates.origins is not None:
        found[np.unique(candidates.origins.numpy(), axis=0, return_index=True)[1]] = True
    return found


def _rows_among(candidates: Detections, detections: Detections) -> np.ndarray:
    """The row of each candidate among the detections: of the same origin and class, else of the same box and class."""
    known = {key: row for row, key in enumerate(_keys(detections))}
    return np.array([known.get(key, -1) for key in _keys(candidates)], np.int64)


def _keys(detections: Detections) -> list[tuple[Any, ...]]:
    where = detections.boxes if detections.origins is None else detections.origins
    return [(*row, label) for row, label in zip(where.tolist(), detections.labels.tolist())]
