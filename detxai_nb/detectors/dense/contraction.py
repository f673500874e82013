"""The transpose of a convolution, followed by the products with the map that it reads, summed over channels.

A map ``sum_C G * A`` needs of the lowest convolution of a head no gradient ``G`` of all channels: what a unit of
gradient at one of the convolution's outputs adds to the map around it does not depend on the prediction. That is
computed once for a map, and then a prediction costs one number where it would have cost one for each channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.detectors.dense.convolutions import ConvStep, backward_on_windows
from detxai_nb.detectors.trace.budget import MEMORY_BUDGET
from detxai_nb.windows import take_windows

_CELLS = 1024
"""Cells whose products are summed together."""
_ROWS = 32
"""Windows that are contracted together."""


class Contraction:
    """What each unit of gradient at a convolution's outputs adds to the map ``sum_C G * A`` around it.

    ``added`` is ``[h*w,k*k,C']``: for each cell and offset, row first, what its C' outputs add to the map there.

    Args:
        step: the convolution, of one group; what follows it is not part of this.
        features: the map A that it reads, ``[C,h,w]``.
    """

    def __init__(self, step: ConvStep, features: Tensor) -> None:
        self._reach = step.reach
        height, width = features.shape[1:]
        self.size = (height, width)
        around = F.pad(features, [step.reach] * 4).permute(1, 2, 0).contiguous()
        side = 2 * step.reach + 1
        added = features.new_empty(height, width, side * side, len(step.weight))
        weight = step.weight.detach().permute(2, 3, 1, 0).contiguous()
        # On a CPU row by row: what a row reads and makes fits the cache.
        rows = 1 if features.device.type == "cpu" else height
        for top, y, x in product(range(0, height, rows), range(side), range(side)):
            read = around[top + y : top + y + rows, x : x + width]
            added[top : top + rows, :, y * side + x] = read @ weight[y, x]
        self.added = added.flatten(0, 1)

    @staticmethod
    def pays(step: ConvStep, features: Tensor, cells: int) -> bool:
        """Say whether it costs less than carrying gradients through the convolution, and fits the memory budget.

        Args:
            step: the convolution.
            features: the map that it reads, ``[C,h,w]``.
            cells: at how many cells there are gradients, over all predictions.

        Returns:
            Whether it does; never for a convolution of several groups of channels.
        """
        once, each = features.numel(), cells * (len(features) - 1)
        stored = features[0].numel() * (2 * step.reach + 1) ** 2 * len(step.weight) * features.element_size()
        return step.groups == 1 and once < each and 2 * stored <= MEMORY_BUDGET

    def on_windows(self, gradient: Tensor, at: Tensor) -> Tensor:
        """Return the maps around cells of gradients that are zero outside of windows.

        Args:
            gradient: ``[n,C',a,a]`` at the convolution's outputs, zero beyond the map, a odd.
            at: int64 ``[n,2]``, (row, column) of the windows' middle cells.

        Returns:
            ``[n,b,b]``, b larger than a by twice the convolution's reach; zero beyond the map.
        """
        (height, width), side = self.size, gradient.shape[-1]
        spread = torch.arange(side, device=at.device) - side // 2
        rows = (at[:, :1] + spread).clamp(0, height - 1)
        columns = (at[:, 1:] + spread).clamp(0, width - 1)
        index = rows[:, :, None] * width + columns[:, None, :]
        parts = [
            (self.added[some] @ part.permute(0, 2, 3, 1)[..., None])[..., 0].permute(0, 3, 1, 2)
            for some, part in zip(torch.split(index, _ROWS), torch.split(gradient, _ROWS))
        ]
        return _laid_over(torch.cat(parts), self._reach)

    def on_maps(self, gradient: Tensor) -> Tensor:
        """Return the maps of gradients on the whole map.

        Args:
            gradient: ``[n,h,w,C']`` at the convolution's outputs, channels last.

        Returns:
            ``[n,h,w]``.
        """
        each = gradient.flatten(1, 2).transpose(0, 1) @ self.added.transpose(1, 2)
        return self._inner(each.permute(1, 2, 0))

    def of_groups(self, groups: int, factor: Tensor | None = None) -> Tensor:
        """Return the maps of gradients that are 1, or a factor, on one group of the outputs and zero on the others.

        Args:
            groups: the number of groups of outputs.
            factor: ``[h*w,C']``; None for 1.

        Returns:
            ``[groups,h,w]``.
        """
        found = self.added.new_empty(groups, self.added.shape[1], len(self.added))
        for start in range(0, len(self.added), _CELLS):
            stop = min(start + _CELLS, len(self.added))
            added = self.added[start:stop]
            added = added if factor is None else added * factor[start:stop, None]
            found[:, :, start:stop] = torch.unflatten(added, 2, (groups, -1)).sum(3).permute(2, 1, 0)
        return self._inner(found)

    def _inner(self, each: Tensor) -> Tensor:
        """What all cells add, ``[n,k*k,h*w]``, as maps ``[n,h,w]``."""
        (height, width), reach = self.size, self._reach
        laid = _laid_over(torch.unflatten(each, 2, self.size), reach)
        return laid[:, reach : reach + height, reach : reach + width]


def _laid_over(each: Tensor, reach: int) -> Tensor:
    """What each cell adds at each offset, ``[n,k*k,a,b]``, laid over one another: ``[n,a+2*reach,b+2*reach]``."""
    side, (height, width) = 2 * reach + 1, each.shape[2:]
    full = each.new_zeros(len(each), height + 2 * reach, width + 2 * reach)
    for y in range(side):
        for x in range(side):
            full[:, y : y + height, x : x + width] += each[:, y * side + x]
    return full


def products_on_windows(
    layers: Sequence[tuple[ConvStep, Tensor]], contraction: Contraction, gradient: Tensor, at: Tensor
) -> Tensor:
    """Return ``sum_C G * A`` in windows around cells, from gradients at the output of a stack of convolutions.

    Args:
        layers: as for ``backward_on_windows``.
        contraction: of the first of them.
        gradient: gradients ``[n,C',k,k]`` at the output of the last, k odd.
        at: int64 ``[n,2]``, (row, column) of the windows' middle cells.

    Returns:
        ``[n,K,K]``, zero beyond the map.
    """
    gradient = backward_on_windows(layers[1:], gradient, at)
    size = gradient.shape[-2:]
    return contraction.on_windows(gradient * take_windows(layers[0][1], at - size[0] // 2, size), at)
