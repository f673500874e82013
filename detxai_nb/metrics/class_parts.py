"""The part that tells classes apart in the data: how much heat lies on it, and whether the detector uses it."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.detection_cache import SCORE_THRESHOLD, DetectionCache
from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape, energy, safe_ratio
from detxai_nb.metrics.registry import Measured, metric

_Known = dict[tuple[int, ...], tuple[float, float]]
_KNOWN: WeakKeyDictionary[DetectionCache, _Known] = WeakKeyDictionary()
"""The answers about one photograph's redrawn pictures, which all methods and metrics of it share."""


def part_energy(maps: Tensor, parts: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's energy on its object that lies on the class-defining part.

    That part alone tells the object's class from another one in the data. It is no measure of truth: a detector need
    not use it, and then a map that leaves it out is right. Whether it does is the part's effect (``part_effect``). Only
    the synthetic scenes have such parts: no photograph is annotated so. A map spread evenly over its object scores
    ``part_share``.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        parts: bool ``[N,H,W]``: visible pixels of the part that alone tells the object's class from its twin's.
        masks: bool ``[N,H,W]``: visible pixels of the whole object, of which the part is a subset.

    Returns:
        Shares ``[N]`` in 0..1; 0 where no energy lies on the object.

    Raises:
        ValueError: if the shapes differ or a map has negative values.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.tensor([[[3.0, 1.0], [9.0, 0.0]]])
        >>> on_part = torch.tensor([[[True, False], [False, False]]])
        >>> on_object = torch.tensor([[[True, True], [False, False]]])
        >>> dx.metrics.part_energy(maps, on_part, on_object)
        tensor([0.7500], dtype=torch.float64)
    """
    check_same_shape(maps, masks)
    check_same_shape(maps, parts)
    check_non_negative(maps)
    return safe_ratio(energy(maps, parts & masks), energy(maps, masks))


def part_share(parts: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each object's area that its part covers.

    Args:
        parts: bool ``[N,H,W]``: pixels of the class-defining parts.
        masks: bool ``[N,H,W]``: pixels of the whole objects.

    Returns:
        Shares, float64 ``[N]`` on the CPU in 0..1; NaN for an object without pixels.
    """
    part, whole = ((m.sum(dim=(1, 2))).double() for m in ((parts & masks).cpu(), masks.cpu()))
    return safe_ratio(part, whole, float("nan"))


def gain(value: Tensor, expected: Tensor) -> Tensor:
    """Return how many times more a value is than its expectation by chance.

    Args:
        value: what was measured ``[N]``.
        expected: what chance gives ``[N]``.

    Returns:
        ``value / expected`` ``[N]``, NaN where nothing is expected.
    """
    return safe_ratio(value, expected, torch.nan)


def part_effect(case: MetricInput) -> tuple[Tensor, Tensor]:
    """Ask the detector about each object in its picture drawn once more without its class-defining part.

    Args:
        case: one image's objects; the sample has to know how to draw its picture again (``Sample.load_without_parts``).

    Returns:
        float64 ``[N]`` each: the score that is lost, and the score that is left, by class and IoU as in all changed
        pictures; NaN without an annotation, without a detector, and where the picture cannot be drawn again.
    """
    lost = torch.full((len(case),), math.nan, dtype=torch.float64, device="cpu")
    left = lost.clone()
    draw = case.sample.load_without_parts
    if draw is None or case.detector is None or not len(case):
        return lost, left
    answers, targets = case.ask(), case.detections.to("cpu")
    known = _KNOWN.setdefault(answers, {})
    for row, members in enumerate(case.members):
        if not members:
            continue
        box = (targets.boxes[row].double() * 100).round().long().tolist()
        key = (*members, int(targets.labels[row]), *box)
        if key not in known:
            (found,) = answers.ask([draw(list(members))], case.least_score(SCORE_THRESHOLD))
            scores, _ = found.follow(targets[row])
            known[key] = float(targets.scores[row]), float(scores[0])
        before, after = known[key]
        lost[row], left[row] = before - after, after
    return lost, left


@metric(
    "part-energy",
    title="Energy on the class-defining part",
    source="synthetic scenes of this package",
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="shown",
    needs=("mask", "part"),
)
def part_energy_of_case(case: MetricInput) -> Measured:
    """Measure the share of the energy on the object that lies on the part that tells the classes apart in the data.

    A high share is right only if the detector uses the part, and a low one only if it does not: the part's effect
    stands beside it.

    Args:
        case: one image's objects with their maps.

    Returns:
        Shares in 0..1; NaN for an object without an annotation. ``extras``: "area_share", the part's share of the
        object's area, which an even map scores; "gain", the value over that share; "effect", the score that the object
        loses where the same scene is drawn without the part, and "score without" it, both NaN without a detector and
        for pictures that cannot be drawn again.
    """
    value = per_object(case, part_energy(case.maps, case.parts, case.masks))
    even = per_object(case, part_share(case.parts, case.masks))
    lost, left = part_effect(case)
    extras = {"area_share": even, "gain": gain(value, even), "effect": lost, "score without": left}
    return Measured(value, extras=extras)
