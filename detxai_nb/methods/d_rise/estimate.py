"""From weights and masks to D-RISE's maps, and how far two independent halves of the masks agree on them."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.d_rise.masks import Drawn, MaskGrid

WEIGHTS = ("centred", "plain")


def estimate(sums: Tensor, kept: Tensor, mean: Tensor, expected: float, weights: str) -> Tensor:
    """Maps ``[T,...]``: the mean weight of the masks that keep a pixel, non-negative.

    ``sums`` ``[T,...]``: the masks weighted and added up; ``kept`` ``[...]``: the masks added up; ``mean`` ``[T]``: the
    mean weight; ``expected``: how much of the masks is expected to keep a pixel, their number times the probability.

    "plain" is the paper's ``sums / expected`` (D-RISE, section 3). "centred" estimates the same with less noise:
    weights less their mean, over what did keep the pixel, and the mean added again,
    ``mean + sum_i (w_i - mean) M_i / sum_i M_i``, which is ``sums / kept``. Where no mask keeps a pixel nothing is
    known of it, and it gets the mean.
    """
    if weights == "plain":
        return sums / expected
    seen = kept > 0
    flat = mean.view(-1, *[1] * kept.ndim).expand_as(sums)
    return torch.where(seen, sums / torch.where(seen, kept, 1), flat)


def maps_of(grid: MaskGrid, drawn: Drawn, weights: Tensor, probability: float, kind: str) -> Tensor:
    """The maps of all targets at the image's size, float32 ``[T,H,W]``, from all the masks' ``weights`` ``[n,T]``."""
    sums = grid.sums(drawn, torch.cat([weights, weights.new_ones(len(drawn), 1)], dim=1))
    mean = weights.mean(dim=0).to(sums.dtype)
    return estimate(sums[:-1], sums[-1], mean, len(drawn) * probability, kind).float()


class SplitHalves:
    """Running sums of two independent halves of the masks, on the grid's lattice.

    Groups go to the halves by turns. Each batch adds one matrix product of weights and masks.
    """

    def __init__(self, grid: MaskGrid, targets: int, probability: float, kind: str) -> None:
        self._grid, self._probability, self._kind = grid, probability, kind
        rows, columns = grid.lattice
        # The last row counts the masks themselves.
        self._sums = torch.zeros(2, targets + 1, len(rows) * len(columns), dtype=grid.exact, device=rows.device)
        self._weights = self._sums.new_zeros(2, targets + 1)

    def add(self, drawn: Drawn, first: int, weights: Tensor) -> None:
        """Add masks, of which ``first`` is the number of the first, with their ``weights`` ``[n,T]``."""
        masks = self._grid.masks(drawn, lattice=True).flatten(1).to(self._sums.dtype)
        half = torch.arange(first, first + len(drawn), device=masks.device) // drawn.group % 2
        weights = torch.cat([weights.to(masks.dtype), masks.new_ones(len(drawn), 1)], dim=1)
        parted = torch.stack([weights.T * (half == side) for side in (0, 1)])
        self._sums += (parted.flatten(0, 1) @ masks).view_as(self._sums)
        self._weights += parted.sum(dim=2)

    def agreement(self) -> Tensor:
        """The rank correlation of the two halves' maps for each target, float64 ``[T]`` on the CPU.

        0 while a half is empty, and where a half's map is the same everywhere.
        """
        counts = self._weights[:, -1]
        if not bool(counts.all()):
            return torch.zeros(self._sums.shape[1] - 1, dtype=torch.float64)
        maps = [
            estimate(sums[:-1], sums[-1], total[:-1] / count, float(count) * self._probability, self._kind)
            for sums, total, count in zip(self._sums, self._weights, counts)
        ]
        return rank_correlation(maps[0], maps[1]).cpu().double()


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rank correlation of the rows of two ``[T,P]``, ties at their mean rank: ``[T]``.

    0 where a row is constant.
    """
    ranks = [_ranks(values) for values in (first, second)]
    centred = [rank - rank.mean(dim=1, keepdim=True) for rank in ranks]
    above = (centred[0] * centred[1]).sum(dim=1)
    below = centred[0].square().sum(dim=1).sqrt() * centred[1].square().sum(dim=1).sqrt()
    return torch.where(below > 0, above / torch.where(below > 0, below, 1), 0)


def _ranks(values: Tensor) -> Tensor:
    ordered, values = values.sort(dim=1).values, values.contiguous()
    below = torch.searchsorted(ordered, values, right=False)
    upto = torch.searchsorted(ordered, values, right=True)
    return (below + upto - 1).to(values.dtype) / 2
