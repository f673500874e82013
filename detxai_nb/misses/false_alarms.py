"""What is wrong with a detection that no annotation answers to: the kinds of errors of TIDE."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

from detxai_nb.data.sample import Sample
from detxai_nb.metrics.matching import annotation_overlaps
from detxai_nb.misses.evidence import NEAR
from detxai_nb.names import ClassMapping, names_of_each
from detxai_nb.types import Detections

FALSE_ALARMS: dict[str, str] = {
    "localization": "the right class, but a loose box (TIDE: Loc)",
    "classification": "a box that fits an object of another class (TIDE: Cls)",
    "duplicate": "an object that another detection has already found (TIDE: Dupe)",
    "background": "nothing annotated there (TIDE: Bkg)",
    "both": "a loose box on an object of another class (TIDE: Both)",
}
"""The kinds of false alarms in the order in which they are asked for, and what each means."""


@dataclass(frozen=True)
class FalseAlarm:
    """What is wrong with one detection.

    Attributes:
        detection: its row.
        kind: one of ``FALSE_ALARMS``.
        annotation: the annotation that it overlaps, -1 for background.
        iou: with that annotation, 0..1; for background with the nearest one.
    """

    detection: int
    kind: str
    annotation: int
    iou: float


def sort_false_alarms(
    sample: Sample, detections: Detections, pairs: np.ndarray, iou: float, classes: ClassMapping | None = None
) -> tuple[list[FalseAlarm], list[int]]:
    """Say of every detection without an annotation what is wrong with it.

    Every one has exactly one kind, the first of ``FALSE_ALARMS`` that holds. A detection that lies to more than ``iou``
    in a region marked as crowd of its class is none, as in COCO's evaluation.

    Args:
        sample: the image with its annotations.
        detections: N detections of it.
        pairs: int64 ``[N]``, the annotation of each detection, -1 for none, as from ``metrics.match``.
        iou: a box fits an object whose IoU with it is above this, 0..1.
        classes: by the sample's class name the detector's name, or names, of it.

    Returns:
        The false alarms, and the rows of the detections that were left out as being in a crowd region.

    References:
        Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors" (ECCV 2020), sec. 2.2; the order
        is that of the authors' code.
    """
    alike = annotation_overlaps(detections, sample, classes)
    boxes = torch.from_numpy(sample.boxes).float()
    others = box_iou(detections.boxes.float().cpu(), boxes).numpy()
    others = np.where((alike > 0) | sample.crowd[None], 0.0, others)
    ignored = _inside_crowds(detections, sample, classes) > iou
    found: list[FalseAlarm] = []
    left_out: list[int] = []
    for row in np.flatnonzero(pairs < 0).tolist():
        if ignored[row]:
            left_out.append(row)
            continue
        same, other = (int(part[row].argmax()) if part.shape[1] else -1 for part in (alike, others))
        by_same, by_other = (float(part[row].max(initial=0.0)) for part in (alike, others))
        if NEAR <= by_same <= iou:
            found.append(FalseAlarm(row, "localization", same, by_same))
        elif by_other > iou:
            found.append(FalseAlarm(row, "classification", other, by_other))
        elif by_same > iou:
            found.append(FalseAlarm(row, "duplicate", same, by_same))
        elif max(by_same, by_other) < NEAR:
            found.append(FalseAlarm(row, "background", -1, max(by_same, by_other)))
        else:
            found.append(FalseAlarm(row, "both", other, by_other))
    return found, left_out


def _inside_crowds(detections: Detections, sample: Sample, classes: ClassMapping | None) -> np.ndarray:
    """The share ``[N]`` of each detection's box that lies in a crowd region of its class."""
    if not sample.crowd.any() or not len(detections):
        return np.zeros(len(detections))
    regions = torch.from_numpy(sample.boxes[sample.crowd]).double()
    boxes = detections.boxes.double().cpu()
    low = torch.maximum(boxes[:, None, :2], regions[:, :2])
    high = torch.minimum(boxes[:, None, 2:], regions[:, 2:])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=torch.finfo(torch.float64).tiny)
    shares = ((high - low).clamp(min=0).prod(dim=2) / area[:, None]).numpy()
    known = names_of_each(sample.names, detections.names, classes)
    names = [known[sample.names[label]] for label in sample.labels[sample.crowd].tolist()]
    of_class = np.array([[name in one for one in names] for name in detections.label_names()], bool)
    inside: np.ndarray = np.where(of_class, shares, 0.0).max(axis=1)
    return inside
