"""D-RISE's maps while they still improve: as maps like any others, in words, and not more often than they cost."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from torch.nn.functional import avg_pool2d

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.methods.d_rise import AGREEMENT, Estimate
from detxai_nb.types import Detections, Target

_MOST_PIXELS = 2**20
_LEAST_SECONDS = 1.0
_SHARE = 4.0


def maps_so_far(estimate: Estimate, image: np.ndarray, detections: Detections, rows: Sequence[int]) -> HeatMaps:
    """Return the maps of an estimate, on coarser grids where the photograph is large: they are looked at for seconds.

    Args:
        estimate: of D-RISE.
        image: the photograph, uint8 ``[H,W,3]``.
        detections: all the objects that it is of.
        rows: of which of them.

    Returns:
        Their maps, on the CPU.
    """
    height, width = image.shape[:2]
    cell = max(1, math.ceil(math.sqrt(height * width / _MOST_PIXELS)))
    grids = estimate.maps(rows).cpu()
    if cell > 1:
        grids = avg_pool2d(grids[:, None], cell, ceil_mode=True)[:, 0]
    return HeatMaps(
        grids=tuple(grids),
        strides=((float(cell), float(cell)),) * len(rows),
        placement=Placement.identity(height, width),
        image=image,
        detections=detections.to("cpu")[list(rows)],
        target=Target("class"),
        method="d-rise",
        layer=None,
        settings={**asdict(estimate.answers.settings), "masks made": estimate.masks, "stopped": None},
        seed=estimate.answers.settings.seed,
        seconds=0.0,
        signed=False,
        diagnostics={AGREEMENT: tuple(estimate.agreement[list(rows)].tolist())},
        unit="similarity",
    )


def masks_in_words(maps: HeatMaps) -> str:
    """Return how far maps that still improve are.

    Args:
        maps: from ``maps_so_far``.

    Returns:
        Such as "360 of up to 5000 masks, split-half correlation 0.52".
    """
    agreement = min(maps.diagnostics[AGREEMENT])
    masks = f"{maps.settings['masks made']} of up to {maps.settings['masks']} masks"
    return f"{masks}, split-half correlation {agreement:.2f}"


class Pace:
    """When something is shown again that costs time: after a second, and at least four times what it has cost."""

    def __init__(self) -> None:
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    def spent(self, began: float) -> None:
        """Note what it has cost.

        Args:
            began: when it began, by ``time.monotonic``.
        """
        now = time.monotonic()
        self._next = now + max(_LEAST_SECONDS, _SHARE * (now - began))
