"""How far a map reaches, which box lies nearest, and how alike two maps are: pure functions."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape, energy, safe_ratio


def half_energy_share(maps: Tensor) -> Tensor:
    """The least share of the image's pixels that together hold half of each map's energy: ``[N]`` in 0..0.5.

    ``maps`` ``[N,H,W]``: raw, non-negative, at the image's size. The highest pixels are taken until their sum reaches
    half of the whole; NaN for a map of zeros, 0.5 (or the next pixel above it) for a constant one.
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
    """The gap between any two boxes in pixels: float64 ``[M,M]``, 0 where they touch or overlap.

    ``boxes`` ``[M,4]`` xyxy. The distance of the two nearest points.
    """
    low, high = boxes.double()[:, :2], boxes.double()[:, 2:]
    return (low[:, None] - high[None]).maximum(low[None] - high[:, None]).clamp(min=0).square().sum(dim=2).sqrt()


def nearest_boxes(boxes: Tensor) -> Tensor:
    """For each of the boxes ``[M,4]`` xyxy the number of the nearest other one, int64 ``[M]``; -1 where there is none.

    By ``box_distances``; of several at one distance that with the nearest centre, then the lower number.
    """
    count = len(boxes)
    if count < 2:
        return torch.full((count,), -1, dtype=torch.int64)
    gaps = box_distances(boxes).fill_diagonal_(torch.inf)
    centres = (boxes.double()[:, :2] + boxes.double()[:, 2:]) / 2
    between = (centres[:, None] - centres[None]).square().sum(dim=2)
    closest = gaps == gaps.amin(dim=1, keepdim=True)
    return torch.where(closest, between, torch.inf).argmin(dim=1)


def similarity(one: Tensor, other: Tensor, centred: bool = False) -> Tensor:
    """How alike maps are, pair by pair: float64 ``[K]``; 1 for maps that differ by a positive factor only.

    ``one`` and ``other`` ``[K,H,W]``. The cosine of the angle between them as vectors, sum of products over the product
    of norms; for ``centred`` each map's mean is taken off first, which is Pearson's correlation. NaN where one is zero
    everywhere (``centred``: constant).
    """
    check_same_shape(one, other)
    first, second = one.flatten(1).double().cpu(), other.flatten(1).double().cpu()
    if centred and first.shape[1]:
        same = (first == first[:, :1]).all(dim=1) | (second == second[:, :1]).all(dim=1)
        first, second = first - first.mean(dim=1, keepdim=True), second - second.mean(dim=1, keepdim=True)
        # The mean of equal values can miss them by a last digit.
        first = torch.where(same[:, None], 0, first)
    return safe_ratio((first * second).sum(dim=1), first.norm(dim=1) * second.norm(dim=1), torch.nan)


def energy_beside(maps: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """The share of each map's energy in ``other`` and not in ``own``: ``[N]`` in 0..1; 0 for a map of zeros.

    ``maps`` ``[N,H,W]``, non-negative; ``own`` and ``other`` bool ``[N,H,W]``.
    """
    check_same_shape(maps, own)
    check_same_shape(maps, other)
    check_non_negative(maps)
    return safe_ratio(energy(maps, other & ~own), energy(maps))
