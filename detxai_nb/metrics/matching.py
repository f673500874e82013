"""Matching: which detection belongs to which annotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.data.sample import Sample
from detxai_nb.detections import are_classes, as_detections
from detxai_nb.names import ClassMapping, names_of_each
from detxai_nb.polygons import polygon_overlaps
from detxai_nb.types import Detections


def match(detections: Detections, sample: Sample, iou: float = 0.5, classes: ClassMapping | None = None) -> Tensor:
    """Return the index of each detection's annotation.

    Matching is one to one and greedy, by falling score: each detection takes the annotation of its class (by name)
    with the highest IoU that is not taken yet, if that IoU is above ``iou``. Crowd annotations are left out.

    The predictions of a classifier are classes of the whole image. Each takes the first annotation of its class, which
    then stands for all objects of that class (``class_members``), and no IoU is asked for. Where several of the
    classifier's classes are one class of the dataset, that with the highest score takes it.

    Args:
        detections: N detections of the sample's image.
        sample: the image with its annotations.
        iou: the least IoU of the boxes, 0..1, exclusive.
        classes: by the sample's class name the detector's name, or names, of it; a class without an entry has the same
            name there.

    Returns:
        int64 ``[N]`` on the CPU: indices of annotations in ``sample``, -1 for a detection without one.

    Raises:
        ValueError: if ``classes`` has a name that the sample or the detector does not have.

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
    whole = are_classes(detections)
    free = ~sample.crowd
    if whole:
        labels = _labels(detections, sample, classes)
    else:
        overlaps = annotation_overlaps(detections, sample, classes)
    for row in torch.argsort(detections.scores, descending=True, stable=True).tolist():
        if whole:
            candidates = free & np.isin(sample.labels, labels[row])
            if candidates.any():
                best = int(candidates.argmax())
                found[row] = best
                free &= sample.labels != sample.labels[best]
            continue
        overlap = np.where(free, overlaps[row], 0.0)
        if len(overlap) and overlap.max() > iou:
            best = int(overlap.argmax())
            found[row], free[best] = best, False
    return found


def annotation_overlaps(detections: Detections, sample: Sample, classes: ClassMapping | None = None) -> np.ndarray:
    """Return the IoU of each detection with each annotation of its class.

    Of oriented boxes it is that of their polygons, if the annotations have such boxes too.

    Args:
        detections: N detections of the sample's image.
        sample: the image with its M annotations.
        classes: as for ``match``.

    Returns:
        float32 ``[N,M]`` in 0..1; 0 with crowd annotations and those of other classes.

    Raises:
        ValueError: if ``classes`` has a name that the sample or the detector does not have.
    """
    if detections.polygons is None or sample.polygons is None:
        overlaps = box_iou(detections.boxes.float().cpu(), torch.from_numpy(sample.boxes).float()).numpy()
    else:
        overlaps = polygon_overlaps(detections.polygons.cpu(), torch.from_numpy(sample.polygons)).float().numpy()
    allowed = [np.isin(sample.labels, known) & ~sample.crowd for known in _labels(detections, sample, classes)]
    found: np.ndarray = np.where(np.array(allowed, bool).reshape(overlaps.shape), overlaps, np.float32(0))
    return found


def class_members(sample: Sample, annotation: int) -> list[int]:
    """Return the annotations of the class of one of them.

    Args:
        sample: the image with its annotations.
        annotation: the number of one, -1 for none.

    Returns:
        Numbers of all annotations of its class that are not crowds; none for -1.
    """
    if annotation < 0:
        return []
    members: list[int] = np.flatnonzero((sample.labels == sample.labels[annotation]) & ~sample.crowd).tolist()
    return members


def _labels(detections: Detections, sample: Sample, classes: ClassMapping | None) -> Sequence[np.ndarray]:
    """The sample's labels that each detection's class has there: none, one, or several of one name."""
    if tuple(sample.names) == tuple(detections.names) and not classes:
        # By number: ImageNet has classes of the same name.
        return [np.array([label], np.int64) for label in detections.labels.tolist()]
    names: dict[str, list[int]] = {}
    known = names_of_each(sample.names, detections.names, classes)
    for label, name in enumerate(sample.names):
        for one in known[name]:
            names.setdefault(one, []).append(label)
    return [np.array(names.get(name, ()), np.int64) for name in detections.label_names()]
