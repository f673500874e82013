"""How predictions before suppression, their maps and the objects that are there are handed to the browser; counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.metrics.matching import annotation_overlaps, match
from detxai_nb.nms.vectors import MapVectors
from detxai_nb.types import Detections

LEAST_IOU = 0.5
"""A prediction is of an object if their IoU is above this, as in the metrics."""
_STEPS = 255


def maps_payload(maps: MapVectors) -> dict[str, Any]:
    """Return maps and their correlations for the browser.

    A map comes as one byte a cell, between 0 and its own peak: it is looked at only. The correlations, which decide,
    come as the float32 that they are.

    Args:
        maps: of N predictions.

    Returns:
        "grid" (rows, columns); "peaks", N numbers; "maps", uint8 ``[N,rows,columns]``; "correlation", float32 of the
        pairs, see ``pairs_of``.
    """
    values = maps.values.detach().cpu()
    peaks = values.flatten(1).amax(dim=1) if values.numel() else values.new_zeros(len(values))
    scaled = values / torch.where(peaks > 0, peaks, 1)[:, None, None]
    return {
        "grid": list(values.shape[1:]),
        "peaks": peaks.tolist(),
        "maps": (scaled * _STEPS).round().to(torch.uint8).numpy().tobytes(),
        "correlation": pairs_of(maps.correlation()),
    }


def pairs_of(square: Tensor) -> bytes:
    """Return what lies above the diagonal, row by row: one number for each pair of N things.

    Args:
        square: ``[N,N]``, symmetrical.

    Returns:
        ``N * (N - 1) / 2`` numbers, float32, little-endian.
    """
    rows, columns = np.triu_indices(len(square), 1)
    return square.detach().cpu().numpy()[rows, columns].astype("<f4").tobytes()


def distances(vectors: Tensor) -> Tensor:
    """Return the distances of feature vectors, by the arithmetic of FeatureNMS.

    Args:
        vectors: ``[N,D]``.

    Returns:
        ``[N,N]``.
    """
    return torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")


def truth_payload(detections: Detections, sample: Sample | None) -> dict[str, Any]:
    """Return the objects that are there, and which predictions are of which, for the browser.

    Args:
        detections: N predictions of the sample's image.
        sample: the photograph with its annotations; None for none.

    Returns:
        Empty without a sample; else "objects", name and box (xyxy, pixels) of each annotation but crowds; "of", for
        each prediction the numbers of the objects of its class with which its IoU is above 0.5, and these IoUs, in
        pairs by the objects' numbers; "ignored", the numbers of predictions of which more than half lies in a region to
        ignore.
    """
    if sample is None:
        return {}
    real = np.flatnonzero(~sample.crowd)
    overlaps = annotation_overlaps(detections, sample)[:, real]
    return {
        "objects": [{"name": str(sample.names[sample.labels[i]]), "box": sample.boxes[i].tolist()} for i in real],
        "of": [[[int(i), float(row[i])] for i in np.flatnonzero(row > LEAST_IOU)] for row in overlaps],
        "ignored": np.flatnonzero(_ignored(detections, sample)).tolist(),
    }


def outcome(before: Detections, kept: Detections, sample: Sample | None) -> dict[str, int]:
    """Count what suppression leaves.

    Args:
        before: the predictions that it was given.
        kept: those that it kept.
        sample: the photograph with its annotations; None for none.

    Returns:
        "kept" and "removed", numbers of predictions; with a sample also "found" and "lost" objects, how many of the
        lost ones had a prediction before ("suppressed"), "double" predictions of an object that another one has found,
        and predictions "elsewhere", on no object of their class and outside of regions to ignore.
    """
    counts = {"kept": len(kept), "removed": len(before) - len(kept)}
    if sample is None:
        return counts
    taken = match(kept, sample, LEAST_IOU).numpy()
    near = annotation_overlaps(kept, sample) > LEAST_IOU
    had = (annotation_overlaps(before, sample) > LEAST_IOU).any(axis=0)
    lost = ~sample.crowd
    lost[taken[taken >= 0]] = False
    rest = taken < 0
    return {
        **counts,
        "found": int((~rest).sum()),
        "lost": int(lost.sum()),
        "suppressed": int((lost & had).sum()),
        "double": int((rest & near.any(axis=1)).sum()),
        "elsewhere": int((rest & ~near.any(axis=1) & ~_ignored(kept, sample)).sum()),
    }


def _ignored(detections: Detections, sample: Sample) -> np.ndarray:
    """bool ``[N]``: more than half of a prediction lies in a crowd annotation of any class."""
    boxes, regions = detections.boxes.cpu().double().numpy(), sample.boxes[sample.crowd].astype(float)
    low = np.maximum(boxes[:, None, :2], regions[:, :2])
    high = np.minimum(boxes[:, None, 2:], regions[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    found: np.ndarray = (shared > 0.5 * area).any(axis=1)
    return found
