"""Deletion and insertion in three protocols: the detector's scores while a map's pixels are deleted or inserted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import MIN_IOU, SCORE_THRESHOLD
from detxai_nb.metrics.map_energy import safe_ratio
from detxai_nb.metrics.perturbation import FILLS, MODES, PerturbationSchedule
from detxai_nb.metrics.pixel_ordering import TIES, pixel_order, tied_share
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.metrics.visual_accuracy import area_below
from detxai_nb.polygons import corners_of, polygon_masks

SOURCES = {
    "odam": "Zhao & Chan, ODAM (ICLR 2023), table 1",
    "difference": "Xia, Zhao & Chan, difference maps, table 1",
    "whole": "SSGrad-CAM++ poster, table of deletion and insertion",
}
NORMALIZE = ("score", "published")
"""What ODAM's curves are divided by: the original score, or what the authors' published evaluation does."""
AREAS = ("image", "box")
"""What the steps of the poster's protocol divide: the whole image, or the area of each object's box."""
CHOICES: dict[str, tuple[Any, ...]] = {"fill": (None, *FILLS), "ties": TIES}


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores and IoUs while N objects' maps changed the image in K pictures each; all on the CPU, float64.

    Attributes:
        scores: ``[N,K,N]``: ``scores[i, k, j]`` is the score of object j in picture k of object i's map, 0 if the
            detector no longer finds it.
        ious: ``[N,K,N]``: the IoU of object j's box there with its box in the unchanged image.
        counts: int64 ``[N,K]``: how many pixels were changed.
        ties: ``[N]``: the share of tied pixels among those changed in the last picture.
        original: ``[N]``: the objects' scores in the unchanged image.
    """

    scores: Tensor
    ious: Tensor
    counts: Tensor
    ties: Tensor
    original: Tensor

    @property
    def target(self) -> Tensor:
        """The score of each object under its own map, ``[N,K]`` in 0..1."""
        return self.scores.diagonal(dim1=0, dim2=2).T

    @property
    def target_iou(self) -> Tensor:
        """The IoU of each object under its own map, ``[N,K]`` in 0..1."""
        return self.ious.diagonal(dim1=0, dim2=2).T

    def relative(self) -> Tensor:
        """Return each object's score under its own map over its original score.

        Returns:
            Ratios ``[N,K]``, which may exceed 1; NaN for an original score of 0.
        """
        return safe_ratio(self.target, self.original[:, None].expand_as(self.target), torch.nan)

    def others(self) -> Tensor:
        """Return the mean of score over original score over the other objects.

        Returns:
            Means ``[N,K]``; NaN if there is no other object.
        """
        count = len(self.original)
        relative = safe_ratio(self.scores, self.original.expand_as(self.scores), torch.nan)
        relative[torch.arange(count, device="cpu"), :, torch.arange(count, device="cpu")] = 0
        total = relative.sum(dim=2)
        return total / (count - 1) if count > 1 else torch.full_like(total, torch.nan)


def perturbation_curves(
    case: MetricInput,
    perturbation: PerturbationSchedule,
    areas: Tensor,
    *,
    by: str = "score",
    score_threshold: float = SCORE_THRESHOLD,
    min_iou: float = MIN_IOU,
    batch_size: int | None = None,
) -> Curves:
    """Change the image after each of the maps and follow the score of every object.

    Pixels are changed in the original uint8 image, so the padding of the network's input never is, in the order of
    falling values of the map, also of a signed one. Different pictures of all objects go through the detector together,
    a picture that was seen before is not queried again (``DetectionCache``), and no more than one batch of pictures is
    in memory.

    Args:
        case: one image's objects with their maps and the detector.
        perturbation: how the image is changed.
        areas: ``[N]``: how many pixels each object's last picture has changed, such as ``box_areas(case)``.
        by: which of several detections an object is followed in, as in ``CachedDetections.follow``: "score" or "iou".
        score_threshold: the least score of detections in the changed images; of a classifier's classes none is too
            small.
        min_iou: an object is found again by its class and an IoU above this one with its detected box.
        batch_size: how many pictures the detector is given at once, as in ``DetectionCache``.

    Returns:
        The curves of all objects.

    Raises:
        ValueError: if there is not one area for each object, no detector, or ``by`` is unknown.
    """
    count, size = len(case), case.size
    if areas.shape != (count,):
        raise ValueError(f"areas are one number of pixels for each of the {count} objects, got {list(areas.shape)}")
    pixels = size[0] * size[1]
    counts = [perturbation.counts(area, pixels) for area in areas.tolist()]
    shape = (count, perturbation.points, count)
    scores, ious = (
        torch.zeros(shape, dtype=torch.float64, device="cpu"),
        torch.zeros(shape, dtype=torch.float64, device="cpu"),
    )
    ties = torch.zeros(count, dtype=torch.float64, device="cpu")
    pictures = _pictures(case, perturbation, counts, ties)
    places = ((row, k) for row in range(count) for k in range(perturbation.points))
    targets = case.detections.to("cpu")
    least = case.least_score(score_threshold)
    for place, answer in zip(places, case.ask().ask(pictures, least, batch_size), strict=True):
        scores[place], ious[place] = answer.follow(targets, min_iou, by)
    numbers = torch.tensor(counts, dtype=torch.int64, device="cpu").reshape(count, perturbation.points)
    return Curves(scores, ious, numbers, ties, targets.scores.double())


def _pictures(
    case: MetricInput, perturbation: PerturbationSchedule, counts: list[list[int]], ties: Tensor
) -> Iterator[np.ndarray]:
    """Yield all pictures, object by object; fills in each object's share of ties on the way."""
    for row, (heat, numbers) in enumerate(zip(case.maps, counts)):
        order = pixel_order(heat, perturbation.ties, case.object_seed(row, "order"))
        ties[row] = tied_share(heat, order, numbers[-1])
        yield from perturbation.images(case.sample.image, order, numbers, case.object_seed(row, "fill"))


def box_areas(case: MetricInput) -> Tensor:
    """Return the area of each object's box inside the image.

    Args:
        case: one image's objects.

    Returns:
        Areas in pixels, float64 ``[N]`` on the CPU: of the annotated box, or of the detected box for an object without
        an annotation; of an oriented box the number of its pixels.
    """
    height, width = case.size
    polygons = _polygons(case)
    if polygons is not None:
        return polygon_masks(polygons, height, width).sum(dim=(1, 2), dtype=torch.float64)
    boxes = torch.where(case.annotated[:, None], case.boxes, case.detections.boxes.float().cpu()).double()
    across, down = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
    return (across[:, 1] - across[:, 0]) * (down[:, 1] - down[:, 0])


def network_input(case: MetricInput) -> MetricInput:
    """Return the case in pixels of the network's input, each object with its annotated box.

    The picture is scaled to the size at which the network sees it (bilinearly, to whole numbers; without padding), maps
    and boxes alike; detections have the annotated box where there is one. A detector that cannot be looked into is
    taken to see the picture as it is.

    Args:
        case: one image's objects with their maps and the detector.

    Returns:
        The same objects at that size.
    """
    size, annotated = case.size, case.annotated[:, None]
    detector: Any = case.detector
    wanted = detector.trace(case.sample.image).placement.resized if Capabilities(detector).traceable else size
    scale = torch.tensor([wanted[1] / size[1], wanted[0] / size[0]] * 2, dtype=torch.float32, device="cpu")
    boxes = torch.where(annotated, case.boxes, case.detections.boxes.float().cpu()) * scale
    picture, maps = case.sample.image, case.maps
    if tuple(wanted) != size:
        small = Image.fromarray(picture).resize((wanted[1], wanted[0]), Image.Resampling.BILINEAR)
        picture = np.array(small)
        maps = F.interpolate(maps[None], size=tuple(wanted), mode="bilinear", align_corners=False)[0]
    annotated_polygons, polygons = case.sample.polygons, _polygons(case)
    if annotated_polygons is not None:
        annotated_polygons = annotated_polygons * scale[:2].numpy()
    sample = replace(case.sample, image=picture, boxes=case.sample.boxes * scale.numpy(), polygons=annotated_polygons)
    found = replace(
        case.detections.to("cpu"),
        boxes=boxes,
        image_size=tuple(wanted),
        canvas_size=None,
        found_boxes=None,
        polygons=None if polygons is None else polygons * scale[:2],
    )
    return replace(case, maps=maps, detections=found, sample=sample)


def _polygons(case: MetricInput) -> Tensor | None:
    """The annotated oriented box of each object, the detected one where there is none; None for upright boxes."""
    found = case.detections.polygons
    if found is None:
        return None
    found = found.detach().float().cpu()
    # An upright annotation of an object whose box was found turned.
    own = corners_of(case.boxes) if case.polygons is None else case.polygons
    return torch.where(case.annotated[:, None, None], own, found)


def _odam(mode: str) -> Callable[..., Measured]:
    """The protocol of ODAM's table 1."""

    def measure(
        case: MetricInput,
        *,
        steps: int = 100,
        every: int = 10,
        normalize: str = "score",
        fill: str | None = None,
        ties: str = "random",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
    ) -> Measured:
        """Area below score over original score (not clipped), in percent; the curve is that ratio.

        Step k of 100 has changed ``round(k * area / 100)`` pixels anywhere in the image, with the area of the target's
        annotated box (its detected box if it has no annotation); the detector is queried at 0, 10, ... 100. An object
        is found again in the detection of its class with the highest score among those with an IoU above ``min_iou``.
        The paper leaves open how ties are ordered and the detector's threshold. NaN for an original score of 0.

        ``normalize="published"`` is the authors' published evaluation, for comparison with the printed columns: the
        curve of an insertion is the score itself, the IoU is measured with the annotated box, and pixels are changed in
        the network's input (``network_input``).
        """
        published = normalize == "published"
        case = network_input(case) if published else case
        schedule = PerturbationSchedule(mode, steps, every, fill, ties)
        asking: dict[str, Any] = {"score_threshold": score_threshold, "min_iou": min_iou}
        curves = perturbation_curves(case, schedule, box_areas(case), **asking)
        return _measured(curves, curves.target if published and mode == "insertion" else curves.relative(), 100)

    return measure


def _difference(mode: str, of_others: bool) -> Callable[..., Measured]:
    """The protocol of the difference-map paper's table 1: one of its two halves."""

    def measure(
        case: MetricInput,
        *,
        steps: int = 10,
        fill: str | None = None,
        ties: str = "random",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
        batch_size: int | None = None,
    ) -> Measured:
        """Area below score over original score, in percent: the target's, or the mean of the other objects'.

        10 steps of 10% of the target's annotated box; pictures and following are those of ODAM's protocol. The others
        are the other detections of the case, each measured against its own original score; NaN if there are none. The
        paper's curves have "10 steps"; here the unchanged picture is the eleventh point. Signed maps are ordered by
        their signed value, so pixels that speak for another object come last; the paper does not say whether negative
        values were cut, ``MetricInput.positive_part`` cuts them. ``extras`` hold the areas of both halves.
        """
        schedule = PerturbationSchedule(mode, steps, 1, fill, ties)
        curves = perturbation_curves(
            case, schedule, box_areas(case), score_threshold=score_threshold, min_iou=min_iou, batch_size=batch_size
        )
        target, others = curves.relative(), curves.others()
        halves = {"target": area_below(target) * 100, "others": area_below(others) * 100}
        return _measured(curves, others if of_others else target, 100, halves)

    return measure


def _whole(mode: str) -> Callable[..., Measured]:
    """The protocol of the SSGrad-CAM++ poster's table."""

    def measure(
        case: MetricInput,
        *,
        steps: int = 50,
        area: str = "image",
        score: str = "s1",
        fill: str | None = None,
        ties: str = "random",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
    ) -> Measured:
        """Area below the score itself over 50 equal steps through all pixels of the image, 0..1.

        ``score``: "s1", that of the detection of the target's class with the highest IoU, or "s2", s1 times that IoU.
        ``extras`` hold both areas. The poster says neither how pixels are changed nor from which IoU on a detection
        counts (``min_iou=0``: any that overlaps). ``area="box"`` ends after as many pixels as the target's annotated
        box has (its detected box without an annotation), as in ODAM's protocol: of a small object a step through the
        whole image may change more pixels than the object has, and then all maps delete alike.
        """
        schedule = PerturbationSchedule(mode, steps, 1, fill, ties)
        height, width = case.size
        everything = torch.full((len(case),), float(height * width), dtype=torch.float64, device="cpu")
        areas = box_areas(case) if area == "box" else everything
        curves = perturbation_curves(case, schedule, areas, by="iou", score_threshold=score_threshold, min_iou=min_iou)
        shown = {"s1": curves.target, "s2": curves.target * curves.target_iou}
        return _measured(curves, shown[score], 1, {name: area_below(curve) for name, curve in shown.items()})

    return measure


def _measured(curves: Curves, curve: Tensor, scale: float, extras: dict[str, Tensor] | None = None) -> Measured:
    return Measured(area_below(curve) * scale, curves.ties, curve, {**(extras or {}), "original": curves.original})


def _register(mode: str) -> None:
    """Both halves of one mode's presets: a good map deletes the target quickly and leaves the others alone."""
    inserting = mode == "insertion"
    preset = partial(metric, signed=True, empty_map="random order", uses_annotation=False)
    title = mode.capitalize()
    preset(
        f"{mode}-odam",
        title=f"{title} (ODAM)",
        source=SOURCES["odam"],
        higher_is_better=inserting,
        needs=("detector",),
        unit="%",
        choices={**CHOICES, "normalize": NORMALIZE},
    )(_odam(mode))
    for of_others in (False, True):
        preset(
            f"{mode}-difference-others" if of_others else f"{mode}-difference",
            title=f"{title} (difference map), {'other objects' if of_others else 'target'}",
            source=SOURCES["difference"],
            higher_is_better=inserting != of_others,
            needs=("detector", "others") if of_others else ("detector",),
            unit="%",
            choices=CHOICES,
        )(_difference(mode, of_others))
    preset(
        mode,
        title=f"{title} (whole image)",
        source=SOURCES["whole"],
        higher_is_better=inserting,
        needs=("detector",),
        choices={**CHOICES, "score": ("s1", "s2"), "area": AREAS},
    )(_whole(mode))


for _mode in MODES:
    _register(_mode)
