"""Zones: the part of the image that a map marks, and its overlap with the truth (Dice and IoU)."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape
from detxai_nb.metrics.registry import Measured, metric

THRESHOLD = 0.5
"""The default share of a map's maximum above which a pixel is in the zone."""
ZONE_SHARE, EMPTY_ZONE, FULL_ZONE = "zone_share", "empty_zone", "full_zone"
"""The names of the extras of every metric of zones."""
SOURCE = "Fahim et al., global guidance maps, table 1"


def saliency_zones(maps: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Return the zone of each map: the pixels above a share of its maximum. All other pixels are its context.

    A map of zeros has an empty zone; one that is the same everywhere, and not zero, has a full one. ``zone_figures``
    counts both.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        threshold: the share of the map's maximum, at least 0 and below 1, exclusive.

    Returns:
        bool ``[N,H,W]`` on the maps' device.

    Raises:
        ValueError: if a map has negative values or the threshold is out of range.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> dx.metrics.saliency_zones(torch.tensor([[[4.0, 2.0, 3.0, 0.0]]]))
        tensor([[[ True, False,  True, False]]])

    References:
        Fahim et al., "Rethinking Gradient Weight's Influence over Saliency Map Estimation", sec. 4.2. The paper does
        not say at which value a map is cut, nor how it is scaled before.
    """
    if isinstance(threshold, bool) or not 0 <= threshold < 1:
        raise ValueError(f"threshold is a share of the map's maximum, at least 0 and below 1; got {threshold}")
    check_non_negative(maps)
    if maps.numel() == 0:
        return torch.zeros_like(maps, dtype=torch.bool)
    high = maps.amax(dim=(1, 2), keepdim=True)
    # Divided first: a threshold times a maximum near the smallest number would be 0.
    return torch.where(high > 0, maps / torch.where(high > 0, high, 1), 0) > threshold


def zone_figures(zones: Tensor) -> dict[str, Tensor]:
    """Return what a metric of zones keeps among its extras; ``dx.report`` tells how many zones are empty or full.

    Args:
        zones: bool ``[N,H,W]``.

    Returns:
        float64 ``[N]`` each on the CPU: "zone_share", the share of the image's pixels, and "empty_zone" and
        "full_zone", 1 or 0.
    """
    pixels = max(1, zones.shape[1] * zones.shape[2])
    share = zones.flatten(1).sum(dim=1).cpu().double() / pixels
    return {ZONE_SHARE: share, EMPTY_ZONE: (share == 0).double(), FULL_ZONE: (share == 1).double()}


def zone_dice(zones: Tensor, masks: Tensor) -> Tensor:
    """Return twice the pixels that zone and mask share over the sum of the pixels of both.

    Args:
        zones: bool ``[N,H,W]``, such as ``saliency_zones``.
        masks: bool ``[N,H,W]``, the truth.

    Returns:
        float64 ``[N]`` on the CPU in 0..1, higher is better; 0 where zone and mask are both empty.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> zone, mask = torch.tensor([[[True, True, False]]]), torch.tensor([[[False, True, False]]])
        >>> float(dx.metrics.zone_iou(zone, mask)), float(dx.metrics.zone_dice(zone, mask)) == 2 / 3
        (0.5, True)
    """
    both, either = _areas(zones, masks)
    return 2 * both / (both + either).clamp(min=1)


def zone_iou(zones: Tensor, masks: Tensor) -> Tensor:
    """Return the pixels that zone and mask share over those that are in either.

    Of one zone it is ``dice / (2 - dice)``, and as that curve is convex, the mean IoU of many zones is no less than
    that of their mean Dice.

    Args:
        zones: bool ``[N,H,W]``, such as ``saliency_zones``.
        masks: bool ``[N,H,W]``, the truth.

    Returns:
        float64 ``[N]`` on the CPU in 0..1, higher is better; 0 where zone and mask are both empty.

    Raises:
        ValueError: if the shapes differ.
    """
    both, either = _areas(zones, masks)
    return both / either.clamp(min=1)


def _areas(zones: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels in both and in either, float64 ``[N]`` on the CPU."""
    check_same_shape(zones, masks)
    both, either = (one.flatten(1).sum(dim=1).cpu().double() for one in (zones & masks, zones | masks))
    return both, either


def _overlap(case: MetricInput, dice: bool, masks: bool, threshold: float) -> Measured:
    zones = saliency_zones(case.maps, threshold)
    value = (zone_dice if dice else zone_iou)(zones, case.masks if masks else case.box_masks)
    return Measured(per_object(case, value), extras=zone_figures(zones))


@metric(
    "zone-dice-box",
    title="Dice of the zone (box)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
)
def zone_dice_box(case: MetricInput, *, threshold: float = THRESHOLD) -> Measured:
    """Measure the Dice score of the map's zone and the annotated box; of a class, of all its boxes together.

    Args:
        case: one image's objects with their maps.
        threshold: the share of the map's maximum above which a pixel is in the zone, as in ``saliency_zones``.

    Returns:
        Scores in 0..1; NaN for an object without an annotation. ``extras`` are those of ``zone_figures``.
    """
    return _overlap(case, True, False, threshold)


@metric(
    "zone-dice-mask",
    title="Dice of the zone (mask)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    needs=("mask",),
)
def zone_dice_mask(case: MetricInput, *, threshold: float = THRESHOLD) -> Measured:
    """Measure the Dice score of the map's zone and the annotated mask; of a class, of all its masks together.

    Args:
        case: one image's objects with their maps.
        threshold: as in "zone-dice-box".

    Returns:
        Scores in 0..1; NaN for an object without an annotation. ``extras`` are those of ``zone_figures``.
    """
    return _overlap(case, True, True, threshold)


@metric(
    "zone-iou-box",
    title="IoU of the zone (box)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
)
def zone_iou_box(case: MetricInput, *, threshold: float = THRESHOLD) -> Measured:
    """Measure the IoU of the map's zone and the annotated box; of a class, of all its boxes together.

    Args:
        case: one image's objects with their maps.
        threshold: as in "zone-dice-box".

    Returns:
        Shares in 0..1; NaN for an object without an annotation. ``extras`` are those of ``zone_figures``.
    """
    return _overlap(case, False, False, threshold)


@metric(
    "zone-iou-mask",
    title="IoU of the zone (mask)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    needs=("mask",),
)
def zone_iou_mask(case: MetricInput, *, threshold: float = THRESHOLD) -> Measured:
    """Measure the IoU of the map's zone and the annotated mask; of a class, of all its masks together.

    Args:
        case: one image's objects with their maps.
        threshold: as in "zone-dice-box".

    Returns:
        Shares in 0..1; NaN for an object without an annotation. ``extras`` are those of ``zone_figures``.
    """
    return _overlap(case, False, True, threshold)
