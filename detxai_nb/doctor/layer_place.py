"""Where a layer's cells lie in the picture, seen from outside: which of them a small change of the picture changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.types import Level, TraceableDetector

_PLACES = ((0.32, 0.26), (0.28, 0.52), (0.34, 0.74), (0.65, 0.23), (0.71, 0.48), (0.68, 0.76))
"""Where the picture is changed, (y, x) as shares of its sides."""
_CELLS = 1.5
"""The side of the changed square in cells of the layer."""
_PEAK = 0.25
"""The part of the largest change of a cell from which a cell counts."""


def layer_offsets(detector: TraceableDetector, picture: np.ndarray) -> list[tuple[float, float]]:
    """Return how far the cells of the default layer that a change of the picture changes most are from that change.

    A small square of the picture gets the opposite colours, at some places one after the other. The layer's finest grid
    changes around the cell that lies there; the centre of that change is taken back to the picture by the trace's
    placement and the level's stride.

    Args:
        detector: a detector with a trace.
        picture: uint8 RGB ``[H,W,3]``.

    Returns:
        (y, x) in cells for each place; none for a layer that has no grid over the whole picture.
    """
    before: Any = detector.trace(picture)
    grids = [i for i, level in enumerate(before.levels) if level.corner is None and min(level.features.shape[1:]) > 3]
    if not grids:
        return []
    number = min(grids, key=lambda i: before.levels[i].stride[0])
    level: Level = before.levels[number]
    cell = [stride / scale for stride, scale in zip(level.stride, before.placement.scale)]
    height, width = picture.shape[:2]
    found = []
    for share_y, share_x in _PLACES:
        y, x = round(share_y * height), round(share_x * width)
        half = [max(2, round(_CELLS * side / 2)) for side in cell]
        changed = picture.copy()
        part = (slice(max(0, y - half[0]), y + half[0]), slice(max(0, x - half[1]), x + half[1]))
        changed[part] = np.where(changed[part] < 128, 255, 0)
        after: Any = detector.trace(changed)
        change = (after.levels[number].features - level.features).detach().cpu().double().square().sum(0)
        if float(change.max()) > 0:
            at = before.placement.points_to_image(_centre(change)[None], level.stride, level.corner, level.shift)[0]
            found.append(((float(at[1]) - y) / cell[0], (float(at[0]) - x) / cell[1]))
    return found


def _centre(change: Tensor) -> Tensor:
    """The centre (x, y) of a peak ``[h,w]``, in cells."""
    weights = torch.where(change >= _PEAK * change.max(), change, 0.0)
    rows, columns = (torch.arange(side, dtype=weights.dtype, device=weights.device) for side in weights.shape)
    total = weights.sum()
    return torch.stack([(weights.sum(0) * columns).sum() / total, (weights.sum(1) * rows).sum() / total])
