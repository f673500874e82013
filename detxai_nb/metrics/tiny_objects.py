"""The registered metrics of tiny objects: pointing games of those whose box is a small part of the network's input."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.energy_pointing import energy_pointing_game
from detxai_nb.metrics.pointing import pointing_game
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.types import Detections

TINY = 0.005
"""At most this share of the network's input is tiny (G-CAME, sec. 4.2.3)."""

SOURCE = "Nguyen et al., G-CAME, table 1"


def canvas_share(detections: Detections, height: int, width: int) -> Tensor:
    """Each detected box's share of the network's whole input, padding too: float64 ``[N]`` on the CPU.

    ``height``, ``width``: the image's, which is the whole where the detections do not know their ``canvas_size``; so
    it is for black boxes, whose input nobody sees.
    """
    down, across = detections.canvas_size or (height, width)
    boxes = detections.boxes.detach().cpu().double()
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1) / (down * across)


@metric(
    "tiny-pointing-game-box",
    title="Pointing game of tiny objects (box)",
    source=SOURCE,
    higher_is_better=True,
    signed=True,
)
def tiny_pointing_game_box(case: MetricInput, *, at_most: float = TINY) -> Measured:
    """ "pointing-game-box" of the objects whose detected box covers at most ``at_most`` of the network's input.

    NaN for all others, so that means and counts are those of the tiny ones. The input is what the network gets, its
    padding too; of a black box, the image. ``extras["canvas_share"]``: the box's share.
    """
    return _of_tiny(case, pointing_game(case.maps, case.box_masks), at_most)


@metric(
    "tiny-energy-pointing-box",
    title="Energy pointing game of tiny objects (box)",
    source=SOURCE,
    higher_is_better=True,
)
def tiny_energy_pointing_box(case: MetricInput, *, at_most: float = TINY) -> Measured:
    """ "energy-pointing-box" of the tiny objects; as "tiny-pointing-game-box", NaN for all others."""
    return _of_tiny(case, energy_pointing_game(case.maps, case.box_masks), at_most)


def _of_tiny(case: MetricInput, value: Tensor, at_most: float) -> Measured:
    if not 0 < at_most <= 1:
        raise ValueError(f"at_most is a share of the network's input, above 0 and up to 1; got {at_most}")
    share = canvas_share(case.detections, *case.size)
    return Measured(torch.where(share <= at_most, per_object(case, value), torch.nan), extras={"canvas_share": share})
