"""How well feature vectors tell one object from two, on scenes with known objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.nms.embedding import DetectorEmbedding
from detxai_nb.statistics import mean_ranks
from detxai_nb.types import Detections, Detector

MATCHED = 0.5
"""IoU from which a prediction is of an object."""


@dataclass(frozen=True)
class PairSeparation:
    """How well distances separate pairs of predictions of one object from pairs of two objects.

    Attributes:
        auc: the share of (pair of one object, pair of two objects) in which the first is the nearer one, 0..1.
        iou_auc: the same for the IoU of the boxes alone, the larger one being taken for one object.
        right: the share of pairs on the right side of the head's distance, the two kinds counting alike.
        same: the number of pairs of one object.
        different: the number of pairs of two objects.
    """

    auc: float
    iou_auc: float
    right: float
    same: int
    different: int

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.4f} (IoU alone {self.iou_auc:.4f}), on the right side of the distance {self.right:.4f}, "
            f"{self.same} pairs of one object and {self.different} of two"
        )


def pair_separation(
    detector: Detector,
    embedding: DetectorEmbedding,
    samples: Sequence[Sample],
    *,
    score_threshold: float = 0.05,
    low_iou: float = 0.1,
    high_iou: float = 0.9,
) -> PairSeparation:
    """Measure how well feature vectors tell one object from two, on the predictions that FeatureNMS is given.

    A prediction is of the object of its class that it overlaps most, from an IoU of 0.5; others are in no pair.

    Args:
        detector: the detector.
        embedding: its embedding head.
        samples: images with their objects.
        score_threshold: the lowest score of a prediction, 0..1.
        low_iou, high_iou: in 0..1, the range of IoU in which FeatureNMS asks the vectors.

    Returns:
        The figures over all images; NaN where a kind of pair does not occur.

    Raises:
        TypeError: if the detector has no predictions before suppression.
    """
    read = Capabilities(detector).candidates
    if read is None:
        raise TypeError(f"{type(detector).__name__} has no predictions before suppression")
    opened: Any = detector
    distances, overlaps, alike = [], [], []
    for sample in samples:
        trace = opened.trace(sample.image)
        found = read(trace, score_threshold)
        objects = objects_of(found.to("cpu"), sample)
        rows = (objects >= 0).nonzero()[:, 0]
        boxes, labels, objects = found.boxes.cpu()[rows], found.labels.cpu()[rows], objects[rows]
        vectors = embedding(trace, found).cpu()[rows]
        iou = box_iou(boxes, boxes)
        inside = (iou >= low_iou) & (iou <= high_iou) & (labels[:, None] == labels)
        one, other = inside.triu(diagonal=1).nonzero().unbind(1)
        distances.append(torch.linalg.vector_norm(vectors[one] - vectors[other], dim=1))
        overlaps.append(iou[one, other])
        alike.append(objects[one] == objects[other])
    empty = torch.zeros(0)
    distance, overlap = torch.cat([empty, *distances]), torch.cat([empty, *overlaps])
    same = torch.cat([empty.bool(), *alike])
    near = distance <= embedding.distance
    right = (near[same].double().mean() + (~near[~same]).double().mean()) / 2
    return PairSeparation(
        area_under_curve(-distance, same),
        area_under_curve(overlap, same),
        float(right),
        int(same.sum()),
        int((~same).sum()),
    )


def objects_of(detections: Detections, sample: Sample) -> Tensor:
    """Return the object that each prediction is of.

    Args:
        detections: N predictions of the image, on the CPU.
        sample: the image with its objects; their classes have the names that the detector's have.

    Returns:
        int64 ``[N]``, rows of the sample's objects; -1 for a prediction that overlaps no object of its class enough.
    """
    truth = torch.from_numpy(sample.boxes).float()
    if not len(truth):
        return torch.full((len(detections),), -1)
    overlap = box_iou(detections.boxes.float(), truth)
    names = [sample.names[label] for label in sample.labels.tolist()]
    of_class = torch.tensor([[name == own for own in names] for name in detections.label_names()])
    most, objects = (overlap * of_class.reshape(overlap.shape)).max(dim=1)
    return torch.where(most >= MATCHED, objects, -1)


def area_under_curve(values: Tensor, positive: Tensor) -> float:
    """Return the area under the ROC curve.

    Args:
        values: ``[N]``, larger for what is taken for positive.
        positive: bool ``[N]``.

    Returns:
        0..1, equal values counting half; NaN without a positive or without a negative one.
    """
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return float("nan")
    ranks = mean_ranks(values.double()[None])[0, positive].sum()
    return float((ranks - count * (count - 1) / 2) / (count * others))
