"""Perturbation path: one object's map changes the photograph step by step, and the detector is queried at each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.detections import are_classes
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import SCORE_THRESHOLD, CachedDetections, DetectionCache
from detxai_nb.metrics.insertion_deletion import box_areas
from detxai_nb.metrics.perturbation import PerturbationSchedule
from detxai_nb.metrics.pixel_ordering import pixel_order, tied_share
from detxai_nb.metrics.visual_accuracy import area_below
from detxai_nb.types import Detections, Progress

NEVER = 255
"""In ``PerturbationPath.changes``: a pixel that no picture changes."""

AREAS = {"box": (100, 10), "image": (50, 1)}
"""By area the ``steps`` and ``every`` of a schedule: ODAM's protocol (box) and SSGrad-CAM++'s (image)."""


@dataclass(frozen=True)
class PathPlan:
    """What is fixed before the image is changed.

    Attributes:
        schedule: how the image is changed.
        area: how many pixels the last picture has changed.
        order_seed: of the order of tied pixels.
        fill_seed: of a random fill.
        by: which of several detections an object is followed in, as in ``CachedDetections.follow``: "score" (the
            protocols of ODAM and of the difference maps) or "iou" (the whole-image protocol).
    """

    schedule: PerturbationSchedule
    area: float
    order_seed: int
    fill_seed: int
    by: str = "score"


@dataclass(frozen=True, eq=False)
class PerturbationPath:
    """The K pictures made with one object's map, and the scores of all N objects in them; on the CPU.

    Attributes:
        index: the object whose map changes the image.
        plan: what was fixed before.
        filling: uint8 ``[H,W,3]``: what pixels are deleted to, or inserted into.
        changes: uint8 ``[H,W]``: the first picture in which each pixel is changed, 255 for never.
        counts: how many pixels each picture has changed.
        scores: float64 ``[K,N]``: each object's score in each picture, 0 if it is not found again.
        ious: float64 ``[K,N]``: the IoU of each object's box there with its detected box.
        answers: all detections in each picture.
        ties: the share of tied pixels among those changed in the last picture.
        original: float64 ``[N]``: the objects' scores in the unchanged image.
    """

    index: int
    plan: PathPlan
    filling: np.ndarray
    changes: np.ndarray
    counts: tuple[int, ...]
    scores: Tensor
    ious: Tensor
    answers: tuple[CachedDetections, ...]
    ties: float
    original: Tensor

    @property
    def nbytes(self) -> int:
        """The memory of its large parts in bytes."""
        return self.filling.nbytes + self.changes.nbytes

    @property
    def relative(self) -> Tensor:
        """The score of the object over its original score, ``[K]``; NaN for an original score of 0."""
        return self.scores[:, self.index] / _or_nan(self.original[self.index])

    @property
    def others(self) -> Tensor:
        """The mean of the same over all other objects, ``[K]``; NaN if there is no other."""
        rest = [j for j in range(len(self.original)) if j != self.index]
        if not rest:
            return torch.full_like(self.scores[:, 0], torch.nan)
        return (self.scores[:, rest] / _or_nan(self.original[rest])).mean(dim=1)

    @property
    def area(self) -> float:
        """The area below ``relative``, 1 for a score that never changes."""
        return float(area_below(self.relative))

    def picture(self, step: int, photograph: np.ndarray) -> np.ndarray:
        """Return a picture as the detector saw it.

        Args:
            step: 0 to K - 1.
            photograph: the unchanged image, uint8 ``[H,W,3]``.

        Returns:
            uint8 ``[H,W,3]``.
        """
        changed = (self.changes <= step)[..., None]
        deleting = self.plan.schedule.mode == "deletion"
        return np.where(changed, self.filling if deleting else photograph, photograph if deleting else self.filling)

    def match(self, step: int, detections: Detections) -> int | None:
        """Return which of the detections in a picture is the object.

        Args:
            step: the picture, 0 to K - 1.
            detections: the N detections in the unchanged image.

        Returns:
            Its index in ``answers[step]``; None if the object is not found again.
        """
        rows, _ = self.answers[step].find(detections[self.index], by=self.plan.by)
        return None if rows[0] < 0 else int(rows[0])


def plan_path(
    maps: HeatMaps, index: int, annotation: int, sample: Sample, schedule: PerturbationSchedule, whole: bool
) -> PathPlan:
    """Fix area, seeds and the rule of following as the registered metrics have them.

    Args:
        maps: the maps of all objects of an image.
        index: the object whose map changes the image.
        annotation: the object's index in ``sample`` (as from ``match``), -1 for none.
        sample: the image with its annotations.
        schedule: how the image is changed.
        whole: whether the area is the whole image; else it is that of the annotated box, or of the detected box if
            there is no annotation. In the whole image objects are followed by the highest IoU, else by the highest
            score.

    Returns:
        The plan, for ``follow_path``.
    """
    number = torch.tensor([annotation], device="cpu")
    case = MetricInput(maps[index].values, maps.detections[index], number, sample, signed=maps.signed)
    area = float(case.size[0] * case.size[1]) if whole else float(box_areas(case)[0])
    by = "iou" if whole else "score"
    return PathPlan(schedule, area, case.object_seed(0, "order"), case.object_seed(0, "fill"), by)


def follow_path(
    maps: HeatMaps,
    index: int,
    plan: PathPlan,
    answers: DetectionCache,
    score_threshold: float = SCORE_THRESHOLD,
    progress: Progress | None = None,
) -> PerturbationPath:
    """Change the photograph with one object's map and query the detector with each picture.

    The pictures and scores are those of ``perturbation_curves``, of one object.

    Args:
        maps: the maps of all objects of an image.
        index: the object whose map changes the image.
        plan: area and seeds, from ``plan_path``.
        answers: the detector, with its detections in changed versions of this photograph so far.
        score_threshold: the least score of detections in the changed pictures.
        progress: called with (done, total) after each picture; what it raises ends the work, and the detections until
            then stay in ``answers``.

    Returns:
        The pictures and the scores.

    Example:
        >>> import detxai_nb as dx
        >>> sample = dx.data.scenes.Scenes(1)[0]
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> maps = dx.explain(detector, sample.image, detector.detect([sample.image])[0])
        >>> annotation = int(dx.metrics.match(maps.detections, sample)[0])
        >>> schedule = dx.metrics.PerturbationSchedule("deletion", steps=2, every=1)
        >>> plan = dx.metrics.plan_path(maps, 0, annotation, sample, schedule, whole=False)
        >>> path = dx.metrics.follow_path(maps, 0, plan, dx.metrics.DetectionCache(detector))
        >>> path.scores.shape == (3, len(maps))
        True
    """
    image, heat = maps.image, maps[index].values[0]
    pixels = heat.numel()
    order = pixel_order(heat, plan.schedule.ties, plan.order_seed)
    counts = plan.schedule.counts(plan.area, pixels)
    targets = maps.detections.to("cpu")
    found, scores, ious = [], [], []
    if progress is not None:
        progress(0, len(counts))
    pictures = plan.schedule.images(image, order, counts, plan.fill_seed)
    # A class of the whole image has a probability in every picture, however small.
    least = 0.0 if are_classes(targets) else score_threshold
    for answer in answers.ask(pictures, least, batch_size=None):
        score, iou = answer.follow(targets, by=plan.by)
        found.append(answer)
        scores.append(score)
        ious.append(iou)
        if progress is not None:
            progress(len(found), len(counts))
    everything = pixels if plan.schedule.mode == "deletion" else 0
    (filling,) = plan.schedule.images(image, order, [everything], plan.fill_seed)
    changes = np.full(pixels, NEVER, np.uint8)
    for step in range(1, len(counts)):
        changes[order[counts[step - 1] : counts[step]].numpy()] = step
    return PerturbationPath(
        index=index,
        plan=plan,
        filling=filling,
        changes=changes.reshape(image.shape[:2]),
        counts=tuple(counts),
        scores=torch.stack(scores),
        ious=torch.stack(ious),
        answers=tuple(found),
        ties=tied_share(heat, order, counts[-1]),
        original=targets.scores.double(),
    )


def _or_nan(score: Tensor) -> Tensor:
    return torch.where(score > 0, score, torch.nan)
