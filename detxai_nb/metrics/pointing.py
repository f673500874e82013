"""The pointing game: whether a map's maximum lies on its object."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_pairs
from detxai_nb.metrics.registry import Measured, metric

POINTING = "Zhang et al. (IJCV 2018); ODAM (ICLR 2023), table 4"


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of each map's maximal pixels that lie in its mask, ``[N]`` in 0..1. Higher is better.

    For a single maximum that is a hit (1) or a miss (0); where several pixels share the maximum, the chance of a hit if
    one of them is drawn. 0 for a map without a positive value. ``maps`` ``[N,H,W]``: raw, at the image's size, signed
    ones too; ``masks`` bool ``[N,H,W]``. Zhang et al. (IJCV 2018), sec. 4.1; ODAM table 4. The papers do not say what
    happens with several maxima.
    """
    check_pairs(maps, masks)
    if maps.numel() == 0:
        return maps.new_zeros(len(maps))
    high = maps.amax(dim=(1, 2), keepdim=True)
    maximal = maps == high
    hits, all_of_them = (maximal & masks).sum(dim=(1, 2)), maximal.sum(dim=(1, 2))
    return torch.where(high.flatten() > 0, hits / all_of_them, 0.0)


@metric("pointing-game-box", title="Pointing game (box)", source=POINTING, higher_is_better=True, signed=True)
def pointing_game_box(case: MetricInput) -> Measured:
    """Share of the map's maximal pixels in the annotated box, 0..1."""
    return Measured(per_object(case, pointing_game(case.maps, case.box_masks)))


@metric(
    "pointing-game-mask",
    title="Pointing game (mask)",
    source=POINTING,
    higher_is_better=True,
    needs=("mask",),
    signed=True,
)
def pointing_game_mask(case: MetricInput) -> Measured:
    """Share of the map's maximal pixels in the annotated mask, 0..1."""
    return Measured(per_object(case, pointing_game(case.maps, case.masks)))
