"""Deletion and insertion: what becomes of all objects while one object's map says which pixels change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import MIN_IOU, SCORE_THRESHOLD
from detxai_nb.metrics.localization import share
from detxai_nb.metrics.perturbation import PerturbationSchedule
from detxai_nb.metrics.pixel_ordering import pixel_order, tied_share


@dataclass(frozen=True, eq=False)
class Curves:
    """What the detector said while N objects' maps changed the image in K pictures each; all on the CPU, float64.

    ``scores`` ``[N,K,N]``: ``scores[i, k, j]`` is the score of object j in picture k of object i's map, 0 where the
    detector no longer finds it; ``ious`` ``[N,K,N]``: the IoU of its box there with its detected box; ``counts`` int64
    ``[N,K]``: how many pixels were changed; ``ties`` ``[N]``: among those of the last picture the share of tied ones;
    ``original`` ``[N]``: the objects' own scores.
    """

    scores: Tensor
    ious: Tensor
    counts: Tensor
    ties: Tensor
    original: Tensor

    @property
    def target(self) -> Tensor:
        """Each object's score under its own map, ``[N,K]`` in 0..1."""
        return self.scores.diagonal(dim1=0, dim2=2).T

    @property
    def target_iou(self) -> Tensor:
        """Each object's IoU under its own map, ``[N,K]`` in 0..1."""
        return self.ious.diagonal(dim1=0, dim2=2).T

    def relative(self) -> Tensor:
        """``target`` over the original score, ``[N,K]``; may pass 1; NaN for an original score of 0."""
        return share(self.target, self.original[:, None].expand_as(self.target), torch.nan)

    def others(self) -> Tensor:
        """The mean over the other objects of score over original score, ``[N,K]``; NaN where there is no other."""
        count = len(self.original)
        relative = share(self.scores, self.original.expand_as(self.scores), torch.nan)
        relative[torch.arange(count), :, torch.arange(count)] = 0
        total = relative.sum(dim=2)
        return total / (count - 1) if count > 1 else torch.full_like(total, torch.nan)


def perturbation_curves(
    case: MetricInput,
    perturbation: PerturbationSchedule,
    areas: Tensor,
    *,
    score_threshold: float = SCORE_THRESHOLD,
    min_iou: float = MIN_IOU,
    batch_size: int | None = None,
) -> Curves:
    """Change the case's image after each of its maps and ask the detector what became of every object.

    ``areas`` ``[N]``: how many pixels each object's last picture has changed. Pixels are changed in the original uint8
    image, so the padding of the network's input never is, in the order of falling values of the map, signed ones too.
    The detector is asked for detections with a score of at least ``score_threshold``; an object is found by its class
    and an IoU above ``min_iou`` with its detected box. Different pictures of all objects go through the detector
    together, ``batch_size`` at once (None: 1 on the CPU, 8 elsewhere), a picture that was seen before is not asked
    again (``Answers``), and no more than one batch of them is in memory.
    """
    count, size = len(case), case.size
    if areas.shape != (count,):
        raise ValueError(f"areas are one number of pixels for each of the {count} objects, got {list(areas.shape)}")
    pixels = size[0] * size[1]
    counts = [perturbation.counts(area, pixels) for area in areas.tolist()]
    shape = (count, perturbation.points, count)
    scores, ious = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    ties = torch.zeros(count, dtype=torch.float64)
    pictures = _pictures(case, perturbation, counts, ties)
    places = ((row, k) for row in range(count) for k in range(perturbation.points))
    targets = case.detections.to("cpu")
    for place, answer in zip(places, case.ask().ask(pictures, score_threshold, batch_size), strict=True):
        scores[place], ious[place] = answer.follow(targets, min_iou)
    numbers = torch.tensor(counts, dtype=torch.int64).reshape(count, perturbation.points)
    return Curves(scores, ious, numbers, ties, targets.scores.double())


def _pictures(
    case: MetricInput, perturbation: PerturbationSchedule, counts: list[list[int]], ties: Tensor
) -> Iterator[np.ndarray]:
    """All pictures, object by object; notes each object's share of ties in ``ties`` on the way."""
    for row, (heat, numbers) in enumerate(zip(case.maps, counts)):
        order = pixel_order(heat, perturbation.ties, case.object_seed(row, "order"))
        ties[row] = tied_share(heat, order, numbers[-1])
        yield from perturbation.images(case.sample.image, order, numbers, case.object_seed(row, "fill"))


def box_areas(case: MetricInput) -> Tensor:
    """The area of each object's box inside the image in pixels, float64 ``[N]`` on the CPU.

    The annotated box; the detected one where there is no annotation.
    """
    height, width = case.size
    boxes = torch.where(case.annotated[:, None], case.boxes, case.detections.boxes.float().cpu()).double()
    across, down = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
    return (across[:, 1] - across[:, 0]) * (down[:, 1] - down[:, 0])
