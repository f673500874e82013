"""Pointing games of tiny objects: those whose box is a small part of the network's input."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.energy_pointing import energy_pointing_game
from detxai_nb.metrics.pointing import pointing_game
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.polygons import polygon_areas
from detxai_nb.types import Detections

TINY = 0.005
"""An object of at most this share of the network's input is tiny (G-CAME, sec. 4.2.3)."""

SOURCE = "Nguyen et al., G-CAME, table 1"


def canvas_share(detections: Detections, height: int, width: int) -> Tensor:
    """Return the share of the network's whole input, padding included, that each detected box covers.

    Of an oriented box it is the area of its polygon, also where that reaches beyond the image.

    Args:
        detections: N detections; their ``canvas_size`` is the size of the network's input.
        height, width: size of the image in pixels, which stands for the input if ``canvas_size`` is None, as for a
            black-box detector.

    Returns:
        Shares, float64 ``[N]`` on the CPU.
    """
    down, across = detections.canvas_size or (height, width)
    if detections.polygons is not None:
        return polygon_areas(detections.polygons.detach().cpu().double()) / (down * across)
    boxes = detections.boxes.detach().cpu().double()
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1) / (down * across)


@metric(
    "tiny-pointing-game-box",
    title="Pointing game of tiny objects (box)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    signed=True,
)
def tiny_pointing_game_box(case: MetricInput, *, at_most: float = TINY) -> Measured:
    """Measure "pointing-game-box" of the tiny objects.

    Args:
        case: one image's objects with their maps.
        at_most: the largest share of the network's input that a tiny object's detected box covers, above 0, up to 1.
            The input is what the network gets, padding included; for a black-box detector, the image.

    Returns:
        Shares in 0..1; NaN for all objects that are not tiny, so that means and counts are those of the tiny ones.
        ``extras["canvas_share"]``: each box's share of the input.
    """
    return _of_tiny(case, pointing_game(case.maps, case.box_masks), at_most)


@metric(
    "tiny-energy-pointing-box",
    title="Energy pointing game of tiny objects (box)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
)
def tiny_energy_pointing_box(case: MetricInput, *, at_most: float = TINY) -> Measured:
    """Measure "energy-pointing-box" of the tiny objects.

    Args:
        case: one image's objects with their maps.
        at_most: as in "tiny-pointing-game-box".

    Returns:
        Shares in 0..1; NaN for all objects that are not tiny. ``extras`` as in "tiny-pointing-game-box".
    """
    return _of_tiny(case, energy_pointing_game(case.maps, case.box_masks), at_most)


def _of_tiny(case: MetricInput, value: Tensor, at_most: float) -> Measured:
    if not 0 < at_most <= 1:
        raise ValueError(f"at_most is a share of the network's input, above 0 and up to 1; got {at_most}")
    share = canvas_share(case.detections, *case.size)
    return Measured(torch.where(share <= at_most, per_object(case, value), torch.nan), extras={"canvas_share": share})
