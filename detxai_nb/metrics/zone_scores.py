"""Zone scores: what becomes of the score if only a map's zone is kept, or only its context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import MIN_IOU, SCORE_THRESHOLD
from detxai_nb.metrics.map_energy import safe_ratio
from detxai_nb.metrics.perturbation import FILLS, filling_of
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.metrics.zones import EMPTY_ZONE, THRESHOLD, saliency_zones, zone_figures

SOURCE = "Fahim et al., global guidance maps, tables 1 to 3"


def zone_picture(photograph: np.ndarray, kept: np.ndarray, fill: str = "black", seed: int = 0) -> np.ndarray:
    """Return a photograph of which only some pixels are kept.

    Args:
        photograph: uint8 ``[H,W,3]``.
        kept: bool ``[H,W]``: the pixels that stay as they are.
        fill: what the others become: "black", "mean" (the photograph's mean colour) or "random" (uniform uint8 for
            each pixel and channel).
        seed: of the random fill.

    Returns:
        uint8 ``[H,W,3]``, an array of its own.

    Raises:
        ValueError: if the sizes differ or ``fill`` is unknown.

    Example:
        >>> import numpy as np
        >>> import detxai_nb as dx
        >>> dx.metrics.zone_picture(np.full((1, 2, 3), 7, np.uint8), np.array([[True, False]])).tolist()
        [[[7, 7, 7], [0, 0, 0]]]
    """
    if kept.shape != photograph.shape[:2]:
        raise ValueError(f"kept is {list(kept.shape)}, the photograph {list(photograph.shape[:2])}; they need one size")
    if fill not in FILLS:
        raise ValueError(f"fill is one of {', '.join(FILLS)}; got {fill!r}")
    return np.where(kept[:, :, None], photograph, filling_of(photograph, fill, seed))


def _zone_scores(
    case: MetricInput, context: bool, threshold: float, fill: str, score_threshold: float, min_iou: float
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Scores in the unchanged photograph and in the changed one, float64 ``[N]`` each, and the figures of the zones."""
    zones = saliency_zones(case.maps, threshold)

    def pictures() -> Iterator[np.ndarray]:
        yield case.sample.image
        for row, zone in enumerate((~zones if context else zones).cpu().numpy()):
            yield zone_picture(case.sample.image, zone, fill, case.object_seed(row, "fill"))

    targets = case.detections.to("cpu")
    before, after = (
        torch.zeros(len(case), dtype=torch.float64, device="cpu"),
        torch.zeros(len(case), dtype=torch.float64, device="cpu"),
    )
    for number, answer in enumerate(case.ask().ask(pictures(), case.least_score(score_threshold)) if len(case) else ()):
        if number == 0:
            before = answer.follow(targets, min_iou)[0]
        else:
            after[number - 1] = answer.follow(targets[number - 1 : number], min_iou)[0][0]
    return before, after, {"original": before, "left": after, **zone_figures(zones)}


def _drop(context: bool) -> Callable[..., Measured]:
    def measure(
        case: MetricInput,
        *,
        threshold: float = THRESHOLD,
        fill: str = "black",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
    ) -> Measured:
        """Relative loss of the score, ``max(0, Y - Y') / Y`` in 0..1, with only the zone, or only the context, kept.

        Y is the score in the unchanged photograph, Y' in the changed one: of a classifier the probability of the class,
        of a detector the score of the object found again by class and an IoU above ``min_iou`` (the highest), among
        detections with at least ``score_threshold``. The zone has the pixels above ``threshold`` times the map's
        maximum; the others are filled with ``fill`` in the photograph itself. NaN for a score of 0. An empty zone
        counts as a miss: the drop is 1 if the zone is kept, and 0 if nothing is taken away. ``extras``: "original" is
        Y, "left" is Y', and those of ``zone_figures``.

        The paper says neither where a map is cut nor what fills the removed pixels, and calls Y the prediction.
        """
        before, after, extras = _zone_scores(case, context, threshold, fill, score_threshold, min_iou)
        value = safe_ratio((before - after).clamp(min=0), before, torch.nan)
        return Measured(_for_empty(value, extras, 0.0 if context else 1.0), extras=extras)

    return measure


def _increase(context: bool) -> Callable[..., Measured]:
    def measure(
        case: MetricInput,
        *,
        threshold: float = THRESHOLD,
        fill: str = "black",
        score_threshold: float = SCORE_THRESHOLD,
        min_iou: float = MIN_IOU,
    ) -> Measured:
        """Whether the score rises, 1 or 0, with only the zone, or only the context, kept; the mean is a share of rows.

        Scores, settings and ``extras`` are those of the drop. An empty zone counts as no rise.
        """
        before, after, extras = _zone_scores(case, context, threshold, fill, score_threshold, min_iou)
        value = torch.where(before > 0, (after > before).double(), torch.nan)
        return Measured(_for_empty(value, extras, 0.0), extras=extras)

    return measure


def _for_empty(value: Tensor, extras: dict[str, Tensor], miss: float) -> Tensor:
    return torch.where((extras[EMPTY_ZONE] == 1) & ~value.isnan(), miss, value)


def _register() -> None:
    preset = partial(metric, source=SOURCE, needs=("detector",), uses_annotation=False, choices={"fill": FILLS})
    for context in (False, True):
        zone = "context" if context else "saliency"
        kept = "the zone removed" if context else "only the zone"
        preset(
            f"{zone}-zone-drop",
            title=f"Drop with {kept}",
            higher_is_better=context,
            empty_map=0.0 if context else 1.0,
        )(_drop(context))
        preset(
            f"{zone}-zone-increase",
            title=f"Increase with {kept}",
            higher_is_better=not context,
            empty_map=0.0,
        )(_increase(context))


_register()
