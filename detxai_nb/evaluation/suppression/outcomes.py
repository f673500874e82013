"""What a rule makes of stored predictions: which are kept, and which of these find an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.scenes import NAMES
from detxai_nb.evaluation.suppression.candidates import LEAST_CORRELATION, PassSettings, SceneCandidates
from detxai_nb.metrics.crowd_detection import most_pairs
from detxai_nb.nms.rules import FeatureNms, GreedyNms, Kept, OdamNms, Suppression, first_of_each
from detxai_nb.nms.similarity import box_overlaps
from detxai_nb.nms.soft import SoftNms

RULES: dict[str, Suppression] = {
    "nms": GreedyNms(0.5),
    "soft-nms": SoftNms(),
    "feature-nms": FeatureNms(),
    "odam-nms": OdamNms(0.5, 0.2, 0.8),
    "odam-nms 0.1-0.9": OdamNms(0.5, 0.1, 0.9),
    "odam-nms T_low": OdamNms(0.5, 0.2, 1.0),
    "odam-nms T_high": OdamNms(0.5, 0.0, 0.8),
}
"""The rules of the tables with the paper's settings; "T_low" and "T_high" each use one of the two thresholds alone."""
MATCH_IOU = 0.5
"""An object is found by a detection of its class with an IoU above this; objects with one above it are a crowd."""


@dataclass(frozen=True, eq=False)
class SceneTruth:
    """The M objects of a scene.

    Attributes:
        boxes: float64 ``[M,4]``, xyxy.
        labels: int64 ``[M]``.
        crowded: bool ``[M]``, whether the box has an IoU above 0.5 with another object's.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowded: np.ndarray


def scene_truths(settings: PassSettings, count: int) -> list[SceneTruth]:
    """Return the objects of the first scenes.

    Args:
        settings: which scenes.
        count: their number.

    Returns:
        Those of each.
    """
    found = []
    for sample in settings.scenes(count):
        boxes = sample.boxes.astype(np.float64)
        overlaps = overlaps_of(boxes, boxes)
        np.fill_diagonal(overlaps, 0)
        found.append(SceneTruth(boxes, sample.labels, np.asarray((overlaps > MATCH_IOU).any(axis=1))))
    return found


def overlaps_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute the IoU of each box with each.

    Args:
        first: float64 ``[A,4]``, xyxy.
        second: float64 ``[B,4]``, xyxy.

    Returns:
        ``[A,B]``.
    """
    found: np.ndarray = box_overlaps(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    return found


class ComparedScene:
    """The predictions of a scene, compared with each other and with the objects once for all rules.

    Args:
        candidates: the predictions.
        truth: the objects.
        features: feature vectors ``[N,D]`` of the predictions for FeatureNMS; None where there are none.

    Attributes:
        iou: float32 ``[N,N]``, of the predictions with each other.
        alike: float32 ``[N,N]``, the correlation of their maps, above the diagonal.
        matches: ``[N,M]``: the IoU of predictions with objects of their class, where it is above 0.5, else 0.
    """

    def __init__(self, candidates: SceneCandidates, truth: SceneTruth, features: np.ndarray | None = None) -> None:
        self.candidates, self.truth, self.features = candidates, truth, features
        self._boxes, self._scores = torch.from_numpy(candidates.boxes), torch.from_numpy(candidates.scores)
        self._labels = torch.from_numpy(candidates.labels)
        self.iou, self.alike = box_overlaps(self._boxes, self._boxes), candidates.correlation()
        self._same_class = self._labels[:, None] == self._labels
        overlaps = overlaps_of(candidates.boxes.astype(np.float64), truth.boxes)
        allowed = (candidates.labels[:, None] == truth.labels) & (overlaps > MATCH_IOU)
        self.matches = np.where(allowed, overlaps, 0.0)

    def keep(self, rule: Suppression) -> Kept:
        """Apply a rule.

        Args:
            rule: any; FeatureNMS needs feature vectors.

        Returns:
            What is kept, by falling score.

        Raises:
            ValueError: for ODAM-NMS with thresholds that the store does not tell apart, and FeatureNMS without vectors.
        """
        if not isinstance(rule, OdamNms):
            vectors = torch.from_numpy(self.features) if rule.vectors_of and self.features is not None else None
            return rule(self._boxes, self._scores, self._labels, None, vectors)
        if rule.t_high < LEAST_CORRELATION or rule.iou_threshold == 0:
            raise ValueError(
                f"of boxes that do not overlap, correlations are kept above {LEAST_CORRELATION:g}, so t_high is at "
                f"least that and iou_threshold above 0; got {rule.t_high:g} and {rule.iou_threshold:g}"
            )
        rows = self._first(self._same_class & rule.by_correlation(self.iou, self.alike))
        return Kept(rows, self._scores[rows])

    def _first(self, duplicates: Tensor) -> Tensor:
        return first_of_each(duplicates).nonzero()[:, 0]

    def objects(self) -> np.ndarray:
        """Say which object each prediction is of.

        Returns:
            int ``[N]``: the one of its class with the highest IoU, -1 where none is above 0.5.
        """
        if not self.matches.shape[1]:
            return np.full(len(self.candidates), -1)
        best = self.matches.argmax(axis=1)
        return np.where(self.matches.max(axis=1) > 0, best, -1)


class Outcomes(NamedTuple):
    """K detections in S scenes after suppression, scene by scene and by falling score.

    Attributes:
        scene: int ``[K]``.
        label: int ``[K]``.
        score: float32 ``[K]``.
        hit: bool ``[K]``, whether it takes an object: the free one of its class with the highest IoU above 0.5.
        crowded: bool ``[K]``, whether that object is of the crowd.
        pairs: int ``[K]``, the most pairs with objects that the scene's detections up to this one can form.
    """

    scene: np.ndarray
    label: np.ndarray
    score: np.ndarray
    hit: np.ndarray
    crowded: np.ndarray
    pairs: np.ndarray


def outcome_of(scene: ComparedScene, number: int, rule: Suppression, score_threshold: float, most: int) -> Outcomes:
    """Apply a rule to a scene and compare what is left with the objects.

    Args:
        scene: the predictions and objects.
        number: of the scene.
        rule: the rule.
        score_threshold: detections below it, after the rule, are left out.
        most: the greatest number of detections of a scene.

    Returns:
        The detections.
    """
    kept = scene.keep(rule)
    rows = kept.rows[kept.scores >= score_threshold][:most].numpy()
    scores = kept.scores[kept.scores >= score_threshold][:most].numpy()
    matches = scene.matches[rows]
    taken = _taken(matches)
    hit = taken >= 0
    crowded = hit & scene.truth.crowded[taken] if matches.shape[1] else np.zeros(len(rows), bool)
    return Outcomes(
        np.full(len(rows), number),
        scene.candidates.labels[rows],
        scores,
        hit,
        crowded,
        most_pairs(matches > 0)[1],
    )


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """Put the detections of scenes one after the other.

    Args:
        parts: of each scene, at least one.

    Returns:
        All of them.
    """
    return Outcomes(*(np.concatenate(columns) for columns in zip(*parts)))


@dataclass(frozen=True, eq=False)
class Objects:
    """How many objects there are in S scenes.

    Attributes:
        of_class: int ``[S,C]``, of each class.
        crowded: int ``[S]``, in the crowd.
    """

    of_class: np.ndarray
    crowded: np.ndarray

    @classmethod
    def of(cls, truths: Sequence[SceneTruth]) -> Objects:
        """Count them.

        Args:
            truths: of each scene.

        Returns:
            The counts.
        """
        classes = np.stack([np.bincount(truth.labels, minlength=len(NAMES)) for truth in truths])
        return cls(classes, np.array([int(truth.crowded.sum()) for truth in truths]))

    @property
    def total(self) -> np.ndarray:
        """int ``[S]``: all of each scene."""
        return np.asarray(self.of_class.sum(axis=1))


def _taken(matches: np.ndarray) -> np.ndarray:
    """The object ``[K]`` that each detection takes, by falling score; -1 for none."""
    free, found = matches.copy(), np.full(len(matches), -1)
    for row in range(len(found)) if matches.shape[1] else ():
        best = int(free[row].argmax())
        if free[row, best] > 0:
            found[row], free[:, best] = best, 0.0
    return found
