"""Arithmetic that several parts of the package share: ranks, their correlation, overlaps of boxes, intervals.

Overlaps of every box with every other are ``torchvision.ops.box_iou``.
"""

from __future__ import annotations

import torch
from torch import Tensor

_NORMAL_95 = 1.959963984540054
"""Between minus and plus so many standard deviations lie 95% of a normal distribution."""


def mean_ranks(values: Tensor) -> Tensor:
    """Return the rank of each value within its row, equal values with their mean rank.

    Args:
        values: finite floats ``[T,P]``.

    Returns:
        Ranks ``[T,P]`` from 0 to P - 1, of the same type and on the same device.
    """
    ordered, values = values.sort(dim=1).values, values.contiguous()
    below = torch.searchsorted(ordered, values, right=False)
    upto = torch.searchsorted(ordered, values, right=True)
    return (below + upto - 1).to(values.dtype) / 2


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return Spearman's rank correlation of the rows of two matrices, ties at their mean rank.

    Args:
        first, second: finite floats ``[T,P]``.

    Returns:
        Correlations ``[T]`` in -1..1; 0 if a row is constant.
    """
    ranks = [mean_ranks(values) for values in (first, second)]
    centred = [rank - rank.mean(dim=1, keepdim=True) for rank in ranks]
    above = (centred[0] * centred[1]).sum(dim=1)
    below = centred[0].square().sum(dim=1).sqrt() * centred[1].square().sum(dim=1).sqrt()
    return torch.where(below > 0, above / torch.where(below > 0, below, 1), 0)


def paired_iou(first: Tensor, second: Tensor, epsilon: float = 0.0) -> Tensor:
    """Return the intersection over union of boxes, pair by pair.

    Args:
        first, second: boxes ``[...,4]``, xyxy in one frame; shapes broadcast.
        epsilon: added to the union, so that two empty boxes have 0 and a gradient; at 0 they have NaN.

    Returns:
        Overlaps ``[...]`` in 0..1.
    """
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    both = (high - low).clamp(min=0).prod(dim=-1)
    areas = (first[..., 2:] - first[..., :2]).prod(dim=-1) + (second[..., 2:] - second[..., :2]).prod(dim=-1)
    return both / (areas - both + epsilon)


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share.

    Args:
        count: how many, 0 to ``total``.
        total: of how many, all alike and each by itself.

    Returns:
        The lower and the upper end, 0..1; NaN if ``total`` is 0.

    Raises:
        ValueError: if ``count`` is not in 0..total.

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 1927).
    """
    if not 0 <= count <= total:
        raise ValueError(f"count is from 0 to total, got {count} of {total}")
    if not total:
        return float("nan"), float("nan")
    share, square = count / total, _NORMAL_95**2 / total
    middle = share + square / 2
    reach = (share * (1 - share) * square + square**2 / 4) ** 0.5
    # Exactly 0 and 1 at the ends, where rounding would leave a little.
    low = 0.0 if count == 0 else (middle - reach) / (1 + square)
    high = 1.0 if count == total else (middle + reach) / (1 + square)
    return low, high
