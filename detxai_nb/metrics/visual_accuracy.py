"""Visual explanation accuracy: the IoU of an object's mask and its thresholded map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape
from detxai_nb.metrics.registry import Measured, metric

THRESHOLDS: tuple[float, ...] = tuple(k / 20 for k in range(21))
"""0, 0.05, ... 1."""


def visual_accuracy_curve(maps: Tensor, masks: Tensor, thresholds: tuple[float, ...] = THRESHOLDS) -> Tensor:
    """Return the IoU of each mask and the pixels of its map above each threshold.

    Each map is scaled to 0..1 by its own minimum and maximum before it is compared, ``map > t``. A constant map (such
    as an all-zero one) becomes zeros, so its IoU is 0; so is that of two empty sets.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        masks: bool ``[N,H,W]``: the annotated masks.
        thresholds: K rising values, by default 0, 0.05, ... 1 (at 1 nothing is above, so the curve ends at 0).

    Returns:
        float64 ``[N,K]`` on the CPU in 0..1, higher is better.

    Raises:
        ValueError: if shapes differ, a map has negative values or the thresholds do not rise.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.tensor([[[0.0, 2.0], [1.0, 0.0]]])
        >>> dx.metrics.visual_accuracy_curve(maps, maps > 1, thresholds=(0.0, 0.5, 1.0))
        tensor([[0.5000, 1.0000, 0.0000]], dtype=torch.float64)

    References:
        Oramas et al. (ICLR 2019); ODAM (ICLR 2023), figure 5c. The papers leave the scaling and the thresholds' spacing
        open.
    """
    check_same_shape(maps, masks)
    check_non_negative(maps)
    if list(thresholds) != sorted(set(thresholds)):
        raise ValueError(f"thresholds rise, got {thresholds}")
    levels = torch.tensor(thresholds, dtype=maps.dtype, device=maps.device)
    curves = torch.zeros(len(maps), len(thresholds), dtype=torch.float64, device="cpu")
    # One map at a time: the numbers of levels of all of them would take eight bytes a pixel.
    for row, (one, mask) in enumerate(zip(maps, masks)):
        low, high = one.min(), one.max()
        scaled = torch.where(high > low, (one - low) / torch.where(high > low, high - low, 1), 0)
        # `passed` thresholds lie below a pixel's value, so it is above threshold k for every k < passed.
        passed = torch.bucketize(scaled, levels)
        inside, everywhere = (_above(p, len(thresholds)) for p in (passed[mask], passed.flatten()))
        union = everywhere + mask.sum() - inside
        curves[row] = (inside / union.clamp(min=1)).double().cpu()
    return curves


def _above(passed: Tensor, count: int) -> Tensor:
    """How many pixels are above each of the thresholds, ``[count]``."""
    return torch.bincount(passed, minlength=count + 1).flip(0).cumsum(0).flip(0)[1:]


def area_below(curve: Tensor) -> Tensor:
    """Return the area below curves by the trapezoid rule.

    Args:
        curve: ``[...,K]``: values at K equally spaced points from 0 to 1, K at least 2.

    Returns:
        Areas ``[...]``.

    Raises:
        ValueError: if a curve has fewer than two points.
    """
    if curve.shape[-1] < 2:
        raise ValueError(f"an area needs a curve of at least two points, got {curve.shape[-1]}")
    return (curve[..., 1:] + curve[..., :-1]).mean(dim=-1) / 2


@metric(
    "vea",
    title="Visual explanation accuracy",
    source="Oramas et al. (ICLR 2019); ODAM (ICLR 2023), figure 5c, table 1",
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="offered",
    needs=("mask",),
)
def visual_accuracy(case: MetricInput) -> Measured:
    """Measure the area below the IoU of mask and thresholded map over the thresholds 0, 0.05, ... 1.

    Args:
        case: one image's objects with their maps.

    Returns:
        Areas in 0..1; NaN for an object without an annotation. The curve is the IoU at each threshold.
    """
    curve = visual_accuracy_curve(case.maps, case.masks)
    curve = torch.where(case.annotated[:, None], curve, torch.nan)
    return Measured(area_below(curve), curve=curve)
