"""How a contrast of neighbours is handed to the browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.neighbours import NeighbourContrast

_MOST_SAMPLES = 1_500_000


def for_screen(contrast: NeighbourContrast) -> tuple[HeatMaps, Tensor, int]:
    """Return the difference map and the takers with at most 1.5 million samples.

    A smaller photograph keeps every pixel; a larger one is averaged over squares, and the takers are those of the
    squares' middle pixels.

    Args:
        contrast: one object against its neighbours.

    Returns:
        The difference map, the takers int16 ``[h,w]``, and the side of a sample in pixels of the image.
    """
    (grid,) = contrast.difference.grids
    step = 1
    while grid.shape[0] * grid.shape[1] / step**2 > _MOST_SAMPLES:
        step += 1
    if step == 1:
        return contrast.difference, contrast.takers, 1
    small = F.avg_pool2d(grid[None, None], step, ceil_mode=True)[0, 0]
    rows, columns = (
        (torch.arange(cells, device="cpu") * step + step // 2).clamp(max=pixels - 1)
        for cells, pixels in zip(small.shape, grid.shape)
    )
    difference = replace(contrast.difference, grids=(small,), strides=((float(step), float(step)),))
    return difference, contrast.takers[rows][:, columns], step


def contrast_payload(contrast: NeighbourContrast) -> dict[str, Any]:
    """Return the shares of a contrast as plain values.

    Args:
        contrast: one object against its neighbours.

    Returns:
        "kept", and "taken" with "index", "inside" and "energy" of each neighbour.
    """
    return {
        "kept": contrast.kept,
        "taken": [{"index": t.index, "inside": t.inside, "energy": t.energy} for t in contrast.taken],
    }
