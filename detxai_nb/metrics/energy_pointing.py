"""The energy-based pointing game: the share of a map's energy on its object."""

from __future__ import annotations

from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_not_negative, check_pairs, energy, share
from detxai_nb.metrics.registry import Measured, metric

ENERGY = "Wang et al., Score-CAM (CVPR Workshops 2020); ODAM (ICLR 2023), table 4"


def energy_pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of each map's energy inside its mask, ``[N]`` in 0..1; 0 for a map of zeros. Higher is better.

    ``maps`` ``[N,H,W]``: raw, non-negative, at the image's size. ``masks`` bool ``[N,H,W]``: the object's mask, or
    ``box_masks`` of its box. Wang et al., Score-CAM (CVPR Workshops 2020), sec. 4.2; ODAM table 4.
    """
    check_pairs(maps, masks)
    check_not_negative(maps)
    return share(energy(maps, masks), energy(maps))


@metric("energy-pointing-box", title="Energy pointing game (box)", source=ENERGY, higher_is_better=True)
def energy_pointing_box(case: MetricInput) -> Measured:
    """Share of the map's energy in the annotated box, 0..1."""
    return Measured(per_object(case, energy_pointing_game(case.maps, case.box_masks)))


@metric(
    "energy-pointing-mask", title="Energy pointing game (mask)", source=ENERGY, higher_is_better=True, needs=("mask",)
)
def energy_pointing_mask(case: MetricInput) -> Measured:
    """Share of the map's energy in the annotated mask, 0..1."""
    return Measured(per_object(case, energy_pointing_game(case.maps, case.masks)))
