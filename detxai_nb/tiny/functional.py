"""Pure functions: the extent of a map, the nearest box, and the similarity of two maps."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape, energy, safe_ratio


def half_energy_share(maps: Tensor) -> Tensor:
    """Return the least share of the image's pixels that together hold half of each map's energy.

    The highest pixels are added up until their sum reaches half of the total.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.

    Returns:
        Shares ``[N]`` in 0..0.5; NaN for a map of zeros, 0.5 (or the next pixel above it) for a constant map.

    Raises:
        ValueError: if maps have negative values.
    """
    check_non_negative(maps)
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    if not maps.numel():
        return maps.new_zeros(len(maps), dtype=wide)
    sums = maps.flatten(1).to(wide).sort(dim=1, descending=True).values.cumsum(dim=1)
    whole = sums[:, -1:]
    taken = (sums < whole / 2).sum(dim=1) + 1
    return torch.where(whole[:, 0] > 0, taken.to(wide) / sums.shape[1], torch.nan)


def box_distances(boxes: Tensor) -> Tensor:
    """Return the gap between any two boxes: the distance of their two nearest points.

    Args:
        boxes: ``[M,4]`` xyxy in pixels.

    Returns:
        Distances in pixels, float64 ``[M,M]``; 0 if the boxes touch or overlap.
    """
    low, high = boxes.double()[:, :2], boxes.double()[:, 2:]
    return (low[:, None] - high[None]).maximum(low[None] - high[:, None]).clamp(min=0).square().sum(dim=2).sqrt()


def nearest_boxes(boxes: Tensor) -> Tensor:
    """Return for each box the nearest other box, by ``box_distances``.

    Among boxes at the same distance the one with the nearest centre counts, then the lower number.

    Args:
        boxes: ``[M,4]`` xyxy in pixels.

    Returns:
        Numbers of boxes, int64 ``[M]``; -1 if there is no other box.
    """
    count = len(boxes)
    if count < 2:
        return torch.full((count,), -1, dtype=torch.int64, device="cpu")
    gaps = box_distances(boxes).fill_diagonal_(torch.inf)
    centres = (boxes.double()[:, :2] + boxes.double()[:, 2:]) / 2
    between = (centres[:, None] - centres[None]).square().sum(dim=2)
    closest = gaps == gaps.amin(dim=1, keepdim=True)
    return torch.where(closest, between, torch.inf).argmin(dim=1)


def similarity(one: Tensor, other: Tensor, centred: bool = False) -> Tensor:
    """Return the cosine similarity or the correlation of maps, pair by pair.

    The cosine of the angle between two maps as vectors is the sum of their products over the product of their norms.

    Args:
        one, other: heat maps ``[K,H,W]``, raw.
        centred: subtract the mean of each map first, which gives Pearson's correlation.

    Returns:
        Similarities, float64 ``[K]``: 1 for maps that differ only by a positive factor; NaN if a map is zero everywhere
        (``centred``: constant).

    Raises:
        ValueError: if shapes differ.
    """
    check_same_shape(one, other)
    first, second = one.flatten(1).double().cpu(), other.flatten(1).double().cpu()
    if centred and first.shape[1]:
        same = (first == first[:, :1]).all(dim=1) | (second == second[:, :1]).all(dim=1)
        first, second = first - first.mean(dim=1, keepdim=True), second - second.mean(dim=1, keepdim=True)
        # The mean of equal values can differ from them in the last digit.
        first = torch.where(same[:, None], 0, first)
    return safe_ratio((first * second).sum(dim=1), first.norm(dim=1) * second.norm(dim=1), torch.nan)


def energy_beside(maps: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Return the share of each map's energy that lies in another mask and not in its own.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative.
        own, other: bool ``[N,H,W]``.

    Returns:
        Shares ``[N]`` in 0..1; 0 for a map of zeros.

    Raises:
        ValueError: if shapes differ or maps have negative values.
    """
    check_same_shape(maps, own)
    check_same_shape(maps, other)
    check_non_negative(maps)
    return safe_ratio(energy(maps, other & ~own), energy(maps))
