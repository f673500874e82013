"""Evidence energy: how much of a map's energy on its object lies on the part that tells the class."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape, energy, safe_ratio
from detxai_nb.metrics.registry import Measured, metric


def evidence_energy(maps: Tensor, parts: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's energy on its object that lies on the object's discriminating part.

    Only the synthetic scenes have such parts: no photograph is annotated so. A map spread evenly over its object scores
    ``part_share``.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        parts: bool ``[N,H,W]``: visible pixels of the part that alone tells the object's class from its twin's.
        masks: bool ``[N,H,W]``: visible pixels of the whole object, of which the part is a subset.

    Returns:
        Shares ``[N]`` in 0..1, higher is better; 0 where no energy lies on the object.

    Raises:
        ValueError: if the shapes differ or a map has negative values.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.tensor([[[3.0, 1.0], [9.0, 0.0]]])
        >>> on_part = torch.tensor([[[True, False], [False, False]]])
        >>> on_object = torch.tensor([[[True, True], [False, False]]])
        >>> dx.metrics.evidence_energy(maps, on_part, on_object)
        tensor([0.7500], dtype=torch.float64)
    """
    check_same_shape(maps, masks)
    check_same_shape(maps, parts)
    check_non_negative(maps)
    return safe_ratio(energy(maps, parts & masks), energy(maps, masks))


def part_share(parts: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each object's area that its part covers.

    Args:
        parts: bool ``[N,H,W]``: pixels of the discriminating parts.
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


@metric(
    "evidence-energy",
    title="Energy on the telling part",
    source="synthetic scenes of this package",
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="shown",
    needs=("mask", "part"),
)
def evidence_energy_of_case(case: MetricInput) -> Measured:
    """Measure the share of the energy on the object that lies on the part that tells its class.

    Args:
        case: one image's objects with their maps.

    Returns:
        Shares in 0..1; NaN for an object without an annotation. ``extras``: "area_share", the part's share of the
        object's area, which an even map scores; "gain", the value over that share.
    """
    value = per_object(case, evidence_energy(case.maps, case.parts, case.masks))
    even = per_object(case, part_share(case.parts, case.masks))
    return Measured(value, extras={"area_share": even, "gain": gain(value, even)})
