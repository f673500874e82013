"""Gaussian filters along the axes of a small grid, as matrices."""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_SIGMA = 100.0
"""In cells; far more than a grid has."""


def check_sigma(sigma: float, method: str) -> float:
    """Return the standard deviation of a smoothing as a number.

    Args:
        sigma: in cells of the grid.
        method: whose setting it is, for the message.

    Returns:
        The same as a float.

    Raises:
        ValueError: if it is no number in 0..``LARGEST_SIGMA``.
    """
    if isinstance(sigma, bool) or not isinstance(sigma, (int, float)) or not 0 <= sigma <= LARGEST_SIGMA:
        raise ValueError(
            f"smoothing of {method!r} is a standard deviation in grid cells, 0 (none) to {LARGEST_SIGMA:g}; "
            f"got {sigma!r}"
        )
    return float(sigma)


def gaussian_matrix(cells: int, sigma: float, like: Tensor, *, reach: float, mirrored: bool) -> Tensor:
    """Return the Gaussian filter of one axis of a grid.

    Args:
        cells: of the grid along the axis.
        sigma: the standard deviation in cells; 0 or less changes nothing.
        like: a tensor of the wanted type and device.
        reach: where the kernel ends, in standard deviations; at least one cell.
        mirrored: whether the grid goes on mirrored at its border, so that a constant stays as it is and nothing is
            lost; otherwise it is zero there.

    Returns:
        ``[cells,cells]``, to be multiplied from the left for rows; its kernel has the sum 1.
    """
    if sigma <= 0:
        return torch.eye(cells, dtype=like.dtype, device=like.device)
    steps = max(1, int(reach * sigma + 0.5))
    beyond = steps if mirrored else 0
    at = torch.arange(cells, dtype=like.dtype, device=like.device)
    seen = torch.arange(-beyond, cells + beyond, dtype=like.dtype, device=like.device)
    distance = at[:, None] - seen[None, :]
    each = torch.arange(-steps, steps + 1, dtype=like.dtype, device=like.device)
    total = torch.exp(-(each**2) / (2 * sigma**2)).sum()
    kernel = torch.exp(-(distance**2) / (2 * sigma**2)) / total * (distance.abs() <= steps)
    if not mirrored:
        return kernel
    place = seen.long() % (2 * cells)
    place = torch.where(place < cells, place, 2 * cells - 1 - place)
    return torch.zeros_like(kernel[:, :cells]).index_add_(1, place, kernel)


def smooth_maps(maps: Tensor, sigma: float) -> Tensor:
    """Smooth maps by a Gaussian of 4 standard deviations each way; beyond their border they go on mirrored.

    Args:
        maps: ``[n,h,w]``.
        sigma: in cells; 0 changes nothing.

    Returns:
        ``[n,h,w]`` with the same sums.
    """
    if sigma <= 0:
        return maps
    down, across = (gaussian_matrix(cells, sigma, maps, reach=4, mirrored=True) for cells in maps.shape[1:])
    return down @ maps @ across.T
