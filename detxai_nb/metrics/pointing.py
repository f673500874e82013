"""The pointing game: whether a map's maximum lies on its object."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import check_same_shape
from detxai_nb.metrics.registry import Measured, metric

SOURCE = "Zhang et al. (IJCV 2018); ODAM (ICLR 2023), table 4"


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's maximal pixels that lie in its mask.

    For a single maximum that is a hit (1) or a miss (0); where several pixels share the maximum, it is the chance of a
    hit if one of them is drawn at random.

    Args:
        maps: heat maps ``[N,H,W]``, raw, at the size of the image; signed maps are allowed.
        masks: bool ``[N,H,W]``: each object's mask, or ``box_masks`` of its box.

    Returns:
        Shares ``[N]`` in 0..1, higher is better; 0 for a map without a positive value.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.tensor([[[0.0, 2.0], [1.0, 0.0]]])
        >>> dx.metrics.pointing_game(maps, maps > 1)
        tensor([1.])

    References:
        Zhang et al. (IJCV 2018), sec. 4.1; ODAM (ICLR 2023), table 4. The papers do not say what happens with several
        maxima.
    """
    check_same_shape(maps, masks)
    if maps.numel() == 0:
        return maps.new_zeros(len(maps))
    high = maps.amax(dim=(1, 2), keepdim=True)
    maximal = maps == high
    hits, all_of_them = (maximal & masks).sum(dim=(1, 2)), maximal.sum(dim=(1, 2))
    return torch.where(high.flatten() > 0, hits / all_of_them, 0.0)


@metric(
    "pointing-game-box",
    title="Pointing game (box)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="offered",
    signed=True,
)
def pointing_game_box(case: MetricInput) -> Measured:
    """Measure the share of the map's maximal pixels that lie in the annotated box.

    Args:
        case: one image's objects with their maps.

    Returns:
        Shares in 0..1; NaN for an object without an annotation.
    """
    return Measured(per_object(case, pointing_game(case.maps, case.box_masks)))


@metric(
    "pointing-game-mask",
    title="Pointing game (mask)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    in_comparison="offered",
    needs=("mask",),
    signed=True,
)
def pointing_game_mask(case: MetricInput) -> Measured:
    """Measure the share of the map's maximal pixels that lie in the annotated mask.

    Args:
        case: one image's objects with their maps.

    Returns:
        Shares in 0..1; NaN for an object without an annotation.
    """
    return Measured(per_object(case, pointing_game(case.maps, case.masks)))
