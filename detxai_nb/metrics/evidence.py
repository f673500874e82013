"""Evidence energy: how much of a map's energy on its object lies on the part that tells the class."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_not_negative, check_pairs, energy, share
from detxai_nb.metrics.registry import Measured, metric


def evidence_energy(maps: Tensor, parts: Tensor, masks: Tensor) -> Tensor:
    """Energy on the discriminating part over the energy on the object, ``[N]`` in 0..1. Higher is better.

    ``maps`` ``[N,H,W]``: raw, non-negative, at the image's size. ``parts``, ``masks`` bool ``[N,H,W]``: visible pixels
    of the part that alone tells the object's class from its twin's, and of the whole object; the part is a subset. 0
    where no energy lies on the object. Only the synthetic scenes know such parts: no photograph is annotated so. A map
    spread evenly over its object scores ``part_share``.
    """
    check_pairs(maps, masks)
    check_pairs(maps, parts)
    check_not_negative(maps)
    return share(energy(maps, parts & masks), energy(maps, masks))


def part_share(parts: Tensor, masks: Tensor) -> Tensor:
    """The part's share of its object's area, float64 ``[N]``; NaN for an object without pixels."""
    part, whole = ((m.sum(dim=(1, 2))).double() for m in ((parts & masks).cpu(), masks.cpu()))
    return share(part, whole, float("nan"))


def gain(found: Tensor, expected: Tensor) -> Tensor:
    """How many times more than by chance: ``found / expected``, NaN where nothing is expected."""
    return share(found, expected, torch.nan)


@metric(
    "evidence-energy",
    title="Energy on the telling part",
    source="synthetic scenes of this package",
    higher_is_better=True,
    needs=("mask", "part"),
)
def evidence_energy_of_case(case: MetricInput) -> Measured:
    """Energy on the part that tells the class over the energy on the object, 0..1.

    ``extras``: "area_share", the part's share of the object's area, what an even map scores; "gain", value over share.
    """
    value = per_object(case, evidence_energy(case.maps, case.parts, case.masks))
    even = per_object(case, part_share(case.parts, case.masks))
    return Measured(value, extras={"area_share": even, "gain": gain(value, even)})
