"""Windows of a grid: gradients that are zero outside a few cells, and how they are cut out and put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class GradientChunk:
    """Gradients of a few predictions with respect to one level's features.

    Attributes:
        level: the number of the level among the trace's levels.
        rows: int64 ``[n]``, which predictions.
        gradient: ``[n,C,a,b]``, on the whole level if ``corner`` is None, else only each prediction's window, outside
            of which its gradient is exactly 0.
        corner: int64 ``[n,2]``, the (row, column) of each window's first cell on the level's grid. A window may reach
            beyond the grid; its gradient is 0 there.
        shift: where the level's grid begins for these predictions, (y, x) in input pixels, if it is not where the level
            says: predictions that read one grid through different samplers.
    """

    level: int
    rows: Tensor
    gradient: Tensor
    corner: Tensor | None = None
    shift: tuple[float, float] | None = None

    def dense(self, height: int, width: int) -> Tensor:
        """Return the gradients on the whole grid.

        Args:
            height, width: of the level in cells.

        Returns:
            ``[n,C,height,width]``.
        """
        if self.corner is None:
            return self.gradient
        return spread_windows(self.gradient, self.corner, (height, width))

    def products(self, features: Tensor) -> GradientChunk:
        """Return the gradients with respect to a gain of each location, by which all its channels are multiplied.

        They are the products of gradient and activation, summed over the channels.

        Args:
            features: the level's activation ``[C,h,w]``.

        Returns:
            The same rows, level and windows with gradients ``[n,1,a,b]``; the activation that belongs to them is 1.
        """
        if self.corner is not None:
            features = take_windows(features, self.corner, self.gradient.shape[-2:])
        return replace(self, gradient=(self.gradient * features).sum(dim=1, keepdim=True))


def take_windows(grid: Tensor, corner: Tensor, size: Sequence[int]) -> Tensor:
    """Cut windows out of a grid.

    Args:
        grid: ``[C,h,w]``.
        corner: int64 ``[n,2]``, the (row, column) of each window's first cell; it may lie outside of the grid.
        size: (a, b), rows and columns of a window.

    Returns:
        ``[n,C,a,b]``, zero beyond the grid.
    """
    height, width = grid.shape[1:]
    rows = corner[:, :1] + torch.arange(size[0], device=corner.device)
    columns = corner[:, 1:] + torch.arange(size[1], device=corner.device)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    windows = grid.flatten(1)[:, index.flatten()].reshape(len(grid), *index.shape).transpose(0, 1)
    return windows * inside[:, None]


def spread_windows(windows: Tensor, corner: Tensor, size: tuple[int, int]) -> Tensor:
    """Put windows back on grids of zeros.

    Args:
        windows: ``[n,...,a,b]``.
        corner: int64 ``[n,2]``, the (row, column) of each window's first cell; what lies outside of the grid is
            dropped.
        size: (height, width) of the grid in cells.

    Returns:
        ``[n,...,height,width]``.
    """
    height, width = size
    full = windows.new_zeros(*windows.shape[:-2], height, width)
    a, b = windows.shape[-2:]
    for row, (y, x) in enumerate(corner.tolist()):
        top, bottom, left, right = max(y, 0), min(y + a, height), max(x, 0), min(x + b, width)
        full[row, ..., top:bottom, left:right] = windows[row, ..., top - y : bottom - y, left - x : right - x]
    return full
