"""A walk through deletion or insertion: one object's map changes the photograph step by step, the detector answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics import (
    CachedDetections,
    DetectionCache,
    MetricInput,
    PerturbationSchedule,
    area_below,
    box_areas,
    pixel_order,
    tied_share,
)
from detxai_nb.types import Detections, Progress

NEVER = 255
"""In ``PerturbationPath.changes``: a pixel that no picture changes."""

AREAS = {"box": (100, 10), "image": (50, 1)}
"""Over which area, in how many steps, of which each so-manieth is asked: ODAM's protocol and SSGrad-CAM++'s."""

MOST_SAMPLES = 1_500_000
_MOST_ANSWERS = 60


@dataclass(frozen=True)
class PathPlan:
    """What is fixed before a walk: how, over how many pixels, and the seeds of ties and of a random fill."""

    how: PerturbationSchedule
    area: float
    order_seed: int
    fill_seed: int


@dataclass(frozen=True, eq=False)
class PerturbationPath:
    """What the K pictures of object ``index`` are, and what the detector said of all N objects in them; on the CPU.

    ``filling`` uint8 ``[H,W,3]``: what pixels are deleted to, or inserted into. ``changes`` uint8 ``[H,W]``: the
    number of the first picture in which a pixel is changed, 255 for never. ``counts``: how many pixels each picture has
    changed. ``scores`` and ``ious`` float64 ``[K,N]`` as in ``Curves``. ``answers``: all that was found, a picture
    each. ``ties``: of the pixels changed in the last picture the share that shares its value with others.
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
        """What its large parts take."""
        return self.filling.nbytes + self.changes.nbytes

    @property
    def relative(self) -> Tensor:
        """The object's score over its original score, ``[K]``; NaN for an original score of 0."""
        return self.scores[:, self.index] / _or_nan(self.original[self.index])

    @property
    def others(self) -> Tensor:
        """The mean of the same over all other objects, ``[K]``; NaN where there is no other."""
        rest = [j for j in range(len(self.original)) if j != self.index]
        if not rest:
            return torch.full_like(self.scores[:, 0], torch.nan)
        return (self.scores[:, rest] / _or_nan(self.original[rest])).mean(dim=1)

    @property
    def area(self) -> float:
        """The area below ``relative``, 1 for a score that never changes."""
        return float(area_below(self.relative))

    def picture(self, step: int, photograph: np.ndarray) -> np.ndarray:
        """The photograph uint8 ``[H,W,3]`` as the detector saw it in picture ``step``."""
        changed = (self.changes <= step)[..., None]
        deleting = self.plan.how.mode == "deletion"
        return np.where(changed, self.filling if deleting else photograph, photograph if deleting else self.filling)

    def match(self, step: int, detections: Detections) -> int | None:
        """Which of the answers in picture ``step`` is the object, None where it is not found again."""
        if self.ious[step, self.index] <= 0:
            return None
        answer, box = self.answers[step], detections.boxes[self.index].double().cpu()
        same = (answer.labels == int(detections.labels[self.index])).nonzero().flatten().tolist()
        return max(same, key=lambda row: (_iou(answer.boxes[row].double(), box), -row))


def plan_path(
    maps: HeatMaps, index: int, annotation: int, sample: Sample, how: PerturbationSchedule, whole: bool
) -> PathPlan:
    """Area and seeds as the registered metrics have them; ``annotation``: the object's number in ``sample``, or -1.

    ``whole``: over the whole image; else over the area of the annotated box, the detected one where there is none.
    """
    number = torch.tensor([annotation])
    case = MetricInput(maps[index].values, maps.detections[index], number, sample, signed=maps.signed)
    area = float(case.size[0] * case.size[1]) if whole else float(box_areas(case)[0])
    return PathPlan(how, area, case.object_seed(0, "order"), case.object_seed(0, "fill"))


def follow_path(
    maps: HeatMaps,
    index: int,
    plan: PathPlan,
    answers: DetectionCache,
    score_threshold: float,
    progress: Progress | None = None,
) -> PerturbationPath:
    """Change the photograph after map ``index`` and ask the detector about each picture.

    The pictures and scores are those of ``perturbation_curves``, of one object. ``answers``: what is known of changed
    versions of this photograph. What ``progress`` raises ends it; answers until then stay known.
    """
    image, heat = maps.image, maps[index].values[0]
    pixels = heat.numel()
    order = pixel_order(heat, plan.how.ties, plan.order_seed)
    counts = plan.how.counts(plan.area, pixels)
    targets = maps.detections.to("cpu")
    found, scores, ious = [], [], []
    if progress is not None:
        progress(0, len(counts))
    pictures = plan.how.images(image, order, counts, plan.fill_seed)
    for answer in answers.ask(pictures, score_threshold, batch_size=None):
        score, iou = answer.follow(targets)
        found.append(answer)
        scores.append(score)
        ious.append(iou)
        if progress is not None:
            progress(len(found), len(counts))
    everything = pixels if plan.how.mode == "deletion" else 0
    (filling,) = plan.how.images(image, order, [everything], plan.fill_seed)
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


def to_payload(found: PerturbationPath, detections: Detections) -> dict[str, Any]:
    """For the browser: what it needs to make every picture itself, and what was said of each.

    Of a photograph with more than 1.5 million pixels each ``sampling``-th row and column is sent.
    """
    height, width = found.changes.shape
    sampling = 1
    while height * width / sampling**2 > MOST_SAMPLES:
        sampling += 1
    rows, columns = slice(sampling // 2, None, sampling), slice(sampling // 2, None, sampling)
    changes, filling = found.changes[rows, columns], found.filling[rows, columns]
    flat = bool((filling == filling[0, 0]).all())
    pictures = [shown_answers(found, step, detections) for step in range(len(found.counts))]
    return {
        "shape": list(changes.shape),
        "changes": np.ascontiguousarray(changes).tobytes(),
        "filling": bytes(filling[0, 0]) if flat else np.ascontiguousarray(filling).tobytes(),
        "deleting": found.plan.how.mode == "deletion",
        "counts": list(found.counts),
        "relative": _listed(found.relative),
        "others": _listed(found.others),
        "scores": found.scores[:, found.index].tolist(),
        "ious": found.ious[:, found.index].tolist(),
        "area": _listed(torch.tensor([found.area]))[0],
        "ties": found.ties,
        "least": _least(detections),
        "answers": [answers for answers, _ in pictures],
        "matches": [match for _, match in pictures],
    }


def shown_answers(
    found: PerturbationPath, step: int, detections: Detections
) -> tuple[list[dict[str, Any]], int | None]:
    """Name, score and box of what was found in picture ``step``, and which of them is the object, None for none.

    What scores less than the detections had to is left out, unless it is the object; at most 60, by falling score.
    """
    answer, match = found.answers[step], found.match(step, detections)
    enough = [row for row, score in enumerate(answer.scores.tolist()) if score >= _least(detections)][:_MOST_ANSWERS]
    rows = enough if match is None or match in enough else [*enough, match]
    labels, scores, boxes = answer.labels.tolist(), answer.scores.tolist(), answer.boxes.tolist()
    told = [{"name": str(detections.names[labels[r]]), "score": scores[r], "box": boxes[r]} for r in rows]
    return told, None if match is None else rows.index(match)


def _least(detections: Detections) -> float:
    """The score that the detections had to have."""
    return 0.3 if detections.score_threshold is None else float(detections.score_threshold)


def _listed(values: Tensor) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _or_nan(score: Tensor) -> Tensor:
    return torch.where(score > 0, score, torch.nan)


def _iou(one: Tensor, two: Tensor) -> float:
    low, high = torch.maximum(one[:2], two[:2]), torch.minimum(one[2:], two[2:])
    shared = float((high - low).clamp(min=0).prod())
    either = float((one[2:] - one[:2]).prod() + (two[2:] - two[:2]).prod()) - shared
    return shared / either if either > 0 else 0.0
