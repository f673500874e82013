"""Why an annotated object was not detected: one cause for each, found by a fixed order of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.data.sample import Sample
from detxai_nb.misses.evidence import NEAR, REGION_NEAR, Evidence
from detxai_nb.misses.sharing import share_out
from detxai_nb.names import ClassMapping, names_of_each
from detxai_nb.types import Detections

CAUSES: dict[str, str] = {
    "unknown class": "the detector has no class of this name",
    "suppressed": "a box of the right class that non-maximum suppression removed",
    "over the limit": "a box of the right class beyond the largest number of detections",
    "confused": "a box, but of another class",
    "regressor": "something near, but no box that fits",
    "background": "a box, but no class above the score threshold",
    "shared": "no box of its own: those that fit are of a neighbour of its class",
    "proposal": "nothing near that the detector took for an object",
}
"""The causes of a miss, and what each means."""


@dataclass(frozen=True)
class Cause:
    """Why one annotation was missed.

    Attributes:
        annotation: its number in the sample.
        cause: one of ``CAUSES``.
        candidate: the row of the best unreported candidate, -1 for none.
        iou: of that candidate with the annotation, 0..1; NaN for none.
        own: whether that candidate is the object's own, as ``find_causes`` shares candidates out.
        neighbour: the row of the detection that removed it, or that covers the object as well; -1 for none.
        label: the detector's number of the annotation's class, -1 if it has none.
        score: of that class at the candidate, 0..1; NaN if the detector does not say.
    """

    annotation: int
    cause: str
    candidate: int = -1
    iou: float = float("nan")
    own: bool = False
    neighbour: int = -1
    label: int = -1
    score: float = float("nan")


@dataclass(frozen=True)
class Limits:
    """When a prediction counts.

    Attributes:
        score: the lowest score of a detection, 0..1.
        iou: a box fits an object whose IoU with it is above this, 0..1.
        nms: the IoU above which the detector suppresses, if it says so.
        most: its largest number of detections in an image, if it says so.
    """

    score: float
    iou: float
    nms: float | None = None
    most: int | None = None


def find_causes(
    sample: Sample, evidence: Evidence, pairs: np.ndarray, limits: Limits, classes: ClassMapping | None = None
) -> list[Cause]:
    """Say of every annotation without a detection why there is none.

    Every missed annotation has exactly one cause, the first that holds. A candidate fits an object if their IoU is
    above ``limits.iou``, and is near with an IoU of at least ``NEAR``. It is sure if its score is at least that of a
    detection.

    Whose a candidate is: the detections are shared out among the annotations, one to one. A detection may go to an
    annotation of its class that it is near, or to one of another class if it fits that and overlaps no other more, and
    all get the shares with the largest sum of IoUs, in which the right class counts as much as an IoU of
    ``limits.iou``. So where all boxes are shifted onto neighbours, each is still the one of its object, and where all
    classes are wrong, each is the one that it fits. A candidate that overlaps a detection of its class more than any
    annotation is that detection's double, and whose it is. Any other is an object's own if it overlaps no other
    annotation more.

    1. unknown class: the detector has no such class.
    2. suppressed: a sure candidate of the right class fits, is the object's own or overlaps it more than the detection
       that removed it. Over the limit: the same, but no detection overlaps it by enough to have removed it.
    3. confused, or regressor: a sure candidate of its own fits but is of another class, or is of the right class and
       near but does not fit. If there are both, the higher score decides.
    4. background: a candidate of its own fits, and none of its classes is sure.
    5. shared: a sure candidate of the right class fits, but it is a neighbour's: the detector has one box for two.
    6. regressor: a candidate of its own is near; of a two-stage detector a region proposal of its own has an IoU of at
       least ``REGION_NEAR``.
    7. proposal: nothing of this holds.

    Args:
        sample: the image with its M annotations.
        evidence: what the detector predicted there.
        pairs: int64, the annotation of each detection, -1 for none, as from ``metrics.match``.
        limits: when a prediction counts.
        classes: by the sample's class name the detector's name, or names, of it.

    Returns:
        A cause for each annotation that is neither marked as crowd nor matched, in their order.

    References:
        Miller et al., "What's in the black box? The false negative mechanisms inside object detectors" (RA-L 2022),
        algorithm 1, which asks 2 (as "classifier calibration"), confused, 4, 6 and 7 in this order. There every anchor
        of a one-stage detector is a candidate, and a box that fits two objects is one of both. Sharing by class and
        place together is how DETRs are taught: Carion et al., "End-to-end object detection with transformers" (ECCV
        2020), sec. 3.1.
    """
    candidates = evidence.candidates
    counted = np.flatnonzero(~sample.crowd)
    missed = [int(one) for one in counted if one not in set(pairs.tolist())]
    overlaps = _overlaps(candidates.boxes, sample)
    most = overlaps[:, counted].max(axis=1, initial=0.0)
    known = names_of_each(sample.names, candidates.names, classes)
    regions = None
    if evidence.regions is not None:
        regions = _overlaps(evidence.regions, sample)
        regions = np.where(regions >= regions[:, counted].max(axis=1, initial=0.0)[:, None], regions, 0.0)
    found = []
    labels = {
        number: [label for label, name in enumerate(candidates.names) if name in known[_name(sample, number)]]
        for number in counted.tolist()
    }
    owners = _owners(evidence, overlaps, labels, limits)
    for number in missed:
        allowed = labels[number]
        if not allowed:
            found.append(Cause(number, "unknown class"))
            continue
        own = np.where(owners >= 0, owners == number, overlaps[:, number] >= most)
        near = regions is not None and bool((regions[:, number] >= REGION_NEAR).any())
        found.append(_cause(number, allowed, overlaps[:, number], own, near, evidence, limits))
    return found


def _owners(
    evidence: Evidence, overlaps: np.ndarray, labels: Mapping[int, Sequence[int]], limits: Limits
) -> np.ndarray:
    """The annotation of each candidate whose annotation is known from the sharing of the detections, -1 for others."""
    candidates, counted = evidence.candidates, np.array(list(labels), np.int64)
    owners = np.full(len(candidates), -1, np.int64)
    reported = np.flatnonzero(evidence.reported >= 0)
    if not len(counted) or not len(reported):
        return owners
    own = candidates.labels.numpy()[reported]
    right = np.array([np.isin(own, labels[number]) for number in labels])
    iou = overlaps[np.ix_(reported, counted)].T
    mistaken = (iou > limits.iou) & (iou >= iou.max(axis=0))
    weights = np.where(right, (iou >= NEAR) * (iou + limits.iou), mistaken * iou)
    shares = share_out(weights)
    owners[reported] = np.where(shares >= 0, counted[shares], -1)
    # By row of the detections, whose each is.
    of_detections = np.full(len(evidence.detections), -1, np.int64)
    of_detections[evidence.reported[reported]] = owners[reported]
    alike = candidates.labels.numpy()[:, None] == evidence.detections.labels.numpy()[None]
    doubled = np.where(alike, _iou(candidates.boxes, evidence.detections.boxes), 0.0)
    double = (evidence.reported < 0) & (doubled.max(axis=1) > overlaps[:, counted].max(axis=1))
    owners[double] = of_detections[doubled.argmax(axis=1)][double]
    return owners


def _overlaps(boxes: Tensor, sample: Sample) -> np.ndarray:
    """The IoU of each box with each annotation, ``[N,M]``; 0 for two without an area."""
    return _iou(boxes, torch.from_numpy(sample.boxes))


def _iou(first: Tensor, second: Tensor) -> np.ndarray:
    found: np.ndarray = np.nan_to_num(box_iou(first.double(), second.double()).numpy())
    return found


def _name(sample: Sample, number: int) -> str:
    return sample.names[int(sample.labels[number])]


def _cause(
    number: int,
    allowed: Sequence[int],
    overlap: np.ndarray,
    own: np.ndarray,
    region_near: bool,
    evidence: Evidence,
    limits: Limits,
) -> Cause:
    """The cause of one miss, from the IoU of each candidate with it and whether a candidate is its own."""
    candidates = evidence.candidates
    scores = candidates.scores.double().numpy()
    right = np.isin(candidates.labels.numpy(), allowed)
    fits = overlap > limits.iou
    strong = scores >= limits.score
    considered = evidence.leading | right
    of_class = _scores_of(candidates, allowed)

    def cause(name: str, row: int, neighbour: int = -1) -> Cause:
        label = int(candidates.labels[row]) if row >= 0 and right[row] else allowed[0]
        if row >= 0 and not right[row] and candidates.class_scores is not None:
            label = allowed[int(candidates.class_scores[row, list(allowed)].argmax())]
        where = (row, float(overlap[row]), bool(own[row])) if row >= 0 else (-1, float("nan"), False)
        return Cause(number, name, *where, neighbour, label, float(of_class[row]) if row >= 0 else float("nan"))

    sure_and_right = _best(fits & right & strong, own, scores)
    for row in sure_and_right:
        if evidence.reported[row] >= 0:
            continue
        neighbour, by = _remover(row, evidence)
        if not own[row] and by >= overlap[row]:
            continue
        full = limits.most is not None and len(evidence.detections) >= limits.most
        if neighbour >= 0 and (limits.nms is None or by > limits.nms - (0 if full else _NEARLY)):
            return cause("suppressed", row, neighbour)
        if full:
            return cause("over the limit", row)
    near = own & considered & (overlap >= NEAR)
    for row in _best(own & strong & ((fits & ~right & considered) | (near & ~fits & right)), own, scores)[:1]:
        return cause("regressor" if right[row] else "confused", row)
    for row in _best(fits & own & considered, own, np.nan_to_num(of_class, nan=-1.0))[:1]:
        return cause("background", row)
    for row in sure_and_right[:1]:
        reported = int(evidence.reported[row])
        return cause("shared", row, reported if reported >= 0 else _remover(row, evidence)[0])
    loose = _best(own & considered & (overlap > 0), own, overlap)
    if region_near if evidence.regions is not None else near.any():
        return cause("regressor", loose[0] if loose else -1)
    return cause("proposal", -1)


_NEARLY = 0.1
"""Boxes are compared unclipped by some detectors, so that the IoU here is a little off: what else removed it?"""


def _best(among: np.ndarray, own: np.ndarray, by: np.ndarray) -> list[int]:
    """Rows where ``among`` holds: an object's own ones first, then by falling value."""
    rows = np.flatnonzero(among)
    order: list[int] = rows[np.lexsort((-by[rows], ~own[rows]))].tolist()
    return order


def _remover(row: int, evidence: Evidence) -> tuple[int, float]:
    """The detection of a candidate's class that it overlaps most, and their IoU; -1 and 0 for none."""
    detections, candidates = evidence.detections, evidence.candidates
    alike = detections.labels == candidates.labels[row]
    if not bool(alike.any()):
        return -1, 0.0
    overlap = box_iou(candidates.boxes[row][None].double(), detections.boxes.double())[0]
    overlap = torch.where(alike, overlap, 0.0)
    best = int(overlap.argmax())
    return (best, float(overlap[best])) if overlap[best] > 0 else (-1, 0.0)


def _scores_of(candidates: Detections, allowed: Sequence[int]) -> np.ndarray:
    """The score of each candidate for a class: its own score if it is of it, else what the detector says."""
    right = np.isin(candidates.labels.numpy(), allowed)
    scores: np.ndarray = candidates.scores.double().numpy()
    if candidates.class_scores is None:
        return np.where(right, scores, np.nan)
    others = candidates.class_scores[:, list(allowed)].double().amax(dim=1).numpy()
    if candidates.objectness is not None:
        others = others * candidates.objectness.double().numpy()
    return np.where(right, scores, others)
