"""Compactness: how far a map spreads about its maximum, in units of its object's size."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_non_negative, energy, safe_ratio
from detxai_nb.metrics.registry import Measured, metric


def compactness(maps: Tensor, boxes: Tensor) -> Tensor:
    """Return the spread of each map about its maximum, in units of its object's size.

    ``sqrt( sum S d^2 / sum S / ((w^2 + h^2) / 4) )`` with S the map, d the distance of a pixel to the first maximal
    pixel (row by row from the top), w and h the sides of the box.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        boxes: ``[N,4]`` xyxy in pixels of the image, usually the annotated boxes.

    Returns:
        Spreads ``[N]``, 0 or more, lower is better; NaN for a map of zeros and for a box without extent.

    Raises:
        ValueError: if there is not one box for each map or a map has negative values.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.zeros(1, 8, 8)
        >>> maps[0, 2, 3] = 1.0  # all energy on one pixel: no spread at all
        >>> dx.metrics.compactness(maps, torch.tensor([[0.0, 0.0, 6.0, 8.0]]))
        tensor([0.], dtype=torch.float64)

    References:
        ODAM (ICLR 2023), sec. 4.2 and table 4.
    """
    if boxes.shape != (len(maps), 4):
        raise ValueError(f"boxes are [N,4] for {len(maps)} maps, got {list(boxes.shape)}")
    check_non_negative(maps)
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    height, width = maps.shape[1:]
    first = maps.flatten(1).argmax(dim=1) if maps.numel() else maps.new_zeros(0, dtype=torch.int64)
    # The squared distance is a sum over the axes, so the sums of rows and of columns are enough.
    spread = torch.zeros(len(maps), dtype=wide, device=maps.device)
    for axis, pixels, peak in ((2, height, first // width), (1, width, first % width)):
        away = torch.arange(pixels, device=maps.device) - peak[:, None]
        spread += (maps.sum(dim=axis, dtype=wide) * away.to(wide) ** 2).sum(dim=1)
    sides = (boxes[:, 2:] - boxes[:, :2]).to(maps.device, wide)
    size = (sides**2).sum(dim=1) / 4
    return safe_ratio(safe_ratio(spread, energy(maps), float("nan")), size, float("nan")).sqrt()


@metric(
    "compactness",
    title="Compactness",
    source="ODAM (ICLR 2023), table 4",
    higher_is_better=False,
    empty_map=math.nan,
    in_comparison="shown",
)
def compactness_of_case(case: MetricInput) -> Measured:
    """Measure the map's spread about its maximum in units of the annotated box.

    Args:
        case: one image's objects with their maps.

    Returns:
        Spreads, 0 or more; NaN for an all-zero map and for an object without an annotation.
    """
    return Measured(per_object(case, compactness(case.maps, case.boxes)))
