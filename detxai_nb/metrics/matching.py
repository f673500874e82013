"""Which detection belongs to which annotation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.data.sample import Sample
from detxai_nb.types import Detections


def match(detections: Detections, sample: Sample, iou: float = 0.5) -> Tensor:
    """For each detection the number of its annotation in ``sample``, or -1: int64 ``[N]``.

    One to one, greedily by falling score: each detection takes the annotation of its class (by name) with the highest
    IoU that is not yet taken, if that IoU is above ``iou``. Annotations of crowds are left out.
    """
    found = torch.full((len(detections),), -1, dtype=torch.int64)
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
