"""Matching: which detection belongs to which annotation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.data.sample import Sample
from detxai_nb.detections import as_detections
from detxai_nb.types import Detections


def match(detections: Detections, sample: Sample, iou: float = 0.5) -> Tensor:
    """Return the index of each detection's annotation.

    Matching is one to one and greedy, by falling score: each detection takes the annotation of its class (by name)
    with the highest IoU that is not taken yet, if that IoU is above ``iou``. Crowd annotations are left out.

    Args:
        detections: N detections of the sample's image.
        sample: the image with its annotations.
        iou: the least IoU of the boxes, 0..1, exclusive.

    Returns:
        int64 ``[N]`` on the CPU: indices of annotations in ``sample``, -1 for a detection without one.

    Example:
        >>> import detxai_nb as dx
        >>> sample = dx.data.scenes.Scenes(1)[0]
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> detections = detector.detect([sample.image])[0]
        >>> bool((dx.metrics.match(detections, sample) < len(sample)).all())
        True
    """
    detections = as_detections(detections)
    found = torch.full((len(detections),), -1, dtype=torch.int64, device="cpu")
    wanted = {name: label for label, name in enumerate(sample.names)}
    labels = np.array([wanted.get(name, -1) for name in detections.label_names()], np.int64)
    overlaps = box_iou(detections.boxes.float().cpu(), torch.from_numpy(sample.boxes)).numpy()
    free = ~sample.crowd
    for row in torch.argsort(detections.scores, descending=True, stable=True).tolist():
        overlap = np.where(free & (sample.labels == labels[row]), overlaps[row], 0.0)
        if len(overlap) and overlap.max() > iou:
            best = int(overlap.argmax())
            found[row], free[best] = best, False
    return found
