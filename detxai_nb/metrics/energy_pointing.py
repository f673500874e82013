"""The energy-based pointing game: the share of a map's energy on its object."""

from __future__ import annotations

from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_non_negative, check_same_shape, energy, safe_ratio
from detxai_nb.metrics.registry import Measured, metric

SOURCE = "Wang et al., Score-CAM (CVPR Workshops 2020); ODAM (ICLR 2023), table 4"


def energy_pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's energy that lies inside its mask.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        masks: bool ``[N,H,W]``: each object's mask, or ``box_masks`` of its box.

    Returns:
        Shares ``[N]`` in 0..1, higher is better; 0 for a map of zeros.

    Raises:
        ValueError: if the shapes differ or a map has negative values.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.tensor([[[0.0, 3.0], [1.0, 0.0]]])
        >>> dx.metrics.energy_pointing_game(maps, maps > 1)
        tensor([0.7500], dtype=torch.float64)

    References:
        Wang et al., Score-CAM (CVPR Workshops 2020), sec. 4.2; ODAM (ICLR 2023), table 4.
    """
    check_same_shape(maps, masks)
    check_non_negative(maps)
    return safe_ratio(energy(maps, masks), energy(maps))


@metric(
    "energy-pointing-box",
    title="Energy pointing game (box)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="shown",
)
def energy_pointing_box(case: MetricInput) -> Measured:
    """Measure the share of the map's energy that lies in the annotated box.

    Args:
        case: one image's objects with their maps.

    Returns:
        Shares in 0..1; NaN for an object without an annotation.
    """
    return Measured(per_object(case, energy_pointing_game(case.maps, case.box_masks)))


@metric(
    "energy-pointing-mask",
    title="Energy pointing game (mask)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="shown",
    needs=("mask",),
)
def energy_pointing_mask(case: MetricInput) -> Measured:
    """Measure the share of the map's energy that lies in the annotated mask.

    Args:
        case: one image's objects with their maps.

    Returns:
        Shares in 0..1; NaN for an object without an annotation.
    """
    return Measured(per_object(case, energy_pointing_game(case.maps, case.masks)))
