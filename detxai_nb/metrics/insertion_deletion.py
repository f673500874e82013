"""The registered metrics that ask the detector about changed images: deletion and insertion in three protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import MIN_IOU, SCORE_THRESHOLD
from detxai_nb.metrics.faithfulness import Curves, box_areas, perturbation_curves
from detxai_nb.metrics.perturbation import FILLS, MODES, PerturbationSchedule
from detxai_nb.metrics.pixel_ordering import TIES
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.metrics.visual_accuracy import area_below

Function = Callable[..., Measured]

CHOICES: dict[str, tuple[Any, ...]] = {"fill": (None, *FILLS), "ties": TIES}


def _odam(mode: str) -> Function:
    """The protocol of ODAM's table 1."""

    def measure(
        case: MetricInput,
        *,
        steps: int = 100,
        every: int = 10,
        fill: str | None = None,
        ties: str = "random",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
        batch_size: int | None = None,
    ) -> Measured:
        """Area below score over original score (not clipped), in percent; the curve is that ratio.

        Step k of 100 has changed ``round(k * area / 100)`` pixels anywhere in the image, area that of the target's
        annotated box (its detected box where there is no annotation); asked at 0, 10, ... 100. The paper leaves open
        how ties are ordered, what counts as found again, and the detector's threshold. NaN for an original score of 0.
        """
        how = PerturbationSchedule(mode, steps, every, fill, ties)
        curves = perturbation_curves(
            case, how, box_areas(case), score_threshold=score_threshold, min_iou=min_iou, batch_size=batch_size
        )
        return _measured(curves, curves.relative(), 100)

    return measure


def _difference(mode: str, of_others: bool) -> Function:
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

        10 steps of 10% of the target's annotated box; the pictures are those of ODAM's protocol. The others are the
        other detections of the case, each measured against its own original score; NaN where there are none. The
        paper's curves have "10 steps"; here the unchanged picture is the eleventh point. Signed maps are ordered by
        their signed value, so pixels that speak for another object come last; the paper does not say whether negative
        values were cut, ``MetricInput.positive_part`` cuts them. ``extras`` hold the areas of both halves.
        """
        how = PerturbationSchedule(mode, steps, 1, fill, ties)
        curves = perturbation_curves(
            case, how, box_areas(case), score_threshold=score_threshold, min_iou=min_iou, batch_size=batch_size
        )
        target, others = curves.relative(), curves.others()
        halves = {"target": area_below(target) * 100, "others": area_below(others) * 100}
        return _measured(curves, others if of_others else target, 100, halves)

    return measure


def _whole(mode: str) -> Function:
    """The protocol of the SSGrad-CAM++ poster's table."""

    def measure(
        case: MetricInput,
        *,
        steps: int = 50,
        score: str = "s1",
        fill: str | None = None,
        ties: str = "random",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
        batch_size: int | None = None,
    ) -> Measured:
        """Area below the score itself over 50 equal steps through all pixels of the image, 0..1.

        ``score``: "s1", that of the detection of the target's class with the highest IoU, or "s2", s1 times that IoU.
        ``extras`` hold both areas. The poster says neither how pixels are changed nor from which IoU on a detection
        counts (``min_iou=0``: any that overlaps).
        """
        how = PerturbationSchedule(mode, steps, 1, fill, ties)
        height, width = case.size
        everything = torch.full((len(case),), float(height * width), dtype=torch.float64)
        curves = perturbation_curves(
            case, how, everything, score_threshold=score_threshold, min_iou=min_iou, batch_size=batch_size
        )
        shown = {"s1": curves.target, "s2": curves.target * curves.target_iou}
        return _measured(curves, shown[score], 1, {name: area_below(curve) for name, curve in shown.items()})

    return measure


def _measured(curves: Curves, curve: Tensor, scale: float, extras: dict[str, Tensor] | None = None) -> Measured:
    return Measured(area_below(curve) * scale, curves.ties, curve, {**(extras or {}), "original": curves.original})


def _register(mode: str) -> None:
    """Both halves of one mode's presets: a good map deletes the target quickly and leaves the others alone."""
    inserting = mode == "insertion"
    common: dict[str, Any] = {"signed": True, "choices": CHOICES}
    title = mode.capitalize()
    metric(
        f"{mode}-odam",
        title=f"{title} (ODAM)",
        source="Zhao & Chan, ODAM (ICLR 2023), table 1",
        higher_is_better=inserting,
        needs=("detector",),
        unit="%",
        **common,
    )(_odam(mode))
    for of_others in (False, True):
        metric(
            f"{mode}-difference-others" if of_others else f"{mode}-difference",
            title=f"{title} (difference map), {'other objects' if of_others else 'target'}",
            source="Xia, Zhao & Chan, difference maps, table 1",
            higher_is_better=inserting != of_others,
            needs=("detector", "others") if of_others else ("detector",),
            unit="%",
            **common,
        )(_difference(mode, of_others))
    metric(
        mode,
        title=f"{title} (whole image)",
        source="SSGrad-CAM++ poster, table of deletion and insertion",
        higher_is_better=inserting,
        needs=("detector",),
        signed=True,
        choices={**CHOICES, "score": ("s1", "s2")},
    )(_whole(mode))


for _mode in MODES:
    _register(_mode)
