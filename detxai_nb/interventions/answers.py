"""What a detector says of the same objects in changed versions of a picture: at their origin, or by class and IoU."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.capabilities import RERUN, Capabilities
from detxai_nb.detections import are_classes
from detxai_nb.names import BACKGROUND
from detxai_nb.types import SIDES, Detections, Detector, Target, Trace, TraceableDetector

ORIGIN, OVERLAP = "origin", "class and IoU"
"""How an object is found again: where the network predicted it, or in a detection of its class whose box overlaps."""
MIN_IOU = 0.5
"""An object is found again by its class and an IoU above this one."""
LEAST_SCORE = 0.05
"""The lowest score of the detections in which a black box's objects are found again."""
_SAME_BOX = 1.0  # pixels of the picture


@dataclass(frozen=True, eq=False)
class Answers:
    """What a detector says of N objects in one picture; float64 and int64 on the CPU.

    Attributes:
        scores: ``[N]`` in 0..1: the score of each object's original class; 0 where it is not found.
        labels: ``[N]``: the class that has the highest score there; of a black box that of the detection with the
            highest score whose box overlaps; the original one where nothing is found.
        label_scores: ``[N]`` in 0..1: the score of that class; 0 where nothing is found.
        boxes: ``[N,4]``: xyxy in pixels of the picture, NaN where the detector gives none.
    """

    scores: Tensor
    labels: Tensor
    label_scores: Tensor
    boxes: Tensor

    def __len__(self) -> int:
        return len(self.scores)


def matched_by(detector: Detector, detections: Detections) -> str:
    """Return how objects are found again in changed pictures.

    Args:
        detector: any detector.
        detections: those of one image.

    Returns:
        ``ORIGIN`` for a white box whose origins mean the same in every picture and which says them; else ``OVERLAP``.
    """
    about = Capabilities(detector)
    known = about.traceable and RERUN in about.offers and detections.origins is not None
    return ORIGIN if known else OVERLAP


class Reader:
    """Reads the same objects in any version of their picture.

    Args:
        detector: any detector.
        image: uint8 ``[H,W,3]``, the unchanged picture.
        detections: the detector's own in it.
        by: ``ORIGIN`` or ``OVERLAP``, as from ``matched_by``.
    """

    def __init__(self, detector: Detector, image: np.ndarray, detections: Detections, by: str) -> None:
        self.by = by
        self._detector = detector
        self._image = image
        self._detections = detections.to(detector.device) if by == ORIGIN else detections.to("cpu")
        self._classes = are_classes(detections)
        self._labels = [i for i, name in enumerate(detections.names) if name != BACKGROUND]
        self._own_sides: Tensor | None = None
        self._began = False

    def read(self, picture: np.ndarray, threshold: float | None = None) -> tuple[Answers, Detections | None]:
        """Return what the detector says of the objects in a picture, and what it reports there.

        Args:
            picture: uint8 ``[H,W,3]``, of the size of the unchanged one.
            threshold: the lowest score of what is reported, 0..1; None to leave that out.

        Returns:
            The answers, and all detections on the CPU or None.
        """
        if self.by == OVERLAP:
            least = LEAST_SCORE if threshold is None else min(threshold, LEAST_SCORE)
            found = self._detector.detect([picture], 0.0 if self._classes else least)[0]
            return followed(self._detections, found), None if threshold is None else reported(found, threshold)
        if not self._began and picture is not self._image:
            self.read(self._image)
        about = Capabilities(self._detector)
        # What the detector chooses by its own outputs, such as proposals, stays that of the unchanged picture.
        with about.holding(self._image, self._detections):
            trace = self._open(picture)
            if not self._began:
                # Of the unchanged picture, once: they say how the network's sides become a box.
                self._own_sides, self._began = self._sides(trace), True
            answers = self._at_origin(trace)
        if threshold is None:
            return answers, None
        if about.detections_of is not None:
            return answers, reported(about.detections_of(trace, threshold), threshold)
        return answers, reported(self._detector.detect([picture], threshold)[0], threshold)

    def scores(self, picture: np.ndarray) -> Tensor:
        """Return the score of each object's own class in a picture, and nothing else: the same as ``read`` gives.

        Args:
            picture: uint8 ``[H,W,3]``, of the size of the unchanged one.

        Returns:
            float64 ``[N]`` on the CPU.
        """
        if self.by == OVERLAP:
            return self.read(picture)[0].scores
        with Capabilities(self._detector).holding(self._image, self._detections):
            return self._own_scores(self._open(picture))

    def _own_scores(self, trace: Trace) -> Tensor:
        return trace.scalars(self._detections, Target()).detach().double().cpu()

    def _open(self, picture: np.ndarray) -> Trace:
        return cast(TraceableDetector, self._detector).trace(picture)

    def _at_origin(self, trace: Trace) -> Answers:
        found = self._detections
        scores = self._own_scores(trace)
        labels, highest = found.labels.cpu().clone(), scores.clone()
        if not self._classes and len(found):
            every = self._class_scores(trace)
            highest, best = every.max(dim=1)
            labels = torch.tensor(self._labels, device="cpu")[best]
        return Answers(scores, labels, highest, self._boxes(trace))

    def _class_scores(self, trace: Trace) -> Tensor:
        """The score ``[N,C]`` of each class but the background at the objects' origins."""
        found, count = self._detections, len(self._labels)
        if "regions" in Capabilities(self._detector).offers:
            # The regions are pooled once for all classes.
            columns = [trace.scalars(found, Target(label=label)).detach().double().cpu() for label in self._labels]
            return torch.stack(columns, dim=1)
        rows = torch.arange(len(found), device=found.labels.device).repeat_interleave(count)
        wanted = torch.tensor(self._labels, device=found.labels.device).repeat(len(found))
        lean = Detections(
            found.boxes[rows],
            found.scores[rows],
            wanted,
            found.names,
            origins=None if found.origins is None else found.origins[rows],
            origin_fields=found.origin_fields,
        )
        return trace.scalars(lean, Target()).detach().double().cpu().reshape(len(found), count)

    def _sides(self, trace: Trace) -> Tensor | None:
        """The four sides ``[N,4]`` as the network regresses them; None for a detector without sides."""
        if not set(SIDES) <= set(Capabilities(self._detector).targets):
            return None
        sides = [trace.scalars(self._detections, Target(side)).detach().double().cpu() for side in SIDES]
        return torch.stack(sides, dim=1)

    def _boxes(self, trace: Trace) -> Tensor:
        own = self._detections.found_boxes
        own = (self._detections.boxes if own is None else own).detach().double().cpu()
        if self._classes:
            return own.clone()
        sides = self._sides(trace)
        # The sides of an oriented box are those before it is turned, and what its angle becomes is no target.
        if sides is None or self._own_sides is None or self._detections.polygons is not None:
            return torch.full_like(own, math.nan)
        return boxes_of_sides(trace, self._detections, own, self._own_sides, sides)


def boxes_of_sides(trace: Trace, detections: Detections, own: Tensor, own_sides: Tensor, sides: Tensor) -> Tensor:
    """Return the boxes of predictions whose sides have moved.

    A network's sides are coordinates in pixels of its input, or distances from a point of the prediction's own in
    strides of its grid. Which it is, and where the point lies, follows from the boxes that the detector gave: each is
    tried on them first, and a box is only returned where its own comes out again within a pixel.

    Args:
        trace: an open pass of a picture of this size.
        detections: N predictions.
        own: the boxes ``[N,4]`` that the detector gave, xyxy in pixels of the picture, clipped to it.
        own_sides, sides: ``[N,4]``, as ``Target`` has them, in the picture of ``own`` and in another one.

    Returns:
        ``[N,4]``, clipped to the picture; NaN where the sides do not give the own box.
    """
    outward = torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64, device="cpu")
    place = trace.placement
    found = torch.full_like(own, math.nan)

    def keep(make: Any) -> None:
        again, new = (place.boxes_to_image(make(one), clip=True) for one in (own_sides, sides))
        right = (again - own).abs().amax(dim=1) <= _SAME_BOX
        rows = right & torch.isnan(found).any(dim=1)
        found[rows] = new[rows]

    keep(lambda one: one * outward)
    strides = _strides(trace, detections)
    if strides is not None:
        boxes = place.boxes_to_input(own)
        points = _points(boxes, own_sides * strides.repeat(1, 2), own, place.image_size)
        keep(lambda one: points.repeat(1, 2) + one * outward * strides.repeat(1, 2))
    return found


def _strides(trace: Trace, detections: Detections) -> Tensor | None:
    """The stride ``[N,2]`` (x, y) of each prediction's grid in input pixels; None if origins do not say the grid."""
    if "level" not in detections.origin_fields or detections.origins is None:
        return None
    column = detections.origins[:, detections.origin_fields.index("level")].tolist()
    levels = trace.levels
    if not column or max(column) >= len(levels):
        return None
    pairs = [(levels[level].stride[1], levels[level].stride[0]) for level in column]
    return torch.tensor(pairs, dtype=torch.float64, device="cpu")


def _points(boxes: Tensor, distances: Tensor, own: Tensor, size: tuple[int, int]) -> Tensor:
    """The points ``[N,2]`` that the sides are distances from, by the sides that the picture's border did not cut."""
    low, high = boxes[:, :2] + distances[:, :2], boxes[:, 2:] - distances[:, 2:]
    ends = torch.tensor([size[1], size[0]], dtype=torch.float64, device="cpu")
    cut_low, cut_high = own[:, :2] <= 0, own[:, 2:] >= ends
    middle = (low + high) / 2
    return torch.where(cut_low & ~cut_high, high, torch.where(cut_high & ~cut_low, low, middle))


def followed(targets: Detections, found: Detections) -> Answers:
    """Return what the detections in a changed picture say of the objects, by class and IoU.

    An object is found again in the detection of its class with the highest score whose IoU with its box is above
    ``MIN_IOU``. Of a classifier's classes it is that class.

    Args:
        targets: the N objects.
        found: the detections in the changed picture.

    Returns:
        The answers.
    """
    own, boxes = targets.boxes.detach().double().cpu(), found.boxes.detach().double().cpu()
    labels, scores = found.labels.cpu(), found.scores.detach().double().cpu()
    near = torch.ones(len(own), len(boxes), dtype=torch.bool, device="cpu")
    if not are_classes(targets):
        near = box_iou(own, boxes).nan_to_num(0.0) > MIN_IOU
    same = near & (labels[None] == targets.labels.cpu()[:, None])
    answers = Answers(
        torch.zeros(len(own), dtype=torch.float64, device="cpu"),
        targets.labels.cpu().clone(),
        torch.zeros(len(own), dtype=torch.float64, device="cpu"),
        torch.full((len(own), 4), math.nan, dtype=torch.float64, device="cpu"),
    )
    for row in range(len(own)):
        for fitting, is_own in ((near[row] if not are_classes(targets) else same[row], False), (same[row], True)):
            if not bool(fitting.any()):
                continue
            best = int(torch.where(fitting, scores, -1.0).argmax())
            if is_own:
                answers.scores[row], answers.boxes[row] = scores[best], boxes[best]
            else:
                answers.labels[row], answers.label_scores[row] = labels[best], scores[best]
                answers.boxes[row] = boxes[best]
    return answers


def pair_up(first: Detections, second: Detections) -> tuple[list[int], list[int]]:
    """Return what of two pictures' detections has no like in the other one, by class and IoU, one to one.

    Args:
        first, second: the detections of two versions of a picture.

    Returns:
        Rows of ``first`` and rows of ``second`` that are left over.
    """
    paired = _paired(_overlaps_of_class(first, second))
    return (
        [row for row in range(len(first)) if row not in paired],
        [row for row in range(len(second)) if row not in paired.values()],
    )


def _overlaps_of_class(first: Detections, second: Detections) -> Tensor:
    """The IoU ``[N,M]`` of detections of one class, 0 of others; 1 for classes of the whole picture."""
    if are_classes(first) or are_classes(second):
        near = torch.ones(len(first), len(second), dtype=torch.float64, device="cpu")
    else:
        near = box_iou(first.boxes.detach().double().cpu(), second.boxes.detach().double().cpu()).nan_to_num(0.0)
    return torch.where(first.labels.cpu()[:, None] == second.labels.cpu()[None], near, 0.0)


def _paired(near: Tensor) -> dict[int, int]:
    """By row the column it is paired with, the highest IoU first, one to one."""
    pairs = [(float(near[i, j]), -i, -j) for i, j in (near > MIN_IOU).nonzero().tolist()]
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(pairs, reverse=True):
        if -i not in found and -j not in taken:
            found[-i] = -j
            taken.add(-j)
    return found


def scores_found_again(targets: Detections, found: Detections) -> Tensor:
    """Return the score with which each object is found again in a changed picture, by class and IoU.

    Objects and detections are paired one to one. Of an object's pair, and of the detections without one that overlap
    with its box as well, the highest score counts.

    Args:
        targets: the N objects.
        found: the detections there.

    Returns:
        float64 ``[N]`` in 0..1; NaN for an object without a detection of its class whose IoU is above ``MIN_IOU``.
    """
    near = _overlaps_of_class(targets, found)
    paired, scores = _paired(near), found.scores.detach().double().cpu()
    again = torch.full((len(targets),), math.nan, dtype=torch.float64, device="cpu")
    others = [column for column in range(len(found)) if column not in paired.values()]
    for row, own in paired.items():
        columns = [own, *(column for column in others if near[row, column] > MIN_IOU)]
        again[row] = scores[columns].max()
    return again


def reported(found: Detections, threshold: float) -> Detections:
    """Return the detections with at least a score, in the form of those that were asked for with that threshold.

    Args:
        found: detections of one picture.
        threshold: the lowest score, 0..1.

    Returns:
        Some of the same, on the CPU.
    """
    return replace(found[found.scores >= threshold], score_threshold=threshold).to("cpu")
